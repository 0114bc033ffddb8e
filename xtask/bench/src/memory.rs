//! Memory of jobs: aligned for `O_DIRECT`, a piece for each slot.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// What `O_DIRECT` asks for at most.
const ALIGN: usize = 4096;

/// One block of memory, cut into pieces of the same size.
pub(crate) struct Slab {
    start: NonNull<u8>,
    len: usize,
    piece: usize,
    /// How it was allocated, if it was.
    layout: Option<Layout>,
}

impl Slab {
    /// Zeroed pieces of at least `size` bytes, each aligned for `O_DIRECT`.
    pub(crate) fn new(pieces: usize, size: usize) -> Self {
        let piece = size.max(1).next_multiple_of(ALIGN);
        let layout = Layout::from_size_align(pieces.max(1) * piece, ALIGN).expect("a layout");
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        Self {
            start,
            len: layout.size(),
            piece,
            layout: Some(layout),
        }
    }

    /// Pieces of memory that somebody else has allocated.
    ///
    /// # Safety
    ///
    /// The memory is initialised, and as long as the slab lives it is there and used through it alone.
    pub(crate) unsafe fn borrowed(start: *mut u8, pieces: usize, piece: usize) -> Self {
        Self {
            start: NonNull::new(start).expect("memory is somewhere"),
            len: pieces * piece,
            piece,
            layout: None,
        }
    }

    /// The first byte of a piece.
    #[inline]
    pub(crate) fn piece(&self, at: usize) -> *mut u8 {
        debug_assert!((at + 1) * self.piece <= self.len);
        self.start.as_ptr().wrapping_add(at * self.piece)
    }

    /// All of it.
    pub(crate) fn whole(&self) -> (*mut u8, usize) {
        (self.start.as_ptr(), self.len)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if let Some(layout) = self.layout {
            // SAFETY: allocated so, and no longer used: an engine is dropped before its job.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

/// A part of a slot's memory, for interfaces that take buffers by value.
#[derive(Debug)]
pub(crate) struct Piece {
    start: *mut u8,
    len: usize,
}

impl Piece {
    /// The memory of an operation.
    ///
    /// # Safety
    ///
    /// It is the only one of this memory, which stays until the piece is dropped, or forgotten and the process ends.
    pub(crate) unsafe fn new(start: *mut u8, len: usize) -> Self {
        Self { start, len }
    }
}

// SAFETY: the memory stays where it is, by the promise of `new`.
unsafe impl safe::buf::IoBuf for Piece {
    fn stable_ptr(&self) -> *const u8 {
        self.start
    }

    fn bytes_init(&self) -> usize {
        self.len
    }
}

// SAFETY: as above; the piece is the only one of this memory.
unsafe impl safe::buf::IoBufMut for Piece {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.start
    }

    fn bytes_total(&self) -> usize {
        self.len
    }

    unsafe fn set_init(&mut self, _count: usize) {}
}
// SAFETY: it is a plain owner of bytes.
unsafe impl Send for Piece {}
// SAFETY: it has no interior mutability.
unsafe impl Sync for Piece {}

#[cfg(feature = "peers")]
mod peers {
    use super::Piece;

    impl compio::buf::IoBuf for Piece {
        fn as_init(&self) -> &[u8] {
            // SAFETY: the memory is initialised and stays, by the promise of `new`.
            unsafe { std::slice::from_raw_parts(self.start, self.len) }
        }
    }

    impl compio::buf::SetLen for Piece {
        unsafe fn set_len(&mut self, _len: usize) {}
    }

    impl compio::buf::IoBufMut for Piece {
        fn as_uninit(&mut self) -> &mut [std::mem::MaybeUninit<u8>] {
            // SAFETY: as above; the piece is the only one of this memory.
            unsafe { std::slice::from_raw_parts_mut(self.start.cast(), self.len) }
        }
    }

    // SAFETY: the memory stays where it is, by the promise of `new`.
    unsafe impl monoio::buf::IoBuf for Piece {
        fn read_ptr(&self) -> *const u8 {
            self.start
        }

        fn bytes_init(&self) -> usize {
            self.len
        }
    }

    // SAFETY: as above; the piece is the only one of this memory.
    unsafe impl monoio::buf::IoBufMut for Piece {
        fn write_ptr(&mut self) -> *mut u8 {
            self.start
        }

        fn bytes_total(&mut self) -> usize {
            self.len
        }

        unsafe fn set_init(&mut self, _pos: usize) {}
    }

    // SAFETY: the memory stays where it is, by the promise of `new`.
    unsafe impl tokio_uring::buf::IoBuf for Piece {
        fn stable_ptr(&self) -> *const u8 {
            self.start
        }

        fn bytes_init(&self) -> usize {
            self.len
        }

        fn bytes_total(&self) -> usize {
            self.len
        }
    }

    // SAFETY: as above; the piece is the only one of this memory.
    unsafe impl tokio_uring::buf::IoBufMut for Piece {
        fn stable_mut_ptr(&mut self) -> *mut u8 {
            self.start
        }

        unsafe fn set_init(&mut self, _pos: usize) {}
    }
}
