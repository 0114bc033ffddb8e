//! What comes back when an operation cannot be queued.

use std::fmt::{self, Display, Formatter};
use std::io;

use super::raw::Forked;

/// An operation that was not queued, and why.
///
/// It turns into an [`io::Error`] of the kind `WouldBlock` where there will be room again; then the operation is
/// dropped.
pub type Rejected<O> = crate::rejected::Rejected<O, Reason>;

/// Why an operation was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// As many operations are queued or in flight, or have results that nobody took, as the context can have.
    Table,
    /// The context is a parent process's.
    Forked,
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("the context has as many operations as it has room for"),
            Self::Forked => Display::fmt(&Forked, f),
        }
    }
}

impl<O> From<Rejected<O>> for io::Error {
    /// Of the kind `WouldBlock` where there will be room again. The operation is dropped.
    fn from(rejected: Rejected<O>) -> Self {
        match rejected.reason() {
            Reason::Forked => Forked.into(),
            reason => Self::new(io::ErrorKind::WouldBlock, reason.to_string()),
        }
    }
}
