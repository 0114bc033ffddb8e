//! Between descriptors and fixed files.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use super::direct::Destination;
use super::open::descriptor;
use super::{Cqe, Entry, Error, Operation, Outcome};
use crate::uring::raw::{opcode, types};
use crate::uring::{FixedFd, RingId};

/// Makes a fixed file of a descriptor, which may be closed afterwards. Since Linux 5.6; with an automatic slot,
/// since 5.19.
///
/// [`Ring::register_file`](crate::uring::Ring::register_file) does the same at once.
#[derive(Debug)]
pub struct RegisterFile<F> {
    file: F,
    to: Destination,
    /// Where the kernel reads the descriptor, and writes the automatic slot.
    fds: [RawFd; 1],
}

impl<F: AsFd> RegisterFile<F> {
    /// Which, and where it goes.
    pub fn new(file: F, to: impl Into<Destination>) -> Self {
        Self {
            file,
            to: to.into(),
            fds: [-1],
        }
    }
}

// SAFETY: the array lies in the value.
unsafe impl<F: AsFd> Operation for RegisterFile<F> {
    const OPCODE: u8 = opcode::FilesUpdate::CODE;

    type Output = Outcome<FixedFd, F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.to.is_of(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        self.fds = [self.file.as_fd().as_raw_fd()];
        let slot = match &self.to {
            Destination::Slot(slot) => slot.slot() as i32,
            Destination::Automatic(_) => uring_sys::IORING_FILE_INDEX_ALLOC as i32,
        };
        *entry = opcode::FilesUpdate::new((&raw mut self.fds).cast_const().cast(), 1)
            .offset(slot)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let result = match Error::check(Self::OPCODE, cqe.result) {
            Ok(0) => Err(Error::of(Self::OPCODE, libc::EBADF)),
            Ok(_) => self.to.filled(Self::OPCODE, self.fds[0] as u32),
            Err(error) => Err(error),
        };
        Outcome {
            result,
            file: self.file,
        }
    }
}

/// Makes a descriptor of a fixed file, which stays one. Since Linux 6.8.
///
/// Gives the descriptor, which execve(2) closes. One that nobody takes is closed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let files = ring.register_files(0, 16)?;
/// let ticket = ring.push(op::RegisterFile::new(tempfile::tempfile()?, &files))?;
/// let fixed = ring.wait(ticket)?.result?;
/// let ticket = ring.push(op::InstallFixed::new(fixed))?;
/// let plain = std::fs::File::from(ring.wait(ticket)??);
/// assert_eq!(plain.metadata()?.len(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct InstallFixed {
    file: FixedFd,
}

impl InstallFixed {
    /// Of which.
    pub fn new(file: FixedFd) -> Self {
        Self { file }
    }
}

// SAFETY: the entry names no memory.
unsafe impl Operation for InstallFixed {
    const OPCODE: u8 = opcode::FixedFdInstall::CODE;

    type Output = Result<OwnedFd, Error>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.is_of(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::FixedFdInstall::new(types::Fixed(self.file.slot()), 0).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: the operation answers a descriptor.
        unsafe { descriptor(Self::OPCODE, cqe) }
    }
}
