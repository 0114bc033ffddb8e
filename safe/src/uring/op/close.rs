//! Closing files.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use super::{Cqe, Entry, Error, Operation, Outcome};
use crate::uring::raw::{opcode, types};
use crate::uring::{FixedFd, RingId};

/// Closes a file, as close(2) does, and tells what a file system has to say then. Since Linux 5.6.
///
/// The file is closed also after an error, but for two. A ring's own descriptor gives `EBADF` and stays open: drop the
/// ring instead. And `ECANCELED` does not say whether it is closed: see [`Unclosed`].
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

/// Why a file was not closed, or what its file system said when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed {
    /// What the kernel answered.
    pub error: Error,
    /// Of a close that was cancelled (`ECANCELED`), as in a chain whose beginning failed: the number of the descriptor,
    /// which nobody owns any more. As a rule it is open, and may be owned again. But a file system can give this very
    /// answer when it is told of the close (FUSE passes on what its server says): then the number is free, or another
    /// file's.
    pub descriptor: Option<RawFd>,
}

impl Display for Unclosed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Unclosed {}

impl From<Unclosed> for io::Error {
    /// The number is forgotten: what is open stays so.
    fn from(unclosed: Unclosed) -> Self {
        unclosed.error.into()
    }
}

// SAFETY: the entry names no memory. The value owns the descriptor that the kernel closes.
unsafe impl Operation for Close {
    const OPCODE: u8 = opcode::Close::CODE;

    type Output = Result<(), Unclosed>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Close::new(types::Fd(self.file.as_raw_fd())).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // Its number may be another file's by now, also after an error, so it is not closed here.
        let number = self.file.into_raw_fd();
        Error::check(Self::OPCODE, cqe.result)
            .map(drop)
            .map_err(|error| Unclosed {
                error,
                descriptor: error.is_cancelled().then_some(number),
            })
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
