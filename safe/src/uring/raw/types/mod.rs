//! Arguments of operations and calls.

pub use super::wait::SubmitArgs;

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
