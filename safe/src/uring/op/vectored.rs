//! Reading into and writing from several buffers at once.

use std::fmt::{self, Debug, Formatter};
use std::ptr;

use libc::iovec;

use super::file::CURRENT;
use super::{Completed, Cqe, Entry, Error, Operation};
use crate::buf::{IoBuf, IoBufMut};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::{opcode, types};

/// How many buffers an operation has room for without allocating.
const INLINE: usize = 8;

/// Several buffers: an array, a `Vec` or a `Box<[B]>` of them.
pub trait Buffers: sealed::Sealed {
    /// One of them.
    type Buf;

    /// All of them.
    fn all(&self) -> &[Self::Buf];

    /// All of them.
    fn all_mut(&mut self) -> &mut [Self::Buf];
}

mod sealed {
    pub trait Sealed {}
    impl<B, const N: usize> Sealed for [B; N] {}
    impl<B> Sealed for Vec<B> {}
    impl<B> Sealed for Box<[B]> {}
}

impl<B, const N: usize> Buffers for [B; N] {
    type Buf = B;

    fn all(&self) -> &[B] {
        self
    }

    fn all_mut(&mut self) -> &mut [B] {
        self
    }
}

impl<B> Buffers for Vec<B> {
    type Buf = B;

    fn all(&self) -> &[B] {
        self
    }

    fn all_mut(&mut self) -> &mut [B] {
        self
    }
}

impl<B> Buffers for Box<[B]> {
    type Buf = B;

    fn all(&self) -> &[B] {
        self
    }

    fn all_mut(&mut self) -> &mut [B] {
        self
    }
}

/// The array that the kernel reads.
struct Vectors {
    few: [iovec; INLINE],
    /// In place of `few`, if there are more.
    many: Vec<iovec>,
}

impl Vectors {
    fn new(count: usize) -> Self {
        Self {
            few: [iovec {
                iov_base: ptr::null_mut(),
                iov_len: 0,
            }; INLINE],
            many: Vec::with_capacity(if count > INLINE { count } else { 0 }),
        }
    }

    /// Lists these, and answers where the list is, and how long.
    fn list(&mut self, parts: impl ExactSizeIterator<Item = iovec>) -> (*const iovec, u32) {
        let count = parts.len();
        if count > INLINE {
            self.many.clear();
            self.many.extend(parts);
            (self.many.as_ptr(), count as u32)
        } else {
            for (place, part) in self.few.iter_mut().zip(parts) {
                *place = part;
            }
            (self.few.as_ptr(), count as u32)
        }
    }

    /// The list, for so many buffers.
    fn of(&self, count: usize) -> &[iovec] {
        if count > INLINE {
            &self.many
        } else {
            &self.few[..count]
        }
    }
}

/// Reads into several buffers, one after the other, as preadv2(2) does; at the file's own position unless told
/// [`at`](Self::at) which. Since Linux 5.1.
///
/// Gives the number of bytes in all; the buffers count theirs as initialised. `EINVAL` for more than 1024
/// buffers. For up to 8 buffers nothing is allocated, for more a list of them as the value is made; with an array
/// of more than about 4 the operation has no room in the ring's table, and is boxed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let parts = [Vec::with_capacity(4), Vec::with_capacity(1)];
/// let ticket = ring.push(op::ReadVectored::new(file, parts).at(0))?;
/// let done = ring.wait(ticket)?;
/// assert_eq!(done.result?, 5);
/// assert_eq!(done.buf[0], b"\x7fELF");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct ReadVectored<F, V> {
    file: F,
    pub(super) bufs: V,
    offset: u64,
    flags: types::RwFlags,
    vectors: Vectors,
}

impl<F: Handle, V: Buffers<Buf: IoBufMut>> ReadVectored<F, V> {
    /// From where, and into what.
    pub fn new(file: F, bufs: V) -> Self {
        Self {
            vectors: Vectors::new(bufs.all().len()),
            file,
            bufs,
            offset: CURRENT,
            flags: types::RwFlags::empty(),
        }
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// `RWF_*`, see preadv2(2).
    #[must_use]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the bytes of an `IoBufMut` stay where they are, for the operation alone, while the value does; the
// list of them lies in the value or in a vector of its own.
unsafe impl<F: Handle, V: Buffers<Buf: IoBufMut>> Operation for ReadVectored<F, V> {
    const OPCODE: u8 = opcode::Readv::CODE;

    type Output = Completed<F, V>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let parts = self.bufs.all_mut().iter_mut().map(|buf| iovec {
            iov_len: buf.bytes_total(),
            iov_base: buf.stable_mut_ptr().cast(),
        });
        let (list, count) = self.vectors.list(parts);
        *entry = opcode::Readv::new(self.file.target(), list, count)
            .offset(self.offset)
            .with_rw_flags(self.flags)
            .build();
    }

    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        let result = Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize);
        if let Ok(mut left) = result {
            let bufs = self.bufs.all_mut();
            let vectors = self.vectors.of(bufs.len());
            for (buf, vector) in bufs.iter_mut().zip(vectors) {
                let bytes = left.min(vector.iov_len);
                // SAFETY: the kernel has filled one buffer after the other, each up to the length that it was told.
                unsafe { buf.set_init(bytes) };
                left -= bytes;
            }
        }
        Completed {
            result,
            file: self.file,
            buf: self.bufs,
        }
    }
}

impl<F: Debug, V: Debug> Debug for ReadVectored<F, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadVectored")
            .field("file", &self.file)
            .field("bufs", &self.bufs)
            .finish_non_exhaustive()
    }
}

/// Writes from several buffers, one after the other, as pwritev2(2) does; at the file's own position unless told
/// [`at`](Self::at) which. Since Linux 5.1.
///
/// Gives the number of bytes in all. `EINVAL` for more than 1024 buffers. What [`ReadVectored`] allocates, it
/// allocates too.
pub struct WriteVectored<F, V> {
    file: F,
    pub(super) bufs: V,
    offset: u64,
    flags: types::RwFlags,
    vectors: Vectors,
}

impl<F: Handle, V: Buffers<Buf: IoBuf>> WriteVectored<F, V> {
    /// To where, and from what.
    pub fn new(file: F, bufs: V) -> Self {
        Self {
            vectors: Vectors::new(bufs.all().len()),
            file,
            bufs,
            offset: CURRENT,
            flags: types::RwFlags::empty(),
        }
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// At the end of the file, wherever that is when the kernel writes.
    #[must_use]
    pub fn append(mut self) -> Self {
        self.flags |= types::RwFlags::APPEND;
        self
    }

    /// `RWF_*`, see pwritev2(2).
    #[must_use]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the bytes of an `IoBuf` stay where they are while the value does, and the kernel reads them; the list
// of them as for `ReadVectored`.
unsafe impl<F: Handle, V: Buffers<Buf: IoBuf>> Operation for WriteVectored<F, V> {
    const OPCODE: u8 = opcode::Writev::CODE;

    type Output = Completed<F, V>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let parts = self.bufs.all().iter().map(|buf| iovec {
            iov_len: buf.bytes_init(),
            iov_base: buf.stable_ptr().cast_mut().cast(),
        });
        let (list, count) = self.vectors.list(parts);
        *entry = opcode::Writev::new(self.file.target(), list, count)
            .offset(self.offset)
            .with_rw_flags(self.flags)
            .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Completed {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            file: self.file,
            buf: self.bufs,
        }
    }
}

impl<F: Debug, V: Debug> Debug for WriteVectored<F, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteVectored")
            .field("file", &self.file)
            .field("bufs", &self.bufs)
            .finish_non_exhaustive()
    }
}
