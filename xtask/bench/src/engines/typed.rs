//! Operations of `safe::uring` by their types: all of one, where that is what a job does, or of any.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use anyhow::{Result, anyhow, ensure};
use safe::uring::op::{self, Completed, Error, Operation, Outcome, Status, Unclosed};
use safe::uring::{Event, Reason, Rejected, Ring, Scope, ScopedTicket, Ticket};

use crate::memory::Piece;
use crate::op::{Code, Memory, Op};

type File = BorrowedFd<'static>;
pub(super) type Nop = op::Nop;
pub(super) type Read = op::Read<File, Piece>;
pub(super) type Write = op::Write<File, Piece>;
type Sync = op::Fsync<File>;
type Recv = op::Recv<File, Piece>;
type Send = op::Send<File, Piece>;
type Open = op::Open<&'static CStr>;
type Statx = op::Statx<&'static CStr, File>;
type Close = op::Close;

/// An operation of one type, whose result is a number.
pub(super) trait Typed: Operation<Output: Answer> + 'static {
    /// The one that the job asks for.
    fn of(op: &Op) -> Self;
}

#[inline]
fn piece(op: &Op) -> Piece {
    // SAFETY: the memory is the slot's, which has one operation at a time, and the job's until the engine is gone.
    unsafe { Piece::new(op.memory, op.len as usize) }
}

impl Typed for Nop {
    #[inline]
    fn of(_op: &Op) -> Self {
        Self::new()
    }
}

impl Typed for Read {
    #[inline]
    fn of(op: &Op) -> Self {
        Self::new(op.file(), piece(op)).at(op.offset)
    }
}

impl Typed for Write {
    #[inline]
    fn of(op: &Op) -> Self {
        Self::new(op.file(), piece(op)).at(op.offset)
    }
}

impl Typed for Sync {
    #[inline]
    fn of(op: &Op) -> Self {
        Self::data(op.file())
    }
}

impl Typed for Recv {
    #[inline]
    fn of(op: &Op) -> Self {
        Self::new(op.file(), piece(op))
    }
}

impl Typed for Send {
    #[inline]
    fn of(op: &Op) -> Self {
        Self::new(op.file(), piece(op))
    }
}

impl Typed for Open {
    #[inline]
    fn of(op: &Op) -> Self {
        Self::new(op.path())
    }
}

impl Typed for Close {
    #[inline]
    fn of(op: &Op) -> Self {
        // SAFETY: the job opened it, and has it closed by this.
        Self::new(unsafe { OwnedFd::from_raw_fd(op.fd) })
    }
}

/// What the kernel answered, out of a typed result.
pub(super) trait Answer {
    fn answer(self) -> i32;
}

#[inline]
fn number(result: Result<i32, Error>) -> i32 {
    result.unwrap_or_else(|error| -error.raw_os_error())
}

impl Answer for Result<(), Error> {
    #[inline]
    fn answer(self) -> i32 {
        number(self.map(|()| 0))
    }
}

impl Answer for Result<(), Unclosed> {
    #[inline]
    fn answer(self) -> i32 {
        self.map_err(|unclosed| unclosed.error).answer()
    }
}

impl Answer for Result<usize, Error> {
    #[inline]
    fn answer(self) -> i32 {
        number(self.map(|bytes| bytes as i32))
    }
}

impl Answer for Result<OwnedFd, Error> {
    #[inline]
    fn answer(self) -> i32 {
        number(self.map(IntoRawFd::into_raw_fd))
    }
}

impl<F, B> Answer for Completed<F, B> {
    #[inline]
    fn answer(self) -> i32 {
        self.result.answer()
    }
}

impl<F> Answer for Outcome<(), F> {
    #[inline]
    fn answer(self) -> i32 {
        self.result.answer()
    }
}

#[inline]
fn statx(op: &Op) -> Statx {
    Statx::of(op.file())
}

/// What the kernel answered to statx, with the size noted where it would have written it.
#[inline]
fn noted(result: Result<Status, Error>, memory: Memory) -> i32 {
    number(result.map(|status| {
        memory.note_size(status.size().unwrap_or(u64::MAX));
        0
    }))
}

/// The two kinds of tickets.
pub(super) trait Tickets {
    type Of<O: Operation>;

    fn is_done<O: Operation>(ticket: &Self::Of<O>) -> bool;
}

pub(super) struct Owning;

impl Tickets for Owning {
    type Of<O: Operation> = Ticket<O>;

    #[inline]
    fn is_done<O: Operation>(ticket: &Ticket<O>) -> bool {
        ticket.is_done()
    }
}

pub(super) struct Borrowing<'scope>(PhantomData<&'scope ()>);

impl<'scope> Tickets for Borrowing<'scope> {
    type Of<O: Operation> = ScopedTicket<'scope, O>;

    #[inline]
    fn is_done<O: Operation>(ticket: &ScopedTicket<'scope, O>) -> bool {
        ticket.is_done()
    }
}

/// Hands over what is queued, if that is why an operation was not taken, and gives the operation back.
#[cold]
fn room<O>(rejected: Rejected<O>, submit: impl FnOnce() -> io::Result<usize>) -> Result<O> {
    let reason = rejected.reason();
    ensure!(
        matches!(reason, Reason::Queue),
        "the ring is full: {reason}"
    );
    submit()?;
    Ok(rejected.operation)
}

/// What takes operations and gives tickets: a ring, or a scope of one.
pub(super) trait Taker<T: Tickets> {
    fn push<O: Operation + 'static>(&mut self, operation: O) -> Result<T::Of<O>>;

    fn wait<O: Operation + 'static>(&mut self, ticket: T::Of<O>) -> Result<O::Output>;
}

impl Taker<Owning> for Ring {
    #[inline]
    fn push<O: Operation + 'static>(&mut self, operation: O) -> Result<Ticket<O>> {
        let mut operation = operation;
        loop {
            match Ring::push(self, operation) {
                Ok(ticket) => return Ok(ticket),
                Err(rejected) => operation = room(rejected, || self.submit())?,
            }
        }
    }

    #[inline]
    fn wait<O: Operation + 'static>(&mut self, ticket: Ticket<O>) -> Result<O::Output> {
        Ring::wait(self, ticket).map_err(|error| error.error.into())
    }
}

impl<'scope> Taker<Borrowing<'scope>> for Scope<'scope, '_> {
    #[inline]
    fn push<O: Operation + 'static>(&mut self, operation: O) -> Result<ScopedTicket<'scope, O>> {
        let mut operation = operation;
        loop {
            match Scope::push(self, operation) {
                Ok(ticket) => return Ok(ticket),
                Err(rejected) => operation = room(rejected, || self.submit())?,
            }
        }
    }

    #[inline]
    fn wait<O: Operation + 'static>(
        &mut self,
        ticket: ScopedTicket<'scope, O>,
    ) -> Result<O::Output> {
        Scope::wait(self, ticket).map_err(|error| error.error.into())
    }
}

/// Pushes with the slot for a tag.
#[inline]
pub(super) fn push_tagged<O: Operation + 'static>(
    ring: &mut Ring,
    operation: O,
    op: &Op,
) -> Result<()> {
    let mut operation = operation;
    loop {
        match ring.push_tagged(operation, op.slot.into()) {
            Ok(_) => return Ok(()),
            Err(rejected) => operation = room(rejected, || ring.submit())?,
        }
    }
}

/// What the operation brought whose event this is.
#[inline]
pub(super) fn output<O: Operation + 'static>(event: Event<'_>) -> Result<O::Output> {
    event
        .take::<O>()
        .map_err(|event| anyhow!("an event of another type, with tag {}", event.tag()))
}

#[inline]
fn answer<O: Typed>(event: Event<'_>) -> Result<i32> {
    output::<O>(event).map(Answer::answer)
}

/// Slots and tickets, in the order in which they are waited for.
pub(super) type Line<K, T> = VecDeque<(u32, <K as Kinds>::Pending<T>)>;

/// What a program knows of the types of a job's operations.
pub(super) trait Kinds: Sized + 'static {
    /// What is kept of an operation for its event.
    type Asked: Copy;

    /// A ticket.
    type Pending<T: Tickets>;

    /// What is to be kept.
    fn asked(op: &Op) -> Self::Asked;

    /// Pushes with the slot for a tag.
    fn tag(ring: &mut Ring, op: &Op) -> Result<()>;

    /// What the kernel answered, out of an event.
    fn answer(event: Event<'_>, asked: Self::Asked) -> Result<i32>;

    /// Pushes, and puts the ticket at the end of the line.
    fn queue<T: Tickets>(to: &mut impl Taker<T>, op: &Op, line: &mut Line<Self, T>) -> Result<()>;

    /// Whether the operation is over.
    fn is_done<T: Tickets>(pending: &Self::Pending<T>) -> bool;

    /// What the kernel answered, once it is over.
    fn wait<T: Tickets>(pending: Self::Pending<T>, from: &mut impl Taker<T>) -> Result<i32>;
}

/// All are of this type.
pub(super) struct One<O>(PhantomData<O>);

impl<O: Typed> Kinds for One<O> {
    type Asked = ();
    type Pending<T: Tickets> = T::Of<O>;

    #[inline]
    fn asked(_op: &Op) {}

    #[inline]
    fn tag(ring: &mut Ring, op: &Op) -> Result<()> {
        push_tagged(ring, O::of(op), op)
    }

    #[inline]
    fn answer(event: Event<'_>, (): ()) -> Result<i32> {
        answer::<O>(event)
    }

    #[inline]
    fn queue<T: Tickets>(to: &mut impl Taker<T>, op: &Op, line: &mut Line<Self, T>) -> Result<()> {
        let ticket = to.push(O::of(op))?;
        line.push_back((op.slot, ticket));
        Ok(())
    }

    #[inline]
    fn is_done<T: Tickets>(pending: &T::Of<O>) -> bool {
        T::is_done(pending)
    }

    #[inline]
    fn wait<T: Tickets>(pending: T::Of<O>, from: &mut impl Taker<T>) -> Result<i32> {
        from.wait(pending).map(Answer::answer)
    }
}

/// Each may be of any type.
pub(super) struct Any;

/// A ticket of any type.
pub(super) enum Pending<T: Tickets> {
    Nop(T::Of<Nop>),
    Read(T::Of<Read>),
    Write(T::Of<Write>),
    Sync(T::Of<Sync>),
    Recv(T::Of<Recv>),
    Send(T::Of<Send>),
    Open(T::Of<Open>),
    Statx(T::Of<Statx>, Memory),
    Close(T::Of<Close>),
}

impl Kinds for Any {
    type Asked = (Code, Memory);
    type Pending<T: Tickets> = Pending<T>;

    #[inline]
    fn asked(op: &Op) -> (Code, Memory) {
        (op.code, op.memory())
    }

    #[inline]
    fn tag(ring: &mut Ring, op: &Op) -> Result<()> {
        match op.code {
            Code::Nop => push_tagged(ring, Nop::of(op), op),
            Code::Read => push_tagged(ring, Read::of(op), op),
            Code::Write => push_tagged(ring, Write::of(op), op),
            Code::Sync => push_tagged(ring, Sync::of(op), op),
            Code::Recv => push_tagged(ring, Recv::of(op), op),
            Code::Send => push_tagged(ring, Send::of(op), op),
            Code::Open => push_tagged(ring, Open::of(op), op),
            Code::Statx => push_tagged(ring, statx(op), op),
            Code::Close => push_tagged(ring, Close::of(op), op),
        }
    }

    #[inline]
    fn answer(event: Event<'_>, (code, memory): (Code, Memory)) -> Result<i32> {
        match code {
            Code::Nop => answer::<Nop>(event),
            Code::Read => answer::<Read>(event),
            Code::Write => answer::<Write>(event),
            Code::Sync => answer::<Sync>(event),
            Code::Recv => answer::<Recv>(event),
            Code::Send => answer::<Send>(event),
            Code::Open => answer::<Open>(event),
            Code::Statx => Ok(noted(output::<Statx>(event)?, memory)),
            Code::Close => answer::<Close>(event),
        }
    }

    #[inline]
    fn queue<T: Tickets>(to: &mut impl Taker<T>, op: &Op, line: &mut Line<Self, T>) -> Result<()> {
        let pending = match op.code {
            Code::Nop => Pending::Nop(to.push(Nop::of(op))?),
            Code::Read => Pending::Read(to.push(Read::of(op))?),
            Code::Write => Pending::Write(to.push(Write::of(op))?),
            Code::Sync => Pending::Sync(to.push(Sync::of(op))?),
            Code::Recv => Pending::Recv(to.push(Recv::of(op))?),
            Code::Send => Pending::Send(to.push(Send::of(op))?),
            Code::Open => Pending::Open(to.push(Open::of(op))?),
            Code::Statx => Pending::Statx(to.push(statx(op))?, op.memory()),
            Code::Close => Pending::Close(to.push(Close::of(op))?),
        };
        line.push_back((op.slot, pending));
        Ok(())
    }

    #[inline]
    fn is_done<T: Tickets>(pending: &Pending<T>) -> bool {
        match pending {
            Pending::Nop(ticket) => T::is_done(ticket),
            Pending::Read(ticket) => T::is_done(ticket),
            Pending::Write(ticket) => T::is_done(ticket),
            Pending::Sync(ticket) => T::is_done(ticket),
            Pending::Recv(ticket) => T::is_done(ticket),
            Pending::Send(ticket) => T::is_done(ticket),
            Pending::Open(ticket) => T::is_done(ticket),
            Pending::Statx(ticket, _) => T::is_done(ticket),
            Pending::Close(ticket) => T::is_done(ticket),
        }
    }

    #[inline]
    fn wait<T: Tickets>(pending: Pending<T>, from: &mut impl Taker<T>) -> Result<i32> {
        match pending {
            Pending::Nop(ticket) => One::<Nop>::wait(ticket, from),
            Pending::Read(ticket) => One::<Read>::wait(ticket, from),
            Pending::Write(ticket) => One::<Write>::wait(ticket, from),
            Pending::Sync(ticket) => One::<Sync>::wait(ticket, from),
            Pending::Recv(ticket) => One::<Recv>::wait(ticket, from),
            Pending::Send(ticket) => One::<Send>::wait(ticket, from),
            Pending::Open(ticket) => One::<Open>::wait(ticket, from),
            Pending::Statx(ticket, memory) => Ok(noted(from.wait(ticket)?, memory)),
            Pending::Close(ticket) => One::<Close>::wait(ticket, from),
        }
    }
}
