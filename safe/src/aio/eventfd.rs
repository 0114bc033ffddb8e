//! Eventfds, through which operations tell another event loop that they are over.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// An eventfd: a counter that is readable while it is not 0. Since Linux 2.6.22.
///
/// Clones are the same counter. Any number of operations and contexts may share it.
#[derive(Clone, Debug)]
pub struct EventFd(Arc<OwnedFd>);

impl EventFd {
    /// A counter at 0: eventfd(2).
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call has no preconditions.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now, and is nobody else's.
        Ok(Self(Arc::new(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// The counter, which becomes 0. Does not wait: 0 if nothing was counted.
    ///
    /// # Errors
    ///
    /// What read(2) answers.
    pub fn take(&self) -> io::Result<u64> {
        let mut count = 0_u64;
        let at = (&raw mut count).cast();
        // SAFETY: the number is live, and as long as said.
        if unsafe { libc::read(self.0.as_raw_fd(), at, size_of::<u64>()) } >= 0 {
            return Ok(count);
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            error => Err(error),
        }
    }
}

impl AsFd for EventFd {
    /// Readable while the counter is not 0.
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
