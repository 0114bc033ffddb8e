//! Messages to other rings.

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::message::{self, Receiver};
use crate::uring::raw::opcode;

/// Sends a number to another [`Ring`](crate::uring::Ring), which takes it by
/// [`next_message`](crate::uring::Ring::next_message). Since Linux 5.18.
///
/// It takes no other descriptor of a ring: one whose completions lead to memory, as those of other crates may, must get
/// none that somebody else has made up.
///
/// `EOWNERDEAD` if its thread is gone, as far as the kernel knows, `EOVERFLOW` if its completion queue is full.
#[derive(Debug)]
pub struct RingMessage<F> {
    ring: F,
    message: u64,
}

impl<F: Receiver> RingMessage<F> {
    /// To which ring (a [`Mailbox`](crate::uring::Mailbox) of it, or a reference to one), and what.
    #[inline]
    pub fn new(ring: F, message: u64) -> Self {
        Self { ring, message }
    }
}

// SAFETY: the entry names no memory. The other ring is a `Ring`, whose mailbox the value keeps. What is done to it cannot
// be taken for a completion of an operation there, by the key that it carries.
unsafe impl<F: Receiver> Operation for RingMessage<F> {
    const OPCODE: u8 = opcode::MsgRingData::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = message::entry(self.ring.mailbox(), self.message);
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.ring,
        }
    }
}
