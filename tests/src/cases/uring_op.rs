//! io_uring operations: the area `uring/op`, a file per subject.

mod accept;
mod buffers;
mod cancel;
mod cmd;
mod connect;
mod epoll;
mod fixed;
mod futex;
mod integrity;
mod large_blocks;
mod link;
mod msg;
mod msg_ring;
mod nop;
mod on_files;
mod open;
mod path;
mod poll;
mod read;
mod sendrecv;
mod splice;
mod statx;
mod storage;
mod timeout;
mod waitid;
mod write;
mod xattr;
mod zero_copy;

use std::ffi::c_void;

use uring_sys::*;

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::{Ring, result};
use crate::support::names::Res;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    accept::CASES,
    buffers::CASES,
    cancel::CASES,
    cmd::CASES,
    connect::CASES,
    epoll::CASES,
    fixed::CASES,
    futex::CASES,
    integrity::CASES,
    large_blocks::CASES,
    link::CASES,
    msg::CASES,
    msg_ring::CASES,
    nop::CASES,
    on_files::FILES[0],
    on_files::FILES[1],
    on_files::FILES[2],
    on_files::FILES[3],
    open::CASES,
    path::CASES,
    poll::CASES,
    read::CASES,
    sendrecv::CASES,
    splice::CASES,
    statx::CASES,
    storage::CASES,
    timeout::CASES,
    waitid::CASES,
    write::CASES,
    xattr::CASES,
    zero_copy::CASES,
];

/// A case about an item that kernels without it refuse with -EINVAL: an opcode, or a flag.
const fn case(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run).refused_by(&[libc::EINVAL])
}

/// A ring of 16.
#[track_caller]
fn ring() -> Result<Ring, Stop> {
    Ok(Ring::new(16, 0)?)
}

/// Runs operations, each of which must complete with this errno.
#[track_caller]
fn refuses(ring: &mut Ring, table: &[(&str, Op, i32)]) -> Run {
    for (what, op, errno) in table {
        let cqe = ring.run(*op)?;
        ensure_eq!(Res(cqe.res), Res(-errno), "{what}");
    }
    pass()
}

/// The results of operations run together, in their order. None of them may be multishot.
#[track_caller]
fn results(ring: &mut Ring, ops: &[Op]) -> Result<Vec<Res>, Stop> {
    Ok(ring.run_all(ops)?.iter().map(|cqe| Res(cqe.res)).collect())
}

/// Registers descriptors as fixed files; -1 is an empty slot.
#[track_caller]
fn register_files(ring: &Ring, fds: &[i32]) -> Run {
    // SAFETY: the kernel reads the array during the call.
    result(unsafe {
        ring.register(
            IORING_REGISTER_FILES,
            fds.as_ptr().cast::<c_void>(),
            fds.len() as u32,
        )
    })?;
    pass()
}

/// Registers memory as fixed buffers.
#[track_caller]
fn register_buffers(ring: &Ring, buffers: &[Mem]) -> Run {
    let iovecs = Mem::iovecs(buffers);
    // SAFETY: the kernel reads the array during the call. The memory in it is never given back, and atomic bytes may be
    // written at any time.
    result(unsafe {
        ring.register(
            IORING_REGISTER_BUFFERS,
            iovecs.as_ptr().cast(),
            buffers.len() as u32,
        )
    })?;
    pass()
}
