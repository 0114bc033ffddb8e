//! Why operations with many results end.

use super::{Cqe, Error};

/// Why a multishot operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// There is no more data: the peer has closed its side, or the file ends.
    Finished,
    /// The kernel has stopped although it could go on, as it does when completions come faster than they are
    /// taken, or when as much has come as was asked for. Push the operation again to go on; nothing is lost.
    Stopped,
    /// The buffer group was empty when data was there. Drop lent buffers and push the operation again; nothing is
    /// lost.
    NoBuffers,
    /// It was cancelled.
    Cancelled,
    /// It failed.
    Failed(Error),
}

impl End {
    /// Why there are no results after `cqe`, if there are none.
    pub(super) fn of(opcode: u8, cqe: Cqe, empty_is_end: bool) -> Option<Self> {
        if cqe.more() {
            return None;
        }
        Some(match Error::check(opcode, cqe.result) {
            Ok(0) if empty_is_end => Self::Finished,
            Ok(_) => Self::Stopped,
            Err(error) if error.raw_os_error() == libc::ENOBUFS => Self::NoBuffers,
            Err(error) if error.is_cancelled() => Self::Cancelled,
            Err(error) => Self::Failed(error),
        })
    }
}

/// What comes back when a multishot operation is over.
#[derive(Debug)]
pub struct Ended<F> {
    /// Why it ended. The item of an error is the last one, with the same error.
    pub end: End,
    /// The file.
    pub file: F,
}
