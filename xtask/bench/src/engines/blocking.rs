//! System calls that block, one after the other.

use std::marker::PhantomData;

use anyhow::Result;

use crate::engine::Queue;
use crate::job::Kind;
use crate::op::{Code, Done, Op, answer};

/// The calls, of some library.
pub(crate) trait Calls {
    /// Carries out the operation.
    fn call(op: &Op) -> i32;

    /// Takes a message from a connection, all of it.
    fn recv_whole(op: &Op) -> i32;
}

/// Those of libc.
pub(crate) struct Libc;

impl Calls for Libc {
    #[inline]
    fn call(op: &Op) -> i32 {
        let (memory, len, offset) = (op.memory.cast(), op.len as usize, op.offset as i64);
        // SAFETY: the job's memory is as long as the operation says, and the operation's alone.
        answer(unsafe {
            match op.code {
                Code::Nop => 0,
                Code::Read => libc::pread(op.fd, memory, len, offset),
                Code::Write => libc::pwrite(op.fd, memory, len, offset),
                Code::Sync => libc::fdatasync(op.fd) as isize,
                Code::Recv => libc::read(op.fd, memory, len),
                Code::Send => libc::write(op.fd, memory, len),
                Code::Open => libc::openat(op.fd, op.path, libc::O_RDONLY) as isize,
                Code::Statx => {
                    let (empty, mask) = (c"".as_ptr(), libc::STATX_BASIC_STATS);
                    libc::statx(op.fd, empty, libc::AT_EMPTY_PATH, mask, op.status()) as isize
                }
                Code::Close => libc::close(op.fd) as isize,
            }
        })
    }

    #[inline]
    fn recv_whole(op: &Op) -> i32 {
        let (memory, len) = (op.memory.cast(), op.len as usize);
        // SAFETY: as above.
        answer(unsafe { libc::recv(op.fd, memory, len, libc::MSG_WAITALL) })
    }
}

/// Makes the calls when it is handed the operations.
pub(crate) struct Blocking<C> {
    /// Whether messages are taken whole: who took a part, and then waited for a connection whose other side has had no
    /// answer to all of its messages, would wait for ever.
    whole: bool,
    calls: PhantomData<C>,
}

impl<C: Calls> Blocking<C> {
    /// For a job of this kind.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            whole: kind == Kind::PingPong,
            calls: PhantomData,
        }
    }

    #[inline]
    fn call(&self, op: &Op) -> i32 {
        match op.code {
            Code::Recv if self.whole => C::recv_whole(op),
            _ => C::call(op),
        }
    }
}

impl<C: Calls> Queue for Blocking<C> {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        done.extend(ops.iter().map(|op| Done {
            slot: op.slot,
            result: self.call(op),
        }));
        Ok(())
    }
}
