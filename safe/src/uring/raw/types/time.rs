//! Times, and the arguments of a wait.

use std::marker::PhantomData;
use std::time::Duration;

use uring_sys::{__kernel_timespec, io_uring_getevents_arg};

/// A time as the kernel takes it: 64 bits each for seconds and nanoseconds, on every architecture.
///
/// ```
/// use std::time::Duration;
/// use safe::uring::raw::types::Timespec;
///
/// let time = Timespec::from(Duration::from_millis(1500));
/// assert_eq!(time, Timespec::new().sec(1).nsec(500_000_000));
/// ```
#[derive(Default, Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Timespec(pub(crate) __kernel_timespec);

impl Timespec {
    /// Zero.
    #[inline]
    pub const fn new() -> Self {
        Timespec(__kernel_timespec {
            tv_sec: 0,
            tv_nsec: 0,
        })
    }

    /// The seconds. Above 2⁶³ they are negative to the kernel, which refuses them.
    #[inline]
    #[must_use = "it returns the changed time"]
    pub const fn sec(mut self, sec: u64) -> Self {
        self.0.tv_sec = sec as i64;
        self
    }

    /// The nanoseconds.
    #[inline]
    #[must_use = "it returns the changed time"]
    pub const fn nsec(mut self, nsec: u32) -> Self {
        self.0.tv_nsec = nsec as i64;
        self
    }
}

impl PartialEq for Timespec {
    fn eq(&self, other: &Self) -> bool {
        self.0.tv_sec == other.0.tv_sec && self.0.tv_nsec == other.0.tv_nsec
    }
}

impl Eq for Timespec {}

impl From<Duration> for Timespec {
    /// The same time, or the longest that there is.
    #[inline]
    fn from(time: Duration) -> Self {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Timespec::new()
            .sec(seconds as u64)
            .nsec(time.subsec_nanos())
    }
}

/// How to wait for completions: how long, and with which signals blocked.
///
/// It borrows what it leads to, so that cannot go away before it is used:
///
/// ```compile_fail
/// use safe::uring::raw::types::{SubmitArgs, Timespec};
///
/// let mut args = SubmitArgs::new();
/// {
///     let second = Timespec::new().sec(1);
///     args = args.timespec(&second);
/// }
/// drop(args);
/// ```
#[derive(Default, Debug, Clone, Copy)]
#[repr(transparent)]
pub struct SubmitArgs<'prev: 'now, 'now> {
    pub(crate) args: io_uring_getevents_arg,
    prev: PhantomData<&'prev ()>,
    now: PhantomData<&'now ()>,
}

impl<'prev, 'now> SubmitArgs<'prev, 'now> {
    /// Without limit, with the signal mask as it is.
    #[inline]
    pub const fn new() -> SubmitArgs<'static, 'static> {
        SubmitArgs {
            args: io_uring_getevents_arg {
                sigmask: 0,
                sigmask_sz: 0,
                min_wait_usec: 0,
                ts: 0,
            },
            prev: PhantomData,
            now: PhantomData,
        }
    }

    /// The signal mask while waiting, as in ppoll(2).
    #[inline]
    pub fn sigmask<'new>(mut self, sigmask: &'new libc::sigset_t) -> SubmitArgs<'now, 'new> {
        self.args.sigmask = std::ptr::from_ref(sigmask).expose_provenance() as u64;
        // The C library's `sigset_t` begins with the kernel's and is longer, which the kernel would
        // refuse.
        self.args.sigmask_sz = uring_sys::KERNEL_SIGSET_SIZE as u32;
        SubmitArgs {
            args: self.args,
            prev: self.now,
            now: PhantomData,
        }
    }

    /// After this many microseconds one completion is enough to end the wait; 0 for never. Since
    /// Linux 6.12 (`IORING_FEAT_MIN_TIMEOUT`), `-EINVAL` before.
    #[inline]
    #[must_use = "it returns the changed arguments"]
    pub const fn min_wait_usec(mut self, min_wait_usec: u32) -> Self {
        self.args.min_wait_usec = min_wait_usec;
        self
    }

    /// How long to wait at most; `-ETIME` then.
    #[inline]
    pub fn timespec<'new>(mut self, timespec: &'new Timespec) -> SubmitArgs<'now, 'new> {
        self.args.ts = std::ptr::from_ref(timespec).expose_provenance() as u64;
        SubmitArgs {
            args: self.args,
            prev: self.now,
            now: PhantomData,
        }
    }

    /// The kernel's struct, for io_uring_enter(2) with `IORING_ENTER_EXT_ARG`.
    #[inline]
    pub const fn as_raw(&self) -> &io_uring_getevents_arg {
        &self.args
    }
}
