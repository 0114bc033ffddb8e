//! The end of an operation on musl: the call that its worker makes last.
//!
//! musl's worker first stores the result, and then takes the operation off the list that it keeps for the
//! descriptor's number. What is known there, whether the file can seek and appends, would be taken for that
//! of the next file with the number: a read or write at an offset went to the current position instead, if the
//! old file was a socket. The notification comes after that. So every operation has one, of ours, and is
//! over when it has come: only then is the descriptor closed.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use posix_aio::{SIGEV_THREAD, sigevent, sigval};

use super::notify::Notification;

/// Whether an operation has come to its end, and who is to be told.
pub(super) struct Ending {
    come: AtomicBool,
    armed: UnsafeCell<sigevent>,
}

impl Ending {
    pub(super) fn new() -> Self {
        Self {
            come: AtomicBool::new(false),
            armed: UnsafeCell::new(sigevent::default()),
        }
    }

    /// Sets what came from [`Notification::arm`].
    pub(super) fn set(&mut self, armed: sigevent) {
        *self.armed.get_mut() = armed;
    }

    /// What was set.
    pub(super) fn armed(&self) -> sigevent {
        // SAFETY: it is not written after `set`, which had it alone.
        unsafe { *self.armed.get() }
    }

    /// How the library is to tell of the end. The value must stay in place until that [has come](Self::has_come).
    pub(super) fn event(&self) -> sigevent {
        let mut event = sigevent {
            sigev_notify: SIGEV_THREAD,
            sigev_value: sigval {
                sival_ptr: ptr::from_ref(self).cast_mut().cast(),
            },
            ..sigevent::default()
        };
        event.set_sigev_notify_function(Some(come), ptr::null_mut());
        event
    }

    /// Whether it has come.
    pub(super) fn has_come(&self) -> bool {
        // Acquire: what the worker did to the block and the buffer came before.
        self.come.load(Ordering::Acquire)
    }
}

/// What the library calls, once, on the thread that did the work.
unsafe extern "C" fn come(value: sigval) {
    // SAFETY: the value is such a pointer, and what it points to stays until the end has come.
    let ending = unsafe { &*value.sival_ptr.cast::<Ending>() };
    // SAFETY: it came from `arm`, and is taken back here alone: the operation was not refused.
    let notification = unsafe { Notification::disarm(ending.armed()) };
    // A closure may wait for the result, and a signal tells that it is there. From the store on the value may be
    // gone. Release: for the load in `has_come`.
    let now = || ending.come.store(true, Ordering::Release);
    if notification.is_call() {
        now();
        notification.deliver();
    } else {
        notification.deliver();
        now();
    }
}
