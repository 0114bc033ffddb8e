//! One slot: an operation, and how far it is.

use std::any::TypeId;
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr;

use super::Table;
use super::pool::List;
#[cfg(feature = "uring")]
use super::pool::NONE;
use super::stored::{INLINE, Stored, Typed, Vtable, write};

/// What the kernel is told, so that the completion finds its slot: where that lies in the table, in bytes, and how many
/// operations the slot had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) u64);

impl Key {
    /// Where no slot lies: for completions that nobody waits for.
    #[cfg(feature = "uring")]
    pub(crate) const NOBODY: Self = Self(u32::MAX as u64);

    /// Where no slot lies: for what is sent from ring to ring.
    #[cfg(feature = "uring")]
    pub(crate) const MESSAGE: u32 = u32::MAX - 1;

    /// Where the slot lies in the table, in bytes.
    #[inline]
    pub(crate) fn offset(self) -> u32 {
        self.0 as u32
    }
}

/// What a slot is being used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing is in flight, and there is no handle. The slot is free, or reserved, or the final completion of its
    /// operation is kept, as an event or to be disposed of: whoever has that knows. It need not be told apart, so that
    /// an event which is taken leaves the phase as it is.
    Idle,
    /// In flight, and a handle waits for the result.
    Awaited,
    /// As `Awaited`, after a completion that was not the final one.
    #[cfg(feature = "uring")]
    Halfway,
    /// The final completion has come; the handle takes operation and result.
    Done,
    /// In flight, and nobody waits for it any more.
    Orphan,
    /// In flight; what comes goes to whoever asks for the next event.
    Tagged,
    /// As `Tagged`, after a completion that was not the final one of a single result.
    #[cfg(feature = "uring")]
    TaggedHalfway,
    /// In flight, many completions are to come, and a handle takes them.
    #[cfg(feature = "uring")]
    Stream,
    /// As `Stream`, after the final completion.
    Ended,
}

impl Phase {
    fn is_in_flight(self) -> bool {
        match self {
            Self::Awaited | Self::Orphan | Self::Tagged => true,
            #[cfg(feature = "uring")]
            Self::Halfway | Self::TaggedHalfway | Self::Stream => true,
            Self::Idle | Self::Done | Self::Ended => false,
        }
    }
}

/// A slot. Its size is a power of two, so that a mask makes any number the offset of one.
#[repr(C, align(512))]
pub(crate) struct Slot<R: 'static> {
    /// Where it lies in the table, in bytes. With the generation it is the key of the operation, or of the next one while
    /// the slot is free.
    pub(super) offset: u32,
    /// How often the slot was freed.
    pub(super) generation: Cell<u32>,
    /// While the slot is free, the next free one; null if it is the last.
    pub(super) next: Cell<*const Self>,
    pub(super) table: Cell<*const Table<R>>,
    pub(super) phase: Cell<Phase>,
    /// Whether the operation borrows from a scope.
    pub(super) scoped: Cell<bool>,
    /// Whether many completions are to come ([`STREAM`]), and whether they are to be noted ([`NOTES`]).
    pub(super) shape: Cell<u8>,
    /// Whether a completion has come, and was kept, that was not the final one of a single result.
    pub(super) begun: Cell<bool>,
    /// The completions of a stream that its handle has not taken.
    pub(super) items: List,
    pub(super) tag: Cell<u64>,
    pub(super) vtable: Cell<Option<&'static Vtable<R>>>,
    pub(super) completion: Cell<R>,
    /// The kernel may write into it: it is never referred to.
    pub(super) payload: UnsafeCell<Payload>,
}

pub(super) const STREAM: u8 = 1;
pub(super) const NOTES: u8 = 2;

#[repr(C, align(16))]
pub(super) struct Payload(pub(super) MaybeUninit<[u8; INLINE]>);

impl<R: Copy + 'static> Slot<R> {
    /// What the kernel knows its operation by.
    #[inline]
    pub(crate) fn key(&self) -> Key {
        Key(u64::from(self.offset) | u64::from(self.generation.get()) << 32)
    }

    /// Which of the table's slots a key is of.
    #[cfg(feature = "aio")]
    #[inline]
    pub(crate) fn index_of(key: Key) -> usize {
        key.offset() as usize / size_of::<Self>()
    }

    /// The table that the slot is of.
    #[inline]
    pub(crate) fn table(&self) -> *const Table<R> {
        self.table.get()
    }

    /// What it is used for.
    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether its operation is in flight.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.phase.get().is_in_flight()
    }

    /// The tag that came with the operation.
    #[inline]
    pub(crate) fn tag(&self) -> u64 {
        self.tag.get()
    }

    /// Whether many completions are to come.
    #[cfg(feature = "uring")]
    pub(crate) fn is_stream(&self) -> bool {
        self.shape.get() & STREAM != 0
    }

    /// Notes a completion, if the operation wants that: see [`Stored::note`].
    ///
    /// # Safety
    ///
    /// The operation is in flight, and the completion is one of its own, which was not noted before.
    #[inline]
    #[cfg(feature = "uring")]
    pub(crate) unsafe fn note(&self, completion: &mut R) {
        if self.shape.get() & NOTES == 0 {
            return;
        }
        if let Some(vtable) = self.vtable.get() {
            // SAFETY: by the caller's promise; who wants that has said which functions are right for it.
            unsafe { (vtable.note)(self.payload(), completion) };
        }
    }

    /// Whether there are completions of a stream that its handle has not taken.
    #[cfg(feature = "uring")]
    pub(crate) fn has_items(&self) -> bool {
        self.items.first.get() != NONE
    }

    /// Where the operation lies, for [`at`] and [`read`].
    #[inline]
    pub(crate) fn payload(&self) -> *mut u8 {
        self.payload.get().cast()
    }

    /// Moves an operation into the slot.
    ///
    /// # Safety
    ///
    /// The slot was reserved, and holds no operation.
    #[inline]
    pub(crate) unsafe fn place<T>(&self, operation: T) {
        // SAFETY: by the caller's promise it is nobody else's.
        unsafe { write(self.payload(), operation) };
    }

    /// Whether a completion has come that was not the final one; it is in [`completion`](Self::completion).
    #[inline]
    #[cfg(feature = "uring")]
    pub(crate) fn begun(&self) -> bool {
        self.begun.get()
    }

    /// Keeps a completion that is not the final one.
    #[cfg(feature = "uring")]
    pub(crate) fn begin(&self, completion: R) {
        self.completion.set(completion);
        self.begun.set(true);
        match self.phase.get() {
            Phase::Awaited => self.phase.set(Phase::Halfway),
            Phase::Tagged => self.phase.set(Phase::TaggedHalfway),
            _ => {}
        }
    }

    /// The completion that was kept last: of this operation if the phase is `Done`, or if `begun` holds.
    #[inline]
    pub(crate) fn completion(&self) -> R {
        self.completion.get()
    }

    /// Keeps a completion, and sets what the slot is used for from now on.
    #[inline]
    pub(crate) fn finish(&self, phase: Phase, completion: R) {
        self.completion.set(completion);
        self.phase.set(phase);
    }

    /// As [`finish`](Self::finish), with a completion that `fill` writes.
    #[inline]
    #[cfg(feature = "uring")]
    pub(crate) fn finish_with(&self, phase: Phase, fill: impl FnOnce(&Cell<R>)) {
        fill(&self.completion);
        self.phase.set(phase);
    }

    /// Keeps a completion that somebody is about to take.
    #[cfg(feature = "uring")]
    pub(crate) fn keep(&self, completion: R) {
        self.completion.set(completion);
    }

    /// Ends an operation whose final completion is kept elsewhere, or taken.
    #[inline]
    pub(crate) fn end(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Brings the functions of the operation, which its handle knows.
    pub(crate) fn bring(&self, vtable: &'static Vtable<R>) {
        self.vtable.set(Some(vtable));
    }

    /// Whether the operation is a `T`.
    #[inline]
    pub(crate) fn holds<T: Stored<R> + 'static>(&self) -> bool {
        let vtable = self.vtable.get().map_or(ptr::null(), ptr::from_ref);
        // Mostly a type has one table of functions.
        vtable == Typed::<T>::vtable() || self.holds_by_name::<T>()
    }

    /// As [`holds`](Self::holds), by what the type's table says.
    #[cold]
    #[inline(never)]
    fn holds_by_name<T: 'static>(&self) -> bool {
        let vtable = self.vtable.get();
        vtable.is_some_and(|vtable| (vtable.type_id)() == TypeId::of::<T>())
    }
}
