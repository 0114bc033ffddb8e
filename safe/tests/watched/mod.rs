//! A buffer that shows what happens to its memory after it was freed.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use safe::buf::{IoBuf, IoBufMut};

/// The byte that a [`Watched`] is made of.
pub(crate) const FRESH: u8 = b'x';

/// That of memory pages, and of whatever else wants one.
const ALIGNMENT: usize = 4096;

/// The byte that a [`Watched`] leaves behind when it is dropped.
const FREED: u8 = 0xee;

/// A buffer whose memory stays, so that one can see what is written to it after it was freed.
pub(crate) struct Watched {
    memory: *mut u8,
    len: usize,
    drops: Arc<AtomicUsize>,
}

// SAFETY: the memory is the value's and its witness's, who looks when nobody writes.
unsafe impl Send for Watched {}

// SAFETY: the witness only looks at memory that is never unmapped.
unsafe impl Send for Witness {}

/// Sees what becomes of a [`Watched`].
pub(crate) struct Witness {
    memory: *const u8,
    len: usize,
    drops: Arc<AtomicUsize>,
}

impl Watched {
    pub(crate) fn new(len: usize) -> (Self, Witness) {
        // Aligned as `O_DIRECT` wants it.
        let memory = Box::leak(vec![FRESH; len + ALIGNMENT].into_boxed_slice());
        let begin = memory.as_ptr().align_offset(ALIGNMENT);
        let memory = memory[begin..].as_mut_ptr();
        let drops = Arc::new(AtomicUsize::new(0));
        let witness = Witness {
            memory,
            len,
            drops: drops.clone(),
        };
        (Self { memory, len, drops }, witness)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the memory is leaked; if an operation still writes there, that is what shows it.
        unsafe { ptr::write_bytes(self.memory, FREED, self.len) };
    }
}

impl Witness {
    /// How often the buffer was freed.
    pub(crate) fn drops(&self) -> usize {
        self.drops.load(Ordering::SeqCst)
    }

    /// Checks that the buffer was freed once, and that nothing was written to it after that.
    pub(crate) fn check(&self) {
        assert_eq!(self.drops(), 1, "times freed");
        for i in 0..self.len {
            // SAFETY: the memory is leaked.
            let byte = unsafe { ptr::read_volatile(self.memory.add(i)) };
            assert_eq!(byte, FREED, "byte {i} was written after it was freed");
        }
    }
}

// SAFETY: the memory stays for ever, wherever the value moves.
unsafe impl IoBuf for Watched {
    fn stable_ptr(&self) -> *const u8 {
        self.memory
    }

    fn bytes_init(&self) -> usize {
        self.len
    }
}

// SAFETY: as above, and only the value writes there.
unsafe impl IoBufMut for Watched {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.memory
    }

    fn bytes_total(&self) -> usize {
        self.len
    }

    unsafe fn set_init(&mut self, _: usize) {}
}
