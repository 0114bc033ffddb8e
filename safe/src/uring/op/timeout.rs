//! Timeouts.

use std::time::Duration;

use super::clock::Time;
use super::{Clock, Cqe, Entry, Error, Multishot, Operation};
use crate::uring::Token;
use crate::uring::raw::opcode;
use crate::uring::raw::types::TimeoutFlags;

/// How a [`Timeout`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// The time is over.
    Time,
    /// The number of other completions that it waited for has come.
    Count,
}

/// Ends after a time, or after a number of other completions. Since Linux 5.4.
///
/// `ECANCELED` if it was cancelled or removed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::time::Duration;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Timeout::after(Duration::from_millis(1)))?;
/// assert_eq!(ring.wait(ticket)??, op::Elapsed::Time);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Timeout {
    time: Time,
    count: u32,
    success: bool,
}

impl Timeout {
    /// After this time.
    #[inline]
    pub fn after(time: Duration) -> Self {
        Self::with(Time::after(time))
    }

    /// When the clock shows this time. A time that has passed ends it at once.
    #[inline]
    pub fn at(clock: Clock, time: Duration) -> Self {
        Self::with(Time::at(clock, time))
    }

    #[inline]
    fn with(time: Time) -> Self {
        Self {
            time,
            count: 0,
            success: false,
        }
    }

    /// The clock by which the time counts. Usually [`Clock::Monotonic`].
    #[inline]
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.time = self.time.by(clock);
        self
    }

    /// Ends also once this many completions of operations queued before or after it have come; 0 for never.
    #[inline]
    #[must_use]
    pub fn count(mut self, completions: u32) -> Self {
        self.count = completions;
        self
    }

    /// Lets a chain go on when the time is over, which otherwise breaks it. Since Linux 5.16.
    #[inline]
    #[must_use]
    pub fn success(mut self) -> Self {
        self.success = true;
        self
    }
}

// SAFETY: the timespec lies in the value, thus in the table; the kernel only reads it.
unsafe impl Operation for Timeout {
    const OPCODE: u8 = opcode::Timeout::CODE;

    type Output = Result<Elapsed, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let mut flags = self.time.flags;
        flags.set(TimeoutFlags::ETIME_SUCCESS, self.success);
        *entry = opcode::Timeout::new(&self.time.timespec)
            .count(self.count)
            .flags(flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        if cqe.result == -libc::ETIME {
            return Ok(Elapsed::Time);
        }
        Error::check(Self::OPCODE, cqe.result).map(|_| Elapsed::Count)
    }
}

/// Fires again and again, each time after the same span. Since Linux 6.4.
///
/// Ends after the last time, or with an error: `ECANCELED` if it was cancelled. When completions come faster than
/// they are taken it ends early.
#[derive(Debug)]
pub struct TimeoutMultishot {
    time: Time,
    times: u32,
}

impl TimeoutMultishot {
    /// The span. Without end, unless [`times`](Self::times) says otherwise.
    #[inline]
    pub fn every(time: Duration) -> Self {
        Self {
            time: Time::after(time),
            times: 0,
        }
    }

    /// How many times it fires; 0 for without end.
    #[inline]
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The clock by which the time counts. Usually [`Clock::Monotonic`].
    #[inline]
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.time = self.time.by(clock);
        self
    }
}

// SAFETY: as for `Timeout`.
unsafe impl Multishot for TimeoutMultishot {
    const OPCODE: u8 = opcode::Timeout::CODE;

    type Item = Result<(), Error>;

    type Rest = ();

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Timeout::new(&self.time.timespec)
            .count(self.times)
            .flags(self.time.flags | TimeoutFlags::MULTISHOT)
            .build();
    }

    #[inline]
    unsafe fn item(_: *mut Self, cqe: Cqe) -> Self::Item {
        if cqe.result == -libc::ETIME {
            return Ok(());
        }
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }

    fn rest(self) {}
}

/// Gives a timeout another time; a count that it has is dropped. Since Linux 5.11.
///
/// `ENOENT` if there is no such timeout, `EALREADY` if it is just firing.
#[derive(Debug)]
pub struct TimeoutUpdate {
    timeout: Token,
    time: Time,
}

impl TimeoutUpdate {
    /// Which timeout, and how long it shall be from now on.
    #[inline]
    pub fn after(timeout: Token, time: Duration) -> Self {
        Self {
            timeout,
            time: Time::after(time),
        }
    }

    /// Which timeout, and until when. Before Linux 5.15, and for timeouts by another clock, only by the clock that
    /// it has.
    #[inline]
    pub fn at(timeout: Token, clock: Clock, time: Duration) -> Self {
        Self {
            timeout,
            time: Time::at(clock, time),
        }
    }

    /// The timeout is a [`LinkTimeout`](super::LinkTimeout). Since Linux 5.15.
    #[inline]
    #[must_use]
    pub fn link(mut self) -> Self {
        self.time.flags |= TimeoutFlags::LINK_TIMEOUT_UPDATE;
        self
    }
}

// SAFETY: as for `Timeout`.
unsafe impl Operation for TimeoutUpdate {
    const OPCODE: u8 = opcode::TimeoutUpdate::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let (key, time) = (self.timeout.0.0, &self.time.timespec);
        let update = if self.time.flags.contains(TimeoutFlags::LINK_TIMEOUT_UPDATE) {
            opcode::TimeoutUpdate::link(key, time)
        } else {
            opcode::TimeoutUpdate::new(key, time)
        };
        // The builder keeps what its constructor has set.
        *entry = update.flags(self.time.flags).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}

/// Removes a [`Timeout`], which then ends with `ECANCELED`. Since Linux 5.5.
///
/// `ENOENT` if there is no such timeout, `EALREADY` if it is just firing.
#[derive(Debug)]
pub struct TimeoutRemove {
    timeout: Token,
}

impl TimeoutRemove {
    /// Which timeout.
    #[inline]
    pub fn new(timeout: Token) -> Self {
        Self { timeout }
    }
}

// SAFETY: the entry names no memory.
unsafe impl Operation for TimeoutRemove {
    const OPCODE: u8 = opcode::TimeoutRemove::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::TimeoutRemove::new(self.timeout.0.0).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}
