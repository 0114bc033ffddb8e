//! Sets of signals.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::mem::MaybeUninit;

/// The signals that are blocked during a wait; see [`Wait::signals`](super::Wait::signals).
#[derive(Clone, Copy)]
pub struct SignalSet(pub(super) libc::sigset_t);

impl SignalSet {
    /// No signal.
    pub fn empty() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the function initialises the set, and cannot fail.
        Self(unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        })
    }

    /// All signals.
    pub fn full() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: as above.
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

    /// Whether the signal is one of them.
    pub fn has(&self, signal: i32) -> bool {
        // SAFETY: the set is initialised.
        unsafe { libc::sigismember(&self.0, signal) == 1 }
    }
}

impl Debug for SignalSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries((1..=64).filter(|&signal| self.has(signal)))
            .finish()
    }
}
