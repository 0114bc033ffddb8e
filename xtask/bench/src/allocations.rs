//! Counts heap allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static MADE: AtomicU64 = AtomicU64::new(0);

/// Only then is it counted: counting takes time, too.
static COUNTS: AtomicBool = AtomicBool::new(false);

/// How many allocations `f` makes, of all threads.
pub(crate) fn during(f: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let before = MADE.load(Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    let result = f();
    COUNTS.store(false, Ordering::Relaxed);
    result.map(|()| MADE.load(Ordering::Relaxed) - before)
}

#[inline]
fn made() {
    if COUNTS.load(Ordering::Relaxed) {
        MADE.fetch_add(1, Ordering::Relaxed);
    }
}

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: each call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        made();
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: by the caller's promise; what was allocated came from `System`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        made();
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}
