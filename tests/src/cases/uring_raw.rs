//! Every opcode through its builder in `safe::uring::raw::opcode`: the area `uring/raw`, a case for each, so that a field
//! that the builder puts elsewhere than the kernel looks for it shows. RECV_ZC's are those of `uring/zcrx`.
//!
//! All memory that an entry of these modules names is a [`Mem`] or has the life of the process, so that any entry may be
//! pushed.

mod buffers;
mod files;
mod names;
mod net;
mod waiting;

use safe::uring::raw::squeue::Entry;
use safe::uring::raw::types::Fd;

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::Cqe;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::names::Res;
use crate::typed::Typed;
use crate::typed::ops;
use crate::{ensure, ensure_eq};

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    buffers::CASES,
    files::CASES,
    names::CASES,
    net::CASES,
    waiting::CASES,
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

/// The entry as an operation.
fn op(entry: Entry) -> Op {
    // SAFETY: entries of these modules name memory that stays.
    unsafe { ops::op(entry) }
}

/// Runs an entry and returns its result.
#[track_caller]
fn run(ring: &mut Typed, entry: Entry) -> Result<i32, Stop> {
    Ok(ring.run(op(entry))?.res)
}

/// Runs entries, each of which must have this result.
#[track_caller]
fn give(ring: &mut Typed, table: &[(&str, Entry, i32)]) -> Run {
    for (what, entry, expected) in table {
        ensure_eq!(Res(run(ring, entry.clone())?), Res(*expected), "{what}");
    }
    pass()
}

/// Runs entries one after the other, with their position as user data, and returns their completions by that.
#[track_caller]
fn together(ring: &mut Typed, entries: &[Entry]) -> Result<Vec<Cqe>, Stop> {
    let tagged: Vec<Op> = (0..)
        .zip(entries)
        .map(|(i, entry)| op(entry.clone()).tag(i))
        .collect();
    ring.start(&tagged)?;
    ring.finish(entries.len())
}

/// Registers memory as the buffer 0.
#[track_caller]
fn register(ring: &Typed, mem: Mem) -> Run {
    // SAFETY: the memory is never given back.
    unsafe { ring.submitter().register_buffers(&[mem.iovec()]) }?;
    pass()
}

/// The descriptor of a file.
fn fd(file: &impl std::os::fd::AsRawFd) -> Fd {
    Fd(file.as_raw_fd())
}

/// The array that names these pieces of memory.
fn iovecs(parts: &[Mem]) -> *const libc::iovec {
    Mem::iovecs(parts).as_ptr().cast_const().cast()
}

/// A text with a NUL behind it.
fn text(text: &str) -> *const libc::c_char {
    Mem::name(text).as_ptr().cast_const().cast()
}

/// The memory holds these bytes.
#[track_caller]
fn holds(mem: Mem, bytes: &[u8]) -> Run {
    ensure!(mem.get() == bytes, "other bytes");
    pass()
}
