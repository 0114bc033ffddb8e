//! Messages to other rings.

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::message;
use crate::uring::raw::opcode;

/// Sends a number to another [`Ring`](crate::uring::Ring), which takes it by
/// [`next_message`](crate::uring::Ring::next_message). Since Linux 5.18.
///
/// `EBADFD` for what is not a ring, `EOWNERDEAD` if its thread is gone, as far as the kernel knows, `EOVERFLOW` if its completion queue is full.
#[derive(Debug)]
pub struct RingMessage<F> {
    ring: F,
    message: u64,
}

impl<F: Handle> RingMessage<F> {
    /// To which ring (a [`Mailbox`](crate::uring::Mailbox) of it, or a descriptor), and what.
    #[inline]
    pub fn new(ring: F, message: u64) -> Self {
        Self { ring, message }
    }
}

// SAFETY: the entry names no memory. What it does to the other ring cannot be taken for a completion of an operation
// there, by the key that it carries.
unsafe impl<F: Handle> Operation for RingMessage<F> {
    const OPCODE: u8 = opcode::MsgRingData::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.ring.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = message::entry(self.ring.target(), self.message);
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.ring,
        }
    }
}
