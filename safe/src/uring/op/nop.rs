//! The operation that does nothing.

use super::{Cqe, Entry, Error, Operation};
use crate::uring::raw::opcode;

/// Does nothing, and succeeds. Since Linux 5.1.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Nop;

impl Nop {
    /// The operation.
    pub fn new() -> Self {
        Self
    }
}

// SAFETY: the entry names no memory.
unsafe impl Operation for Nop {
    const OPCODE: u8 = opcode::Nop::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Nop::new().build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}
