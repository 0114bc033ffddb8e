//! Buffers of a group that a completion has filled.

use std::fmt::{self, Debug, Formatter};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::slice;

use super::Inner;

/// Bytes that the kernel has put into a buffer of a [`BufGroup`](super::BufGroup): all of the buffer that was filled,
/// or of an [incremental](super::BufGroupBuilder::incremental) group a piece of it.
///
/// Dropping it gives the buffer back to the group, and with that to the kernel, at once; of an incremental group,
/// when all pieces are dropped and the kernel is through with the buffer. It may outlive the ring and all handles to
/// the group. Forgetting it loses that one buffer.
///
/// At the end of a file or connection it is empty.
pub struct Lent {
    group: Rc<Inner>,
    buffer: u16,
    offset: u32,
    len: u32,
    /// Whether it counts as a use of the buffer. If not, there is no buffer.
    held: bool,
}

impl Lent {
    pub(super) fn empty(group: Rc<Inner>) -> Self {
        Self {
            group,
            buffer: 0,
            offset: 0,
            len: 0,
            held: false,
        }
    }

    /// The number of the buffer in its group, if there is one.
    pub fn buffer(&self) -> Option<u16> {
        self.held.then_some(self.buffer)
    }
}

impl Deref for Lent {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let at = self.group.memory.at(self.buffer, self.offset);
        // SAFETY: the bytes lie in the buffer, for the ledger has found that they do, and were never not initialised.
        // The kernel is through with them, each completion is about other bytes, and the buffer does not go back
        // before this is dropped; the group keeps the memory.
        unsafe { slice::from_raw_parts(at, self.len as usize) }
    }
}

impl DerefMut for Lent {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let at = self.group.memory.at(self.buffer, self.offset);
        // SAFETY: as in `deref`; no other value is about these bytes.
        unsafe { slice::from_raw_parts_mut(at, self.len as usize) }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// SAFETY: the bytes stay where they are until the value is dropped, however it moves, and the value shares them with
// nobody. If it is forgotten, its share of the group is too, which keeps them.
unsafe impl crate::buf::IoBuf for Lent {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len as usize
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.held {
            self.group.give_back(self.buffer);
        }
    }
}

impl Debug for Lent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent")
            .field("group", &self.group.number())
            .field("buffer", &self.buffer())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The buffers that one completion of a bundle has filled, in order. Dropping it gives back those that were not
/// taken.
pub struct Bundle {
    group: Rc<Inner>,
    /// The next buffer, and where the bytes begin in it: in all but the first at 0.
    buffer: u16,
    offset: u32,
    /// What is left, in bytes and buffers.
    bytes: u32,
    buffers: u32,
}

impl Bundle {
    pub(super) fn new(
        group: Rc<Inner>,
        buffer: u16,
        offset: u32,
        bytes: u32,
        buffers: u32,
    ) -> Self {
        Self {
            group,
            buffer,
            offset,
            bytes,
            buffers,
        }
    }

    /// The bytes in all the buffers that were not taken.
    pub fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// The only buffer of a completion that has at most one.
    pub(in crate::uring) fn only(mut self) -> Lent {
        self.next()
            .unwrap_or_else(|| Lent::empty(Rc::clone(&self.group)))
    }
}

impl Iterator for Bundle {
    type Item = Lent;

    #[inline]
    fn next(&mut self) -> Option<Lent> {
        self.buffers = self.buffers.checked_sub(1)?;
        let (buffer, offset) = (self.buffer, self.offset);
        // All buffers but the last are filled to the end.
        let len = if self.buffers == 0 {
            self.bytes
        } else {
            self.buffer = self.group.next_of(buffer);
            self.group.memory.size() - offset
        };
        self.offset = 0;
        self.bytes -= len;
        Some(Lent {
            group: Rc::clone(&self.group),
            buffer,
            offset,
            len,
            held: true,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.buffers as usize, Some(self.buffers as usize))
    }
}

impl ExactSizeIterator for Bundle {}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl Debug for Bundle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("group", &self.group.number())
            .field("bytes", &self.bytes)
            .field("buffers", &self.buffers)
            .finish_non_exhaustive()
    }
}
