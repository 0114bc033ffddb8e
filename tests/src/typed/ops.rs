//! Operations on files, made by the builders of `safe::uring::raw::opcode`.
//!
//! Each function is safe because all memory that it takes is [`Mem`], which is never given back.

use std::os::fd::AsRawFd;

use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::Entry;
use safe::uring::raw::types::{Fd, FsyncFlags, RwFlags};

use crate::ring::mem::Mem;
use crate::ring::op::Op;

/// An open file, or the number of any descriptor.
pub trait Of {
    /// The descriptor.
    fn fd(&self) -> Fd;
}

impl<F: AsRawFd> Of for F {
    fn fd(&self) -> Fd {
        Fd(self.as_raw_fd())
    }
}

/// The working directory.
pub const HERE: Fd = Fd(libc::AT_FDCWD);

/// The entry as an operation, for either ring.
///
/// # Safety
///
/// The entry keeps the promise of [`Op`].
pub unsafe fn op(mut entry: Entry) -> Op {
    let sqe = *entry.as_raw_mut();
    // SAFETY: by the caller's promise.
    unsafe { Op::new(sqe.opcode, sqe.fd, |empty| *empty = sqe) }
}

/// What is read into, or written from, and where in the file.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// One buffer: READ, WRITE.
    One(Mem),
    /// Several: READV, WRITEV.
    Many(&'a [Mem]),
    /// A part of the registered buffer of this number: `READ_FIXED`, `WRITE_FIXED`.
    Fixed(Mem, u16),
}

/// Reads at `offset`, -1 for the file's position.
pub fn read(file: &impl Of, data: Data<'_>, offset: i64, flags: RwFlags) -> Op {
    let (fd, at) = (file.fd(), offset as u64);
    let entry = match data {
        Data::One(mem) => Read::new(fd, mem.as_ptr(), mem.len())
            .offset(at)
            .with_rw_flags(flags)
            .build(),
        Data::Many(parts) => Readv::new(fd, iovecs(parts), parts.len() as u32)
            .offset(at)
            .with_rw_flags(flags)
            .build(),
        Data::Fixed(mem, index) => ReadFixed::new(fd, mem.as_ptr(), mem.len(), index)
            .offset(at)
            .with_rw_flags(flags)
            .build(),
    };
    // SAFETY: buffers and array are `Mem`, and as long as they say.
    unsafe { op(entry) }
}

/// Writes at `offset`, -1 for the file's position.
pub fn write(file: &impl Of, data: Data<'_>, offset: i64, flags: RwFlags) -> Op {
    let (fd, at) = (file.fd(), offset as u64);
    let entry = match data {
        Data::One(mem) => Write::new(fd, mem.as_ptr(), mem.len())
            .offset(at)
            .with_rw_flags(flags)
            .build(),
        Data::Many(parts) => Writev::new(fd, iovecs(parts), parts.len() as u32)
            .offset(at)
            .with_rw_flags(flags)
            .build(),
        Data::Fixed(mem, index) => WriteFixed::new(fd, mem.as_ptr(), mem.len(), index)
            .offset(at)
            .with_rw_flags(flags)
            .build(),
    };
    // SAFETY: buffers and array are `Mem`, and as long as they say.
    unsafe { op(entry) }
}

fn iovecs(parts: &[Mem]) -> *const libc::iovec {
    Mem::iovecs(parts).as_ptr().cast::<libc::iovec>()
}

/// Makes a file durable.
pub fn fsync(file: &impl Of, flags: FsyncFlags) -> Op {
    // SAFETY: it names no memory.
    unsafe { op(Fsync::new(file.fd()).flags(flags).build()) }
}

/// Changes the room of a file, as `FALLOC_FL_*` say.
pub fn fallocate(file: &impl Of, mode: i32, offset: usize, len: usize) -> Op {
    let entry = Fallocate::new(file.fd(), len as u64)
        .offset(offset as u64)
        .mode(mode)
        .build();
    // SAFETY: it names no memory.
    unsafe { op(entry) }
}

/// Renames as `RENAME_*` say.
pub fn rename(from: &str, to: &str, flags: u32) -> Op {
    let (from, to) = (text(from), text(to));
    // SAFETY: the paths are `Mem` and end with a NUL.
    unsafe { op(RenameAt::new(HERE, from, HERE, to).flags(flags).build()) }
}

/// Opens as openat2(2) does: the kernel reads an `open_how` of flags, mode and resolve flags.
pub fn openat2(path: &str, flags: i32, mode: u64, resolve: u64) -> Op {
    let how = [flags as u32 as u64, mode, resolve].map(u64::to_ne_bytes);
    let how = Mem::of(&how.concat());
    let entry = OpenAt2::new(HERE, text(path), how.as_ptr().cast()).build();
    // SAFETY: path and struct are `Mem`, the path ends with a NUL, and the struct has the size that the builder tells.
    unsafe { op(entry) }
}

/// Asks for the attributes in `mask`, with `AT_*` flags.
pub fn statx(path: &str, flags: i32, mask: u32, answer: Mem) -> Op {
    assert!(answer.len() as usize >= size_of::<libc::statx>());
    let entry = Statx::new(HERE, text(path), answer.as_ptr().cast())
        .flags(flags)
        .mask(mask)
        .build();
    // SAFETY: path and answer are `Mem`, the path ends with a NUL, and the answer has room.
    unsafe { op(entry) }
}

/// Advises about the memory of a mapping, which the caller keeps.
///
/// # Safety
///
/// The mapping stays, and nobody minds what the advice does to its content.
pub unsafe fn madvise(start: *const u8, len: usize, advice: i32) -> Op {
    // SAFETY: by the caller's promise.
    unsafe { op(Madvise::new(start.cast(), len as libc::off_t, advice).build()) }
}

/// Sets an attribute of an open file.
pub fn fsetxattr(file: &impl Of, name: &str, value: Mem, flags: i32) -> Op {
    let entry = FSetXattr::new(file.fd(), text(name), value.as_ptr().cast(), value.len())
        .flags(flags)
        .build();
    // SAFETY: name and value are `Mem`, and the name ends with a NUL.
    unsafe { op(entry) }
}

/// Gets an attribute of an open file.
pub fn fgetxattr(file: &impl Of, name: &str, value: Mem) -> Op {
    let entry = FGetXattr::new(file.fd(), text(name), value.as_ptr().cast(), value.len()).build();
    // SAFETY: name and value are `Mem`, and the name ends with a NUL.
    unsafe { op(entry) }
}

/// A copy of `text` with a NUL behind it, which is never given back.
fn text(text: &str) -> *const libc::c_char {
    Mem::name(text).as_ptr().cast_const().cast()
}
