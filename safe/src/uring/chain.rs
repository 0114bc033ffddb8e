//! Pushing chains: all of one, or nothing.

use std::mem;
use std::ptr::NonNull;

use super::RingId;
use super::op::{Cqe, Drain, Linked, Operation, assert_small};
use super::raw::squeue::{Flags, SubmissionQueue};
use super::raw::{cqueue, squeue};
use super::rejected::Reason;
use super::{Rejected, Ring, Scope, ScopedTicket, Ticket};
use crate::inflight::{self, Phase, Shared, Slot, Stored, Terms};
use sealed::{Loader, Members, Placed, Sink};

/// What [`Ring::push_chain`] takes: [`op::link`](super::op::link), [`op::hard_link`](super::op::hard_link),
/// [`op::with_timeout`](super::op::with_timeout), [`op::drain`](super::op::drain), and any operation.
pub trait Chain: Members {
    /// A ticket for each operation: `((first, second), third)`.
    type Tickets;

    /// As `Tickets`, of a scope.
    type ScopedTickets<'scope>;

    /// # Safety
    ///
    /// The operations lie there, were committed, and have no tickets yet.
    #[doc(hidden)]
    unsafe fn tickets(placed: Self::Placed, loader: &Loader) -> Self::Tickets;

    /// # Safety
    ///
    /// The operations were counted as those of the scope that `'scope` is of: it has no other way to know that a
    /// ticket is its own.
    #[doc(hidden)]
    unsafe fn scoped<'scope>(tickets: Self::Tickets) -> Self::ScopedTickets<'scope>;
}

pub(crate) mod sealed {
    use super::*;

    /// Where operations are placed, and on what terms.
    pub struct Loader {
        pub(super) table: Shared<Cqe>,
        pub(super) scoped: bool,
    }

    /// A slot of the table that holds an operation which is not committed.
    #[derive(Clone, Copy)]
    pub struct Placed(pub(super) NonNull<Slot<Cqe>>);

    /// A submission queue that takes entries one by one, and shows them all at once.
    pub trait Sink {
        /// # Safety
        ///
        /// As for [`SubmissionQueue::push_with`].
        unsafe fn push(&mut self, fill: &mut dyn FnMut(&mut squeue::Entry)) -> bool;
    }

    /// The operations of a chain.
    pub trait Members: Sized {
        /// How many there are.
        const LEN: usize;
        /// Whether the first waits for all that was queued before it.
        const DRAINS: bool = false;

        type Placed: Copy;

        /// Whether all can go to this ring.
        fn fits(&self, ring: RingId) -> bool;

        /// Moves all into the table, or none.
        fn place(self, loader: &Loader) -> Result<Self::Placed, Self>;

        /// Takes all back.
        ///
        /// # Safety
        ///
        /// `placed` comes from [`place`](Self::place), and is not used again.
        unsafe fn withdraw(placed: Self::Placed, loader: &Loader) -> Self;

        /// Pushes an entry for each, with these flags for the first and for the last. False if there is no room.
        ///
        /// # Safety
        ///
        /// `placed` comes from [`place`](Self::place); what was placed stays until the final completions.
        unsafe fn push(
            placed: Self::Placed,
            sink: &mut dyn Sink,
            first: Flags,
            last: Flags,
        ) -> bool;

        /// Counts all as in flight.
        ///
        /// # Safety
        ///
        /// As for [`push`](Self::push), once.
        unsafe fn commit(placed: Self::Placed, loader: &Loader);
    }
}

impl<O: Operation> Members for O {
    const LEN: usize = 1;

    type Placed = Placed;

    fn fits(&self, ring: RingId) -> bool {
        Operation::fits(self, ring)
    }

    fn place(self, loader: &Loader) -> Result<Placed, Self> {
        // SAFETY: the loader is of a ring that lives.
        let table = unsafe { loader.table.get() };
        let Some(slot) = table.reserve() else {
            return Err(self);
        };
        // SAFETY: the slot was reserved just now.
        unsafe { slot.place(self) };
        Ok(Placed(NonNull::from(slot)))
    }

    unsafe fn withdraw(placed: Placed, loader: &Loader) -> Self {
        // SAFETY: as above, and the slot is that table's; it holds an `O` by the caller's promise.
        unsafe { loader.table.get().withdraw(placed.0.as_ref()) }
    }

    unsafe fn push(placed: Placed, sink: &mut dyn Sink, first: Flags, last: Flags) -> bool {
        assert_small::<O>();
        // SAFETY: the slot is a table's that lives, by the caller's promise.
        let slot = unsafe { placed.0.as_ref() };
        // SAFETY: it holds an `O` that nobody else knows of yet.
        let operation = unsafe { &mut *inflight::at::<O>(slot.payload()) };
        let mut fill = |entry: &mut squeue::Entry| {
            operation.prepare(entry);
            entry.as_raw_mut().flags |= (first | last).bits();
            entry.set_user_data(slot.key().0);
        };
        // SAFETY: the operation lies in the table until its final completion, by the caller's promise. Links and
        // drains move its beginning, and nothing else.
        unsafe { sink.push(&mut fill) }
    }

    unsafe fn commit(placed: Placed, loader: &Loader) {
        let terms = Terms {
            phase: Phase::Awaited,
            scoped: loader.scoped,
            stream: false,
            notes: O::NOTES,
            tag: 0,
            vtable: Some(<O as Stored<Cqe>>::VTABLE),
        };
        // SAFETY: by the caller's promise; the terms are those of one result of an `O`, for a ticket.
        unsafe { loader.table.get().commit(placed.0.as_ref(), terms) };
    }
}

impl<O: Operation> Chain for O {
    type Tickets = Ticket<O>;

    type ScopedTickets<'scope> = ScopedTicket<'scope, O>;

    unsafe fn tickets(placed: Placed, _: &Loader) -> Ticket<O> {
        // SAFETY: by the caller's promise.
        unsafe { Ticket::new(placed.0) }
    }

    unsafe fn scoped<'scope>(ticket: Ticket<O>) -> ScopedTicket<'scope, O> {
        // SAFETY: by the caller's promise.
        unsafe { ScopedTicket::new(ticket) }
    }
}

impl<H: Members, O: Operation> Members for Linked<H, O> {
    const LEN: usize = H::LEN + 1;
    const DRAINS: bool = H::DRAINS;

    type Placed = (H::Placed, Placed, bool);

    fn fits(&self, ring: RingId) -> bool {
        Members::fits(&self.head, ring) && Operation::fits(&self.last, ring)
    }

    fn place(self, loader: &Loader) -> Result<Self::Placed, Self> {
        let Self { head, last, hard } = self;
        let head = match head.place(loader) {
            Ok(head) => head,
            Err(head) => return Err(Self { head, last, hard }),
        };
        match last.place(loader) {
            Ok(last) => Ok((head, last, hard)),
            Err(last) => {
                // SAFETY: it was placed just now.
                let head = unsafe { H::withdraw(head, loader) };
                Err(Self { head, last, hard })
            }
        }
    }

    unsafe fn withdraw((head, last, hard): Self::Placed, loader: &Loader) -> Self {
        // SAFETY: by the caller's promise.
        unsafe {
            let last = O::withdraw(last, loader);
            let head = H::withdraw(head, loader);
            Self { head, last, hard }
        }
    }

    unsafe fn push(
        (head, next, hard): Self::Placed,
        sink: &mut dyn Sink,
        first: Flags,
        last: Flags,
    ) -> bool {
        let link = if hard {
            Flags::IO_HARDLINK
        } else {
            Flags::IO_LINK
        };
        // SAFETY: by the caller's promise.
        unsafe { H::push(head, sink, first, link) && O::push(next, sink, Flags::empty(), last) }
    }

    unsafe fn commit((head, last, _): Self::Placed, loader: &Loader) {
        // SAFETY: by the caller's promise.
        unsafe {
            H::commit(head, loader);
            O::commit(last, loader);
        }
    }
}

impl<H: Chain, O: Operation> Chain for Linked<H, O> {
    type Tickets = (H::Tickets, Ticket<O>);

    type ScopedTickets<'scope> = (H::ScopedTickets<'scope>, ScopedTicket<'scope, O>);

    unsafe fn tickets((head, last, _): Self::Placed, loader: &Loader) -> Self::Tickets {
        // SAFETY: by the caller's promise.
        unsafe { (H::tickets(head, loader), O::tickets(last, loader)) }
    }

    unsafe fn scoped<'scope>((head, last): Self::Tickets) -> Self::ScopedTickets<'scope> {
        // SAFETY: by the caller's promise.
        unsafe { (H::scoped(head), O::scoped(last)) }
    }
}

impl<H: Members> Members for Drain<H> {
    const LEN: usize = H::LEN;
    const DRAINS: bool = true;

    type Placed = H::Placed;

    fn fits(&self, ring: RingId) -> bool {
        Members::fits(&self.0, ring)
    }

    fn place(self, loader: &Loader) -> Result<Self::Placed, Self> {
        self.0.place(loader).map_err(Self)
    }

    unsafe fn withdraw(placed: Self::Placed, loader: &Loader) -> Self {
        // SAFETY: by the caller's promise.
        Self(unsafe { H::withdraw(placed, loader) })
    }

    unsafe fn push(placed: Self::Placed, sink: &mut dyn Sink, first: Flags, last: Flags) -> bool {
        // SAFETY: by the caller's promise.
        unsafe { H::push(placed, sink, first | Flags::IO_DRAIN, last) }
    }

    unsafe fn commit(placed: Self::Placed, loader: &Loader) {
        // SAFETY: by the caller's promise.
        unsafe { H::commit(placed, loader) };
    }
}

impl<H: Chain> Chain for Drain<H> {
    type Tickets = H::Tickets;

    type ScopedTickets<'scope> = H::ScopedTickets<'scope>;

    unsafe fn tickets(placed: Self::Placed, loader: &Loader) -> Self::Tickets {
        // SAFETY: by the caller's promise.
        unsafe { H::tickets(placed, loader) }
    }

    unsafe fn scoped<'scope>(tickets: Self::Tickets) -> Self::ScopedTickets<'scope> {
        // SAFETY: by the caller's promise.
        unsafe { H::scoped(tickets) }
    }
}

/// A queue whose new entries are taken back when it is dropped, unless they were kept.
struct Open<'a, S: squeue::EntryMarker> {
    queue: SubmissionQueue<'a, S>,
    before: u32,
}

impl<S: squeue::EntryMarker> Sink for Open<'_, S> {
    unsafe fn push(&mut self, fill: &mut dyn FnMut(&mut squeue::Entry)) -> bool {
        // SAFETY: by the caller's promise.
        unsafe { self.queue.push_with(|entry| fill(entry.head_mut())) }.is_ok()
    }
}

impl<S: squeue::EntryMarker> Drop for Open<'_, S> {
    fn drop(&mut self) {
        self.queue.take_back(self.before);
    }
}

/// A chain that was placed, and is dropped if this is.
struct Unseen<'a, H: Members> {
    placed: H::Placed,
    loader: &'a Loader,
}

impl<H: Members> Unseen<'_, H> {
    /// Takes it back.
    fn withdraw(self) -> H {
        let (placed, loader) = (self.placed, self.loader);
        mem::forget(self);
        // SAFETY: it was placed, and the kernel was not told of it.
        unsafe { H::withdraw(placed, loader) }
    }
}

impl<H: Members> Drop for Unseen<'_, H> {
    fn drop(&mut self) {
        // SAFETY: as above.
        drop(unsafe { H::withdraw(self.placed, self.loader) });
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Queues a chain of operations, which the kernel begins one after the other, and never sees in part. Each has
    /// a ticket of its own; [`wait_chain`](Self::wait_chain) waits for all.
    ///
    /// In a ring with [`sqpoll`](super::SetupBuilder::sqpoll) that shares its thread with others, the kernel takes no
    /// more than 8 entries at a time, and a chain can be cut there.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::io;
    /// use std::os::unix::net::UnixStream;
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let (reader, writer) = UnixStream::pair()?;
    /// let write = op::Write::new(writer, b"through a pipe".to_vec());
    /// let read = op::Read::new(reader, Vec::with_capacity(64));
    /// let tickets = ring.push_chain(op::link(write, read))?;
    /// let (written, read) = ring.wait_chain(tickets)?.outputs;
    /// assert_eq!(read.buf, written.buf);
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Rejected`] has the chain with all its operations, and says what has no room for all of them.
    pub fn push_chain<H: Chain + 'static>(&mut self, chain: H) -> Result<H::Tickets, Rejected<H>> {
        // SAFETY: `'static`, the operations may stay for ever.
        unsafe { self.start_chain(chain, false) }
    }

    /// # Safety
    ///
    /// No handle outlives what the operations borrow, and neither do they.
    unsafe fn start_chain<H: Chain>(
        &mut self,
        chain: H,
        scoped: bool,
    ) -> Result<H::Tickets, Rejected<H>> {
        if !Members::fits(&chain, self.id()) {
            return Err(Rejected::new(Reason::Foreign, chain));
        }
        let loader = Loader {
            table: self.shared(),
            scoped,
        };
        let placed = match chain.place(&loader) {
            Ok(placed) => placed,
            Err(chain) => return Err(Rejected::new(Reason::Table, chain)),
        };
        // Outlives the open queue, which takes the entries back first if code of the user's panics.
        let unseen = Unseen::<H> {
            placed,
            loader: &loader,
        };
        let queue = self.raw.submission();
        let mut open = Open {
            before: queue.position(),
            queue,
        };
        // SAFETY: they were placed just now, and the table keeps them until their final completions have come.
        if !unsafe { H::push(placed, &mut open, Flags::empty(), Flags::empty()) } {
            drop(open);
            return Err(Rejected::new(self.why_full(), unseen.withdraw()));
        }
        mem::forget(unseen);
        // Shows the kernel all entries with one store.
        open.before = open.queue.position();
        drop(open);
        if H::DRAINS {
            self.past.get_or_insert_default();
        }
        // SAFETY: they were placed above.
        unsafe { H::commit(placed, &loader) };
        // SAFETY: they were committed just now.
        Ok(unsafe { H::tickets(placed, &loader) })
    }
}

impl<'scope, 'env, S: squeue::EntryMarker, C: cqueue::EntryMarker> Scope<'scope, 'env, S, C> {
    /// As [`Ring::push_chain`], of operations that may borrow whatever outlives the scope.
    ///
    /// # Errors
    ///
    /// As for [`Ring::push_chain`].
    pub fn push_chain<H: Chain + 'env>(
        &mut self,
        chain: H,
    ) -> Result<H::ScopedTickets<'scope>, Rejected<H>> {
        // SAFETY: what the operations borrow outlives the call of `scope`, which does not end before they are over
        // and dropped, and the handles are bound to the closure by 'scope.
        let tickets = unsafe { self.ring.start_chain(chain, true) }?;
        self.pushed += H::LEN as u64;
        // SAFETY: they were counted just now.
        Ok(unsafe { H::scoped(tickets) })
    }
}
