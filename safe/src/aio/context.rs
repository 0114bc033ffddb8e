//! The context without `unsafe`.

use std::cell::UnsafeCell;
use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::is_broken;
use super::op::{Cancellable, Completion, Operation};
use super::raw::{self, Event, Iocb, SetupError};
use super::rejected::{Reason, Rejected};
use super::signals::Signals;
use super::ticket::{Ticket, Token, Tried, WaitError};
use crate::inflight::{self, Kept, Key, Phase, Shared, Slot, Table, Terms};

/// How many events are taken at once.
const BATCH: usize = 32;

/// The most requests that a kernel takes, which are as many operations as make sense.
const MOST: u32 = 4_194_304;

/// An AIO context that owns what its operations use, until they are over.
///
/// See the [module](super) for who owns what, and when.
pub struct Context {
    /// Ended by `drop` alone.
    raw: ManuallyDrop<raw::Context>,
    table: Shared<Completion>,
    /// The requests of the slots, for which the kernel knows the operations.
    iocbs: Box<[UnsafeCell<Iocb>]>,
    /// What was pushed and not submitted, in that order: of each, its place in `iocbs`. It has room for all of them.
    queue: Vec<*mut Iocb>,
    /// How many operations the kernel has taken whose events have not been reaped.
    in_kernel: usize,
    /// How many operations were over, ever.
    over: u64,
}

/// What became of the queue: [`Context::submit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "operations may have been refused, or be queued still"]
pub struct Submitted {
    /// The kernel has taken so many.
    pub accepted: usize,
    /// It has refused so many. They are over: the result of each says why, and brings back what it owned.
    pub refused: usize,
    /// So many are queued still, since the kernel has no room for more (`EAGAIN`): take results, and submit again.
    pub queued: usize,
}

/// What became of an attempt to cancel: [`Context::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The operation was still queued. Its result is there, and is `ECANCELED`.
    Withdrawn,
    /// The poll was in flight. Its result is on its way, and is `ECANCELED`; unless the file became ready at that very
    /// moment and the kernel was about to say so: then it is what the file is ready for.
    ResultFollows,
    /// The operation is over, or about to be: its result is that of its ordinary end.
    TooLate,
}

/// How to make a context.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContextBuilder {
    requests: Option<u32>,
}

impl ContextBuilder {
    /// How many operations the kernel must be able to have in flight; as many as the context can have unless set.
    ///
    /// That number counts against the system's limit, `fs.aio-max-nr`. What it has no room for waits in the queue.
    #[must_use]
    pub fn requests(mut self, requests: u32) -> Self {
        self.requests = Some(requests);
        self
    }

    /// The context, for `capacity` operations that are queued, in flight, or have results that nobody has taken.
    ///
    /// # Errors
    ///
    /// As for [`Context::new`].
    pub fn build(self, capacity: u32) -> Result<Context, SetupError> {
        if capacity > MOST {
            return Err(SetupError::new(libc::EINVAL, capacity));
        }
        Ok(Context {
            raw: ManuallyDrop::new(raw::Context::new(self.requests.unwrap_or(capacity))?),
            table: Shared::new(capacity),
            iocbs: (0..capacity)
                .map(|_| UnsafeCell::new(Iocb::from(aio_sys::iocb::default())))
                .collect(),
            queue: Vec::with_capacity(capacity as usize),
            in_kernel: 0,
            over: 0,
        })
    }
}

impl Context {
    /// A context that can have up to `capacity` operations: io_setup(2).
    ///
    /// # Errors
    ///
    /// [`SetupError`] says why: above all the system's limit on requests.
    pub fn new(capacity: u32) -> Result<Self, SetupError> {
        Self::builder().build(capacity)
    }

    /// A context with other than the usual set-up.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    /// The number of operations that the context can have.
    pub fn capacity(&self) -> usize {
        self.table().capacity() as usize
    }

    /// The number of operations that are queued, in flight, or have results that nobody has taken.
    pub fn len(&self) -> usize {
        self.table().used() as usize
    }

    /// Whether nothing is queued or in flight, and no result waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of operations that were pushed and not submitted.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    #[inline]
    pub(super) fn shared(&self) -> Shared<Completion> {
        self.table
    }

    #[inline]
    pub(super) fn table(&self) -> &Table<Completion> {
        // SAFETY: the context is the table's owner.
        unsafe { self.table.get() }
    }

    /// Whether this is a forked child of the process that has the context.
    pub(super) fn is_forked(&self) -> bool {
        self.raw.here().is_err()
    }

    /// Queues an operation, which the context owns from now on; the ticket gets it back with its result. The kernel
    /// sees it with the next [`submit`](Self::submit) or wait.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::fs::File;
    ///
    /// use safe::aio::{Context, op};
    ///
    /// let mut context = Context::new(8)?;
    /// let file = File::open("/proc/self/exe")?;
    /// let ticket = context.push(op::Read::new(file, Vec::with_capacity(4)).at(0))?;
    /// let done = context.wait(ticket)?;
    /// assert_eq!(done.result?, 4);
    /// assert_eq!(done.buf, b"\x7fELF");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejected`] has the operation, and says why.
    #[inline]
    pub fn push<O: Operation + 'static>(&mut self, operation: O) -> Result<Ticket<O>, Rejected<O>> {
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: false,
            stream: false,
            notes: false,
            tag: 0,
            vtable: None,
        };
        // SAFETY: the terms are those of one result for a handle; `'static`, the operation may stay for ever.
        let slot = unsafe { self.start(operation, terms) }?;
        // SAFETY: the operation waits for its result, and nobody else has a ticket.
        Ok(unsafe { Ticket::new(slot) })
    }

    /// The request of the slot that a key is of.
    #[inline]
    fn iocb(&self, key: Key) -> *mut Iocb {
        self.iocbs[Slot::<Completion>::index_of(key)].get()
    }

    /// Queues an operation that is completed on `terms`, and answers its slot.
    ///
    /// # Safety
    ///
    /// `terms` are right for an `O` and for what becomes of the answer; no handle outlives what `O` borrows, and
    /// neither does the operation.
    #[inline]
    pub(super) unsafe fn start<O: Operation>(
        &mut self,
        operation: O,
        terms: Terms<Completion>,
    ) -> Result<NonNull<Slot<Completion>>, Rejected<O>> {
        if self.is_forked() {
            return Err(Rejected::new(Reason::Forked, operation));
        }
        // SAFETY: the context is the table's owner.
        let table = unsafe { self.table.get() };
        let Some(slot) = table.reserve() else {
            return Err(Rejected::new(Reason::Table, operation));
        };
        // SAFETY: the slot was reserved just now.
        unsafe { slot.place(operation) };
        // SAFETY: the operation was placed there just now; nobody else knows of it.
        let request = unsafe { (*inflight::at::<O>(slot.payload())).prepare() };
        let key = slot.key();
        let iocb = self.iocb(key);
        // SAFETY: the slot was free, so no request of it is queued. One that is being cancelled is not used after
        // the system call.
        unsafe { iocb.write(request.data(key.0)) };
        // SAFETY: by the caller's promise.
        unsafe { table.commit(slot, terms) };
        self.queue.push(iocb);
        Ok(NonNull::from(slot))
    }

    /// Shows the kernel what is queued: io_submit(2), once unless something is refused.
    ///
    /// It may block: see the [module](super).
    ///
    /// # Errors
    ///
    /// In a forked child. What the kernel has against a single operation is that operation's result.
    pub fn submit(&mut self) -> io::Result<Submitted> {
        self.raw.here()?;
        self.cancel_unwanted();
        let mut submitted = Submitted::default();
        while !self.queue.is_empty() {
            // SAFETY: each request is in `iocbs`, which nobody else uses meanwhile. What it names belongs to the
            // table, until its event has been reaped or the context was destroyed.
            match unsafe { self.raw.submit(&self.queue) } {
                Ok(accepted) if accepted > 0 => {
                    self.queue.drain(..accepted);
                    self.in_kernel += accepted;
                    submitted.accepted += accepted;
                }
                // No room, but there may be once the events that are there have been reaped.
                Err(error) if error.raw_os_error() != Some(libc::EAGAIN) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
                    let key = self.unqueue(0);
                    self.end(key, Completion::refused(errno));
                    submitted.refused += 1;
                }
                _ => {
                    if self.poll()? == 0 {
                        break;
                    }
                }
            }
        }
        submitted.queued = self.queue.len();
        self.table().dispose();
        Ok(submitted)
    }

    /// Takes an operation out of the queue.
    fn unqueue(&mut self, at: usize) -> Key {
        let iocb = self.queue.remove(at);
        // SAFETY: what is queued is one of `iocbs`, which the kernel does not write to now.
        Key(unsafe { (*iocb).as_raw().aio_data })
    }

    /// Brings a result to where it belongs. What nobody takes is kept for [`Table::dispose`].
    #[inline]
    fn end(&mut self, key: Key, completion: Completion) {
        self.over += 1;
        end(self.table(), key, completion);
    }

    fn end_events(&mut self, events: &[Event]) {
        self.in_kernel = self.in_kernel.saturating_sub(events.len());
        for event in events {
            let raw = event.as_raw();
            let completion = Completion {
                res: raw.res,
                res2: raw.res2,
                refused: false,
            };
            self.end(Key(raw.data), completion);
        }
    }

    /// Takes the results that are there, without waiting and without a system call (unless the completion ring is of
    /// a kind that is not known). Answers how many there were. Does not submit what is queued.
    ///
    /// # Errors
    ///
    /// In a forked child.
    #[inline]
    pub fn poll(&mut self) -> io::Result<usize> {
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        let mut count = 0;
        loop {
            let taken = self.raw.completions().fill(&mut events)?;
            self.end_events(taken);
            count += taken.len();
            if taken.len() < BATCH {
                break;
            }
        }
        // Only now, with the head of the ring published: this runs code of the user's.
        self.table().dispose();
        Ok(count)
    }

    /// Waits for `min` results in the kernel, at most as many as are taken at once.
    fn sleep(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        blocked: Option<&Signals>,
    ) -> io::Result<usize> {
        let mut events = [const { MaybeUninit::uninit() }; BATCH];
        let blocked = blocked.map(Signals::as_raw);
        let taken = self
            .raw
            .completions()
            .wait(min.min(BATCH), &mut events, timeout, blocked)?;
        self.end_events(taken);
        self.table().dispose();
        Ok(taken.len())
    }

    /// Waits until the operation is over, and gives its result.
    ///
    /// Submits what is queued. Results of other operations that come meanwhile are kept for their tickets. If the
    /// kernel refuses the operation, that is its result.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked, or has no room for the operation although nothing is in flight (`EAGAIN`: no
    /// memory); [`WaitError`] has the ticket. A signal does not interrupt it.
    ///
    /// # Panics
    ///
    /// If the ticket is another context's.
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

    /// Gives the result if the operation is over, or else the ticket. Makes no system call; does not submit what is
    /// queued.
    ///
    /// # Errors
    ///
    /// As for [`poll`](Self::poll).
    ///
    /// # Panics
    ///
    /// If the ticket is another context's.
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

    #[inline]
    pub(super) fn wait_until_done<O: Operation>(&mut self, ticket: &Ticket<O>) -> io::Result<()> {
        self.own(ticket);
        while !ticket.is_done() {
            self.advance()?;
        }
        Ok(())
    }

    #[inline]
    fn own<O: Operation>(&self, ticket: &Ticket<O>) {
        assert!(ticket.is_of(self.table), "the ticket is another context's");
    }

    /// Takes results; if there are none, submits what is queued and waits for one.
    #[inline(never)]
    pub(super) fn advance(&mut self) -> io::Result<()> {
        let before = self.over;
        self.poll()?;
        if self.over == before {
            let submitted = self.submit()?;
            // Results that came meanwhile may be the one that is waited for.
            if self.over == before {
                self.must_wait(submitted)?;
                self.sleep_on(1)?;
            }
        }
        Ok(())
    }

    /// Fails if nothing would end a wait.
    fn must_wait(&self, submitted: Submitted) -> io::Result<()> {
        match (self.in_kernel, submitted.queued) {
            (0, 0) => Err(io::Error::from_raw_os_error(libc::EDEADLK)),
            (0, _) => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            _ => Ok(()),
        }
    }

    /// Waits for results, whatever signals come.
    fn sleep_on(&mut self, min: usize) -> io::Result<()> {
        loop {
            match self.sleep(min, None, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => {}
                answer => return answer.map(drop),
            }
        }
    }

    /// Submits what is queued and waits until `min` operations are over, at most as many as are in flight, or until
    /// the time is: io_pgetevents(2). Answers how many were over; their results are kept for whoever has the tickets,
    /// or asks for events. Results that were there before do not count.
    ///
    /// With `blocked`, those signals are blocked during the wait, and no others. A signal that has a handler ends
    /// the wait. A timeout of zero only looks.
    ///
    /// # Errors
    ///
    /// `EINTR` if a signal came before anything was over, or a completion of an io_uring that this thread uses, without
    /// `DEFER_TASKRUN`. In a forked child.
    pub fn wait_for(
        &mut self,
        min: usize,
        timeout: Option<Duration>,
        blocked: Option<&Signals>,
    ) -> io::Result<usize> {
        let before = self.over;
        // Beyond what a clock can count is as good as none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let _ = self.submit()?;
        loop {
            let count = (self.over - before) as usize;
            let want = min.saturating_sub(count).min(self.in_kernel);
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            let came = match self.sleep(want, left, blocked) {
                Err(_) if count > 0 => return Ok(count),
                answer => answer?,
            };
            // Fewer: the time is over, or a signal has come.
            if came < want.min(BATCH) || came >= want {
                self.poll()?;
                return Ok((self.over - before) as usize);
            }
        }
    }

    /// Cancels an operation: one that is queued, or a poll that is in flight. Nothing else can be cancelled in
    /// native AIO: io_cancel(2) finds polls alone.
    ///
    /// The result comes where it would have come.
    ///
    /// # Errors
    ///
    /// In a forked child.
    pub fn cancel<O: Cancellable>(&mut self, token: Token<O>) -> io::Result<Cancel> {
        self.raw.here()?;
        let cancelled = self.cancel_key(token.key);
        self.table().dispose();
        Ok(cancelled)
    }

    fn cancel_key(&mut self, key: Key) -> Cancel {
        // One whose slot has another operation by now is not there.
        let queued = self
            .queue
            .iter()
            // SAFETY: what is queued is one of `iocbs`, which the kernel does not write to now.
            .position(|iocb| unsafe { (**iocb).as_raw().aio_data } == key.0);
        if let Some(at) = queued {
            self.unqueue(at);
            self.end(key, Completion::CANCELLED);
            return Cancel::Withdrawn;
        }
        if !self.table().find(key).is_some_and(Slot::is_in_flight) {
            return Cancel::TooLate;
        }
        match self.raw.cancel(self.iocb(key)) {
            Ok(raw::Cancel::EventFollows) => Cancel::ResultFollows,
            // An error would say that the request cannot be read.
            Ok(raw::Cancel::NotCancelled) | Err(_) => Cancel::TooLate,
        }
    }

    /// Cancels the operations whose tickets were dropped, as far as that can be done.
    fn cancel_unwanted(&mut self) {
        while self.table().has_unwanted() {
            if let Some(key) = self.table().next_unwanted() {
                self.cancel_key(key);
            }
        }
    }

    /// Ends what borrows from a scope, and waits until it is over. False if that cannot be known.
    pub(super) fn drain(&mut self) -> bool {
        let mut left: Vec<Key> = self.table().in_flight(true).collect();
        for key in &left {
            self.cancel_key(*key);
        }
        loop {
            if self.poll().is_err() {
                return false;
            }
            left.retain(|key| self.table().find(*key).is_some_and(Slot::is_in_flight));
            if left.is_empty() {
                return true;
            }
            if self.in_kernel == 0 || self.sleep_on(1).is_err() {
                return false;
            }
        }
    }
}

/// See [`Context::end`].
#[inline]
fn end(table: &Table<Completion>, key: Key, completion: Completion) {
    // A context's completions are its own operations', each once; another would be ignored.
    let Some(slot) = table.find(key) else {
        return;
    };
    let kept = Kept {
        key,
        completion,
        last: true,
    };
    match slot.phase() {
        Phase::Awaited => slot.finish(Phase::Done, completion),
        Phase::Tagged => {
            slot.finish(Phase::Idle, completion);
            table.push_event(kept);
        }
        Phase::Orphan => {
            slot.end(Phase::Idle);
            table.push_disposal(kept);
        }
        _ => {}
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.is_forked() {
            // The operations are the parent's, and so is what they own: leaked here.
            return;
        }
        if is_broken("free") {
            self.release();
        } else {
            // Results that are there are what they are.
            let _ = self.poll();
        }
        // SAFETY: the context is not used again.
        let raw = unsafe { ManuallyDrop::take(&mut self.raw) };
        // Waits for all that is in flight.
        if raw.destroy().is_err() {
            // Never free what the kernel may still use.
            return;
        }
        if !is_broken("free") {
            self.release();
        }
    }
}

impl Context {
    /// Ends what is in the table. Nothing is in flight.
    fn release(&mut self) {
        let table = self.table();
        let left: Vec<Key> = table.in_flight(false).collect();
        for key in left {
            end(table, key, Completion::CANCELLED);
        }
        // SAFETY: nothing is in flight.
        if unsafe { table.abandon() } {
            // SAFETY: the answer says so; the context ends here.
            unsafe { self.table.free() };
        }
    }
}

impl Debug for Context {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("len", &self.len())
            .field("queued", &self.queued())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
