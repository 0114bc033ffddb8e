//! Why an operation failed.

use std::fmt::{self, Display, Formatter};
use std::io;

use super::{Completion, Operation, Poll};

/// An errno, the operation that it is about, and whether that ever began.
///
/// It turns into an [`io::Error`] that has it as its source, with the same [`kind`](Self::kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    errno: i32,
    refused: bool,
}

impl Error {
    /// The answer to an operation: its number, or the error that it says.
    #[inline]
    pub fn check<O: Operation>(completion: Completion) -> Result<usize, Self> {
        match usize::try_from(completion.res) {
            Ok(number) => Ok(number),
            Err(_) => Err(Self {
                operation: O::NAME,
                errno: completion.res.saturating_neg() as i32,
                refused: completion.refused,
            }),
        }
    }

    /// The operation's name, such as `PREAD`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The errno.
    pub fn raw_os_error(&self) -> i32 {
        self.errno
    }

    /// The kind that [`io::Error`] gives the errno.
    pub fn kind(&self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.errno).kind()
    }

    /// Whether the kernel refused the operation when it was submitted, so that it never began. An error that is
    /// not a refusal came with the operation's event.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether the operation was cancelled (`ECANCELED`).
    pub fn is_cancelled(&self) -> bool {
        self.errno == libc::ECANCELED
    }

    /// Whether a poll was refused because the kernel cannot wait for such a file.
    fn is_unpollable(&self) -> bool {
        self.refused && self.errno == libc::EINVAL && self.operation == Poll::<std::fs::File>::NAME
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let error = io::Error::from_raw_os_error(self.errno);
        let verb = if self.refused { " refused" } else { "" };
        write!(f, "{}{verb}: {error}", self.operation)?;
        if self.is_unpollable() {
            f.write_str(
                "; the file has more than one wait queue, as terminals and FIFOs open for both have, or none",
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}
