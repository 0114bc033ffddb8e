//! Operations that borrow: none outlives the scope.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::marker::PhantomData;

use super::op::{Cqe, Operation, assert_small};
use super::raw::{cqueue, squeue};
use super::{Reason, Rejected, Ring, Ticket, Token, WaitError};
use crate::inflight::{Phase, Stored, Terms};

/// Where operations with borrowed files and buffers are pushed; see [`Ring::scope`].
pub struct Scope<'scope, 'env: 'scope, S = squeue::Entry, C = cqueue::Entry>
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    pub(super) ring: &'scope mut Ring<S, C>,
    /// How many operations were pushed, and the results of how many were taken: if of all, none borrows any more.
    pub(super) pushed: u64,
    pub(super) taken: u64,
    /// Invariant in both: neither lifetime may shrink, as in [`std::thread::Scope`].
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Runs `f` with a [`Scope`], whose operations may borrow what outlives the call. When `f` is through, those
    /// that are still in flight are cancelled and waited for, and `f`'s answer is given.
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
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let file = File::open("/proc/self/exe")?;
    /// let (mut magic, mut class) = ([0; 4], [0; 1]);
    /// ring.scope(|scope| {
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
        f: impl for<'scope> FnOnce(&mut Scope<'scope, 'env, S, C>) -> T,
    ) -> T {
        f(&mut Scope {
            ring: self,
            pushed: 0,
            taken: 0,
            scope: PhantomData,
            env: PhantomData,
        })
    }
}

/// Waits for what borrows from the scope, when the closure has returned and when it unwinds.
impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Drop for Scope<'_, '_, S, C> {
    fn drop(&mut self) {
        // In a forked child the operations are the parent's, and the kernel uses the parent's memory. What was borrowed
        // here is not used again: the child's part of the table is leaked.
        if self.pushed != self.taken && !self.ring.is_forked() {
            let table = self.ring.shared();
            // SAFETY: the ring is the table's owner. When it is drained, nothing of the scope is in flight, and its
            // tickets cannot have left the closure.
            unsafe { table.end_scope(|| self.ring.drain(true)) };
        }
    }
}

impl<'scope, 'env, S: squeue::EntryMarker, C: cqueue::EntryMarker> Scope<'scope, 'env, S, C> {
    /// As [`Ring::push`], of an operation that may borrow whatever outlives the scope.
    ///
    /// # Errors
    ///
    /// As for [`Ring::push`].
    // Little is left of it where it is called; as a call of its own it costs a third more.
    #[inline(always)]
    pub fn push<O: Operation + 'env>(
        &mut self,
        operation: O,
    ) -> Result<ScopedTicket<'scope, O>, Rejected<O>> {
        if !operation.fits(self.ring.id()) {
            return Err(Rejected::new(Reason::Foreign, operation));
        }
        assert_small::<O>();
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: true,
            stream: false,
            notes: O::NOTES,
            tag: 0,
            vtable: Some(<O as Stored<Cqe>>::VTABLE),
        };
        // SAFETY: the terms are those of one result for a handle. What the operation borrows outlives the call
        // of `scope`, which does not end before the operation is over and dropped, and the handle is bound to
        // the closure by 'scope.
        let slot = unsafe { self.ring.start(operation, terms, O::prepare) }?;
        self.pushed += 1;
        // SAFETY: the operation waits for its result, and nobody else has a ticket; it was counted just now.
        Ok(unsafe { ScopedTicket::new(Ticket::new(slot)) })
    }

    /// As [`Ring::wait`].
    ///
    /// # Errors
    ///
    /// As for [`Ring::wait`].
    #[inline]
    pub fn wait<O: Operation>(
        &mut self,
        ticket: ScopedTicket<'scope, O>,
    ) -> Result<O::Output, WaitError<ScopedTicket<'scope, O>>> {
        // The ticket is this ring's: its lifetime is this scope's alone, by the promise of `ScopedTicket::new`.
        match self.ring.wait_until_over(&ticket.ticket) {
            Ok(()) => {
                self.taken += 1;
                Ok(ticket.ticket.take())
            }
            Err(error) => Err(WaitError { error, ticket }),
        }
    }

    /// As [`Ring::submit`].
    ///
    /// # Errors
    ///
    /// As for [`Ring::submit`].
    pub fn submit(&mut self) -> io::Result<usize> {
        self.ring.submit()
    }

    /// As [`Ring::poll`].
    ///
    /// # Errors
    ///
    /// As for [`Ring::poll`].
    pub fn poll(&mut self) -> io::Result<usize> {
        self.ring.poll()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Debug for Scope<'_, '_, S, C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("ring", &self.ring)
            .finish_non_exhaustive()
    }
}

/// As [`Ticket`], of an operation of a [`Scope`]. Forgetting it leaks nothing: the end of the scope waits for
/// the operation and drops it.
#[must_use = "dropping a ticket cancels its operation"]
pub struct ScopedTicket<'scope, O: Operation> {
    pub(super) ticket: Ticket<O>,
    scope: PhantomData<&'scope mut &'scope ()>,
}

impl<O: Operation> ScopedTicket<'_, O> {
    /// The ticket of an operation that was counted as one of a scope.
    ///
    /// # Safety
    ///
    /// It was, of the one that the lifetime is of. The scope waits for nothing once as many tickets were taken as
    /// operations counted, and asks no ticket whose it is.
    pub(super) unsafe fn new(ticket: Ticket<O>) -> Self {
        Self {
            ticket,
            scope: PhantomData,
        }
    }

    /// As [`Ticket::is_done`].
    pub fn is_done(&self) -> bool {
        self.ticket.is_done()
    }

    /// As [`Ticket::token`].
    pub fn token(&self) -> Token {
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
