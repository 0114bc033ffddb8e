//! The ring without `unsafe`: results as events, by tickets, in a scope, and with registered memory.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::hint;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use anyhow::{Context, Result, anyhow, ensure};
use safe::uring::op::{self, Completed, Error, Operation, Outcome, Status, Unclosed};
use safe::uring::{Event, Reason, Rejected, Ring, Scope, ScopedTicket, Ticket};

use super::sqpoll;
use crate::engine::{Engine, Queue, Room, drive};
use crate::job::Job;
use crate::memory::Piece;
use crate::op::{Code, Done, Memory, Op};

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
    fn answer(self) -> i32;
}

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

impl<F, B> Answer for Completed<F, B> {
    #[inline]
    fn answer(self) -> i32 {
        number(self.result.map(|bytes| bytes as i32))
    }
}

impl<F> Answer for Outcome<(), F> {
    #[inline]
    fn answer(self) -> i32 {
        number(self.result.map(|()| 0))
    }
}

impl Answer for Result<OwnedFd, Error> {
    #[inline]
    fn answer(self) -> i32 {
        number(self.map(IntoRawFd::into_raw_fd))
    }
}

/// What the kernel answered to statx, with the size noted where it would have written it.
#[inline]
fn noted(result: Result<Status, Error>, memory: Memory) -> i32 {
    number(result.map(|status| {
        memory.note_size(status.size().unwrap_or(u64::MAX));
        0
    }))
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
    /// Whether a kernel thread takes the entries.
    sqpoll: bool,
    /// What each slot asked for, and where its memory is.
    asked: Vec<(Code, Memory)>,
}

impl Tagged {
    /// On a ring as it comes.
    pub(crate) fn new(depth: usize) -> Result<Self> {
        Ok(Self::on(ring(depth)?, false, depth))
    }

    /// On one with a kernel thread.
    pub(crate) fn sqpoll(depth: usize) -> Result<Self> {
        let mut builder = Ring::builder().sqpoll(sqpoll::AWAKE);
        if let Some(cpu) = sqpoll::cpu() {
            builder = builder.sqpoll_cpu(cpu);
        }
        let ring = builder.build(depth.max(2) as u32)?;
        Ok(Self::on(ring, true, depth))
    }

    fn on(ring: Ring, sqpoll: bool, depth: usize) -> Self {
        let asked = vec![(Code::Nop, Memory::NONE); depth];
        Self {
            ring,
            sqpoll,
            asked,
        }
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

/// What the operation brought whose event this is.
#[inline]
pub(super) fn output<O: Operation + 'static>(event: Event<'_>) -> Result<O::Output> {
    event
        .take::<O>()
        .map_err(|event| anyhow!("an event of another type, with tag {}", event.tag()))
}

impl Tagged {
    /// Takes an event.
    #[inline]
    fn note(asked: &[(Code, Memory)], event: Event<'_>, done: &mut Vec<Done>) -> Result<()> {
        let slot = event.tag() as u32;
        let (code, memory) = asked[slot as usize];
        let result = match code {
            Code::Nop => output::<op::Nop>(event)?.answer(),
            Code::Read => output::<Read>(event)?.answer(),
            Code::Write => output::<Write>(event)?.answer(),
            Code::Sync => output::<Sync>(event)?.answer(),
            Code::Recv => output::<Recv>(event)?.answer(),
            Code::Send => output::<Send>(event)?.answer(),
            Code::Open => output::<Open>(event)?.answer(),
            Code::Statx => noted(output::<Statx>(event)?, memory),
            Code::Close => output::<op::Close>(event)?.answer(),
        };
        done.push(Done { slot, result });
        Ok(())
    }

    /// Takes the events that are there.
    #[inline]
    fn look(&mut self, done: &mut Vec<Done>) -> Result<()> {
        while let Some(event) = self.ring.try_next_event()? {
            Self::note(&self.asked, event, done)?;
        }
        Ok(())
    }
}

impl Queue for Tagged {
    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            self.asked[op.slot as usize] = (op.code, op.memory());
            self.hand(op)?;
        }
        if self.sqpoll {
            self.ring.submit()?;
            for _ in 0..sqpoll::LOOKS {
                self.look(done)?;
                if !done.is_empty() {
                    return Ok(());
                }
                hint::spin_loop();
            }
        }
        Self::note(&self.asked, self.ring.next_event()?, done)?;
        self.look(done)
    }

    fn prepare(&mut self) -> Result<()> {
        if self.sqpoll {
            sqpoll::make_way()?;
            // Wakes the thread.
            let nop = self.ring.push(op::Nop::new());
            let nop = nop.map_err(|rejected| anyhow!("a NOP: {}", rejected.reason()))?;
            self.ring.wait(nop).map_err(|error| error.error)??;
        }
        Ok(())
    }

    fn rest(&mut self) {
        if self.sqpoll {
            sqpoll::rest();
        }
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
    Statx(T::Of<Statx>, Memory),
    Close(T::Of<op::Close>),
}

impl<T: Tickets> Pending<T> {
    /// Hands over the operation, and puts its ticket at the end of the line: there at once, since a value of many types
    /// that is passed on is written and read in pieces that do not fit.
    #[inline]
    fn push(to: &mut impl Taker<T>, op: &Op, line: &mut Line<T>) -> Result<()> {
        match op.code {
            Code::Nop => Self::Nop(to.push(op::Nop::new())?).queue(op, line),
            Code::Read => Self::Read(to.push(read(op))?).queue(op, line),
            Code::Write => Self::Write(to.push(write(op))?).queue(op, line),
            Code::Sync => Self::Sync(to.push(Sync::data(op.file()))?).queue(op, line),
            Code::Recv => Self::Recv(to.push(Recv::new(op.file(), piece(op)))?).queue(op, line),
            Code::Send => Self::Send(to.push(Send::new(op.file(), piece(op)))?).queue(op, line),
            Code::Open => Self::Open(to.push(Open::new(op.path()))?).queue(op, line),
            Code::Statx => {
                let ticket = to.push(Statx::of(op.file()))?;
                Self::Statx(ticket, op.memory()).queue(op, line);
            }
            Code::Close => Self::Close(to.push(close(op))?).queue(op, line),
        }
        Ok(())
    }

    #[inline(always)]
    fn queue(self, op: &Op, line: &mut Line<T>) {
        line.push_back((op.slot, self));
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
            Self::Statx(ticket, _) => T::is_done(ticket),
            Self::Close(ticket) => T::is_done(ticket),
        }
    }

    #[inline]
    fn wait(self, from: &mut impl Taker<T>) -> Result<i32> {
        Ok(match self {
            Self::Nop(ticket) => from.wait(ticket)?.answer(),
            Self::Read(ticket) => from.wait(ticket)?.answer(),
            Self::Write(ticket) => from.wait(ticket)?.answer(),
            Self::Sync(ticket) => from.wait(ticket)?.answer(),
            Self::Recv(ticket) => from.wait(ticket)?.answer(),
            Self::Send(ticket) => from.wait(ticket)?.answer(),
            Self::Open(ticket) => from.wait(ticket)?.answer(),
            Self::Statx(ticket, memory) => noted(from.wait(ticket)?, memory),
            Self::Close(ticket) => from.wait(ticket)?.answer(),
        })
    }
}

/// Tickets in the order in which they are waited for.
type Line<T> = VecDeque<(u32, Pending<T>)>;

/// Pushes, waits for the first, and takes those after it that are over, too.
#[inline]
fn step<T: Tickets>(
    with: &mut impl Taker<T>,
    line: &mut Line<T>,
    ops: &[Op],
    done: &mut Vec<Done>,
) -> Result<()> {
    for op in ops {
        Pending::push(with, op, line)?;
    }
    loop {
        let (slot, pending) = line.pop_front().context("nothing is in flight")?;
        let result = pending.wait(with)?;
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
