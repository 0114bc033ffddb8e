//! Memory for the kernel to read and write, which outlives every request that names it.

use std::ffi::c_int;
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};

/// Whole pages of memory that are never given back: no request can outlive them, whatever becomes of the case.
///
/// The content is only ever copied in and out, for the kernel may be writing to it.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    start: NonNull<u8>,
    len: usize,
}

impl Buffer {
    /// `len` bytes of zeroes at the start of a page. Pages take no memory until they are touched.
    pub fn zeroed(len: usize) -> io::Result<Buffer> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at a place of the kernel's choice changes no memory that is in use.
        let start = unsafe { libc::mmap(ptr::null_mut(), len.max(1), protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Buffer { start, len })
    }

    /// A copy of `bytes` at the start of a page.
    pub fn of(bytes: &[u8]) -> io::Result<Buffer> {
        let buffer = Buffer::zeroed(bytes.len())?;
        // SAFETY: the mapping is new, writable and at least this long.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.start.as_ptr(), bytes.len()) };
        Ok(buffer)
    }

    /// The same memory without the right to write to it, or with no right at all: `PROT_READ`, `PROT_NONE`.
    ///
    /// That holds for whole pages, so it must begin with one (`EINVAL`). [`bytes`](Self::bytes) of memory that may not be
    /// read ends the process.
    pub fn protected(self, protection: c_int) -> io::Result<Buffer> {
        if self.is_empty() {
            return Ok(self);
        }
        // SAFETY: the pages from the first byte to the last were mapped by this module and hold nothing but buffers, to
        // which there are no references.
        match unsafe { libc::mprotect(self.start.as_ptr().cast(), self.len, protection) } {
            0 => Ok(self),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// A part of it.
    ///
    /// # Panics
    ///
    /// If the range is not within the buffer.
    pub fn part(self, range: Range<usize>) -> Buffer {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "{range:?}"
        );
        Buffer {
            // SAFETY: the start of the range is within the buffer, or just behind it.
            start: unsafe { self.start.add(range.start) },
            len: range.len(),
        }
    }

    /// The first byte. Valid for reads and writes of [`len`](Self::len) bytes unless they are [protected](Self::protected).
    pub fn pointer(self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The address of the first byte, as requests have it.
    pub fn address(self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// A copy of the content.
    pub fn bytes(self) -> Vec<u8> {
        let byte = |i| {
            // SAFETY: `i` is below `len`, and the mapping is never removed. Volatile, since the kernel may write to it.
            unsafe { self.start.as_ptr().add(i).read_volatile() }
        };
        (0..self.len).map(byte).collect()
    }
}
