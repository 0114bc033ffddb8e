//! How operations lie in the table of operations in flight.

use super::op::{Completion, Operation};
use crate::inflight::{Stored, read};

// SAFETY: the function takes the operation, where it lies, with how it ended.
unsafe impl<O: Operation> Stored<Completion> for O {
    unsafe fn discard(payload: *mut u8, completion: Completion, last: bool) {
        if last {
            // SAFETY: by the caller's promise.
            drop(unsafe { read::<O>(payload).complete(completion) });
        }
    }
}
