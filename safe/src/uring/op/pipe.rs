//! Pipes: making them, and moving data through them without copying it to the program.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::{Cqe, Entry, Error, Operation};
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{DestinationSlot, OpenFlags, SpliceFlags};
use crate::uring::{Files, FixedFd, RingId};

/// The two ends of a pipe.
#[derive(Debug)]
pub struct PipeEnds<T> {
    /// What is read from.
    pub reader: T,
    /// What is written to.
    pub writer: T,
}

/// Makes a pipe, as pipe2(2) does. Since Linux 6.16.
///
/// Gives both ends, which execve(2) closes. Ends that nobody takes are closed.
#[derive(Debug)]
pub struct Pipe {
    flags: OpenFlags,
    /// Where the kernel writes the descriptors.
    fds: [RawFd; 2],
}

impl Default for Pipe {
    fn default() -> Self {
        Self::new()
    }
}

impl Pipe {
    /// A usual one.
    pub fn new() -> Self {
        Self {
            flags: OpenFlags::CLOEXEC,
            fds: [-1; 2],
        }
    }

    /// `NONBLOCK` or `DIRECT`, see pipe2(2), besides `CLOEXEC`.
    #[must_use]
    pub fn flags(mut self, flags: OpenFlags) -> Self {
        self.flags = flags | OpenFlags::CLOEXEC;
        self
    }

    /// Makes the ends fixed files instead, in two of the table's automatic slots. `ENFILE` if they are
    /// taken.
    pub fn direct(self, files: &Files) -> DirectPipe {
        DirectPipe {
            flags: self.flags - OpenFlags::CLOEXEC,
            fds: self.fds,
            files: files.clone(),
        }
    }
}

// SAFETY: the array lies in the value.
unsafe impl Operation for Pipe {
    const OPCODE: u8 = opcode::Pipe::CODE;

    type Output = Result<PipeEnds<OwnedFd>, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Pipe::new((&raw mut self.fds).cast())
            .with_flags(self.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result)?;
        // SAFETY: the operation succeeded, so these are new descriptors, which nobody else was told of.
        let [reader, writer] = self.fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        Ok(PipeEnds { reader, writer })
    }
}

/// Makes a pipe whose ends are fixed files; see [`Pipe::direct`].
#[derive(Debug)]
pub struct DirectPipe {
    flags: OpenFlags,
    /// Where the kernel writes the slots.
    fds: [RawFd; 2],
    files: Files,
}

// SAFETY: the array lies in the value.
unsafe impl Operation for DirectPipe {
    const OPCODE: u8 = opcode::Pipe::CODE;

    type Output = Result<PipeEnds<FixedFd>, Error>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.files.is_of(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Pipe::new((&raw mut self.fds).cast())
            .with_flags(self.flags)
            .file_index(Some(DestinationSlot::auto_target()))
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result)?;
        let [reader, writer] = self.fds.map(|slot| self.files.handle(slot as u32));
        match reader.zip(writer) {
            Some((reader, writer)) => Ok(PipeEnds { reader, writer }),
            None => Err(Error::of(Self::OPCODE, libc::ENFILE)),
        }
    }
}

/// What came of moving data from one file to another, and both of them.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Moved<A, B> {
    /// The number of bytes, 0 at the end, or why there are none.
    pub result: Result<usize, Error>,
    /// From where.
    pub from: A,
    /// To where.
    pub to: B,
}

/// Stands for no offset: the file's own position, or a pipe.
const NONE: i64 = -1;

/// Moves data from or to a pipe, as splice(2) does. Since Linux 5.7.
///
/// One of the two is a pipe, the other one is read or written at its own position unless an offset is given.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Pipe::new())?;
/// let pipe = ring.wait(ticket)??;
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let ticket = ring.push(op::Splice::new(file, pipe.writer, 4).from_at(0))?;
/// assert_eq!(ring.wait(ticket)?.result?, 4);
/// let ticket = ring.push(op::Read::new(pipe.reader, Vec::with_capacity(9)))?;
/// assert_eq!(ring.wait(ticket)?.buf, b"\x7fELF");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Splice<A, B> {
    from: A,
    from_at: i64,
    to: B,
    to_at: i64,
    len: u32,
    flags: SpliceFlags,
}

impl<A: Handle, B: Handle> Splice<A, B> {
    /// From where, to where, and how many bytes at most.
    pub fn new(from: A, to: B, len: u32) -> Self {
        Self {
            from,
            from_at: NONE,
            to,
            to_at: NONE,
            len,
            flags: SpliceFlags::empty(),
        }
    }

    /// Where in the file that is read, in bytes. `ESPIPE` for a pipe.
    #[must_use]
    pub fn from_at(mut self, offset: u64) -> Self {
        self.from_at = offset as i64;
        self
    }

    /// Where in the file that is written, in bytes. `ESPIPE` for a pipe.
    #[must_use]
    pub fn to_at(mut self, offset: u64) -> Self {
        self.to_at = offset as i64;
        self
    }

    /// How.
    #[must_use]
    pub fn flags(mut self, flags: SpliceFlags) -> Self {
        self.flags = flags - SpliceFlags::FD_IN_FIXED;
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<A: Handle, B: Handle> Operation for Splice<A, B> {
    const OPCODE: u8 = opcode::Splice::CODE;

    type Output = Moved<A, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.from.fits(ring) && self.to.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Splice::new(
            self.from.target(),
            self.from_at,
            self.to.target(),
            self.to_at,
            self.len,
        )
        .with_flags(self.flags)
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Moved {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            from: self.from,
            to: self.to,
        }
    }
}

/// Copies data from one pipe to another and leaves it in the first, as tee(2) does. Since Linux 5.8.
#[derive(Debug)]
pub struct Tee<A, B> {
    from: A,
    to: B,
    len: u32,
    flags: SpliceFlags,
}

impl<A: Handle, B: Handle> Tee<A, B> {
    /// From where, to where, and how many bytes at most.
    pub fn new(from: A, to: B, len: u32) -> Self {
        Self {
            from,
            to,
            len,
            flags: SpliceFlags::empty(),
        }
    }

    /// How.
    #[must_use]
    pub fn flags(mut self, flags: SpliceFlags) -> Self {
        self.flags = flags - SpliceFlags::FD_IN_FIXED;
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<A: Handle, B: Handle> Operation for Tee<A, B> {
    const OPCODE: u8 = opcode::Tee::CODE;

    type Output = Moved<A, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.from.fits(ring) && self.to.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Tee::new(self.from.target(), self.to.target(), self.len)
            .with_flags(self.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Moved {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            from: self.from,
            to: self.to,
        }
    }
}
