//! A context: where requests are submitted.

use std::ffi::{c_int, c_long};
use std::io;
use std::mem;

use aio_sys::{aio_context_t, io_event};

use super::completions::Completions;
use super::error::{Forked, SetupError};
use super::iocb::Iocb;
use super::ring::Ring;
use crate::fork::Generation;

/// What a system call answered.
pub(super) fn answer(result: c_int) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}

/// An AIO context, and the ring through which its events come.
///
/// Dropping it ends it as [`destroy`](Self::destroy) does. Threads may submit and cancel at the same time; one at
/// a time reaps.
#[derive(Debug)]
pub struct Context {
    id: aio_context_t,
    /// Where it is not of the kind that is known, events are reaped by system call.
    ring: Ring,
    process: Generation,
}

/// What became of an attempt to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// The request was in flight, and its event is on its way, with the result 0; or, if the kernel had just asked the
    /// file and found it ready, with its readiness (`aio_poll_complete_work`).
    EventFollows,
    /// No request that can be cancelled was submitted from that address, or it is over: its event, if there is
    /// one to come, is that of its ordinary end. So it is always for reads, writes and fsyncs.
    NotCancelled,
}

impl Context {
    /// Makes a context for at least `requests` in flight: io_setup(2).
    ///
    /// That many are counted against the system's limit. The kernel rounds up; [`submit`](Self::submit) answers
    /// `EAGAIN` when no more fit.
    pub fn new(requests: u32) -> Result<Self, SetupError> {
        let process = Generation::current().map_err(|error| {
            SetupError::new(error.raw_os_error().unwrap_or(libc::ENOMEM), requests)
        })?;
        let mut id = 0;
        // SAFETY: `id` is a live variable.
        let result = unsafe { aio_sys::io_setup(requests, &mut id) };
        if result < 0 {
            return Err(SetupError::new(-result, requests));
        }
        // SAFETY: the context was made just now, and the ring goes with this value, whose end destroys it.
        let ring = unsafe { Ring::of(id) };
        Ok(Self { id, ring, process })
    }

    /// The context as system calls take it. It stays this value's own.
    pub fn as_raw(&self) -> aio_context_t {
        self.id
    }

    /// The number of slots of the completion ring; one of them always stays free. `None` if it is not of the kind
    /// that is known, so that every event is reaped by system call.
    pub fn ring_slots(&self) -> Option<u32> {
        self.ring.slots()
    }

    /// Submits requests, in their order, and answers how many were accepted: io_submit(2).
    ///
    /// The kernel stops at the first one that it refuses, and gives the errno only if that is the first of all: to
    /// learn it, submit the rest again. A refused request has no event. `EAGAIN`: there is no room until events
    /// have been reaped. `EBADF`, `EINVAL`, `EFAULT`, `EOPNOTSUPP`, `EPERM`: the request is at fault, see
    /// [`iocb`](super::iocb).
    ///
    /// It may block: reads and writes of files without `O_DIRECT`, of blocking sockets and pipes, and all that
    /// has to allocate are carried out before it returns.
    ///
    /// # Safety
    ///
    /// * Each pointer is valid for reads and writes of an [`Iocb`] during the call, and no other thread uses that
    ///   meanwhile. So are the arrays of buffers that requests point to, for reads. Neither is needed after it.
    /// * From the call until its event has been reaped, or until the context was destroyed without an error, the
    ///   data buffer of each accepted request is valid: of a read for writes, and nobody else uses it; of a write for
    ///   reads, and nobody changes it. Neither a cancel nor closing the descriptor ends this.
    pub unsafe fn submit(&self, requests: &[*mut Iocb]) -> io::Result<usize> {
        self.here()?;
        // `Iocb` is `repr(transparent)`, and the kernel does not write to the array.
        let list = requests.as_ptr().cast_mut().cast();
        let count = c_long::try_from(requests.len()).unwrap_or(c_long::MAX);
        // SAFETY: the array is live and this long; the rest is the caller's promise.
        answer(unsafe { aio_sys::io_submit(self.id, count, list) })
    }

    /// Cancels the request that was submitted from this address: io_cancel(2). Works for polls alone.
    ///
    /// The request's [`Iocb`] must still be there: the kernel reads its key, which must be the 0 that it wrote.
    /// (`EFAULT` if it cannot be read.)
    pub fn cancel(&self, request: *const Iocb) -> io::Result<Cancel> {
        self.here()?;
        let mut unused = io_event::default();
        // SAFETY: the kernel reads from the address if it can, and writes, in no version that has polls, but to a
        // variable that is live here.
        match -unsafe { aio_sys::io_cancel(self.id, request.cast_mut().cast(), &mut unused) } {
            libc::EINPROGRESS | 0 => Ok(Cancel::EventFollows),
            libc::EINVAL => Ok(Cancel::NotCancelled),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// The events.
    #[inline]
    pub fn completions(&mut self) -> Completions<'_> {
        // SAFETY: the context is borrowed for it alone.
        unsafe { self.completions_shared() }
    }

    /// The events, for one thread, and what submits and cancels, for all others.
    #[inline]
    pub fn split(&mut self) -> (&Self, Completions<'_>) {
        let this = &*self;
        // SAFETY: the context is borrowed for both; a shared reference gives no second one without `unsafe`.
        (this, unsafe { this.completions_shared() })
    }

    /// The events, where the compiler cannot see that there is one reaper at a time.
    ///
    /// # Safety
    ///
    /// While a method of the result runs, nobody else reaps from this context, in whatever way. (But
    /// [`wait_in_kernel`](Completions::wait_in_kernel) may run together with itself.)
    #[inline]
    pub unsafe fn completions_shared(&self) -> Completions<'_> {
        Completions::new(self)
    }

    /// Ends the context, waiting for every request in flight; polls are cancelled. Events that were not reaped are
    /// lost: io_destroy(2).
    ///
    /// After an error requests may be in flight still, for ever: leak what they use. [`Forked`] in a child.
    pub fn destroy(self) -> io::Result<()> {
        let ended = self.end();
        mem::forget(self);
        ended
    }

    fn end(&self) -> io::Result<()> {
        self.here()?;
        // SAFETY: the ring is not used without the context, which both callers end with.
        answer(unsafe { aio_sys::io_destroy(self.id) }).map(|_| ())
    }

    /// Fails in a forked child.
    #[inline]
    pub(in crate::aio) fn here(&self) -> Result<(), Forked> {
        if self.process.is_current() {
            Ok(())
        } else {
            Err(Forked)
        }
    }

    /// Makes the ring one of an unknown kind.
    #[cfg(all(test, not(loom)))]
    pub(super) fn forget_ring(&mut self) {
        self.ring = Ring::unknown();
    }

    #[inline]
    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // Nobody is there to be told of an error.
        let _ = self.end();
    }
}
