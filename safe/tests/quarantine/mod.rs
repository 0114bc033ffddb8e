//! An allocator that keeps what is freed for a while, and sees whether somebody writes there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What freed memory is filled with.
const FREED: u8 = 0xee;

/// How many blocks are kept, and up to which size.
const BLOCKS: usize = 4096;
const LARGEST: usize = 4096;

/// The allocator.
pub(crate) struct Quarantine;

struct Kept {
    blocks: [(usize, usize, usize); BLOCKS],
    next: usize,
}

struct Locked {
    taken: AtomicBool,
    kept: UnsafeCell<Kept>,
}

// SAFETY: what is in the cell is used by who has taken the lock.
unsafe impl Sync for Locked {}

static KEPT: Locked = Locked {
    taken: AtomicBool::new(false),
    kept: UnsafeCell::new(Kept {
        blocks: [(0, 0, 0); BLOCKS],
        next: 0,
    }),
};

/// How many blocks were written to after they were freed.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

fn locked<T>(f: impl FnOnce(&mut Kept) -> T) -> T {
    while KEPT.taken.swap(true, Ordering::Acquire) {
        hint::spin_loop();
    }
    // SAFETY: the lock is taken, and `f` does not come here again: it allocates nothing.
    let answer = f(unsafe { &mut *KEPT.kept.get() });
    KEPT.taken.store(false, Ordering::Release);
    answer
}

/// Counts a block that was written to.
fn inspect(at: usize, size: usize) {
    // SAFETY: the block is the quarantine's, which has filled it.
    let bytes = unsafe { slice::from_raw_parts(at as *const u8, size) };
    if bytes.iter().any(|byte| *byte != FREED) {
        WRITTEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// Checks that nothing was written to memory that had been freed.
pub(crate) fn check() {
    locked(|kept| {
        for (at, size, _) in kept.blocks {
            if size > 0 {
                inspect(at, size);
            }
        }
    });
    let written = WRITTEN.load(Ordering::Relaxed);
    assert_eq!(written, 0, "blocks were written to after they were freed");
}

// SAFETY: the system's allocator does the work; a block is freed once, later.
unsafe impl GlobalAlloc for Quarantine {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() > LARGEST {
            // SAFETY: by the caller's promise.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: the block is free from now on, and has so many bytes.
        unsafe { block.write_bytes(FREED, layout.size()) };
        let (at, size, align) = locked(|kept| {
            let next = kept.next;
            kept.next = (next + 1) % BLOCKS;
            let new = (block as usize, layout.size(), layout.align());
            std::mem::replace(&mut kept.blocks[next], new)
        });
        if size > 0 {
            inspect(at, size);
            // SAFETY: the block came from the system's allocator with this layout.
            unsafe {
                System.dealloc(
                    at as *mut u8,
                    Layout::from_size_align_unchecked(size, align),
                );
            }
        }
    }
}
