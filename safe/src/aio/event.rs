//! Operations with tags, for event loops: whatever is over next comes with its tag.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem;

use super::op::{Completion, Operation};
use super::{Context, Rejected, Token, is_broken};
use crate::inflight::{Phase, Slot, Table, Terms, Typed};

impl Context {
    /// As [`push`](Self::push), without a ticket: the result comes as an [`Event`] with this tag.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::fs::File;
    ///
    /// use safe::aio::{Context, op};
    ///
    /// let mut context = Context::new(8)?;
    /// context.push_tagged(op::Read::new(File::open("/proc/self/exe")?, vec![0; 4]), 7)?;
    /// let event = context.next_event()?;
    /// assert_eq!(event.tag(), 7);
    /// let Ok(done) = event.take::<op::Read<File, Vec<u8>>>() else {
    ///     panic!("a read was pushed");
    /// };
    /// assert_eq!(done.result?, 4);
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
    ) -> Result<Token<O>, Rejected<O>> {
        let terms = Terms {
            phase: Phase::Tagged,
            scoped: false,
            stream: false,
            notes: false,
            tag,
            vtable: Some(Typed::<O>::vtable()),
        };
        // SAFETY: the terms are those of one result without a handle; `'static`, the operation may stay for
        // ever.
        let slot = unsafe { self.start(operation, terms) }?;
        // SAFETY: the slot is the table's, which the context keeps.
        Ok(Token::new(unsafe { slot.as_ref() }.key()))
    }

    /// Waits for the next event. Submits what is queued if there is none yet.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait): also if nothing is queued or in flight (`EDEADLK`). A signal does not interrupt
    /// it.
    #[inline]
    pub fn next_event(&mut self) -> io::Result<Event<'_>> {
        while !self.table().has_events() {
            self.advance()?;
        }
        match self.first_event() {
            Some(event) => Ok(event),
            None => unreachable!("there are events, and only this takes them"),
        }
    }

    /// The next event, if there is one. Makes no system call; does not submit what is queued.
    ///
    /// # Errors
    ///
    /// As for [`poll`](Self::poll).
    #[inline]
    pub fn try_next_event(&mut self) -> io::Result<Option<Event<'_>>> {
        if !self.table().has_events() {
            self.poll()?;
        }
        Ok(self.first_event())
    }

    #[inline]
    fn first_event(&mut self) -> Option<Event<'_>> {
        let table = self.table();
        let kept = table.pop_event()?;
        if is_broken("twice") {
            table.push_event(kept);
        }
        let slot = table.find(kept.key)?;
        Some(Event { table, slot })
    }
}

/// The result of a tagged operation. Dropping it drops that.
#[must_use = "an event has an operation's result"]
pub struct Event<'context> {
    table: &'context Table<Completion>,
    /// It has the completion.
    slot: &'context Slot<Completion>,
}

impl Event<'_> {
    /// The tag that the operation was pushed with.
    #[inline]
    pub fn tag(&self) -> u64 {
        self.slot.tag()
    }

    /// The result, if the operation is an `O`.
    ///
    /// # Errors
    ///
    /// The event itself, if it is of another type.
    #[inline]
    pub fn take<O: Operation + 'static>(self) -> Result<O::Output, Self> {
        let Self { table, slot } = self;
        if !slot.holds::<O>() {
            return Err(self);
        }
        mem::forget(self);
        // SAFETY: the slot holds an `O`, as it says. The operation is over, its event is this alone, and tagged
        // operations have no handle.
        Ok(unsafe { table.take::<O>(slot).complete(slot.completion()) })
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        // SAFETY: the completion is the slot's, and was not taken.
        unsafe {
            self.table.discard(self.slot, self.slot.completion(), true);
        }
    }
}

impl Debug for Event<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("tag", &self.tag())
            .finish_non_exhaustive()
    }
}
