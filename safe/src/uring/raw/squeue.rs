//! The submission queue.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;

pub use super::sqe::{Entry, Entry128, EntryMarker, Flags};

use super::index::{AsDocumented, Producer, SqLocal, flags_after_publishing};
use super::ring::Core;
use super::sqe::private::Sealed;
use crate::sync::{SharedWord, Word};

/// An entry of 64 or 128 bytes, for a ring of mixed sizes (`IORING_SETUP_SQE_MIXED`, since Linux 6.19).
///
/// The opcode decides: those that end in 128 take two slots, which lie side by side, and all others one. In
/// such a ring lengths and counts are in slots of 64 bytes: those of the [`SubmissionQueue`], and those that
/// submitting answers.
#[repr(transparent)]
#[derive(Clone, Debug)]
pub struct EntryMixed(Entry128);

impl Sealed for EntryMixed {
    #[inline]
    fn head_mut(&mut self) -> &mut Entry {
        self.0.head_mut()
    }
}

impl EntryMarker for EntryMixed {
    const BUILD_FLAGS: u32 = uring_sys::IORING_SETUP_SQE_MIXED;

    #[inline]
    fn set_user_data(&mut self, user_data: u64) {
        self.0.set_user_data(user_data);
    }

    #[inline]
    fn get_user_data(&self) -> u64 {
        self.0.get_user_data()
    }
}

impl From<Entry> for EntryMixed {
    #[inline]
    fn from(entry: Entry) -> Self {
        Self(entry.into())
    }
}

impl From<Entry128> for EntryMixed {
    #[inline]
    fn from(entry: Entry128) -> Self {
        Self(entry)
    }
}

/// The unit in which the queue is indexed: the size of a slot of 64 bytes.
const SLOT: usize = size_of::<Entry>();

/// What is constant about a queue of entries `E`.
struct Shape<E>(PhantomData<E>);

impl<E: EntryMarker> Shape<E> {
    /// Whether entries take one slot or two, by opcode.
    const MIXED: bool = E::BUILD_FLAGS & uring_sys::IORING_SETUP_SQE_MIXED != 0;
    /// The size of a slot in bytes.
    const STRIDE: usize = if Self::MIXED { SLOT } else { size_of::<E>() };
}

/// The size of a slot of a ring of entries `E`, in bytes.
pub(crate) const fn stride<E: EntryMarker>() -> usize {
    Shape::<E>::STRIDE
}

/// Whether the kernel takes two slots for this opcode in a ring of mixed sizes.
#[inline]
fn takes_two_slots(opcode: u8) -> bool {
    matches!(
        opcode,
        uring_sys::IORING_OP_NOP128 | uring_sys::IORING_OP_URING_CMD128
    )
}

/// Where the queue lies.
///
/// Invariant: as long as the value lives, `sqes` points to `mask + 1` slots that are mapped for reads and
/// writes, except in a forked child, where the producer's state says that there is no slot.
pub(crate) struct Inner<E> {
    pub(crate) head: SharedWord,
    pub(crate) tail: SharedWord,
    pub(crate) dropped: SharedWord,
    pub(crate) sqes: NonNull<u8>,
    pub(crate) mask: u32,
    pub(crate) entry: PhantomData<fn(E)>,
}

// SAFETY: the slots belong to the process, not to a thread. They are used through a queue value alone, of
// which there is one at a time.
unsafe impl<E> Send for Inner<E> {}
// SAFETY: as above.
unsafe impl<E> Sync for Inner<E> {}

impl<E: EntryMarker> Inner<E> {
    /// See [`IoUring::push_one`](super::IoUring::push_one).
    ///
    /// # Safety
    ///
    /// As there; `local` is the ring's, and nobody else uses it.
    #[inline]
    pub(crate) unsafe fn push_one(
        &self,
        local: &SqLocal,
        fill: impl FnOnce(&mut Entry),
    ) -> Result<(), PushError> {
        let position = self.room(local).ok_or(PushError)?;
        // SAFETY: by the caller's promise; there is room.
        unsafe { self.push_reserved(local, position, fill) };
        Ok(())
    }

    /// See [`IoUring::room`](super::IoUring::room); `local` is the ring's, and nobody else uses it.
    #[inline]
    pub(crate) fn room(&self, local: &SqLocal) -> Option<u32> {
        let index = Producer::<_>::new(local, self.head, self.tail);
        index.reserve(1)
    }

    /// See [`IoUring::push_reserved`](super::IoUring::push_reserved).
    ///
    /// # Safety
    ///
    /// As there; `local` is the ring's, and nobody else uses it.
    #[inline]
    pub(crate) unsafe fn push_reserved(
        &self,
        local: &SqLocal,
        position: u32,
        fill: impl FnOnce(&mut Entry),
    ) {
        const { assert!(!Shape::<E>::MIXED, "sizes are mixed") };
        let index = Producer::<_>::new(local, self.head, self.tail);
        let offset = (position & self.mask) as usize * Shape::<E>::STRIDE;
        // SAFETY: masked, the position is less than the number of slots. The slot is free, so the kernel does
        // not even read it; it holds integers, for which whatever lies there is a value, and is aligned.
        let entry = unsafe { &mut *self.sqes.add(offset).cast::<E>().as_ptr() };
        fill(entry.head_mut());
        index.advance_to(position.wrapping_add(1));
        index.publish_reserved();
    }
}

/// The submission queue of a ring: where entries are put for the kernel.
///
/// Entries that were pushed reach the kernel's sight on [`sync`](Self::sync) or when the value is dropped,
/// all at once, so that a chain of links is never seen in part. If the value is forgotten instead, they are
/// kept, and the next value of this type for the ring shows them.
pub struct SubmissionQueue<'a, E: EntryMarker = Entry> {
    index: Producer<'a, SharedWord>,
    sqes: NonNull<u8>,
    mask: u32,
    inner: &'a Inner<E>,
    core: &'a Core,
}

// SAFETY: the value is the only user of the producer's state and of the free slots, by the contracts of the
// functions that make it; both may be used from any one thread at a time.
unsafe impl<E: EntryMarker> Send for SubmissionQueue<'_, E> {}

impl<'a, E: EntryMarker> SubmissionQueue<'a, E> {
    /// # Safety
    ///
    /// `inner` and `core` belong to one ring, and as long as the result lives nobody else uses the
    /// producer's state of that ring.
    #[inline]
    pub(crate) unsafe fn new(inner: &'a Inner<E>, core: &'a Core) -> Self {
        let index = Producer::new(core.sq_local(), inner.head, inner.tail);
        index.refresh();
        core.queue_opened();
        Self {
            index,
            sqes: inner.sqes,
            mask: inner.mask,
            inner,
            core,
        }
    }

    /// Shows the kernel all entries pushed so far, and learns which slots it has given back.
    #[inline]
    pub fn sync(&mut self) {
        self.index.publish();
        self.index.refresh();
    }

    /// Whether the kernel thread of `IORING_SETUP_SQPOLL` sleeps and must be woken by
    /// [`EnterFlags::SQ_WAKEUP`](super::EnterFlags). Submitting looks at this by itself.
    ///
    /// Meaningful for entries published by [`sync`](Self::sync). False in a forked child.
    #[inline]
    pub fn need_wakeup(&self) -> bool {
        self.core.is_here()
            && flags_after_publishing::<AsDocumented>(&self.core.sq_flags)
                & uring_sys::IORING_SQ_NEED_WAKEUP
                != 0
    }

    /// As [`need_wakeup`](Self::need_wakeup) without its full memory fence, for a caller that has executed
    /// one (`SeqCst`) since the last [`sync`](Self::sync).
    #[inline]
    pub fn need_wakeup_after_intermittent_seqcst(&self) -> bool {
        self.flag(uring_sys::IORING_SQ_NEED_WAKEUP)
    }

    /// How many entries the kernel has ignored since the ring was made because the index array named a slot
    /// that does not exist. This crate writes none such.
    pub fn dropped(&self) -> u32 {
        if self.core.is_here() {
            // Relaxed: a statistic; pairs with the kernel's plain store in `io_get_sqe`.
            self.inner.dropped.load(Ordering::Relaxed)
        } else {
            0
        }
    }

    /// Whether completions wait in the kernel for room in the completion queue: enter with
    /// [`EnterFlags::GETEVENTS`](super::EnterFlags) to get them. Submitting and
    /// [`Submitter::flush_completions`](super::Submitter::flush_completions) do it. Since Linux 5.8.
    #[inline]
    pub fn cq_overflow(&self) -> bool {
        self.flag(uring_sys::IORING_SQ_CQ_OVERFLOW)
    }

    /// Whether completion work waits to be run by entering with
    /// [`EnterFlags::GETEVENTS`](super::EnterFlags). Only with `IORING_SETUP_TASKRUN_FLAG`. Since Linux 5.19.
    #[inline]
    pub fn taskrun(&self) -> bool {
        self.flag(uring_sys::IORING_SQ_TASKRUN)
    }

    #[inline]
    fn flag(&self, flag: u32) -> bool {
        // Relaxed: a hint on whether to enter the kernel, which orders everything; pairs with the kernel's
        // atomic read-modify-writes of the flags.
        self.core.is_here() && self.core.sq_flags.load(Ordering::Relaxed) & flag != 0
    }

    /// The number of slots. 0 in a forked child.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.index.capacity() as usize
    }

    /// The slots in use, as of the last [`sync`](Self::sync).
    #[inline]
    pub fn len(&self) -> usize {
        self.capacity() - self.index.free() as usize
    }

    /// Whether no slot is in use, as of the last [`sync`](Self::sync).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no slot is free, as of the last [`sync`](Self::sync).
    #[inline]
    pub fn is_full(&self) -> bool {
        self.index.free() == 0
    }

    /// Puts a copy of `entry` into the queue, or fails if there is no room. Room that the kernel has made
    /// since the last [`sync`](Self::sync) is found.
    ///
    /// In a ring of mixed sizes an entry of 128 bytes never wraps: if only the last slot is left before the
    /// wrap, a NOP without a completion is put there, so that three free slots are needed. That NOP carries
    /// `IOSQE_CQE_SKIP_SUCCESS`, after which the kernel refuses `IOSQE_IO_DRAIN` on this ring for good.
    ///
    /// # Safety
    ///
    /// All memory that the entry names is valid, for what the operation does with it, from now until the
    /// operation's **final** completion has been taken from the completion queue. The final one is the one
    /// without `IORING_CQE_F_MORE` ([`cqueue::more`](super::cqueue::more)). A zero-copy send whose
    /// first completion has that flag ends with the one that has `IORING_CQE_F_NOTIF`
    /// ([`cqueue::notif`](super::cqueue::notif)). Neither a cancellation's own completion nor closing or
    /// dropping the ring ends an operation: the kernel may go on using the memory.
    ///
    /// With `IOSQE_CQE_SKIP_SUCCESS` the end has to be known otherwise, such as by the completion of a later
    /// entry of the same chain. What the kernel only reads while it takes the entry (paths, iovecs,
    /// timespecs, with `IORING_FEAT_SUBMIT_STABLE`) may go once a submission has taken this entry; with
    /// `IORING_SETUP_SQPOLL` once the entry's slot was given back.
    ///
    /// Descriptors in the entry are not protected: the operation acts on what they mean when the entry is
    /// taken.
    #[inline]
    pub unsafe fn push(&mut self, entry: &E) -> Result<(), PushError> {
        let source = ptr::from_ref(entry).cast::<u8>();
        let slots = self.slots_of(entry);
        let position = self.place(slots)?;
        let at = self.slot(position);
        // SAFETY: `place` answered `slots` free slots, which are ours to write; `entry` has at least as many
        // bytes, because only an entry that consists of two slots takes two.
        unsafe {
            source.copy_to_nonoverlapping(at.as_ptr(), slots as usize * Shape::<E>::STRIDE);
        }
        self.index.advance_to(position.wrapping_add(slots));
        Ok(())
    }

    /// Puts copies of all `entries` into the queue, or of none if there is no room for all.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), for each of them.
    #[inline]
    pub unsafe fn push_multiple(&mut self, entries: &[E]) -> Result<(), PushError> {
        let before = self.index.position();
        if !Shape::<E>::MIXED {
            let needed = u32::try_from(entries.len()).map_err(|_| PushError)?;
            self.index.reserve(needed).ok_or(PushError)?;
        }
        for entry in entries {
            // SAFETY: by the caller's promise.
            let pushed = unsafe { self.push(entry) };
            if pushed.is_err() {
                // Only in a ring of mixed sizes. The kernel has not been shown any of them.
                self.index.advance_to(before);
                return Err(PushError);
            }
        }
        Ok(())
    }

    /// Where the next entry goes, for [`take_back`](Self::take_back).
    pub(crate) fn position(&self) -> u32 {
        self.index.position()
    }

    /// Takes back what was pushed since `position` was asked for; the kernel has not been shown it.
    pub(crate) fn take_back(&mut self, position: u32) {
        self.index.advance_to(position);
    }

    /// Writes an entry where it lies in the queue, which saves a copy: `fill` gets the slot, zeroed, and what
    /// it leaves there is pushed. Fails without calling `fill` if there is no room.
    ///
    /// If `fill` panics, nothing is pushed. In a ring of mixed sizes entries are copied all the same, since
    /// their size shows only afterwards.
    ///
    /// ```
    /// use safe::uring::raw::{IoUring, opcode};
    ///
    /// let mut ring = IoUring::new(8)?;
    /// // SAFETY: a NOP names no memory.
    /// unsafe {
    ///     ring.submission()
    ///         .push_with(|slot| *slot = opcode::Nop::new().build().user_data(7))
    ///         .expect("a new ring has room");
    /// }
    /// ring.submit_and_wait(1)?;
    /// assert_eq!(ring.completion().next().map(|c| c.user_data()), Some(7));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), for the entry that `fill` leaves. `fill` does not fork the process.
    #[inline]
    pub unsafe fn push_with(&mut self, fill: impl FnOnce(&mut E)) -> Result<(), PushError> {
        // Written as a value, not as bytes: the compiler then drops those stores that `fill` repeats.
        let zeroed = E::from(Entry(uring_sys::io_uring_sqe::default()));
        if Shape::<E>::MIXED {
            let mut entry = zeroed;
            fill(&mut entry);
            // SAFETY: by the caller's promise.
            return unsafe { self.push(&entry) };
        }
        let position = self.place(1)?;
        let slot = self.slot(position).cast::<E>();
        // SAFETY: the slot is free, so the kernel does not even read it; it is one `E`, aligned as the kernel
        // aligns slots (the mapping is page aligned and the stride is the size of `E`).
        let slot = unsafe {
            slot.write(zeroed);
            &mut *slot.as_ptr()
        };
        fill(slot);
        self.index.advance_to(position.wrapping_add(1));
        Ok(())
    }

    /// The slots that the entry takes.
    #[inline]
    fn slots_of(&self, entry: &E) -> u32 {
        // SAFETY: each entry type begins with `io_uring_sqe`, and that with the opcode, one byte.
        if Shape::<E>::MIXED && takes_two_slots(unsafe { *ptr::from_ref(entry).cast::<u8>() }) {
            2
        } else {
            1
        }
    }

    /// The position of `slots` free slots side by side.
    #[inline]
    fn place(&mut self, slots: u32) -> Result<u32, PushError> {
        let mut position = self.index.reserve(slots).ok_or(PushError)?;
        if Shape::<E>::MIXED && slots == 2 && position & self.mask == self.mask {
            position = self.index.reserve(slots + 1).ok_or(PushError)?;
            let mut pad = uring_sys::io_uring_sqe {
                opcode: uring_sys::IORING_OP_NOP,
                ..Default::default()
            };
            pad.flags = uring_sys::IOSQE_CQE_SKIP_SUCCESS;
            // SAFETY: the slot is free, thus ours to write.
            unsafe { self.slot(position).cast().write(pad) };
            position = position.wrapping_add(1);
            self.index.advance_to(position);
        }
        Ok(position)
    }

    #[inline]
    fn slot(&self, position: u32) -> NonNull<u8> {
        let offset = (position & self.mask) as usize * Shape::<E>::STRIDE;
        // SAFETY: masked, the position is less than the number of slots, all of which lie behind `sqes`.
        unsafe { self.sqes.add(offset) }
    }
}

impl<E: EntryMarker> Drop for SubmissionQueue<'_, E> {
    #[inline]
    fn drop(&mut self) {
        self.index.publish();
        self.core.queue_closed();
    }
}

impl<E: EntryMarker> Debug for SubmissionQueue<'_, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmissionQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// The submission queue has no room for the entry; in a forked child it never has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushError;

impl Display for PushError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the submission queue is full")
    }
}

impl Error for PushError {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::super::IoUring;
    use super::*;

    const SLOTS: u32 = 8;

    /// A queue of mixed sizes in memory of the test's own, for kernels that do not make one (before Linux
    /// 6.19), and what the kernel does with it.
    struct Mixed {
        slots: Box<[[u64; 8]; SLOTS as usize]>,
        words: Box<[AtomicU32; 3]>,
    }

    impl Mixed {
        fn new() -> Self {
            Self {
                // Whatever lay there before is written over.
                slots: Box::new([[u64::MAX; 8]; SLOTS as usize]),
                words: Box::default(),
            }
        }

        fn inner(&mut self) -> Inner<EntryMixed> {
            // SAFETY: the words outlive the queue and stay where they are.
            let word =
                |at: usize| unsafe { SharedWord::new(NonNull::from(&self.words[at]).cast()) };
            Inner {
                head: word(0),
                tail: word(1),
                dropped: word(2),
                sqes: NonNull::from(&mut *self.slots).cast(),
                mask: SLOTS - 1,
                entry: PhantomData,
            }
        }

        /// Takes all entries as the kernel does, and answers their user data, 0 for a NOP that fills a gap.
        fn take(&self, inner: &Inner<EntryMixed>) -> Vec<u64> {
            let (mut head, tail) = (
                inner.head.load(Ordering::Relaxed),
                inner.tail.load(Ordering::Relaxed),
            );
            let mut taken = Vec::new();
            while head != tail {
                let at = head & (SLOTS - 1);
                // SAFETY: the slot is one of the queue's.
                let slot = unsafe { inner.sqes.cast::<[u64; 8]>().add(at as usize) };
                // SAFETY: as above.
                let sqe = unsafe { slot.cast::<uring_sys::io_uring_sqe>().read() };
                let slots = if takes_two_slots(sqe.opcode) {
                    assert_ne!(at, SLOTS - 1, "the kernel refuses an entry that wraps");
                    // SAFETY: as above, and it is not the last.
                    let second = unsafe { slot.add(1).read() };
                    assert_eq!(
                        second, [sqe.user_data; 8],
                        "the second half lies behind the first"
                    );
                    2
                } else {
                    1
                };
                assert!(
                    tail.wrapping_sub(head) >= slots,
                    "an entry is published whole"
                );
                if sqe.user_data == 0 {
                    assert_eq!(sqe.flags, uring_sys::IOSQE_CQE_SKIP_SUCCESS);
                }
                taken.push(sqe.user_data);
                head = head.wrapping_add(slots);
            }
            inner.head.store(head, Ordering::Relaxed);
            taken
        }
    }

    fn entry(user_data: u64, large: bool) -> EntryMixed {
        let mut entry = Entry(uring_sys::io_uring_sqe::default()).user_data(user_data);
        if !large {
            return entry.into();
        }
        entry.as_raw_mut().opcode = uring_sys::IORING_OP_NOP128;
        let mut large = Entry128::from(entry);
        for byte in large.1.chunks_exact_mut(8) {
            byte.copy_from_slice(&user_data.to_ne_bytes());
        }
        large.into()
    }

    /// Each mix of sizes at each position: all entries arrive whole and in order, with a filler just where
    /// one of 128 bytes met the last slot.
    #[test]
    fn mixed_entries_never_wrap() {
        let ring = IoUring::new(SLOTS).unwrap();
        let mut memory = Mixed::new();
        let inner = memory.inner();
        let mut next = 1;
        let mut gaps = 0;
        for lap in 0..1000u64 {
            // SAFETY: the queue is the only one that uses this ring's state.
            let mut queue = unsafe { SubmissionQueue::new(&inner, &ring.core) };
            let mut expected = Vec::new();
            for i in 0..4 {
                let large = lap.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (20 + i) & 1 == 1;
                let room = queue.capacity() - queue.len();
                let at_the_end = queue.index.position() & queue.mask == queue.mask;
                let needed = 1 + usize::from(large) + usize::from(large && at_the_end);
                // SAFETY: the kernel does not see these entries.
                let pushed = unsafe { queue.push(&entry(next, large)) };
                assert_eq!(pushed.is_ok(), room >= needed);
                if pushed.is_ok() {
                    if needed == 3 {
                        expected.push(0);
                        gaps += 1;
                    }
                    expected.push(next);
                    next += 1;
                }
            }
            drop(queue);
            assert_eq!(memory.take(&inner), expected);
        }
        assert!(gaps > 50, "{gaps}");
    }

    /// Pushed together means all or none, the filler included.
    #[test]
    fn mixed_entries_are_pushed_together_or_not_at_all() {
        let ring = IoUring::new(SLOTS).unwrap();
        let mut memory = Mixed::new();
        let inner = memory.inner();
        // SAFETY: as above.
        let mut queue = unsafe { SubmissionQueue::new(&inner, &ring.core) };
        let many: Vec<_> = (1..=5).map(|value| entry(value, true)).collect();
        // SAFETY: as above.
        unsafe {
            assert_eq!(queue.push_multiple(&many), Err(PushError));
            assert!(queue.is_empty());
            queue.push_multiple(&many[..4]).unwrap();
        }
        assert!(queue.is_full());
        drop(queue);
        assert_eq!(memory.take(&inner), [1, 2, 3, 4]);
    }
}
