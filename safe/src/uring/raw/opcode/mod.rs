//! Operations.

use super::sqe::Entry;

/// Does nothing and completes with 0. `IORING_OP_NOP`, since Linux 5.1.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Nop {}

impl Nop {
    /// The operation's number.
    pub const CODE: u8 = uring_sys::IORING_OP_NOP;

    /// An operation that does nothing.
    #[inline]
    pub fn new() -> Self {
        Self {}
    }

    /// The entry for it.
    #[inline]
    pub fn build(self) -> Entry {
        Entry(uring_sys::io_uring_sqe {
            opcode: Self::CODE,
            ..Default::default()
        })
    }
}
