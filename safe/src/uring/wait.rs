//! Waiting for some time, or for some number of completions.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::op::{Multishot, Operation};
use super::raw::types::{SubmitArgs, Timespec};
use super::raw::{cqueue, squeue};
use super::{Ring, Scope, ScopedTicket, SignalSet, Stream, Ticket, Tried, WaitError};

/// What to wait for; see [`Ring::wait_for`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until a ring is asked to wait"]
pub struct Wait {
    completions: usize,
    timeout: Option<Duration>,
    batch: Option<Duration>,
    signals: Option<SignalSet>,
}

impl Wait {
    /// Until this many completions have come, of whichever operations. A multishot operation may bring several; a
    /// message counts as one.
    pub fn new(completions: usize) -> Self {
        Self {
            completions,
            timeout: None,
            batch: None,
            signals: None,
        }
    }

    /// But no longer than this. Since Linux 5.11.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// After this time one completion is enough. In whole microseconds, at most about 71 minutes. Since Linux 6.12;
    /// `EINVAL` before.
    pub fn batch(mut self, time: Duration) -> Self {
        self.batch = Some(time);
        self
    }

    /// With these signals blocked, and all others not, as ppoll(2) does. A signal that is handled then ends the wait.
    /// Since Linux 5.11.
    pub fn signals(mut self, blocked: SignalSet) -> Self {
        self.signals = Some(blocked);
        self
    }
}

/// A ticket or stream that may have something for its owner.
pub trait Pending {
    /// Whether a result is there, as far as the ring knows.
    fn is_ready(&self) -> bool;
}

impl<O: Operation> Pending for Ticket<O> {
    fn is_ready(&self) -> bool {
        self.is_done()
    }
}

impl<O: Operation> Pending for ScopedTicket<'_, O> {
    fn is_ready(&self) -> bool {
        self.is_done()
    }
}

impl<M: Multishot> Pending for Stream<M> {
    /// Also when it is over.
    fn is_ready(&self) -> bool {
        self.has_items() || self.is_over()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Submits what is queued, and waits until this many completions have come. Answers how many have.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked. A signal does not interrupt it.
    pub fn submit_and_wait(&mut self, completions: usize) -> io::Result<usize> {
        self.wait_for(&Wait::new(completions))
    }

    /// Submits what is queued, and waits. Answers how many completions have come, which are fewer than asked for
    /// when the time is over.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::time::Duration;
    ///
    /// use safe::uring::{Ring, Wait, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let first = ring.push(op::Nop::new())?;
    /// let second = ring.push(op::Timeout::after(Duration::from_secs(1000)))?;
    /// let wait = Wait::new(2).timeout(Duration::from_millis(1));
    /// assert_eq!(ring.wait_for(&wait)?, 1);
    /// assert!(first.is_done() && !second.is_done());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked: `EINVAL` where it is too old for the wait. `EINTR` if a signal was handled
    /// before a completion came, in a wait with [`Wait::signals`]; otherwise a signal does not interrupt it.
    pub fn wait_for(&mut self, wait: &Wait) -> io::Result<usize> {
        let deadline = wait
            .timeout
            .and_then(|time| Instant::now().checked_add(time));
        let mut count = self.reap();
        loop {
            let want = wait.completions.saturating_sub(count);
            self.make_ready(want)?;
            let until = match self.cancel_past_drains() {
                Some(pause) => {
                    let pause = Instant::now() + pause;
                    Some(deadline.map_or(pause, |deadline| deadline.min(pause)))
                }
                None => deadline,
            };
            let entered = self.enter_for(want, wait, until);
            count += self.reap();
            match entered {
                Ok(()) if count >= wait.completions => return Ok(count),
                // The kernel ended the wait, since the time for a whole batch is over.
                Ok(()) if wait.batch.is_some() && count > 0 => return Ok(count),
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ETIME) => {
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        return Ok(count);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    if wait.signals.is_some() {
                        return if count > 0 { Ok(count) } else { Err(error) };
                    }
                }
                Err(_) if count > 0 => return Ok(count),
                Err(error) => return Err(error),
            }
        }
    }

    fn enter_for(&mut self, want: usize, wait: &Wait, deadline: Option<Instant>) -> io::Result<()> {
        if wait.signals.is_some() {
            // The answer to a submission would hide that a signal has come.
            self.raw.submit()?;
        }
        let left = deadline
            .map(|deadline| Timespec::from(deadline.saturating_duration_since(Instant::now())));
        let mut args = SubmitArgs::new();
        if let Some(time) = wait.batch {
            let time = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
            args = args.min_wait_usec(time);
        }
        let submitter = self.raw.submitter();
        let entered = match (&left, &wait.signals) {
            (None, None) if wait.batch.is_none() => submitter.submit_and_wait(want),
            (None, None) => submitter.submit_with_args(want, &args),
            (Some(left), None) => submitter.submit_with_args(want, &args.timespec(left)),
            (None, Some(set)) => submitter.submit_with_args(want, &args.sigmask(&set.0)),
            (Some(left), Some(set)) => {
                submitter.submit_with_args(want, &args.timespec(left).sigmask(&set.0))
            }
        };
        entered.map(drop)
    }

    /// As [`wait`](Self::wait), for some time: then the ticket comes back. Since Linux 5.11.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::io::{self, Write};
    /// use std::time::Duration;
    /// use std::os::unix::net::UnixStream;
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let (reader, mut writer) = UnixStream::pair()?;
    /// let read = ring.push(op::Read::new(reader, Vec::with_capacity(8)))?;
    /// let Err(read) = ring.wait_timeout(read, Duration::from_millis(1))? else {
    ///     panic!("nothing was written");
    /// };
    /// writer.write_all(b"late")?;
    /// assert_eq!(ring.wait(read)?.buf, b"late");
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Panics
    ///
    /// If the ticket is another ring's.
    pub fn wait_timeout<O: Operation>(&mut self, ticket: Ticket<O>, timeout: Duration) -> Tried<O> {
        self.own(&ticket);
        match self.wait_until(Some(timeout), || ticket.is_done()) {
            Ok(true) => Ok(Ok(ticket.take())),
            Ok(false) => Ok(Err(ticket)),
            Err(error) => Err(WaitError { error, ticket }),
        }
    }

    /// Waits until one of them is ready, and answers which: the first that is. Submits what is queued.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::time::Duration;
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let slow = ring.push(op::Timeout::after(Duration::from_secs(1000)))?;
    /// let quick = ring.push(op::Nop::new())?;
    /// assert_eq!(ring.wait_any(&[&slow, &quick])?, 1);
    /// ring.wait(quick)??;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `EINVAL` if there are none; else as for [`submit_and_wait`](Self::submit_and_wait).
    pub fn wait_any(&mut self, pending: &[&dyn Pending]) -> io::Result<usize> {
        if pending.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let ready = || pending.iter().position(|one| one.is_ready());
        self.wait_until(None, || ready().is_some())?;
        Ok(ready().unwrap_or(0))
    }

    /// Waits until something holds, which completions bring about. False if the time is over first.
    fn wait_until(
        &mut self,
        timeout: Option<Duration>,
        holds: impl Fn() -> bool,
    ) -> io::Result<bool> {
        let deadline = timeout.and_then(|time| Instant::now().checked_add(time));
        loop {
            if holds() {
                return Ok(true);
            }
            let mut wait = Wait::new(1);
            if let Some(deadline) = deadline {
                wait = wait.timeout(deadline.saturating_duration_since(Instant::now()));
            }
            if self.wait_for(&wait)? == 0 {
                return Ok(holds());
            }
        }
    }

    /// Has the kernel add 1 to an eventfd when completions are posted, once or more for each batch: for loops that
    /// wait on an eventfd rather than on the ring, which is [`AsFd`] itself. Since Linux 5.2.
    ///
    /// The kernel keeps the eventfd open until [`clear_eventfd`](Self::clear_eventfd), or until the ring is gone.
    ///
    /// # Errors
    ///
    /// `EBUSY` if there is one; `EINVAL` for what is not an eventfd.
    pub fn set_eventfd(&mut self, eventfd: impl AsFd) -> io::Result<()> {
        self.raw.submitter().register_eventfd(eventfd.as_fd())
    }

    /// Undoes [`set_eventfd`](Self::set_eventfd).
    ///
    /// # Errors
    ///
    /// `ENXIO` if there is none.
    pub fn clear_eventfd(&mut self) -> io::Result<()> {
        self.raw.submitter().unregister_eventfd()
    }
}

impl<'scope, S: squeue::EntryMarker, C: cqueue::EntryMarker> Scope<'scope, '_, S, C> {
    /// As [`Ring::submit_and_wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn submit_and_wait(&mut self, completions: usize) -> io::Result<usize> {
        self.ring.submit_and_wait(completions)
    }

    /// As [`Ring::wait_for`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait_for(&mut self, wait: &Wait) -> io::Result<usize> {
        self.ring.wait_for(wait)
    }

    /// As [`Ring::wait_any`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait_any(&mut self, pending: &[&dyn Pending]) -> io::Result<usize> {
        self.ring.wait_any(pending)
    }

    /// As [`Ring::wait_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait_timeout<O: Operation>(
        &mut self,
        ticket: ScopedTicket<'scope, O>,
        timeout: Duration,
    ) -> Tried<O, ScopedTicket<'scope, O>> {
        self.ring.own(&ticket.ticket);
        match self.ring.wait_until(Some(timeout), || ticket.is_done()) {
            Ok(true) => {
                self.taken += 1;
                Ok(Ok(ticket.ticket.take()))
            }
            Ok(false) => Ok(Err(ticket)),
            Err(error) => Err(WaitError { error, ticket }),
        }
    }
}
