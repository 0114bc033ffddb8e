//! Why no context could be made, and what a forked child is told.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::{fs, io};

/// The system's limit on requests, and how much of it is taken.
///
/// The numbers are those that io_setup(2) was called with, summed up over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What is taken: `/proc/sys/fs/aio-nr`.
    pub used: u64,
    /// What there is: `/proc/sys/fs/aio-max-nr`. 65536 unless the administrator has changed it.
    pub max: u64,
}

impl Limits {
    /// Reads them from `/proc`.
    pub fn read() -> io::Result<Self> {
        let read = |path| {
            let text = fs::read_to_string(path)?;
            let number = text.trim().parse();
            number.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
        };
        Ok(Self {
            used: read("/proc/sys/fs/aio-nr")?,
            max: read("/proc/sys/fs/aio-max-nr")?,
        })
    }
}

/// Why no context could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError {
    errno: i32,
    reason: SetupReason,
}

/// What stands behind a [`SetupError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupReason {
    /// `EAGAIN`: more requests than the system's limit leaves.
    Limit {
        /// What was asked for.
        requests: u32,
        /// The limit, if `/proc` shows it.
        limits: Option<Limits>,
    },
    /// `EINVAL`: none, or more than any kernel takes (4194304).
    Requests {
        /// What was asked for.
        requests: u32,
    },
    /// `ENOSYS`: the kernel was built without native AIO (`CONFIG_AIO`), or a seccomp filter hides it.
    NoSystemCall,
    /// `EPERM`: a seccomp filter forbids the system call; io_setup(2) itself never answers this.
    Seccomp,
    /// Nothing more is known than the errno; with `ENOMEM` there is no memory for the ring.
    Other,
}

impl SetupError {
    pub(in crate::aio) fn new(errno: i32, requests: u32) -> Self {
        let reason = match errno {
            libc::EAGAIN => SetupReason::Limit {
                requests,
                limits: Limits::read().ok(),
            },
            libc::EINVAL => SetupReason::Requests { requests },
            libc::ENOSYS => SetupReason::NoSystemCall,
            libc::EPERM => SetupReason::Seccomp,
            _ => SetupReason::Other,
        };
        Self { errno, reason }
    }

    /// The kernel's errno.
    pub fn raw_os_error(&self) -> i32 {
        self.errno
    }

    /// Why.
    pub fn reason(&self) -> &SetupReason {
        &self.reason
    }
}

impl Display for SetupError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("cannot make an AIO context: ")?;
        match &self.reason {
            SetupReason::Limit { requests, limits } => {
                write!(f, "{requests} requests are more than are left")?;
                match limits {
                    Some(Limits { used, max }) => write!(
                        f,
                        ": all processes together have {used} (fs.aio-nr) of at most {max} (sysctl fs.aio-max-nr)"
                    ),
                    None => f.write_str(" of the sysctl fs.aio-max-nr"),
                }
            }
            SetupReason::Requests { requests } => {
                write!(f, "{requests} requests, where 1 to 4194304 are possible")
            }
            SetupReason::NoSystemCall => f.write_str(
                "this kernel has no native AIO (CONFIG_AIO), or a seccomp filter hides it",
            ),
            SetupReason::Seccomp => {
                f.write_str("a seccomp filter (a container's profile?) forbids the system call")
            }
            SetupReason::Other => f.write_str("the kernel refused"),
        }?;
        write!(f, ": {}", io::Error::from_raw_os_error(self.errno))
    }
}

impl Error for SetupError {}

impl From<SetupError> for io::Error {
    fn from(error: SetupError) -> Self {
        Self::new(Self::from_raw_os_error(error.errno).kind(), error)
    }
}

/// The context belongs to the parent: this process is a forked child, which has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forked;

impl Display for Forked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the AIO context belongs to the parent process: a forked child needs one of its own",
        )
    }
}

impl Error for Forked {}

impl From<Forked> for io::Error {
    fn from(error: Forked) -> Self {
        Self::new(io::ErrorKind::Unsupported, error)
    }
}
