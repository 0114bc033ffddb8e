//! Operations whose entries have 128 bytes.

use std::ptr::NonNull;

use super::op::{Cqe, LargeOperation};
use super::raw::{cqueue, squeue};
use super::rejected::Reason;
use super::{Rejected, Ring, Ticket};
use crate::inflight::{self, Phase, Stored, Terms};

impl<C: cqueue::EntryMarker> Ring<squeue::Entry128, C> {
    /// As [`push`](Self::push), of an operation whose entry has 128 bytes.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn push_large<O: LargeOperation + 'static>(
        &mut self,
        operation: O,
    ) -> Result<Ticket<O>, Rejected<O>> {
        if !operation.fits(self.id()) {
            return Err(Rejected::new(Reason::Foreign, operation));
        }
        // SAFETY: the ring is the table's owner.
        let table = unsafe { self.shared().get() };
        let Some(slot) = table.reserve() else {
            return Err(Rejected::new(Reason::Table, operation));
        };
        // SAFETY: the slot was reserved just now.
        unsafe { slot.place(operation) };
        // SAFETY: the operation was placed there just now; nobody else knows of it.
        let operation = unsafe { &mut *inflight::at::<O>(slot.payload()) };
        // SAFETY: the operation lies in the table, which keeps it until its final completion has come.
        let pushed = unsafe {
            self.raw.submission().push_with(|entry| {
                operation.prepare_large(entry);
                entry.set_user_data(slot.key().0);
            })
        };
        if pushed.is_err() {
            // SAFETY: the kernel was not told of it.
            let operation = unsafe { table.withdraw(slot) };
            return Err(Rejected::new(self.why_full(), operation));
        }
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: false,
            stream: false,
            notes: O::NOTES,
            tag: 0,
            vtable: Some(<O as Stored<Cqe>>::VTABLE),
        };
        // SAFETY: the terms are those of one result for a ticket; `'static`, the operation may stay for ever.
        unsafe { table.commit(slot, terms) };
        // SAFETY: the operation waits for its result, and nobody else has a ticket.
        Ok(unsafe { Ticket::new(NonNull::from(slot)) })
    }
}
