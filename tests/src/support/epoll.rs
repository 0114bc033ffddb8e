//! Sets of epoll(7).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::names::Errno;

/// A set, closed when dropped.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

impl Epoll {
    /// An empty set.
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: epoll_create1(2) takes a number and returns a new descriptor or -1.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(Errno::last().into());
        }
        // SAFETY: it is new, and nobody else knows it.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Watches for data in `file`, which is told by `data`.
    pub fn add(&self, file: &impl AsRawFd, data: u64) -> io::Result<()> {
        let mut watch = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: data,
        };
        let (set, file) = (self.0.as_raw_fd(), file.as_raw_fd());
        // SAFETY: `watch` is readable during the call.
        match unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, file, &mut watch) } {
            0 => Ok(()),
            _ => Err(Errno::last().into()),
        }
    }

    /// What tells one that is ready now, if there is one.
    pub fn ready(&self) -> io::Result<Option<u64>> {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for the one event that is asked for.
        match unsafe { libc::epoll_wait(self.0.as_raw_fd(), &mut event, 1, 0) } {
            0 => Ok(None),
            1 => Ok(Some(event.u64)),
            _ => Err(Errno::last().into()),
        }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Epoll {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}
