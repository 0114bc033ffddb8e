//! Which opcodes the kernel supports.

use std::fmt::{self, Debug, Formatter};
use std::io;

use uring_sys::{io_uring_probe, io_uring_probe_op};

use crate::uring::raw::Submitter;

/// Which opcodes the kernel supports; filled by [`Submitter::register_probe`].
pub struct Probe(Block);

/// The head and room for every opcode that an SQE can name.
#[derive(Clone, Copy)]
#[repr(C)]
struct Block {
    head: io_uring_probe,
    ops: [io_uring_probe_op; Probe::COUNT],
}

impl Probe {
    const COUNT: usize = 256;
    const EMPTY: Block = Block {
        head: io_uring_probe {
            last_op: 0,
            ops_len: 0,
            resv: 0,
            resv2: [0; 3],
            ops: [],
        },
        ops: [io_uring_probe_op {
            op: 0,
            resv: 0,
            flags: 0,
            resv2: 0,
        }; Self::COUNT],
    };

    /// A probe that supports nothing yet.
    pub const fn new() -> Self {
        Self(Self::EMPTY)
    }

    /// Whether the kernel supports this opcode: it knows it and was built with it.
    pub fn is_supported(&self, opcode: u8) -> bool {
        self.0.ops[usize::from(opcode)].flags & uring_sys::IO_URING_OP_SUPPORTED != 0
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

impl Debug for Probe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries((0..=u8::MAX).filter(|&opcode| self.is_supported(opcode)))
            .finish()
    }
}

impl Submitter<'_> {
    /// Asks which opcodes the kernel supports.
    ///
    /// `IORING_REGISTER_PROBE`, since Linux 5.6.
    pub fn register_probe(&self, probe: &mut Probe) -> io::Result<()> {
        // The kernel refuses a probe that is not all zero, as one that was used before is not.
        probe.0 = Probe::EMPTY;
        let opcode = uring_sys::IORING_REGISTER_PROBE;
        // SAFETY: the struct has as many entries behind its head as `nr_args` says; the kernel writes
        // within the call.
        unsafe {
            self.target()
                .with(opcode, &mut probe.0, Probe::COUNT as u32)
        }
        .map(drop)
    }
}
