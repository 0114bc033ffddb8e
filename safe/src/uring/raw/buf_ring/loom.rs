//! Models of the buffer ring, in every interleaving and with every value that a weak memory may show.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p safe --release --lib loom
//! ```
//!
//! Each order in [`Orders`] has a mutant: the same model with that order one step weaker, which must fail.

use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU16, AtomicU32};
use loom::thread;

use super::slots::{AsDocumented, Buf, Memory, Orders, Producer};

const SLOTS: u16 = 2;
/// More, so that a slot is used again. One more takes a hundred times as long.
const BUFFERS: u16 = 3;

struct Model {
    /// A plain cell: the model fails when it is read and written without order between.
    slots: [UnsafeCell<Option<Buf>>; SLOTS as usize],
    tail: AtomicU16,
    /// The number of CQEs: the tail of the completion queue.
    completed: AtomicU32,
}

impl Memory for Arc<Model> {
    unsafe fn fill(&self, index: u16, buf: Buf) {
        // SAFETY: the cell itself panics if anybody else accesses it meanwhile.
        self.slots[usize::from(index)].with_mut(|slot| unsafe { *slot = Some(buf) });
    }

    unsafe fn store_tail(&self, tail: u16, order: Ordering) {
        self.tail.store(tail, order);
    }
}

/// The kernel's side, as `io_ring_buffer_select` and then `io_commit_cqring` do it.
fn kernel(model: &Model, first: u16) {
    for n in 0..BUFFERS {
        let head = first.wrapping_add(n);
        while model.tail.load(Ordering::Acquire) == head {
            thread::yield_now();
        }
        let slot = &model.slots[usize::from(head & (SLOTS - 1))];
        // SAFETY: as above.
        let picked = slot.with(|slot| unsafe { *slot });
        assert_eq!(picked, Some(buffer(n)));
        model.completed.store(u32::from(n) + 1, Ordering::Release);
    }
}

fn buffer(n: u16) -> Buf {
    Buf {
        addr: u64::from(n) << 12,
        len: 4096,
        bid: n,
    }
}

/// Passes the buffers through the ring, beginning at `first`. `REAPED` is the order in which the
/// application reads the tail of the completion queue.
fn run<O: Orders + 'static>(first: u16, reaped: Ordering) {
    loom::model(move || {
        let model = Arc::new(Model {
            slots: [UnsafeCell::new(None), UnsafeCell::new(None)],
            tail: AtomicU16::new(first),
            completed: AtomicU32::new(0),
        });
        let mut ring = Producer::<_, O>::new(Arc::clone(&model), SLOTS - 1, first);
        let shared = Arc::clone(&model);
        let other = thread::spawn(move || kernel(&shared, first));
        for n in 0..BUFFERS {
            while u32::from(n) >= model.completed.load(reaped) + u32::from(SLOTS) {
                thread::yield_now();
            }
            // SAFETY: a slot is free, as the contract asks.
            unsafe {
                ring.push(buffer(n));
                ring.publish();
            }
        }
        other.join().expect("the kernel's side");
    });
}

#[test]
fn each_buffer_is_picked_once_and_whole() {
    run::<AsDocumented>(0, Ordering::Acquire);
}

#[test]
fn the_tail_wraps() {
    run::<AsDocumented>(u16::MAX - 1, Ordering::Acquire);
}

/// [`Orders::TAIL_STORE`] one step weaker.
struct RelaxedTail;

impl Orders for RelaxedTail {
    const TAIL_STORE: Ordering = Ordering::Relaxed;
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_tail_store() {
    run::<RelaxedTail>(0, Ordering::Acquire);
}

/// That a slot is free is known from the completion queue: its acquire load is part of the contract of
/// `push`.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_slot_known_free_without_acquire() {
    run::<AsDocumented>(0, Ordering::Relaxed);
}
