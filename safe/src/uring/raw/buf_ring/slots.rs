//! How buffers get into the ring: who may touch which slot, and when.
//!
//! The ring is an array of slots, a power of two of them, and one shared index, the tail. We own the slots
//! from the tail on, up to those that hold buffers that the kernel has not picked yet; storing the tail
//! hands over all slots before it. The kernel's own index, the head, is not in shared memory: that the
//! kernel has picked a buffer, and so has read its slot, is learnt from a CQE. Everything that the order of
//! memory accesses depends on stands in this file, generic over where the ring lives, so that the models in
//! `loom.rs` run the code that the ring runs.

use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use uring_sys::{io_uring_buf, io_uring_buf_ring};

/// The memory order of each access of the protocol. A model replaces one and must then fail.
pub(super) trait Orders {
    /// Release: the slots are written before the kernel sees the tail. Pairs with the acquire load of the
    /// tail in the kernel's `io_ring_buffer_select` and `io_ring_buffers_peek`.
    const TAIL_STORE: Ordering = Ordering::Release;
}

/// The orders that the ring uses.
#[derive(Debug)]
pub(super) struct AsDocumented;

impl Orders for AsDocumented {}

/// What is written to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buf {
    pub(super) addr: u64,
    pub(super) len: u32,
    pub(super) bid: u16,
}

/// The memory of a ring.
pub(super) trait Memory {
    /// Fills the slot `index`.
    ///
    /// # Safety
    ///
    /// The memory is there, `index` is less than the number of slots, and the kernel does not use the slot.
    unsafe fn fill(&self, index: u16, buf: Buf);

    /// Stores the tail.
    ///
    /// # Safety
    ///
    /// The memory is there.
    unsafe fn store_tail(&self, tail: u16, order: Ordering);
}

/// The application's side of a ring.
#[derive(Debug)]
pub(super) struct Producer<M, O = AsDocumented> {
    memory: M,
    /// The number of slots less one.
    mask: u16,
    /// The next slot to fill, before it is taken modulo the number of slots.
    tail: u16,
    /// The tail as the kernel sees it.
    published: u16,
    orders: PhantomData<O>,
}

impl<M: Memory, O: Orders> Producer<M, O> {
    /// The side of an empty ring of `mask + 1` slots, a power of two, whose tail is `tail`.
    pub(super) fn new(memory: M, mask: u16, tail: u16) -> Self {
        Self {
            memory,
            mask,
            tail,
            published: tail,
            orders: PhantomData,
        }
    }

    /// The number of slots less one.
    #[inline]
    pub(super) fn mask(&self) -> u16 {
        self.mask
    }

    /// The tail as the kernel sees it: the number of buffers that it was given, modulo 65536.
    #[inline]
    pub(super) fn published(&self) -> u16 {
        self.published
    }

    /// The number of buffers that the kernel does not see yet.
    #[inline]
    pub(super) fn unpublished(&self) -> u16 {
        self.tail.wrapping_sub(self.published)
    }

    /// Forgets what is in the ring: the next slot to fill is that of `tail`.
    pub(super) fn restart(&mut self, tail: u16) {
        self.tail = tail;
    }

    /// Fills the next slot.
    ///
    /// # Safety
    ///
    /// The memory is there, and fewer buffers than slots are in the ring: the kernel has picked those that
    /// the other slots held, and we know it from their CQEs.
    #[inline]
    pub(super) unsafe fn push(&mut self, buf: Buf) {
        // SAFETY: the mask makes an index of it; the rest is the caller's promise.
        unsafe { self.memory.fill(self.tail & self.mask, buf) };
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel all that was pushed.
    ///
    /// # Safety
    ///
    /// The memory is there.
    #[inline]
    pub(super) unsafe fn publish(&mut self) {
        // SAFETY: by the caller's promise.
        unsafe { self.memory.store_tail(self.tail, O::TAIL_STORE) };
        self.published = self.tail;
    }
}

/// A ring in memory shared with the kernel: `struct io_uring_buf_ring`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared(NonNull<io_uring_buf>);

// SAFETY: this is an address; who uses it promises what that takes.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// Where the tail lies: in what slot 0 has as its reserved field.
const TAIL: usize = offset_of!(io_uring_buf, resv);

const _: () = assert!(TAIL == 14 && size_of::<io_uring_buf>() == 16);
const _: () = assert!(size_of::<io_uring_buf_ring>() == size_of::<io_uring_buf>());

impl Shared {
    /// A ring at `at`, which is aligned to a page.
    pub(super) fn at(at: NonNull<u8>) -> Self {
        Self(at.cast())
    }
}

impl Memory for Shared {
    #[inline]
    unsafe fn fill(&self, index: u16, buf: Buf) {
        // SAFETY: the slot is inside the ring, by the caller's promise.
        let slot = unsafe { self.0.add(usize::from(index)) }.as_ptr();
        // Field by field, and not the reserved one, which in slot 0 is the tail.
        // SAFETY: the slot is mapped and the kernel does not use it, by the caller's promise; no reference
        // to it is made.
        unsafe {
            (&raw mut (*slot).addr).write(buf.addr);
            (&raw mut (*slot).len).write(buf.len);
            (&raw mut (*slot).bid).write(buf.bid);
        }
    }

    #[inline]
    unsafe fn store_tail(&self, tail: u16, order: Ordering) {
        // SAFETY: slot 0 is mapped, by the caller's promise, and its offset 14 is aligned to 2. An atomic is
        // interior mutable: a reference to it claims nothing about who else reads it.
        let shared = unsafe { self.0.byte_add(TAIL).cast::<AtomicU16>().as_ref() };
        shared.store(tail, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring in ordinary memory, and its tail as the kernel would read it.
    fn ring(slots: &mut [io_uring_buf]) -> Producer<Shared> {
        let at = NonNull::new(slots.as_mut_ptr()).expect("not null");
        let mask = u16::try_from(slots.len() - 1).expect("few slots");
        Producer::new(Shared::at(at.cast()), mask, 0)
    }

    fn buf(bid: u16) -> Buf {
        Buf {
            addr: u64::MAX - u64::from(bid),
            len: u32::MAX,
            bid,
        }
    }

    #[test]
    fn filling_slot_0_leaves_the_tail_alone() {
        let mut slots = [io_uring_buf::default(); 2];
        slots[0].resv = 0x5aa5;
        let mut ring = ring(&mut slots);
        // SAFETY: the slots are there, and no kernel uses them.
        unsafe { ring.push(buf(u16::MAX)) };
        assert_eq!((ring.unpublished(), ring.published()), (1, 0));
        assert_eq!((slots[0].bid, slots[0].resv), (u16::MAX, 0x5aa5));
        assert_eq!(
            (slots[0].addr, slots[0].len),
            (buf(u16::MAX).addr, u32::MAX)
        );
    }

    #[test]
    fn the_tail_is_a_count_and_wraps_at_65536() {
        let mut slots = [io_uring_buf::default(); 4];
        let mut ring = ring(&mut slots);
        for n in 0..65536 + 5 {
            // SAFETY: as above.
            unsafe {
                ring.push(buf((n & 0xffff) as u16));
                ring.publish();
            }
        }
        assert_eq!((ring.unpublished(), ring.published()), (0, 5));
        let bids: Vec<u16> = slots.iter().map(|slot| slot.bid).collect();
        assert_eq!(bids, [4, 1, 2, 3]);
        assert_eq!(slots[0].resv, 5);
    }
}
