//! Flags of requests and of what is polled for.
//!
//! A bit that is not named here is kept: the kernel may know it.

use bitflags::bitflags;

pub use crate::ioprio::IoPrio;

bitflags! {
    /// `RWF_*`: how to read or write. A bit that the kernel does not know makes io_submit(2) fail with
    /// `EOPNOTSUPP`. Since Linux 4.13.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct RwFlags: i32 {
        /// High priority; accepted and without effect, since nobody polls for native AIO.
        const HIPRI = aio_sys::RWF_HIPRI;
        /// The write is durable when its event comes, as with `O_DSYNC`.
        const DSYNC = aio_sys::RWF_DSYNC;
        /// The write and its metadata are durable when its event comes, as with `O_SYNC`.
        const SYNC = aio_sys::RWF_SYNC;
        /// `-EAGAIN` in the event rather than waiting inside io_submit(2). That fails with `EOPNOTSUPP` where
        /// the file cannot do it, as on tmpfs. Since Linux 4.13.
        const NOWAIT = aio_sys::RWF_NOWAIT;
        /// Write at the end of the file, as with `O_APPEND`. Since Linux 4.16.
        const APPEND = aio_sys::RWF_APPEND;
        /// Write at the offset even if the file has `O_APPEND`. Since Linux 6.9.
        const NOAPPEND = aio_sys::RWF_NOAPPEND;
        /// All of the write happens or nothing; `EOPNOTSUPP` where the file cannot do it. Since Linux 6.11.
        const ATOMIC = aio_sys::RWF_ATOMIC;
        /// Leave nothing in the page cache. Since Linux 6.14.
        const DONTCACHE = aio_sys::RWF_DONTCACHE;
        /// A broken pipe raises no `SIGPIPE`. Since Linux 6.18.
        const NOSIGNAL = aio_sys::RWF_NOSIGNAL;
        const _ = !0;
    }

    /// `POLL*`: what a file is ready for, see poll(2). io_submit(2) takes 16 bits.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct PollFlags: u16 {
        /// Data to read.
        const IN = libc::POLLIN as u16;
        /// Something exceptional, such as urgent data.
        const PRI = libc::POLLPRI as u16;
        /// Room to write.
        const OUT = libc::POLLOUT as u16;
        /// An error; reported unasked.
        const ERR = libc::POLLERR as u16;
        /// A hang-up; reported unasked.
        const HUP = libc::POLLHUP as u16;
        /// No open file; reported unasked.
        const NVAL = libc::POLLNVAL as u16;
        /// Normal data to read.
        const RDNORM = libc::POLLRDNORM as u16;
        /// Data of a priority to read.
        const RDBAND = libc::POLLRDBAND as u16;
        /// Room to write normal data.
        const WRNORM = libc::POLLWRNORM as u16;
        /// Room to write data of a priority.
        const WRBAND = libc::POLLWRBAND as u16;
        /// The peer writes no more.
        const RDHUP = libc::POLLRDHUP as u16;
        const _ = !0;
    }
}

impl PollFlags {
    /// What is reported unasked.
    pub const ALWAYS: Self = Self::ERR.union(Self::HUP).union(Self::NVAL);
}
