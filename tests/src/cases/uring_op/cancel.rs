//! ASYNC_CANCEL. What is cancelled waits for a pipe into which nobody writes.

use std::os::fd::{AsRawFd, OwnedFd};

use uring_sys::*;

use super::{case, refuses, register_files, ring};
use crate::case::{Case, Run, Stop, absent, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{cancel, poll_add, read, seconds, timeout};
use crate::support::files::pipe;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const CANCEL: &[&str] = &["IORING_OP_ASYNC_CANCEL"];

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/async_cancel/all",
        &["IORING_ASYNC_CANCEL_ALL", "IORING_OP_ASYNC_CANCEL"],
        (5, 19),
        all,
    ),
    case(
        "uring/op/async_cancel/any",
        &[
            "IORING_ASYNC_CANCEL_ANY",
            "IORING_ASYNC_CANCEL_ALL",
            "IORING_OP_ASYNC_CANCEL",
        ],
        (5, 19),
        any,
    ),
    Case::new("uring/op/async_cancel/bad", CANCEL, kernel(5, 5), bad),
    case(
        "uring/op/async_cancel/fd",
        &[
            "IORING_ASYNC_CANCEL_FD",
            "IORING_ASYNC_CANCEL_ALL",
            "IORING_OP_ASYNC_CANCEL",
        ],
        (5, 19),
        by_fd,
    ),
    case(
        "uring/op/async_cancel/fd_fixed",
        &[
            "IORING_ASYNC_CANCEL_FD_FIXED",
            "IORING_ASYNC_CANCEL_FD",
            "IORING_OP_ASYNC_CANCEL",
        ],
        (6, 0),
        by_fixed_file,
    ),
    case(
        "uring/op/async_cancel/op",
        &[
            "IORING_ASYNC_CANCEL_OP",
            "IORING_ASYNC_CANCEL_ALL",
            "IORING_OP_ASYNC_CANCEL",
        ],
        (6, 6),
        by_opcode,
    )
    .announced(),
    Case::new("uring/op/async_cancel/read", CANCEL, kernel(5, 7), reading),
    Case::new(
        "uring/op/async_cancel/user_data",
        CANCEL,
        kernel(5, 5),
        by_user_data,
    ),
    case(
        "uring/op/async_cancel/userdata-fd",
        &[
            "IORING_ASYNC_CANCEL_USERDATA",
            "IORING_ASYNC_CANCEL_FD",
            "IORING_OP_ASYNC_CANCEL",
        ],
        (6, 6),
        by_both,
    )
    .announced(),
    Case::new(
        "uring/op/async_cancel/worker",
        &["IORING_OP_ASYNC_CANCEL", "IOSQE_ASYNC"],
        kernel(5, 6),
        working,
    ),
];

const ECANCELED: Res = Res(-libc::ECANCELED);

/// Waits on pipes: a poll with each `user_data`, on the pipe of that number.
fn waiting(ring: &mut Ring, polls: &[(u64, usize)]) -> Result<[(OwnedFd, OwnedFd); 2], Stop> {
    let pipes = [pipe()?, pipe()?];
    let ops: Vec<Op> = polls
        .iter()
        .map(|(tag, pipe)| poll_add(&pipes[*pipe].0, libc::POLLIN).tag(*tag))
        .collect();
    ring.start(&ops)?;
    Ok(pipes)
}

/// Runs the cancellation `op`, which ends all of `ended` with -ECANCELED and no others, and returns its result.
#[track_caller]
fn ends(ring: &mut Ring, op: Op, ended: &[u64]) -> Result<i32, Stop> {
    ring.start(&[op.tag(1000)])?;
    let mut result = None;
    let mut got = Vec::new();
    while result.is_none() || got.len() < ended.len() {
        let cqe = ring.wait()?;
        if cqe.user_data == 1000 {
            result = Some(cqe.res);
            if cqe.res < 0 {
                return Ok(cqe.res);
            }
        } else {
            ensure_eq!(Res(cqe.res), ECANCELED, "result of {}", cqe.user_data);
            got.push(cqe.user_data);
        }
    }
    got.sort_unstable();
    ensure_eq!(got, ended, "user_data of what was cancelled");
    ensure!(ring.reap().is_none(), "more was cancelled");
    Ok(result.unwrap_or_default())
}

/// All with one `user_data`: the result counts them.
fn all(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let _pipes = waiting(&mut ring, &[(5, 0), (5, 1), (6, 0), (5, 0)])?;
    let res = ends(&mut ring, cancel(5, IORING_ASYNC_CANCEL_ALL), &[5, 5, 5])?;
    ensure_eq!(cx.accepted(res)?, 3, "number cancelled");
    let res = ends(&mut ring, cancel(5, IORING_ASYNC_CANCEL_ALL), &[])?;
    ensure_eq!(Res(res), Res(0), "number once more");
    ensure_eq!(
        Res(ends(&mut ring, cancel(6, 0), &[6])?),
        Res(0),
        "the other"
    );
    pass()
}

/// Whatever there is: one, or with ALL everything.
fn any(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let _pipes = waiting(&mut ring, &[(1, 0), (2, 1), (3, 0)])?;
    let both = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
    let res = ends(&mut ring, cancel(0, both), &[1, 2, 3])?;
    ensure_eq!(cx.accepted(res)?, 3, "number cancelled");
    let _pipes = waiting(&mut ring, &[(4, 0)])?;
    let res = ends(&mut ring, cancel(0, IORING_ASYNC_CANCEL_ANY), &[4])?;
    ensure!(
        res == 0 || res == 1,
        "one cancelled, but the result is {}",
        Res(res)
    );
    cx.note(format_args!("ANY alone gives {res}"));
    pass()
}

/// One that is not there, and flags that are wrong.
fn bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    refuses(
        &mut ring,
        &[
            (
                "an operation that is not there",
                cancel(99, 0),
                libc::ENOENT,
            ),
            ("unknown flags", cancel(99, 1 << 30), libc::EINVAL),
            ("an offset", shifted(), libc::EINVAL),
        ],
    )?;
    if cx.kernel() >= crate::kernel::Version::new(5, 19, 0) {
        let both = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY;
        refuses(
            &mut ring,
            &[("by file and any", cancel(99, both), libc::EINVAL)],
        )?;
    }
    pass()
}

/// A cancellation with an offset, which has no meaning.
fn shifted() -> Op {
    // SAFETY: it names no memory.
    unsafe { cancel(99, 0).changed(|sqe| sqe.set_off(1)) }
}

/// By descriptor: the other file's stay.
fn by_fd(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let pipes = waiting(&mut ring, &[(1, 0), (2, 1), (3, 0), (4, 1)])?;
    let op = |pipe: usize, flags| cancel(0, IORING_ASYNC_CANCEL_FD | flags).on(&pipes[pipe].0);
    let res = ends(&mut ring, op(0, IORING_ASYNC_CANCEL_ALL), &[1, 3])?;
    ensure_eq!(cx.accepted(res)?, 2, "number cancelled");
    let res = ends(&mut ring, op(1, IORING_ASYNC_CANCEL_ALL), &[2, 4])?;
    ensure_eq!(Res(res), Res(2), "number of the other file");
    refuses(
        &mut ring,
        &[
            ("a file without operations", op(0, 0), libc::ENOENT),
            ("fd -1", op(0, 0).fd(-1), libc::EBADF),
        ],
    )
}

/// By fixed file.
fn by_fixed_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let pipe = pipe()?;
    register_files(&ring, &[-1, pipe.0.as_raw_fd()])?;
    ring.start(&[poll_add(&pipe.0, libc::POLLIN)
        .fd(1)
        .with(IOSQE_FIXED_FILE)
        .tag(1)])?;
    let op = cancel(0, IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED);
    let res = ends(&mut ring, op.fd(1), &[1])?;
    cx.accepted(res)?;
    refuses(
        &mut ring,
        &[
            ("an empty slot", op.fd(0), libc::EBADF),
            ("slot 2 of 2", op.fd(2), libc::EBADF),
        ],
    )
}

/// By opcode: polls are cancelled, a timeout stays.
fn by_opcode(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let _pipes = waiting(&mut ring, &[(1, 0), (2, 1)])?;
    ring.start(&[timeout(seconds(3600), 0, 0).tag(3)])?;
    let op = |opcode: u8| {
        let flags = IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_ALL;
        // SAFETY: with the flag `len` is an opcode.
        unsafe { cancel(0, flags).changed(|sqe| sqe.len = u32::from(opcode)) }
    };
    // For a poll that is the only one, whose end may be told first: 6.1 takes the flag, and finds nothing by it.
    let mut probe = super::ring()?;
    let _probed = waiting(&mut probe, &[(1, 0)])?;
    probe.start(&[op(IORING_OP_POLL_ADD).tag(8)])?;
    let first = probe.wait()?;
    if (first.user_data, first.res) == (8, 0) {
        return absent("the flag is taken, and a poll is not found by its opcode");
    }
    let res = ends(&mut ring, op(IORING_OP_POLL_ADD), &[1, 2])?;
    ensure_eq!(cx.accepted(res)?, 2, "number of polls cancelled");
    let res = ends(&mut ring, op(IORING_OP_READ), &[])?;
    ensure_eq!(Res(res), Res(0), "number of reads cancelled");
    let res = ends(&mut ring, op(IORING_OP_TIMEOUT), &[3])?;
    ensure_eq!(Res(res), Res(1), "number of timeouts cancelled");
    pass()
}

/// A read that waits for data is cancelled, and takes none afterwards.
fn reading(_: &mut Context) -> Run {
    use std::io::Write;
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    let (lost, kept) = (Mem::zeroed(8), Mem::zeroed(8));
    ring.start(&[read(IORING_OP_READ, &reader, lost, -1).tag(1)])?;
    ensure_eq!(
        Res(ends(&mut ring, cancel(1, 0), &[1])?),
        Res(0),
        "cancellation"
    );
    std::fs::File::from(writer).write_all(b"abc")?;
    ensure_eq!(
        Res(ring.run(read(IORING_OP_READ, &reader, kept, -1))?.res),
        Res(3),
        "a second read"
    );
    ensure!(
        kept.get().starts_with(b"abc") && lost.get() == [0; 8],
        "the cancelled read took data"
    );
    pass()
}

/// One by its `user_data`; a timeout as well as a poll.
fn by_user_data(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let _pipes = waiting(&mut ring, &[(1, 0), (2, 1), (3, 0)])?;
    ring.start(&[timeout(seconds(3600), 0, 0).tag(4)])?;
    for tag in [2, 4, 1] {
        ensure_eq!(
            Res(ends(&mut ring, cancel(tag, 0), &[tag])?),
            Res(0),
            "cancellation of {tag}"
        );
    }
    refuses(&mut ring, &[("once more", cancel(2, 0), libc::ENOENT)])?;
    // What another ring runs is not there.
    let mut other = super::ring()?;
    refuses(
        &mut other,
        &[("from another ring", cancel(3, 0), libc::ENOENT)],
    )
}

/// By descriptor and `user_data`: both must be right.
fn by_both(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let pipes = waiting(&mut ring, &[(1, 0), (2, 0), (1, 1)])?;
    let flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_USERDATA;
    let op = |tag, pipe: usize| cancel(tag, flags).on(&pipes[pipe].0);
    let res = ends(&mut ring, op(1, 1), &[1])?;
    if res == -libc::ENOENT {
        return absent("a poll is not found by both");
    }
    cx.accepted(res)?;
    ring.start(&[op(3, 0).tag(1000)])?;
    let wrong = ring.wait()?;
    if (wrong.user_data, wrong.res) != (1000, -libc::ENOENT) {
        return absent("the descriptor alone decides, whatever the user_data");
    }
    refuses(
        &mut ring,
        &[
            ("the other file's", op(2, 1), libc::ENOENT),
            ("once more", op(1, 1), libc::ENOENT),
        ],
    )?;
    ensure_eq!(
        Res(ends(&mut ring, op(1, 0), &[1])?),
        Res(0),
        "the same user_data on the other file"
    );
    pass()
}

/// What a worker runs is interrupted, or cancelled if it has not begun.
fn working(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, _writer) = pipe()?;
    ring.start(&[read(IORING_OP_READ, &reader, Mem::zeroed(8), -1)
        .with(IOSQE_ASYNC)
        .tag(1)])?;
    let mut ended = None;
    // A worker that has just taken the operation may not be found for a moment, and one that is told before it waits may
    // wait all the same: so it is told until it has ended.
    while ended.is_none() {
        ring.start(&[cancel(1, 0).tag(2)])?;
        loop {
            let cqe = ring.wait()?;
            if cqe.user_data == 2 {
                let expected = [0, -libc::EALREADY, -libc::ENOENT].contains(&cqe.res);
                ensure!(expected, "cancellation gave {}", Res(cqe.res));
                break;
            }
            ended = Some(cqe);
        }
    }
    let res = ended.map_or(0, |cqe| cqe.res);
    cx.note(Res(res));
    ensure!(
        [-libc::ECANCELED, -libc::EINTR].contains(&res),
        "the read gave {}",
        Res(res)
    );
    pass()
}
