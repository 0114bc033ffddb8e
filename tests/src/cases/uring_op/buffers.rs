//! PROVIDE_BUFFERS and REMOVE_BUFFERS, and the operations that take a buffer from a group: also repeatedly, as
//! READ_MULTISHOT and receiving with a flag do.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::Cqe;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{cancel, read, recv};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const SELECT: &[&str] = &[
    "IOSQE_BUFFER_SELECT",
    "IORING_CQE_F_BUFFER",
    "IORING_CQE_BUFFER_SHIFT",
    "IORING_OP_PROVIDE_BUFFERS",
];

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/provide_buffers/bad",
        &["IORING_OP_PROVIDE_BUFFERS"],
        kernel(5, 7),
        provide_bad,
    ),
    Case::new(
        "uring/op/provide_buffers/select",
        SELECT,
        kernel(5, 7),
        select,
    ),
    case(
        "uring/op/read_multishot/bad",
        &["IORING_OP_READ_MULTISHOT"],
        (6, 7),
        read_multishot_bad,
    ),
    case(
        "uring/op/read_multishot/pipe",
        &[
            "IORING_OP_READ_MULTISHOT",
            "IOSQE_BUFFER_SELECT",
            "IORING_CQE_F_MORE",
            "IORING_CQE_F_BUFFER",
        ],
        (6, 7),
        read_multishot,
    ),
    case(
        "uring/op/recv/multishot",
        &[
            "IORING_RECV_MULTISHOT",
            "IORING_OP_RECV",
            "IOSQE_BUFFER_SELECT",
            "IORING_CQE_F_MORE",
            "IORING_CQE_F_BUFFER",
        ],
        (6, 0),
        recv_multishot,
    ),
    Case::new(
        "uring/op/remove_buffers/bad",
        &["IORING_OP_REMOVE_BUFFERS"],
        kernel(5, 7),
        remove_bad,
    ),
    Case::new(
        "uring/op/remove_buffers/count",
        &["IORING_OP_REMOVE_BUFFERS", "IORING_OP_PROVIDE_BUFFERS"],
        kernel(5, 7),
        remove_count,
    ),
];

/// Puts `pool` into a group, as buffers of `len` bytes with numbers from `bid` on.
pub(super) fn provide(pool: Mem, len: u32, group: u16, bid: u64) -> Op {
    // SAFETY: the pool is never given back, and has room for that many buffers.
    unsafe {
        Op::new(
            IORING_OP_PROVIDE_BUFFERS,
            (pool.len() / len) as i32,
            |sqe| {
                sqe.set_addr(pool.addr());
                sqe.len = len;
                sqe.set_off(bid);
                sqe.set_buf_group(group);
            },
        )
    }
}

/// Takes up to `count` buffers out of a group.
fn remove(count: i32, group: u16) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_REMOVE_BUFFERS, count, |sqe| {
            sqe.set_buf_group(group)
        })
    }
}

/// The number of the buffer that a completion tells.
fn bid(cqe: &Cqe) -> Option<usize> {
    (cqe.flags & IORING_CQE_F_BUFFER != 0)
        .then_some((cqe.flags >> IORING_CQE_BUFFER_SHIFT) as usize)
}

/// Counts, numbers and addresses that are wrong.
fn provide_bad(cx: &mut Context) -> Run {
    let pool = Mem::zeroed(4 * 64);
    let op = provide(pool, 64, 1, 0);
    // Kernels before 6.3 let the numbers begin again at 0.
    if cx.kernel() >= crate::kernel::Version::new(6, 3, 0) {
        let beyond = provide(pool, 64, 1, 65533);
        refuses(
            &mut ring()?,
            &[("numbers beyond 65535", beyond, libc::EINVAL)],
        )?;
    }
    refuses(
        &mut ring()?,
        &[
            ("no buffers", op.fd(0), libc::E2BIG),
            ("65537 buffers", op.fd(65537), libc::E2BIG),
            ("number 65536", provide(pool, 64, 1, 65536), libc::E2BIG),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// A read takes a buffer of the group and tells which, until there is none.
fn select(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1000)?;
    let pool = Mem::zeroed(4 * 64);
    ensure!(
        ring.run(provide(pool, 64, 7, 100))?.res >= 0,
        "no buffers provided"
    );
    // The address is the group's, the length at most the buffer's.
    let op = |len: usize, offset| {
        read(IORING_OP_READ, &file, Mem::zeroed(len), offset)
            .with(IOSQE_BUFFER_SELECT)
            .buf(7)
    };
    let mut seen = Vec::new();
    for (len, expected) in [(10, 10), (64, 64), (100, 64), (1, 1)] {
        let cqe = ring.run(op(len, 5))?;
        ensure_eq!(Res(cqe.res), Res(expected), "read of {len}");
        let index = bid(&cqe).unwrap_or(0).wrapping_sub(100);
        ensure!(
            index < 4 && !seen.contains(&index),
            "flags {:#x}",
            cqe.flags
        );
        seen.push(index);
        let content = &pool.get()[index * 64..][..expected as usize];
        ensure!(
            *content == pattern(5..5 + expected as usize),
            "content of buffer {index}"
        );
    }
    refuses(
        &mut ring,
        &[
            ("an empty group", op(10, 5), libc::ENOBUFS),
            ("another group", op(10, 5).buf(8), libc::ENOBUFS),
        ],
    )?;
    ensure!(
        ring.run(provide(pool.part(64, 64), 64, 7, 3))?.res >= 0,
        "no buffer provided"
    );
    let cqe = ring.run(op(10, 0))?;
    ensure_eq!(
        (Res(cqe.res), bid(&cqe)),
        (Res(10), Some(3)),
        "a buffer provided again"
    );
    pass()
}

fn multishot_read(file: &impl AsRawFd, group: u16) -> Op {
    // SAFETY: it names no memory: its buffers come from the group.
    unsafe {
        Op::new(IORING_OP_READ_MULTISHOT, file.as_raw_fd(), |sqe| {
            sqe.set_off(u64::MAX)
        })
    }
    .with(IOSQE_BUFFER_SELECT)
    .buf(group)
}

/// Without a group, with a length, and on a file that cannot be waited for.
fn read_multishot_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    let (reader, writer) = pipe()?;
    drop(writer);
    ensure!(
        ring.run(provide(Mem::zeroed(64), 64, 1, 0))?.res >= 0,
        "no buffers provided"
    );
    cx.accepted(ring.run(multishot_read(&reader, 1))?.res)?;
    // SAFETY: it names no memory, as it must take a buffer from a group and does not.
    let alone = unsafe { Op::new(IORING_OP_READ_MULTISHOT, reader.as_raw_fd(), |_| {}) };
    refuses(
        &mut ring,
        &[
            ("no group", alone, libc::EINVAL),
            ("fd -1", multishot_read(&reader, 1).fd(-1), libc::EBADF),
            ("a regular file", multishot_read(&file, 1), libc::EBADFD),
        ],
    )
}

/// Writes of `parts` to `writer`, each of which the operation `op` of `ring` completes with F_MORE in a buffer of its own,
/// until the three buffers are used up, which ends it.
fn until_exhausted(cx: &Context, op: Op, writer: &mut dyn Write) -> Run {
    let mut ring = ring()?;
    let pool = Mem::zeroed(3 * 64);
    ensure!(
        ring.run(provide(pool, 64, 5, 0))?.res >= 0,
        "no buffers provided"
    );
    ring.start(&[op.buf(5).tag(1)])?;
    let mut seen = Vec::new();
    for (i, part) in [&b"one"[..], b"two", b"three"].into_iter().enumerate() {
        writer.write_all(part)?;
        let cqe = ring.wait()?;
        let len = cx.accepted(cqe.res)? as usize;
        ensure_eq!(len, part.len(), "result of part {i}");
        ensure!(cqe.more(), "F_MORE of part {i}");
        let index = bid(&cqe).unwrap_or(usize::MAX);
        ensure!(
            index < 3 && !seen.contains(&index),
            "flags {:#x} of part {i}",
            cqe.flags
        );
        seen.push(index);
        ensure!(
            &pool.get()[index * 64..][..len] == part,
            "content of part {i}"
        );
    }
    writer.write_all(b"four")?;
    let cqe = ring.wait()?;
    ensure_eq!(
        (Res(cqe.res), cqe.more()),
        (Res(-libc::ENOBUFS), false),
        "the end"
    );
    // A cancelled one ends with -ECANCELED.
    ensure!(
        ring.run(provide(pool, 64, 5, 0))?.res >= 0,
        "no buffers provided again"
    );
    ring.start(&[op.buf(5).tag(1)])?;
    let cqe = ring.wait()?;
    ensure_eq!((Res(cqe.res), cqe.more()), (Res(4), true), "what was left");
    ring.start(&[cancel(1, 0).tag(2)])?;
    let got: Vec<_> = ring
        .finish(2)?
        .iter()
        .map(|cqe| (cqe.user_data, Res(cqe.res)))
        .collect();
    ensure_eq!(
        got,
        [(1, Res(-libc::ECANCELED)), (2, Res(0))],
        "cancellation"
    );
    pass()
}

fn read_multishot(cx: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    until_exhausted(cx, multishot_read(&reader, 0), &mut File::from(writer))
}

/// Also what it may not be combined with, and the end of the connection.
fn recv_multishot(cx: &mut Context) -> Run {
    let (a, mut b) = UnixStream::pair()?;
    let empty = Mem::zeroed(0);
    let op = recv(&a, empty, 0)
        .ioprio(IORING_RECV_MULTISHOT)
        .with(IOSQE_BUFFER_SELECT);
    until_exhausted(cx, op, &mut b)?;
    let mut ring = ring()?;
    let plain = recv(&a, Mem::zeroed(8), 0).ioprio(IORING_RECV_MULTISHOT);
    refuses(
        &mut ring,
        &[
            ("without a group", plain, libc::EINVAL),
            (
                "with MSG_WAITALL",
                op.op_flags(libc::MSG_WAITALL as u32),
                libc::EINVAL,
            ),
            ("an empty group", op.buf(9), libc::ENOBUFS),
        ],
    )?;
    ensure!(
        ring.run(provide(Mem::zeroed(64), 64, 5, 0))?.res >= 0,
        "no buffers provided"
    );
    drop(b);
    let cqe = ring.run(op.buf(5))?;
    ensure_eq!(
        (Res(cqe.res), cqe.more()),
        (Res(0), false),
        "the end of the connection"
    );
    pass()
}

/// Counts and groups that are wrong.
fn remove_bad(_: &mut Context) -> Run {
    refuses(
        &mut ring()?,
        &[
            ("no buffers", remove(0, 1), libc::EINVAL),
            ("65537 buffers", remove(65537, 1), libc::EINVAL),
            ("a group that is not there", remove(1, 77), libc::ENOENT),
            ("flags", remove(1, 1).op_flags(1), libc::EINVAL),
        ],
    )
}

/// As many as there are, and those are gone.
fn remove_count(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    ensure!(
        ring.run(provide(Mem::zeroed(10 * 8), 8, 1, 0))?.res >= 0,
        "no buffers provided"
    );
    for (asked, expected) in [(3, 3), (100, 7)] {
        ensure_eq!(
            Res(ring.run(remove(asked, 1))?.res),
            Res(expected),
            "removed for {asked}"
        );
    }
    let op = read(IORING_OP_READ, &file, Mem::zeroed(8), 0)
        .with(IOSQE_BUFFER_SELECT)
        .buf(1);
    refuses(
        &mut ring,
        &[("a read from the empty group", op, libc::ENOBUFS)],
    )
}
