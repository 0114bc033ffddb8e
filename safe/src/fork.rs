//! Tells a forked child from the process that made something.
//!
//! Mappings shared with the kernel are kept out of children (`MADV_DONTFORK`), so in a child their
//! addresses are free, and may by now belong to something else. Whoever holds such an address asks here
//! before using it. The process id would not do: ids are used again.

use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::mmap;

/// The last generation that was handed out, in this process or an ancestor.
static LAST: AtomicU32 = AtomicU32::new(0);

/// A page that the kernel zeroes in a child. `None` if it could not be had.
static PAGE: OnceLock<Option<Page>> = OnceLock::new();

struct Page(NonNull<AtomicU32>);

// SAFETY: the page holds an atomic, and is never unmapped.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

/// The process that was running when this value was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    /// The running process. `ENOMEM` if the first call finds no page of memory.
    pub(crate) fn current() -> io::Result<Self> {
        let page = PAGE.get_or_init(|| mmap::wiped_on_fork().ok().map(|page| Page(page.cast())));
        let Some(page) = page else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        // SAFETY: the page is mapped for reads and writes for ever, and zero is a value of an atomic.
        let word = unsafe { page.0.as_ref() };
        // Relaxed throughout: only a fork changes the answer, and that leaves one thread.
        let seen = word.load(Ordering::Relaxed);
        if seen != 0 {
            return Ok(Self(seen));
        }
        let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        match word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(Self(next)),
            Err(seen) => Ok(Self(seen)),
        }
    }

    /// Whether this is the process that made the value, and not a child of it.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        match PAGE.get() {
            // A child finds 0, or what it was given since, and neither was handed out before.
            // SAFETY: as in `current`; and relaxed as there.
            Some(Some(page)) => unsafe { page.0.as_ref() }.load(Ordering::Relaxed) == self.0,
            // Nobody has a value then.
            _ => false,
        }
    }
}
