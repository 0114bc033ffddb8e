//! Errors that say why.
//!
//! Functions return [`std::io::Error`]; where the errno alone would not explain, one of the types here is its
//! source. Making a ring explains itself when asked to, since programs compare the errno:
//!
//! ```
//! use safe::error::{SetupError, SetupReason};
//! use safe::uring::raw::{IoUring, cqueue, squeue};
//!
//! let builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
//! let error = builder.build_explained(0).expect_err("a ring needs entries");
//! let why = error.get_ref().and_then(|e| e.downcast_ref::<SetupError>()).expect("a reason");
//! assert_eq!(why.raw_os_error(), Some(libc::EINVAL));
//! assert!(matches!(why.reason(), SetupReason::Entries { .. }));
//! assert_eq!(builder.build(0).expect_err("as above").raw_os_error(), Some(libc::EINVAL));
//! ```

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;

use crate::uring::raw::flags::{self, Rule};

/// Why no ring could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError {
    errno: Option<i32>,
    reason: SetupReason,
}

/// What stands behind a [`SetupError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupReason {
    /// `ENOSYS`: the system call is not there. With `filtered`, the kernel has it and a seccomp filter
    /// says otherwise.
    NoSystemCall {
        /// Whether `/proc` shows that the kernel has io_uring.
        filtered: bool,
    },
    /// `EPERM`: `kernel.io_uring_disabled` forbids new rings: to all (2), or to those without
    /// `CAP_SYS_ADMIN` outside the group `kernel.io_uring_group` (1). Since Linux 6.6.
    Disabled {
        /// The value of the sysctl.
        level: u32,
    },
    /// `EPERM`: the process runs under a seccomp filter, and nothing else explains the refusal.
    Seccomp,
    /// `ENOMEM`: the limit on locked memory, in bytes. Kernels before 5.12 (of 5.10 those before 5.10.162) and
    /// from about 6.14 to 7.1 count the memory of rings, unless the process has `CAP_IPC_LOCK`. What closed
    /// rings used is given back a moment after.
    Memlock {
        /// `RLIMIT_MEMLOCK`, the soft limit.
        limit: u64,
        /// What the rings take, in whole pages.
        need: u64,
    },
    /// Flags that do not go together. The kernel would answer `EINVAL`; it was not asked.
    FlagConflict(FlagConflict),
    /// `EINVAL`: this kernel lacks these `IORING_SETUP_*` bits.
    UnsupportedFlags {
        /// The bits.
        flags: u32,
    },
    /// `EINVAL`: the numbers of entries asked for: none, more than 32768 for submissions or 65536 for
    /// completions, or fewer for completions than for submissions.
    Entries {
        /// For the submission queue.
        submission: u32,
        /// For the completion queue, or 0 for twice as many.
        completion: u32,
    },
    /// The size of entries was set by raw flags; the type parameters of the ring decide it.
    EntrySize,
    /// Memory given for the rings is too small.
    MemoryTooSmall {
        /// What is needed for the ring of both queues and for the entries, in bytes.
        need: (usize, usize),
    },
    /// `ENOMEM`: huge pages were asked for, and not enough are free (`vm.nr_hugepages`). `EINVAL`: the machine
    /// has none.
    NoHugePages,
    /// Nothing more is known than the errno.
    Other,
}

/// Two set-up flags that do not go together.
#[derive(Clone, Copy)]
pub struct FlagConflict(&'static Rule);

impl FlagConflict {
    pub(crate) fn of(flags: u32) -> Option<Self> {
        flags::broken_rule(flags).map(Self)
    }

    /// The two flags: one that was set, and one that it excludes or needs.
    pub fn flags(&self) -> (u32, u32) {
        match *self.0 {
            Rule::Needs(a, any) => (a, any[0]),
            Rule::Excludes(a, b) => (a, b),
        }
    }
}

impl PartialEq for FlagConflict {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for FlagConflict {}

impl fmt::Debug for FlagConflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "FlagConflict({self})")
    }
}

impl Display for FlagConflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Rule::Needs(a, any) => {
                list_flags(f, a, "")?;
                f.write_str(" needs ")?;
                list_flags(f, any.iter().fold(0, |bits, b| bits | b), " or ")
            }
            Rule::Excludes(a, b) => {
                list_flags(f, a, "")?;
                f.write_str(" excludes ")?;
                list_flags(f, b, "")
            }
        }
    }
}

/// Names flags, each with the kernel that first had it.
fn list_flags(f: &mut Formatter<'_>, bits: u32, between: &str) -> fmt::Result {
    let mut unnamed = bits;
    let mut first = true;
    for flag in flags::named(bits) {
        let between = if first { "" } else { between };
        let (major, minor) = flag.since;
        write!(f, "{between}{} (since Linux {major}.{minor})", flag.name)?;
        unnamed &= !flag.bit;
        first = false;
    }
    if unnamed != 0 {
        let between = if first { "" } else { between };
        write!(f, "{between}bits {unnamed:#x}")?;
    }
    Ok(())
}

impl SetupError {
    pub(crate) fn new(errno: i32, reason: SetupReason) -> Self {
        Self {
            errno: Some(errno),
            reason,
        }
    }

    pub(crate) fn unasked(reason: SetupReason) -> Self {
        Self {
            errno: None,
            reason,
        }
    }

    /// The kernel's errno, or what it would have answered.
    pub fn raw_os_error(&self) -> Option<i32> {
        Some(self.errno.unwrap_or(libc::EINVAL))
    }

    /// Whether the kernel was asked, and not only this crate.
    pub fn is_from_kernel(&self) -> bool {
        self.errno.is_some()
    }

    /// Why.
    pub fn reason(&self) -> &SetupReason {
        &self.reason
    }
}

impl Display for SetupError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("cannot make an io_uring: ")?;
        match &self.reason {
            SetupReason::NoSystemCall { filtered: false } => f.write_str(
                "this kernel has no io_uring (Linux 5.1 or later, with CONFIG_IO_URING), or a seccomp filter hides it",
            ),
            SetupReason::NoSystemCall { filtered: true } => f.write_str(
                "the kernel has io_uring, but a seccomp filter (a container's profile?) hides the system call",
            ),
            SetupReason::Disabled { level } => {
                write!(f, "the sysctl kernel.io_uring_disabled is {level}: ")?;
                f.write_str(if *level == 1 {
                    "only CAP_SYS_ADMIN or the group kernel.io_uring_group may"
                } else {
                    "nobody may"
                })
            }
            SetupReason::Seccomp => {
                f.write_str("a seccomp filter (a container's profile?) forbids the system call")
            }
            SetupReason::Memlock { limit, need } => write!(
                f,
                "the limit on locked memory (RLIMIT_MEMLOCK) is {limit} bytes for all rings and \
                 registered buffers of this user, and this ring needs {need}"
            ),
            SetupReason::FlagConflict(conflict) => conflict.fmt(f),
            SetupReason::UnsupportedFlags { flags } => {
                f.write_str("this kernel lacks ")?;
                list_flags(f, *flags, ", ")
            }
            SetupReason::Entries {
                submission,
                completion: 0,
            } => write!(f, "{submission} entries, where 1 to 32768 are possible"),
            SetupReason::Entries {
                submission,
                completion,
            } => write!(
                f,
                "{submission} entries and {completion} completions, where 1 to 32768 and from as many to 65536 are possible"
            ),
            SetupReason::EntrySize => f.write_str(
                "flags for the size of entries were set by hand, where the type parameters of the ring decide",
            ),
            SetupReason::MemoryTooSmall { need } => write!(
                f,
                "the memory given is too small: {} bytes are needed for the queues and {} for the entries",
                need.0, need.1
            ),
            SetupReason::NoHugePages => {
                f.write_str("not enough huge pages are free (sysctl vm.nr_hugepages)")
            }
            SetupReason::Other => f.write_str("the kernel refused"),
        }?;
        match self.errno {
            Some(errno) => write!(f, ": {}", io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }
}

impl Error for SetupError {}

impl From<SetupError> for io::Error {
    fn from(error: SetupError) -> Self {
        let errno = error.errno.unwrap_or(libc::EINVAL);
        Self::new(Self::from_raw_os_error(errno).kind(), error)
    }
}

/// A call on a ring that fails for a reason in the program, not in an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// `EEXIST`: the ring was made with `IORING_SETUP_SINGLE_ISSUER`, and this thread is not the one that
    /// made (or enabled) it. With `IORING_SETUP_DEFER_TASKRUN` only that thread may wait either.
    WrongThread,
    /// `EBADFD`: the ring was made with `IORING_SETUP_R_DISABLED` and is not enabled yet.
    NotEnabled,
    /// `EOWNERDEAD`: the kernel thread of `IORING_SETUP_SQPOLL` has ended.
    PollThreadEnded,
    /// The ring belongs to the parent: this process is a forked child, which does not have its memory.
    Forked,
    /// The ring was resized and its new queues could not be mapped: there is no way to them any more.
    Unmapped,
    /// The ring has no descriptor (`IORING_SETUP_REGISTERED_FD_ONLY`), and is registered with another thread.
    NotRegisteredHere,
    /// The submission queue of a ring with `IORING_SETUP_SQ_REWIND` cannot be submitted while it is being
    /// filled: drop the `SubmissionQueue` first.
    QueueInUse,
}

impl RingError {
    /// The error that this errno of io_uring_enter(2) means, if it is one of these.
    pub(crate) fn of_enter(errno: i32) -> Option<Self> {
        match errno {
            libc::EEXIST => Some(Self::WrongThread),
            libc::EBADFD => Some(Self::NotEnabled),
            libc::EOWNERDEAD => Some(Self::PollThreadEnded),
            _ => None,
        }
    }

    /// The kernel's errno; for what this crate finds by itself, the one that fits.
    pub fn raw_os_error(&self) -> i32 {
        match self {
            Self::WrongThread => libc::EEXIST,
            Self::NotEnabled => libc::EBADFD,
            Self::PollThreadEnded => libc::EOWNERDEAD,
            Self::Forked | Self::Unmapped => libc::ENXIO,
            Self::NotRegisteredHere => libc::EBADF,
            Self::QueueInUse => libc::EBUSY,
        }
    }
}

impl Display for RingError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongThread => {
                "another thread owns this ring (IORING_SETUP_SINGLE_ISSUER): use it where it was made or enabled"
            }
            Self::NotEnabled => {
                "the ring is disabled (IORING_SETUP_R_DISABLED): call register_enable_rings first"
            }
            Self::PollThreadEnded => "the ring's kernel thread (IORING_SETUP_SQPOLL) has ended",
            Self::Forked => "the ring belongs to the parent process: a forked child needs one of its own",
            Self::Unmapped => "the ring was resized and its new queues could not be mapped",
            Self::NotRegisteredHere => {
                "the ring has no descriptor and is registered with another thread (IORING_SETUP_REGISTERED_FD_ONLY)"
            }
            Self::QueueInUse => {
                "the submission queue is being filled: drop it before submitting (IORING_SETUP_SQ_REWIND)"
            }
        })
    }
}

impl Error for RingError {}

impl From<RingError> for io::Error {
    fn from(error: RingError) -> Self {
        let kind = Self::from_raw_os_error(error.raw_os_error()).kind();
        Self::new(kind, error)
    }
}
