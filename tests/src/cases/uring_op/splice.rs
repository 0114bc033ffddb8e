//! SPLICE and TEE, and PIPE, which makes what they need.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use uring_sys::*;

use super::{case, refuses, register_files, results, ring};
use crate::case::{Case, Run, absent, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{read, write};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case("uring/op/pipe/bad", &["IORING_OP_PIPE"], (6, 16), pipe_bad),
    case(
        "uring/op/pipe/direct",
        &[
            "IORING_OP_PIPE",
            "IORING_FILE_INDEX_ALLOC",
            "IOSQE_FIXED_FILE",
        ],
        (6, 16),
        pipe_direct,
    )
    .announced(),
    case(
        "uring/op/pipe/ends",
        &["IORING_OP_PIPE"],
        (6, 16),
        pipe_ends,
    ),
    Case::new(
        "uring/op/splice/bad",
        &["IORING_OP_SPLICE"],
        kernel(5, 7),
        splice_bad,
    ),
    Case::new(
        "uring/op/splice/copy",
        &["IORING_OP_SPLICE"],
        kernel(5, 7),
        copy,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/splice/fd_in_fixed",
        &["SPLICE_F_FD_IN_FIXED", "IORING_OP_SPLICE"],
        kernel(5, 7),
        fd_in_fixed,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/tee/bad",
        &["IORING_OP_TEE"],
        kernel(5, 8),
        tee_bad,
    ),
    Case::new(
        "uring/op/tee/copy",
        &["IORING_OP_TEE"],
        kernel(5, 8),
        tee_copy,
    ),
];

/// Moves, or copies with TEE, `len` bytes. Offset -1 is that of a pipe, or the file's position.
fn moved(opcode: u8, from: (i32, i64), to: (i32, i64), len: u32, flags: u32) -> Op {
    // SAFETY: both opcodes take numbers alone.
    unsafe {
        Op::new(opcode, to.0, |sqe| {
            sqe.set_off(to.1 as u64);
            sqe.set_splice_fd_in(from.0);
            sqe.set_splice_off_in(from.1 as u64);
            sqe.len = len;
            sqe.set_splice_flags(flags);
        })
    }
}

fn splice(from: (i32, i64), to: (i32, i64), len: u32) -> Op {
    moved(IORING_OP_SPLICE, from, to, len, 0)
}

/// Copies between pipes.
fn tee(from: i32, to: i32, len: u32) -> Op {
    moved(IORING_OP_TEE, (from, 0), (to, 0), len, 0)
}

fn make_pipe(fds: Mem, flags: i32) -> Op {
    assert!(fds.len() >= 8);
    // SAFETY: the kernel writes two descriptors at `addr`, which has room for them and is never given back.
    unsafe {
        Op::new(IORING_OP_PIPE, 0, |sqe| {
            sqe.set_addr(fds.addr());
            sqe.set_pipe_flags(flags as u32);
        })
    }
}

/// Flags and addresses that are wrong.
fn pipe_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = make_pipe(Mem::zeroed(8), 0);
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("no room", op.nowhere(), libc::EFAULT),
            ("unknown flags", op.op_flags(1 << 30), libc::EINVAL),
            ("fd 1", op.fd(1), libc::EINVAL),
            ("slots of no table", op.file_index(1), libc::ENXIO),
        ],
    )
}

/// The ends are two fixed files, and no descriptors.
fn pipe_direct(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    register_files(&ring, &[-1, -1, -1, -1])?;
    for (index, expected) in [(2, [1, 2]), (IORING_FILE_INDEX_ALLOC, [0, 3])] {
        let fds = Mem::zeroed(8);
        let res = ring.run(make_pipe(fds, 0).file_index(index))?.res;
        cx.accepted(res)?;
        let slots: [i32; 2] = fds.read();
        // Which of two free slots the kernel gives to which end is its own affair.
        let mut got = slots;
        got.sort_unstable();
        if index != IORING_FILE_INDEX_ALLOC && got == [0, 0] {
            return absent("the slots that were asked for are told as 0");
        }
        ensure_eq!(got, expected, "slots for {index:#x}");
        let mem = Mem::zeroed(3);
        let chain = [
            write(IORING_OP_WRITE, &slots[1], Mem::of(b"abc"), -1)
                .with(IOSQE_FIXED_FILE | IOSQE_IO_LINK),
            read(IORING_OP_READ, &slots[0], mem, -1).with(IOSQE_FIXED_FILE),
        ];
        ensure_eq!(
            results(&mut ring, &chain)?,
            [Res(3), Res(3)],
            "write and read"
        );
        ensure_eq!(mem.get(), b"abc", "content");
    }
    pass()
}

/// What is written to one end is read from the other; the flags are those of pipe2(2).
fn pipe_ends(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    for flags in [0, libc::O_CLOEXEC | libc::O_NONBLOCK] {
        let fds = Mem::zeroed(8);
        let res = ring.run(make_pipe(fds, flags))?.res;
        cx.accepted(res)?;
        // SAFETY: the kernel just opened them, and nobody else knows them.
        let [reader, writer] = fds
            .read::<[i32; 2]>()
            .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        // SAFETY: F_GETFD and F_GETFL touch no memory.
        let (fd, fl) = unsafe {
            (
                libc::fcntl(reader.as_raw_fd(), libc::F_GETFD),
                libc::fcntl(reader.as_raw_fd(), libc::F_GETFL),
            )
        };
        ensure_eq!(fd != 0, flags & libc::O_CLOEXEC != 0, "closed on exec");
        ensure_eq!(
            fl & libc::O_NONBLOCK,
            flags & libc::O_NONBLOCK,
            "O_NONBLOCK"
        );
        File::from(writer).write_all(b"abc")?;
        let mut got = String::new();
        File::from(reader).read_to_string(&mut got)?;
        ensure_eq!(got, "abc", "content");
    }
    pass()
}

/// Descriptors, flags and offsets that are wrong, and no pipe at all.
fn splice_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let other = pattern_file(cx, "g", 100)?;
    let (_reader, writer) = pipe()?;
    let (from, to) = (file.as_raw_fd(), writer.as_raw_fd());
    refuses(
        &mut ring()?,
        &[
            ("from -1", splice((-1, 0), (to, -1), 10), libc::EBADF),
            ("to -1", splice((from, 0), (-1, -1), 10), libc::EBADF),
            (
                "no pipe",
                splice((from, 0), (other.as_raw_fd(), 0), 10),
                libc::EINVAL,
            ),
            (
                "an offset into a pipe",
                splice((from, 0), (to, 5), 10),
                libc::ESPIPE,
            ),
            (
                "unknown flags",
                moved(IORING_OP_SPLICE, (from, 0), (to, -1), 10, 1 << 20),
                libc::EINVAL,
            ),
        ],
    )
}

/// From a file into a pipe and out of it into another, at offsets and at the position.
fn copy(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (file, other) = (pattern_file(cx, "f", 10_000)?, pattern_file(cx, "g", 0)?);
    let (reader, writer) = pipe()?;
    let (from, to) = (file.as_raw_fd(), other.as_raw_fd());
    for (from_offset, to_offset, expected) in [(0, 0, 4000), (7000, 4000, 3000), (10_000, 0, 0)] {
        let cqe = ring.run(splice((from, from_offset), (writer.as_raw_fd(), -1), 4000))?;
        ensure_eq!(
            Res(cqe.res),
            Res(expected),
            "from the file at {from_offset}"
        );
        if expected > 0 {
            let cqe = ring.run(splice((reader.as_raw_fd(), -1), (to, to_offset), 4000))?;
            ensure_eq!(Res(cqe.res), Res(expected), "into the file at {to_offset}");
        }
    }
    ensure!(
        fs::read("g")? == [pattern(0..4000), pattern(7000..10_000)].concat(),
        "content"
    );
    for i in 0..2 {
        ensure_eq!(
            Res(ring
                .run(splice((from, -1), (writer.as_raw_fd(), -1), 10))?
                .res),
            Res(10),
            "at the position, {i}"
        );
    }
    let mut got = [0; 20];
    File::from(reader).read_exact(&mut got)?;
    ensure!(got[..] == pattern(0..20), "content from the position");
    pass()
}

/// What is moved comes from a fixed file.
fn fd_in_fixed(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    register_files(&ring, &[-1, file.as_raw_fd()])?;
    let (reader, writer) = pipe()?;
    let op = |slot| {
        moved(
            IORING_OP_SPLICE,
            (slot, 0),
            (writer.as_raw_fd(), -1),
            50,
            SPLICE_F_FD_IN_FIXED,
        )
    };
    ensure_eq!(Res(ring.run(op(1))?.res), Res(50), "result");
    let mut got = [0; 50];
    File::from(reader).read_exact(&mut got)?;
    ensure!(got[..] == pattern(0..50), "content");
    refuses(
        &mut ring,
        &[
            ("an empty slot", op(0), libc::EBADF),
            ("slot 2 of 2", op(2), libc::EBADF),
        ],
    )
}

/// Descriptors, flags and offsets that are wrong, and files that are no pipes.
fn tee_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let (reader, writer) = pipe()?;
    let (from, to) = (reader.as_raw_fd(), writer.as_raw_fd());
    refuses(
        &mut ring()?,
        &[
            ("from -1", tee(-1, to, 10), libc::EBADF),
            ("to -1", tee(from, -1, 10), libc::EBADF),
            ("from a file", tee(file.as_raw_fd(), to, 10), libc::EINVAL),
            ("a pipe into itself", tee(from, to, 10), libc::EINVAL),
            (
                "an offset",
                moved(IORING_OP_TEE, (from, 5), (to, 0), 10, 0),
                libc::EINVAL,
            ),
            (
                "unknown flags",
                moved(IORING_OP_TEE, (from, 0), (to, 0), 10, 1 << 20),
                libc::EINVAL,
            ),
        ],
    )
}

/// What is in a pipe is in both afterwards.
fn tee_copy(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (first, second) = (pipe()?, pipe()?);
    File::from(first.1).write_all(&pattern(0..1000))?;
    let op = tee(first.0.as_raw_fd(), second.1.as_raw_fd(), 600);
    ensure_eq!(Res(ring.run(op)?.res), Res(600), "result");
    drop(second.1);
    for (pipe, len) in [(first.0, 1000), (second.0, 600)] {
        let mut got = Vec::new();
        File::from(pipe).read_to_end(&mut got)?;
        ensure!(
            got == pattern(0..len),
            "content of the pipe with {len}: {} bytes",
            got.len()
        );
    }
    pass()
}
