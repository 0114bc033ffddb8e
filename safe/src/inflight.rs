//! The table of operations in flight: who owns what the kernel may still touch.
//!
//! # The invariant
//!
//! An operation, and with it all memory that it gave the kernel, belongs to the table from the moment
//! at which it was placed until its **final** completion has been taken from the kernel. Nothing else ends
//! that: no cancellation, no closed descriptor, no dropped or forgotten handle. A table whose operations
//! cannot be waited for is leaked, never freed.
//!
//! A slot is in one [`Phase`] at a time. Operations are stored in the slots themselves, which never move, so
//! that an operation may hand out the addresses of its own fields; one that is larger than [`INLINE`] bytes
//! lies in a box of its own.
//!
//! The table belongs to one thread. Its methods take `&self`, since handles reach it while its owner
//! works: no method runs code of the user's while it is in the middle of a change.

mod handle;
mod pool;
mod slot;
mod stored;

use std::cell::{Cell, UnsafeCell};
use std::mem::{self, MaybeUninit};
use std::process;
use std::ptr::{self, NonNull};

use crate::broken::broken;
pub(crate) use handle::Handle;
pub(crate) use pool::Kept;
use pool::{List, NONE, Pool};
pub(crate) use slot::{Key, Phase, Slot};
use slot::{NOTES, Payload, STREAM};
#[cfg(all(test, feature = "uring"))]
pub(crate) use stored::INLINE;
pub(crate) use stored::{Stored, Typed, Vtable, at, read};

/// The table.
pub(crate) struct Table<R: 'static> {
    /// A power of two of them, so that any number leads to one. Those from the capacity on are never used.
    slots: Box<[Slot<R>]>,
    /// What makes any number the offset of a slot, in bytes.
    mask: usize,
    capacity: u32,
    /// The first free slot; null if there is none.
    free: Cell<*const Slot<R>>,
    /// The number of slots that are not free.
    used: Cell<u32>,
    /// Whether the owner is gone; then the last handle frees the table.
    abandoned: Cell<bool>,
    /// Operations that nobody waits for and which should be cancelled.
    unwanted: UnsafeCell<Vec<Key>>,
    /// Completions of tagged operations.
    events: List,
    /// Completions that nobody takes.
    disposals: List,
    /// Completions of no operation of this table that were sent to its owner.
    #[cfg(feature = "uring")]
    messages: List,
    pool: UnsafeCell<Pool<R>>,
}

/// How an operation that was placed is to be completed.
#[derive(Clone, Copy)]
pub(crate) struct Terms<R: 'static> {
    pub(crate) phase: Phase,
    pub(crate) scoped: bool,
    pub(crate) stream: bool,
    /// Whether completions are to be [noted](Stored::note); then the functions are not `None`.
    pub(crate) notes: bool,
    pub(crate) tag: u64,
    /// `None` if a handle will bring it: see [`Table::let_go`].
    pub(crate) vtable: Option<&'static Vtable<R>>,
}

impl<R: Copy + Default + 'static> Table<R> {
    /// A table of `capacity` slots, none of them free: pointers to slots are made where the table stays, since moving it
    /// would move the box that owns them.
    fn new(capacity: u32) -> Self {
        let count = capacity.next_power_of_two();
        let mask = (count as usize - 1) * size_of::<Slot<R>>();
        assert!(u32::try_from(mask).is_ok(), "more slots than keys");
        let slots = (0..count).map(|index| Slot {
            offset: index * size_of::<Slot<R>>() as u32,
            generation: Cell::new(0),
            next: Cell::new(ptr::null()),
            table: Cell::new(ptr::null()),
            phase: Cell::new(Phase::Idle),
            scoped: Cell::new(false),
            shape: Cell::new(0),
            begun: Cell::new(false),
            items: List::new(),
            tag: Cell::new(0),
            vtable: Cell::new(None),
            completion: Cell::new(R::default()),
            payload: UnsafeCell::new(Payload(MaybeUninit::uninit())),
        });
        Self {
            slots: slots.collect(),
            mask,
            capacity,
            free: Cell::new(ptr::null()),
            used: Cell::new(0),
            abandoned: Cell::new(false),
            unwanted: UnsafeCell::default(),
            events: List::new(),
            disposals: List::new(),
            #[cfg(feature = "uring")]
            messages: List::new(),
            pool: UnsafeCell::new(Pool::new()),
        }
    }

    /// The number of slots.
    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The number of operations in the table: those in flight, and those whose results were not taken.
    #[inline]
    pub(crate) fn used(&self) -> u32 {
        self.used.get()
    }

    /// All slots, to find those of many completions.
    #[inline]
    pub(crate) fn slots(&self) -> Slots<'_, R> {
        Slots {
            all: &self.slots,
            mask: self.mask,
        }
    }

    /// See [`Slots::find`].
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<&Slot<R>> {
        self.slots().find(key)
    }

    /// Whether no slot is free.
    #[cfg(feature = "uring")]
    pub(crate) fn is_full(&self) -> bool {
        self.free.get().is_null()
    }

    /// A free slot, if there is one. It is nobody's until [`commit`](Self::commit) or
    /// [`withdraw`](Self::withdraw): if neither is called it is lost, and the operation that was placed there
    /// leaked.
    #[inline]
    pub(crate) fn reserve(&self) -> Option<&Slot<R>> {
        // SAFETY: null, or one of the table's slots.
        let slot = unsafe { self.free.get().as_ref() }?;
        self.free.set(slot.next.get());
        Some(slot)
    }

    /// Takes back an operation that the kernel has not been given.
    ///
    /// # Safety
    ///
    /// `slot` was given out by [`reserve`](Self::reserve) of this table, holds an operation of this type, and is
    /// not used again.
    #[cfg(feature = "uring")]
    pub(crate) unsafe fn withdraw<T>(&self, slot: &Slot<R>) -> T {
        // SAFETY: by the caller's promise.
        let operation = unsafe { read(slot.payload()) };
        self.put_back(slot);
        operation
    }

    /// Counts the operation as in flight.
    ///
    /// # Safety
    ///
    /// `slot` was given out by [`reserve`](Self::reserve) of this table and not committed before, and `terms` are
    /// right for the type that was placed there.
    #[inline]
    pub(crate) unsafe fn commit(&self, slot: &Slot<R>, terms: Terms<R>) {
        slot.phase.set(terms.phase);
        slot.scoped.set(terms.scoped);
        let shape = |set, bit| if set { bit } else { 0 };
        slot.shape
            .set(shape(terms.stream, STREAM) | shape(terms.notes, NOTES));
        slot.begun.set(false);
        if terms.phase == Phase::Tagged {
            slot.tag.set(terms.tag);
        }
        if terms.vtable.is_some() {
            slot.vtable.set(terms.vtable);
        }
        self.used.set(self.used.get() + 1);
    }

    /// Gives the operation out and frees its slot.
    ///
    /// # Safety
    ///
    /// The slot is [idle](Phase::Idle), and holds a `T` whose final completion has been taken; the caller is the only one
    /// who may take it.
    #[inline]
    pub(crate) unsafe fn take<T>(&self, slot: &Slot<R>) -> T {
        // SAFETY: by the caller's promise.
        let operation = unsafe { read(slot.payload()) };
        // SAFETY: as above; the payload was read.
        unsafe { self.free(slot) };
        operation
    }

    /// # Safety
    ///
    /// The slot is in use, and [idle](Phase::Idle); its payload was read or is to be leaked, and nobody uses it any more.
    #[inline]
    unsafe fn free(&self, slot: &Slot<R>) {
        debug_assert_eq!(slot.phase(), Phase::Idle);
        self.used.set(self.used.get() - 1);
        slot.generation.set(slot.generation.get().wrapping_add(1));
        self.put_back(slot);
    }

    /// Makes a slot the first of the free ones.
    #[inline]
    fn put_back(&self, slot: &Slot<R>) {
        slot.next.set(self.free.get());
        self.free.set(slot);
    }

    /// Disposes of a completion that nobody takes, and with the final one of the operation.
    ///
    /// Runs code of the user's.
    ///
    /// # Safety
    ///
    /// The slot holds an operation that the completion is of, and nobody else will take it.
    #[cold]
    pub(crate) unsafe fn discard(&self, slot: &Slot<R>, completion: R, last: bool) {
        let Some(vtable) = slot.vtable.get() else {
            return;
        };
        if !last {
            // SAFETY: as above.
            unsafe { (vtable.discard)(slot.payload(), completion, false) };
            return;
        }
        // The slot is nobody's while the user's code runs, and free afterwards, also if that panics.
        slot.end(Phase::Idle);
        let _free = OnDrop(|| {
            // SAFETY: as above: the operation was dropped where it lies.
            unsafe { self.free(slot) }
        });
        // SAFETY: as above.
        unsafe { (vtable.discard)(slot.payload(), completion, true) };
    }

    /// Drops an operation whose completions have all been disposed of.
    ///
    /// Runs code of the user's.
    ///
    /// # Safety
    ///
    /// As for [`take`](Self::take), of whatever type, and in whatever phase.
    #[cold]
    pub(crate) unsafe fn forget(&self, slot: &Slot<R>) {
        slot.end(Phase::Idle);
        let _free = OnDrop(|| {
            // SAFETY: as above: the operation was dropped where it lies.
            unsafe { self.free(slot) }
        });
        if let Some(vtable) = slot.vtable.get() {
            // SAFETY: as above.
            unsafe { (vtable.forget)(slot.payload()) };
        }
    }

    /// What a handle that is dropped leaves behind: a result is dropped, an operation in flight orphaned, and
    /// cancelled when the owner gets to it if `cancel` says so.
    ///
    /// Runs code of the user's, which may use the owner.
    ///
    /// # Safety
    ///
    /// The slot is the handle's, which is not used again, and has got the operation's functions.
    #[cold]
    pub(crate) unsafe fn let_go(&self, slot: &Slot<R>, cancel: bool) {
        match slot.phase() {
            Phase::Done => {
                // SAFETY: the phase says that there is one, and the handle was the only one to take it.
                unsafe { self.discard(slot, slot.completion(), true) }
            }
            Phase::Awaited if broken("drop") => {
                // SAFETY: none; the tests are to show it.
                unsafe { self.forget(slot) }
            }
            Phase::Awaited => self.orphan(slot, cancel),
            #[cfg(feature = "uring")]
            Phase::Halfway => self.orphan(slot, cancel),
            #[cfg(feature = "uring")]
            Phase::Stream => self.let_go_of_items(slot, cancel),
            Phase::Ended => self.let_go_of_items(slot, cancel),
            #[cfg(feature = "uring")]
            Phase::TaggedHalfway => {}
            Phase::Idle | Phase::Orphan | Phase::Tagged => {}
        }
    }

    /// Whether the owner is gone, and no handle is left.
    pub(crate) fn is_deserted(&self) -> bool {
        self.abandoned.get() && self.used.get() == 0
    }

    /// As [`let_go`](Self::let_go), of a stream.
    fn let_go_of_items(&self, slot: &Slot<R>, cancel: bool) {
        // The slot stays the handle's until its list is empty, also if dropping an item panics: no other operation
        // may find items there. Dropping them may bring the final completion.
        let _end = OnDrop(|| {
            self.dispose_all(&slot.items);
            if slot.phase() == Phase::Ended {
                // SAFETY: the final completion has come, and the handle was the only one to take it.
                unsafe { self.forget(slot) }
            } else {
                self.orphan(slot, cancel);
            }
        });
        self.dispose_all(&slot.items);
    }

    /// Leaves an operation in flight to the owner.
    fn orphan(&self, slot: &Slot<R>, cancel: bool) {
        slot.phase.set(Phase::Orphan);
        self.unwant(slot.key(), cancel);
    }

    fn unwant(&self, key: Key, cancel: bool) {
        if cancel {
            // SAFETY: nobody else refers to it meanwhile: `is_due` runs no code of the user's.
            let unwanted = unsafe { &mut *self.unwanted.get() };
            // Of operations that are over while the queue has no room for their cancellations.
            if unwanted.len() >= 2 * self.slots.len() {
                unwanted.retain(|key| self.is_due(*key));
            }
            unwanted.push(key);
        }
    }

    /// Counts an operation as one that should be cancelled.
    #[cfg(feature = "uring")]
    pub(crate) fn cancel_later(&self, key: Key) {
        self.unwant(key, true);
    }

    /// Whether there is something to cancel.
    #[inline]
    pub(crate) fn has_unwanted(&self) -> bool {
        // SAFETY: as in `unwant`.
        !unsafe { &*self.unwanted.get() }.is_empty()
    }

    /// An operation in flight that should be cancelled; it is named once.
    pub(crate) fn next_unwanted(&self) -> Option<Key> {
        loop {
            // SAFETY: as in `unwant`.
            let key = unsafe { &mut *self.unwanted.get() }.pop()?;
            if self.is_due(key) {
                return Some(key);
            }
        }
    }

    /// Whether there still is something to cancel.
    fn is_due(&self, key: Key) -> bool {
        self.find(key).is_some_and(Slot::is_in_flight)
    }

    /// Keeps the completion of a tagged operation for who asks for the next event.
    pub(crate) fn push_event(&self, kept: Kept<R>) {
        self.push(&self.events, kept);
    }

    /// Whether events are kept.
    #[inline]
    pub(crate) fn has_events(&self) -> bool {
        self.events.first.get() != NONE
    }

    /// The oldest event that was kept.
    #[inline]
    pub(crate) fn pop_event(&self) -> Option<Kept<R>> {
        self.pop(&self.events)
    }

    /// Keeps a completion that belongs to no operation.
    #[cfg(feature = "uring")]
    pub(crate) fn push_message(&self, kept: Kept<R>) {
        self.push(&self.messages, kept);
    }

    /// The oldest of those.
    #[cfg(feature = "uring")]
    pub(crate) fn pop_message(&self) -> Option<Kept<R>> {
        self.pop(&self.messages)
    }

    /// Keeps a completion that nobody takes until [`dispose`](Self::dispose).
    pub(crate) fn push_disposal(&self, kept: Kept<R>) {
        self.push(&self.disposals, kept);
    }

    /// Disposes of the completions that were kept for that.
    ///
    /// Runs code of the user's.
    #[inline]
    pub(crate) fn dispose(&self) {
        if self.has_disposals() {
            self.dispose_all(&self.disposals);
        }
    }

    /// Whether there is something to dispose of.
    #[inline]
    pub(crate) fn has_disposals(&self) -> bool {
        self.disposals.first.get() != NONE
    }

    #[cold]
    fn dispose_all(&self, list: &List) {
        while let Some(Kept {
            key,
            completion,
            last,
        }) = self.pop(list)
        {
            if let Some(slot) = self.find(key) {
                // SAFETY: what is in a list was taken from the kernel and not given out, and the slots of such
                // completions are not freed before.
                unsafe { self.discard(slot, completion, last) };
            }
        }
    }

    /// Keeps a completion of a stream for its handle.
    #[cfg(feature = "uring")]
    pub(crate) fn push_item(&self, slot: &Slot<R>, completion: R) {
        let kept = Kept {
            key: slot.key(),
            completion,
            // Not even the final one: the operation stays until its handle gives it back.
            last: false,
        };
        self.push(&slot.items, kept);
    }

    /// The oldest completion of a stream that was kept.
    #[inline]
    #[cfg(feature = "uring")]
    pub(crate) fn pop_item(&self, slot: &Slot<R>) -> Option<R> {
        self.pop(&slot.items).map(|kept| kept.completion)
    }

    fn push(&self, list: &List, kept: Kept<R>) {
        // SAFETY: nobody else refers to it: each use is one expression that runs no code of the user's.
        unsafe { &mut *self.pool.get() }.push(list, kept);
    }

    #[inline]
    fn pop(&self, list: &List) -> Option<Kept<R>> {
        // SAFETY: as in `push`.
        unsafe { &mut *self.pool.get() }.pop(list)
    }

    /// The keys of the operations in flight, of all or of those that borrow from a scope.
    pub(crate) fn in_flight(&self, scoped: bool) -> impl Iterator<Item = Key> {
        let counted = move |slot: &Slot<R>| slot.is_in_flight() && slot.scoped.get() >= scoped;
        self.slots
            .iter()
            .filter(move |slot| counted(slot))
            .map(Slot::key)
    }

    /// Drops all that borrows from a scope: results that were not taken.
    ///
    /// Runs code of the user's.
    ///
    /// # Safety
    ///
    /// No operation that borrows from a scope is in flight, and its handles are not used any more.
    pub(crate) unsafe fn sweep(&self) {
        for slot in &self.slots {
            if slot.scoped.get() && slot.phase() != Phase::Idle {
                // SAFETY: by the caller's promise.
                unsafe { self.let_go(slot, false) };
            }
        }
    }

    /// Ends the owner's part: results that are kept for nobody are dropped. True if no handle is left, so
    /// that the caller frees the table.
    ///
    /// Runs code of the user's.
    ///
    /// # Safety
    ///
    /// Nothing is in flight.
    pub(crate) unsafe fn abandon(&self) -> bool {
        self.dispose();
        self.dispose_all(&self.events);
        self.abandoned.set(true);
        self.used.get() == 0
    }
}

/// The slots of a table.
#[derive(Clone, Copy)]
pub(crate) struct Slots<'table, R: 'static> {
    all: &'table [Slot<R>],
    mask: usize,
}

impl<'table, R: Copy + 'static> Slots<'table, R> {
    /// The slot that a completion is for. `None` for one that came too late, or twice, or to nobody.
    ///
    /// The slot may be free, if a completion names the key that its next operation will have.
    #[inline]
    pub(crate) fn find(self, key: Key) -> Option<&'table Slot<R>> {
        let offset = key.offset() as usize & self.mask;
        // SAFETY: masked, it is a multiple of the size of a slot, which is a power of two, and that of the last one at most.
        let slot = unsafe { &*self.all.as_ptr().byte_add(offset) };
        (slot.key() == key).then_some(slot)
    }
}

/// Runs a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Shared ownership of a table between its owner and its handles, without a count: the slots in use tell.
pub(crate) struct Shared<R: 'static>(NonNull<Table<R>>);

impl<R: 'static> Clone for Shared<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: 'static> Copy for Shared<R> {}

impl<R: 'static> PartialEq for Shared<R> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<R: Copy + Default + 'static> Shared<R> {
    /// A new table.
    pub(crate) fn new(capacity: u32) -> Self {
        let table = NonNull::from(Box::leak(Box::new(Table::new(capacity))));
        let shared = Self(table);
        // SAFETY: the table was made just now.
        let made = unsafe { shared.get() };
        for slot in &made.slots {
            slot.table.set(table.as_ptr());
        }
        for slot in made.slots[..capacity as usize].iter().rev() {
            made.put_back(slot);
        }
        shared
    }

    /// The table that a slot in use is of.
    #[inline]
    pub(crate) fn of(slot: &Slot<R>) -> Self {
        // SAFETY: a slot that somebody refers to is in a table, which has set this.
        Self(unsafe { NonNull::new_unchecked(slot.table().cast_mut()) })
    }

    /// The table.
    ///
    /// # Safety
    ///
    /// The owner is not gone, or the handle that asks has a slot in use.
    #[inline]
    pub(crate) unsafe fn get<'a>(self) -> &'a Table<R> {
        // SAFETY: by the caller's promise it was not freed.
        unsafe { self.0.as_ref() }
    }

    /// Ends a scope: `drain` waits until nothing of it is in flight, and answers whether that worked; then what
    /// borrows is dropped. If it did not work, or if something panics meanwhile, the process is aborted: nothing
    /// may go on, since what is borrowed cannot be leaked.
    ///
    /// # Safety
    ///
    /// As for [`get`](Self::get), and as for [`Table::sweep`] when `drain` has answered true.
    #[cold]
    pub(crate) unsafe fn end_scope(self, drain: impl FnOnce() -> bool) {
        let abort = OnDrop(|| process::abort());
        if !drain() {
            process::abort();
        }
        // SAFETY: by the caller's promise.
        unsafe { self.get().sweep() };
        mem::forget(abort);
    }

    /// As [`Table::let_go`]. Frees the table if its owner is gone, and this was the last handle.
    ///
    /// # Safety
    ///
    /// As there.
    pub(crate) unsafe fn let_go(self, slot: &Slot<R>, cancel: bool) {
        // Also if the user's code panics.
        let _end = OnDrop(|| {
            // SAFETY: as long as the user's code ran, the slot kept the table, and if the owner is not gone it
            // keeps it still. Otherwise nobody uses it any more.
            unsafe {
                if self.get().is_deserted() {
                    self.free();
                }
            }
        });
        // SAFETY: by the caller's promise; a slot in use keeps the table.
        unsafe { self.get().let_go(slot, cancel) };
    }

    /// Frees the table.
    ///
    /// # Safety
    ///
    /// [`Table::abandon`] or [`Table::is_deserted`] answered that it is to be freed.
    pub(crate) unsafe fn free(self) {
        // SAFETY: it came from a box, and nobody uses it any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

const _: () = assert!(size_of::<Slot<[u64; 3]>>() == 512);
