//! Native AIO without `unsafe`: operations that own what they use, and tickets.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use anyhow::{Context as _, Result, anyhow, bail};
use safe::aio::op::{Error, Operation};
use safe::aio::{Context, Rejected, Ticket, op};

use crate::engine::Queue;
use crate::memory::Piece;
use crate::op::{Code, Done, Op};

type File = BorrowedFd<'static>;

enum Pending {
    Read(Ticket<op::Read<File, Piece>>),
    Write(Ticket<op::Write<File, Piece>>),
    Sync(Ticket<op::Fdsync<File>>),
}

/// A context, and the tickets in the order in which they are waited for.
pub(crate) struct Owned {
    context: Context,
    line: VecDeque<(u32, Pending)>,
}

fn taken<O: Operation>(pushed: Result<Ticket<O>, Rejected<O>>) -> Result<Ticket<O>> {
    pushed.map_err(|rejected| anyhow!("the context is full: {:?}", rejected.reason()))
}

impl Owned {
    /// With room for so many operations.
    pub(crate) fn new(depth: usize) -> Result<Self> {
        Ok(Self {
            context: Context::new(depth as u32)?,
            line: VecDeque::with_capacity(depth),
        })
    }

    fn push(&mut self, op: &Op) -> Result<Pending> {
        // SAFETY: the memory is the slot's, which has one operation at a time, and the job's until the engine is gone.
        let piece = unsafe { Piece::new(op.memory, op.len as usize) };
        let (context, file) = (&mut self.context, op.file());
        Ok(match op.code {
            Code::Read => {
                let read = op::Read::new(file, piece).at(op.offset);
                Pending::Read(taken(context.push(read))?)
            }
            Code::Write => {
                let write = op::Write::new(file, piece).at(op.offset);
                Pending::Write(taken(context.push(write))?)
            }
            Code::Sync => Pending::Sync(taken(context.push(op::Fdsync::new(file)))?),
            _ => bail!("native AIO has no such operation"),
        })
    }
}

impl Pending {
    fn is_done(&self) -> bool {
        match self {
            Self::Read(ticket) => ticket.is_done(),
            Self::Write(ticket) => ticket.is_done(),
            Self::Sync(ticket) => ticket.is_done(),
        }
    }

    fn wait(self, context: &mut Context) -> Result<i32> {
        Ok(match self {
            Self::Read(ticket) => number(context.wait(ticket).map_err(|e| e.error)?.result),
            Self::Write(ticket) => number(context.wait(ticket).map_err(|e| e.error)?.result),
            Self::Sync(ticket) => {
                let synced = context.wait(ticket).map_err(|e| e.error)?;
                number(synced.result.map(|()| 0))
            }
        })
    }
}

fn number(result: Result<usize, Error>) -> i32 {
    match result {
        Ok(bytes) => bytes as i32,
        Err(error) => -error.raw_os_error(),
    }
}

impl Queue for Owned {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            let pending = self.push(op)?;
            self.line.push_back((op.slot, pending));
        }
        loop {
            let (slot, pending) = self.line.pop_front().context("nothing is in flight")?;
            let result = pending.wait(&mut self.context)?;
            done.push(Done { slot, result });
            if self
                .line
                .front()
                .is_none_or(|(_, pending)| !pending.is_done())
            {
                return Ok(());
            }
        }
    }
}
