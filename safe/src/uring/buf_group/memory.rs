//! The memory of a group's buffers.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Zeroed buffers of one size, one behind the other. It is never referred to as a whole: the kernel writes to some of
/// the buffers while others are read.
///
/// It is private to the process: a forked child has a copy.
#[derive(Debug)]
pub(super) struct Memory {
    at: NonNull<u8>,
    layout: Layout,
    size: u32,
}

impl Memory {
    /// `count` buffers of `size` bytes, neither 0. `None` if that is too much.
    pub(super) fn new(count: u32, size: u32) -> Option<Self> {
        // Buffers of whole pages begin with a page.
        let align = if size % 4096 == 0 { 4096 } else { 64 };
        let bytes = (count as usize).checked_mul(size as usize)?;
        let layout = Layout::from_size_align(bytes, align).ok()?;
        if bytes == 0 {
            return None;
        }
        // SAFETY: the size is not 0.
        let at = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { at, layout, size })
    }

    /// The bytes of a buffer.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Where a byte of a buffer is, or where the buffer ends.
    #[inline]
    pub(super) fn at(&self, buffer: u16, offset: u32) -> *mut u8 {
        let offset = usize::from(buffer) * self.size as usize + offset as usize;
        assert!(offset <= self.layout.size(), "no such byte");
        // SAFETY: it is within the allocation, or at its end.
        unsafe { self.at.as_ptr().add(offset) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was allocated like this, and whoever uses it keeps it.
        unsafe { dealloc(self.at.as_ptr(), self.layout) };
    }
}
