//! The completion queue.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::Ordering;

use uring_sys::io_uring_cqe;

use super::index::{Consumer, CqLocal};
use super::ring::Core;
use crate::sync::{SharedWord, Word};

pub(crate) mod private {
    use std::ptr::NonNull;

    /// How entries lie in the ring.
    pub trait Stored: Sized {
        /// The size of a slot in bytes.
        const STRIDE: usize;
        /// Whether an entry may take two slots, and whether some are to be passed over.
        const MIXED: bool = false;

        /// Copies the entry that begins at `slot`; the answer has the number of slots too.
        ///
        /// # Safety
        ///
        /// The kernel has filled the slot, and the next if the entry takes two, and does not write them.
        unsafe fn read(slot: NonNull<u8>) -> (Self, u32);

        /// Result and flags, as they lie side by side.
        fn word(&self) -> u64;

        /// Result, flags and second half.
        fn fields(&self) -> (i32, u32, [u64; 2]);
    }
}
use private::Stored;

/// An entry type that a completion queue can be made of.
pub trait EntryMarker: Clone + Debug + Into<Entry> + Stored {
    /// The set-up flags that make a ring of this type.
    const BUILD_FLAGS: u32;

    /// The value that the submission queue entry carried.
    fn user_data(&self) -> u64;

    /// Replaces that value in this copy.
    fn set_user_data(&mut self, user_data: u64);
}

/// A completion of 16 bytes.
#[repr(transparent)]
#[derive(Clone)]
pub struct Entry(pub(crate) io_uring_cqe);

/// A completion of 32 bytes, in rings made with `IORING_SETUP_CQE32`. Since Linux 5.19.
#[repr(C)]
#[derive(Clone)]
pub struct Entry32(pub(crate) Entry, pub(crate) [u64; 2]);

/// A completion of 16 or 32 bytes, in rings made with `IORING_SETUP_CQE_MIXED`. Since Linux 6.18.
///
/// Such a ring has slots of 16 bytes. A completion of 32 bytes takes two of them, and the kernel fills up
/// before the wrap with entries that mean nothing (`IORING_CQE_F_SKIP`); the queue passes over those. Its
/// length counts completions, its capacity slots. Waiting counts slots too: the kernel takes a completion of
/// 32 bytes for two, and a gap for one.
#[derive(Clone)]
pub struct EntryMixed(Entry, [u64; 2]);

const _: () = assert!(size_of::<Entry>() == 16 && size_of::<Entry32>() == 32);

impl Entry {
    /// What the operation answered: a count, a descriptor, or a negative errno.
    #[inline]
    pub fn result(&self) -> i32 {
        self.0.res
    }

    /// The value that the submission queue entry carried.
    #[inline]
    pub fn user_data(&self) -> u64 {
        self.0.user_data
    }

    /// Replaces that value in this copy.
    #[inline]
    pub fn set_user_data(&mut self, user_data: u64) {
        self.0.user_data = user_data;
    }

    /// `IORING_CQE_F_*`; the functions of this module read them.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.0.flags
    }
}

impl Entry32 {
    /// What the operation answered: a count, a descriptor, or a negative errno.
    #[inline]
    pub fn result(&self) -> i32 {
        self.0.result()
    }

    /// The value that the submission queue entry carried.
    #[inline]
    pub fn user_data(&self) -> u64 {
        self.0.user_data()
    }

    /// Replaces that value in this copy.
    #[inline]
    pub fn set_user_data(&mut self, user_data: u64) {
        self.0.set_user_data(user_data);
    }

    /// `IORING_CQE_F_*`; the functions of this module read them.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.0.flags()
    }

    /// The second half. Its meaning is the operation's; zero for most.
    #[inline]
    pub fn big_cqe(&self) -> &[u64; 2] {
        &self.1
    }
}

impl EntryMixed {
    /// What the operation answered: a count, a descriptor, or a negative errno.
    #[inline]
    pub fn result(&self) -> i32 {
        self.0.result()
    }

    /// The value that the submission queue entry carried.
    #[inline]
    pub fn user_data(&self) -> u64 {
        self.0.user_data()
    }

    /// Replaces that value in this copy.
    #[inline]
    pub fn set_user_data(&mut self, user_data: u64) {
        self.0.set_user_data(user_data);
    }

    /// `IORING_CQE_F_*`; the functions of this module read them.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.0.flags()
    }

    /// The second half, if the completion has 32 bytes.
    #[inline]
    pub fn big_cqe(&self) -> Option<&[u64; 2]> {
        is_32(self.flags()).then_some(&self.1)
    }
}

impl Stored for Entry {
    const STRIDE: usize = 16;

    #[inline]
    unsafe fn read(slot: NonNull<u8>) -> (Self, u32) {
        // SAFETY: the slot is a filled one, so the kernel does not write it; slots are aligned to 8. It is
        // copied, never referred to.
        (Self(unsafe { slot.cast::<io_uring_cqe>().read() }), 1)
    }

    #[inline]
    fn word(&self) -> u64 {
        // SAFETY: an entry is 16 bytes, all of them initialised.
        let [_, word] = unsafe { mem::transmute_copy::<Self, [u64; 2]>(self) };
        word
    }

    #[inline]
    fn fields(&self) -> (i32, u32, [u64; 2]) {
        (self.result(), self.flags(), [0; 2])
    }
}

impl Stored for Entry32 {
    const STRIDE: usize = 32;

    #[inline]
    unsafe fn read(slot: NonNull<u8>) -> (Self, u32) {
        // SAFETY: as for `Entry`; this type is `repr(C)` and has the size of the slot.
        (unsafe { slot.cast::<Self>().read() }, 1)
    }

    #[inline]
    fn word(&self) -> u64 {
        self.0.word()
    }

    #[inline]
    fn fields(&self) -> (i32, u32, [u64; 2]) {
        (self.result(), self.flags(), self.1)
    }
}

impl Stored for EntryMixed {
    const STRIDE: usize = 16;
    const MIXED: bool = true;

    #[inline]
    unsafe fn read(slot: NonNull<u8>) -> (Self, u32) {
        // SAFETY: by the caller's promise.
        let (entry, _) = unsafe { Entry::read(slot) };
        if !is_32(entry.flags()) {
            return (Self(entry, [0; 2]), 1);
        }
        // SAFETY: an entry with this flag has a second slot right behind: the kernel never wraps one, and
        // publishes both at once.
        let second = unsafe { slot.add(Self::STRIDE).cast::<[u64; 2]>().read() };
        (Self(entry, second), 2)
    }

    #[inline]
    fn word(&self) -> u64 {
        self.0.word()
    }

    #[inline]
    fn fields(&self) -> (i32, u32, [u64; 2]) {
        (self.result(), self.flags(), self.1)
    }
}

impl EntryMarker for Entry {
    const BUILD_FLAGS: u32 = 0;

    #[inline]
    fn user_data(&self) -> u64 {
        self.user_data()
    }

    #[inline]
    fn set_user_data(&mut self, user_data: u64) {
        self.set_user_data(user_data);
    }
}

impl EntryMarker for Entry32 {
    const BUILD_FLAGS: u32 = uring_sys::IORING_SETUP_CQE32;

    #[inline]
    fn user_data(&self) -> u64 {
        self.user_data()
    }

    #[inline]
    fn set_user_data(&mut self, user_data: u64) {
        self.set_user_data(user_data);
    }
}

impl EntryMarker for EntryMixed {
    const BUILD_FLAGS: u32 = uring_sys::IORING_SETUP_CQE_MIXED;

    #[inline]
    fn user_data(&self) -> u64 {
        self.user_data()
    }

    #[inline]
    fn set_user_data(&mut self, user_data: u64) {
        self.set_user_data(user_data);
    }
}

impl From<Entry32> for Entry {
    fn from(entry: Entry32) -> Self {
        entry.0
    }
}

impl From<EntryMixed> for Entry {
    fn from(entry: EntryMixed) -> Self {
        entry.0
    }
}

fn show(f: &mut Formatter<'_>, name: &str, entry: &Entry, big: Option<&[u64; 2]>) -> fmt::Result {
    let mut shown = f.debug_struct(name);
    shown
        .field("result", &entry.result())
        .field("user_data", &entry.user_data())
        .field("flags", &entry.flags());
    if let Some(big) = big {
        shown.field("big_cqe", big);
    }
    shown.finish()
}

impl Debug for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(f, "Entry", self, None)
    }
}

impl Debug for Entry32 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(f, "Entry32", &self.0, Some(&self.1))
    }
}

impl Debug for EntryMixed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(f, "EntryMixed", &self.0, self.big_cqe())
    }
}

/// The size of a slot of a ring of entries `E`, in bytes.
pub(crate) const fn stride<E: EntryMarker>() -> usize {
    E::STRIDE
}

/// A completion that still lies in the queue, of which what is asked for is read, and no more.
///
/// Invariant: the kernel has filled its slot, and leaves it alone as long as the value lives.
pub(crate) struct Filled<E>(NonNull<u8>, PhantomData<E>);

impl<E: EntryMarker> Filled<E> {
    /// What all entries begin with.
    #[inline]
    fn head(&self) -> *const io_uring_cqe {
        self.0.as_ptr().cast()
    }

    /// The value that the submission queue entry carried.
    #[inline]
    pub(crate) fn user_data(&self) -> u64 {
        // SAFETY: by the invariant; slots are aligned to 8. It is read, never referred to.
        unsafe { (*self.head()).user_data }
    }

    /// `IORING_CQE_F_*`.
    #[inline]
    pub(crate) fn flags(&self) -> u32 {
        // SAFETY: as above.
        unsafe { (*self.head()).flags }
    }

    /// A copy of it.
    #[inline]
    pub(crate) fn read(&self) -> E {
        // SAFETY: by the invariant.
        unsafe { E::read(self.0) }.0
    }

    /// How many slots it takes.
    #[inline]
    fn slots(&self) -> u32 {
        if E::MIXED && is_32(self.flags()) {
            2
        } else {
            1
        }
    }
}

/// Where the queue lies.
///
/// Invariant: as long as the value lives, `cqes` points to `mask + 1` slots that are mapped for reads, except
/// in a forked child, where the consumer's state says that none is filled.
pub(crate) struct Inner<E> {
    pub(crate) head: SharedWord,
    pub(crate) tail: SharedWord,
    pub(crate) overflow: SharedWord,
    /// Older kernels (before Linux 5.8) have no such word.
    pub(crate) flags: Option<SharedWord>,
    pub(crate) cqes: NonNull<u8>,
    pub(crate) mask: u32,
    pub(crate) entry: PhantomData<fn() -> E>,
}

// SAFETY: the slots belong to the process, not to a thread. They are used through a queue value alone, of
// which there is one at a time.
unsafe impl<E> Send for Inner<E> {}
// SAFETY: as above.
unsafe impl<E> Sync for Inner<E> {}

impl<E: EntryMarker> Inner<E> {
    /// See [`IoUring::take_all`](super::IoUring::take_all).
    ///
    /// # Safety
    ///
    /// `local` is the ring's, and nobody else uses it.
    #[inline]
    pub(crate) unsafe fn take_all(&self, local: &CqLocal, mut f: impl FnMut(&E)) {
        let index = Consumer::<_>::new(local, self.head, self.tail);
        index.refresh();
        let Some(first) = index.first() else { return };
        let end = first.wrapping_add(index.ready());
        // In any case, also if `f` panics: none is given out again.
        index.advance_to(end);
        let mut position = first;
        while position != end {
            // As many slots as lie side by side; no entry wraps.
            let side_by_side = self.mask + 1 - (position & self.mask);
            let run = end.wrapping_sub(position).min(side_by_side);
            position = position.wrapping_add(run);
            let mut slot = self.slot(position.wrapping_sub(run));
            // SAFETY: the run ends in the array of slots, or right behind it.
            let stop = unsafe { slot.add(run as usize * E::STRIDE) };
            while slot < stop {
                // SAFETY: the kernel has filled this slot and leaves it alone until the shared head has passed it.
                let (entry, slots) = unsafe { E::read(slot) };
                // SAFETY: as for `stop`.
                slot = unsafe { slot.add(slots as usize * E::STRIDE) };
                if !E::MIXED || !skip(entry.fields().1) {
                    f(&entry);
                }
            }
        }
        index.publish();
    }

    /// See [`IoUring::take_first_if`](super::IoUring::take_first_if).
    ///
    /// # Safety
    ///
    /// As for [`take_all`](Self::take_all).
    #[inline]
    pub(crate) unsafe fn take_first_if<T>(
        &self,
        local: &CqLocal,
        f: impl FnOnce(&Filled<E>) -> Option<T>,
    ) -> Option<T> {
        let index = Consumer::<_>::new(local, self.head, self.tail);
        let position = index.first()?;
        // The kernel has filled this slot and leaves it alone until the shared head has passed it.
        let filled = Filled(self.slot(position), PhantomData);
        if E::MIXED && skip(filled.flags()) {
            return None;
        }
        let answer = f(&filled)?;
        index.advance_to(position.wrapping_add(filled.slots()));
        index.publish_filled();
        Some(answer)
    }

    /// See [`IoUring::see`](super::IoUring::see); `local` is the ring's, and nobody else uses it.
    #[inline]
    pub(crate) fn see(&self, local: &CqLocal) -> bool {
        let index = Consumer::<_>::new(local, self.head, self.tail);
        index.refresh();
        index.first().is_some()
    }

    #[inline]
    fn slot(&self, position: u32) -> NonNull<u8> {
        let offset = (position & self.mask) as usize * E::STRIDE;
        // SAFETY: masked, the position is less than the number of slots, all of which lie behind `cqes`.
        unsafe { self.cqes.add(offset) }
    }
}

/// The completion queue of a ring: an iterator over what has completed.
///
/// It takes no system call. It sees what was there when it was made or last synced; the slots of
/// completions that were taken go back to the kernel on [`sync`](Self::sync) or when the value is dropped. A
/// completion that was taken is not given out again, even if the value is forgotten. When the queue ends
/// while [`cq_overflow`](super::SubmissionQueue::cq_overflow) or [`taskrun`](super::SubmissionQueue::taskrun)
/// holds, more wait in the kernel: [`Submitter::flush_completions`](super::Submitter::flush_completions).
pub struct CompletionQueue<'a, E: EntryMarker = Entry> {
    index: Consumer<'a, SharedWord>,
    cqes: NonNull<u8>,
    mask: u32,
    inner: &'a Inner<E>,
    core: &'a Core,
}

// SAFETY: the value is the only user of the consumer's state, by the contracts of the functions that make
// it; that and the filled slots may be used from any one thread at a time.
unsafe impl<E: EntryMarker> Send for CompletionQueue<'_, E> {}

impl<'a, E: EntryMarker> CompletionQueue<'a, E> {
    /// # Safety
    ///
    /// `inner` and `core` belong to one ring, and as long as the result lives nobody else uses the
    /// consumer's state of that ring.
    #[inline]
    pub(crate) unsafe fn new(inner: &'a Inner<E>, core: &'a Core) -> Self {
        let index = Consumer::new(core.cq_local(), inner.head, inner.tail);
        index.refresh();
        Self {
            index,
            cqes: inner.cqes,
            mask: inner.mask,
            inner,
            core,
        }
    }

    /// A view that tells whether completions wait, and borrows nothing.
    ///
    /// # Safety
    ///
    /// The result is not used after the ring has been dropped, nor in a forked child.
    #[inline]
    pub unsafe fn status(&self) -> CompletionStatus {
        CompletionStatus {
            head: self.inner.head,
            tail: self.inner.tail,
        }
    }

    /// Gives the kernel the slots of the completions taken so far, and finds those that it has posted since.
    #[inline]
    pub fn sync(&mut self) {
        self.index.publish();
        self.index.refresh();
    }

    /// How many completions were lost because the queue was full (before Linux 5.5) or the kernel out of
    /// memory. 0 in a forked child.
    pub fn overflow(&self) -> u32 {
        if self.core.is_here() {
            // Relaxed: a statistic; pairs with the kernel's store when it drops a completion.
            self.inner.overflow.load(Ordering::Relaxed)
        } else {
            0
        }
    }

    /// Whether completions leave a registered eventfd alone. Since Linux 5.8; false before.
    pub fn eventfd_disabled(&self) -> bool {
        self.flags_word().is_some_and(|flags| {
            // Relaxed: only the application writes this word.
            flags.load(Ordering::Relaxed) & uring_sys::IORING_CQ_EVENTFD_DISABLED != 0
        })
    }

    /// Makes completions leave a registered eventfd alone. Since Linux 5.8; without effect before.
    pub fn disable_eventfd(&self) {
        if let Some(flags) = self.flags_word() {
            // Relaxed: pairs with the kernel's plain load before it signals; nothing else depends on it.
            flags.fetch_or(uring_sys::IORING_CQ_EVENTFD_DISABLED, Ordering::Relaxed);
        }
    }

    /// Makes completions signal a registered eventfd again. Since Linux 5.8; without effect before.
    pub fn enable_eventfd(&self) {
        if let Some(flags) = self.flags_word() {
            // Relaxed: as in `disable_eventfd`.
            flags.fetch_and(!uring_sys::IORING_CQ_EVENTFD_DISABLED, Ordering::Relaxed);
        }
    }

    fn flags_word(&self) -> Option<SharedWord> {
        self.inner.flags.filter(|_| self.core.is_here())
    }

    /// The number of slots. 0 in a forked child.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.index.capacity() as usize
    }

    /// Whether no completion waits, as of the last [`sync`](Self::sync).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all slots are filled, as of the last [`sync`](Self::sync).
    #[inline]
    pub fn is_full(&self) -> bool {
        self.index.ready() == self.index.capacity()
    }

    /// Takes as many completions as there are and as fit into `entries`, and answers them.
    #[inline]
    pub fn fill<'b>(&mut self, entries: &'b mut [MaybeUninit<E>]) -> &'b mut [E] {
        let mut filled = 0;
        for (entry, completion) in entries.iter_mut().zip(&mut *self) {
            entry.write(completion);
            filled += 1;
        }
        // SAFETY: the first `filled` elements were written just now.
        unsafe { slice::from_raw_parts_mut(entries.as_mut_ptr().cast(), filled) }
    }

    #[inline]
    fn slot(&self, position: u32) -> NonNull<u8> {
        let offset = (position & self.mask) as usize * E::STRIDE;
        // SAFETY: masked, the position is less than the number of slots, all of which lie behind `cqes`.
        unsafe { self.cqes.add(offset) }
    }

    /// The completions among the filled slots of a ring of mixed sizes.
    fn count(&self) -> usize {
        let Some(mut position) = self.index.first() else {
            return 0;
        };
        let end = position.wrapping_add(self.index.ready());
        let mut count = 0;
        while position != end {
            // SAFETY: the slot is a filled one, and slots of mixed rings begin as `Entry` does.
            let (entry, _) = unsafe { Entry::read(self.slot(position)) };
            position = position.wrapping_add(1 + u32::from(is_32(entry.flags())));
            count += usize::from(!skip(entry.flags()));
        }
        count
    }
}

impl<E: EntryMarker> Drop for CompletionQueue<'_, E> {
    #[inline]
    fn drop(&mut self) {
        self.index.publish();
    }
}

impl<E: EntryMarker> Iterator for CompletionQueue<'_, E> {
    type Item = E;

    #[inline]
    fn next(&mut self) -> Option<E> {
        loop {
            let position = self.index.first()?;
            // SAFETY: the kernel has filled this slot and leaves it alone until the head has passed it.
            let (entry, slots) = unsafe { E::read(self.slot(position)) };
            self.index.advance_to(position.wrapping_add(slots));
            if !E::MIXED {
                return Some(entry);
            }
            let passed_over: Entry = entry.clone().into();
            if !skip(passed_over.flags()) {
                return Some(entry);
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.len();
        (len, Some(len))
    }
}

impl<E: EntryMarker> ExactSizeIterator for CompletionQueue<'_, E> {
    /// The completions that wait, as of the last [`sync`](CompletionQueue::sync). In a ring of mixed sizes
    /// this looks at each of them.
    #[inline]
    fn len(&self) -> usize {
        if E::MIXED {
            self.count()
        } else {
            self.index.ready() as usize
        }
    }
}

impl<E: EntryMarker> Debug for CompletionQueue<'_, E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// Tells whether completions wait, from anywhere: see [`CompletionQueue::status`].
///
/// The answer may be outdated when it arrives. Completions that were taken count as waiting until their
/// slots have gone back to the kernel.
pub struct CompletionStatus {
    head: SharedWord,
    tail: SharedWord,
}

impl CompletionStatus {
    /// Whether the kernel has posted nothing beyond what was taken.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // Head relaxed: only we write it. Tail acquire, to pair with the kernel's release store: what the
        // completions say happened before has happened.
        self.head.load(Ordering::Relaxed) == self.tail.load(Ordering::Acquire)
    }
}

impl Debug for CompletionStatus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionStatus")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

/// `IORING_CQE_F_BUF_MORE`: the provided buffer has room left and stays in use. Since Linux 6.12.
pub fn buffer_more(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_BUF_MORE != 0
}

/// The id of the provided buffer that was used, if `IORING_CQE_F_BUFFER` is set. Since Linux 5.7.
pub fn buffer_select(flags: u32) -> Option<u16> {
    (flags & uring_sys::IORING_CQE_F_BUFFER != 0)
        .then_some((flags >> uring_sys::IORING_CQE_BUFFER_SHIFT) as u16)
}

/// `IORING_CQE_F_MORE`: the operation goes on, and more completions will come. Since Linux 5.13.
pub fn more(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_MORE != 0
}

/// `IORING_CQE_F_SOCK_NONEMPTY`: the socket has more to read. Since Linux 5.19.
pub fn sock_nonempty(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_SOCK_NONEMPTY != 0
}

/// `IORING_CQE_F_NOTIF`: a zero-copy send is done with its buffer. Since Linux 6.0.
pub fn notif(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_NOTIF != 0
}

/// `IORING_CQE_F_SKIP`: the entry fills a gap and means nothing. Queues do not give it out. Since Linux 6.18.
pub fn skip(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_SKIP != 0
}

/// `IORING_CQE_F_32`: the completion has 32 bytes, in a ring of mixed sizes. Since Linux 6.18.
pub fn is_32(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_32 != 0
}

/// `IORING_CQE_F_TSTAMP_HW`: the time stamp is the hardware's, in a completion of a time stamp command. Since
/// Linux 6.17.
pub fn timestamp_hw(flags: u32) -> bool {
    flags & uring_sys::IORING_CQE_F_TSTAMP_HW != 0
}
