//! Operations with tags, for event loops: whatever is over next comes with its tag.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::ManuallyDrop;

use super::message;
use super::op::{Cqe, Multishot, Operation, assert_small};
use super::raw::{cqueue, squeue};
use super::ring::{direct, keep, sort};
use super::stored::Shots;
use super::{Reason, Rejected, Ring, Token};
use crate::broken::broken;
use crate::inflight::{self, Kept, Key, Phase, Shared, Slot, Table, Terms, Typed};

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// As [`push`](Self::push), without a ticket: the result comes as an [`Event`] with this tag.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// ring.push_tagged(op::Nop::new(), 7)?;
    /// let event = ring.next_event()?;
    /// assert_eq!(event.tag(), 7);
    /// let Ok(result) = event.take::<op::Nop>() else {
    ///     panic!("a NOP was pushed");
    /// };
    /// result?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    #[inline]
    pub fn push_tagged<O: Operation + 'static>(
        &mut self,
        operation: O,
        tag: u64,
    ) -> Result<Token, Rejected<O>> {
        if !operation.fits(self.id()) {
            return Err(Rejected::new(Reason::Foreign, operation));
        }
        assert_small::<O>();
        let terms = Terms {
            phase: Phase::Tagged,
            scoped: false,
            stream: false,
            notes: O::NOTES,
            tag,
            vtable: Some(Typed::<O>::vtable()),
        };
        // SAFETY: the terms are those of one result without a handle; `'static`, the operation may stay for
        // ever.
        let slot = unsafe { self.start(operation, terms, O::prepare) }?;
        // SAFETY: the slot is the table's, which the ring keeps.
        Ok(Token(unsafe { slot.as_ref() }.key()))
    }

    /// As [`push_tagged`](Self::push_tagged), of an operation that gives many results: each comes as an event.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    pub fn push_multishot_tagged<M: Multishot + 'static>(
        &mut self,
        operation: M,
        tag: u64,
    ) -> Result<Token, Rejected<M>> {
        if !operation.fits(self.id()) {
            return Err(Rejected::new(Reason::Foreign, operation));
        }
        let terms = Terms {
            phase: Phase::Tagged,
            scoped: false,
            stream: true,
            notes: M::NOTES,
            tag,
            vtable: Some(Typed::<Shots<M>>::vtable()),
        };
        // SAFETY: the terms are those of many results without a handle; `'static` as above.
        let started = unsafe {
            self.start(Shots(operation), terms, |shots, entry| {
                shots.0.prepare(entry)
            })
        };
        let slot = started.map_err(|rejected| rejected.map(|shots| shots.0))?;
        // SAFETY: the slot is the table's, which the ring keeps.
        Ok(Token(unsafe { slot.as_ref() }.key()))
    }

    /// Waits for the next event. Submits what is queued if there is none yet.
    ///
    /// With no tagged operation in flight it waits for ever, or until other operations bring an error.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked. A signal does not interrupt it.
    #[inline]
    pub fn next_event(&mut self) -> io::Result<Event<'_>> {
        let slot = match self.first_event() {
            Some(slot) => slot,
            None => self.wait_for_event()?,
        };
        Ok(Event { slot })
    }

    /// The next event, if it has come. Makes no system call: completions that wait in the kernel to be fetched come with
    /// the next one, such as that of [`next_event`](Self::next_event) or [`try_next_event`](Self::try_next_event).
    ///
    /// For a loop that waits, takes all that there is, and submits and waits again by one call:
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// for tag in 0..8 {
    ///     ring.push_tagged(op::Nop::new(), tag)?;
    /// }
    /// let mut over = 0;
    /// while over < 8 {
    ///     drop(ring.next_event()?);
    ///     over += 1;
    ///     while let Some(event) = ring.ready_event() {
    ///         drop(event);
    ///         over += 1;
    ///     }
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn ready_event(&mut self) -> Option<Event<'_>> {
        self.ready_slot().map(|slot| Event { slot })
    }

    /// The next event, if there is one. Makes no system call unless completions wait in the kernel to be
    /// fetched; does not submit what is queued.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    #[inline]
    pub fn try_next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        let mut slot = self.ready_slot();
        if slot.is_none() && self.raw.submitter().flush_completions()? {
            slot = self.find_event();
        }
        Ok(slot.map(|slot| Event { slot }))
    }

    /// Where the next event lies, if it has come.
    #[inline]
    fn ready_slot<'table>(&mut self) -> Option<&'table Slot<Cqe>> {
        self.first_event().or_else(|| self.find_event())
    }

    /// The event that the first completion is, if that is known, and a simple one.
    ///
    /// What is kept comes first, but is not looked for here: while an event is kept, no completion is known.
    /// [`reap`](Self::reap) takes all that there are, [`find_event`](Self::find_event) looks for more when nothing is
    /// kept, and has them forgotten if it keeps what it found.
    #[inline]
    fn first_event<'table>(&mut self) -> Option<&'table Slot<Cqe>> {
        if broken("twice") {
            return None;
        }
        // SAFETY: the ring is the table's owner; the caller binds the answer to it.
        let table = unsafe { self.shared().get() };
        self.raw.take_first_if(|completion| {
            debug_assert!(!table.has_events(), "an event is overtaken");
            direct(table.slots(), completion)
        })
    }

    /// The next event, where the first completion is none, or not known.
    // Apart, so that taking an event that is there is small.
    #[inline(never)]
    fn wait_for_event<'table>(&mut self) -> io::Result<&'table Slot<Cqe>> {
        loop {
            if self.table().has_events() || self.raw.see() {
                if let Some(slot) = self.ready_slot() {
                    return Ok(slot);
                }
            }
            self.wait_for_completion()?;
        }
    }

    /// The oldest event that is kept, or else the first that is in the queue.
    fn find_event<'table>(&mut self) -> Option<&'table Slot<Cqe>> {
        // SAFETY: the ring is the table's owner; the caller binds the answer to it.
        let table = unsafe { self.shared().get() };
        if let Some(Kept {
            key, completion, ..
        }) = table.pop_event()
        {
            let slot = table.find(key)?;
            slot.keep(completion);
            if broken("twice") {
                keep(table, slot);
            }
            return Some(slot);
        }
        let found = self.raw.completion().find_map(|completion| {
            let Some(slot) = table.find(Key(completion.user_data())) else {
                message::keep(table, &completion);
                return None;
            };
            sort(table, slot, &completion)
        });
        if !table.has_disposals() && !broken("twice") {
            return found;
        }
        // With the head of the completion queue published; this runs code of the user's. If that panics, the event is
        // kept for who asks next.
        if let Some(slot) = found {
            keep(table, slot);
            self.raw.unsee();
        }
        table.dispose();
        // Nothing was kept before.
        found.and_then(|_| self.find_event())
    }
}

/// The result of a tagged operation, or one of the results of a multishot one. Dropping it drops that.
#[must_use = "an event has an operation's result"]
pub struct Event<'ring> {
    /// It has the completion: there is one event at a time.
    slot: &'ring Slot<Cqe>,
}

impl Event<'_> {
    /// The tag that the operation was pushed with.
    #[inline]
    pub fn tag(&self) -> u64 {
        self.slot.tag()
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token {
        Token(self.slot.key())
    }

    /// Whether more events of this operation are to come: it is a multishot one, and goes on.
    #[inline]
    pub fn more(&self) -> bool {
        self.slot.completion().more()
    }

    #[inline]
    fn table(&self) -> &Table<Cqe> {
        // SAFETY: the event borrows the ring, the table's owner.
        unsafe { Shared::of(self.slot).get() }
    }

    /// The result, if the operation is an `O`.
    ///
    /// # Errors
    ///
    /// The event itself, if it is of another type.
    #[inline]
    pub fn take<O: Operation + 'static>(self) -> Result<O::Output, Self> {
        if !self.slot.holds::<O>() {
            return Err(self);
        }
        let event = ManuallyDrop::new(self);
        // SAFETY: the slot holds an `O`, as it says. An operation with one result has an event for the final
        // completion alone, which is this; tagged operations have no handle.
        let operation = unsafe { event.table().take::<O>(event.slot) };
        // SAFETY: the completion is the operation's.
        Ok(unsafe { operation.complete(event.slot.completion()) })
    }

    /// The item, if the operation is an `M`. With the last one, what the operation owned comes back.
    ///
    /// # Errors
    ///
    /// The event itself, if it is of another type.
    #[inline]
    pub fn take_item<M: Multishot + 'static>(self) -> Result<(M::Item, Option<M::Rest>), Self> {
        if !self.slot.holds::<Shots<M>>() {
            return Err(self);
        }
        let event = ManuallyDrop::new(self);
        let slot = event.slot;
        // SAFETY: the slot holds an `M`, as it says, where it lay when it was prepared; an event is made of each
        // completion once.
        let item = unsafe { M::item(inflight::at::<M>(slot.payload()), slot.completion()) };
        // SAFETY: after the final completion; tagged operations have no handle.
        let rest = (!event.more()).then(|| unsafe { event.table().take::<M>(slot) }.rest());
        Ok((item, rest))
    }
}

impl Drop for Event<'_> {
    // So that an event that is taken need not lie in memory, in case it had to be dropped.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the completion is the slot's, and was not taken.
        unsafe {
            self.table()
                .discard(self.slot, self.slot.completion(), !self.more());
        }
    }
}

impl Debug for Event<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("tag", &self.tag())
            .field("more", &self.more())
            .finish_non_exhaustive()
    }
}
