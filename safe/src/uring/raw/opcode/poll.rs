//! Readiness: polls, and epoll sets.

use super::{address, entry, entry_on};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::sealed::{UseFd, UseFixed};
use crate::uring::raw::types::{self, PollFlags};

builder! {
    /// Waits until a file is ready, like poll(2); the result is what it is ready for. Since Linux
    /// 5.1.
    ///
    /// Errors and hang-up are reported unasked.
    PollAdd -> Entry = IORING_OP_POLL_ADD {}
}

impl PollAdd {
    /// The file, and what to wait for: `POLL*` bits as an integer. [`PollAdd::events`] takes them
    /// as a type.
    #[inline]
    pub fn new(fd: impl UseFixed, flags: u32) -> Self {
        Self::events(fd, PollFlags::from_bits_retain(flags))
    }

    /// The file, and what to wait for.
    #[inline]
    pub fn events(fd: impl UseFixed, events: PollFlags) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_poll32_events(kernel_order(events))
        }))
    }

    /// Stays armed and completes each time, with `F_MORE` while it lasts; it ends when the
    /// completion queue overflows. Since Linux 5.13.
    #[inline]
    pub fn multi(mut self, multi: bool) -> Self {
        self.0.as_raw_mut().len = if multi {
            uring_sys::IORING_POLL_ADD_MULTI
        } else {
            0
        };
        self
    }
}

builder! {
    /// Removes a poll, which then completes with `-ECANCELED`. Since Linux 5.1.
    ///
    /// `-ENOENT` if there is none, `-EALREADY` if it is just completing.
    PollRemove -> Entry = IORING_OP_POLL_REMOVE {}
}

impl PollRemove {
    /// The `user_data` of the poll.
    #[inline]
    pub fn new(user_data: u64) -> Self {
        Self(entry(Self::CODE, -1, |sqe| sqe.set_addr(user_data)))
    }
}

builder! {
    /// Changes a poll that is armed: what it waits for, its `user_data`, or both. Since Linux 5.13.
    ///
    /// Errors are those of [`PollRemove`], which this is as long as nothing is to change.
    PollUpdate -> Entry = IORING_OP_POLL_REMOVE {}
}

impl PollUpdate {
    /// The `user_data` of the poll as it is.
    #[inline]
    pub fn new(user_data: u64) -> Self {
        Self(entry(Self::CODE, -1, |sqe| sqe.set_addr(user_data)))
    }

    /// What it shall wait for, once, or again and again (`multi`).
    #[inline]
    pub fn events(mut self, events: impl Into<PollFlags>, multi: bool) -> Self {
        let sqe = self.0.as_raw_mut();
        sqe.set_poll32_events(kernel_order(events.into()));
        sqe.len |= uring_sys::IORING_POLL_UPDATE_EVENTS;
        if multi {
            sqe.len |= uring_sys::IORING_POLL_ADD_MULTI;
        }
        self
    }

    /// The `user_data` that its completions shall carry.
    #[inline]
    pub fn new_user_data(mut self, user_data: u64) -> Self {
        let sqe = self.0.as_raw_mut();
        sqe.set_off(user_data);
        sqe.len |= uring_sys::IORING_POLL_UPDATE_USER_DATA;
        self
    }
}

builder! {
    /// Changes an epoll set, like epoll_ctl(2). Since Linux 5.6.
    ///
    /// The event must stay valid until submitted.
    EpollCtl -> Entry = IORING_OP_EPOLL_CTL {}
}

impl EpollCtl {
    /// The set, the watched descriptor, the change (`EPOLL_CTL_*`), and the event (null to remove
    /// it).
    #[inline]
    pub fn new(epfd: impl UseFd, fd: impl UseFd, op: i32, ev: *const types::epoll_event) -> Self {
        Self(entry(Self::CODE, epfd.into(), |sqe| {
            sqe.set_addr(address(ev));
            sqe.len = op as u32;
            sqe.set_off(fd.into() as u64);
        }))
    }
}

builder! {
    /// Waits for events of an epoll set, like epoll_wait(2); the result is how many there are.
    /// Since Linux 6.15.
    ///
    /// `events` must stay valid until the final completion.
    EpollWait -> Entry = IORING_OP_EPOLL_WAIT {}
}

impl EpollWait {
    /// The set, where to put the events, and how many have room there.
    #[inline]
    pub fn new(fd: impl UseFixed, events: *mut types::epoll_event, max_events: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(events));
            sqe.len = max_events;
        }))
    }

    /// Must be 0: the kernel has no flags here yet.
    #[inline]
    pub fn flags(mut self, flags: u32) -> Self {
        self.0.as_raw_mut().set_rw_flags(flags);
        self
    }
}

/// The mask was 16 bits once, so its lower half comes first in memory on machines of either byte
/// order.
#[inline]
const fn kernel_order(events: PollFlags) -> u32 {
    if cfg!(target_endian = "big") {
        events.bits().rotate_left(16)
    } else {
        events.bits()
    }
}
