//! Operations before they start: what to do, with which file and buffer, and how to tell that it is over.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::AsFd;

use super::block::{Access, Block, Position, Setup};
use super::control::Opcode;
use super::error::Error;
use super::notify::Notification;
use super::request::Request;
use crate::buf::{IoBuf, IoBufMut};

/// The kinds of operations, for the type parameter of [`Operation`].
pub mod kind {
    /// aio_read(3).
    #[derive(Debug)]
    pub enum Read {}
    /// aio_write(3).
    #[derive(Debug)]
    pub enum Write {}
    /// Any of them, as the member of a list.
    #[derive(Debug)]
    pub enum Listed {}
    /// aio_fsync(3).
    #[derive(Debug)]
    pub enum Sync {}
}

/// What a kind of operation gives if it succeeds.
pub trait Kind: sealed::Sealed {
    /// The number of bytes for reads and writes, nothing for the rest.
    type Output;

    #[doc(hidden)]
    fn output(bytes: usize) -> Self::Output;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::kind::Read {}
    impl Sealed for super::kind::Write {}
    impl Sealed for super::kind::Listed {}
    impl Sealed for super::kind::Sync {}
}

impl Kind for kind::Read {
    type Output = usize;

    fn output(bytes: usize) -> usize {
        bytes
    }
}

impl Kind for kind::Write {
    type Output = usize;

    fn output(bytes: usize) -> usize {
        bytes
    }
}

impl Kind for kind::Listed {
    type Output = usize;

    fn output(bytes: usize) -> usize {
        bytes
    }
}

impl Kind for kind::Sync {
    type Output = ();

    fn output(_: usize) {}
}

/// By how much an operation's priority is lowered: 0, the default, to 20 (`aio_reqprio`).
///
/// glibc sorts the operations of one descriptor by it, and those that wait for a worker thread. musl does
/// not look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Not lowered.
    pub const HIGHEST: Self = Self(0);
    /// Lowered as far as possible.
    pub const LOWEST: Self = Self(20);

    /// Lowered by `steps`, if that is at most 20.
    pub const fn lowered_by(steps: u8) -> Option<Self> {
        if steps <= Self::LOWEST.0 {
            Some(Self(steps))
        } else {
            None
        }
    }

    /// How far it is lowered.
    pub const fn steps(self) -> u8 {
        self.0
    }
}

/// An operation that has not started. It owns its buffer and a handle to its file, whatever keeps the
/// descriptor open: a [`File`](std::fs::File), an `OwnedFd`, an `Arc<File>` for several operations at once,
/// a `&File` in a scope.
#[must_use = "an operation does nothing until it is submitted"]
pub struct Operation<K, F, B> {
    pub(super) setup: Setup<F, B>,
    kind: PhantomData<K>,
}

/// Reads into a buffer: aio_read(3).
pub type Read<F, B> = Operation<kind::Read, F, B>;
/// Writes a buffer: aio_write(3).
pub type Write<F, B> = Operation<kind::Write, F, B>;
/// Member of a list: made of a [`Read`], a [`Write`] or an [`Fsync`] with `into()`.
pub type Listed<F, B> = Operation<kind::Listed, F, B>;
/// Brings what was written to the disk: aio_fsync(3).
pub type Fsync<F> = Operation<kind::Sync, F, ()>;

impl<K, F, B> Operation<K, F, B> {
    pub(super) fn of(setup: Setup<F, B>) -> Self {
        Self {
            setup,
            kind: PhantomData,
        }
    }

    /// Notifies when it is over.
    pub fn notify(mut self, notification: Notification) -> Self {
        self.setup.notification = notification;
        self
    }

    /// Gives the file and the buffer back.
    pub fn into_parts(self) -> (F, B) {
        (self.setup.file, self.setup.buf)
    }
}

impl<F: AsFd, B: IoBufMut> Read<F, B> {
    /// Reads from the file's beginning, unless [`at`](Self::at) says where.
    ///
    /// A file that cannot seek is read where it is. The result is the number of bytes, 0 at the end.
    pub fn new(file: F, buf: B) -> Self {
        Self::of(Setup::new(Opcode::Read, file, buf, Access::read()))
    }
}

impl<F, B> Read<F, B> {
    /// Reads from `offset` bytes after the file's beginning. The file's own position is neither used nor
    /// moved.
    pub fn at(mut self, offset: u64) -> Self {
        self.setup.position = Position::At(offset);
        self
    }

    /// Lowers the priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.setup.priority = priority;
        self
    }
}

impl<F: AsFd, B: IoBuf> Write<F, B> {
    /// Writes to the file's beginning, unless [`at`](Self::at) or [`append`](Self::append) say where.
    ///
    /// A file that cannot seek is written where it is. The result is the number of bytes.
    pub fn new(file: F, buf: B) -> Self {
        Self::of(Setup::new(Opcode::Write, file, buf, Access::write()))
    }
}

impl<F, B> Write<F, B> {
    /// Writes `offset` bytes after the file's beginning. The file's own position is neither used nor moved.
    ///
    /// A file open with `O_APPEND` is written at its end whatever the offset: so Linux does it.
    pub fn at(mut self, offset: u64) -> Self {
        self.setup.position = Position::At(offset);
        self
    }

    /// Writes at the end of a file that is open with `O_APPEND`; for another one the start fails with
    /// [`Error::NotAppending`]. Several at a time are appended one after the other, in the order of their
    /// submission if their priorities are the same.
    pub fn append(mut self) -> Self {
        self.setup.position = Position::End;
        self
    }

    /// Lowers the priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.setup.priority = priority;
        self
    }
}

impl<F: AsFd> Fsync<F> {
    /// Brings data and metadata to the disk, as fsync(2) (`O_SYNC`).
    ///
    /// What was queued for the descriptor before comes first, unless its [`Priority`] was lowered: glibc gives a
    /// sync the highest one, so it overtakes such writes. What another descriptor of the file has in flight may
    /// come before or after.
    pub fn new(file: F) -> Self {
        Self::of(Setup::new(Opcode::Fsync, file, (), Access::none()))
    }

    /// Brings the data to the disk, and of the metadata only what is needed to read it again, as
    /// fdatasync(2) (`O_DSYNC`).
    pub fn data(file: F) -> Self {
        Self::of(Setup::new(Opcode::Fdatasync, file, (), Access::none()))
    }
}

impl<F, B> From<Read<F, B>> for Listed<F, B> {
    fn from(read: Read<F, B>) -> Self {
        Self::of(read.setup)
    }
}

impl<F, B> From<Write<F, B>> for Listed<F, B> {
    fn from(write: Write<F, B>) -> Self {
        Self::of(write.setup)
    }
}

/// A sync has no buffer. Among members that have one it gets an empty one, for example `Vec::new()` or
/// `&mut []`.
impl<F, B: Default> From<Fsync<F>> for Listed<F, B> {
    fn from(sync: Fsync<F>) -> Self {
        let (opcode, notification) = (sync.setup.opcode, sync.setup.notification);
        let setup = Setup::new(opcode, sync.setup.file, B::default(), Access::none());
        Self::of(setup).notify(notification)
    }
}

impl<K: Kind, F: AsFd + 'static, B: 'static> Operation<K, F, B> {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`NotStarted`] with the operation itself and the reason: [`Error::Forked`], [`Error::Offset`],
    /// [`Error::NotAppending`], or what the library says, mostly `EAGAIN` for want of memory or threads.
    /// Whether file and buffer suit each other shows in the operation's result.
    pub fn submit(self) -> Result<Request<K, F, B>, NotStarted<K, F, B>> {
        match Block::start(self.setup) {
            Ok(block) => Ok(Request::of(block)),
            Err((error, setup)) => Err(NotStarted {
                error,
                operation: Self::of(setup),
            }),
        }
    }
}

impl<K, F, B> fmt::Debug for Operation<K, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("opcode", &self.setup.opcode)
            .field("position", &self.setup.position)
            .field("priority", &self.setup.priority)
            .field("notification", &self.setup.notification)
            .finish_non_exhaustive()
    }
}

/// An operation that did not start, and why. `?` makes an [`Error`] or an [`io::Error`](std::io::Error) of it
/// and drops the operation.
pub struct NotStarted<K, F, B> {
    /// Why.
    pub error: Error,
    /// The operation as it was, closure and all.
    pub operation: Operation<K, F, B>,
}

impl<K, F, B> fmt::Display for NotStarted<K, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the operation did not start: {}", self.error)
    }
}

impl<K, F, B> fmt::Debug for NotStarted<K, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotStarted")
            .field("error", &self.error)
            .field("operation", &self.operation)
            .finish()
    }
}

impl<K, F, B> std::error::Error for NotStarted<K, F, B> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
