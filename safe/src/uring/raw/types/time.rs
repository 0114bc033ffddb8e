//! Times, and the arguments of a wait.

use std::marker::PhantomData;
use std::ptr;

use uring_sys::io_uring_getevents_arg;

/// A time span, or with an absolute clock a point in time: `struct __kernel_timespec`.
#[derive(Default, Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Timespec(pub(crate) uring_sys::__kernel_timespec);

impl Timespec {
    /// Zero.
    #[inline]
    pub const fn new() -> Self {
        Self(uring_sys::__kernel_timespec {
            tv_sec: 0,
            tv_nsec: 0,
        })
    }

    /// Sets the whole seconds.
    #[inline]
    pub const fn sec(mut self, sec: u64) -> Self {
        self.0.tv_sec = sec as _;
        self
    }

    /// Sets the nanoseconds, less than 10⁹.
    #[inline]
    pub const fn nsec(mut self, nsec: u32) -> Self {
        self.0.tv_nsec = nsec as _;
        self
    }
}

/// How long to wait, and with which signals blocked: `struct io_uring_getevents_arg`.
///
/// It borrows what it names:
///
/// ```compile_fail
/// use safe::uring::raw::types::{SubmitArgs, Timespec};
///
/// let args = {
///     let second = Timespec::new().sec(1);
///     SubmitArgs::new().timespec(&second)
/// };
/// drop(args);
/// ```
#[derive(Default, Debug, Clone, Copy)]
#[repr(transparent)]
pub struct SubmitArgs<'prev: 'now, 'now> {
    pub(crate) args: io_uring_getevents_arg,
    borrowed: PhantomData<(&'prev (), &'now ())>,
}

impl<'prev, 'now> SubmitArgs<'prev, 'now> {
    /// No timeout, and the signal mask left alone.
    #[inline]
    pub const fn new() -> SubmitArgs<'static, 'static> {
        SubmitArgs {
            args: io_uring_getevents_arg {
                sigmask: 0,
                sigmask_sz: 0,
                min_wait_usec: 0,
                ts: 0,
            },
            borrowed: PhantomData,
        }
    }

    /// Blocks these signals instead of the thread's own mask while it waits.
    #[inline]
    pub fn sigmask<'new>(mut self, sigmask: &'new libc::sigset_t) -> SubmitArgs<'now, 'new> {
        self.args.sigmask = ptr::from_ref(sigmask).expose_provenance() as u64;
        // The kernel's set is a prefix of the C library's, which is larger; it insists on its own size.
        self.args.sigmask_sz = uring_sys::KERNEL_SIGSET_SIZE as u32;
        SubmitArgs {
            args: self.args,
            borrowed: PhantomData,
        }
    }

    /// After this many microseconds one completion is enough, however many are wanted. `EINVAL` without
    /// [`is_feature_min_timeout`](crate::uring::raw::Parameters::is_feature_min_timeout). Since Linux 6.12.
    #[inline]
    pub fn min_wait_usec(mut self, min_wait_usec: u32) -> Self {
        self.args.min_wait_usec = min_wait_usec;
        self
    }

    /// Waits no longer than this, or with [`EnterFlags::ABS_TIMER`](crate::uring::raw::EnterFlags::ABS_TIMER) until then.
    #[inline]
    pub fn timespec<'new>(mut self, timespec: &'new Timespec) -> SubmitArgs<'now, 'new> {
        self.args.ts = ptr::from_ref(timespec).expose_provenance() as u64;
        SubmitArgs {
            args: self.args,
            borrowed: PhantomData,
        }
    }
}
