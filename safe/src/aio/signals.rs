//! Sets of signals.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::MaybeUninit;

/// Signals that are blocked during a wait, see [`Context::wait_for`](super::Context::wait_for).
#[derive(Clone, Copy)]
pub struct Signals(libc::sigset_t);

impl Signals {
    /// No signal.
    #[must_use]
    pub fn none() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the call initialises the set.
        Self(unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// All signals.
    #[must_use]
    pub fn all() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the call initialises the set.
        Self(unsafe {
            libc::sigfillset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// These and one more.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such signal.
    pub fn with(mut self, signal: i32) -> io::Result<Self> {
        // SAFETY: the set is initialised.
        match unsafe { libc::sigaddset(&mut self.0, signal) } {
            0 => Ok(self),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// These but one.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such signal.
    pub fn without(mut self, signal: i32) -> io::Result<Self> {
        // SAFETY: the set is initialised.
        match unsafe { libc::sigdelset(&mut self.0, signal) } {
            0 => Ok(self),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether a signal is one of these.
    #[must_use]
    pub fn has(&self, signal: i32) -> bool {
        // SAFETY: the set is initialised.
        unsafe { libc::sigismember(&self.0, signal) == 1 }
    }

    pub(super) fn as_raw(&self) -> &libc::sigset_t {
        &self.0
    }
}

impl Debug for Signals {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all = 1..=libc::SIGRTMAX();
        f.debug_set()
            .entries(all.filter(|signal| self.has(*signal)))
            .finish()
    }
}
