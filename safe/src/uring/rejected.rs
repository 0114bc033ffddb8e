//! What comes back when an operation cannot be queued.

use std::fmt::{self, Display, Formatter};
use std::io;

use crate::error::RingError;

/// An operation that was not queued, and why.
///
/// It turns into an [`io::Error`] of the kind `WouldBlock` where there will be room again; then the operation is
/// dropped.
pub type Rejected<O> = crate::rejected::Rejected<O, Reason>;

/// Why an operation was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// As many operations are in flight, or have results that nobody took, as the ring can have.
    Table,
    /// The submission queue is full: submit first.
    Queue,
    /// The ring is a parent process's.
    Forked,
    /// It uses a fixed file or buffer of another ring, or would put a file into a slot that the kernel chose, or uses
    /// an [incremental](super::BufGroupBuilder::incremental) group in a way that has no answer.
    Foreign,
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "the ring has as many operations as it has room for",
            Self::Queue => "the submission queue is full",
            Self::Forked => "the ring belongs to a parent process",
            Self::Foreign => {
                "a fixed file, a buffer or a group is not one that the operation can use on this ring"
            }
        })
    }
}

impl<O> From<Rejected<O>> for io::Error {
    /// Of the kind `WouldBlock` where there will be room again. The operation is dropped.
    fn from(rejected: Rejected<O>) -> Self {
        match rejected.reason() {
            Reason::Forked => RingError::Forked.into(),
            reason @ Reason::Foreign => Self::new(io::ErrorKind::InvalidInput, reason.to_string()),
            reason => Self::new(io::ErrorKind::WouldBlock, reason.to_string()),
        }
    }
}
