//! Cancelling what drained operations wait for.
//!
//! A cancellation that is queued behind a drained operation waits for it, which may wait for what is to be
//! cancelled. So a ring that has seen a drained one cancels by io_uring_register(2), which waits for nothing. That
//! finds only what the kernel has begun, and is tried again until the operation is over.

use std::io;
use std::time::Duration;

use super::Ring;
use super::raw::types::{CancelBuilder, SubmitArgs, Timespec};
use super::raw::{cqueue, squeue};
use crate::inflight::{Key, Slot};

/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(100));

/// What is to be cancelled past drained operations.
#[derive(Default)]
pub(super) struct PastDrains {
    keys: Vec<Key>,
    pause: Duration,
}

impl PastDrains {
    pub(super) fn add(&mut self, key: Key) {
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
        self.pause = PAUSES.0;
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Tries to cancel what is to be, if the ring has seen a drained operation. Answers after which time to try
    /// again, if something is left.
    #[inline]
    pub(super) fn cancel_past_drains(&mut self) -> Option<Duration> {
        if self.past.is_some() {
            self.try_past_drains()
        } else {
            None
        }
    }

    #[cold]
    fn try_past_drains(&mut self) -> Option<Duration> {
        let mut past = self.past.take()?;
        let mut known = true;
        if !past.keys.is_empty() {
            // It finds only what was submitted, and begun.
            let _ = self.raw.submit();
            let _ = self.raw.submitter().flush_completions();
            past.keys.retain(|&key| {
                let slot = self.table().find(key);
                if !slot.is_some_and(Slot::is_in_flight) {
                    return false;
                }
                let which = CancelBuilder::user_data(key.0);
                let now = Some(Timespec::new());
                let answer = self.raw.submitter().register_sync_cancel(now, which);
                let error = answer.err().and_then(|error| error.raw_os_error());
                known &= error != Some(libc::EINVAL);
                error.is_some()
            });
        }
        if !known {
            // Before Linux 6.0: then as entries, and late.
            past.keys.drain(..).for_each(|key| self.push_cancel(key));
        }
        let pause = (!past.keys.is_empty()).then_some(past.pause);
        past.pause = (2 * past.pause).min(PAUSES.1);
        self.past = known.then_some(past);
        pause
    }

    /// As a plain entry into the kernel that waits for `want` completions, of a ring that has seen a drained
    /// operation.
    #[cold]
    pub(super) fn enter_past_drains(&mut self, want: usize) -> io::Result<usize> {
        let mut submitted = 0;
        loop {
            let pause = self.cancel_past_drains();
            let answer = match pause.map(Timespec::from) {
                Some(pause) => {
                    let args = SubmitArgs::new().timespec(&pause);
                    self.raw.submitter().submit_with_args(want, &args)
                }
                None => self.raw.submit_and_wait(want),
            };
            match answer {
                Ok(count) => submitted += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ETIME) => {}
                Err(error) => return Err(error),
            }
            if pause.is_none() || self.raw.completion().len() >= want {
                return Ok(submitted);
            }
        }
    }
}
