//! What stands for an operation in flight.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;

use super::op::{Cqe, Operation};
use crate::inflight::{Key, Phase, Shared, Slot, Stored as _};
pub use crate::wait_error::WaitError;

/// Names an operation, to cancel it. It means nothing to another ring, and nothing once the operation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub(super) Key);

/// The right to an operation's result: [`Ring::wait`](super::Ring::wait) takes it.
///
/// Dropping it drops the result, or cancels the operation, which is dropped when it is over;
/// [`detach`](Self::detach) lets it go on. Forgetting it keeps its place in the ring occupied.
#[must_use = "dropping a ticket cancels its operation"]
pub struct Ticket<O: Operation> {
    /// In use as long as this value lives, which keeps the table.
    slot: NonNull<Slot<Cqe>>,
    operation: PhantomData<O>,
}

impl<O: Operation> Ticket<O> {
    #[inline]
    pub(super) fn new(slot: NonNull<Slot<Cqe>>) -> Self {
        Self {
            slot,
            operation: PhantomData,
        }
    }

    #[inline]
    pub(super) fn is_of(&self, table: Shared<Cqe>) -> bool {
        Shared::of(self.slot()) == table
    }

    #[inline]
    fn slot(&self) -> &Slot<Cqe> {
        // SAFETY: the slot is in use as long as the ticket lives, which keeps the table.
        unsafe { self.slot.as_ref() }
    }

    /// Whether the operation is over, as far as the ring knows: it learns of it when it waits or polls.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.slot().phase() == Phase::Done
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token {
        Token(self.slot().key())
    }

    /// The completion of an operation that is over.
    pub(super) fn completion(&self) -> Cqe {
        debug_assert!(self.is_done());
        self.slot().completion()
    }

    /// Lets the operation go on, and drops it with its result when it is over.
    pub fn detach(self) {
        // Not to be dropped, also if dropping the result panics.
        ManuallyDrop::new(self).let_go(false);
    }

    #[cold]
    fn let_go(&self, cancel: bool) {
        let slot = self.slot();
        slot.bring(O::VTABLE);
        let table = Shared::of(slot);
        // SAFETY: the ticket ends here.
        unsafe { table.let_go(slot, cancel) };
    }

    /// The result of an operation that is over.
    #[inline]
    pub(super) fn take(self) -> O::Output {
        debug_assert!(self.is_done());
        // SAFETY: the slot in use keeps the table. The ring lives, for it was asked: freeing the slot does not
        // free the table.
        let slot = unsafe { self.slot.as_ref() };
        // SAFETY: as above.
        let table = unsafe { Shared::of(slot).get() };
        mem::forget(self);
        let completion = slot.completion();
        // SAFETY: the final completion has come, which the slot has kept; it holds an `O`, and the ticket was
        // the only one to take it.
        unsafe { table.take::<O>(slot).complete(completion) }
    }
}

impl<O: Operation> Drop for Ticket<O> {
    fn drop(&mut self) {
        self.let_go(true);
    }
}

impl<O: Operation> Debug for Ticket<O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("operation", &self.token())
            .field("done", &self.is_done())
            .finish_non_exhaustive()
    }
}

/// What looking for a result gives: the result, or the ticket, or why it cannot be told.
pub type Tried<O, T = Ticket<O>> = Result<Result<<O as Operation>::Output, T>, WaitError<T>>;
