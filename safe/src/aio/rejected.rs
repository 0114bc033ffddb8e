//! What comes back when an operation cannot be queued.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::io;

use super::raw::Forked;

/// An operation that was not queued.
pub struct Rejected<O> {
    reason: Reason,
    /// The operation, as it was.
    pub operation: O,
}

/// Why an operation was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// As many operations are queued or in flight, or have results that nobody took, as the context can have.
    Table,
    /// The context is a parent process's.
    Forked,
}

impl<O> Rejected<O> {
    #[cold]
    pub(super) fn new(reason: Reason, operation: O) -> Self {
        Self { reason, operation }
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("the context has as many operations as it has room for"),
            Self::Forked => Display::fmt(&Forked, f),
        }
    }
}

impl<O> Display for Rejected<O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.reason, f)
    }
}

impl<O> Debug for Rejected<O> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<O> Error for Rejected<O> {}

impl<O> From<Rejected<O>> for io::Error {
    /// Of the kind `WouldBlock` where there will be room again. The operation is dropped.
    fn from(rejected: Rejected<O>) -> Self {
        match rejected.reason {
            Reason::Forked => Forked.into(),
            reason => Self::new(io::ErrorKind::WouldBlock, reason.to_string()),
        }
    }
}
