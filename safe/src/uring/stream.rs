//! Operations that give many results, one after the other.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;

use super::op::{Cqe, Multishot};
use super::raw::{cqueue, squeue};
use super::stored::Shots;
use super::{Reason, Rejected, Ring, Token};
use crate::inflight::{self, Phase, Shared, Slot, Stored, Terms};

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Queues an operation that gives many results, which [`next`](Self::next) takes one by one.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn push_multishot<M: Multishot + 'static>(
        &mut self,
        operation: M,
    ) -> Result<Stream<M>, Rejected<M>> {
        if !operation.fits(self.id()) {
            return Err(Rejected::new(Reason::Foreign, operation));
        }
        let terms = Terms {
            phase: Phase::Stream,
            scoped: false,
            stream: true,
            notes: M::NOTES,
            tag: 0,
            vtable: Some(<Shots<M> as Stored<Cqe>>::VTABLE),
        };
        // SAFETY: the terms are those of many results for a handle; `'static`, the operation may stay for ever.
        let started = unsafe {
            self.start(Shots(operation), terms, |shots, entry| {
                shots.0.prepare(entry)
            })
        };
        let slot = started.map_err(|rejected| rejected.map(|shots| shots.0))?;
        Ok(Stream {
            slot,
            operation: PhantomData,
        })
    }

    /// Waits for the next result. `None` when the operation is over and all were taken:
    /// [`Stream::finish`] gives back what it owned.
    ///
    /// Submits what is queued if no result is there yet.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked. A signal does not interrupt it.
    ///
    /// # Panics
    ///
    /// If the stream is another ring's.
    pub fn next<M: Multishot>(&mut self, stream: &mut Stream<M>) -> io::Result<Option<M::Item>> {
        loop {
            if let Some(item) = self.taken(stream) {
                return Ok(Some(item));
            }
            if stream.is_over() {
                return Ok(None);
            }
            self.advance()?;
        }
    }

    /// The next result, if it is there. Makes no system call unless completions wait in the kernel to be fetched;
    /// does not submit what is queued. `None` also when the operation is [over](Stream::is_over).
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    ///
    /// # Panics
    ///
    /// If the stream is another ring's.
    pub fn try_next<M: Multishot>(
        &mut self,
        stream: &mut Stream<M>,
    ) -> io::Result<Option<M::Item>> {
        if let Some(item) = self.taken(stream) {
            return Ok(Some(item));
        }
        self.poll()?;
        Ok(self.taken(stream))
    }

    /// The next item that has come.
    fn taken<M: Multishot>(&mut self, stream: &mut Stream<M>) -> Option<M::Item> {
        assert!(
            Shared::of(stream.slot()) == self.shared(),
            "the stream is another ring's"
        );
        let table = self.table();
        let slot = stream.slot();
        let completion = table.pop_item(slot)?;
        // SAFETY: the slot is the stream's. It holds an `M` where that lay when it was prepared; each
        // completion is taken out once.
        Some(unsafe { M::item(inflight::at::<M>(slot.payload()), completion) })
    }
}

/// The right to the results of a multishot operation.
///
/// Dropping it drops the results that were not taken, and cancels the operation.
#[must_use = "dropping a stream cancels its operation"]
pub struct Stream<M> {
    /// In use as long as this value lives, which keeps the table.
    slot: NonNull<Slot<Cqe>>,
    operation: PhantomData<M>,
}

impl<M> Stream<M> {
    fn slot(&self) -> &Slot<Cqe> {
        // SAFETY: the slot is in use as long as the stream lives, which keeps the table.
        unsafe { self.slot.as_ref() }
    }

    /// Whether the final completion has come, as far as the ring knows. There may be results left to take.
    pub fn is_over(&self) -> bool {
        self.slot().phase() == Phase::Ended
    }

    /// Whether there are results to take, as far as the ring knows.
    pub fn has_items(&self) -> bool {
        self.slot().has_items()
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token {
        Token(self.slot().key())
    }
}

impl<M: Multishot> Stream<M> {
    /// Gives back what the operation owned, if it is over. Results that were not taken are dropped.
    ///
    /// # Errors
    ///
    /// The stream itself, if the operation goes on.
    pub fn finish(self) -> Result<M::Rest, Self> {
        if !self.is_over() {
            return Err(self);
        }
        let shared = Shared::of(self.slot());
        // SAFETY: the slot in use keeps the table, until it is freed below.
        let (table, slot) = unsafe { (shared.get(), self.slot.as_ref()) };
        while let Some(completion) = table.pop_item(slot) {
            // SAFETY: as in `Ring::taken`.
            drop(unsafe { M::item(inflight::at::<M>(slot.payload()), completion) });
        }
        mem::forget(self);
        slot.end(Phase::Idle);
        // SAFETY: the final completion has come; the stream was the only one to take the operation.
        let operation = unsafe { table.take::<M>(slot) };
        if table.is_deserted() {
            // SAFETY: the ring is gone, and this was the last handle.
            unsafe { shared.free() };
        }
        Ok(operation.rest())
    }
}

impl<M> Drop for Stream<M> {
    fn drop(&mut self) {
        let table = Shared::of(self.slot());
        // SAFETY: the stream ends here.
        unsafe { table.let_go(self.slot(), true) };
    }
}

impl<M> Debug for Stream<M> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("operation", &self.token())
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}
