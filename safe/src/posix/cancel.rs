//! What cancelling did, and cancelling all operations of a descriptor.

use std::os::fd::{AsFd, AsRawFd};

use super::error::Error;
use super::process;

/// What cancelling did: the three answers of aio_cancel(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation that was not cancelled runs on"]
pub enum Cancel {
    /// Everything that was asked about is cancelled and over, and its result is [`Error::Canceled`]. Its
    /// notification comes all the same.
    Canceled,
    /// At least one operation runs on. glibc cannot stop what a worker has begun, and is not asked to take out
    /// of a descriptor's queue a single one that others stand behind; musl stops reads, and is not asked to stop
    /// anything else.
    NotCanceled,
    /// There was nothing left to cancel.
    AllDone,
}

/// Tries to cancel every operation of a descriptor: aio_cancel(3) without a control block.
///
/// Descriptors are told apart by number: a duplicate's operations are not touched. With glibc those that other
/// code than this module's started are cancelled too. With musl, whose function can hang for ever if an
/// operation waits for earlier writes, each read that this module started is cancelled by itself.
///
/// # Errors
///
/// [`Error::Forked`] in a child of the process that used POSIX AIO first, with glibc.
pub fn cancel_all(file: impl AsFd) -> Result<Cancel, Error> {
    process::may_start()?;
    let fd = file.as_fd().as_raw_fd();
    #[cfg(target_env = "gnu")]
    let answer = Cancel::all(fd);
    #[cfg(not(target_env = "gnu"))]
    let answer = Ok(super::known::cancel(fd));
    answer
}
