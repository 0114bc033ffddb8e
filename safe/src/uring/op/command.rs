//! Commands to the driver of a file.

use std::fmt::{self, Debug, Formatter};

use super::{Cqe, Entry, Error, LargeOperation, Operation};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::squeue::Entry128;
use crate::uring::raw::types::nvme_uring_cmd;

/// What came of a command, its file, and what it kept.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Commanded<F, K> {
    /// What the driver answered.
    pub result: Result<u32, Error>,
    /// The second half of the completion, in rings whose completions have 32 bytes; zero elsewhere.
    pub extra: [u64; 2],
    /// The file.
    pub file: F,
    /// What was kept for the command.
    pub kept: K,
}

/// A command with up to 16 bytes of its own, akin to ioctl(2). Since Linux 5.19.
///
/// `EOPNOTSUPP` if the driver has no such command.
pub struct Command<F, K> {
    file: F,
    kept: K,
    number: u32,
    bytes: [u8; 16],
}

impl<F: Handle, K> Command<F, K> {
    /// The file, the driver's number for the command, the command's bytes, and what is kept until it is over.
    ///
    /// # Safety
    ///
    /// The driver, which can be only the one of this file, uses no memory of this process for the command but what
    /// `kept` keeps valid where it is, however it moves, until it is dropped or used again; and writes none but
    /// what may be written all that time. The command completes once, and changes nothing that others rely on for
    /// memory safety.
    pub unsafe fn new(file: F, number: u32, bytes: [u8; 16], kept: K) -> Self {
        Self {
            file,
            kept,
            number,
            bytes,
        }
    }
}

// SAFETY: by the promise given to the constructor.
unsafe impl<F: Handle, K> Operation for Command<F, K> {
    const OPCODE: u8 = opcode::UringCmd16::CODE;

    type Output = Commanded<F, K>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::UringCmd16::new(self.file.target(), self.number)
            .cmd(self.bytes)
            .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Commanded {
            result: Error::check(Self::OPCODE, cqe.result),
            extra: cqe.extra,
            file: self.file,
            kept: self.kept,
        }
    }
}

/// A command with up to 80 bytes of its own, for rings whose entries have 128 bytes:
/// [`Ring::push_large`](crate::uring::Ring::push_large). Since Linux 5.19.
///
/// `EOPNOTSUPP` if the driver has no such command, and for NVMe in a ring whose completions have 16 bytes.
///
/// A ring with other entries does not compile, and neither does any other way to push it:
///
/// ```compile_fail
/// use safe::uring::{Ring, op};
///
/// fn push(ring: &mut Ring, command: op::LargeCommand<std::fs::File, ()>) {
///     let _ = ring.push_large(command);
/// }
/// ```
pub struct LargeCommand<F, K> {
    file: F,
    kept: K,
    number: u32,
    bytes: [u8; 80],
}

impl<F: Handle, K> LargeCommand<F, K> {
    /// As [`Command::new`].
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn new(file: F, number: u32, bytes: [u8; 80], kept: K) -> Self {
        Self {
            file,
            kept,
            number,
            bytes,
        }
    }

    /// An NVMe command: the namespace or controller (`/dev/ng0n1`, `/dev/nvme0`), one of `NVME_URING_CMD_*`, the
    /// command, and what is kept until it is over. The completion's first extra number is the device's result.
    ///
    /// # Safety
    ///
    /// As for [`Command::new`]; the memory is what `addr` and `metadata` of the command lead to.
    pub unsafe fn nvme(file: F, number: u32, command: &nvme_uring_cmd, kept: K) -> Self {
        let bytes = opcode::nvme_bytes(command);
        Self {
            file,
            kept,
            number,
            bytes,
        }
    }
}

// SAFETY: by the promise given to the constructor.
unsafe impl<F: Handle, K> Operation for LargeCommand<F, K> {
    const OPCODE: u8 = opcode::UringCmd80::CODE;
    const LARGE: bool = true;

    type Output = Commanded<F, K>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::UringCmd16::new(self.file.target(), self.number).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Commanded {
            result: Error::check(Self::OPCODE, cqe.result),
            extra: cqe.extra,
            file: self.file,
            kept: self.kept,
        }
    }
}

// SAFETY: as above.
unsafe impl<F: Handle, K> LargeOperation for LargeCommand<F, K> {
    fn prepare_large(&mut self, entry: &mut Entry128) {
        *entry = opcode::UringCmd80::new(self.file.target(), self.number)
            .cmd(self.bytes)
            .build();
    }
}

impl<F: Debug, K> Debug for Command<F, K> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("file", &self.file)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl<F: Debug, K> Debug for LargeCommand<F, K> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeCommand")
            .field("file", &self.file)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
