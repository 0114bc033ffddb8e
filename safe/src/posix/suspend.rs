//! Waiting for one of many.

use std::fmt;
use std::time::{Duration, Instant};

use super::control::{self, Control};
use super::error::Error;

/// Most requests in one call of aio_suspend(3): glibc puts a few words for each on the stack.
const AT_A_TIME: usize = 512;

/// How long a call with only a part of the requests may last before the others are looked at.
const A_MOMENT: Duration = Duration::from_millis(2);

/// Longest wait of one call: the library adds it to a clock, and must not overflow.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A request to wait for with [`suspend`].
#[derive(Clone, Copy)]
pub struct Pending<'a>(pub(super) &'a Control);

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

/// Why [`suspend`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "only `Done` says that a request is over"]
pub enum Woken {
    /// At least one of the requests is over, or there was none to wait for.
    Done,
    /// The time is over and no request is (`EAGAIN`).
    TimedOut,
    /// A signal handler ran (`EINTR`), with or without `SA_RESTART`.
    Interrupted,
}

/// Waits until one of `requests` is over, a signal handler has run or `timeout` (`None`: no limit) is over:
/// aio_suspend(3).
///
/// Any number of requests and any duration will do. The library's function aborts the process or spins
/// for ever if given a bad time, overflows the stack if given too many requests and differs between
/// glibc and musl if given none; none of that can happen here. Beyond 512 requests the end of one can be
/// seen up to 2 ms late.
///
/// # Errors
///
/// [`Error::Os`] with what the library could not do; `ENOMEM` has been documented, never seen.
pub fn suspend<'a>(
    requests: impl IntoIterator<Item = Pending<'a>>,
    timeout: Option<Duration>,
) -> Result<Woken, Error> {
    let controls: Vec<&Control> = requests.into_iter().map(|pending| pending.0).collect();
    // A deadline that no clock can show is none.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let part = &controls[..controls.len().min(AT_A_TIME)];
    let longest = if part.len() < controls.len() {
        A_MOMENT
    } else {
        A_DAY
    };
    loop {
        if controls.is_empty() || controls.iter().any(|control| control.is_over()) {
            return Ok(Woken::Done);
        }
        let slice = match deadline {
            None => longest,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(Woken::TimedOut);
                }
                left.min(longest)
            }
        };
        match control::suspend(part, Some(slice)) {
            // Over is what `is_over` says, and late is what the clock says.
            Ok(()) | Err(libc::EAGAIN) => {}
            Err(libc::EINTR) => return Ok(Woken::Interrupted),
            Err(errno) => return Err(Error::Os(errno)),
        }
    }
}
