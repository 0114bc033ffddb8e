//! What to enter the kernel for.

use bitflags::bitflags;

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
        /// The argument is [`SubmitArgs`](super::types::SubmitArgs), not a signal mask. Since Linux 5.11.
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
