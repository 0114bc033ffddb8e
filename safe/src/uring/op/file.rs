//! Reading and writing.

use super::{Cqe, Entry, Error, Operation};
use crate::buf::{IoBuf, IoBufMut};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::{opcode, types};

/// What came of an operation with a file and a buffer, and both of them.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Completed<F, B> {
    /// The number of bytes, or why there are none.
    pub result: Result<usize, Error>,
    /// The file.
    pub file: F,
    /// The buffer.
    pub buf: B,
}

/// The offset that stands for the file's own position.
pub(super) const CURRENT: u64 = u64::MAX;

/// The length that the kernel is told: it transfers no more than this at once.
#[inline]
pub(super) fn length(bytes: usize) -> u32 {
    bytes.min(i32::MAX as usize) as u32
}

/// Reads into a buffer, as pread(2) does; at the file's own position unless told [`at`](Self::at) which.
/// Since Linux 5.6.
///
/// At most 2 GiB at once. Gives the number of bytes, 0 at the end of the file; the buffer counts them as
/// initialised.
#[derive(Debug)]
pub struct Read<F, B> {
    file: F,
    buf: B,
    offset: u64,
    flags: types::RwFlags,
}

impl<F: Handle, B: IoBufMut> Read<F, B> {
    /// From where, and into what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self {
            file,
            buf,
            offset: CURRENT,
            flags: types::RwFlags::empty(),
        }
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[inline]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// `RWF_*`, see preadv2(2).
    #[inline]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the bytes of an `IoBufMut` stay where they are, for the operation alone, while the value does. Their
// number is no larger than what the entry says.
unsafe impl<F: Handle, B: IoBufMut> Operation for Read<F, B> {
    const OPCODE: u8 = opcode::Read::CODE;

    type Output = Completed<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_total());
        *entry = opcode::Read::new(self.file.target(), self.buf.stable_mut_ptr(), len)
            .offset(self.offset)
            .with_rw_flags(self.flags)
            .build();
    }

    #[inline]
    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        match Error::check(Self::OPCODE, cqe.result) {
            Ok(bytes) => {
                // SAFETY: the kernel has written that many bytes, and was not told of more than there are.
                unsafe { self.buf.set_init(bytes as usize) };
                Completed {
                    result: Ok(bytes as usize),
                    file: self.file,
                    buf: self.buf,
                }
            }
            Err(error) => Completed {
                result: Err(error),
                file: self.file,
                buf: self.buf,
            },
        }
    }
}

/// Writes from a buffer, as pwrite(2) does; at the file's own position unless told [`at`](Self::at) which.
/// Since Linux 5.6.
///
/// At most 2 GiB at once. Gives the number of bytes.
#[derive(Debug)]
pub struct Write<F, B> {
    file: F,
    buf: B,
    offset: u64,
    flags: types::RwFlags,
}

impl<F: Handle, B: IoBuf> Write<F, B> {
    /// To where, and from what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self {
            file,
            buf,
            offset: CURRENT,
            flags: types::RwFlags::empty(),
        }
    }

    /// Where in the file, in bytes. For sockets and pipes it is ignored.
    #[inline]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// At the end of the file, wherever that is when the kernel writes. Since Linux 4.16 for files that can.
    #[inline]
    pub fn append(mut self) -> Self {
        self.flags |= types::RwFlags::APPEND;
        self
    }

    /// `RWF_*`, see pwritev2(2).
    #[inline]
    pub fn flags(mut self, flags: types::RwFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: the bytes of an `IoBuf` stay where they are while the value does; the kernel reads them.
unsafe impl<F: Handle, B: IoBuf> Operation for Write<F, B> {
    const OPCODE: u8 = opcode::Write::CODE;

    type Output = Completed<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_init());
        *entry = opcode::Write::new(self.file.target(), self.buf.stable_ptr(), len)
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
