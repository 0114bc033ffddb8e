//! Flags that io_uring itself defines, each the type of one field of an entry.
//!
//! A bit that is not named here is kept: the kernel may know it.

use bitflags::bitflags;

bitflags! {
    /// `RWF_*`: how to read or write.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct RwFlags: u32 {
        /// High priority. A ring polls for completions by `IORING_SETUP_IOPOLL` instead.
        const HIPRI = uring_sys::RWF_HIPRI;
        /// The write is durable when it completes, as with `O_DSYNC`.
        const DSYNC = uring_sys::RWF_DSYNC;
        /// The write and its metadata are durable when it completes, as with `O_SYNC`.
        const SYNC = uring_sys::RWF_SYNC;
        /// `-EAGAIN` rather than waiting.
        const NOWAIT = uring_sys::RWF_NOWAIT;
        /// Write at the end of the file, as with `O_APPEND`.
        const APPEND = uring_sys::RWF_APPEND;
        /// Write at the offset even if the file has `O_APPEND`. Since Linux 6.9.
        const NOAPPEND = uring_sys::RWF_NOAPPEND;
        /// All of the write happens or nothing. Since Linux 6.11.
        const ATOMIC = uring_sys::RWF_ATOMIC;
        /// Leave nothing in the page cache. Since Linux 6.14.
        const DONTCACHE = uring_sys::RWF_DONTCACHE;
        /// A broken pipe raises no `SIGPIPE`. Since Linux 6.18.
        const NOSIGNAL = uring_sys::RWF_NOSIGNAL;
        const _ = !0;
    }

    /// `IORING_FSYNC_*`: how durable.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct FsyncFlags: u32 {
        /// As fdatasync(2): without metadata that reading the data back does not need.
        const DATASYNC = uring_sys::IORING_FSYNC_DATASYNC;
    }

    /// `IORING_TIMEOUT_*`: which clock, and how it fires. The clock is `CLOCK_MONOTONIC` unless one
    /// is named.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct TimeoutFlags: u32 {
        /// The time is a point on the clock, not a span.
        const ABS = uring_sys::IORING_TIMEOUT_ABS;
        /// Change a timeout. [`TimeoutUpdate`](crate::uring::raw::opcode::TimeoutUpdate) sets it.
        /// Since Linux 5.11.
        const UPDATE = uring_sys::IORING_TIMEOUT_UPDATE;
        /// `CLOCK_BOOTTIME`, which counts time in suspend. Since Linux 5.15.
        const BOOTTIME = uring_sys::IORING_TIMEOUT_BOOTTIME;
        /// `CLOCK_REALTIME`, the wall clock. Since Linux 5.15.
        const REALTIME = uring_sys::IORING_TIMEOUT_REALTIME;
        /// The timeout to change is a link timeout. Since Linux 5.15.
        const LINK_TIMEOUT_UPDATE = uring_sys::IORING_LINK_TIMEOUT_UPDATE;
        /// Expiry is no failure, so that a chain goes on; the result is still `-ETIME`. Since Linux
        /// 5.16.
        const ETIME_SUCCESS = uring_sys::IORING_TIMEOUT_ETIME_SUCCESS;
        /// Fire again and again. Since Linux 6.4.
        const MULTISHOT = uring_sys::IORING_TIMEOUT_MULTISHOT;
        /// The time stands in the entry. The constructors `immediate` set it. Since Linux 7.1.
        const IMMEDIATE_ARG = uring_sys::IORING_TIMEOUT_IMMEDIATE_ARG;
    }

    /// `IORING_ASYNC_CANCEL_*`: by what to find operations. [`CancelBuilder`](super::CancelBuilder)
    /// sets them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct CancelFlags: u32 {
        /// All that match, not only the first. Since Linux 5.19.
        const ALL = uring_sys::IORING_ASYNC_CANCEL_ALL;
        /// By file. Since Linux 5.19.
        const FD = uring_sys::IORING_ASYNC_CANCEL_FD;
        /// Every operation of the ring. Since Linux 5.19.
        const ANY = uring_sys::IORING_ASYNC_CANCEL_ANY;
        /// The file is a registered one. Since Linux 6.0.
        const FD_FIXED = uring_sys::IORING_ASYNC_CANCEL_FD_FIXED;
        /// By user data too. Since Linux 6.6.
        const USERDATA = uring_sys::IORING_ASYNC_CANCEL_USERDATA;
        /// By opcode. Since Linux 6.6.
        const OP = uring_sys::IORING_ASYNC_CANCEL_OP;
        const _ = !0;
    }

    /// `IORING_RECVSEND_*`, `IORING_RECV_*`, `IORING_SEND_*`: how to send or receive, in the
    /// entry's `ioprio`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct SendRecvFlags: u16 {
        /// Wait until the socket is ready before the first try, which would fail. Since Linux 5.19.
        const POLL_FIRST = uring_sys::IORING_RECVSEND_POLL_FIRST;
        /// Receive again and again; the multishot builders set it. Since Linux 6.0.
        const MULTISHOT = uring_sys::IORING_RECV_MULTISHOT;
        /// The data lies in a registered buffer; `buf_index` sets it. Since Linux 6.0 for zero-copy
        /// sends, 7.2 for others.
        const FIXED_BUF = uring_sys::IORING_RECVSEND_FIXED_BUF;
        /// The notification of a zero-copy send tells whether the data was copied after all
        /// (`IORING_NOTIF_USAGE_ZC_COPIED` in its result). Since Linux 6.2.
        const REPORT_USAGE = uring_sys::IORING_SEND_ZC_REPORT_USAGE;
        /// Use many provided buffers at once; the bundle builders set it. Since Linux 6.10.
        const BUNDLE = uring_sys::IORING_RECVSEND_BUNDLE;
        /// The data is an array of buffers; the constructors `vectored` set it. Since Linux 6.17.
        const VECTORIZED = uring_sys::IORING_SEND_VECTORIZED;
        const _ = !0;
    }

    /// `IORING_ACCEPT_*`: how to accept, in the entry's `ioprio`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct AcceptFlags: u16 {
        /// Again and again. [`AcceptMulti`](crate::uring::raw::opcode::AcceptMulti) sets it. Since
        /// Linux 5.19.
        const MULTISHOT = uring_sys::IORING_ACCEPT_MULTISHOT;
        /// `-EAGAIN` when no connection is waiting. Since Linux 6.10.
        const DONTWAIT = uring_sys::IORING_ACCEPT_DONTWAIT;
        /// Wait for a connection before the first try, which would fail. Since Linux 6.10.
        const POLL_FIRST = uring_sys::IORING_ACCEPT_POLL_FIRST;
        const _ = !0;
    }

    /// `IORING_MSG_RING_*`: how to deliver a message to a ring.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct MsgRingFlags: u32 {
        /// Pass a file without a completion that tells so; `-EINVAL` for data. Since Linux 6.0.
        const CQE_SKIP = uring_sys::IORING_MSG_RING_CQE_SKIP;
        /// The completion has flags; those of
        /// [`MsgRingData`](crate::uring::raw::opcode::MsgRingData) set it. Since Linux 6.3.
        const FLAGS_PASS = uring_sys::IORING_MSG_RING_FLAGS_PASS;
        const _ = !0;
    }

    /// `IORING_FIXED_FD_*`: what the descriptor of a registered file is like.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct InstallFdFlags: u32 {
        /// It stays open across execve(2).
        const NO_CLOEXEC = uring_sys::IORING_FIXED_FD_NO_CLOEXEC;
        const _ = !0;
    }

    /// `IORING_NOP_*`: what doing nothing includes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct NopFlags: u32 {
        /// Complete with a given result. Since Linux 6.10.
        const INJECT_RESULT = uring_sys::IORING_NOP_INJECT_RESULT;
        /// Look a file up. Since Linux 6.13.
        const FILE = uring_sys::IORING_NOP_FILE;
        /// That file is a registered one. Since Linux 6.13.
        const FIXED_FILE = uring_sys::IORING_NOP_FIXED_FILE;
        /// Look a registered buffer up. Since Linux 6.13.
        const FIXED_BUFFER = uring_sys::IORING_NOP_FIXED_BUFFER;
        /// Complete by way of task work, as an operation that had to wait does. Since Linux 6.17.
        const TW = uring_sys::IORING_NOP_TW;
        /// Complete with 32 bytes. Since Linux 6.18.
        const CQE32 = uring_sys::IORING_NOP_CQE32;
        const _ = !0;
    }

    /// `IORING_URING_CMD_*`: how to run a command.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct UringCmdFlags: u32 {
        /// On a registered buffer; `buf_index` sets it. Since Linux 6.1.
        const FIXED = uring_sys::IORING_URING_CMD_FIXED;
        /// Again and again, with provided buffers; `multi` sets it. Since Linux 6.18.
        const MULTISHOT = uring_sys::IORING_URING_CMD_MULTISHOT;
        const _ = !0;
    }
}

impl TimeoutFlags {
    /// What the constructor decides.
    pub(crate) const STRUCTURE: Self = Self::UPDATE
        .union(Self::LINK_TIMEOUT_UPDATE)
        .union(Self::IMMEDIATE_ARG);
}

impl SendRecvFlags {
    /// What the constructor or `buf_index` decides.
    pub(crate) const STRUCTURE: Self = Self::MULTISHOT
        .union(Self::FIXED_BUF)
        .union(Self::BUNDLE)
        .union(Self::VECTORIZED);
}

impl UringCmdFlags {
    /// What `buf_index` and `multi` decide.
    pub(crate) const STRUCTURE: Self = Self::FIXED.union(Self::MULTISHOT);
}

impl NopFlags {
    /// What has a setter of its own.
    pub(crate) const STRUCTURE: Self = Self::INJECT_RESULT
        .union(Self::FILE)
        .union(Self::FIXED_FILE)
        .union(Self::FIXED_BUFFER)
        .union(Self::CQE32);
}

/// For each flags type the integers that `io-uring` takes in its place; an orphan rule keeps this
/// from being one generic `impl`.
macro_rules! from_integers {
    ($($flags:ty: $($integer:ty),+;)+) => {$($(
        impl From<$integer> for $flags {
            #[inline]
            fn from(bits: $integer) -> Self {
                Self::from_bits_retain(bits as _)
            }
        }
    )+)+};
}
pub(super) use from_integers;

from_integers! {
    RwFlags: i32, u32;
    FsyncFlags: u32;
    TimeoutFlags: u32;
    SendRecvFlags: u16;
    AcceptFlags: u16;
    MsgRingFlags: u32;
    InstallFdFlags: u32;
    NopFlags: u32;
    UringCmdFlags: u32;
}

bitflags! {
    /// `IORING_REGISTER_*`: how to take over another ring's registered buffers.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct CloneBuffersFlags: u32 {
        /// The source is a registered ring. Since Linux 6.12.
        const SRC_REGISTERED = uring_sys::IORING_REGISTER_SRC_REGISTERED;
        /// Replace what is in the slots. Since Linux 6.13.
        const DST_REPLACE = uring_sys::IORING_REGISTER_DST_REPLACE;
    }
}
