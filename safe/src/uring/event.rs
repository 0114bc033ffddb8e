//! Operations with tags, for event loops: whatever is over next comes with its tag.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem;

use super::op::{Cqe, Multishot, Operation};
use super::raw::{cqueue, squeue};
use super::stored::Shots;
use super::{Rejected, Ring, Token};
use crate::inflight::{self, Kept, Phase, Table, Terms, Typed};

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
        let terms = Terms {
            phase: Phase::Tagged,
            scoped: false,
            stream: false,
            tag,
            vtable: Typed::<O>::vtable(),
        };
        // SAFETY: the terms are those of one result without a handle; `'static`, the operation may stay for
        // ever.
        let index = unsafe { self.start(operation, terms, O::prepare) }?;
        // SAFETY: the slot is the table's.
        Ok(Token(unsafe { self.table().key(index) }))
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
        let terms = Terms {
            phase: Phase::Tagged,
            scoped: false,
            stream: true,
            tag,
            vtable: Typed::<Shots<M>>::vtable(),
        };
        // SAFETY: the terms are those of many results without a handle; `'static` as above.
        let started = unsafe {
            self.start(Shots(operation), terms, |shots, entry| {
                shots.0.prepare(entry)
            })
        };
        let index = started.map_err(|rejected| rejected.map(|shots| shots.0))?;
        // SAFETY: the slot is the table's.
        Ok(Token(unsafe { self.table().key(index) }))
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
        let kept = loop {
            if let Some(kept) = self.table().pop_event() {
                break kept;
            }
            self.advance()?;
        };
        Ok(Event::new(self.table(), kept))
    }

    /// The next event, if there is one. Makes no system call unless completions wait in the kernel to be
    /// fetched; does not submit what is queued.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    #[inline]
    pub fn try_next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        let mut kept = self.table().pop_event();
        if kept.is_none() {
            self.poll()?;
            kept = self.table().pop_event();
        }
        Ok(kept.map(|kept| Event::new(self.table(), kept)))
    }
}

/// The result of a tagged operation, or one of the results of a multishot one. Dropping it drops that.
#[must_use = "an event has an operation's result"]
pub struct Event<'ring> {
    table: &'ring Table<Cqe>,
    index: u32,
    kept: Kept<Cqe>,
}

impl<'ring> Event<'ring> {
    #[inline]
    fn new(table: &'ring Table<Cqe>, kept: Kept<Cqe>) -> Self {
        Self {
            table,
            index: kept.key.index(),
            kept,
        }
    }

    /// The tag that the operation was pushed with.
    #[inline]
    pub fn tag(&self) -> u64 {
        // SAFETY: the slot is the table's, and not freed before the event is gone.
        unsafe { self.table.slot(self.index) }.tag()
    }

    /// The operation's name, for who wants to cancel it.
    pub fn token(&self) -> Token {
        Token(self.kept.key)
    }

    /// Whether more events of this operation are to come: it is a multishot one, and goes on.
    #[inline]
    pub fn more(&self) -> bool {
        !self.kept.last
    }

    /// The result, if the operation is an `O`.
    ///
    /// # Errors
    ///
    /// The event itself, if it is of another type.
    #[inline]
    pub fn take<O: Operation + 'static>(self) -> Result<O::Output, Self> {
        // SAFETY: as in `tag`.
        if !unsafe { self.table.slot(self.index) }.holds::<O>() {
            return Err(self);
        }
        let Self { table, index, kept } = self;
        mem::forget(self);
        // SAFETY: the slot holds an `O`, as it says. An operation with one result has an event for the final
        // completion alone, which is this; tagged operations have no handle.
        Ok(unsafe { table.take::<O>(index).complete(kept.completion) })
    }

    /// The item, if the operation is an `M`. With the last one, what the operation owned comes back.
    ///
    /// # Errors
    ///
    /// The event itself, if it is of another type.
    #[inline]
    pub fn take_item<M: Multishot + 'static>(self) -> Result<(M::Item, Option<M::Rest>), Self> {
        // SAFETY: as in `tag`.
        let slot = unsafe { self.table.slot(self.index) };
        if !slot.holds::<Shots<M>>() {
            return Err(self);
        }
        let Self { table, index, kept } = self;
        mem::forget(self);
        // SAFETY: the slot holds an `M`, as it says, where it lay when it was prepared; an event is made of each
        // completion once.
        let item = unsafe { M::item(inflight::at::<M>(slot.payload()), kept.completion) };
        // SAFETY: after the final completion; tagged operations have no handle.
        let rest = kept.last.then(|| unsafe { table.take::<M>(index) }.rest());
        Ok((item, rest))
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        // SAFETY: the completion is the slot's, and was not taken.
        unsafe {
            self.table
                .discard(self.index, self.kept.completion, self.kept.last);
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
