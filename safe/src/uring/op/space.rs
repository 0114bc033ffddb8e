//! A file's length and the space that it takes.

use super::{Cqe, Entry, Error, Operation, Outcome};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::FallocateFlags;

/// Reserves or frees space, as fallocate(2) does; reserves it unless a [`mode`](Self::mode) is set. Since Linux 5.6.
#[derive(Debug)]
pub struct Fallocate<F> {
    file: F,
    offset: u64,
    len: u64,
    mode: FallocateFlags,
}

impl<F: Handle> Fallocate<F> {
    /// Of which file, from where on, and how much, in bytes. `EINVAL` for nothing.
    pub fn new(file: F, offset: u64, len: u64) -> Self {
        Self {
            file,
            offset,
            len,
            mode: FallocateFlags::empty(),
        }
    }

    /// What to do with the range. `EOPNOTSUPP` for what the file system cannot do.
    #[must_use]
    pub fn mode(mut self, mode: FallocateFlags) -> Self {
        self.mode = mode;
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Fallocate<F> {
    const OPCODE: u8 = opcode::Fallocate::CODE;

    type Output = Outcome<(), F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Fallocate::new(self.file.target(), self.len)
            .offset(self.offset)
            .with_mode(self.mode)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Outcome {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.file,
        }
    }
}

/// Sets a file's length, as ftruncate(2) does. Since Linux 6.9.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Ftruncate::new(tempfile::tempfile()?, 1000))?;
/// let done = ring.wait(ticket)?;
/// done.result?;
/// assert_eq!(done.file.metadata()?.len(), 1000);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Ftruncate<F> {
    file: F,
    len: u64,
}

impl<F: Handle> Ftruncate<F> {
    /// Of which file, and how many bytes it is to have.
    pub fn new(file: F, len: u64) -> Self {
        Self { file, len }
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Ftruncate<F> {
    const OPCODE: u8 = opcode::Ftruncate::CODE;

    type Output = Outcome<(), F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Ftruncate::new(self.file.target(), self.len).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Outcome {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.file,
        }
    }
}
