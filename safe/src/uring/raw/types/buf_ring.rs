//! Entries of a ring of provided buffers.

use uring_sys::io_uring_buf;

/// A slot of a ring of provided buffers: one buffer.
///
/// It is set field by field, never as a whole: the last two bytes of the first slot are the ring's
/// tail.
#[derive(Debug)]
#[repr(transparent)]
pub struct BufRingEntry(io_uring_buf);

#[expect(
    clippy::len_without_is_empty,
    reason = "`len` is a field's name, of a buffer that is never empty"
)]
impl BufRingEntry {
    /// Sets the address of the buffer.
    #[inline]
    pub fn set_addr(&mut self, addr: u64) {
        self.0.addr = addr;
    }

    /// The address of the buffer.
    #[inline]
    pub fn addr(&self) -> u64 {
        self.0.addr
    }

    /// Sets the length of the buffer in bytes.
    #[inline]
    pub fn set_len(&mut self, len: u32) {
        self.0.len = len;
    }

    /// The length of the buffer in bytes.
    #[inline]
    pub fn len(&self) -> u32 {
        self.0.len
    }

    /// Sets the id by which completions name the buffer.
    #[inline]
    pub fn set_bid(&mut self, bid: u16) {
        self.0.bid = bid;
    }

    /// The id by which completions name the buffer.
    #[inline]
    pub fn bid(&self) -> u16 {
        self.0.bid
    }

    /// Where the tail of the ring is that begins at `ring_base`. The kernel reads it: store to it
    /// atomically, with release ordering.
    ///
    /// # Safety
    ///
    /// `ring_base` must point to the first slot of a ring of buffers.
    #[inline]
    pub unsafe fn tail(ring_base: *const BufRingEntry) -> *const u16 {
        // SAFETY: the caller promises that a slot is there, so its field is in bounds; nothing is
        // read.
        unsafe { &raw const (*ring_base).0.resv }
    }
}
