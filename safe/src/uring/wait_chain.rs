//! Waiting for several operations, and what became of a chain.

use super::op::{LinkTimeout, Operation};
use super::raw::{cqueue, squeue};
use super::{Ring, Scope, ScopedTicket, Ticket, WaitError};

/// Said by a ring that has looked at the tickets: they are its own.
pub struct Asked(());

/// Tickets that can be waited for together: those of a chain, and pairs of any.
pub trait Tickets: Sized {
    /// The outputs, in the same form.
    type Outputs;

    #[doc(hidden)]
    const COUNT: usize;

    /// How many of them are of a scope.
    #[doc(hidden)]
    const SCOPED: u64;

    /// Whether all operations are over, as far as the ring knows.
    fn are_done(&self) -> bool;

    #[doc(hidden)]
    fn check<S: squeue::EntryMarker, C: cqueue::EntryMarker>(&self, ring: &Ring<S, C>);

    #[doc(hidden)]
    fn note(&self, fates: &mut Fates, asked: &Asked);

    #[doc(hidden)]
    fn take(self, asked: &Asked) -> Self::Outputs;
}

impl<O: Operation> Tickets for Ticket<O> {
    type Outputs = O::Output;

    const COUNT: usize = 1;
    const SCOPED: u64 = 0;

    fn are_done(&self) -> bool {
        self.is_done()
    }

    fn check<S: squeue::EntryMarker, C: cqueue::EntryMarker>(&self, ring: &Ring<S, C>) {
        ring.own(self);
    }

    fn note(&self, fates: &mut Fates, _: &Asked) {
        fates.note(O::OPCODE, self.completion().result);
    }

    fn take(self, _: &Asked) -> O::Output {
        Ticket::take(self)
    }
}

impl<O: Operation> Tickets for ScopedTicket<'_, O> {
    type Outputs = O::Output;

    const COUNT: usize = 1;
    const SCOPED: u64 = 1;

    fn are_done(&self) -> bool {
        self.is_done()
    }

    fn check<S: squeue::EntryMarker, C: cqueue::EntryMarker>(&self, ring: &Ring<S, C>) {
        ring.own(&self.ticket);
    }

    fn note(&self, fates: &mut Fates, asked: &Asked) {
        self.ticket.note(fates, asked);
    }

    fn take(self, _: &Asked) -> O::Output {
        self.ticket.take()
    }
}

impl<A: Tickets, B: Tickets> Tickets for (A, B) {
    type Outputs = (A::Outputs, B::Outputs);

    const COUNT: usize = A::COUNT + B::COUNT;
    const SCOPED: u64 = A::SCOPED + B::SCOPED;

    fn are_done(&self) -> bool {
        self.0.are_done() && self.1.are_done()
    }

    fn check<S: squeue::EntryMarker, C: cqueue::EntryMarker>(&self, ring: &Ring<S, C>) {
        self.0.check(ring);
        self.1.check(ring);
    }

    fn note(&self, fates: &mut Fates, asked: &Asked) {
        self.0.note(fates, asked);
        self.1.note(fates, asked);
    }

    fn take(self, asked: &Asked) -> Self::Outputs {
        (self.0.take(asked), self.1.take(asked))
    }
}

/// What became of a chain.
#[derive(Debug)]
#[must_use = "the outputs tell whether the operations succeeded"]
pub struct Outcome<T> {
    /// What each operation gave.
    pub outputs: T,
    /// Which have failed, and which were cancelled.
    pub fates: Fates,
}

/// Which operations of a chain have failed, and which were cancelled, by their positions from 0 on.
///
/// A [`LinkTimeout`] counts as a position, and neither as failed nor as cancelled, whether it has fired or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    count: u32,
    failed: u64,
    cancelled: u64,
    timeouts: u64,
}

impl Fates {
    fn note(&mut self, opcode: u8, result: i32) {
        let bit = 1u64 << self.count;
        self.count += 1;
        match -result {
            libc::EINVAL if opcode == LinkTimeout::OPCODE => self.failed |= bit,
            _ if opcode == LinkTimeout::OPCODE => self.timeouts |= bit,
            libc::ECANCELED => self.cancelled |= bit,
            errno if errno > 0 => self.failed |= bit,
            _ => {}
        }
    }

    /// The first operation that has failed by itself.
    pub fn failed(&self) -> Option<usize> {
        (self.failed != 0).then(|| self.failed.trailing_zeros() as usize)
    }

    /// The operations that were cancelled: since one before them has failed or fallen short, or by someone.
    pub fn cancelled(&self) -> impl Iterator<Item = usize> {
        let cancelled = self.cancelled;
        (0..self.count as usize).filter(move |at| cancelled >> at & 1 == 1)
    }

    /// The operation at which the chain has broken: the last one before the first that was cancelled. If that has
    /// not failed, it has transferred less than it was asked to. If the first of the chain was cancelled, then
    /// that. `None` if all were begun.
    pub fn broken_at(&self) -> Option<usize> {
        let first = self.cancelled().next()?;
        let before = (0..first).rev().find(|at| self.timeouts >> at & 1 == 0);
        Some(before.unwrap_or(first))
    }

    /// Whether none has failed and none was cancelled.
    pub fn is_success(&self) -> bool {
        self.failed | self.cancelled == 0
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Waits until all of these operations are over, such as those of a chain, and gives their results. Submits
    /// what is queued.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let chain = op::link(op::Nop::new(), op::Inject::errno(5)).link(op::Nop::new());
    /// let tickets = ring.push_chain(chain)?;
    /// let done = ring.wait_chain(tickets)?;
    /// assert_eq!(done.fates.failed(), Some(1));
    /// assert!(done.fates.cancelled().eq([2]));
    /// let ((first, second), third) = done.outputs;
    /// assert!(first.is_ok());
    /// assert_eq!(second.unwrap_err().raw_os_error(), 5);
    /// assert!(third.unwrap_err().is_cancelled());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// If a ticket is another ring's.
    pub fn wait_chain<T: Tickets>(
        &mut self,
        tickets: T,
    ) -> Result<Outcome<T::Outputs>, WaitError<T>> {
        const {
            assert!(
                T::COUNT <= 64,
                "at most 64 operations can be waited for together"
            )
        };
        tickets.check(self);
        while !tickets.are_done() {
            if let Err(error) = self.advance() {
                return Err(WaitError {
                    error,
                    ticket: tickets,
                });
            }
        }
        let (mut fates, asked) = (Fates::default(), Asked(()));
        tickets.note(&mut fates, &asked);
        Ok(Outcome {
            outputs: tickets.take(&asked),
            fates,
        })
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Scope<'_, '_, S, C> {
    /// As [`Ring::wait_chain`].
    ///
    /// # Errors
    ///
    /// As for [`Ring::wait_chain`].
    pub fn wait_chain<T: Tickets>(
        &mut self,
        tickets: T,
    ) -> Result<Outcome<T::Outputs>, WaitError<T>> {
        let done = self.ring.wait_chain(tickets)?;
        self.taken += T::SCOPED;
        Ok(done)
    }
}
