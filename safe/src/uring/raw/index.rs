//! The index protocol of the two queues: who may touch which slot, and when.
//!
//! Each queue is an array of slots, a power of two of them, with two indexes that only grow (and wrap at
//! 2³²). The producer owns the slots from the tail on, the consumer those from the head up to the tail;
//! each hands slots over by storing its own index. Everything that the order of memory accesses depends
//! on stands in this file, generic over where the atomics live, so that the loom models in `loom.rs` run
//! the code that the ring runs.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::Ordering;

use crate::sync::{Word, fence};

/// The memory order of each access of the protocol. A model replaces one and must then fail.
pub(crate) trait Orders {
    /// Release: the entries are written before the kernel sees the tail. Pairs with the acquire load of
    /// the SQ tail in the kernel's `io_sqring_entries`.
    const SQ_TAIL_STORE: Ordering = Ordering::Release;
    /// Acquire: the kernel has read the entries before we write over them. Pairs with the release store of
    /// the SQ head in the kernel's `io_commit_sqring`.
    const SQ_HEAD_LOAD: Ordering = Ordering::Acquire;
    /// Sequentially consistent: the tail store before it and the flags load after it stay in this order.
    /// Pairs with `smp_mb__after_atomic` in the kernel's `io_sq_thread`, between setting NEED_WAKEUP and
    /// reading the tail a last time. One of the two sides sees what the other wrote.
    const WAKE_FENCE: Ordering = Ordering::SeqCst;
    /// Acquire: the entries are read after the tail that covers them. Pairs with the release store of the
    /// CQ tail in the kernel's `io_commit_cqring`.
    const CQ_TAIL_LOAD: Ordering = Ordering::Acquire;
    /// Release: the entries have been read before the kernel sees that their slots are free. Pairs with the
    /// load of the CQ head in the kernel's `io_cqe_cache_refill`, ordered there by a control dependency.
    const CQ_HEAD_STORE: Ordering = Ordering::Release;
}

/// The orders that the ring uses.
pub(crate) struct AsDocumented;

impl Orders for AsDocumented {}

/// The application's own state of the submission queue.
///
/// It lies in a page that is zeroed in a forked child, where the ring is not mapped: with no entries there
/// is no room, so that nothing is written.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct SqLocal {
    /// The next slot to write. Ahead of the shared tail by what has not been published.
    tail: Cell<u32>,
    /// Where there is no slot left: the kernel's head, as last seen, plus the number of slots.
    end: Cell<u32>,
    /// The number of slots. Zero only in a forked child.
    entries: Cell<u32>,
}

/// The application's own state of the completion queue; see [`SqLocal`]. In a forked child it is empty.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct CqLocal {
    /// The next slot to read. Ahead of the shared head by what has not been published.
    head: Cell<u32>,
    /// The kernel's tail, as last seen.
    tail: Cell<u32>,
    /// The number of slots. Zero only in a forked child.
    entries: Cell<u32>,
}

impl SqLocal {
    /// Begins with the indexes of a queue that exists.
    pub(crate) fn start(&self, entries: u32, head: impl Word, tail: impl Word) {
        self.end
            .set(head.load(Ordering::Acquire).wrapping_add(entries));
        self.tail.set(tail.load(Ordering::Acquire));
        self.entries.set(entries);
    }

    /// Forgets the first `slots`, where the head stays at 0. Answers how many are left.
    pub(crate) fn take_front(&self, slots: u32) -> u32 {
        let left = self.tail.get() - slots;
        self.tail.set(left);
        left
    }
}

impl CqLocal {
    /// Begins with the indexes of a queue that exists.
    pub(crate) fn start(&self, entries: u32, head: impl Word) {
        let head = head.load(Ordering::Acquire);
        self.head.set(head);
        self.tail.set(head);
        self.entries.set(entries);
    }

    /// Forgets that slots are filled, until the next look at the kernel's tail.
    pub(crate) fn unsee(&self) {
        self.tail.set(self.head.get());
    }
}

/// The application's side of the submission queue.
pub(crate) struct Producer<'a, W, O = AsDocumented> {
    local: &'a SqLocal,
    /// Written by the kernel.
    head: W,
    /// Written by us.
    tail: W,
    orders: PhantomData<O>,
}

impl<'a, W: Word, O: Orders> Producer<'a, W, O> {
    #[inline]
    pub(crate) fn new(local: &'a SqLocal, head: W, tail: W) -> Self {
        Self {
            local,
            head,
            tail,
            orders: PhantomData,
        }
    }

    /// The number of slots; 0 in a forked child.
    #[inline]
    pub(crate) fn capacity(&self) -> u32 {
        self.local.entries.get()
    }

    /// The free slots, as far as is known.
    #[inline]
    pub(crate) fn free(&self) -> u32 {
        self.local.end.get().wrapping_sub(self.local.tail.get())
    }

    /// The position of the first free slot, if at least `slots` are free. Looks at the kernel's head only
    /// when they seem not to be.
    #[inline]
    pub(crate) fn reserve(&self, slots: u32) -> Option<u32> {
        if self.free() >= slots || self.refreshed(slots) {
            Some(self.local.tail.get())
        } else {
            None
        }
    }

    #[cold]
    fn refreshed(&self, slots: u32) -> bool {
        self.refresh();
        self.free() >= slots
    }

    /// Counts what lies before `position` as written. The kernel sees it after [`publish`](Self::publish).
    #[inline]
    pub(crate) fn advance_to(&self, position: u32) {
        self.local.tail.set(position);
    }

    /// The next position to write.
    #[inline]
    pub(crate) fn position(&self) -> u32 {
        self.local.tail.get()
    }

    /// Shows the kernel all that was written.
    #[inline]
    pub(crate) fn publish(&self) {
        if self.local.entries.get() != 0 {
            self.tail.store(self.local.tail.get(), O::SQ_TAIL_STORE);
        }
    }

    /// As [`publish`](Self::publish), by one who was given a slot: thus not in a forked child.
    #[inline]
    pub(crate) fn publish_reserved(&self) {
        self.tail.store(self.local.tail.get(), O::SQ_TAIL_STORE);
    }

    /// Learns which slots the kernel has given back.
    #[inline]
    pub(crate) fn refresh(&self) {
        if self.local.entries.get() != 0 {
            let head = self.head.load(O::SQ_HEAD_LOAD);
            self.local
                .end
                .set(head.wrapping_add(self.local.entries.get()));
        }
    }
}

/// The application's side of the completion queue.
pub(crate) struct Consumer<'a, W, O = AsDocumented> {
    local: &'a CqLocal,
    /// Written by us.
    head: W,
    /// Written by the kernel.
    tail: W,
    orders: PhantomData<O>,
}

impl<'a, W: Word, O: Orders> Consumer<'a, W, O> {
    #[inline]
    pub(crate) fn new(local: &'a CqLocal, head: W, tail: W) -> Self {
        Self {
            local,
            head,
            tail,
            orders: PhantomData,
        }
    }

    /// The number of slots; 0 in a forked child.
    #[inline]
    pub(crate) fn capacity(&self) -> u32 {
        self.local.entries.get()
    }

    /// The filled slots, as far as is known.
    #[inline]
    pub(crate) fn ready(&self) -> u32 {
        self.local.tail.get().wrapping_sub(self.local.head.get())
    }

    /// The position of the first filled slot, as far as is known.
    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        let head = self.local.head.get();
        (head != self.local.tail.get()).then_some(head)
    }

    /// Counts what lies before `position` as read. It is never given out again; the kernel may fill it after
    /// [`publish`](Self::publish).
    #[inline]
    pub(crate) fn advance_to(&self, position: u32) {
        self.local.head.set(position);
    }

    /// Gives the kernel all slots that were read.
    #[inline]
    pub(crate) fn publish(&self) {
        if self.local.entries.get() != 0 {
            self.head.store(self.local.head.get(), O::CQ_HEAD_STORE);
        }
    }

    /// As [`publish`](Self::publish), by one who has read a slot: thus not in a forked child.
    #[inline]
    pub(crate) fn publish_filled(&self) {
        self.head.store(self.local.head.get(), O::CQ_HEAD_STORE);
    }

    /// Learns which slots the kernel has filled.
    #[inline]
    pub(crate) fn refresh(&self) {
        if self.local.entries.get() != 0 {
            self.local.tail.set(self.tail.load(O::CQ_TAIL_LOAD));
        }
    }
}

/// The flags of the submission queue, read so late that a kernel thread which went to sleep without
/// seeing the tail just published has set NEED_WAKEUP in them.
#[inline]
pub(crate) fn flags_after_publishing<O: Orders>(flags: &impl Word) -> u32 {
    fence(O::WAKE_FENCE);
    // Relaxed: the fence orders it, and nothing is read on the strength of the answer.
    flags.load(Ordering::Relaxed)
}
