//! POSIX AIO by nix.

use std::os::fd::BorrowedFd;
use std::pin::Pin;

use anyhow::{Result, bail};
use nix::errno::Errno;
use nix::sys::aio::{Aio, AioFsync, AioFsyncMode, AioRead, AioWrite, aio_suspend};
use nix::sys::signal::SigevNotify;

use crate::engine::Queue;
use crate::op::{Code, Done, Op};

enum Running {
    Read(Pin<Box<AioRead<'static>>>),
    Write(Pin<Box<AioWrite<'static>>>),
    Sync(Pin<Box<AioFsync<'static>>>),
}

/// The requests of all slots.
pub(crate) struct Nix {
    running: Vec<Option<Running>>,
}

impl Running {
    fn start(op: &Op) -> Result<Self> {
        let (file, offset): (BorrowedFd<'static>, _) = (op.file(), op.offset as i64);
        let none = SigevNotify::SigevNone;
        Ok(match op.code {
            Code::Read => {
                // SAFETY: the memory is the slot's, which has one operation at a time, until that is over.
                let bytes = unsafe { op.bytes_mut() };
                let mut read = Box::pin(AioRead::new(file, offset, bytes, 0, none));
                read.as_mut().submit()?;
                Self::Read(read)
            }
            Code::Write => {
                // SAFETY: as above.
                let bytes = unsafe { op.bytes() };
                let mut write = Box::pin(AioWrite::new(file, offset, bytes, 0, none));
                write.as_mut().submit()?;
                Self::Write(write)
            }
            Code::Sync => {
                let mut sync = Box::pin(AioFsync::new(file, AioFsyncMode::O_DSYNC, 0, none));
                sync.as_mut().submit()?;
                Self::Sync(sync)
            }
            _ => bail!("POSIX AIO has no such operation"),
        })
    }

    /// The result, if it is over.
    fn finish(&mut self) -> Option<i32> {
        match self {
            Self::Read(read) => finish(read, |read| read.aio_return()),
            Self::Write(write) => finish(write, |write| write.aio_return()),
            Self::Sync(sync) => finish(sync, |sync| sync.aio_return().map(|()| 0)),
        }
    }
}

fn finish<A: Aio>(
    request: &mut Pin<Box<A>>,
    answer: impl FnOnce(Pin<&mut A>) -> nix::Result<usize>,
) -> Option<i32> {
    match request.as_mut().error() {
        Err(Errno::EINPROGRESS) => None,
        _ => Some(match answer(request.as_mut()) {
            Ok(bytes) => bytes as i32,
            Err(errno) => -(errno as i32),
        }),
    }
}

impl Nix {
    /// For so many operations at a time.
    pub(crate) fn new(depth: usize) -> Self {
        let running = (0..depth).map(|_| None).collect();
        Self { running }
    }
}

impl Queue for Nix {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            self.running[op.slot as usize] = Some(Running::start(op)?);
        }
        while done.is_empty() {
            let pending: Vec<&dyn AsRef<libc::aiocb>> = self
                .running
                .iter()
                .flatten()
                .map(|running| -> &dyn AsRef<libc::aiocb> {
                    match running {
                        Running::Read(read) => &**read,
                        Running::Write(write) => &**write,
                        Running::Sync(sync) => &**sync,
                    }
                })
                .collect();
            aio_suspend(&pending, None)?;
            for (slot, running) in (0..).zip(&mut self.running) {
                if let Some(result) = running.as_mut().and_then(Running::finish) {
                    *running = None;
                    done.push(Done { slot, result });
                }
            }
        }
        Ok(())
    }
}
