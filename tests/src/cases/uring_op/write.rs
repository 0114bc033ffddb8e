//! WRITE and WRITEV.

use std::fs::{self, File, OpenOptions};
use std::io::Seek;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{vectored, write};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::support::signals;
use crate::{ensure, ensure_eq};

const WRITE: &[&str] = &["IORING_OP_WRITE"];
const WRITEV: &[&str] = &["IORING_OP_WRITEV"];

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/write/append",
        &["IORING_OP_WRITE", "RWF_APPEND"],
        kernel(5, 6),
        append,
    )
    .on_each_file_system(),
    Case::new("uring/op/write/bad", WRITE, kernel(5, 6), bad).on_each_file_system(),
    case(
        "uring/op/write/noappend",
        &["RWF_NOAPPEND", "IORING_OP_WRITE"],
        (6, 9),
        noappend,
    )
    .on_each_file_system()
    .refused_by(&[libc::EOPNOTSUPP]),
    Case::new(
        "uring/op/write/position",
        &["IORING_OP_WRITE", "IORING_FEAT_RW_CUR_POS"],
        kernel(5, 6),
        position,
    )
    .on_each_file_system(),
    Case::new("uring/op/write/size_limit", WRITE, kernel(5, 6), size_limit).on_each_file_system(),
    Case::new(
        "uring/op/write/sync",
        &["RWF_DSYNC", "RWF_SYNC", "IORING_OP_WRITE"],
        kernel(5, 6),
        synchronous,
    )
    .on_each_file_system(),
    Case::new("uring/op/write/whole", WRITE, kernel(5, 6), whole).on_each_file_system(),
    Case::new("uring/op/writev/bad", WRITEV, kernel(5, 1), writev_bad).on_each_file_system(),
    Case::new("uring/op/writev/parts", WRITEV, kernel(5, 1), parts).on_each_file_system(),
];

fn wr(file: &File, bytes: &[u8], offset: i64) -> Op {
    write(IORING_OP_WRITE, file, Mem::of(bytes), offset)
}

/// A file open for appending ignores the offset, and so does the flag on any other.
fn append(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 10)?;
    let appending = OpenOptions::new().append(true).open("f")?;
    ensure_eq!(
        Res(ring.run(wr(&appending, b"abc", 0))?.res),
        Res(3),
        "O_APPEND"
    );
    ensure_eq!(
        Res(ring.run(wr(&file, b"def", 2).op_flags(RWF_APPEND))?.res),
        Res(3),
        "RWF_APPEND"
    );
    ensure!(
        fs::read("f")? == [pattern(0..10), b"abcdef".to_vec()].concat(),
        "content"
    );
    pass()
}

/// Descriptors, buffers, offsets and flags that are wrong; a pipe that nobody reads.
fn bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let read_only = File::open("f")?;
    let (reader, writer) = pipe()?;
    drop(reader);
    let op = wr(&file, b"abc", 0);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file open for reading", op.on(&read_only), libc::EBADF),
            ("no memory", op.nowhere(), libc::EFAULT),
            ("offset -2", wr(&file, b"abc", -2), libc::EINVAL),
            ("an unknown RWF bit", op.op_flags(1 << 30), libc::EOPNOTSUPP),
            ("a pipe without a reader", op.on(&writer), libc::EPIPE),
        ],
    )?;
    ensure!(fs::read("f")? == pattern(0..4096), "something was written");
    pass()
}

/// With the flag a file open for appending takes the offset.
fn noappend(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    pattern_file(cx, "f", 10)?;
    let appending = OpenOptions::new().append(true).open("f")?;
    let res = ring
        .run(wr(&appending, b"abc", 0).op_flags(RWF_NOAPPEND))?
        .res;
    ensure_eq!(cx.accepted(res)?, 3, "result");
    ensure!(
        fs::read("f")? == [b"abc".to_vec(), pattern(3..10)].concat(),
        "content"
    );
    let both = RWF_NOAPPEND | RWF_APPEND;
    refuses(
        &mut ring,
        &[(
            "with RWF_APPEND",
            wr(&appending, b"abc", 0).op_flags(both),
            libc::EINVAL,
        )],
    )
}

/// Offset -1 is the file's position, which moves; another leaves it.
fn position(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let mut file = pattern_file(cx, "f", 0)?;
    for start in [0, 300] {
        let cqe = ring.run(wr(&file, &pattern(start..start + 300), -1))?;
        ensure_eq!(Res(cqe.res), Res(300), "write at the position");
        ensure_eq!(file.stream_position()?, start as u64 + 300, "position");
    }
    ensure_eq!(
        Res(ring.run(wr(&file, &pattern(600..700), 600))?.res),
        Res(100),
        "write at 600"
    );
    ensure_eq!(
        file.stream_position()?,
        600,
        "position after a write at an offset"
    );
    ensure!(fs::read("f")? == pattern(0..700), "content");
    pass()
}

/// Up to the limit on file sizes a write is short; beyond it fails.
fn size_limit(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 10)?;
    signals::count(libc::SIGXFSZ, 0)?;
    let set = |rlim_cur| {
        let limit = libc::rlimit {
            rlim_cur,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: `limit` is readable.
        unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }
    };
    ensure_eq!(set(12), 0, "setrlimit");
    let over = ring.run(wr(&file, b"abcd", 10))?.res;
    let beyond = ring.run(wr(&file, b"efgh", 12))?.res;
    // The answer of this case is written to a file as well.
    ensure_eq!(set(libc::RLIM_INFINITY), 0, "setrlimit");
    ensure_eq!(Res(over), Res(2), "a write over the limit");
    ensure_eq!(Res(beyond), Res(-libc::EFBIG), "a write beyond the limit");
    cx.note(format_args!("{} signals", signals::caught()));
    let whole = [&pattern(0..10)[..], b"ab"].concat();
    ensure!(fs::read("f")? == whole, "other content");
    pass()
}

/// Synchronous writes write the same.
fn synchronous(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 0)?;
    for (i, flags) in [RWF_DSYNC, RWF_SYNC, RWF_DSYNC | RWF_SYNC]
        .into_iter()
        .enumerate()
    {
        let start = i * 100;
        let op = wr(&file, &pattern(start..start + 100), start as i64).op_flags(flags);
        ensure_eq!(
            Res(ring.run(op)?.res),
            Res(100),
            "result with flags {flags:#x}"
        );
    }
    ensure!(fs::read("f")? == pattern(0..300), "content");
    pass()
}

/// A large file in pieces of several sizes, many at a time, the last piece first; a hole reads as zeroes.
fn whole(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let len = 1 << 18;
    for piece in [len, 1 << 15, 20_001] {
        let name = format!("f{piece}");
        let file = pattern_file(cx, &name, 0)?;
        let offsets: Vec<usize> = (0..len).step_by(piece).rev().collect();
        let end = |offset: usize| (offset + piece).min(len);
        let ops: Vec<Op> = offsets
            .iter()
            .map(|at| wr(&file, &pattern(*at..end(*at)), *at as i64))
            .collect();
        for (offset, cqe) in offsets.iter().zip(ring.run_all(&ops)?) {
            ensure_eq!(
                Res(cqe.res),
                Res((end(*offset) - offset) as i32),
                "bytes at {offset} in pieces of {piece}"
            );
        }
        ensure!(
            fs::read(&name)? == pattern(0..len),
            "content in pieces of {piece}"
        );
    }
    let file = pattern_file(cx, "hole", 0)?;
    ensure_eq!(
        Res(ring.run(wr(&file, b"x", 9))?.res),
        Res(1),
        "write behind the end"
    );
    ensure!(
        fs::read("hole")? == b"\0\0\0\0\0\0\0\0\0x",
        "content with a hole"
    );
    pass()
}

/// Arrays that are not there, or too long, and memory that is not there.
fn writev_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    let op = vectored(IORING_OP_WRITEV, &file, &[Mem::zeroed(64)], 0);
    let many = vectored(IORING_OP_WRITEV, &file, &[Mem::zeroed(1); 1025], 0);
    // SAFETY: the array names memory that is not there.
    let nowhere = unsafe {
        let array = Mem::of(&[&16usize.to_ne_bytes()[..], &64usize.to_ne_bytes()[..]].concat());
        op.changed(|sqe| sqe.set_addr(array.addr()))
    };
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("no array", op.nowhere(), libc::EFAULT),
            ("no memory", nowhere, libc::EFAULT),
            ("1025 parts", many, libc::EINVAL),
            ("an unknown RWF bit", op.op_flags(1 << 30), libc::EOPNOTSUPP),
        ],
    )?;
    ensure!(fs::read("f")? == pattern(0..10), "something was written");
    pass()
}

/// The parts are written in order, an empty one among them.
fn parts(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 0)?;
    let mem = Mem::of(&pattern(0..600));
    let parts = [
        mem.part(0, 100),
        mem.part(100, 0),
        mem.part(100, 1),
        mem.part(101, 499),
    ];
    for offset in [0, 600] {
        let cqe = ring.run(vectored(IORING_OP_WRITEV, &file, &parts, offset))?;
        ensure_eq!(Res(cqe.res), Res(600), "result at {offset}");
    }
    ensure!(
        fs::read("f")? == [pattern(0..600), pattern(0..600)].concat(),
        "content"
    );
    pass()
}
