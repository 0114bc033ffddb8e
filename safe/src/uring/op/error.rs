//! Why an operation failed.

use std::fmt::{self, Debug, Display, Formatter};
use std::io;

use crate::uring::raw::opcode;

/// An errno, and the operation that answered it.
///
/// It turns into an [`io::Error`] that has it as its source, with the same [`kind`](Self::kind).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// The errno, and above it the opcode. One word, so that a result is two, and goes in registers. The other tells
    /// success from failure, and has values to spare for the cases of what a result lies in: `Event::take` so tells its
    /// own by a word that was just computed, and not by one of the buffer that came back.
    word: u64,
}

impl Error {
    /// The result of an operation: its number, or the error that it says.
    #[inline]
    pub fn check(opcode: u8, result: i32) -> Result<u32, Self> {
        match u32::try_from(result) {
            Ok(number) => Ok(number),
            Err(_) => Err(Self::packed(opcode, -result)),
        }
    }

    /// An error of our own finding.
    #[cold]
    pub(in crate::uring) fn of(opcode: u8, errno: i32) -> Self {
        Self::packed(opcode, errno)
    }

    #[inline]
    fn packed(opcode: u8, errno: i32) -> Self {
        Self {
            word: u64::from(opcode) << 32 | u64::from(errno as u32),
        }
    }

    /// The other half of [`packed`](Self::packed).
    fn opcode(self) -> u8 {
        (self.word >> 32) as u8
    }

    /// The operation's name, as io_uring's header has it without its prefix.
    pub fn operation(&self) -> &'static str {
        opcode::name(self.opcode()).unwrap_or("an operation")
    }

    /// The errno.
    pub fn raw_os_error(&self) -> i32 {
        self.word as i32
    }

    /// The kind that [`io::Error`] gives the errno.
    pub fn kind(&self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.raw_os_error()).kind()
    }

    /// Whether the operation was cancelled before it did anything (`ECANCELED`).
    pub fn is_cancelled(&self) -> bool {
        self.raw_os_error() == libc::ECANCELED
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("opcode", &self.opcode())
            .field("errno", &self.raw_os_error())
            .finish()
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let error = io::Error::from_raw_os_error(self.raw_os_error());
        write!(f, "{}: {error}", self.operation())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}
