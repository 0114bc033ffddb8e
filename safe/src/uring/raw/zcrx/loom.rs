//! Models of the refill queue, in every interleaving and with every value that a weak memory may show.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p safe --release --lib loom
//! ```
//!
//! Each order in [`Orders`] has a mutant: the same model with that order one step weaker, which must fail.

use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use super::refill::{AsDocumented, Entries, Entry, Orders, Producer};

const CAPACITY: u32 = 2;
/// More, so that an entry is used again. One more takes a hundred times as long.
const GIVEN_BACK: u32 = 3;

/// Plain cells: the model fails when one is read and written without order between.
struct Cells([UnsafeCell<Option<Entry>>; CAPACITY as usize]);

impl Entries for Arc<Cells> {
    unsafe fn fill(&self, index: u32, entry: Entry) {
        // SAFETY: the cell itself panics if anybody else accesses it meanwhile.
        self.0[index as usize].with_mut(|cell| unsafe { *cell = Some(entry) });
    }
}

/// The kernel's side, as `io_zcrx_ring_refill` does it.
fn kernel(cells: &Cells, head: &AtomicU32, tail: &AtomicU32, first: u32) {
    for n in 0..GIVEN_BACK {
        let taken = first.wrapping_add(n);
        while tail.load(Ordering::Acquire) == taken {
            thread::yield_now();
        }
        let cell = &cells.0[(taken & (CAPACITY - 1)) as usize];
        // SAFETY: as above.
        assert_eq!(cell.with(|cell| unsafe { *cell }), Some(entry(n)));
        head.store(taken.wrapping_add(1), Ordering::Release);
    }
}

fn entry(n: u32) -> Entry {
    Entry {
        off: u64::from(n) << 12,
        len: 4096,
    }
}

/// Passes the entries through the queue, both of whose indexes begin at `first`.
fn run<O: Orders + 'static>(first: u32) {
    loom::model(move || {
        let cells = Arc::new(Cells([UnsafeCell::new(None), UnsafeCell::new(None)]));
        let head = Arc::new(AtomicU32::new(first));
        let tail = Arc::new(AtomicU32::new(first));
        let mut queue = Producer::<_, _, O>::new(
            Arc::clone(&head),
            Arc::clone(&tail),
            Arc::clone(&cells),
            CAPACITY,
            first,
        );
        let other = thread::spawn(move || kernel(&cells, &head, &tail, first));
        for n in 0..GIVEN_BACK {
            // SAFETY: the memory is there.
            while !unsafe { queue.push(entry(n)) } {
                thread::yield_now();
            }
            // SAFETY: as above.
            unsafe { queue.publish() };
        }
        other.join().expect("the kernel's side");
    });
}

#[test]
fn each_entry_is_taken_once_and_whole() {
    run::<AsDocumented>(0);
}

#[test]
fn the_indexes_wrap() {
    run::<AsDocumented>(u32::MAX - 1);
}

/// [`Orders::TAIL_STORE`] one step weaker.
struct RelaxedTail;

impl Orders for RelaxedTail {
    const TAIL_STORE: Ordering = Ordering::Relaxed;
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_tail_store() {
    run::<RelaxedTail>(0);
}

/// [`Orders::HEAD_LOAD`] one step weaker.
struct RelaxedHead;

impl Orders for RelaxedHead {
    const HEAD_LOAD: Ordering = Ordering::Relaxed;
}

#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_relaxed_head_load() {
    run::<RelaxedHead>(0);
}
