//! Reading and writing registered buffers.

use super::file::{CURRENT, length};
use super::{Completed, Cqe, Entry, Error, Operation};
use crate::buf::IoBufMut;
use crate::uring::handle::Handle;
use crate::uring::raw::{opcode, types};
use crate::uring::{FixedBuf, Registered, RingId};

/// As [`Read`](super::Read), into bytes of a registered buffer, which the kernel need not pin for it. Since Linux
/// 5.1.
#[derive(Debug)]
pub struct ReadFixed<F> {
    file: F,
    buf: FixedBuf,
    limit: usize,
    offset: u64,
    flags: types::RwFlags,
}

impl<F: Handle> ReadFixed<F> {
    /// From where, and into what.
    #[inline]
    pub fn new(file: F, buf: FixedBuf) -> Self {
        Self {
            file,
            buf,
            limit: usize::MAX,
            offset: CURRENT,
            flags: types::RwFlags::empty(),
        }
    }

    /// How many bytes at most; as many as were leased unless told.
    #[inline]
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[inline]
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// `RWF_*`, see preadv2(2).
    #[inline]
    #[must_use]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the lease is of bytes that nobody else has, and keeps them; the entry names no more than these.
unsafe impl<F: Handle> Operation for ReadFixed<F> {
    const OPCODE: u8 = opcode::ReadFixed::CODE;

    type Output = Completed<F, FixedBuf>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.buf.is_of(ring) && self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_total().min(self.limit));
        let (at, index) = (self.buf.stable_mut_ptr(), self.buf.index());
        *entry = opcode::ReadFixed::new(self.file.target(), at, len, index)
            .offset(self.offset)
            .with_rw_flags(self.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Completed {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            file: self.file,
            buf: self.buf,
        }
    }
}

/// As [`Write`](super::Write), from bytes of a registered buffer, which the kernel need not pin for it. Since Linux
/// 5.1.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let buffers = ring.register_buffers(4, 4096)?;
/// let mut buf = buffers.take().expect("a free buffer");
/// buf[..5].copy_from_slice(b"hello");
/// // To two files at once, from the same bytes.
/// let bytes = buf.share();
/// let write = |file| op::WriteFixed::new(file, bytes.clone()).at(0).limit(5);
/// let first = ring.push(write(tempfile::tempfile()?))?;
/// let second = ring.push(write(tempfile::tempfile()?))?;
/// assert_eq!(ring.wait(first)?.result?, 5);
/// assert_eq!(ring.wait(second)?.result?, 5);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WriteFixed<F, B> {
    file: F,
    buf: B,
    limit: usize,
    offset: u64,
    flags: types::RwFlags,
}

impl<F: Handle, B: Registered> WriteFixed<F, B> {
    /// To where, and from what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self {
            file,
            buf,
            limit: usize::MAX,
            offset: CURRENT,
            flags: types::RwFlags::empty(),
        }
    }

    /// How many bytes at most; as many as were leased unless told.
    #[inline]
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[inline]
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// At the end of the file, wherever that is when the kernel writes.
    #[inline]
    #[must_use]
    pub fn append(mut self) -> Self {
        self.flags |= types::RwFlags::APPEND;
        self
    }

    /// `RWF_*`, see pwritev2(2).
    #[inline]
    #[must_use]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the lease is of bytes that nobody writes meanwhile, and keeps them.
unsafe impl<F: Handle, B: Registered> Operation for WriteFixed<F, B> {
    const OPCODE: u8 = opcode::WriteFixed::CODE;

    type Output = Completed<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.buf.is_of(ring) && self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_init().min(self.limit));
        let (at, index) = (self.buf.stable_ptr(), self.buf.index());
        *entry = opcode::WriteFixed::new(self.file.target(), at, len, index)
            .offset(self.offset)
            .with_rw_flags(self.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Completed {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            file: self.file,
            buf: self.buf,
        }
    }
}
