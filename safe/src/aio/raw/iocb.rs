//! Requests: one type for each `IOCB_CMD_*` that works.
//!
//! ```
//! use safe::aio::raw::{IoPrio, RwFlags, iocb};
//!
//! let mut buffer = [0; 512];
//! let read = iocb::Pread::new(0, buffer.as_mut_ptr(), buffer.len())
//!     .offset(4096)
//!     .rw_flags(RwFlags::NOWAIT)
//!     .priority(IoPrio::best_effort(7))
//!     .build()
//!     .data(7);
//! assert_eq!(read.as_raw().aio_lio_opcode, 0);
//! ```
//!
//! `IOCB_CMD_NOOP` is missing: no kernel has it (`EINVAL`). What io_submit(2) refuses, and with what, stands with
//! each type; `EBADF` for a descriptor that is none or not open for it goes without saying.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::os::fd::RawFd;

use aio_sys::iocb;
use libc::iovec;

use super::types::{IoPrio, PollFlags, RwFlags};

/// A request as the kernel takes it. It is copied when it is submitted; only to cancel it its memory must stay.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Iocb(iocb);

impl Iocb {
    /// The value that comes back with the event.
    #[inline]
    #[must_use = "it returns the changed request"]
    pub const fn data(mut self, data: u64) -> Self {
        self.0.aio_data = data;
        self
    }

    /// The kernel's struct.
    #[inline]
    pub const fn as_raw(&self) -> &iocb {
        &self.0
    }
}

impl From<iocb> for Iocb {
    #[inline]
    fn from(iocb: iocb) -> Self {
        Self(iocb)
    }
}

impl From<Iocb> for iocb {
    #[inline]
    fn from(iocb: Iocb) -> Self {
        iocb.0
    }
}

impl Debug for Iocb {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iocb")
            .field("opcode", &self.0.aio_lio_opcode)
            .field("fd", &self.0.aio_fildes)
            .field("data", &self.0.aio_data)
            .finish_non_exhaustive()
    }
}

/// The kinds of requests, for the type parameter of [`Request`].
pub mod kind {
    /// `IOCB_CMD_PREAD`.
    #[derive(Debug, Clone, Copy)]
    pub enum Pread {}
    /// `IOCB_CMD_PWRITE`.
    #[derive(Debug, Clone, Copy)]
    pub enum Pwrite {}
    /// `IOCB_CMD_PREADV`.
    #[derive(Debug, Clone, Copy)]
    pub enum Preadv {}
    /// `IOCB_CMD_PWRITEV`.
    #[derive(Debug, Clone, Copy)]
    pub enum Pwritev {}
    /// `IOCB_CMD_FSYNC`.
    #[derive(Debug, Clone, Copy)]
    pub enum Fsync {}
    /// `IOCB_CMD_FDSYNC`.
    #[derive(Debug, Clone, Copy)]
    pub enum Fdsync {}
    /// `IOCB_CMD_POLL`.
    #[derive(Debug, Clone, Copy)]
    pub enum Poll {}

    /// A kind that moves data.
    pub trait Transfer: sealed::Sealed {}

    impl Transfer for Pread {}
    impl Transfer for Pwrite {}
    impl Transfer for Preadv {}
    impl Transfer for Pwritev {}

    mod sealed {
        pub trait Sealed {}

        impl Sealed for super::Pread {}
        impl Sealed for super::Pwrite {}
        impl Sealed for super::Preadv {}
        impl Sealed for super::Pwritev {}
    }
}

/// A request that is being made.
#[derive(Debug, Clone, Copy)]
#[must_use = "a request does nothing until it is built and submitted"]
pub struct Request<K> {
    iocb: Iocb,
    kind: PhantomData<fn() -> K>,
}

/// Reads into a buffer, like pread(2). Since Linux 2.5.
///
/// `EINVAL` for a negative offset, for a length above that of an `isize`, and for what cannot be read at an offset
/// (a directory, an epoll set). A bad buffer gives `-EFAULT` in the event, an `O_DIRECT` read out of alignment
/// `-EINVAL`, an offset on a socket `-ESPIPE`.
pub type Pread = Request<kind::Pread>;

/// Writes from a buffer, like pwrite(2). Since Linux 2.5.
///
/// Errors as for [`Pread`]; `-EPIPE` in the event of a write to a broken pipe, which also raises `SIGPIPE` unless
/// [`RwFlags::NOSIGNAL`] is set.
pub type Pwrite = Request<kind::Pwrite>;

/// Reads into several buffers, like preadv(2). Since Linux 2.6.19.
///
/// The array is copied when it is submitted. `EINVAL` for more than 1024 of them, `EFAULT` if it cannot be read.
/// The rest as for [`Pread`].
pub type Preadv = Request<kind::Preadv>;

/// Writes from several buffers, like pwritev(2). Since Linux 2.6.19.
///
/// As for [`Preadv`] and [`Pwrite`].
pub type Pwritev = Request<kind::Pwritev>;

/// Makes a file durable in the background, like fsync(2). Since Linux 4.18.
///
/// `EINVAL` for what cannot be synchronised, such as pipes and sockets.
pub type Fsync = Request<kind::Fsync>;

/// As [`Fsync`], without metadata that reading the data back does not need, like fdatasync(2). Since Linux
/// 4.18.
pub type Fdsync = Request<kind::Fdsync>;

/// Waits, once, until a file is ready: the event's [`poll_flags`](super::Event::poll_flags). Since Linux 4.19.
///
/// `EINVAL` for files that have two wait queues and are not ready, such as a pseudo-terminal or a FIFO that is open
/// for both. Closing the descriptor does not end it; [`Context::cancel`](super::Context::cancel) does.
pub type Poll = Request<kind::Poll>;

impl<K> Request<K> {
    fn on(opcode: u16, fd: RawFd, buf: u64, nbytes: usize) -> Self {
        let iocb = iocb {
            aio_lio_opcode: opcode,
            aio_fildes: fd as u32,
            aio_buf: buf,
            aio_nbytes: nbytes as u64,
            ..iocb::default()
        };
        Self {
            iocb: Iocb(iocb),
            kind: PhantomData,
        }
    }

    /// Adds 1 to this eventfd when the request is over (`IOCB_FLAG_RESFD`); not if it is refused. `EBADF` or
    /// `EINVAL` if it is none. Since Linux 2.6.22.
    #[inline]
    pub const fn eventfd(mut self, eventfd: RawFd) -> Self {
        self.iocb.0.aio_flags |= aio_sys::IOCB_FLAG_RESFD;
        self.iocb.0.aio_resfd = eventfd as u32;
        self
    }

    /// The request.
    #[inline]
    #[must_use = "a request does nothing until it is submitted"]
    pub const fn build(self) -> Iocb {
        self.iocb
    }
}

impl<K: kind::Transfer> Request<K> {
    /// Where in the file to begin; 0 unless set. Sockets take no other.
    #[inline]
    pub fn offset(mut self, offset: i64) -> Self {
        self.iocb.0.aio_offset = offset;
        self
    }

    /// How. `EOPNOTSUPP` for what the kernel or the file cannot do. Since Linux 4.13.
    #[inline]
    pub fn rw_flags(mut self, flags: RwFlags) -> Self {
        self.iocb.0.aio_rw_flags = flags.bits();
        self
    }

    /// The priority (`IOCB_FLAG_IOPRIO`); the thread's own unless set. `EINVAL` for a class or level that there is
    /// not, `EPERM` for the real-time class without the right to it. Since Linux 4.18.
    #[inline]
    pub fn priority(mut self, priority: IoPrio) -> Self {
        self.iocb.0.aio_flags |= aio_sys::IOCB_FLAG_IOPRIO;
        self.iocb.0.aio_reqprio = priority.bits() as i16;
        self
    }
}

/// The address as the kernel takes it.
fn address<T>(at: *const T) -> u64 {
    at.expose_provenance() as u64
}

impl Pread {
    /// The file, the buffer, and its length in bytes, of which at most 0x7ffff000 are read.
    #[inline]
    pub fn new(fd: RawFd, buf: *mut u8, len: usize) -> Self {
        Self::on(aio_sys::IOCB_CMD_PREAD, fd, address(buf), len)
    }
}

impl Pwrite {
    /// The file, the data, and its length in bytes, of which at most 0x7ffff000 are written.
    #[inline]
    pub fn new(fd: RawFd, buf: *const u8, len: usize) -> Self {
        Self::on(aio_sys::IOCB_CMD_PWRITE, fd, address(buf), len)
    }
}

impl Preadv {
    /// The file, the array of buffers, and how many there are.
    #[inline]
    pub fn new(fd: RawFd, iovec: *const iovec, count: usize) -> Self {
        Self::on(aio_sys::IOCB_CMD_PREADV, fd, address(iovec), count)
    }
}

impl Pwritev {
    /// The file, the array of buffers, and how many there are.
    #[inline]
    pub fn new(fd: RawFd, iovec: *const iovec, count: usize) -> Self {
        Self::on(aio_sys::IOCB_CMD_PWRITEV, fd, address(iovec), count)
    }
}

impl Fsync {
    /// The file.
    #[inline]
    pub fn new(fd: RawFd) -> Self {
        Self::on(aio_sys::IOCB_CMD_FSYNC, fd, 0, 0)
    }
}

impl Fdsync {
    /// The file.
    #[inline]
    pub fn new(fd: RawFd) -> Self {
        Self::on(aio_sys::IOCB_CMD_FDSYNC, fd, 0, 0)
    }
}

impl Poll {
    /// The file, and what to wait for.
    #[inline]
    pub fn new(fd: RawFd, flags: PollFlags) -> Self {
        Self::on(aio_sys::IOCB_CMD_POLL, fd, flags.bits().into(), 0)
    }
}
