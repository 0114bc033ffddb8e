//! What stands for an operation in flight.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::op::{Completion, Operation};
use crate::inflight::{Handle, Key, Shared, Slot};
pub use crate::wait_error::WaitError;

/// Names an operation, to cancel it: only those that the kernel can cancel, see
/// [`Context::cancel`](super::Context::cancel). Once the operation is over it names nothing. Another context takes it
/// for one of its own operations, or for none.
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
pub struct Ticket<O: Operation>(Handle<O, Completion>);

impl<O: Operation> Ticket<O> {
    /// # Safety
    ///
    /// As for [`Handle::new`].
    #[inline]
    pub(super) unsafe fn new(slot: NonNull<Slot<Completion>>) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { Handle::new(slot) })
    }

    #[inline]
    pub(super) fn is_of(&self, table: Shared<Completion>) -> bool {
        self.0.is_of(table)
    }

    /// Whether the operation is over, as far as the context knows: it learns of it when it waits or polls.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token<O> {
        Token::new(self.0.key())
    }

    /// Lets the operation go on, and drops it with its result when it is over.
    pub fn detach(self) {
        self.0.detach();
    }

    /// The result of an operation that is over, of a context that lives.
    #[inline]
    pub(super) fn take(self) -> O::Output {
        let completion = self.0.completion();
        // SAFETY: it is over, as its context was asked, which therefore lives; the completion is its own.
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
pub type Tried<O> = Result<Result<<O as Operation>::Output, Ticket<O>>, WaitError<Ticket<O>>>;
