//! What stands for an operation in flight.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr::NonNull;

use super::op::{Completion, Operation};
use crate::inflight::{Key, Phase, Shared, Slot, Stored as _};
pub use crate::wait_error::WaitError;

/// Names an operation, to cancel it: only those that the kernel can cancel, see
/// [`Context::cancel`](super::Context::cancel). It means nothing to another context, and nothing once the operation
/// is over.
pub struct Token<O> {
    pub(super) key: Key,
    operation: PhantomData<fn(O)>,
}

impl<O> Token<O> {
    #[inline]
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            operation: PhantomData,
        }
    }
}

impl<O> Clone for Token<O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Token<O> {}

impl<O> Debug for Token<O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.key, f)
    }
}

/// The right to an operation's result: [`Context::wait`](super::Context::wait) takes it.
///
/// Dropping it drops the result; or, with the next submission or wait, takes the operation out of the queue or
/// cancels the poll; what cannot be cancelled goes on, and is dropped when it is over. [`detach`](Self::detach) lets
/// the operation go on in any case. Forgetting it keeps its place in the context occupied.
#[must_use = "dropping a ticket cancels its operation if that can be done"]
pub struct Ticket<O: Operation> {
    /// In use as long as this value lives, which keeps the table.
    slot: NonNull<Slot<Completion>>,
    operation: PhantomData<O>,
}

impl<O: Operation> Ticket<O> {
    #[inline]
    pub(super) fn new(slot: NonNull<Slot<Completion>>) -> Self {
        Self {
            slot,
            operation: PhantomData,
        }
    }

    #[inline]
    pub(super) fn is_of(&self, table: Shared<Completion>) -> bool {
        Shared::of(self.slot()) == table
    }

    #[inline]
    fn slot(&self) -> &Slot<Completion> {
        // SAFETY: the slot is in use as long as the ticket lives, which keeps the table.
        unsafe { self.slot.as_ref() }
    }

    /// Whether the operation is over, as far as the context knows: it learns of it when it waits or polls.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.slot().phase() == Phase::Done
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token<O> {
        Token::new(self.slot().key())
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
        // SAFETY: the slot in use keeps the table. The context lives, for it was asked: freeing the slot does not
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
pub type Tried<O> = Result<Result<<O as Operation>::Output, Ticket<O>>, WaitError<Ticket<O>>>;
