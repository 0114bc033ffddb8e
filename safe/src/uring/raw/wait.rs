//! How to wait for completions.

use std::marker::PhantomData;
use std::ptr;

use bitflags::bitflags;
use uring_sys::io_uring_getevents_arg;

use super::types::Timespec;

bitflags! {
    /// `IORING_ENTER_*`: what io_uring_enter(2) is to do.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct EnterFlags: u32 {
        /// Wait for completions, run waiting completion work, and post those held back. Since Linux 5.1.
        const GETEVENTS = uring_sys::IORING_ENTER_GETEVENTS;
        /// Wake the thread of `IORING_SETUP_SQPOLL`. Since Linux 5.1.
        const SQ_WAKEUP = uring_sys::IORING_ENTER_SQ_WAKEUP;
        /// Wait until the submission queue has room, with `IORING_SETUP_SQPOLL`. Since Linux 5.10.
        const SQ_WAIT = uring_sys::IORING_ENTER_SQ_WAIT;
        /// The argument is [`SubmitArgs`], not a signal mask. Since Linux 5.11.
        const EXT_ARG = uring_sys::IORING_ENTER_EXT_ARG;
        /// The ring is named by its index among the thread's registered rings. Since Linux 5.18.
        const REGISTERED_RING = uring_sys::IORING_ENTER_REGISTERED_RING;
        /// The timeout is a point in time, of the ring's clock. Since Linux 6.12.
        const ABS_TIMER = uring_sys::IORING_ENTER_ABS_TIMER;
        /// With `EXT_ARG`: the argument is an offset into registered waits. Since Linux 6.13.
        const EXT_ARG_REG = uring_sys::IORING_ENTER_EXT_ARG_REG;
        /// The wait does not count as I/O wait. `EINVAL` without
        /// [`is_feature_no_iowait`](super::Parameters::is_feature_no_iowait). Since Linux 6.15.
        const NO_IOWAIT = uring_sys::IORING_ENTER_NO_IOWAIT;
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
    /// [`is_feature_min_timeout`](super::Parameters::is_feature_min_timeout). Since Linux 6.12.
    #[inline]
    pub fn min_wait_usec(mut self, min_wait_usec: u32) -> Self {
        self.args.min_wait_usec = min_wait_usec;
        self
    }

    /// Waits no longer than this, or with [`EnterFlags::ABS_TIMER`] until then.
    #[inline]
    pub fn timespec<'new>(mut self, timespec: &'new Timespec) -> SubmitArgs<'now, 'new> {
        self.args.ts = ptr::from_ref(timespec).expose_provenance() as u64;
        SubmitArgs {
            args: self.args,
            borrowed: PhantomData,
        }
    }
}
