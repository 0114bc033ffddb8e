//! Operations that borrow: none outlives the scope.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::marker::PhantomData;

use super::op::{Cancellable, Completion, Operation};
use super::{Cancel, Context, Rejected, Submitted, Ticket, Token, WaitError, is_broken};
use crate::inflight::{Phase, Stored, Terms};

/// Where operations with borrowed files and buffers are pushed; see [`Context::scope`].
pub struct Scope<'scope, 'env: 'scope> {
    context: &'scope mut Context,
    /// How many operations were pushed, and the results of how many were taken: if of all, none borrows any more.
    pushed: u64,
    taken: u64,
    /// Invariant in both: neither lifetime may shrink, as in [`std::thread::Scope`].
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl Context {
    /// Runs `f` with a [`Scope`], whose operations may borrow what outlives the call. When `f` is through, polls
    /// that are still in flight are cancelled, all is waited for, and `f`'s answer is given.
    ///
    /// That happens however `f` ends: also if it panics, and also for operations whose tickets were forgotten.
    /// So what they borrow may live on the stack. What is borrowed cannot be leaked: if the operations
    /// cannot be waited for, the process is aborted.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::fs::File;
    /// use std::io;
    ///
    /// use safe::aio::{Context, op};
    ///
    /// let mut context = Context::new(8)?;
    /// let file = File::open("/proc/self/exe")?;
    /// let (mut magic, mut class) = ([0; 4], [0; 1]);
    /// context.scope(|scope| {
    ///     let first = scope.push(op::Read::new(&file, &mut magic[..]).at(0))?;
    ///     let second = scope.push(op::Read::new(&file, &mut class[..]).at(4))?;
    ///     scope.wait(first)?.result?;
    ///     scope.wait(second)?.result?;
    ///     Ok::<(), io::Error>(())
    /// })?;
    /// assert_eq!(&magic, b"\x7fELF");
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn scope<'env, T>(
        &mut self,
        f: impl for<'scope> FnOnce(&mut Scope<'scope, 'env>) -> T,
    ) -> T {
        f(&mut Scope {
            context: self,
            pushed: 0,
            taken: 0,
            scope: PhantomData,
            env: PhantomData,
        })
    }
}

/// Waits for what borrows from the scope, when the closure has returned and when it unwinds.
impl Drop for Scope<'_, '_> {
    fn drop(&mut self) {
        // In a forked child nothing is in flight, and what borrows is leaked.
        if self.pushed != self.taken && !self.context.is_forked() && !is_broken("scope") {
            let table = self.context.shared();
            // SAFETY: the context is the table's owner. When it is drained, nothing of the scope is in flight, and its
            // tickets cannot have left the closure.
            unsafe { table.end_scope(|| self.context.drain()) };
        }
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// As [`Context::push`], of an operation that may borrow whatever outlives the scope.
    ///
    /// # Errors
    ///
    /// As for [`Context::push`].
    #[inline]
    pub fn push<O: Operation + 'env>(
        &mut self,
        operation: O,
    ) -> Result<ScopedTicket<'scope, O>, Rejected<O>> {
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: true,
            stream: false,
            notes: false,
            tag: 0,
            vtable: Some(<O as Stored<Completion>>::VTABLE),
        };
        // SAFETY: the terms are those of one result for a handle. What the operation borrows outlives the call
        // of `scope`, which does not end before the operation is over and dropped, and the handle is bound to
        // the closure by 'scope.
        let slot = unsafe { self.context.start(operation, terms) }?;
        self.pushed += 1;
        Ok(ScopedTicket {
            // SAFETY: the operation waits for its result, and nobody else has a ticket.
            ticket: unsafe { Ticket::new(slot) },
            scope: PhantomData,
        })
    }

    /// As [`Context::wait`].
    ///
    /// # Errors
    ///
    /// As for [`Context::wait`].
    #[inline]
    pub fn wait<O: Operation>(
        &mut self,
        ticket: ScopedTicket<'scope, O>,
    ) -> Result<O::Output, WaitError<ScopedTicket<'scope, O>>> {
        if let Err(error) = self.context.wait_until_done(&ticket.ticket) {
            return Err(WaitError { error, ticket });
        }
        self.taken += 1;
        Ok(ticket.ticket.take())
    }

    /// As [`Context::submit`].
    ///
    /// # Errors
    ///
    /// As for [`Context::submit`].
    pub fn submit(&mut self) -> io::Result<Submitted> {
        self.context.submit()
    }

    /// As [`Context::poll`].
    ///
    /// # Errors
    ///
    /// As for [`Context::poll`].
    pub fn poll(&mut self) -> io::Result<usize> {
        self.context.poll()
    }

    /// As [`Context::cancel`].
    ///
    /// # Errors
    ///
    /// As for [`Context::cancel`].
    pub fn cancel<O: Cancellable>(&mut self, token: Token<O>) -> io::Result<Cancel> {
        self.context.cancel(token)
    }
}

impl Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// As [`Ticket`], of an operation of a [`Scope`]. Forgetting it leaks nothing: the end of the scope waits for
/// the operation and drops it.
#[must_use = "dropping a ticket cancels its operation if that can be done"]
pub struct ScopedTicket<'scope, O: Operation> {
    ticket: Ticket<O>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<O: Operation> ScopedTicket<'_, O> {
    /// As [`Ticket::is_done`].
    pub fn is_done(&self) -> bool {
        self.ticket.is_done()
    }

    /// As [`Ticket::token`].
    pub fn token(&self) -> Token<O> {
        self.ticket.token()
    }

    /// As [`Ticket::detach`]; at the end of the scope the operation is cancelled all the same.
    pub fn detach(self) {
        self.ticket.detach();
    }
}

impl<O: Operation> Debug for ScopedTicket<'_, O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.ticket, f)
    }
}
