//! Making what was written durable.

use super::{Cqe, Entry, Error, Operation, Outcome};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{FsyncFlags, SyncRangeFlags};

/// Makes a file's data durable, as fsync(2) does. Since Linux 5.1.
///
/// It is not ordered after writes that are in flight: wait for them first, or link it to them.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Write::new(tempfile::tempfile()?, "kept").at(0))?;
/// let written = ring.wait(ticket)?;
/// assert_eq!(written.result?, 4);
/// let ticket = ring.push(op::Fsync::data(written.file))?;
/// ring.wait(ticket)?.result?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Fsync<F> {
    file: F,
    flags: FsyncFlags,
    offset: u64,
    len: u32,
}

impl<F: Handle> Fsync<F> {
    /// Of which file, data and metadata.
    pub fn new(file: F) -> Self {
        Self {
            file,
            flags: FsyncFlags::empty(),
            offset: 0,
            len: 0,
        }
    }

    /// As fdatasync(2): without metadata that reading the data back does not need.
    pub fn data(file: F) -> Self {
        Self {
            flags: FsyncFlags::DATASYNC,
            ..Self::new(file)
        }
    }

    /// Only this range, in bytes, where the file system can do that. All of the file from 0 on if `len` is 0 too.
    #[must_use]
    pub fn range(mut self, offset: u64, len: u32) -> Self {
        (self.offset, self.len) = (offset, len);
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Fsync<F> {
    const OPCODE: u8 = opcode::Fsync::CODE;

    type Output = Outcome<(), F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Fsync::new(self.file.target())
            .flags(self.flags)
            .offset(self.offset)
            .len(self.len)
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

/// Starts or awaits writing a range back, as sync_file_range(2) does, which makes nothing durable. Since Linux 5.2.
#[derive(Debug)]
pub struct SyncFileRange<F> {
    file: F,
    offset: u64,
    len: u32,
    flags: SyncRangeFlags,
}

impl<F: Handle> SyncFileRange<F> {
    /// Of which file, from where on, and how much, in bytes (0: to the end). Does nothing without
    /// [`flags`](Self::flags).
    pub fn new(file: F, offset: u64, len: u32) -> Self {
        Self {
            file,
            offset,
            len,
            flags: SyncRangeFlags::empty(),
        }
    }

    /// What to start, and what to await.
    #[must_use]
    pub fn flags(mut self, flags: SyncRangeFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for SyncFileRange<F> {
    const OPCODE: u8 = opcode::SyncFileRange::CODE;

    type Output = Outcome<(), F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::SyncFileRange::new(self.file.target(), self.len)
            .offset(self.offset)
            .with_flags(self.flags)
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
