//! Registered files: filling slots, and making plain descriptors of them.

use std::os::fd::RawFd;

use super::{address, entry, entry_on};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{Fixed, InstallFdFlags};

builder! {
    /// Replaces registered files; the result is how many were replaced. Since Linux 5.6.
    ///
    /// `fds` must stay valid until the final completion; with automatic slots it is written too, so
    /// let the pointer be from a mutable place. -1 empties a slot, -2 skips it. `-ENXIO` if there
    /// is no table, `-EINVAL` beyond its end.
    FilesUpdate -> Entry = IORING_OP_FILES_UPDATE {}
}

impl FilesUpdate {
    /// The descriptors, and how many there are.
    #[inline]
    pub fn new(fds: *const RawFd, len: u32) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(address(fds));
            sqe.len = len;
        }))
    }

    /// The slot of the first. -1 lets the kernel pick free slots, whose numbers replace the
    /// descriptors in `fds`; since Linux 5.19.
    #[inline]
    pub fn offset(mut self, offset: i32) -> Self {
        self.0.as_raw_mut().set_off(offset as u64);
        self
    }
}

builder! {
    /// Makes a plain descriptor of a registered file; the result is the descriptor. Since Linux
    /// 6.8.
    ///
    /// `-EPERM` with a [`personality`](Entry::personality).
    FixedFdInstall -> Entry = IORING_OP_FIXED_FD_INSTALL { flags: InstallFdFlags }
}

impl FixedFdInstall {
    /// The slot, and the bits of [`InstallFdFlags`]. The descriptor is closed by execve(2) unless
    /// [`NO_CLOEXEC`](InstallFdFlags::NO_CLOEXEC) is among them.
    #[inline]
    pub fn new(fd: Fixed, file_flags: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_install_fd_flags(file_flags)
        }))
    }
}
