//! Why an operation was refused, or how it failed.

use std::fmt;
use std::io;

use super::operation::NotStarted;

/// Why an operation was refused, or how it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The operation was cancelled (`ECANCELED`): nothing was read, written or synchronised.
    Canceled,
    /// This process is a child of the one that used POSIX AIO first, or that started the request. With
    /// glibc a child can start nothing, as the worker threads stayed with the parent; with either library it
    /// cannot reap what its parent started.
    Forked,
    /// The offset does not fit the library's signed 64 bits.
    Offset,
    /// [`append`](super::Write::append) was asked for, and the file is not open with `O_APPEND`.
    NotAppending,
    /// [`init`](super::init) came after the first operation, when glibc ignores it.
    AlreadyStarted,
    /// The C library has no such thing: musl has no [`init`](super::init).
    Unsupported,
    /// Another error, with the system's number of it (`errno`).
    Os(i32),
}

impl Error {
    /// What `errno` says.
    pub(super) fn from_errno(errno: i32) -> Self {
        if errno == libc::ECANCELED {
            Self::Canceled
        } else {
            Self::Os(errno)
        }
    }

    /// The error of the call that has just failed.
    pub(super) fn last() -> Self {
        // A call that failed has set it.
        Self::from_errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Canceled => "the operation was cancelled",
            Self::Forked => "a forked child cannot use what its parent began of POSIX AIO",
            Self::Offset => "the offset does not fit 63 bits",
            Self::NotAppending => "the file is not open with O_APPEND",
            Self::AlreadyStarted => "the worker pool has been set up already",
            Self::Unsupported => "the C library does not have this",
            Self::Os(errno) => return io::Error::from_raw_os_error(*errno).fmt(f),
        };
        f.write_str(text)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Os(errno) => Self::from_raw_os_error(errno),
            Error::Canceled => Self::from_raw_os_error(libc::ECANCELED),
            Error::Offset | Error::NotAppending => Self::new(io::ErrorKind::InvalidInput, error),
            Error::Forked | Error::AlreadyStarted | Error::Unsupported => {
                Self::new(io::ErrorKind::Unsupported, error)
            }
        }
    }
}

impl<K, F, B> From<NotStarted<K, F, B>> for Error {
    fn from(refused: NotStarted<K, F, B>) -> Self {
        refused.error
    }
}

impl<K, F, B> From<NotStarted<K, F, B>> for io::Error {
    fn from(refused: NotStarted<K, F, B>) -> Self {
        refused.error.into()
    }
}
