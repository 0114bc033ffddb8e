//! The atomics of the ring protocols: real ones in memory shared with the kernel, and the model's in
//! the tests that explore every interleaving.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(all(feature = "uring", not(all(test, loom))))]
pub(crate) use std::sync::atomic::fence;

#[cfg(all(feature = "uring", test, loom))]
pub(crate) use loom::sync::atomic::fence;

/// A 32-bit word that two sides read and write without locks.
pub(crate) trait Word {
    /// Reads the word.
    fn load(&self, order: Ordering) -> u32;
    /// Writes the word.
    fn store(&self, value: u32, order: Ordering);
}

/// A word in memory shared with the kernel.
#[derive(Clone, Copy)]
pub(crate) struct SharedWord(NonNull<AtomicU32>);

// SAFETY: a pointer to an atomic may be used by every thread.
unsafe impl Send for SharedWord {}
// SAFETY: as above.
unsafe impl Sync for SharedWord {}

impl SharedWord {
    /// A word at `at`.
    ///
    /// # Safety
    ///
    /// `at` is aligned to 4 and mapped for reads and writes whenever a method is called on the result
    /// or a copy of it, and nobody makes other than atomic accesses to it.
    pub(crate) unsafe fn new(at: NonNull<u32>) -> Self {
        Self(at.cast())
    }

    #[inline]
    fn atomic(&self) -> &AtomicU32 {
        // SAFETY: by the promise made to `new`. An atomic is interior mutable: a reference to it claims
        // nothing about who else writes it.
        unsafe { self.0.as_ref() }
    }

    /// Sets the bits of `mask`.
    #[cfg(feature = "uring")]
    #[inline]
    pub(crate) fn fetch_or(&self, mask: u32, order: Ordering) {
        self.atomic().fetch_or(mask, order);
    }

    /// Clears the bits that are not in `mask`.
    #[cfg(feature = "uring")]
    #[inline]
    pub(crate) fn fetch_and(&self, mask: u32, order: Ordering) {
        self.atomic().fetch_and(mask, order);
    }
}

impl Word for SharedWord {
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.atomic().load(order)
    }

    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        self.atomic().store(value, order);
    }
}

#[cfg(all(test, loom))]
impl Word for loom::sync::Arc<loom::sync::atomic::AtomicU32> {
    fn load(&self, order: Ordering) -> u32 {
        (**self).load(order)
    }

    fn store(&self, value: u32, order: Ordering) {
        (**self).store(value, order);
    }
}
