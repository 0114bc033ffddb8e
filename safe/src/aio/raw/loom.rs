//! Models of the completion ring: every interleaving, and every outcome that the memory orders allow, of our side
//! as the ring runs it and the kernel's side as `fs/aio.c` says.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p safe --release --lib loom
//! ```
//!
//! Each order in [`Orders`] that could be weaker has a mutant: the same model with that order one step weaker, which
//! must fail. So must each rule about who reaps, and the wrong idea that the number of slots is a power of two.
//! Rings have 3 slots, so that 2 events fit, and begin at the last slot: each model wraps around.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU32;
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::ring::{AsDocumented, Header, Orders, Positions};

const SLOTS: u32 = 3;
const START: u32 = SLOTS - 1;

/// A ring as both sides see it.
#[derive(Clone)]
struct Ring {
    head: Arc<AtomicU32>,
    tail: Arc<AtomicU32>,
    slots: Arc<Vec<UnsafeCell<u32>>>,
}

impl Ring {
    fn new() -> Self {
        Self {
            head: Arc::new(AtomicU32::new(START)),
            tail: Arc::new(AtomicU32::new(START)),
            slots: Arc::new((0..SLOTS).map(|_| UnsafeCell::new(0)).collect()),
        }
    }

    /// Fails the model if another thread may be writing the slot.
    fn read(&self, slot: u32) -> u32 {
        // SAFETY: the model watches that nobody else uses the slot.
        self.slots[slot as usize].with(|slot| unsafe { *slot })
    }

    /// `aio_complete`, after io_submit(2) has found room for the request in `user_refill_reqs_available`.
    /// The kernel has a tail of its own, and only stores the shared one.
    fn kernel_posts(&self, tail: &mut u32, value: u32) -> bool {
        // The kernel reads the head plainly and then decides to admit a request, whose end is written later; acquire
        // is the nearest to that control dependency that a model knows.
        let head = self.head.load(Acquire) % SLOTS;
        if (*tail + SLOTS - head) % SLOTS == SLOTS - 1 {
            return false;
        }
        // SAFETY: as above.
        self.slots[*tail as usize].with_mut(|slot| unsafe { *slot = value });
        *tail = (*tail + 1) % SLOTS;
        // `smp_wmb` and a plain store.
        self.tail.store(*tail, Release);
        true
    }

    /// As many requests as there are values, each as soon as there is room for it.
    fn kernel_posts_all(&self, tail: &mut u32, values: RangeInclusive<u32>) {
        for value in values {
            while !self.kernel_posts(tail, value) {
                thread::yield_now();
            }
        }
    }

    /// `aio_read_events_ring`, for one event.
    fn kernel_reaps(&self) -> Option<u32> {
        let head = self.head.load(Relaxed) % SLOTS;
        // A plain load and `smp_rmb`.
        if self.tail.load(Acquire) == head {
            return None;
        }
        let value = self.read(head);
        // A plain store, which what the kernel does before it (copying to user memory, unlocking) orders.
        self.head.store((head + 1) % SLOTS, Release);
        Some(value)
    }

    /// The way of taking events that is to be proved.
    fn reap<O: Orders>(&self, most: usize, slots: u32) -> Vec<u32> {
        let positions = Positions::<_, O>::new(self.clone(), slots);
        let mut values = Vec::new();
        let taken = positions.take(most, |slot, _, count| {
            values.extend((slot..slot + count as u32).map(|slot| self.read(slot)));
        });
        assert_eq!(taken, Some(values.len()), "positions");
        values
    }

    /// The way of taking one event that is to be proved.
    fn reap_one<O: Orders>(&self) -> Option<u32> {
        let positions = Positions::<_, O>::new(self.clone(), SLOTS);
        let mut value = None;
        let taken = positions.take_one(|slot| value = Some(self.read(slot)));
        assert_eq!(taken, Some(value.is_some()), "positions");
        value
    }
}

impl Header for Ring {
    fn head(&self, order: Ordering) -> u32 {
        self.head.load(order)
    }

    fn tail(&self, order: Ordering) -> u32 {
        self.tail.load(order)
    }

    fn set_head(&self, head: u32, order: Ordering) {
        self.head.store(head, order);
    }
}

/// The kernel, in a thread, posts so many events `more` to a ring that is full with two, of which `first` reaps some.
/// What is not there at first, `rest` reaps.
fn ring(more: u32, first: fn(&Ring) -> Vec<u32>, rest: fn(&Ring) -> Vec<u32>) {
    loom::model(move || {
        let ring = Ring::new();
        let mut tail = START;
        assert!(ring.kernel_posts(&mut tail, 1) && ring.kernel_posts(&mut tail, 2));
        assert!(!ring.kernel_posts(&mut tail, 3), "one slot stays free");
        let kernel = {
            let ring = ring.clone();
            thread::spawn(move || ring.kernel_posts_all(&mut tail, 3..=2 + more))
        };
        let mut reaped = first(&ring);
        while reaped.len() < 2 + more as usize {
            let more = rest(&ring);
            if more.is_empty() {
                thread::yield_now();
            }
            reaped.extend(more);
        }
        assert_eq!(reaped, Vec::from_iter(1..3 + more));
        kernel.join().unwrap();
    });
}

/// All of it from the ring, as much as there is at a time.
fn alone<O: Orders + 'static>() {
    let all: fn(&Ring) -> Vec<u32> = |ring| ring.reap::<O>(2, SLOTS);
    ring(2, all, all);
}

/// All of it from the ring, one by one.
fn one_by_one<O: Orders + 'static>() {
    let one: fn(&Ring) -> Vec<u32> = |ring| ring.reap_one::<O>().into_iter().collect();
    ring(1, one, one);
}

/// Two events are reaped one by one, while the kernel waits for their slots to post two more, one of them to the same slot.
fn slots_go_back_one_by_one<O: Orders + 'static>() {
    loom::model(|| {
        let ring = Ring::new();
        let mut tail = START;
        assert!(ring.kernel_posts(&mut tail, 1) && ring.kernel_posts(&mut tail, 2));
        let kernel = {
            let ring = ring.clone();
            thread::spawn(move || ring.kernel_posts_all(&mut tail, 3..=4))
        };
        let mut reaped = vec![ring.reap_one::<O>(), ring.reap_one::<O>()];
        kernel.join().unwrap();
        reaped.extend([ring.reap_one::<O>(), ring.reap_one::<O>()]);
        assert_eq!(reaped, [Some(1), Some(2), Some(3), Some(4)]);
    });
}

/// Two threads reap one event each, of two that are there: this one from the ring.
fn two_reapers(locked: bool, other: fn(&Ring) -> Option<u32>) {
    loom::model(move || {
        let ring = Ring::new();
        let mut tail = START;
        assert!(ring.kernel_posts(&mut tail, 1) && ring.kernel_posts(&mut tail, 2));
        let reaping = Arc::new(Mutex::new(()));
        let theirs = {
            let (ring, reaping) = (ring.clone(), reaping.clone());
            thread::spawn(move || {
                let _alone = locked.then(|| reaping.lock().unwrap());
                other(&ring)
            })
        };
        let mut reaped = {
            let _alone = locked.then(|| reaping.lock().unwrap());
            ring.reap::<AsDocumented>(1, SLOTS)
        };
        reaped.extend(theirs.join().unwrap());
        reaped.sort_unstable();
        assert_eq!(reaped, [1, 2], "lost or taken twice");
    });
}

fn from_the_ring(ring: &Ring) -> Option<u32> {
    ring.reap_one::<AsDocumented>()
}

macro_rules! mutant {
    ($name:ident: $order:ident = $weaker:expr) => {
        struct $name;
        impl Orders for $name {
            const $order: Ordering = $weaker;
        }
    };
}

mutant!(TailLoadedRelaxed: TAIL_LOAD = Relaxed);
mutant!(HeadStoredRelaxed: HEAD_STORE = Relaxed);

#[test]
fn one_reaper_holds() {
    alone::<AsDocumented>();
}

#[test]
fn one_reaper_of_one_event_at_a_time_holds() {
    one_by_one::<AsDocumented>();
    slots_go_back_one_by_one::<AsDocumented>();
}

#[test]
fn taking_turns_with_the_call_holds() {
    ring(
        2,
        |ring| ring.reap::<AsDocumented>(2, SLOTS),
        |ring| ring.kernel_reaps().into_iter().collect(),
    );
}

#[test]
fn two_reapers_under_a_lock_hold() {
    two_reapers(true, from_the_ring);
    two_reapers(true, Ring::kernel_reaps);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reaping_needs_acquire_of_the_tail() {
    alone::<TailLoadedRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reaping_needs_release_of_the_head() {
    alone::<HeadStoredRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reaping_one_needs_acquire_of_the_tail() {
    one_by_one::<TailLoadedRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reaping_one_needs_release_of_the_head() {
    slots_go_back_one_by_one::<HeadStoredRelaxed>();
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn slots_are_no_power_of_two() {
    loom::model(|| {
        let ring = Ring::new();
        let mut tail = START;
        assert!(ring.kernel_posts(&mut tail, 1) && ring.kernel_posts(&mut tail, 2));
        ring.reap::<AsDocumented>(2, SLOTS.next_power_of_two());
    });
}

#[test]
#[should_panic(expected = "lost or taken twice")]
fn two_reapers_of_the_ring_need_a_lock() {
    two_reapers(false, from_the_ring);
}

#[test]
#[should_panic(expected = "lost or taken twice")]
fn the_ring_and_the_call_need_a_lock() {
    two_reapers(false, Ring::kernel_reaps);
}
