//! Registering things with a ring: the area `uring/register`, a file per subject.
//!
//! Most cases go through `safe::uring::raw`; bare calls make the arguments that it cannot express.

mod buffers;
mod clone;
mod eventfd;
mod files;
mod files2;
mod group;
mod incremental;
mod messages;
mod napi;
mod offsets;
mod personality;
mod region;
mod resize;
mod restrictions;
mod ring_fds;
mod workers;

use std::ffi::c_void;
use std::io;

use libc::iovec;
use uring_sys::{IORING_OP_READ_FIXED, IOSQE_FIXED_FILE, io_uring_register};

use crate::case::{Case, Run, Stop, kernel};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::{ops, result};
use crate::support::names::Res;
use crate::typed::Typed;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    buffers::CASES,
    clone::CASES,
    eventfd::CASES,
    files::CASES,
    files2::CASES,
    group::CASES,
    incremental::CASES,
    messages::CASES,
    napi::CASES,
    offsets::CASES,
    personality::CASES,
    region::CASES,
    resize::CASES,
    restrictions::CASES,
    ring_fds::CASES,
    workers::CASES,
];

/// A case about an item that kernels without it refuse with -EINVAL: an operation, or a flag of one.
const fn case(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run).refused_by(&[libc::EINVAL])
}

/// Registers what the typed layer cannot say: `arg` as it is. The errno, if it is refused.
///
/// # Safety
///
/// What the operation reads at `arg`, it may read, and what that names as well.
unsafe fn bare(ring: &Typed, opcode: u32, arg: *const c_void, nr_args: u32) -> io::Result<i32> {
    let fd = std::os::fd::AsRawFd::as_raw_fd(ring);
    // SAFETY: by the caller's promise.
    result(unsafe { io_uring_register(fd, opcode, arg, nr_args) })
}

/// As [`bare`], with a struct that names no memory, or none that is there.
///
/// # Safety
///
/// As it says.
unsafe fn with<T>(ring: &Typed, opcode: u32, mut arg: T, nr_args: u32) -> io::Result<i32> {
    // SAFETY: `arg` is live, and by the caller's promise it is all that there is.
    unsafe { bare(ring, opcode, (&raw mut arg).cast(), nr_args) }
}

/// The memory as an `iovec`.
fn iov(mem: Mem) -> iovec {
    iovec {
        iov_base: mem.as_ptr().cast(),
        iov_len: mem.len() as usize,
    }
}

/// An empty slot of a table of buffers.
const NO_BUFFER: iovec = iovec {
    iov_base: std::ptr::null_mut(),
    iov_len: 0,
};

/// Registers memory as fixed buffers.
#[track_caller]
fn register_buffers(ring: &Typed, buffers: &[Mem]) -> io::Result<()> {
    let buffers: Vec<iovec> = buffers.iter().map(|mem| iov(*mem)).collect();
    // SAFETY: the memory is never given back, and all access to it is atomic.
    unsafe { ring.submitter().register_buffers(&buffers) }
}

/// Reads the start of a file into `mem`, which is in the table of buffers at `index`, and answers the result.
#[track_caller]
fn read_fixed(ring: &mut Typed, file: &std::fs::File, mem: Mem, index: u16) -> Result<Res, Stop> {
    let read = ops::read(IORING_OP_READ_FIXED, file, mem, 0).buf(index);
    Ok(Res(ring.run(read)?.res))
}

/// Reads the first byte of the file in a slot of the table of files, and answers the result and the byte.
#[track_caller]
fn first_byte(ring: &mut Typed, slot: i32) -> Result<(Res, u8), Stop> {
    let byte = Mem::zeroed(1);
    let read = ops::read(uring_sys::IORING_OP_READ, &0, byte, 0)
        .fd(slot)
        .with(IOSQE_FIXED_FILE);
    let cqe = ring.run(read)?;
    Ok((Res(cqe.res), byte.get()[0]))
}
