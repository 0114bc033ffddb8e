//! The ring without `unsafe`: results as events, by tickets, in a scope, and with registered memory.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use anyhow::{Context, Result, bail, ensure};
use safe::uring::op::{self, Completed, Error, Operation, Outcome, Status, Unclosed};
use safe::uring::{Event, Reason, Rejected, Ring, Scope, ScopedTicket, Ticket};

use crate::engine::{Engine, Queue, Room, drive};
use crate::job::Job;
use crate::memory::Piece;
use crate::op::{Code, Done, Op};

type File = BorrowedFd<'static>;
type Read = op::Read<File, Piece>;
type Write = op::Write<File, Piece>;
type Sync = op::Fsync<File>;
type Recv = op::Recv<File, Piece>;
type Send = op::Send<File, Piece>;
type Open = op::Open<&'static CStr>;
type Statx = op::Statx<&'static CStr, File>;

/// A ring as it comes: with the fastest set-up that the kernel has.
pub(crate) fn ring(depth: usize) -> Result<Ring> {
    Ok(Ring::new(depth.max(2) as u32)?)
}

#[inline]
fn piece(op: &Op) -> Piece {
    // SAFETY: the memory is the slot's, which has one operation at a time, and the job's until the engine is gone.
    unsafe { Piece::new(op.memory, op.len as usize) }
}

#[inline]
fn read(op: &Op) -> Read {
    Read::new(op.file(), piece(op)).at(op.offset)
}

#[inline]
fn write(op: &Op) -> Write {
    Write::new(op.file(), piece(op)).at(op.offset)
}

#[inline]
fn close(op: &Op) -> op::Close {
    // SAFETY: the job opened it, and has it closed by this.
    op::Close::new(unsafe { OwnedFd::from_raw_fd(op.fd) })
}

/// What the kernel answered, out of a typed result.
trait Answer {
    fn answer(self, op: &Op) -> i32;
}

fn number(result: Result<i32, Error>) -> i32 {
    result.unwrap_or_else(|error| -error.raw_os_error())
}

impl Answer for Result<(), Error> {
    #[inline]
    fn answer(self, _op: &Op) -> i32 {
        number(self.map(|()| 0))
    }
}

impl Answer for Result<(), Unclosed> {
    #[inline]
    fn answer(self, op: &Op) -> i32 {
        self.map_err(|unclosed| unclosed.error).answer(op)
    }
}

impl<F, B> Answer for Completed<F, B> {
    #[inline]
    fn answer(self, _op: &Op) -> i32 {
        number(self.result.map(|bytes| bytes as i32))
    }
}

impl<F> Answer for Outcome<(), F> {
    #[inline]
    fn answer(self, _op: &Op) -> i32 {
        number(self.result.map(|()| 0))
    }
}

impl Answer for Result<OwnedFd, Error> {
    #[inline]
    fn answer(self, _op: &Op) -> i32 {
        number(self.map(IntoRawFd::into_raw_fd))
    }
}

impl Answer for Result<Status, Error> {
    #[inline]
    fn answer(self, op: &Op) -> i32 {
        number(self.map(|status| {
            op.note_size(status.size().unwrap_or(u64::MAX));
            0
        }))
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

/// Results come as events.
pub(crate) struct Tagged {
    ring: Ring,
    ops: Vec<Option<Op>>,
}

impl Tagged {
    /// On this ring.
    pub(crate) fn new(ring: Ring, depth: usize) -> Self {
        let ops = vec![None; depth];
        Self { ring, ops }
    }

    #[inline]
    fn push<O: Operation + 'static>(&mut self, operation: O, op: &Op) -> Result<()> {
        let mut operation = operation;
        loop {
            match self.ring.push_tagged(operation, op.slot.into()) {
                Ok(_) => return Ok(()),
                Err(rejected) => operation = room(rejected, || self.ring.submit())?,
            }
        }
    }

    #[inline]
    fn hand(&mut self, op: &Op) -> Result<()> {
        match op.code {
            Code::Nop => self.push(op::Nop::new(), op),
            Code::Read => self.push(read(op), op),
            Code::Write => self.push(write(op), op),
            Code::Sync => self.push(Sync::data(op.file()), op),
            Code::Recv => self.push(Recv::new(op.file(), piece(op)), op),
            Code::Send => self.push(Send::new(op.file(), piece(op)), op),
            Code::Open => self.push(Open::new(op.path()), op),
            Code::Statx => self.push(Statx::of(op.file()), op),
            Code::Close => self.push(close(op), op),
        }
    }
}

/// How the next event is asked for: the first is waited for, and those that are there come with it.
pub(super) enum Next {
    /// None has come yet.
    Wait,
    /// One has.
    Look,
}

impl Next {
    /// The next event of this ring; nothing when there are no more.
    #[inline]
    pub(super) fn of<'ring>(&mut self, ring: &'ring mut Ring) -> Result<Option<Event<'ring>>> {
        Ok(match mem::replace(self, Self::Look) {
            Self::Wait => Some(ring.next_event()?),
            Self::Look => ring.try_next_event()?,
        })
    }
}

impl Queue for Tagged {
    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            self.ops[op.slot as usize] = Some(*op);
            self.hand(op)?;
        }
        let mut next = Next::Wait;
        while let Some(event) = next.of(&mut self.ring)? {
            let slot = event.tag() as u32;
            let op = &self.ops[slot as usize].context("an event of nobody")?;
            let taken = match op.code {
                Code::Nop => event.take::<op::Nop>().map(|result| result.answer(op)),
                Code::Read => event.take::<Read>().map(|result| result.answer(op)),
                Code::Write => event.take::<Write>().map(|result| result.answer(op)),
                Code::Sync => event.take::<Sync>().map(|result| result.answer(op)),
                Code::Recv => event.take::<Recv>().map(|result| result.answer(op)),
                Code::Send => event.take::<Send>().map(|result| result.answer(op)),
                Code::Open => event.take::<Open>().map(|result| result.answer(op)),
                Code::Statx => event.take::<Statx>().map(|result| result.answer(op)),
                Code::Close => event.take::<op::Close>().map(|result| result.answer(op)),
            };
            let Ok(result) = taken else {
                bail!("an event of another type");
            };
            done.push(Done { slot, result });
        }
        Ok(())
    }
}

/// The two kinds of tickets.
trait Tickets {
    type Of<O: Operation>;

    fn is_done<O: Operation>(ticket: &Self::Of<O>) -> bool;
}

struct Owning;

impl Tickets for Owning {
    type Of<O: Operation> = Ticket<O>;

    #[inline]
    fn is_done<O: Operation>(ticket: &Ticket<O>) -> bool {
        ticket.is_done()
    }
}

struct Borrowing<'scope>(PhantomData<&'scope ()>);

impl<'scope> Tickets for Borrowing<'scope> {
    type Of<O: Operation> = ScopedTicket<'scope, O>;

    #[inline]
    fn is_done<O: Operation>(ticket: &ScopedTicket<'scope, O>) -> bool {
        ticket.is_done()
    }
}

/// What takes operations and gives tickets: a ring, or a scope of one.
trait Taker<T: Tickets> {
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

/// A ticket of an operation of any type.
enum Pending<T: Tickets> {
    Nop(T::Of<op::Nop>),
    Read(T::Of<Read>),
    Write(T::Of<Write>),
    Sync(T::Of<Sync>),
    Recv(T::Of<Recv>),
    Send(T::Of<Send>),
    Open(T::Of<Open>),
    Statx(T::Of<Statx>),
    Close(T::Of<op::Close>),
}

impl<T: Tickets> Pending<T> {
    #[inline]
    fn push(to: &mut impl Taker<T>, op: &Op) -> Result<Self> {
        Ok(match op.code {
            Code::Nop => Self::Nop(to.push(op::Nop::new())?),
            Code::Read => Self::Read(to.push(read(op))?),
            Code::Write => Self::Write(to.push(write(op))?),
            Code::Sync => Self::Sync(to.push(Sync::data(op.file()))?),
            Code::Recv => Self::Recv(to.push(Recv::new(op.file(), piece(op)))?),
            Code::Send => Self::Send(to.push(Send::new(op.file(), piece(op)))?),
            Code::Open => Self::Open(to.push(Open::new(op.path()))?),
            Code::Statx => Self::Statx(to.push(Statx::of(op.file()))?),
            Code::Close => Self::Close(to.push(close(op))?),
        })
    }

    #[inline]
    fn is_done(&self) -> bool {
        match self {
            Self::Nop(ticket) => T::is_done(ticket),
            Self::Read(ticket) => T::is_done(ticket),
            Self::Write(ticket) => T::is_done(ticket),
            Self::Sync(ticket) => T::is_done(ticket),
            Self::Recv(ticket) => T::is_done(ticket),
            Self::Send(ticket) => T::is_done(ticket),
            Self::Open(ticket) => T::is_done(ticket),
            Self::Statx(ticket) => T::is_done(ticket),
            Self::Close(ticket) => T::is_done(ticket),
        }
    }

    #[inline]
    fn wait(self, from: &mut impl Taker<T>, op: &Op) -> Result<i32> {
        Ok(match self {
            Self::Nop(ticket) => from.wait(ticket)?.answer(op),
            Self::Read(ticket) => from.wait(ticket)?.answer(op),
            Self::Write(ticket) => from.wait(ticket)?.answer(op),
            Self::Sync(ticket) => from.wait(ticket)?.answer(op),
            Self::Recv(ticket) => from.wait(ticket)?.answer(op),
            Self::Send(ticket) => from.wait(ticket)?.answer(op),
            Self::Open(ticket) => from.wait(ticket)?.answer(op),
            Self::Statx(ticket) => from.wait(ticket)?.answer(op),
            Self::Close(ticket) => from.wait(ticket)?.answer(op),
        })
    }
}

/// Tickets in the order in which they are waited for.
type Line<T> = VecDeque<(Op, Pending<T>)>;

/// Pushes, waits for the first, and takes those after it that are over, too.
#[inline]
fn step<T: Tickets>(
    with: &mut impl Taker<T>,
    line: &mut Line<T>,
    ops: &[Op],
    done: &mut Vec<Done>,
) -> Result<()> {
    for op in ops {
        line.push_back((*op, Pending::push(with, op)?));
    }
    loop {
        let (op, pending) = line.pop_front().context("nothing is in flight")?;
        let (slot, result) = (op.slot, pending.wait(with, &op)?);
        done.push(Done { slot, result });
        if line.front().is_none_or(|(_, pending)| !pending.is_done()) {
            return Ok(());
        }
    }
}

/// Files and buffers move into the ring, and come back for a ticket.
pub(crate) struct Owned {
    ring: Ring,
    line: Line<Owning>,
}

impl Owned {
    /// On this ring.
    pub(crate) fn new(ring: Ring, depth: usize) -> Self {
        let line = VecDeque::with_capacity(depth);
        Self { ring, line }
    }
}

impl Queue for Owned {
    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        step(&mut self.ring, &mut self.line, ops, done)
    }
}

/// A scope for each round, which files and buffers are borrowed for.
pub(crate) struct Scoped {
    ring: Ring,
    room: Room,
}

impl Scoped {
    /// On this ring.
    pub(crate) fn new(ring: Ring, depth: usize) -> Self {
        let room = Room::new(depth);
        Self { ring, room }
    }
}

impl Engine for Scoped {
    fn round(&mut self, job: &mut Job) -> Result<()> {
        let room = &mut self.room;
        self.ring.scope(|scope| {
            let mut line = VecDeque::with_capacity(job.depth);
            drive(job, room, |ops, done| step(scope, &mut line, ops, done))
        })
    }
}
