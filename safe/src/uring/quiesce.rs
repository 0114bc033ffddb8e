//! How a ring ends: what is in flight is cancelled, and waited for.

use std::io;
use std::mem::ManuallyDrop;
use std::time::Duration;

use super::Ring;
use super::raw::types::{SubmitArgs, Timespec};
use super::raw::{cqueue, squeue};
use crate::broken::broken;
use crate::inflight::{Key, Slot};

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Cancels what is in flight, of all operations or of those that borrow from a scope, and waits until it is
    /// over. False if that cannot be known.
    pub(super) fn drain(&mut self, scoped: bool) -> bool {
        self.reap();
        if broken("close") {
            let table = self.table();
            for slot in table.in_flight(scoped).filter_map(|key| table.find(key)) {
                // SAFETY: none; the tests are to show it.
                unsafe { table.forget(slot) };
            }
        }
        let mut left: Vec<Key> = self.table().in_flight(scoped).collect();
        for key in &left {
            self.table().cancel_later(*key);
        }
        let mut pause = Duration::from_millis(10);
        let mut again = false;
        loop {
            while let Some(last) = left.last() {
                if self.table().find(*last).is_some_and(Slot::is_in_flight) {
                    break;
                }
                left.pop();
            }
            let Some(last) = left.last() else {
                return true;
            };
            if again {
                // What was linked behind an operation that is over may only now have begun.
                self.table().cancel_later(*last);
            }
            match self.enter_within(pause) {
                Err(error) if error.raw_os_error() == Some(libc::ETIME) => {
                    // A cancellation can miss an operation that is on its way from a worker to a poll.
                    for key in &left {
                        self.table().cancel_later(*key);
                    }
                    pause = (2 * pause).min(Duration::from_secs(1));
                }
                Err(_) if self.raw.completion().is_empty() => return false,
                _ => {}
            }
            again = self.reap() > 0;
        }
    }

    /// As `enter(1)`, but fails with `ETIME` when nothing comes for so long, where the kernel can do that: since
    /// Linux 5.11.
    fn enter_within(&mut self, pause: Duration) -> io::Result<usize> {
        // What waits for drained operations is cancelled again and again as it is.
        if self.past.is_some() || !self.setup().params().is_feature_ext_arg() {
            return self.enter(1);
        }
        self.make_ready(1)?;
        let pause = Timespec::from(pause);
        let args = SubmitArgs::new().timespec(&pause);
        match self.raw.submitter().submit_with_args(1, &args) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            answer => answer,
        }
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Drop for Ring<S, C> {
    fn drop(&mut self) {
        if self.is_forked() {
            // A forked child: the operations are its parent's, which alone can wait for them.
            // SAFETY: the ring is not used again; its memory is not mapped here.
            unsafe { ManuallyDrop::drop(&mut self.raw) };
            return;
        }
        if !self.drain(false) {
            // Never free what the kernel may still use.
            return;
        }
        self.fixed.unregister(&self.raw.submitter());
        // SAFETY: the ring is not used again. Nothing is in flight.
        unsafe { ManuallyDrop::drop(&mut self.raw) };
        // SAFETY: nothing is in flight.
        if unsafe { self.table().abandon() } {
            // SAFETY: the answer says so; the ring ends here.
            unsafe { self.shared().free() };
        }
    }
}
