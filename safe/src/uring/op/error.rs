//! Why an operation failed.

use std::fmt::{self, Display, Formatter};
use std::io;

use crate::uring::raw::opcode;

/// An errno, and the operation that answered it.
///
/// It turns into an [`io::Error`] that has it as its source, with the same [`kind`](Self::kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    opcode: u8,
    errno: i32,
}

impl Error {
    /// The result of an operation: its number, or the error that it says.
    #[inline]
    pub fn check(opcode: u8, result: i32) -> Result<u32, Self> {
        match u32::try_from(result) {
            Ok(number) => Ok(number),
            Err(_) => Err(Self {
                opcode,
                errno: -result,
            }),
        }
    }

    /// An error of our own finding.
    #[cold]
    pub(in crate::uring) fn of(opcode: u8, errno: i32) -> Self {
        Self { opcode, errno }
    }

    /// The operation's name, as io_uring's header has it without its prefix.
    pub fn operation(&self) -> &'static str {
        opcode::name(self.opcode).unwrap_or("an operation")
    }

    /// The errno.
    pub fn raw_os_error(&self) -> i32 {
        self.errno
    }

    /// The kind that [`io::Error`] gives the errno.
    pub fn kind(&self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.errno).kind()
    }

    /// Whether the operation was cancelled before it did anything (`ECANCELED`).
    pub fn is_cancelled(&self) -> bool {
        self.errno == libc::ECANCELED
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let error = io::Error::from_raw_os_error(self.errno);
        write!(f, "{}: {error}", self.operation())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}
