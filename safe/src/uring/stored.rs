//! How operations lie in the table of operations in flight.

use super::op::{Cqe, Multishot, Operation};
use crate::inflight::{Stored, at, read};

// SAFETY: the function takes the operation, where it lies, with its completion.
unsafe impl<O: Operation> Stored<Cqe> for O {
    unsafe fn note(payload: *mut u8, completion: &mut Cqe) {
        // SAFETY: by the caller's promise.
        unsafe { O::note(at::<O>(payload), completion) };
    }

    unsafe fn discard(payload: *mut u8, completion: Cqe, last: bool) {
        if last {
            // SAFETY: by the caller's promise.
            drop(unsafe { read::<O>(payload).complete(completion) });
        }
    }
}

/// An operation that gives many results.
#[repr(transparent)]
pub(crate) struct Shots<M>(pub(crate) M);

// SAFETY: as above; each completion becomes an item, whose owner drops it.
unsafe impl<M: Multishot> Stored<Cqe> for Shots<M> {
    unsafe fn note(payload: *mut u8, completion: &mut Cqe) {
        // SAFETY: by the caller's promise; the wrapper is transparent.
        unsafe { M::note(at::<M>(payload), completion) };
    }

    unsafe fn discard(payload: *mut u8, completion: Cqe, last: bool) {
        // SAFETY: by the caller's promise; the wrapper is transparent.
        drop(unsafe { M::item(at::<M>(payload), completion) });
        if last {
            // SAFETY: as above.
            drop(unsafe { read::<M>(payload) });
        }
    }
}
