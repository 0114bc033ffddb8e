//! What comes back when an operation cannot be queued: shared by io_uring and native AIO.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

/// An operation that was not queued, for a reason `R`.
pub struct Rejected<O, R> {
    reason: R,
    /// The operation, as it was.
    pub operation: O,
}

impl<O, R: Copy> Rejected<O, R> {
    #[cold]
    #[inline]
    pub(crate) fn new(reason: R, operation: O) -> Self {
        Self { reason, operation }
    }

    /// Why.
    pub fn reason(&self) -> R {
        self.reason
    }

    #[cfg(feature = "uring")]
    pub(crate) fn map<T>(self, f: impl FnOnce(O) -> T) -> Rejected<T, R> {
        Rejected {
            reason: self.reason,
            operation: f(self.operation),
        }
    }
}

impl<O, R: Display> Display for Rejected<O, R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.reason, f)
    }
}

impl<O, R: Debug> Debug for Rejected<O, R> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<O, R: Debug + Display> Error for Rejected<O, R> {}
