//! A file whose drop panics.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic;

/// A file that panics when it is dropped.
pub(crate) struct Panics(pub(crate) File);

impl AsFd for Panics {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic::resume_unwind(Box::new("in a drop"));
    }
}
