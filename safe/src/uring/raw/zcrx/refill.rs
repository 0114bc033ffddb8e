//! The refill queue: how received data is given back to the network device.
//!
//! It is a ring of entries, a power of two of them, with two shared indexes that only grow and wrap at 2³².
//! We fill the entries from the tail on and store the tail; the kernel takes them from the head on and stores
//! the head. Everything that the order of memory accesses depends on stands in this file, generic over where
//! the queue lives, so that the models in `loom.rs` run the code that the queue runs.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use uring_sys::{io_uring_zcrx_offsets, io_uring_zcrx_rqe, zcrx_stats};

use super::Received;
use crate::fork::Generation;
use crate::mmap::Mmap;
use crate::sync::{SharedWord, Word};

/// The memory order of each access of the protocol. A model replaces one and must then fail.
pub(super) trait Orders {
    /// Acquire: the kernel has read the entries before we write over them. Pairs with the release store of
    /// the head in the kernel's `io_zcrx_ring_refill`.
    const HEAD_LOAD: Ordering = Ordering::Acquire;
    /// Release: the entries are written before the kernel sees the tail. Pairs with the acquire load of the
    /// tail in the kernel's `io_zcrx_rqring_entries`.
    const TAIL_STORE: Ordering = Ordering::Release;
}

/// The orders that the queue uses.
#[derive(Debug)]
pub(super) struct AsDocumented;

impl Orders for AsDocumented {}

/// What is written to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) off: u64,
    pub(super) len: u32,
}

/// The entries of a queue.
pub(super) trait Entries {
    /// Fills the entry `index`.
    ///
    /// # Safety
    ///
    /// The memory is there, `index` is less than the number of entries, and the kernel does not use the
    /// entry.
    unsafe fn fill(&self, index: u32, entry: Entry);
}

/// The application's side of a queue.
#[derive(Debug)]
pub(super) struct Producer<W, E, O = AsDocumented> {
    /// Written by the kernel.
    head: W,
    /// Written by us.
    tail: W,
    entries: E,
    /// A power of two.
    capacity: u32,
    /// The next entry to fill, before it is taken modulo the capacity.
    next: u32,
    /// The kernel's head, as last seen.
    seen: u32,
    orders: PhantomData<O>,
}

impl<W: Word, E: Entries, O: Orders> Producer<W, E, O> {
    /// The side of an empty queue, both of whose indexes are `start`.
    pub(super) fn new(head: W, tail: W, entries: E, capacity: u32, start: u32) -> Self {
        Self {
            head,
            tail,
            entries,
            capacity,
            next: start,
            seen: start,
            orders: PhantomData,
        }
    }

    /// The free entries, as far as is known. The kernel's head is looked at only if none is.
    ///
    /// # Safety
    ///
    /// The memory of the indexes is there.
    #[inline]
    pub(super) unsafe fn room(&mut self) -> u32 {
        if self.next.wrapping_sub(self.seen) >= self.capacity {
            self.seen = self.head.load(O::HEAD_LOAD);
        }
        // A head that is not between the tail less the capacity and the tail leaves no room.
        self.capacity
            .saturating_sub(self.next.wrapping_sub(self.seen))
    }

    /// Fills the next entry. `false` if all are in use.
    ///
    /// # Safety
    ///
    /// The memory of the queue is there.
    #[inline]
    pub(super) unsafe fn push(&mut self, entry: Entry) -> bool {
        // SAFETY: by the caller's promise.
        if unsafe { self.room() } == 0 {
            return false;
        }
        // SAFETY: the mask makes an index of it, and the kernel's head is past what the entry held before.
        unsafe { self.entries.fill(self.next & (self.capacity - 1), entry) };
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Shows the kernel all that was pushed.
    ///
    /// # Safety
    ///
    /// The memory of the indexes is there.
    #[inline]
    pub(super) unsafe fn publish(&mut self) {
        self.tail.store(self.next, O::TAIL_STORE);
    }
}

/// Entries in memory shared with the kernel.
#[derive(Clone, Copy, Debug)]
struct Shared(NonNull<io_uring_zcrx_rqe>);

// SAFETY: this is an address; who uses it promises what that takes.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Entries for Shared {
    #[inline]
    unsafe fn fill(&self, index: u32, entry: Entry) {
        let value = io_uring_zcrx_rqe {
            off: entry.off,
            len: entry.len,
            ..Default::default()
        };
        // SAFETY: the entry is inside the queue and is not used by the kernel, by the caller's promise.
        unsafe { self.0.add(index as usize).write(value) };
    }
}

/// All entries of a refill queue are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Display for Full {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("all entries of the refill queue are in use")
    }
}

impl std::error::Error for Full {}

/// The queue by which received data is given back, so that the device can receive into that memory again.
///
/// In a forked child it is not mapped; there it has no room, and publishing does nothing.
pub struct RefillQueue {
    producer: Producer<SharedWord, Shared>,
    memory: Mmap,
    process: Generation,
}

impl RefillQueue {
    /// The queue in `memory`, where the kernel has said that it is, with `entries` entries.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it does not lie in the memory.
    pub(super) fn new(
        memory: Mmap,
        offsets: &io_uring_zcrx_offsets,
        entries: u32,
        process: Generation,
    ) -> io::Result<Self> {
        if !fits(offsets, entries, memory.len()) {
            let message = "the kernel's offsets of the refill queue are not inside its memory";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let at = |offset: u32| {
            // SAFETY: `fits` has seen that the offset is inside the mapping.
            unsafe { memory.at().add(offset as usize) }
        };
        // SAFETY: both are aligned to 4 and inside the mapping, as `fits` has seen. It is mapped as long as
        // the queue lives, and whoever uses the words promises that this is the process that has it. We and
        // the kernel access them only atomically.
        let (head, tail) = unsafe {
            (
                SharedWord::new(at(offsets.head).cast()),
                SharedWord::new(at(offsets.tail).cast()),
            )
        };
        // Relaxed: it is ours, and nobody has written it since it was zeroed.
        let start = tail.load(Ordering::Relaxed);
        let slots = Shared(at(offsets.rqes).cast());
        Ok(Self {
            producer: Producer::new(head, tail, slots, entries, start),
            memory,
            process,
        })
    }

    /// The number of entries.
    #[inline]
    pub fn capacity(&self) -> u32 {
        self.producer.capacity
    }

    /// How many entries are free, at least. The kernel's index is looked at only if none seems to be.
    #[inline]
    pub fn room(&mut self) -> u32 {
        if !self.process.is_current() {
            return 0;
        }
        // SAFETY: the mapping lives as long as `self`, and this process has it.
        unsafe { self.producer.room() }
    }

    /// Gives `received` back. The kernel sees it after [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// [`Full`]: the kernel has not taken what is there. It takes entries when the device needs memory, or by
    /// [`Ifq::flush`](super::Ifq::flush).
    ///
    /// # Safety
    ///
    /// * `received` is of this queue's device, and has not been given back before.
    /// * Nobody accesses its bytes from the next `publish` on, until another completion reports them.
    /// * This is the process that registered the queue, not a forked child.
    #[inline]
    pub unsafe fn push(&mut self, received: &Received) -> Result<(), Full> {
        // SAFETY: the mapping lives as long as `self`, and is of this process by the caller's promise.
        let pushed = unsafe { self.producer.push(received.refill_entry()) };
        if pushed { Ok(()) } else { Err(Full) }
    }

    /// Shows the kernel all that was pushed. One store, however much it is.
    #[inline]
    pub fn publish(&mut self) {
        if self.process.is_current() {
            // SAFETY: the mapping lives as long as `self`, and this process has it.
            unsafe { self.producer.publish() };
        }
    }

    /// The kernel's counters at `offset` of the memory, which is aligned to 8 and inside.
    pub(super) fn stats_at(&self, offset: usize) -> Option<zcrx_stats> {
        let inside = offset % 8 == 0 && offset + size_of::<zcrx_stats>() <= self.memory.len();
        if !inside || !self.process.is_current() {
            return None;
        }
        // SAFETY: the place is mapped, aligned and inside, as was just seen. Volatile: the kernel writes it.
        Some(unsafe {
            self.memory
                .at()
                .add(offset)
                .cast::<zcrx_stats>()
                .read_volatile()
        })
    }
}

impl fmt::Debug for RefillQueue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefillQueue")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// Whether a queue of `entries` lies at `offsets` in `len` bytes of page-aligned memory.
fn fits(offsets: &io_uring_zcrx_offsets, entries: u32, len: usize) -> bool {
    let inside = |offset: u32, size: u64, align: u32| {
        offset % align == 0 && u64::from(offset) + size <= len as u64
    };
    let size = u64::from(entries) * size_of::<io_uring_zcrx_rqe>() as u64;
    entries.is_power_of_two()
        && offsets.head != offsets.tail
        && inside(offsets.head, 4, 4)
        && inside(offsets.tail, 4, 4)
        && inside(offsets.rqes, size, 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmap::page_size;

    const OFFSETS: io_uring_zcrx_offsets = io_uring_zcrx_offsets {
        head: 0,
        tail: 4,
        rqes: 128,
        __resv2: 0,
        __resv: [0; 2],
    };

    /// A queue of 4, and its words and entries as the kernel would use them.
    fn queue() -> (
        RefillQueue,
        SharedWord,
        SharedWord,
        NonNull<io_uring_zcrx_rqe>,
    ) {
        let memory = Mmap::memory(page_size()).expect("a page");
        let at = memory.at();
        let process = Generation::current().expect("a page");
        // SAFETY: the places are in the page, and aligned.
        let (head, tail, entries) = unsafe {
            let word = |offset| SharedWord::new(at.add(offset).cast());
            (word(0), word(4), at.add(128).cast())
        };
        head.store(u32::MAX - 1, Ordering::Relaxed);
        tail.store(u32::MAX - 1, Ordering::Relaxed);
        let queue = RefillQueue::new(memory, &OFFSETS, 4, process).expect("it fits");
        (queue, head, tail, entries)
    }

    #[test]
    fn it_wraps_is_full_and_gets_room_from_the_head() {
        let (mut queue, head, tail, entries) = queue();
        for round in 0..3u64 {
            assert_eq!(queue.room(), 4);
            for n in 0..4 {
                let received = Received::for_test(round * 4 + n, n as u32);
                // SAFETY: no kernel and no device are there.
                unsafe { queue.push(&received) }.expect("room");
            }
            let one_more = Received::for_test(99, 99);
            // SAFETY: as above.
            assert_eq!(unsafe { queue.push(&one_more) }, Err(Full));
            let start = (u32::MAX - 1).wrapping_add(4 * round as u32);
            assert_eq!(tail.load(Ordering::Relaxed), start);
            queue.publish();
            let end = start.wrapping_add(4);
            assert_eq!(tail.load(Ordering::Relaxed), end);
            for n in 0..4 {
                let index = start.wrapping_add(n) & 3;
                // SAFETY: inside the page.
                let entry = unsafe { entries.add(index as usize).read() };
                assert_eq!(entry.off, round * 4 + u64::from(n));
                assert_eq!((entry.len, entry.__pad), (n, 0));
            }
            head.store(end, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_kernels_offsets_are_checked() {
        let with = |head, tail, rqes| io_uring_zcrx_offsets {
            head,
            tail,
            rqes,
            ..OFFSETS
        };
        assert!(fits(&OFFSETS, 4, 192));
        assert!(!fits(&OFFSETS, 4, 191));
        assert!(!fits(&OFFSETS, 3, 4096));
        assert!(!fits(&OFFSETS, 0, 4096));
        assert!(!fits(&with(0, 0, 128), 4, 4096));
        assert!(!fits(&with(2, 4, 128), 4, 4096));
        assert!(!fits(&with(4096, 4, 128), 4, 4096));
        assert!(!fits(&with(0, 4094, 128), 4, 4096));
        assert!(!fits(&with(0, 4, 132), 4, 4096));
        assert!(!fits(&with(0, 4, u32::MAX - 7), 1 << 31, 4096));
    }
}
