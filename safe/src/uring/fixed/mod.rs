//! What is registered with a ring: files in slots, and memory that the kernel has pinned.

mod buffers;
mod files;
mod leases;

use std::sync::atomic::{AtomicUsize, Ordering};

pub use buffers::{FixedBuf, FixedBuffers, FixedSlice, LeaseError, Registered};
pub use files::{Files, FixedFd};

use super::raw::Submitter;

/// Names a ring: what is registered with one means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RingId(usize);

impl RingId {
    fn next() -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: only that no two are equal counts.
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a ring has registered.
pub(super) struct Fixed {
    pub(super) id: RingId,
    files: Option<Files>,
    buffers: Option<FixedBuffers>,
}

impl Fixed {
    pub(super) fn new() -> Self {
        Self {
            id: RingId::next(),
            files: None,
            buffers: None,
        }
    }

    /// Whether there are slots to be emptied.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.files.as_ref().is_some_and(Files::is_due)
    }

    /// Empties the slots whose handles are gone.
    #[cold]
    pub(super) fn tidy(&self, ring: &Submitter<'_>) {
        if let Some(files) = &self.files {
            files.tidy(ring);
        }
    }

    /// Gives the kernel's references back. Nothing is in flight.
    pub(super) fn unregister(&mut self, ring: &Submitter<'_>) {
        // Closing the ring does the same, some time later.
        if self.files.take().is_some() {
            let _ = ring.unregister_files();
        }
        if self.buffers.take().is_some() {
            let _ = ring.unregister_buffers();
        }
    }
}
