//! Memory of a receive queue with data in it.

use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::ptr::NonNull;
use std::rc::Rc;

use super::Inner;
use crate::uring::raw::zcrx::Received;

/// Bytes that were received, where the device has put them: memory of a [`RecvQueue`](super::RecvQueue).
///
/// Dropping it gives the memory back to the kernel. It may outlive all handles to the queue, and the
/// [`Ring`](crate::uring::Ring): the kernel's part of that stays until then. Forgetting it loses its piece of memory, and
/// keeps the kernel's part of the ring, until the process ends.
///
/// At the end of a connection it is empty.
pub struct Chunk {
    queue: Rc<Inner>,
    bytes: NonNull<[u8]>,
    /// What gives it back. `None` if there is nothing, or once it was.
    received: Option<Received>,
}

impl Chunk {
    pub(super) fn new(queue: Rc<Inner>, bytes: NonNull<[u8]>, received: Received) -> Self {
        Self {
            queue,
            bytes,
            received: Some(received),
        }
    }

    pub(super) fn empty(queue: Rc<Inner>) -> Self {
        Self {
            queue,
            bytes: NonNull::slice_from_raw_parts(NonNull::dangling(), 0),
            received: None,
        }
    }

    /// Where in which of the queue's areas it lies, if it is not empty.
    pub fn place(&self) -> Option<(u16, u64)> {
        let received = self.received.as_ref()?;
        Some((received.area(), received.offset()))
    }
}

impl Deref for Chunk {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: no bytes, or those of a completion, which the queue has found to lie in its memory: mapped as long as the
        // queue lives, which this keeps, and zeroed when it was made. The kernel does not write to them before they are
        // given back, for the queue keeps the ring. A forked child has a copy.
        unsafe { self.bytes.as_ref() }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// SAFETY: the bytes stay where they are until the value is dropped, however it moves, and nobody writes them. If it is
// forgotten, its share of the queue is too, which keeps them.
unsafe impl crate::buf::IoBuf for Chunk {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(received) = self.received.take() {
            self.queue.give_back(received);
        }
    }
}

impl Debug for Chunk {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("place", &self.place())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
