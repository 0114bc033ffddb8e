//! Fixed buffers: memory that the kernel has pinned once, lent piece by piece.
//!
//! An operation owns the lease of the bytes that it works on, and the lease keeps the memory. A lease is of bytes
//! that nobody else has (so the kernel may write them, and so may we), or of bytes that nobody writes.

use std::alloc::{self, Layout};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::io;
use std::ops::{Bound, Deref, DerefMut, Range, RangeBounds};
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;

use super::RingId;
use super::leases::Leases;
use crate::buf::{IoBuf, IoBufMut};
use crate::mmap::page_size;
use crate::uring::Ring;
use crate::uring::raw::{cqueue, squeue};

/// The most bytes that the kernel takes as one registered buffer.
const LARGEST: usize = 1 << 30;

/// A ring's registered buffers: so many of one size, in memory that is given back when the ring is gone and the
/// last lease too. Clones are of the same buffers.
#[derive(Clone)]
pub struct FixedBuffers(Rc<Pool>);

struct Pool {
    ring: RingId,
    /// All of it initialised.
    memory: NonNull<u8>,
    layout: Layout,
    size: usize,
    leases: Box<[RefCell<Leases>]>,
    /// A bit for each buffer that nobody has a lease of.
    idle: Box<[Cell<u64>]>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout. Each lease keeps the pool, so nobody refers to the memory,
        // and no operation in flight does. What the kernel has pinned stays a page of its own, and it
        // touches that for operations alone.
        unsafe { alloc::dealloc(self.memory.as_ptr(), self.layout) };
    }
}

/// Why bytes are not lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseError {
    /// There is no such buffer, or the range is empty or not wholly in it.
    Range,
    /// Somebody has a part of it.
    Taken,
}

impl Display for LeaseError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Range => "there are no such bytes in the registered buffers",
            Self::Taken => "these bytes of a registered buffer are in use",
        })
    }
}

impl Error for LeaseError {}

impl From<LeaseError> for io::Error {
    fn from(error: LeaseError) -> Self {
        Self::new(
            match error {
                LeaseError::Range => io::ErrorKind::InvalidInput,
                LeaseError::Taken => io::ErrorKind::ResourceBusy,
            },
            error,
        )
    }
}

impl FixedBuffers {
    fn new(ring: RingId, count: u16, size: usize) -> Option<Self> {
        let len = size.checked_mul(count.into()).filter(|len| *len > 0)?;
        let layout = Layout::from_size_align(len, page_size()).ok()?;
        // SAFETY: the layout is of more than no bytes.
        let memory = NonNull::new(unsafe { alloc::alloc_zeroed(layout) })?;
        let idle = |word: usize| {
            let left = usize::from(count) - 64 * word;
            Cell::new(if left < 64 { (1 << left) - 1 } else { u64::MAX })
        };
        Some(Self(Rc::new(Pool {
            ring,
            memory,
            layout,
            size,
            leases: (0..count).map(|_| RefCell::new(Leases::new())).collect(),
            idle: (0..usize::from(count).div_ceil(64)).map(idle).collect(),
        })))
    }

    /// How many buffers there are.
    pub fn count(&self) -> usize {
        self.0.leases.len()
    }

    /// How many bytes each has.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// A whole buffer that nobody has any part of. `None` if there is none.
    pub fn take(&self) -> Option<FixedBuf> {
        let (word, bits) = (0..).zip(&self.0.idle).find(|(_, bits)| bits.get() != 0)?;
        let index = 64 * word + bits.get().trailing_zeros() as u16;
        self.lease(index, ..).ok()
    }

    /// Bytes of a buffer for one alone, to read into or to write from.
    ///
    /// # Errors
    ///
    /// [`LeaseError`].
    pub fn lease(
        &self,
        index: u16,
        bytes: impl RangeBounds<usize>,
    ) -> Result<FixedBuf, LeaseError> {
        self.lend(index, bytes, Leases::lend).map(FixedBuf)
    }

    /// Bytes of a buffer to write from, for several: nobody changes them meanwhile.
    ///
    /// # Errors
    ///
    /// [`LeaseError`].
    pub fn share(
        &self,
        index: u16,
        bytes: impl RangeBounds<usize>,
    ) -> Result<FixedSlice, LeaseError> {
        self.lend(index, bytes, Leases::share).map(FixedSlice)
    }

    fn lend(
        &self,
        index: u16,
        bytes: impl RangeBounds<usize>,
        lend: fn(&mut Leases, Range<usize>) -> bool,
    ) -> Result<Piece, LeaseError> {
        let start = match bytes.start_bound() {
            Bound::Included(start) => Some(*start),
            Bound::Excluded(before) => before.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let end = match bytes.end_bound() {
            Bound::Included(last) => last.checked_add(1),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => Some(self.0.size),
        };
        let range = start
            .zip(end)
            .map(|(start, end)| start..end)
            .filter(|range| !range.is_empty() && range.end <= self.0.size)
            .ok_or(LeaseError::Range)?;
        let leases = self.0.leases.get(usize::from(index));
        if !lend(
            &mut leases.ok_or(LeaseError::Range)?.borrow_mut(),
            range.clone(),
        ) {
            return Err(LeaseError::Taken);
        }
        self.0.set_idle(index, false);
        Ok(Piece {
            pool: Rc::clone(&self.0),
            index,
            range,
        })
    }
}

impl Debug for FixedBuffers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedBuffers")
            .field("count", &self.count())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Pool {
    fn set_idle(&self, index: u16, idle: bool) {
        let (word, bit) = (&self.idle[usize::from(index / 64)], 1 << (index % 64));
        word.set(if idle {
            word.get() | bit
        } else {
            word.get() & !bit
        });
    }
}

/// Bytes that are lent, in one way or the other.
struct Piece {
    pool: Rc<Pool>,
    index: u16,
    /// Within the buffer.
    range: Range<usize>,
}

impl Piece {
    fn at(&self) -> *mut u8 {
        let offset = usize::from(self.index) * self.pool.size + self.range.start;
        // SAFETY: the range lies in the buffer, and the buffer in the memory.
        unsafe { self.pool.memory.as_ptr().add(offset) }
    }

    fn leases(&self) -> &RefCell<Leases> {
        &self.pool.leases[usize::from(self.index)]
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the bytes are initialised, the pool keeps them, and the lease says that nobody writes them.
        unsafe { slice::from_raw_parts(self.at(), self.range.len()) }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut leases = self.leases().borrow_mut();
        leases.give_back(&self.range);
        if leases.is_empty() {
            self.pool.set_idle(self.index, true);
        }
    }
}

/// Bytes of a registered buffer that nobody else has: to fill and to look at, to
/// [read into](crate::uring::op::ReadFixed), and to [write from](crate::uring::op::WriteFixed).
///
/// Dropping it gives them back. It keeps the memory also when the ring is gone.
pub struct FixedBuf(Piece);

impl FixedBuf {
    /// Lets several have the bytes, to write from.
    pub fn share(self) -> FixedSlice {
        self.0.leases().borrow_mut().open(&self.0.range);
        FixedSlice(self.0)
    }
}

impl Deref for FixedBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl DerefMut for FixedBuf {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `Piece::bytes`; the lease says that nobody else has them.
        unsafe { slice::from_raw_parts_mut(self.0.at(), self.0.range.len()) }
    }
}

/// Bytes of a registered buffer that several may have, and that nobody changes meanwhile: to look at, and
/// to [write from](crate::uring::op::WriteFixed).
pub struct FixedSlice(Piece);

impl FixedSlice {
    /// Takes the bytes for one alone again.
    ///
    /// # Errors
    ///
    /// The lease itself, if somebody else has a part of them.
    pub fn unshare(self) -> Result<FixedBuf, Self> {
        let alone = self.0.leases().borrow_mut().close(&self.0.range);
        if !alone {
            return Err(self);
        }
        Ok(FixedBuf(self.0))
    }
}

impl Clone for FixedSlice {
    fn clone(&self) -> Self {
        let Piece { pool, index, range } = &self.0;
        let shared = self.0.leases().borrow_mut().share(range.clone());
        debug_assert!(shared, "what is shared can be shared once more");
        Self(Piece {
            pool: Rc::clone(pool),
            index: *index,
            range: range.clone(),
        })
    }
}

impl Deref for FixedSlice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::FixedBuf {}
    impl Sealed for super::FixedSlice {}
}

/// Bytes of a registered buffer: [`FixedBuf`] and [`FixedSlice`].
pub trait Registered: IoBuf + sealed::Sealed {
    /// The number of the buffer that they lie in.
    fn index(&self) -> u16;

    /// The ring that the buffer is registered with.
    fn ring(&self) -> RingId;

    /// Whether the buffer is registered with this ring.
    #[inline]
    fn is_of(&self, ring: RingId) -> bool {
        self.ring() == ring
    }
}

impl Registered for FixedBuf {
    #[inline]
    fn index(&self) -> u16 {
        self.0.index
    }

    #[inline]
    fn ring(&self) -> RingId {
        self.0.pool.ring
    }
}

impl Registered for FixedSlice {
    #[inline]
    fn index(&self) -> u16 {
        self.0.index
    }

    #[inline]
    fn ring(&self) -> RingId {
        self.0.pool.ring
    }
}

// SAFETY: the lease keeps the bytes where they are, and nobody writes them while it is not used.
unsafe impl IoBuf for FixedBuf {
    #[inline]
    fn stable_ptr(&self) -> *const u8 {
        self.0.at()
    }

    #[inline]
    fn bytes_init(&self) -> usize {
        self.0.range.len()
    }
}

// SAFETY: as for `IoBuf`; nobody else has the bytes.
unsafe impl IoBufMut for FixedBuf {
    #[inline]
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.0.at()
    }

    #[inline]
    fn bytes_total(&self) -> usize {
        self.0.range.len()
    }

    #[inline]
    unsafe fn set_init(&mut self, _: usize) {}
}

// SAFETY: as for `FixedBuf`; who shares the bytes does not write them either.
unsafe impl IoBuf for FixedSlice {
    #[inline]
    fn stable_ptr(&self) -> *const u8 {
        self.0.at()
    }

    #[inline]
    fn bytes_init(&self) -> usize {
        self.0.range.len()
    }
}

fn debug(name: &str, piece: &Piece, f: &mut Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("index", &piece.index)
        .field("range", &piece.range)
        .finish()
}

impl Debug for FixedBuf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        debug("FixedBuf", &self.0, f)
    }
}

impl Debug for FixedSlice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        debug("FixedSlice", &self.0, f)
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Gives the ring `count` buffers of `size` bytes, zeroed, the first at the beginning of a page. They stay
    /// registered until the ring is dropped. Since Linux 5.1.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let buffers = ring.register_buffers(4, 4096)?;
    /// let file = std::fs::File::open("/proc/self/exe")?;
    /// let ticket = ring.push(op::ReadFixed::new(file, buffers.lease(2, ..4)?).at(0))?;
    /// assert_eq!(&ring.wait(ticket)?.buf[..], b"\x7fELF");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `EBUSY`: the ring has buffers. `ENOMEM`: no memory, or the limit on locked memory (`RLIMIT_MEMLOCK`), which
    /// counts every page unless the process has `CAP_IPC_LOCK`. `EINVAL`: no buffers, or more than 16384 (before
    /// Linux 5.13, 1024), or buffers of no bytes. `EFAULT`: larger than 1 GiB.
    pub fn register_buffers(&mut self, count: u16, size: usize) -> io::Result<FixedBuffers> {
        if self.fixed.buffers.is_some() {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        if count == 0 || size == 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        if size > LARGEST {
            // What the kernel would say, after all of it had been zeroed.
            return Err(io::Error::from_raw_os_error(libc::EFAULT));
        }
        let buffers = FixedBuffers::new(self.fixed.id, count, size)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        let pool = &buffers.0;
        let all: Vec<libc::iovec> = (0..usize::from(count))
            .map(|index| libc::iovec {
                iov_base: pool.memory.as_ptr().wrapping_add(index * size).cast(),
                iov_len: size,
            })
            .collect();
        // SAFETY: the memory stays until the pool is dropped. The ring has a part in that until it has nothing in
        // flight, and so has each lease, without which nobody names one of these buffers.
        unsafe { self.raw.submitter().register_buffers(&all) }?;
        self.fixed.buffers = Some(buffers.clone());
        Ok(buffers)
    }

    /// The registered buffers, if there are any.
    pub fn buffers(&self) -> Option<&FixedBuffers> {
        self.fixed.buffers.as_ref()
    }
}
