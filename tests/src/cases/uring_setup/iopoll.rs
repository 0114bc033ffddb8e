//! Rings that poll devices for completions.

use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{flag, refuses_flags, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::files::pattern_file;
use crate::support::names::Res;

pub(super) static CASES: &[Case] = &[
    flag(
        "uring/setup/iopoll/hybrid",
        &["IORING_SETUP_HYBRID_IOPOLL", "IORING_SETUP_IOPOLL"],
        (6, 13),
        hybrid,
    ),
    Case::new(
        "uring/setup/iopoll/unpollable",
        &["IORING_SETUP_IOPOLL"],
        kernel(5, 1),
        unpollable,
    ),
];

/// Hybrid polling goes with polling, and not without.
fn hybrid(cx: &mut Context) -> Run {
    ring(cx, IORING_SETUP_IOPOLL | IORING_SETUP_HYBRID_IOPOLL)?;
    refuses_flags(&[("without IOPOLL", IORING_SETUP_HYBRID_IOPOLL)])
}

/// What cannot be polled for is refused: fsync as invalid, a buffered read as not supported.
fn unpollable(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_IOPOLL)?;
    let file = pattern_file(cx, "f", 512)?;
    let buf = Mem::zeroed(512);
    // SAFETY: it names no memory.
    let fsync = unsafe { Op::new(IORING_OP_FSYNC, file.as_raw_fd(), |_| {}) };
    // SAFETY: `buf` is never given back, and has the length told.
    let read = unsafe {
        Op::new(IORING_OP_READV, file.as_raw_fd(), |sqe| {
            sqe.set_addr(Mem::iovecs(&[buf]).addr());
            sqe.len = 1;
        })
    };
    ensure_eq!(Res(ring.run(fsync)?.res), Res(-libc::EINVAL), "fsync");
    ensure_eq!(
        Res(ring.run(read)?.res),
        Res(-libc::EOPNOTSUPP),
        "buffered read"
    );
    pass()
}
