//! The ring for those who write runtimes: typed, explicit, and `unsafe` where the kernel is given
//! memory.

pub mod opcode;
mod sqe;
pub mod types;

/// The submission queue and its entries.
pub mod squeue {
    pub use super::sqe::{Entry, Entry128, EntryMarker, Flags};
}
