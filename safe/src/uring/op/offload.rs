//! Carrying out an operation in a worker thread.

use super::{Cqe, Entry, Operation};
use crate::uring::RingId;
use crate::uring::raw::squeue::Flags;

/// An operation that a worker thread carries out from the start; see [`offload`].
#[derive(Debug)]
pub struct Offload<O>(O);

/// Has a worker thread carry out the operation, without trying first whether it can be done at once: the submission
/// does not wait for it. Since Linux 5.6.
#[inline]
pub fn offload<O: Operation>(operation: O) -> Offload<O> {
    Offload(operation)
}

// SAFETY: that of `O`; the flag says who carries it out.
unsafe impl<O: Operation> Operation for Offload<O> {
    const OPCODE: u8 = O::OPCODE;
    const LARGE: bool = O::LARGE;
    const NOTES: bool = O::NOTES;

    type Output = O::Output;

    #[inline]
    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: by the caller's promise, which is about the operation within too.
        unsafe { O::note(&raw mut (*this).0, cqe) };
    }

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.0.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        self.0.prepare(entry);
        entry.as_raw_mut().flags |= Flags::ASYNC.bits();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: by the caller's promise.
        unsafe { self.0.complete(cqe) }
    }
}
