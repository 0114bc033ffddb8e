//! What stands for an operation in flight.

use std::fmt::{self, Debug, Formatter};
use std::ptr::NonNull;

use super::op::{Cqe, Operation};
use crate::inflight::{Handle, Key, Shared, Slot};
pub use crate::wait_error::WaitError;

/// Names an operation, to cancel it. Once the operation is over it names nothing. Another ring takes it for one of its own
/// operations, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub(super) Key);

/// The right to an operation's result: [`Ring::wait`](super::Ring::wait) takes it.
///
/// Dropping it drops the result, or cancels the operation, which is dropped when it is over;
/// [`detach`](Self::detach) lets it go on. Forgetting it keeps its place in the ring occupied.
#[must_use = "dropping a ticket cancels its operation"]
pub struct Ticket<O: Operation>(Handle<O, Cqe>);

impl<O: Operation> Ticket<O> {
    /// # Safety
    ///
    /// As for [`Handle::new`].
    #[inline]
    pub(super) unsafe fn new(slot: NonNull<Slot<Cqe>>) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Handle::new(slot) })
    }

    #[inline]
    pub(super) fn is_of(&self, table: Shared<Cqe>) -> bool {
        self.0.is_of(table)
    }

    /// Whether the operation is over, as far as the ring knows: it learns of it when it waits or polls.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token {
        Token(self.0.key())
    }

    /// The completion of an operation that is over.
    pub(super) fn completion(&self) -> Cqe {
        self.0.completion()
    }

    /// Lets the operation go on, and drops it with its result when it is over.
    pub fn detach(self) {
        self.0.detach();
    }

    /// The result of an operation that is over, of a ring that lives.
    #[inline]
    pub(super) fn take(self) -> O::Output {
        let completion = self.0.completion();
        // SAFETY: it is over, as its ring was asked, which therefore lives; the completion is its own.
        unsafe { self.0.take().complete(completion) }
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
