//! Reaping: events from the ring where they are there, from the kernel where they must be waited for.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::slice;
use std::time::Duration;

use aio_sys::{__aio_sigset, __kernel_timespec};

use super::context::{Context, answer};
use super::event::Event;

/// The events of a context, for one reaper at a time.
///
/// An event that was taken is taken for good: its slot has gone back to the kernel before the caller has it.
pub struct Completions<'a> {
    context: &'a Context,
}

impl<'a> Completions<'a> {
    #[inline]
    pub(super) fn new(context: &'a Context) -> Self {
        Self { context }
    }

    /// How many events are there. `None` if the ring cannot be looked at, so that only the kernel knows; also in
    /// a forked child.
    #[inline]
    pub fn ready(&self) -> Option<usize> {
        self.context.here().ok()?;
        // SAFETY: the context is borrowed, so it lives, and this is its process.
        unsafe { self.context.ring().ready() }.map(|ready| ready as usize)
    }

    /// Takes one event, if there is one. No system call where the ring is of the kind that is known.
    #[inline]
    pub fn take(&mut self) -> io::Result<Option<Event>> {
        self.context.here()?;
        let mut event = MaybeUninit::uninit();
        // SAFETY: as in `take_from_ring`.
        let taken = match unsafe { self.context.ring().take_one(&mut event) } {
            Some(taken) => taken,
            None => self.call(0, slice::from_mut(&mut event), Some(Duration::ZERO), None)? > 0,
        };
        // SAFETY: if there was one, it was written.
        Ok(taken.then(|| unsafe { event.assume_init() }))
    }

    /// Takes as many events as there are and as fit into `events`, and answers them. No system call where the ring
    /// is of the kind that is known.
    #[inline]
    pub fn fill<'b>(
        &mut self,
        events: &'b mut [MaybeUninit<Event>],
    ) -> io::Result<&'b mut [Event]> {
        let count = match self.take_from_ring(events)? {
            Some(count) => count,
            None => self.call(0, events, Some(Duration::ZERO), None)?,
        };
        // SAFETY: that many were written.
        Ok(unsafe { filled(events, count) })
    }

    /// Waits until `min` events are there, takes as many as there are and as fit into `events`, and answers them:
    /// io_pgetevents(2) for those that the ring did not have.
    ///
    /// Fewer come when `timeout` is over, and when a signal handler ran after some had been taken; `EINTR` if
    /// it ran before. Without any signal, an io_uring that this thread has used does the same: when it is
    /// closed, and with each completion unless it is one of `DEFER_TASKRUN`. With a `sigmask` those signals are
    /// blocked during the wait, and no others; then the kernel is entered even if nothing has to be waited for,
    /// so that a pending signal which the mask lets through is handled. `EINVAL` if `min` events do not fit.
    ///
    /// A timeout of zero takes what is there. One beyond what the kernel can count is as good as none.
    pub fn wait<'b>(
        &mut self,
        min: usize,
        events: &'b mut [MaybeUninit<Event>],
        timeout: Option<Duration>,
        sigmask: Option<&libc::sigset_t>,
    ) -> io::Result<&'b mut [Event]> {
        if min > events.len() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let looked = self.take_from_ring(events)?;
        let taken = looked.unwrap_or(0);
        let done = looked.is_some() && (taken >= min || timeout == Some(Duration::ZERO));
        let count = if done && sigmask.is_none() {
            taken
        } else {
            // The kernel counts what is in the ring, and what was taken is not there any more.
            let rest = min.saturating_sub(taken);
            match self.call(rest, &mut events[taken..], timeout, sigmask) {
                Ok(more) => taken + more,
                // As the kernel itself does when it has some: it gives them, and the error next time.
                Err(_) if taken > 0 => taken,
                Err(error) => return Err(error),
            }
        };
        // SAFETY: that many were written.
        Ok(unsafe { filled(events, count) })
    }

    /// As [`wait`](Self::wait), all of it by one system call: for those who take turns with other reapers, as
    /// such calls may run at the same time (see [`Context::completions_shared`]).
    pub fn wait_in_kernel<'b>(
        &mut self,
        min: usize,
        events: &'b mut [MaybeUninit<Event>],
        timeout: Option<Duration>,
        sigmask: Option<&libc::sigset_t>,
    ) -> io::Result<&'b mut [Event]> {
        self.context.here()?;
        let count = self.call(min, events, timeout, sigmask)?;
        // SAFETY: that many were written.
        Ok(unsafe { filled(events, count) })
    }

    /// Takes events from the ring, if that can be done.
    #[inline]
    fn take_from_ring(&mut self, events: &mut [MaybeUninit<Event>]) -> io::Result<Option<usize>> {
        self.context.here()?;
        // SAFETY: the context is borrowed, so it lives, this is its process, and there is no other reaper, by
        // the contracts of the functions that make this value.
        Ok(unsafe { self.context.ring().take(events) })
    }

    /// Has the kernel take events.
    fn call(
        &mut self,
        min: usize,
        events: &mut [MaybeUninit<Event>],
        timeout: Option<Duration>,
        sigmask: Option<&libc::sigset_t>,
    ) -> io::Result<usize> {
        // What does not fit is less than there are bytes of memory.
        let (min, most) = (min as _, events.len() as _);
        // `Event` is `repr(transparent)`.
        let events = events.as_mut_ptr().cast();
        // Normalised and not negative: the kernel takes any number, and waits for ever for a negative one.
        let mut timeout = timeout.map(|timeout| __kernel_timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let context = self.context.as_raw();
        let Some(sigmask) = sigmask else {
            // SAFETY: `events` is writable and as long as said, and the timeout is null or a live variable.
            return answer(unsafe { aio_sys::io_getevents(context, min, most, events, timeout) });
        };
        let mask = __aio_sigset {
            sigmask: ptr::from_ref(sigmask).cast(),
            // The C library's `sigset_t` begins with the kernel's and is longer, which the kernel would refuse.
            sigsetsize: aio_sys::KERNEL_SIGSET_SIZE,
        };
        // SAFETY: as above; the mask is live, and at least as long as said.
        answer(unsafe {
            aio_sys::io_pgetevents(context, min, most, events, timeout, &raw const mask)
        })
    }
}

impl Debug for Completions<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions")
            .field("ready", &self.ready())
            .finish_non_exhaustive()
    }
}

/// The first `count` events.
///
/// # Safety
///
/// They were written.
#[inline]
unsafe fn filled(events: &mut [MaybeUninit<Event>], count: usize) -> &mut [Event] {
    debug_assert!(count <= events.len());
    // SAFETY: by the caller's promise; an initialised `MaybeUninit` is laid out as its content.
    unsafe { slice::from_raw_parts_mut(events.as_mut_ptr().cast(), count) }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;
    use std::ptr;
    use std::time::Duration;

    use crate::aio::raw::{Context, Event, iocb};

    fn numbers(events: &[Event]) -> Vec<u64> {
        events.iter().map(Event::data).collect()
    }

    /// Where the ring is not of the kind that is known, the kernel gives the events.
    #[test]
    fn the_system_call_serves_without_a_ring() {
        let mut context = Context::new(8).expect("a context");
        context.forget_ring();
        let file = File::open("/dev/null").expect("a file");
        let read = iocb::Pread::new(file.as_raw_fd(), ptr::null_mut(), 0).build();
        for number in 0..6 {
            let mut read = read.data(number);
            // SAFETY: the request is live, and moves no data.
            let submitted = unsafe { context.submit(&[&raw mut read]) };
            assert_eq!(submitted.expect("submitted"), 1);
        }
        let mut events = [const { MaybeUninit::uninit() }; 2];
        let mut completions = context.completions();
        assert_eq!(completions.ready(), None);
        assert_eq!(
            completions.take().unwrap().map(|event| event.data()),
            Some(0)
        );
        assert_eq!(numbers(completions.fill(&mut events).unwrap()), [1, 2]);
        let waited = completions.wait(1, &mut events, None, None);
        assert_eq!(numbers(waited.unwrap()), [3, 4]);
        let waited = completions.wait(2, &mut events, Some(Duration::ZERO), None);
        assert_eq!(numbers(waited.unwrap()), [5]);
        assert!(completions.fill(&mut events).unwrap().is_empty());
        assert!(completions.take().unwrap().is_none());
    }
}
