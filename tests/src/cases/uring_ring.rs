//! Every opcode that `safe::uring::Ring` has an operation for, through it: the area `uring/ring`.
//!
//! There is no unsafe code here, as in the programs that it is for.

mod files;
mod names;
mod net;
mod waiting;

use std::io;

use safe::uring::Ring;
use safe::uring::op::{self, Operation};

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::support::names::Errno;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[files::CASES, names::CASES, net::CASES, waiting::CASES];

/// The opcodes that it has no operation for, and why.
pub static NONE: &[(&str, &str)] = &[
    ("IORING_OP_NOP128", "a NOP has nothing to do with 128 bytes"),
    (
        "IORING_OP_PROVIDE_BUFFERS",
        "it has rings of buffers, which do the same without an operation",
    ),
    ("IORING_OP_READV_FIXED", "a fixed buffer is one piece"),
    (
        "IORING_OP_RECV_ZC",
        "what is received without a copy is the raw layer's affair",
    ),
    ("IORING_OP_REMOVE_BUFFERS", "see IORING_OP_PROVIDE_BUFFERS"),
    (
        "IORING_OP_URING_CMD128",
        "rings with entries of one size take IORING_OP_URING_CMD",
    ),
    ("IORING_OP_WRITEV_FIXED", "a fixed buffer is one piece"),
];

/// A case about an opcode, which kernels without it refuse with -EINVAL.
const fn case(
    id: &'static str,
    opcode: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, opcode, kernel(major, minor), run).refused_by(&[libc::EINVAL])
}

/// A ring of 16.
#[track_caller]
fn ring() -> Result<Ring, Stop> {
    Ok(Ring::new(16)?)
}

/// Runs an operation and returns what comes back.
#[track_caller]
fn run<O: Operation + 'static>(ring: &mut Ring, operation: O) -> Result<O::Output, Stop> {
    match ring.push(operation) {
        Ok(ticket) => Ok(ring.wait(ticket)?),
        Err(rejected) => Err(Stop::failed(rejected)),
    }
}

/// The result; a stated refusal is *unsupported*.
#[track_caller]
fn accepted<T>(cx: &Context, result: Result<T, op::Error>) -> Result<T, Stop> {
    cx.accepted_call(result.map_err(|e| io::Error::from_raw_os_error(e.raw_os_error())))
}

/// The operation must have failed with this errno.
#[track_caller]
fn refused<T>(what: &str, result: Result<T, op::Error>, errno: i32) -> Run {
    let got = result.map_err(|error| Errno(error.raw_os_error())).err();
    ensure_eq!(got, Some(Errno(errno)), "{what}");
    pass()
}
