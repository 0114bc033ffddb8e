//! Flags of other system calls, with the C library's values.
//!
//! A bit that is not named here is kept: give it as an integer.

use bitflags::bitflags;

use super::flags::from_integers;

bitflags! {
    /// `POLL*` and `EPOLL*`: what a file is ready for, see poll(2) and epoll_ctl(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct PollFlags: u32 {
        /// Data to read.
        const IN = libc::EPOLLIN as u32;
        /// Something exceptional, such as urgent data.
        const PRI = libc::EPOLLPRI as u32;
        /// Room to write.
        const OUT = libc::EPOLLOUT as u32;
        /// An error; reported unasked.
        const ERR = libc::EPOLLERR as u32;
        /// A hang-up; reported unasked.
        const HUP = libc::EPOLLHUP as u32;
        /// The peer writes no more.
        const RDHUP = libc::EPOLLRDHUP as u32;
        /// Wake only one of those who wait for this file. Since Linux 5.9
        /// (`IORING_FEAT_POLL_32BITS`).
        const EXCLUSIVE = libc::EPOLLEXCLUSIVE as u32;
        /// Report changes only. Since Linux 5.9 (`IORING_FEAT_POLL_32BITS`).
        const ET = libc::EPOLLET as u32;
        const _ = !0;
    }

    /// `MSG_*`: how to send or receive, see send(2) and recv(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct MsgFlags: u32 {
        /// Urgent data.
        const OOB = libc::MSG_OOB as u32;
        /// Leave the data in the socket.
        const PEEK = libc::MSG_PEEK as u32;
        /// Send to hosts on the same network alone.
        const DONTROUTE = libc::MSG_DONTROUTE as u32;
        /// Tell the whole length of a packet, also of what had no room.
        const TRUNC = libc::MSG_TRUNC as u32;
        /// `-EAGAIN` rather than waiting.
        const DONTWAIT = libc::MSG_DONTWAIT as u32;
        /// End a record.
        const EOR = libc::MSG_EOR as u32;
        /// Send or receive all of it.
        const WAITALL = libc::MSG_WAITALL as u32;
        /// The peer is known to be there.
        const CONFIRM = libc::MSG_CONFIRM as u32;
        /// Receive from the error queue.
        const ERRQUEUE = libc::MSG_ERRQUEUE as u32;
        /// A broken connection raises no `SIGPIPE`.
        const NOSIGNAL = libc::MSG_NOSIGNAL as u32;
        /// More data follows at once.
        const MORE = libc::MSG_MORE as u32;
        /// Connect and send in one.
        const FASTOPEN = libc::MSG_FASTOPEN as u32;
        /// Received descriptors are closed by execve(2).
        const CMSG_CLOEXEC = libc::MSG_CMSG_CLOEXEC as u32;
        const _ = !0;
    }

    /// `O_*`: how to open a file or pipe, see open(2) and pipe2(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct OpenFlags: u32 {
        /// For writing alone. For reading alone if neither this nor [`RDWR`](Self::RDWR) is given.
        const WRONLY = libc::O_WRONLY as u32;
        /// For reading and writing.
        const RDWR = libc::O_RDWR as u32;
        /// Create the file if there is none.
        const CREAT = libc::O_CREAT as u32;
        /// It must not be there before.
        const EXCL = libc::O_EXCL as u32;
        /// A terminal does not become the process's own.
        const NOCTTY = libc::O_NOCTTY as u32;
        /// Empty it.
        const TRUNC = libc::O_TRUNC as u32;
        /// Every write goes to the end.
        const APPEND = libc::O_APPEND as u32;
        /// Operations do not wait.
        const NONBLOCK = libc::O_NONBLOCK as u32;
        /// A write is durable when it completes.
        const DSYNC = libc::O_DSYNC as u32;
        /// A write and its metadata are durable when it completes.
        const SYNC = libc::O_SYNC as u32;
        /// Without the page cache.
        const DIRECT = libc::O_DIRECT as u32;
        /// It must be a directory.
        const DIRECTORY = libc::O_DIRECTORY as u32;
        /// It must not be a symbolic link.
        const NOFOLLOW = libc::O_NOFOLLOW as u32;
        /// Reading does not change the time of access.
        const NOATIME = libc::O_NOATIME as u32;
        /// It is closed by execve(2).
        const CLOEXEC = libc::O_CLOEXEC as u32;
        /// For its place in the file system alone.
        const PATH = libc::O_PATH as u32;
        /// A file without a name, in this directory.
        const TMPFILE = libc::O_TMPFILE as u32;
        const _ = !0;
    }

    /// `RESOLVE_*`: what a path may not lead through, see openat2(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct ResolveFlags: u64 {
        /// Another mount (`EXDEV`).
        const NO_XDEV = libc::RESOLVE_NO_XDEV;
        /// A link of the kernel's own, as in `/proc/self/fd` (`ELOOP`).
        const NO_MAGICLINKS = libc::RESOLVE_NO_MAGICLINKS;
        /// A symbolic link (`ELOOP`).
        const NO_SYMLINKS = libc::RESOLVE_NO_SYMLINKS;
        /// What is not below the directory (`EXDEV`).
        const BENEATH = libc::RESOLVE_BENEATH;
        /// As `BENEATH`, with the directory as root: what leads out of it leads to it.
        const IN_ROOT = libc::RESOLVE_IN_ROOT;
        /// What is not cached (`EAGAIN`). Since Linux 5.12.
        const CACHED = libc::RESOLVE_CACHED;
        const _ = !0;
    }

    /// `SOCK_*`: what an accepted socket is like, see accept4(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct SocketFlags: u32 {
        /// Operations do not wait.
        const NONBLOCK = libc::SOCK_NONBLOCK as u32;
        /// It is closed by execve(2).
        const CLOEXEC = libc::SOCK_CLOEXEC as u32;
        const _ = !0;
    }

    /// `AT_*`: what a path stands for, see statx(2), unlinkat(2) and linkat(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct AtFlags: u32 {
        /// A symbolic link itself (statx).
        const SYMLINK_NOFOLLOW = libc::AT_SYMLINK_NOFOLLOW as u32;
        /// What a symbolic link leads to (linkat).
        const SYMLINK_FOLLOW = libc::AT_SYMLINK_FOLLOW as u32;
        /// A directory (unlinkat).
        const REMOVEDIR = libc::AT_REMOVEDIR as u32;
        /// Mount nothing on the way (statx).
        const NO_AUTOMOUNT = libc::AT_NO_AUTOMOUNT as u32;
        /// With an empty path: the descriptor itself (statx, linkat).
        const EMPTY_PATH = libc::AT_EMPTY_PATH as u32;
        /// Ask a remote file system anew (statx).
        const STATX_FORCE_SYNC = libc::AT_STATX_FORCE_SYNC as u32;
        /// Believe what is known of a remote file system (statx).
        const STATX_DONT_SYNC = libc::AT_STATX_DONT_SYNC as u32;
        const _ = !0;
    }

    /// `STATX_*`: which fields of a file's status are wanted, see statx(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct StatxMask: u32 {
        /// The file's type.
        const TYPE = libc::STATX_TYPE;
        /// The permission bits.
        const MODE = libc::STATX_MODE;
        /// The number of hard links.
        const NLINK = libc::STATX_NLINK;
        /// The owner.
        const UID = libc::STATX_UID;
        /// The group.
        const GID = libc::STATX_GID;
        /// The time of the last access.
        const ATIME = libc::STATX_ATIME;
        /// The time of the last change of its data.
        const MTIME = libc::STATX_MTIME;
        /// The time of the last change of its status.
        const CTIME = libc::STATX_CTIME;
        /// The inode number.
        const INO = libc::STATX_INO;
        /// The length.
        const SIZE = libc::STATX_SIZE;
        /// The space it takes.
        const BLOCKS = libc::STATX_BLOCKS;
        /// All that stat(2) has.
        const BASIC_STATS = libc::STATX_BASIC_STATS;
        /// The time it was made.
        const BTIME = libc::STATX_BTIME;
        /// The mount's id. Since Linux 5.8.
        const MNT_ID = libc::STATX_MNT_ID;
        /// The alignment that `O_DIRECT` needs. Since Linux 6.1.
        const DIOALIGN = libc::STATX_DIOALIGN;
        const _ = !0;
    }

    /// `FALLOC_FL_*`: what to do with a range, see fallocate(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct FallocateFlags: u32 {
        /// The file's length stays.
        const KEEP_SIZE = libc::FALLOC_FL_KEEP_SIZE as u32;
        /// Free the space; goes with [`KEEP_SIZE`](Self::KEEP_SIZE).
        const PUNCH_HOLE = libc::FALLOC_FL_PUNCH_HOLE as u32;
        /// Cut the range out.
        const COLLAPSE_RANGE = libc::FALLOC_FL_COLLAPSE_RANGE as u32;
        /// Make it read as zeros.
        const ZERO_RANGE = libc::FALLOC_FL_ZERO_RANGE as u32;
        /// Insert a hole.
        const INSERT_RANGE = libc::FALLOC_FL_INSERT_RANGE as u32;
        /// Share no blocks with other files.
        const UNSHARE_RANGE = libc::FALLOC_FL_UNSHARE_RANGE as u32;
        const _ = !0;
    }

    /// `SYNC_FILE_RANGE_*`: what to await and start, see sync_file_range(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct SyncRangeFlags: u32 {
        /// First await what is being written.
        const WAIT_BEFORE = libc::SYNC_FILE_RANGE_WAIT_BEFORE;
        /// Start writing what is not.
        const WRITE = libc::SYNC_FILE_RANGE_WRITE;
        /// Then await that.
        const WAIT_AFTER = libc::SYNC_FILE_RANGE_WAIT_AFTER;
        const _ = !0;
    }

    /// `SPLICE_F_*`: how to move data through a pipe, see splice(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct SpliceFlags: u32 {
        /// Move pages if possible.
        const MOVE = libc::SPLICE_F_MOVE;
        /// Do not wait for the pipe.
        const NONBLOCK = libc::SPLICE_F_NONBLOCK;
        /// More data follows at once.
        const MORE = libc::SPLICE_F_MORE;
        /// The input is a registered file; [`Fixed`](super::Fixed) sets it.
        const FD_IN_FIXED = uring_sys::SPLICE_F_FD_IN_FIXED;
        const _ = !0;
    }

    /// `RENAME_*`: what to do with what has the new name, see renameat2(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct RenameFlags: u32 {
        /// `-EEXIST` if there is anything.
        const NOREPLACE = libc::RENAME_NOREPLACE;
        /// Exchange the two.
        const EXCHANGE = libc::RENAME_EXCHANGE;
        /// Leave a whiteout at the old name.
        const WHITEOUT = libc::RENAME_WHITEOUT;
        const _ = !0;
    }

    /// `XATTR_*`: whether an attribute may be there already, see setxattr(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct XattrFlags: u32 {
        /// `-EEXIST` if it is.
        const CREATE = libc::XATTR_CREATE as u32;
        /// `-ENODATA` if it is not.
        const REPLACE = libc::XATTR_REPLACE as u32;
        const _ = !0;
    }

    /// `FUTEX2_*`: the size of a futex, and who shares it, see futex_wait(2). Linux has futexes of
    /// 32 bits alone.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct FutexFlags: u32 {
        /// 32 bits (`FUTEX2_SIZE_U32`).
        const SIZE_U32 = 2;
        /// A second word says on which node of memory it is (`FUTEX2_NUMA`). Since Linux 6.16.
        const NUMA = 4;
        /// The node follows from the memory's policy (`FUTEX2_MPOL`). Since Linux 6.16.
        const MPOL = 8;
        /// Only threads of one process use it (`FUTEX2_PRIVATE`).
        const PRIVATE = 128;
        const _ = !0;
    }
}

from_integers! {
    PollFlags: i16, i32, u32;
    MsgFlags: i32, u32;
    OpenFlags: i32, u32;
    SocketFlags: i32;
    AtFlags: i32;
    StatxMask: u32;
    FallocateFlags: i32;
    SyncRangeFlags: u32;
    SpliceFlags: u32;
    RenameFlags: u32;
    XattrFlags: i32;
    FutexFlags: u32;
}
