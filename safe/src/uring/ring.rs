//! The ring without `unsafe`.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

use super::buf_group::Retired;
use super::drains::PastDrains;
use super::fixed::{Fixed, RingId};
use super::message;
use super::op::{Cqe, Operation, assert_small};
use super::raw::squeue::Entry;
use super::raw::{IoUring, cqueue, opcode, squeue};
use super::rejected::{Reason, Rejected};
use super::setup::{Setup, SetupBuilder};
use super::ticket::{Ticket, Tried, WaitError};
use crate::broken::broken;
use crate::inflight::{self, Kept, Key, Phase, Shared, Slot, Slots, Stored, Table, Terms};

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
    pub(super) fixed: Fixed,
    /// Where entries may wait in the kernel for all before them: what is to be cancelled past those.
    pub(super) past: Option<PastDrains>,
    pub(super) retired: Retired,
    pub(super) inbox: message::Inbox,
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

    /// A ring with other than the usual set-up. [`SetupBuilder::new`] makes those of other entry sizes.
    #[must_use]
    pub fn builder() -> SetupBuilder {
        SetupBuilder::new()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    pub(super) fn assemble(raw: IoUring<S, C>, setup: Setup, capacity: u32) -> Self {
        Self {
            raw: ManuallyDrop::new(raw),
            table: Shared::new(capacity),
            setup,
            fixed: Fixed::new(),
            past: None,
            retired: Retired::default(),
            inbox: message::Inbox::default(),
        }
    }

    /// How the ring was set up: what was asked for, and what the kernel has.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How often the ring has called io_uring_enter(2): to submit, to wait, or to fetch completions.
    pub fn times_entered(&self) -> u64 {
        self.raw.times_entered()
    }

    /// The number of operations that the ring can have in flight.
    pub fn capacity(&self) -> usize {
        self.table().capacity() as usize
    }

    /// The number of operations in flight, and of those whose results nobody has taken.
    pub fn len(&self) -> usize {
        self.table().used() as usize
    }

    /// The ring's name, which no other has.
    #[inline]
    pub fn id(&self) -> RingId {
        self.fixed.id
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
    // Little is left of it where it is called; as a call of its own it costs a third more.
    #[inline(always)]
    pub fn push<O: Operation + 'static>(&mut self, operation: O) -> Result<Ticket<O>, Rejected<O>> {
        if !operation.fits(self.id()) {
            return Err(Rejected::new(Reason::Foreign, operation));
        }
        assert_small::<O>();
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: false,
            stream: false,
            notes: O::NOTES,
            tag: 0,
            vtable: O::NOTES.then_some(<O as Stored<Cqe>>::VTABLE),
        };
        // SAFETY: the terms are those of one result for a handle; `'static`, the operation may stay for ever.
        let slot = unsafe { self.start(operation, terms, O::prepare) }?;
        // SAFETY: the operation waits for its result, and nobody else has a ticket.
        Ok(unsafe { Ticket::new(slot) })
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
    pub fn try_wait<O: Operation>(&mut self, ticket: Ticket<O>) -> Tried<O> {
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

    #[inline(always)]
    pub(super) fn wait_until_done<O: Operation>(&mut self, ticket: &Ticket<O>) -> io::Result<()> {
        self.own(ticket);
        self.wait_until_over(ticket)
    }

    /// As [`wait_until_done`](Self::wait_until_done), with a ticket that is known to be this ring's.
    #[inline(always)]
    pub(super) fn wait_until_over<O: Operation>(&mut self, ticket: &Ticket<O>) -> io::Result<()> {
        debug_assert!(ticket.is_of(self.table));
        while !ticket.is_done() {
            self.advance()?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn own<O: Operation>(&self, ticket: &Ticket<O>) {
        assert!(ticket.is_of(self.table), "the ticket is another ring's");
    }

    /// Queues an operation that is completed on `terms`, and answers its slot.
    ///
    /// # Safety
    ///
    /// `terms` are right for a `T` and for what becomes of the answer; no handle outlives what `T` borrows,
    /// and neither does the operation. `prepare` leaves an entry that is sound to push as long as the value
    /// lies in the table.
    // The compiler weighs the whole of it; what usually runs is little, and less where the operation is known.
    #[inline(always)]
    pub(super) unsafe fn start<T>(
        &mut self,
        operation: T,
        terms: Terms<Cqe>,
        prepare: impl FnOnce(&mut T, &mut Entry),
    ) -> Result<NonNull<Slot<Cqe>>, Rejected<T>> {
        // SAFETY: the ring is the table's owner.
        let table = unsafe { self.table.get() };
        let places = self
            .raw
            .room()
            .and_then(|position| Some((position, table.reserve()?)));
        // Nothing can panic before it is placed or given back; so nothing need be ready to drop it.
        let operation = ManuallyDrop::new(operation);
        let Some((position, slot)) = places else {
            let reason = self.why_rejected();
            return Err(Rejected::new(reason, ManuallyDrop::into_inner(operation)));
        };
        // SAFETY: the slot was reserved just now.
        unsafe { slot.place(ManuallyDrop::into_inner(operation)) };
        // SAFETY: the operation was placed there just now; nobody else knows of it.
        let operation = unsafe { &mut *inflight::at::<T>(slot.payload()) };
        // SAFETY: by the caller's promise, and because the operation now lies in the table, which keeps it
        // until its final completion has come. There was room just now.
        unsafe {
            self.raw.push_reserved(position, |entry| {
                prepare(operation, entry);
                entry.set_user_data(slot.key().0);
            });
        }
        // SAFETY: by the caller's promise.
        unsafe { table.commit(slot, terms) };
        Ok(NonNull::from(slot))
    }

    #[cold]
    #[inline(never)]
    fn why_rejected(&mut self) -> Reason {
        if self.is_forked() || !self.table().is_full() {
            self.why_full()
        } else {
            Reason::Table
        }
    }

    /// Whether this is a child of the process that made the ring.
    pub(super) fn is_forked(&mut self) -> bool {
        self.raw.submission().capacity() == 0
    }

    #[cold]
    pub(super) fn why_full(&mut self) -> Reason {
        if self.is_forked() {
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
    // Apart, so that taking a result that is there is small.
    #[inline(never)]
    pub(super) fn advance(&mut self) -> io::Result<()> {
        if self.reap() == 0 {
            self.wait_for_completion()?;
            self.reap();
        }
        Ok(())
    }

    /// Submits what is queued, and waits until there is a completion to reap.
    pub(super) fn wait_for_completion(&mut self) -> io::Result<()> {
        match self.enter(1) {
            // What stands in the way of submitting may be completions that nobody has taken.
            Err(error) if self.raw.completion().is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    /// Submits what is queued, and the cancellations that are due, and waits for `want` completions. A signal does not
    /// interrupt it.
    #[inline]
    pub(super) fn enter(&mut self, want: usize) -> io::Result<usize> {
        match self.enter_once(want) {
            Err(error) => self.enter_again(error, want),
            answer => answer,
        }
    }

    /// As [`enter`](Self::enter), after a try that has failed.
    #[cold]
    fn enter_again(&mut self, mut error: io::Error, want: usize) -> io::Result<usize> {
        while error.kind() == io::ErrorKind::Interrupted {
            match self.enter_once(want) {
                Err(next) => error = next,
                answer => return answer,
            }
        }
        Err(error)
    }

    /// As [`enter`](Self::enter), but a signal may interrupt it.
    #[inline]
    fn enter_once(&mut self, want: usize) -> io::Result<usize> {
        self.make_ready(want)?;
        if self.past.is_some() && want > 0 {
            return self.enter_past_drains(want);
        }
        self.raw.submit_and_wait(want)
    }

    /// Does what is due before the kernel is entered.
    #[inline]
    pub(super) fn make_ready(&mut self, want: usize) -> io::Result<()> {
        if self.table().has_unwanted() {
            self.queue_cancellations(want)?;
        }
        if self.fixed.is_due() {
            self.fixed.tidy(&self.raw.submitter());
        }
        Ok(())
    }

    /// Queues the cancellations that are due. If completions are wanted, then all of them: what is waited for may
    /// never come without.
    #[cold]
    pub(super) fn queue_cancellations(&mut self, want: usize) -> io::Result<()> {
        loop {
            while !self.raw.submission().is_full() {
                let Some(key) = self.table().next_unwanted() else {
                    return Ok(());
                };
                self.push_cancel(key);
            }
            if want == 0 {
                return Ok(());
            }
            self.make_room()?;
        }
    }

    /// Has the kernel take entries out of a full queue.
    fn make_room(&mut self) -> io::Result<()> {
        let submitter = self.raw.submitter();
        let answer = match submitter.submit() {
            Ok(_) if self.setup.params().is_setup_sqpoll() => submitter.squeue_wait(),
            answer => answer,
        };
        match answer {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Queues a cancellation whose outcome nobody waits for.
    pub(super) fn push_cancel(&mut self, key: Key) {
        if let Some(past) = &mut self.past {
            return past.add(key);
        }
        // SAFETY: a cancellation names no memory.
        let _ = unsafe {
            self.raw.push_one(|entry| {
                *entry = opcode::AsyncCancel::new(key.0)
                    .build()
                    .user_data(if broken("cancel") {
                        key.0
                    } else {
                        Key::NOBODY.0
                    });
            })
        };
    }

    /// Takes all completions out of the queue, and answers how many there were, but for those of nobody.
    #[inline]
    pub(super) fn reap(&mut self) -> usize {
        // SAFETY: the ring is the table's owner.
        let table = unsafe { self.table.get() };
        let slots = table.slots();
        let mut count = 0;
        self.raw.take_all(|completion| {
            let Some(slot) = slots.find(Key(completion.user_data())) else {
                // A copy, so that the others need not lie in memory.
                count += usize::from(message::keep(table, &completion.clone()));
                return;
            };
            count += 1;
            if let Some(slot) = sort(table, slot, completion) {
                keep(table, slot);
            }
        });
        // Only now, with the head of the completion queue published: this runs code of the user's.
        table.dispose();
        count
    }
}

/// Keeps the event that a slot has for who asks for the next one. No completion may be known then that has not been taken:
/// see `Ring::first_event`.
pub(super) fn keep(table: &Table<Cqe>, slot: &Slot<Cqe>) {
    let completion = slot.completion();
    table.push_event(Kept {
        key: slot.key(),
        completion,
        last: !completion.more(),
    });
}

/// Brings a completion to where it belongs, unless it is an event: then the answer is its slot, which keeps the
/// completion.
#[inline]
pub(super) fn sort<'table, C: cqueue::EntryMarker>(
    table: &'table Table<Cqe>,
    slot: &'table Slot<Cqe>,
    completion: &C,
) -> Option<&'table Slot<Cqe>> {
    let phase = slot.phase();
    if phase == Phase::Awaited && is_plain(completion) {
        slot.finish_with(Phase::Done, |kept| Cqe::keep(kept, completion));
        return None;
    }
    if phase == Phase::Tagged && is_plain(completion) {
        slot.finish_with(Phase::Idle, |kept| Cqe::keep(kept, completion));
        return Some(slot);
    }
    sort_others(table, slot, Cqe::of(completion))
}

/// The event that a completion is, if it is the only one of a tagged operation.
#[inline]
pub(super) fn direct<'table, C: cqueue::EntryMarker>(
    slots: Slots<'table, Cqe>,
    completion: &cqueue::Filled<C>,
) -> Option<&'table Slot<Cqe>> {
    let slot = slots.find(Key(completion.user_data()))?;
    let simple = slot.phase() == Phase::Tagged && completion.flags() & SPECIAL == 0;
    simple.then(|| {
        slot.finish_with(Phase::Idle, |kept| Cqe::keep(kept, &completion.read()));
        slot
    })
}

/// What says that a completion is not the final one, or names a buffer, so that there is something to note.
const SPECIAL: u32 = uring_sys::IORING_CQE_F_MORE | uring_sys::IORING_CQE_F_BUFFER;

/// Whether it is final, and names no buffer, so that there is nothing to note.
#[inline]
fn is_plain<C: cqueue::EntryMarker>(completion: &C) -> bool {
    completion.word() & Cqe::word_of_flags(SPECIAL) == 0
}

#[cold]
#[inline(never)]
fn sort_others<'table>(
    table: &Table<Cqe>,
    slot: &'table Slot<Cqe>,
    mut completion: Cqe,
) -> Option<&'table Slot<Cqe>> {
    if cqueue::buffer_select(completion.flags).is_some() && slot.phase() != Phase::Idle {
        // SAFETY: the completion was found to be that of the slot's operation, and is sorted once.
        unsafe { slot.note(&mut completion) };
    }
    if broken("more") {
        completion.flags &= !uring_sys::IORING_CQE_F_MORE;
    }
    let last = !completion.more();
    let completion = if slot.is_stream() {
        completion
    } else if !last {
        slot.begin(completion);
        return None;
    } else if slot.begun() {
        slot.completion().notified(completion)
    } else {
        completion
    };
    match slot.phase() {
        Phase::Awaited | Phase::Halfway => slot.finish(Phase::Done, completion),
        Phase::Stream => {
            table.push_item(slot, completion);
            if last {
                slot.end(Phase::Ended);
            }
        }
        Phase::Tagged | Phase::TaggedHalfway => {
            slot.finish(if last { Phase::Idle } else { Phase::Tagged }, completion);
            return Some(slot);
        }
        Phase::Orphan => {
            if last {
                slot.end(Phase::Idle);
            }
            table.push_disposal(Kept {
                key: slot.key(),
                completion,
                last,
            });
        }
        // The kernel posts no completion after the final one, nor without an operation.
        Phase::Done | Phase::Ended | Phase::Idle => {}
    }
    None
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
