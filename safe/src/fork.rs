//! Tells a forked child from the process that made something.
//!
//! Mappings shared with the kernel are kept out of children (`MADV_DONTFORK`), so in a child their
//! addresses are free, and may by now belong to something else. Whoever holds such an address asks here
//! before using it. The process id would not do: ids are used again.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::mmap;

/// The last generation that was handed out, in this process or an ancestor.
static LAST: AtomicU32 = AtomicU32::new(0);

/// A word of a page that the kernel zeroes in a child. `None` if it could not be had.
static WORD: OnceLock<Option<&AtomicU32>> = OnceLock::new();

/// The process that was running when this value was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generation {
    number: u32,
    /// Here too, since every use of a ring asks: then that takes no look at whether there is one.
    word: &'static AtomicU32,
}

impl PartialEq for Generation {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Generation {}

impl Generation {
    /// The running process. `ENOMEM` if the first call finds no page of memory.
    pub(crate) fn current() -> io::Result<Self> {
        let word = WORD.get_or_init(|| {
            let page = mmap::wiped_on_fork().ok()?;
            // SAFETY: the page is mapped for reads and writes for ever, and zero is a value of an atomic.
            Some(unsafe { page.cast().as_ref() })
        });
        let word = word.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        // Relaxed throughout: only a fork changes the answer, and that leaves one thread.
        let mut number = word.load(Ordering::Relaxed);
        if number == 0 {
            let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            number = match word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => next,
                Err(seen) => seen,
            };
        }
        Ok(Self { number, word })
    }

    /// Whether this is the process that made the value, and not a child of it.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        // A child finds 0, or what it was given since, and neither was handed out before.
        self.word.load(Ordering::Relaxed) == self.number
    }
}
