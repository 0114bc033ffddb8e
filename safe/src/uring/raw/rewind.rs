//! Submitting with `IORING_SETUP_SQ_REWIND` (since Linux 7.0): the kernel takes entries from slot 0 on each
//! time, and neither reads nor writes the shared indexes.
//!
//! The indexes are then ours alone: the head is always 0 and the tail is the number of entries. When a
//! submission took fewer than there were, the rest moves to the front. Nobody may be filling the queue
//! meanwhile, nor may two threads submit at once; a flag sees to that.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::index::SqLocal;
use crate::error::RingError;
use crate::sync::{SharedWord, Word};

/// Nobody uses the slots.
const IDLE: u32 = 0;
/// A `SubmissionQueue` exists.
const FILLING: u32 = 1;
/// The kernel takes entries, or the rest is being moved.
const SUBMITTING: u32 = 2;

/// The indexes, where the kernel has none.
#[derive(Default)]
struct Words {
    head: AtomicU32,
    tail: AtomicU32,
}

/// What a rewinding queue has in addition.
pub(crate) struct Rewind {
    state: AtomicU32,
    words: Box<Words>,
    sqes: NonNull<u8>,
    stride: usize,
}

// SAFETY: the slots behind `sqes` are used by the holder of the state alone.
unsafe impl Send for Rewind {}
// SAFETY: as above.
unsafe impl Sync for Rewind {}

impl Rewind {
    /// For a queue of slots of `stride` bytes from `sqes`.
    pub(crate) fn new(sqes: NonNull<u8>, stride: usize) -> Self {
        Self {
            state: AtomicU32::new(IDLE),
            words: Box::default(),
            sqes,
            stride,
        }
    }

    /// The head and the tail, to be used as if they were shared with the kernel.
    pub(crate) fn words(&self) -> (SharedWord, SharedWord) {
        let word = |word: &AtomicU32| {
            // SAFETY: the words are boxed, so they stay where they are as long as this value lives, and it
            // lives as long as the ring that uses the result.
            unsafe { SharedWord::new(NonNull::from(word).cast()) }
        };
        (word(&self.words.head), word(&self.words.tail))
    }

    /// A `SubmissionQueue` was made. By its contract nobody submits at this moment.
    pub(crate) fn open(&self) {
        self.state.store(FILLING, Ordering::Relaxed);
    }

    /// It was dropped. Release: the entries are written before another thread submits them; pairs with
    /// the acquire in `submit`.
    pub(crate) fn close(&self) {
        self.state.store(IDLE, Ordering::Release);
    }

    /// Calls `enter` with the number of entries, and moves those that it did not take to the front.
    pub(crate) fn submit<E: From<RingError>>(
        &self,
        local: &SqLocal,
        enter: impl FnOnce(u32) -> Result<usize, E>,
    ) -> Result<usize, E> {
        // Acquire: pairs with the release store of who used the slots before.
        self.state
            .compare_exchange(IDLE, SUBMITTING, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| RingError::QueueInUse)?;
        let (_, tail) = self.words();
        let queued = tail.load(Ordering::Relaxed);
        let result = enter(queued);
        if let Ok(taken) = result {
            // A number of slots, no more than `queued`.
            self.take(local, taken as u32);
            tail.store(queued - taken as u32, Ordering::Relaxed);
        }
        self.state.store(IDLE, Ordering::Release);
        result
    }

    /// Moves what lies behind the first `taken` slots to the front, with what was never published because
    /// its queue was forgotten.
    fn take(&self, local: &SqLocal, taken: u32) {
        let left = local.take_front(taken) as usize;
        let from = taken as usize * self.stride;
        // SAFETY: `taken + left` slots are written, all of them in the queue, and the state makes them ours.
        unsafe {
            let rest = self.sqes.add(from);
            rest.copy_to(self.sqes, left * self.stride);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries that a short submission leaves are submitted next, once each, before later ones.
    #[test]
    fn what_is_left_moves_to_the_front() {
        let mut slots = [0u64; 8 * 8];
        let sqes = NonNull::new(slots.as_mut_ptr().cast::<u8>()).unwrap();
        let rewind = Rewind::new(sqes, 64);
        let (head, tail) = rewind.words();
        let local = SqLocal::default();
        local.start(8, head, tail);
        let queue = || super::super::index::Producer::<_>::new(&local, head, tail);

        let mut next = 1;
        let mut fill = |count: u32| {
            rewind.open();
            let queue: super::super::index::Producer<'_, SharedWord> = queue();
            queue.refresh();
            let mut pushed = 0;
            for _ in 0..count {
                let Some(at) = queue.reserve(1) else { break };
                // SAFETY: the position is less than 8, since nothing wraps.
                unsafe { sqes.add(at as usize * 64).cast::<u64>().write(next) };
                queue.advance_to(at + 1);
                next += 1;
                pushed += 1;
            }
            queue.publish();
            rewind.close();
            pushed
        };
        let mut seen = Vec::new();
        let mut submit = |most: u32| {
            rewind.submit::<RingError>(&local, |queued| {
                let taken = queued.min(most);
                for at in 0..taken {
                    // SAFETY: as above.
                    seen.push(unsafe { sqes.add(at as usize * 64).cast::<u64>().read() });
                }
                Ok(taken as usize)
            })
        };

        assert_eq!(fill(20), 8, "the queue has 8 slots");
        assert_eq!(submit(3), Ok(3));
        assert_eq!(fill(20), 3, "those taken are free");
        assert_eq!(submit(0), Ok(0));
        assert_eq!(submit(7), Ok(7));
        assert_eq!(submit(7), Ok(1));
        assert_eq!(submit(7), Ok(0));
        rewind.open();
        assert_eq!(submit(7), Err(RingError::QueueInUse));
        assert_eq!(seen, (1..=11).collect::<Vec<_>>());
    }
}
