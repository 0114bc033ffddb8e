//! The ring without `unsafe`.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};

use super::op::{Cqe, Operation};
use super::raw::squeue::Entry;
use super::raw::{IoUring, cqueue, opcode, squeue};
use super::rejected::{Reason, Rejected};
use super::setup::{Setup, SetupBuilder};
use super::ticket::{Ticket, WaitError};
use crate::inflight::{self, Kept, Key, Phase, Shared, Slot, Stored, Table, Terms};

/// An io_uring that owns what its operations use, until they are over.
///
/// See the [module](super) for who owns what, and when.
pub struct Ring<S = squeue::Entry, C = cqueue::Entry>
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    pub(super) raw: ManuallyDrop<IoUring<S, C>>,
    table: Shared<Cqe>,
    setup: Setup,
}

impl Ring {
    /// A ring that can have up to `capacity` operations in flight (1 to 32768), with the fastest set-up that
    /// this kernel has.
    ///
    /// # Errors
    ///
    /// As for [`SetupBuilder::build`].
    pub fn new(capacity: u32) -> io::Result<Self> {
        Self::builder().build(capacity)
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// A ring with other than the usual set-up.
    #[must_use]
    pub fn builder() -> SetupBuilder<S, C> {
        SetupBuilder::new()
    }

    pub(super) fn assemble(raw: IoUring<S, C>, setup: Setup, capacity: u32) -> Self {
        Self {
            raw: ManuallyDrop::new(raw),
            table: Shared::new(capacity),
            setup,
        }
    }

    /// How the ring was set up: what was asked for, and what the kernel has.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The number of operations that the ring can have in flight.
    pub fn capacity(&self) -> usize {
        self.table().capacity() as usize
    }

    /// The number of operations in flight, and of those whose results nobody has taken.
    pub fn len(&self) -> usize {
        self.table().used() as usize
    }

    /// Whether nothing is in flight, and no result waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(super) fn table(&self) -> &Table<Cqe> {
        // SAFETY: the ring is the table's owner.
        unsafe { self.table.get() }
    }

    #[inline]
    pub(super) fn shared(&self) -> Shared<Cqe> {
        self.table
    }

    /// Queues an operation, which the ring owns from now on; the ticket gets it back with its result. The kernel
    /// sees it with the next [`submit`](Self::submit) or wait.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::fs::File;
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let file = File::open("/proc/self/exe")?;
    /// let ticket = ring.push(op::Read::new(file, Vec::with_capacity(4)).at(0))?;
    /// let done = ring.wait(ticket)?;
    /// assert_eq!(done.result?, 4);
    /// assert_eq!(done.buf, b"\x7fELF");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejected`] has the operation, and says what is full.
    #[inline]
    pub fn push<O: Operation + 'static>(&mut self, operation: O) -> Result<Ticket<O>, Rejected<O>> {
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: false,
            stream: false,
            tag: 0,
            vtable: <O as Stored<Cqe>>::VTABLE,
        };
        // SAFETY: the terms are those of one result for a handle; `'static`, the operation may stay for ever.
        let index = unsafe { self.start(operation, terms, O::prepare) }?;
        Ok(Ticket::new(self.table, index))
    }

    /// Waits until the operation is over, and gives its result.
    ///
    /// Submits what is queued. Results of other operations that come meanwhile are kept for their tickets.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked; [`WaitError`] has the ticket. A signal does not interrupt it.
    ///
    /// # Panics
    ///
    /// If the ticket is another ring's.
    #[inline]
    pub fn wait<O: Operation>(
        &mut self,
        ticket: Ticket<O>,
    ) -> Result<O::Output, WaitError<Ticket<O>>> {
        match self.wait_until_done(&ticket) {
            Ok(()) => Ok(ticket.take()),
            Err(error) => Err(WaitError { error, ticket }),
        }
    }

    /// Gives the result if the operation is over, or else the ticket. Makes no system call unless completions
    /// wait in the kernel to be fetched; does not submit what is queued.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// If the ticket is another ring's.
    #[inline]
    pub fn try_wait<O: Operation>(
        &mut self,
        ticket: Ticket<O>,
    ) -> Result<Result<O::Output, Ticket<O>>, WaitError<Ticket<O>>> {
        self.own(&ticket);
        if !ticket.is_done() {
            if let Err(error) = self.poll() {
                return Err(WaitError { error, ticket });
            }
        }
        Ok(if ticket.is_done() {
            Ok(ticket.take())
        } else {
            Err(ticket)
        })
    }

    #[inline]
    pub(super) fn wait_until_done<O>(&mut self, ticket: &Ticket<O>) -> io::Result<()> {
        self.own(ticket);
        while !ticket.is_done() {
            self.advance()?;
        }
        Ok(())
    }

    #[inline]
    fn own<O>(&self, ticket: &Ticket<O>) {
        assert!(ticket.is_of(self.table), "the ticket is another ring's");
    }

    /// Queues an operation that is completed on `terms`, and answers its slot.
    ///
    /// # Safety
    ///
    /// `terms` are right for a `T` and for what becomes of the answer; no handle outlives what `T` borrows,
    /// and neither does the operation. `prepare` leaves an entry that is sound to push as long as the value
    /// lies in the table.
    #[inline]
    pub(super) unsafe fn start<T>(
        &mut self,
        operation: T,
        terms: Terms<Cqe>,
        prepare: impl FnOnce(&mut T, &mut Entry),
    ) -> Result<u32, Rejected<T>> {
        let table = self.table;
        // SAFETY: the ring is the table's owner.
        let table = unsafe { table.get() };
        let place = match table.place(operation) {
            Ok(place) => place,
            Err(operation) => return Err(Rejected::new(Reason::Table, operation)),
        };
        // SAFETY: the operation was placed there just now; nobody else knows of it.
        let operation = unsafe { &mut *inflight::at::<T>(table.slot(place.index).payload()) };
        // SAFETY: by the caller's promise, and because the operation now lies in the table, which keeps it
        // until its final completion has come.
        let pushed = unsafe {
            self.raw.submission().push_with(|entry| {
                let entry = entry.head_mut();
                prepare(operation, entry);
                entry.set_user_data(place.key.0);
            })
        };
        if pushed.is_err() {
            // SAFETY: the kernel was not told of it.
            return Err(Rejected::new(self.why_full(), unsafe {
                table.withdraw(place)
            }));
        }
        // SAFETY: by the caller's promise.
        unsafe { table.commit(place, terms) };
        Ok(place.index)
    }

    #[cold]
    fn why_full(&mut self) -> Reason {
        if self.raw.submission().capacity() == 0 {
            Reason::Forked
        } else {
            Reason::Queue
        }
    }

    /// Shows the kernel what is queued. Answers how many entries it has taken.
    ///
    /// # Errors
    ///
    /// What io_uring_enter(2) answers; nothing is lost by it.
    pub fn submit(&mut self) -> io::Result<usize> {
        self.enter(0)
    }

    /// Takes the completions that are there, without waiting. Makes a system call only if completions wait in the
    /// kernel to be fetched. Answers how many there were.
    ///
    /// # Errors
    ///
    /// What io_uring_enter(2) answers.
    #[inline]
    pub fn poll(&mut self) -> io::Result<usize> {
        let count = self.reap();
        if count > 0 || !self.raw.submitter().flush_completions()? {
            return Ok(count);
        }
        Ok(self.reap())
    }

    /// Submits what is queued, and waits until at least one completion has come.
    #[inline]
    pub(super) fn advance(&mut self) -> io::Result<()> {
        if self.reap() == 0 {
            self.enter_and_reap()?;
        }
        Ok(())
    }

    fn enter_and_reap(&mut self) -> io::Result<()> {
        match self.enter(1) {
            Ok(_) => {
                self.reap();
                Ok(())
            }
            // What stands in the way of submitting may be completions that nobody has taken.
            Err(error) if self.reap() == 0 => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Submits what is queued, and the cancellations that are due, and waits for `want` completions.
    fn enter(&mut self, want: usize) -> io::Result<usize> {
        loop {
            if self.table().has_unwanted() {
                self.queue_cancellations();
            }
            match self.raw.submit_and_wait(want) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => return answer,
            }
        }
    }

    #[cold]
    fn queue_cancellations(&mut self) {
        while !self.raw.submission().is_full() {
            let Some(key) = self.table().next_unwanted() else {
                return;
            };
            self.push_cancel(key);
        }
    }

    /// Queues a cancellation whose outcome nobody waits for.
    fn push_cancel(&mut self, key: Key) {
        let entry = opcode::AsyncCancel::new(key.0).build();
        // SAFETY: a cancellation names no memory.
        let _ = unsafe {
            self.raw.submission().push_with(|slot| {
                *slot.head_mut() = entry;
                slot.set_user_data(Key::NOBODY.0);
            })
        };
    }

    /// Takes all completions out of the queue, and answers how many there were.
    #[inline]
    pub(super) fn reap(&mut self) -> usize {
        let table = self.table;
        // SAFETY: the ring is the table's owner.
        let table = unsafe { table.get() };
        let mut count = 0;
        for completion in self.raw.completion() {
            count += 1;
            let Some((index, slot)) = table.find(Key(completion.user_data())) else {
                continue;
            };
            let (result, flags, extra) = completion.fields();
            let completion = Cqe {
                result,
                flags,
                extra,
            };
            if slot.phase() == Phase::Awaited && !completion.more() {
                slot.finish(completion);
            } else {
                route(table, index, slot, completion);
            }
        }
        // Only now, with the queue's head published, runs code of the user's.
        table.dispose();
        count
    }
}

/// Brings a completion to where it belongs, if that is not simply a ticket.
#[cold]
fn route(table: &Table<Cqe>, index: u32, slot: &Slot<Cqe>, completion: Cqe) {
    // SAFETY: the slot is the table's.
    let key = unsafe { table.key(index) };
    let last = !completion.more();
    let completion = if slot.is_stream() {
        completion
    } else if !last {
        return slot.begin(completion);
    } else if slot.begun() {
        // SAFETY: one was kept.
        let first = unsafe { slot.completion() };
        Cqe {
            flags: first.flags & !uring_sys::IORING_CQE_F_MORE | completion.flags,
            extra: [first.extra[0], completion.result as u32 as u64],
            ..first
        }
    } else {
        completion
    };
    let kept = Kept {
        key,
        completion,
        last,
    };
    match slot.phase() {
        Phase::Awaited | Phase::Halfway => slot.finish(completion),
        Phase::Stream => {
            // SAFETY: the slot is the table's.
            unsafe { table.push_item(index, completion) };
            if last {
                slot.end(Phase::Ended);
            }
        }
        Phase::Tagged => {
            if last {
                slot.end(Phase::Ready);
            }
            table.push_event(kept);
        }
        Phase::Orphan => {
            if last {
                slot.end(Phase::Ready);
            }
            table.push_disposal(kept);
        }
        // The kernel does not post another completion after the final one.
        Phase::Done | Phase::Ended | Phase::Ready | Phase::Free => {}
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Cancels what is in flight, of all operations or of those that borrow from a scope, and waits until it is
    /// over. False if that cannot be known.
    pub(super) fn drain(&mut self, scoped: bool) -> bool {
        let mut known = usize::MAX;
        loop {
            self.reap();
            let left = self.table().count_in_flight(scoped);
            if left == 0 {
                return true;
            }
            // Again whenever some are over: what was linked behind them may only now have begun.
            if left < known {
                known = left;
                let keys: Vec<Key> = self.table().in_flight(scoped).collect();
                for key in keys {
                    self.table().cancel_later(key);
                }
            }
            if self.enter(1).is_err() && self.reap() == 0 {
                return false;
            }
        }
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Drop for Ring<S, C> {
    fn drop(&mut self) {
        if self.raw.submission().capacity() == 0 {
            // A forked child: the operations are its parent's, which alone can wait for them.
            // SAFETY: the ring is not used again; its memory is not mapped here.
            unsafe { ManuallyDrop::drop(&mut self.raw) };
            return;
        }
        if !self.drain(false) {
            // Never free what the kernel may still use.
            return;
        }
        // SAFETY: the ring is not used again. Nothing is in flight.
        unsafe { ManuallyDrop::drop(&mut self.raw) };
        // SAFETY: nothing is in flight.
        if unsafe { self.table().abandon() } {
            // SAFETY: the answer says so; the ring ends here.
            unsafe { self.table.free() };
        }
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> AsFd for Ring<S, C> {
    /// Readable when completions are there, for use in another event loop.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Debug for Ring<S, C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}
