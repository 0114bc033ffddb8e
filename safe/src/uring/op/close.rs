//! Closing files.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use super::{Cqe, Entry, Error, Operation, Outcome};
use crate::uring::raw::{opcode, types};
use crate::uring::{FixedFd, RingId};

/// Closes a file, as close(2) does, and tells what a file system has to say then. Since Linux 5.6.
///
/// The file is closed however it ends: if the kernel did not come to it, by the completion. But a ring's own descriptor
/// gives `EBADF` and stays open: drop the ring instead.
#[derive(Debug)]
pub struct Close {
    file: OwnedFd,
}

impl Close {
    /// Which: a `File`, a socket, a descriptor.
    pub fn new(file: impl Into<OwnedFd>) -> Self {
        Self { file: file.into() }
    }
}

// SAFETY: the entry names no memory. The value owns the descriptor that the kernel closes.
unsafe impl Operation for Close {
    const OPCODE: u8 = opcode::Close::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Close::new(types::Fd(self.file.as_raw_fd())).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let result = Error::check(Self::OPCODE, cqe.result).map(drop);
        match result {
            // The kernel has not begun.
            Err(error) if error.is_cancelled() => drop(self.file),
            // It is closed also after an error, and its number may be another file's by now. The kernel leaves it open
            // only if it cannot be closed in this way, which is not told from other errors.
            _ => drop(self.file.into_raw_fd()),
        }
        result
    }
}

/// Closes a fixed file, and leaves its slot [reserved](crate::uring::Files::reserve) and empty. Since Linux 5.15.
///
/// Not needed where the handle can be dropped. It serves to close a file in a chain of linked operations, or
/// to use the slot again at once.
#[derive(Debug)]
pub struct CloseFixed {
    file: FixedFd,
}

impl CloseFixed {
    /// Which. Other handles of the slot stay, and operations on them fail with `EBADF`.
    ///
    /// # Errors
    ///
    /// The handle itself, if the slot is an automatic one: the kernel would use it again while there are handles.
    pub fn new(file: FixedFd) -> Result<Self, FixedFd> {
        if file.is_automatic() {
            return Err(file);
        }
        Ok(Self { file })
    }
}

// SAFETY: the entry names no memory.
unsafe impl Operation for CloseFixed {
    const OPCODE: u8 = opcode::Close::CODE;

    type Output = Outcome<(), FixedFd>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.is_of(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Close::new(types::Fixed(self.file.slot())).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Outcome {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.file,
        }
    }
}
