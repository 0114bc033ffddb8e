//! Epoll sets.

use std::fmt::{self, Debug, Formatter};
use std::os::fd::{AsFd, AsRawFd};

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{self, Fd, PollFlags};

/// What came of an [`EpollCtl`], and its files.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct EpollChanged<E, F> {
    /// Whether it succeeded.
    pub result: Result<(), Error>,
    /// The set.
    pub epoll: E,
    /// The watched file.
    pub file: F,
}

/// Changes an epoll set, as epoll_ctl(2) does. Since Linux 5.6.
///
/// `EEXIST` for a file that is in the set already, `ENOENT` for one that is not, `EPERM` for one that cannot be
/// watched, `ELOOP` for sets that watch each other.
pub struct EpollCtl<E, F> {
    epoll: E,
    file: F,
    change: i32,
    event: types::epoll_event,
}

impl<E: AsFd, F: AsFd> EpollCtl<E, F> {
    /// Watches a file for these events, which come with `data`.
    pub fn add(epoll: E, file: F, events: PollFlags, data: u64) -> Self {
        Self::with(epoll, file, libc::EPOLL_CTL_ADD, events, data)
    }

    /// Watches it for other events.
    pub fn modify(epoll: E, file: F, events: PollFlags, data: u64) -> Self {
        Self::with(epoll, file, libc::EPOLL_CTL_MOD, events, data)
    }

    /// Watches it no more.
    pub fn delete(epoll: E, file: F) -> Self {
        Self::with(epoll, file, libc::EPOLL_CTL_DEL, PollFlags::empty(), 0)
    }

    fn with(epoll: E, file: F, change: i32, events: PollFlags, data: u64) -> Self {
        let event = types::epoll_event {
            events: events.bits(),
            u64: data,
        };
        Self {
            epoll,
            file,
            change,
            event,
        }
    }
}

impl<E, F> Debug for EpollCtl<E, F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpollCtl")
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

// SAFETY: the event lies in the value, thus in the table; the kernel only reads it.
unsafe impl<E: AsFd, F: AsFd> Operation for EpollCtl<E, F> {
    const OPCODE: u8 = opcode::EpollCtl::CODE;

    type Output = EpollChanged<E, F>;

    fn prepare(&mut self, entry: &mut Entry) {
        let epoll = Fd(self.epoll.as_fd().as_raw_fd());
        let file = Fd(self.file.as_fd().as_raw_fd());
        *entry = opcode::EpollCtl::new(epoll, file, self.change, &raw const self.event).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        EpollChanged {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            epoll: self.epoll,
            file: self.file,
        }
    }
}

/// Events of an epoll set.
#[derive(Clone, Copy)]
pub struct EpollEvents<const N: usize> {
    events: [types::epoll_event; N],
    count: usize,
}

impl<const N: usize> EpollEvents<N> {
    /// What each file is ready for, and the data that it was added with.
    pub fn iter(&self) -> impl Iterator<Item = (PollFlags, u64)> + '_ {
        let events = self.events.iter().take(self.count);
        events.map(|event| (PollFlags::from_bits_retain(event.events), event.u64))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<const N: usize> Debug for EpollEvents<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Waits for up to `N` events of an epoll set, as epoll_wait(2) does. Since Linux 6.15.
///
/// `EINVAL` for what is not an epoll set, and for an `N` of 0. More than about 20 events do not fit a slot, and are
/// allocated for.
pub struct EpollWait<E, const N: usize> {
    epoll: E,
    /// The kernel writes them.
    events: [types::epoll_event; N],
}

impl<E: Handle, const N: usize> EpollWait<E, N> {
    /// The set.
    pub fn new(epoll: E) -> Self {
        let none = types::epoll_event { events: 0, u64: 0 };
        Self {
            epoll,
            events: [none; N],
        }
    }
}

impl<E, const N: usize> Debug for EpollWait<E, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpollWait").finish_non_exhaustive()
    }
}

// SAFETY: the events lie in the value, thus in the table, behind a pointer that was made from a mutable place; the
// kernel is told how many have room.
unsafe impl<E: Handle, const N: usize> Operation for EpollWait<E, N> {
    const OPCODE: u8 = opcode::EpollWait::CODE;

    type Output = Answered<E, EpollEvents<N>>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.epoll.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::EpollWait::new(
            self.epoll.target(),
            self.events.as_mut_ptr(),
            u32::try_from(N).unwrap_or(u32::MAX),
        )
        .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let events = self.events;
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(|count| EpollEvents {
                events,
                count: count as usize,
            }),
            file: self.epoll,
        }
    }
}
