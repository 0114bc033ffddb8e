//! Timeouts.

use std::time::Duration;

use uring_sys::io_uring_sqe;

use super::{address, entry};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{TimeoutFlags, Timespec};

builder! {
    /// Completes after a time (`-ETIME`), or after a number of other completions (0). Since Linux
    /// 5.4.
    ///
    /// The timespec must stay valid until submitted. `-EINVAL` for a negative time, two clocks, or
    /// an absolute time with [`TimeoutFlags::MULTISHOT`].
    Timeout -> Entry = IORING_OP_TIMEOUT { flags: TimeoutFlags | TimeoutFlags::STRUCTURE }
}

impl Timeout {
    /// How long, or with [`TimeoutFlags::ABS`] until when.
    #[inline]
    pub fn new(timespec: *const Timespec) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(address(timespec));
            sqe.len = 1;
        }))
    }

    /// How long, with the time in the entry itself and nothing to keep valid. Since Linux 7.1.
    #[inline]
    pub fn immediate(time: Duration) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(nanoseconds(time));
            sqe.len = 1;
            set_immediate(sqe);
        }))
    }

    /// After how many completions it is done, 0 for none. With [`TimeoutFlags::MULTISHOT`]: how
    /// many times it fires, 0 for without end.
    #[inline]
    pub fn count(mut self, count: u32) -> Self {
        self.0.as_raw_mut().set_off(count.into());
        self
    }
}

builder! {
    /// Removes a timeout, which then completes with `-ECANCELED`. Since Linux 5.5.
    ///
    /// `-ENOENT` if there is none, `-EALREADY` if it is just firing.
    TimeoutRemove -> Entry = IORING_OP_TIMEOUT_REMOVE {}
}

impl TimeoutRemove {
    /// The `user_data` of the timeout.
    #[inline]
    pub fn new(user_data: u64) -> Self {
        Self(entry(Self::CODE, -1, |sqe| sqe.set_addr(user_data)))
    }
}

builder! {
    /// Gives a timeout another time; its count is dropped. Since Linux 5.11.
    ///
    /// The timespec must stay valid until submitted. Errors are those of [`TimeoutRemove`], and
    /// `-EINVAL` for flags other than [`TimeoutFlags::ABS`], the clocks and
    /// [`TimeoutFlags::LINK_TIMEOUT_UPDATE`].
    TimeoutUpdate -> Entry = IORING_OP_TIMEOUT_REMOVE {
        flags: TimeoutFlags | TimeoutFlags::STRUCTURE,
    }
}

impl TimeoutUpdate {
    /// The `user_data` of a [`Timeout`], and its new time.
    #[inline]
    pub fn new(user_data: u64, timespec: *const Timespec) -> Self {
        Self::with(user_data, address(timespec), TimeoutFlags::UPDATE)
    }

    /// The `user_data` of a [`LinkTimeout`], and its new time. Since Linux 5.15.
    #[inline]
    pub fn link(user_data: u64, timespec: *const Timespec) -> Self {
        let flags = TimeoutFlags::UPDATE.union(TimeoutFlags::LINK_TIMEOUT_UPDATE);
        Self::with(user_data, address(timespec), flags)
    }

    /// As [`new`](Self::new), with the time in the entry itself. Since Linux 7.1.
    #[inline]
    pub fn immediate(user_data: u64, time: Duration) -> Self {
        let flags = TimeoutFlags::UPDATE.union(TimeoutFlags::IMMEDIATE_ARG);
        Self::with(user_data, nanoseconds(time), flags)
    }

    #[inline]
    fn with(user_data: u64, time: u64, flags: TimeoutFlags) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(user_data);
            sqe.set_addr2(time);
            sqe.set_timeout_flags(flags.bits());
        }))
    }
}

builder! {
    /// Cancels the operation before it in a chain after a time, then completes with `-ETIME`; with
    /// `-ECANCELED` if the operation was faster. Since Linux 5.5.
    ///
    /// The operation carries [`Flags::IO_LINK`](crate::uring::raw::squeue::Flags::IO_LINK), else
    /// this completes with `-EINVAL`. The timespec must stay valid until submitted.
    LinkTimeout -> Entry = IORING_OP_LINK_TIMEOUT { flags: TimeoutFlags | TimeoutFlags::STRUCTURE }
}

impl LinkTimeout {
    /// How long, or with [`TimeoutFlags::ABS`] until when.
    #[inline]
    pub fn new(timespec: *const Timespec) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(address(timespec));
            sqe.len = 1;
        }))
    }

    /// How long, with the time in the entry itself and nothing to keep valid. Since Linux 7.1.
    #[inline]
    pub fn immediate(time: Duration) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(nanoseconds(time));
            sqe.len = 1;
            set_immediate(sqe);
        }))
    }
}

#[inline]
fn set_immediate(sqe: &mut io_uring_sqe) {
    sqe.set_timeout_flags(TimeoutFlags::IMMEDIATE_ARG.bits());
}

/// At most 292 years, the kernel's longest time; more would be a negative number to it.
#[inline]
fn nanoseconds(time: Duration) -> u64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX) as u64
}
