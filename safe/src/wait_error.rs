//! What comes back when an operation cannot be waited for: shared by io_uring and native AIO.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::io;

/// Waiting failed; the operation goes on.
pub struct WaitError<T> {
    /// What the kernel answered.
    pub error: io::Error,
    /// The operation's ticket.
    pub ticket: T,
}

impl<T> Display for WaitError<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "cannot wait for an operation: {}", self.error)
    }
}

impl<T> Debug for WaitError<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitError")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<T> Error for WaitError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> From<WaitError<T>> for io::Error {
    /// The ticket is dropped.
    fn from(failed: WaitError<T>) -> Self {
        failed.error
    }
}
