//! Reading into and writing from several parts of a registered buffer at once.

use super::vectored::{Buffers, ReadVectored, WriteVectored};
use super::{Completed, Cqe, Entry, Error, Operation};
use crate::uring::handle::Handle;
use crate::uring::raw::{opcode, types};
use crate::uring::{FixedBuf, Registered, RingId};

/// The registered buffer of this ring in which all of the parts lie, if it is one.
fn common<B: Registered>(parts: &[B], ring: RingId) -> Option<u16> {
    let index = parts.first()?.index();
    let fits = |part: &B| part.is_of(ring) && part.index() == index;
    parts.iter().all(fits).then_some(index)
}

/// Makes the entry of a vectored operation one on a registered buffer.
fn on_buffer<B: Registered>(entry: &mut Entry, code: u8, parts: &[B]) {
    let raw = entry.as_raw_mut();
    raw.opcode = code;
    // There is a first part, or else the operation is refused.
    raw.set_buf_index(parts.first().map_or(0, B::index));
}

/// Names the operation that has failed.
fn named<F, V>(code: u8, done: Completed<F, V>) -> Completed<F, V> {
    Completed {
        result: done
            .result
            .map_err(|error| Error::of(code, error.raw_os_error())),
        ..done
    }
}

/// As [`ReadVectored`], into parts of one registered buffer, which the kernel need not pin for it. Since Linux 6.15.
///
/// Parts of several buffers, and no parts, are refused ([`Reason::Foreign`](crate::uring::Reason::Foreign)).
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let buffers = ring.register_buffers(1, 4096)?;
/// let parts = [buffers.lease(0, 100..104)?, buffers.lease(0, ..1)?];
/// let file = std::fs::File::open("/proc/self/exe")?;
/// let ticket = ring.push(op::ReadVectoredFixed::new(file, parts).at(0))?;
/// let done = ring.wait(ticket)?;
/// match done.result {
///     Ok(bytes) => assert_eq!((bytes, &done.buf[0][..]), (5, &b"\x7fELF"[..])),
///     // Before Linux 6.15.
///     Err(error) => assert_eq!(error.raw_os_error(), libc::EINVAL),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ReadVectoredFixed<F, V>(ReadVectored<F, V>);

impl<F: Handle, V: Buffers<Buf = FixedBuf>> ReadVectoredFixed<F, V> {
    /// From where, and into what.
    pub fn new(file: F, parts: V) -> Self {
        Self(ReadVectored::new(file, parts))
    }

    /// As [`ReadVectored::at`].
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        Self(self.0.at(offset))
    }

    /// As [`ReadVectored::flags`].
    #[must_use]
    pub fn flags(self, flags: types::RwFlags) -> Self {
        Self(self.0.flags(flags))
    }
}

// SAFETY: as for `ReadVectored`; the leases are of bytes of the buffer that the entry names, of the ring that it goes to.
unsafe impl<F: Handle, V: Buffers<Buf = FixedBuf>> Operation for ReadVectoredFixed<F, V> {
    const OPCODE: u8 = opcode::ReadvFixed::CODE;

    type Output = Completed<F, V>;

    fn fits(&self, ring: RingId) -> bool {
        common(self.0.bufs.all(), ring).is_some() && self.0.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        self.0.prepare(entry);
        on_buffer(entry, Self::OPCODE, self.0.bufs.all());
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: by the caller's promise.
        named(Self::OPCODE, unsafe { self.0.complete(cqe) })
    }
}

/// As [`WriteVectored`], from parts of one registered buffer, which the kernel need not pin for it. Since Linux 6.15.
///
/// Parts of several buffers, and no parts, are refused ([`Reason::Foreign`](crate::uring::Reason::Foreign)).
#[derive(Debug)]
pub struct WriteVectoredFixed<F, V>(WriteVectored<F, V>);

impl<F: Handle, V: Buffers<Buf: Registered>> WriteVectoredFixed<F, V> {
    /// To where, and from what.
    pub fn new(file: F, parts: V) -> Self {
        Self(WriteVectored::new(file, parts))
    }

    /// As [`WriteVectored::at`].
    #[must_use]
    pub fn at(self, offset: u64) -> Self {
        Self(self.0.at(offset))
    }

    /// As [`WriteVectored::append`].
    #[must_use]
    pub fn append(self) -> Self {
        Self(self.0.append())
    }

    /// As [`WriteVectored::flags`].
    #[must_use]
    pub fn flags(self, flags: types::RwFlags) -> Self {
        Self(self.0.flags(flags))
    }
}

// SAFETY: as for `WriteVectored`; the leases are of bytes of the buffer that the entry names, of the ring that it goes to.
unsafe impl<F: Handle, V: Buffers<Buf: Registered>> Operation for WriteVectoredFixed<F, V> {
    const OPCODE: u8 = opcode::WritevFixed::CODE;

    type Output = Completed<F, V>;

    fn fits(&self, ring: RingId) -> bool {
        common(self.0.bufs.all(), ring).is_some() && self.0.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        self.0.prepare(entry);
        on_buffer(entry, Self::OPCODE, self.0.bufs.all());
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: by the caller's promise.
        named(Self::OPCODE, unsafe { self.0.complete(cqe) })
    }
}
