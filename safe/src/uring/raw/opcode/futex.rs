//! Futexes, with the flags of futex2.

use super::{address, entry};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types;

builder! {
    /// Waits on a futex while it has a value, like futex_wait(2). Since Linux 6.7.
    ///
    /// The futex must stay valid until the final completion. `-EAGAIN` if it has another value,
    /// `-EINVAL` for a mask of 0 or flags without a size.
    FutexWait -> Entry = IORING_OP_FUTEX_WAIT {}
}

impl FutexWait {
    /// The futex, the value it is expected to have, which wakers count (a bit mask,
    /// `FUTEX_BITSET_MATCH_ANY` for all), and its size and whether it is private (the bits of
    /// [`FutexFlags`](types::FutexFlags)).
    #[inline]
    pub fn new(futex: *const u32, val: u64, mask: u64, futex_flags: u32) -> Self {
        Self(one(Self::CODE, futex, val, mask, futex_flags))
    }

    /// Must be 0: the kernel has no flags here yet.
    #[inline]
    pub fn flags(mut self, flags: u32) -> Self {
        self.0.as_raw_mut().set_futex_flags(flags);
        self
    }
}

builder! {
    /// Wakes those who wait on a futex, like futex_wake(2); the result is how many. Since Linux
    /// 6.7.
    ///
    /// The futex must stay valid until the final completion.
    FutexWake -> Entry = IORING_OP_FUTEX_WAKE {}
}

impl FutexWake {
    /// The futex, how many to wake at most, which of them (a bit mask, `FUTEX_BITSET_MATCH_ANY` for
    /// all), and its size and whether it is private (the bits of [`FutexFlags`](types::FutexFlags)).
    #[inline]
    pub fn new(futex: *const u32, val: u64, mask: u64, futex_flags: u32) -> Self {
        Self(one(Self::CODE, futex, val, mask, futex_flags))
    }

    /// Must be 0: the kernel has no flags here yet.
    #[inline]
    pub fn flags(mut self, flags: u32) -> Self {
        self.0.as_raw_mut().set_futex_flags(flags);
        self
    }
}

builder! {
    /// Waits on any of several futexes, like futex_waitv(2); the result is the index of the one
    /// that woke it. Since Linux 6.7.
    ///
    /// The array must stay valid until submitted, the futexes until the final completion. `-EAGAIN`
    /// if one has another value, `-EINVAL` for none or more than 128.
    FutexWaitV -> Entry = IORING_OP_FUTEX_WAITV {}
}

impl FutexWaitV {
    /// The futexes, and how many there are.
    #[inline]
    pub fn new(futexv: *const types::FutexWaitV, nr_futex: u32) -> Self {
        Self(entry(Self::CODE, 0, |sqe| {
            sqe.set_addr(address(futexv));
            sqe.len = nr_futex;
        }))
    }

    /// Must be 0: the kernel has no flags here yet.
    #[inline]
    pub fn flags(mut self, flags: u32) -> Self {
        self.0.as_raw_mut().set_futex_flags(flags);
        self
    }
}

#[inline]
fn one(code: u8, futex: *const u32, val: u64, mask: u64, flags: u32) -> Entry {
    entry(code, flags as i32, |sqe| {
        sqe.set_addr(address(futex));
        sqe.set_addr2(val);
        sqe.set_addr3(mask);
    })
}
