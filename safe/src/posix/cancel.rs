//! What cancelling did.

use std::os::fd::{AsFd, AsRawFd};

use super::error::Error;
use super::process;

/// What cancelling did: the three answers of aio_cancel(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation that was not cancelled runs on"]
pub enum Cancel {
    /// Everything that was asked about is cancelled, and its result is [`Error::Canceled`]. Its notification
    /// comes all the same.
    Canceled,
    /// At least one operation runs on. glibc cannot stop what a worker has begun; musl can.
    NotCanceled,
    /// There was nothing left to cancel.
    AllDone,
}

/// Tries to cancel every operation of a descriptor, whoever started it: aio_cancel(3) without a control
/// block.
///
/// Descriptors are told apart by number: a duplicate's operations are not touched.
///
/// # Errors
///
/// [`Error::Forked`] in a child of the process that used POSIX AIO first, with glibc.
pub fn cancel_all(file: impl AsFd) -> Result<Cancel, Error> {
    process::may_start()?;
    Cancel::all(file.as_fd().as_raw_fd())
}
