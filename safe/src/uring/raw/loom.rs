//! Models of the index protocol: every interleaving, and every outcome that the memory orders allow, of our
//! side as the ring runs it and the kernel's side as its source says.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p safe --release --lib loom
//! ```
//!
//! Each order in [`Orders`] has a mutant: the same model with that order one step weaker, which must fail.
//! Indexes begin just before they wrap at 2³², and queues have so few slots that each is used again.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;
use uring_sys::{IORING_SQ_CQ_OVERFLOW, IORING_SQ_NEED_WAKEUP};

use super::index::{
    AsDocumented, Consumer, CqLocal, Orders, Producer, SqLocal, flags_after_publishing,
};

/// The indexes just before they wrap.
const START: u32 = u32::MAX;

/// A queue as both sides see it.
#[derive(Clone)]
struct Ring {
    head: Arc<AtomicU32>,
    tail: Arc<AtomicU32>,
    flags: Arc<AtomicU32>,
    slots: Arc<Vec<UnsafeCell<u32>>>,
}

impl Ring {
    fn new(slots: u32) -> Self {
        Self {
            head: Arc::new(AtomicU32::new(START)),
            tail: Arc::new(AtomicU32::new(START)),
            flags: Arc::new(AtomicU32::new(0)),
            slots: Arc::new((0..slots).map(|_| UnsafeCell::new(0)).collect()),
        }
    }

    fn entries(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Fails the model if another thread may be at the slot.
    fn write(&self, position: u32, value: u32) {
        let slot = &self.slots[(position & (self.entries() - 1)) as usize];
        // SAFETY: the model watches that nobody else uses the slot.
        slot.with_mut(|slot| unsafe { *slot = value });
    }

    fn read(&self, position: u32) -> u32 {
        let slot = &self.slots[(position & (self.entries() - 1)) as usize];
        // SAFETY: as above.
        slot.with(|slot| unsafe { *slot })
    }

    fn producer<'a, O: Orders>(&self, local: &'a SqLocal) -> Producer<'a, Arc<AtomicU32>, O> {
        local.start(self.entries(), self.head.clone(), self.tail.clone());
        Producer::new(local, self.head.clone(), self.tail.clone())
    }

    fn consumer<'a, O: Orders>(&self, local: &'a CqLocal) -> Consumer<'a, Arc<AtomicU32>, O> {
        local.start(self.entries(), self.head.clone());
        Consumer::new(local, self.head.clone(), self.tail.clone())
    }

    /// The kernel takes an entry, if there is one: `io_get_sqe` and `io_commit_sqring`.
    fn kernel_takes(&self) -> Option<u32> {
        // Only the kernel writes the head.
        let head = self.head.load(Relaxed);
        if self.tail.load(Acquire) == head {
            return None;
        }
        let value = self.read(head);
        self.head.store(head.wrapping_add(1), Release);
        Some(value)
    }

    /// The kernel posts a completion, if there is room: `io_cqe_cache_refill` and `io_commit_cqring`.
    fn kernel_posts(&self, value: u32) -> bool {
        // Only the kernel writes the tail. It reads the head plainly and then decides to write, which orders
        // the write after the read; acquire is the nearest that a model knows.
        let tail = self.tail.load(Relaxed);
        if tail.wrapping_sub(self.head.load(Acquire)) == self.entries() {
            return false;
        }
        self.write(tail, value);
        self.tail.store(tail.wrapping_add(1), Release);
        true
    }
}

/// Pushes and publishes a value, waiting for room.
fn push<O: Orders>(ring: &Ring, producer: &Producer<'_, Arc<AtomicU32>, O>, value: u32) {
    loop {
        if let Some(position) = producer.reserve(1) {
            ring.write(position, value);
            producer.advance_to(position.wrapping_add(1));
            producer.publish();
            return;
        }
        thread::yield_now();
    }
}

/// Takes a value, if one is seen, and gives its slot back.
fn reap<O: Orders>(ring: &Ring, consumer: &Consumer<'_, Arc<AtomicU32>, O>) -> Option<u32> {
    consumer.refresh();
    let position = consumer.first()?;
    let value = ring.read(position);
    consumer.advance_to(position.wrapping_add(1));
    consumer.publish();
    Some(value)
}

/// One thread fills the queue, another enters the kernel, which takes the entries there.
fn submission<O: Orders + 'static>() {
    loom::model(|| {
        let ring = Ring::new(1);
        let filler = {
            let ring = ring.clone();
            thread::spawn(move || {
                let local = SqLocal::default();
                let producer = ring.producer::<O>(&local);
                push(&ring, &producer, 1);
                push(&ring, &producer, 2);
            })
        };
        for expected in 1..=2 {
            let taken = loop {
                match ring.kernel_takes() {
                    Some(taken) => break taken,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(taken, expected);
        }
        filler.join().unwrap();
    });
}

/// A kernel thread takes what it sees, and goes to sleep when it sees nothing. Then it takes entries only if
/// it is woken.
fn polling<O: Orders + 'static>() {
    loom::model(|| {
        let ring = Ring::new(2);
        let kernel = {
            let ring = ring.clone();
            // `io_sq_thread`. The thread of the model ends where the kernel's falls asleep.
            thread::spawn(move || {
                let mut taken = 0;
                loop {
                    while let Some(value) = ring.kernel_takes() {
                        taken += 1;
                        assert_eq!(value, taken);
                    }
                    ring.flags.fetch_or(IORING_SQ_NEED_WAKEUP, Relaxed);
                    fence(SeqCst);
                    if ring.tail.load(Acquire) == ring.head.load(Relaxed) {
                        return taken;
                    }
                    ring.flags.fetch_and(!IORING_SQ_NEED_WAKEUP, Relaxed);
                }
            })
        };
        let local = SqLocal::default();
        let producer = ring.producer::<O>(&local);
        let mut woken = false;
        for value in 1..=2 {
            push(&ring, &producer, value);
            woken = flags_after_publishing::<O>(&ring.flags) & IORING_SQ_NEED_WAKEUP != 0;
        }
        let taken = kernel.join().unwrap();
        assert!(taken == 2 || woken, "a wake-up was lost");
    });
}

/// The kernel posts on another thread than the one that reaps.
fn completion<O: Orders + 'static>() {
    loom::model(|| {
        let ring = Ring::new(1);
        let kernel = {
            let ring = ring.clone();
            thread::spawn(move || {
                for value in 1..=2 {
                    while !ring.kernel_posts(value) {
                        thread::yield_now();
                    }
                }
            })
        };
        let local = CqLocal::default();
        let consumer = ring.consumer::<O>(&local);
        for expected in 1..=2 {
            let value = loop {
                match reap(&ring, &consumer) {
                    Some(value) => break value,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(value, expected);
        }
        kernel.join().unwrap();
    });
}

/// The halves of a split ring on two threads: one pushes and enters, the other reaps.
fn split<O: Orders + 'static>() {
    loom::model(|| {
        let (sq, cq) = (Ring::new(1), Ring::new(1));
        let submitting = {
            let (sq, cq) = (sq.clone(), cq.clone());
            thread::spawn(move || {
                let local = SqLocal::default();
                let producer = sq.producer::<O>(&local);
                for value in 1..=2 {
                    push(&sq, &producer, value);
                    let taken = sq.kernel_takes().expect("it was published");
                    while !cq.kernel_posts(taken) {
                        thread::yield_now();
                    }
                }
            })
        };
        let local = CqLocal::default();
        let consumer = cq.consumer::<O>(&local);
        for expected in 1..=2 {
            let value = loop {
                match reap(&cq, &consumer) {
                    Some(value) => break value,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(value, expected);
        }
        submitting.join().unwrap();
    });
}

/// Completions that find the queue full are kept by the kernel, flagged, and posted in order when entered
/// for.
fn overflow() {
    loom::model(|| {
        let ring = Ring::new(1);
        // What `io_uring`'s completion lock protects: what is kept.
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let kernel = {
            let (ring, kept) = (ring.clone(), kept.clone());
            thread::spawn(move || {
                for value in 1..=2 {
                    let mut kept = kept.lock().unwrap();
                    if !kept.is_empty() || !ring.kernel_posts(value) {
                        kept.push_back(value);
                        ring.flags.fetch_or(IORING_SQ_CQ_OVERFLOW, Relaxed);
                    }
                }
            })
        };
        let local = CqLocal::default();
        let consumer = ring.consumer::<AsDocumented>(&local);
        let mut expected = 1;
        while expected <= 2 {
            if let Some(value) = reap(&ring, &consumer) {
                assert_eq!(value, expected);
                expected += 1;
            } else if ring.flags.load(Relaxed) & IORING_SQ_CQ_OVERFLOW != 0 {
                // `__io_cqring_overflow_flush`.
                let mut kept = kept.lock().unwrap();
                while kept.front().is_some_and(|&value| ring.kernel_posts(value)) {
                    kept.pop_front();
                }
                if kept.is_empty() {
                    ring.flags.fetch_and(!IORING_SQ_CQ_OVERFLOW, Relaxed);
                }
            } else {
                thread::yield_now();
            }
        }
        kernel.join().unwrap();
    });
}

macro_rules! mutant {
    ($name:ident: $order:ident = $weaker:expr) => {
        struct $name;
        impl Orders for $name {
            const $order: Ordering = $weaker;
        }
    };
}

mutant!(TailStoredRelaxed: SQ_TAIL_STORE = Relaxed);
mutant!(HeadLoadedRelaxed: SQ_HEAD_LOAD = Relaxed);
mutant!(FenceNotFull: WAKE_FENCE = Ordering::AcqRel);
mutant!(TailLoadedRelaxed: CQ_TAIL_LOAD = Relaxed);
mutant!(HeadStoredRelaxed: CQ_HEAD_STORE = Relaxed);

#[test]
fn submission_holds() {
    submission::<AsDocumented>();
}

#[test]
fn polling_holds() {
    polling::<AsDocumented>();
}

#[test]
fn completion_holds() {
    completion::<AsDocumented>();
}

#[test]
fn split_holds() {
    split::<AsDocumented>();
}

#[test]
fn overflow_holds() {
    overflow();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn submission_needs_release_of_the_tail() {
    submission::<TailStoredRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn submission_needs_acquire_of_the_head() {
    submission::<HeadLoadedRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn polling_needs_release_of_the_tail() {
    polling::<TailStoredRelaxed>();
}

#[test]
#[should_panic(expected = "a wake-up was lost")]
fn polling_needs_a_full_fence() {
    polling::<FenceNotFull>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn completion_needs_acquire_of_the_tail() {
    completion::<TailLoadedRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn completion_needs_release_of_the_head() {
    completion::<HeadStoredRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn split_needs_acquire_of_the_tail() {
    split::<TailLoadedRelaxed>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn split_needs_release_of_the_head() {
    split::<HeadStoredRelaxed>();
}
