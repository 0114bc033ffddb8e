//! A timeout for one operation of a chain.

use std::time::Duration;

use super::clock::Time;
use super::{Clock, Cqe, Entry, Error, Linked, Operation, link};
use crate::uring::raw::opcode;

/// What became of a [`LinkTimeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The operation was over before the time; or the chain broke before it began.
    NotFired,
    /// The time was over first, and the operation was cancelled.
    Fired,
    /// The time was over first, but the operation could not be stopped any more: it has its own result.
    TooLate,
}

/// Cancels the operation before it in a chain after a time. Since Linux 5.5.
///
/// `EINVAL` for one that is not behind an operation, or behind another timeout. It counts from when the operation
/// before it begins.
#[derive(Debug)]
pub struct LinkTimeout {
    time: Time,
}

impl LinkTimeout {
    /// After this time.
    #[inline]
    pub fn after(time: Duration) -> Self {
        Self {
            time: Time::after(time),
        }
    }

    /// When the clock shows this time.
    #[inline]
    pub fn at(clock: Clock, time: Duration) -> Self {
        Self {
            time: Time::at(clock, time),
        }
    }

    /// The clock by which the time counts. Usually [`Clock::Monotonic`].
    #[inline]
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.time = self.time.by(clock);
        self
    }
}

// SAFETY: the timespec lies in the value, thus in the table; the kernel only reads it.
unsafe impl Operation for LinkTimeout {
    const OPCODE: u8 = opcode::LinkTimeout::CODE;

    type Output = Result<Expiry, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::LinkTimeout::new(&self.time.timespec)
            .flags(self.time.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // It answers what cancelling the operation answered, or `ETIME` for success. Some operations answer 1 to
        // that, which is passed on up to Linux 7.2.
        match -cqe.result {
            libc::ECANCELED => Ok(Expiry::NotFired),
            libc::ETIME => Ok(Expiry::Fired),
            libc::EALREADY | libc::ENOENT => Ok(Expiry::TooLate),
            _ => Error::check(Self::OPCODE, cqe.result).map(|_| Expiry::Fired),
        }
    }
}

/// The operation, cancelled if it takes longer than `time`.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io;
/// use std::time::Duration;
/// use std::os::unix::net::UnixStream;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let (empty, _writer) = UnixStream::pair()?;
/// let read = op::Read::new(empty, vec![0; 16]);
/// let tickets = ring.push_chain(op::with_timeout(read, Duration::from_millis(1)))?;
/// let (read, expiry) = ring.wait_chain(tickets)?.outputs;
/// assert!(read.result.is_err());
/// assert_eq!(expiry?, op::Expiry::Fired);
/// # Ok::<(), io::Error>(())
/// ```
#[inline]
pub fn with_timeout<O: Operation>(operation: O, time: Duration) -> Linked<O, LinkTimeout> {
    link(operation, LinkTimeout::after(time))
}
