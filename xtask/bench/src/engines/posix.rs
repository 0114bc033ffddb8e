//! POSIX AIO, by `safe::posix`: the library's threads make blocking calls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Result, bail};
use safe::posix::{self, Completed, Fsync, Kind, Operation, Pending, Request, kind};

use crate::engine::Queue;
use crate::memory::Piece;
use crate::op::{Code, Done, Op};

type File = BorrowedFd<'static>;

enum Running {
    Read(Request<kind::Read, File, Piece>),
    Write(Request<kind::Write, File, Piece>),
    Sync(Request<kind::Sync, File, ()>),
}

fn started<K: Kind, F: AsFd + 'static, B: 'static>(
    operation: Operation<K, F, B>,
) -> io::Result<Request<K, F, B>> {
    Ok(operation.submit()?)
}

impl Running {
    fn start(op: &Op) -> Result<Self> {
        // SAFETY: the memory is the slot's, which has one operation at a time, and the job's until the engine is gone.
        let piece = unsafe { Piece::new(op.memory, op.len as usize) };
        Ok(match op.code {
            Code::Read => Self::Read(started(posix::Read::new(op.file(), piece).at(op.offset))?),
            Code::Write => Self::Write(started(posix::Write::new(op.file(), piece).at(op.offset))?),
            Code::Sync => Self::Sync(started(Fsync::data(op.file()))?),
            _ => bail!("POSIX AIO has no such operation"),
        })
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Read(request) => request.is_over(),
            Self::Write(request) => request.is_over(),
            Self::Sync(request) => request.is_over(),
        }
    }

    fn pending(&self) -> Pending<'_> {
        match self {
            Self::Read(request) => request.pending(),
            Self::Write(request) => request.pending(),
            Self::Sync(request) => request.pending(),
        }
    }

    fn finish(self) -> i32 {
        match self {
            Self::Read(request) => answer(request.wait()),
            Self::Write(request) => answer(request.wait()),
            Self::Sync(request) => {
                let done = request.wait();
                number(done.result.map(|()| 0))
            }
        }
    }
}

fn answer<F, B>(done: Completed<usize, F, B>) -> i32 {
    number(done.result)
}

fn number(result: Result<usize, posix::Error>) -> i32 {
    crate::op::answer_of(result)
}

/// The requests of all slots.
pub(crate) struct Posix {
    running: Vec<Option<Running>>,
}

impl Posix {
    /// For so many operations at a time.
    pub(crate) fn new(depth: usize) -> Self {
        let running = (0..depth).map(|_| None).collect();
        Self { running }
    }
}

impl Queue for Posix {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            self.running[op.slot as usize] = Some(Running::start(op)?);
        }
        while done.is_empty() {
            let pending = self.running.iter().flatten().map(Running::pending);
            // Whatever woke it is looked for.
            let _ = posix::suspend(pending, None)?;
            for (slot, running) in (0..).zip(&mut self.running) {
                if let Some(over) = running.take_if(|running| running.is_over()) {
                    let result = over.finish();
                    done.push(Done { slot, result });
                }
            }
        }
        Ok(())
    }
}
