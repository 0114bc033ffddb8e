//! Extended attributes.

use super::file::length;
use super::{Buffered, Completed, Cqe, Entry, Error, Operation, Outcome, PathArg};
use crate::buf::{IoBuf, IoBufMut};
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::XattrFlags;

/// Reads an attribute of a path, as getxattr(2) does. Since Linux 5.19.
///
/// Gives its length, and the buffer counts as many bytes as initialised. `ERANGE` if it has not as many; one that
/// has none is told the length all the same. `ENODATA` if there is no such attribute.
///
/// ```
/// #![forbid(unsafe_code)]
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let file = tempfile::NamedTempFile::new()?;
/// let path = op::path(file.path())?;
/// let ticket = ring.push(op::SetXattr::new(path.clone(), c"user.colour", "blue"))?;
/// ring.wait(ticket)?.result?;
/// let ticket = ring.push(op::GetXattr::new(path, c"user.colour", Vec::with_capacity(99)))?;
/// assert_eq!(ring.wait(ticket)?.buf, b"blue");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct GetXattr<P, N, B> {
    path: P,
    name: N,
    buf: B,
}

impl<P: PathArg, N: PathArg, B: IoBufMut> GetXattr<P, N, B> {
    /// Of which file, which attribute, and into what.
    pub fn new(path: P, name: N, buf: B) -> Self {
        Self { path, name, buf }
    }
}

/// Takes the length of an attribute, which the kernel has written if there was room.
///
/// # Safety
///
/// `cqe` is of an operation that read an attribute into all of the buffer.
unsafe fn attribute(code: u8, cqe: Cqe, buf: &mut impl IoBufMut) -> Result<usize, Error> {
    let bytes = Error::check(code, cqe.result)? as usize;
    // With no room the length is told, and nothing is written.
    if bytes <= length(buf.bytes_total()) as usize {
        // SAFETY: by the caller's promise that many bytes were written.
        unsafe { buf.set_init(bytes) };
    }
    Ok(bytes)
}

// SAFETY: the strings and the bytes of the buffer stay where they are while the value does, these for the operation
// alone.
unsafe impl<P: PathArg, N: PathArg, B: IoBufMut> Operation for GetXattr<P, N, B> {
    const OPCODE: u8 = opcode::GetXattr::CODE;

    type Output = Buffered<usize, B>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_total());
        *entry = opcode::GetXattr::new(
            self.name.stable_path(),
            self.buf.stable_mut_ptr().cast(),
            self.path.stable_path(),
            len,
        )
        .build();
    }

    #[inline]
    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        Buffered {
            // SAFETY: as `prepare` has said.
            result: unsafe { attribute(Self::OPCODE, cqe, &mut self.buf) },
            buf: self.buf,
        }
    }
}

/// Reads an attribute of an open file, as fgetxattr(2) does; else as [`GetXattr`]. Since Linux 5.19.
#[derive(Debug)]
pub struct FGetXattr<F, N, B> {
    file: F,
    name: N,
    buf: B,
}

impl<F: Handle, N: PathArg, B: IoBufMut> FGetXattr<F, N, B> {
    /// Of which file, which attribute, and into what.
    pub fn new(file: F, name: N, buf: B) -> Self {
        Self { file, name, buf }
    }
}

// SAFETY: as for `GetXattr`.
unsafe impl<F: Handle, N: PathArg, B: IoBufMut> Operation for FGetXattr<F, N, B> {
    const OPCODE: u8 = opcode::FGetXattr::CODE;

    type Output = Completed<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_total());
        *entry = opcode::FGetXattr::new(
            self.file.target(),
            self.name.stable_path(),
            self.buf.stable_mut_ptr().cast(),
            len,
        )
        .build();
    }

    #[inline]
    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        Completed {
            // SAFETY: as `prepare` has said.
            result: unsafe { attribute(Self::OPCODE, cqe, &mut self.buf) },
            file: self.file,
            buf: self.buf,
        }
    }
}

/// Sets an attribute of a path, as setxattr(2) does. Since Linux 5.19.
#[derive(Debug)]
pub struct SetXattr<P, N, B> {
    path: P,
    name: N,
    value: B,
    flags: XattrFlags,
}

impl<P: PathArg, N: PathArg, B: IoBuf> SetXattr<P, N, B> {
    /// Of which file, which attribute, and to what.
    pub fn new(path: P, name: N, value: B) -> Self {
        Self {
            path,
            name,
            value,
            flags: XattrFlags::empty(),
        }
    }

    /// Whether it may be there already, or must.
    #[must_use]
    pub fn flags(mut self, flags: XattrFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: as for `GetXattr`; the kernel writes nothing.
unsafe impl<P: PathArg, N: PathArg, B: IoBuf> Operation for SetXattr<P, N, B> {
    const OPCODE: u8 = opcode::SetXattr::CODE;

    type Output = Buffered<(), B>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::SetXattr::new(
            self.name.stable_path(),
            self.value.stable_ptr().cast(),
            self.path.stable_path(),
            length(self.value.bytes_init()),
        )
        .with_flags(self.flags)
        .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Buffered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            buf: self.value,
        }
    }
}

/// Sets an attribute of an open file, as fsetxattr(2) does. Since Linux 5.19.
#[derive(Debug)]
pub struct FSetXattr<F, N, B> {
    file: F,
    name: N,
    value: B,
    flags: XattrFlags,
}

impl<F: Handle, N: PathArg, B: IoBuf> FSetXattr<F, N, B> {
    /// Of which file, which attribute, and to what.
    pub fn new(file: F, name: N, value: B) -> Self {
        Self {
            file,
            name,
            value,
            flags: XattrFlags::empty(),
        }
    }

    /// Whether it may be there already, or must.
    #[must_use]
    pub fn flags(mut self, flags: XattrFlags) -> Self {
        self.flags = flags;
        self
    }
}

// SAFETY: as for `SetXattr`.
unsafe impl<F: Handle, N: PathArg, B: IoBuf> Operation for FSetXattr<F, N, B> {
    const OPCODE: u8 = opcode::FSetXattr::CODE;

    type Output = Outcome<(), F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::FSetXattr::new(
            self.file.target(),
            self.name.stable_path(),
            self.value.stable_ptr().cast(),
            length(self.value.bytes_init()),
        )
        .with_flags(self.flags)
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
