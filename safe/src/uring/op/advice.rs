//! Telling the kernel how a file or memory will be used.

use super::{Buffered, Cqe, Entry, Error, Operation, Outcome};
use crate::buf::IoBuf;
use crate::mmap::page_size;
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;

/// How a range of a file will be used: `POSIX_FADV_*`, see posix_fadvise(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAdvice {
    /// Nothing in particular.
    Normal,
    /// In no order: read nothing ahead.
    Random,
    /// From the beginning to the end: read more ahead.
    Sequential,
    /// Soon: read it into the page cache.
    WillNeed,
    /// Not soon: drop it from the page cache.
    DontNeed,
    /// Once.
    NoReuse,
}

impl FileAdvice {
    fn bits(self) -> i32 {
        match self {
            Self::Normal => libc::POSIX_FADV_NORMAL,
            Self::Random => libc::POSIX_FADV_RANDOM,
            Self::Sequential => libc::POSIX_FADV_SEQUENTIAL,
            Self::WillNeed => libc::POSIX_FADV_WILLNEED,
            Self::DontNeed => libc::POSIX_FADV_DONTNEED,
            Self::NoReuse => libc::POSIX_FADV_NOREUSE,
        }
    }
}

/// Tells how a range of a file will be used, as posix_fadvise(2) does. Since Linux 5.6.
#[derive(Debug)]
pub struct Fadvise<F> {
    file: F,
    offset: u64,
    len: u64,
    advice: FileAdvice,
}

impl<F: Handle> Fadvise<F> {
    /// All of which file, and how.
    pub fn new(file: F, advice: FileAdvice) -> Self {
        Self {
            file,
            offset: 0,
            len: 0,
            advice,
        }
    }

    /// From where on, and how much, in bytes (0: to the end). `EINVAL` for 4 GiB or more before Linux 6.11.
    #[must_use]
    pub fn range(mut self, offset: u64, len: u64) -> Self {
        (self.offset, self.len) = (offset, len);
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Fadvise<F> {
    const OPCODE: u8 = opcode::Fadvise::CODE;

    type Output = Outcome<(), F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        // What does not fit the type reaches to the end of any file.
        let len = libc::off_t::try_from(self.len).unwrap_or(0);
        *entry = opcode::Fadvise::new(self.file.target(), len, self.advice.bits())
            .offset(self.offset)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Outcome {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.file,
        }
    }
}

/// How memory will be used, of the advice that changes no byte: `MADV_*`, see madvise(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryAdvice {
    /// Nothing in particular.
    Normal,
    /// In no order.
    Random,
    /// From the beginning to the end.
    Sequential,
    /// Soon.
    WillNeed,
    /// Not soon: reclaim it before other memory. Since Linux 5.4.
    Cold,
    /// Not soon: reclaim it now. Since Linux 5.4.
    PageOut,
    /// Back it with huge pages.
    HugePage,
    /// Do not.
    NoHugePage,
    /// Make its pages present for reading. Since Linux 5.14.
    PopulateRead,
    /// Make its pages present for writing. Since Linux 5.14.
    PopulateWrite,
    /// Make huge pages of it now. Since Linux 6.1.
    Collapse,
}

impl MemoryAdvice {
    fn bits(self) -> i32 {
        match self {
            Self::Normal => libc::MADV_NORMAL,
            Self::Random => libc::MADV_RANDOM,
            Self::Sequential => libc::MADV_SEQUENTIAL,
            Self::WillNeed => libc::MADV_WILLNEED,
            Self::Cold => libc::MADV_COLD,
            Self::PageOut => libc::MADV_PAGEOUT,
            Self::HugePage => libc::MADV_HUGEPAGE,
            Self::NoHugePage => libc::MADV_NOHUGEPAGE,
            Self::PopulateRead => libc::MADV_POPULATE_READ,
            Self::PopulateWrite => libc::MADV_POPULATE_WRITE,
            // MADV_COLLAPSE, which `libc` lacks for musl.
            Self::Collapse => 25,
        }
    }
}

/// Tells how the memory of a buffer will be used, as madvise(2) does: of the pages that lie wholly in it, which
/// may be none. Since Linux 5.6.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Madvise::new(vec![1; 1 << 20], op::MemoryAdvice::Cold))?;
/// let done = ring.wait(ticket)?;
/// done.result?;
/// assert!(done.buf.iter().all(|byte| *byte == 1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Madvise<B> {
    buf: B,
    advice: i32,
}

impl<B: IoBuf> Madvise<B> {
    /// Of which buffer, and how.
    pub fn new(buf: B, advice: MemoryAdvice) -> Self {
        Self {
            buf,
            advice: advice.bits(),
        }
    }

    /// With any `MADV_*`.
    ///
    /// # Safety
    ///
    /// What the advice does to the buffer's pages is sound: to its bytes while the buffer lives, as `MADV_DONTNEED`
    /// and `MADV_FREE` change them; and to the pages when they are somebody else's again, as
    /// `MADV_DONTFORK` goes on for an allocator's.
    pub unsafe fn with_any(buf: B, advice: i32) -> Self {
        Self { buf, advice }
    }
}

// SAFETY: the bytes of an `IoBuf` stay where they are while the value does, so the pages that are told of are the
// buffer's. The advice changes nothing in them, or its owner has promised that it may.
unsafe impl<B: IoBuf> Operation for Madvise<B> {
    const OPCODE: u8 = opcode::Madvise::CODE;

    type Output = Buffered<(), B>;

    fn prepare(&mut self, entry: &mut Entry) {
        let page = page_size();
        let at = self.buf.stable_ptr();
        let skipped = at.addr().next_multiple_of(page) - at.addr();
        let inside = self.buf.bytes_init().saturating_sub(skipped);
        let len = (inside / page * page) as libc::off_t;
        let first = at.wrapping_add(skipped).cast_mut().cast();
        *entry = opcode::Madvise::new(first, len, self.advice).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Buffered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            buf: self.buf,
        }
    }
}
