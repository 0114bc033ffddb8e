//! Asynchronous runtimes on io_uring: a task for each slot.

mod compio;
mod monoio;
mod tokio_uring;

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use anyhow::{Context, Result};

use crate::engine::Engine;
use crate::engines::sockets;
use crate::job::Job;
use crate::memory::Piece;
use crate::op::{Code, Op, answer_of};

pub(crate) use self::compio::Compio;
pub(crate) use self::monoio::Monoio;
pub(crate) use self::tokio_uring::TokioUring;

/// A runtime, in its own words.
pub(crate) trait Runtime: Sized + 'static {
    /// A file of its kind.
    type File: 'static;
    /// A connection of its kind.
    type Stream: 'static;

    /// A runtime with room for so many operations.
    fn new(depth: usize) -> io::Result<Self>;

    /// Runs a future to its end.
    fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T;

    /// Runs a future beside the current one; the answer is over when it is.
    fn spawn(future: impl Future<Output = ()> + 'static) -> impl Future<Output = ()>;

    /// Takes a file. It is called within the runtime.
    fn file(fd: OwnedFd) -> io::Result<Self::File>;

    /// Takes a connection. It is called within the runtime.
    fn stream(fd: OwnedFd) -> io::Result<Self::Stream>;

    async fn read(file: &Self::File, piece: Piece, offset: u64) -> io::Result<usize>;

    async fn write(file: &Self::File, piece: Piece, offset: u64) -> io::Result<usize>;

    async fn sync(file: &Self::File) -> io::Result<()>;

    async fn recv(stream: &Self::Stream, piece: Piece) -> io::Result<usize>;

    async fn send(stream: &Self::Stream, piece: Piece) -> io::Result<usize>;

    async fn open(path: &str) -> io::Result<Self::File>;

    async fn size(file: &Self::File) -> io::Result<u64>;

    async fn close(file: Self::File) -> io::Result<()>;
}

/// What the tasks have in common.
struct Shared<R: Runtime> {
    files: Vec<R::File>,
    streams: Vec<R::Stream>,
    /// Files that are open while a tree is walked.
    opened: RefCell<Vec<Option<R::File>>>,
    /// The job, during a round.
    job: Cell<*mut Job>,
    /// What went wrong.
    error: RefCell<Option<anyhow::Error>>,
}

/// A runtime and its files.
pub(crate) struct Tasks<R: Runtime> {
    shared: Rc<Shared<R>>,
    runtime: R,
}

impl<R: Runtime> Tasks<R> {
    /// A runtime with duplicates of the job's descriptors.
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let mut runtime = R::new(job.depth.next_power_of_two().max(2))?;
        let mut fds = Vec::new();
        for file in &job.files {
            fds.push(file.try_clone()?);
        }
        let (mut files, mut streams) = (Vec::new(), Vec::new());
        let talks = sockets(job.kind);
        runtime.block_on(async {
            for fd in fds {
                if talks {
                    streams.push(R::stream(fd)?);
                } else {
                    files.push(R::file(fd)?);
                }
            }
            io::Result::Ok(())
        })?;
        let shared = Rc::new(Shared {
            files,
            streams,
            opened: RefCell::new((0..job.depth).map(|_| None).collect()),
            job: Cell::new(std::ptr::null_mut()),
            error: RefCell::new(None),
        });
        Ok(Self { shared, runtime })
    }
}

impl<R: Runtime> Shared<R> {
    /// Does what a slot has to do.
    async fn slot(self: Rc<Self>, slot: usize) {
        if let Err(error) = self.try_slot(slot).await {
            *self.error.borrow_mut() = Some(error);
        }
    }

    async fn try_slot(&self, slot: usize) -> Result<()> {
        while let Some(op) = self.job().next(slot) {
            let result = self.call(&op).await;
            self.job().done(slot, answer_of(result))?;
        }
        Ok(())
    }

    #[expect(
        clippy::mut_from_ref,
        reason = "no reference lives on when a task gives way to others"
    )]
    fn job(&self) -> &mut Job {
        // SAFETY: it is set during a round, which ends when all tasks have; there is one thread, and a reference is
        // used for one call, which does not give way.
        unsafe { &mut *self.job.get() }
    }

    async fn call(&self, op: &Op) -> io::Result<usize> {
        let (slot, file) = (op.slot as usize, op.file as usize);
        // SAFETY: the memory is the slot's, which has one operation at a time, and the job's until the engine is gone.
        let piece = unsafe { Piece::new(op.memory, op.len as usize) };
        match op.code {
            Code::Nop => Err(io::ErrorKind::Unsupported.into()),
            Code::Read => R::read(&self.files[file], piece, op.offset).await,
            Code::Write => R::write(&self.files[file], piece, op.offset).await,
            Code::Sync => R::sync(&self.files[file]).await.map(|()| 0),
            Code::Recv => R::recv(&self.streams[file], piece).await,
            Code::Send => R::send(&self.streams[file], piece).await,
            Code::Open => {
                let path = op.path().to_str().map_err(io::Error::other)?;
                let opened = R::open(path).await?;
                self.opened.borrow_mut()[slot] = Some(opened);
                Ok(0)
            }
            Code::Statx => {
                let opened = self.take(slot)?;
                let size = R::size(&opened).await;
                self.opened.borrow_mut()[slot] = Some(opened);
                op.memory().note_size(size?);
                Ok(0)
            }
            Code::Close => R::close(self.take(slot)?).await.map(|()| 0),
        }
    }

    fn take(&self, slot: usize) -> io::Result<R::File> {
        let opened = self.opened.borrow_mut()[slot].take();
        opened.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl<R: Runtime> Engine for Tasks<R> {
    fn round(&mut self, job: &mut Job) -> Result<()> {
        let depth = job.depth;
        self.shared.job.set(job);
        self.runtime.block_on(async {
            let mut tasks = Vec::with_capacity(depth);
            for slot in 0..depth {
                tasks.push(R::spawn(self.shared.clone().slot(slot)));
            }
            for task in tasks {
                task.await;
            }
        });
        match self.shared.error.take() {
            Some(error) => Err(error).context("a task"),
            None => Ok(()),
        }
    }
}
