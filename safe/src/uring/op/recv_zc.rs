//! Receiving without copying.

use super::{Cqe, End, Ended, Entry, Error, Multishot};
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::{Chunk, RecvQueue, RingId};

/// Receives from a TCP connection into the memory of a [`RecvQueue`], until the peer has closed its side: each item is a
/// piece of what has come. Since Linux 6.15; see [`RecvQueue`] for an example.
///
/// It ends with an item of no bytes, when the peer is done ([`End::Finished`]) or so much has come as was
/// [asked for](Self::total) ([`End::Stopped`]). It also ends, with an error as its last item, when all memory is lent
/// (`ENOMEM`, [`End::NoBuffers`]: drop some chunks) and when the completion queue is full (`ENOSPC`, [`End::Stopped`]).
/// Then push it again: nothing is lost.
///
/// # Errors
///
/// `ENOTSOCK` and `EPROTONOSUPPORT` for what is no TCP connection, and those two.
#[derive(Debug)]
pub struct RecvZc<F> {
    file: F,
    queue: RecvQueue,
    total: u32,
    /// How many of these are still to come.
    left: u32,
    end: End,
}

impl<F: Handle> RecvZc<F> {
    /// From where, and into whose memory.
    pub fn new(file: F, queue: &RecvQueue) -> Self {
        Self {
            file,
            queue: queue.clone(),
            total: 0,
            left: 0,
            end: End::Stopped,
        }
    }

    /// How many bytes to receive in all; what is more stays in the socket. 0, and unless set, for no limit.
    #[must_use]
    pub fn total(mut self, bytes: u32) -> Self {
        self.total = bytes;
        self
    }

    /// Why there are no items after the final completion.
    fn end_of(&self, cqe: Cqe) -> End {
        match -cqe.result {
            0 if self.total > 0 && self.left == 0 => End::Stopped,
            libc::ENOMEM => End::NoBuffers,
            libc::ENOSPC => End::Stopped,
            _ => End::of(Self::OPCODE, cqe, true).unwrap_or(self.end),
        }
    }
}

// SAFETY: the entry names no memory. That of the queue stays as long as the kernel may write to it, whatever becomes of the
// value: the kernel holds its pages.
unsafe impl<F: Handle> Multishot for RecvZc<F> {
    const OPCODE: u8 = opcode::RecvZc::CODE;

    type Item = Result<Chunk, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.queue.is_of(ring) && self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        self.queue.settle();
        self.left = self.total;
        *entry = opcode::RecvZc::new(self.file.target(), self.total)
            .ifq(self.queue.number())
            .build();
    }

    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        // SAFETY: by the caller's promise the value is there, and the kernel does not know it.
        let this = unsafe { &mut *this };
        // Also of an error, though none brings a chunk.
        let claimed = this.queue.claim(cqe);
        if !cqe.more() {
            this.end = this.end_of(cqe);
        }
        let bytes = Error::check(Self::OPCODE, cqe.result)?;
        this.left = this.left.saturating_sub(bytes);
        claimed.ok_or_else(|| Error::of(Self::OPCODE, libc::EIO))
    }

    fn rest(self) -> Ended<F> {
        Ended {
            end: self.end,
            file: self.file,
        }
    }
}
