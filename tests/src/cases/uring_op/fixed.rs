//! READ_FIXED, WRITE_FIXED and their vectored forms: registered buffers.

use std::fs;

use uring_sys::*;

use super::{case, refuses, register_buffers, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::ops::{read, vectored, write};
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/read_fixed/bad",
        &["IORING_OP_READ_FIXED"],
        kernel(5, 1),
        read_bad,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/read_fixed/parts",
        &["IORING_OP_READ_FIXED", "IORING_REGISTER_BUFFERS"],
        kernel(5, 1),
        read_parts,
    )
    .on_each_file_system(),
    case(
        "uring/op/readv_fixed/bad",
        &["IORING_OP_READV_FIXED"],
        (6, 15),
        readv_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/readv_fixed/parts",
        &["IORING_OP_READV_FIXED"],
        (6, 15),
        readv_parts,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/write_fixed/bad",
        &["IORING_OP_WRITE_FIXED"],
        kernel(5, 1),
        write_bad,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/write_fixed/parts",
        &["IORING_OP_WRITE_FIXED", "IORING_REGISTER_BUFFERS"],
        kernel(5, 1),
        write_parts,
    )
    .on_each_file_system(),
    case(
        "uring/op/writev_fixed/bad",
        &["IORING_OP_WRITEV_FIXED"],
        (6, 15),
        writev_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/writev_fixed/parts",
        &["IORING_OP_WRITEV_FIXED"],
        (6, 15),
        writev_parts,
    )
    .on_each_file_system(),
];

/// No buffers, a buffer that is not there, and memory that is not in it: -EFAULT.
fn bad(cx: &Context, opcode: u8) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 4096)?;
    let mem = Mem::zeroed(4096);
    let op = read(opcode, &file, mem.part(1000, 1000), 0);
    refuses(&mut ring, &[("no buffers", op, libc::EFAULT)])?;
    register_buffers(&ring, &[mem.part(1000, 2000)])?;
    refuses(
        &mut ring,
        &[
            ("buffer 1 of 1", op.buf(1), libc::EFAULT),
            (
                "before the buffer",
                read(opcode, &file, mem.part(999, 10), 0),
                libc::EFAULT,
            ),
            (
                "behind the buffer",
                read(opcode, &file, mem.part(2999, 2), 0),
                libc::EFAULT,
            ),
            (
                "another buffer",
                read(opcode, &file, Mem::zeroed(10), 0),
                libc::EFAULT,
            ),
            ("fd -1", op.fd(-1), libc::EBADF),
            ("an unknown RWF bit", op.op_flags(1 << 30), libc::EOPNOTSUPP),
        ],
    )?;
    ensure!(mem.get().iter().all(|b| *b == 0), "the buffer was written");
    ensure!(fs::read("f")? == pattern(0..4096), "the file was written");
    pass()
}

fn read_bad(cx: &mut Context) -> Run {
    bad(cx, IORING_OP_READ_FIXED)
}

fn write_bad(cx: &mut Context) -> Run {
    bad(cx, IORING_OP_WRITE_FIXED)
}

/// The whole of a buffer, parts of it, and two buffers.
fn read_parts(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 20_000)?;
    let (first, second) = (Mem::zeroed(100), Mem::zeroed(9000));
    register_buffers(&ring, &[first, second])?;
    for (index, mem, offset) in [
        (0, first, 0),
        (1, second, 5000),
        (1, second.part(4090, 100), 7),
        (0, first.part(99, 1), 19_999),
    ] {
        let cqe = ring.run(read(IORING_OP_READ_FIXED, &file, mem, offset as i64).buf(index))?;
        ensure_eq!(Res(cqe.res), Res(mem.len() as i32), "read at {offset}");
        ensure!(
            mem.get() == pattern(offset..offset + mem.len() as usize),
            "content at {offset}"
        );
    }
    let cqe = ring.run(read(IORING_OP_READ_FIXED, &file, second, 19_000).buf(1))?;
    ensure_eq!(Res(cqe.res), Res(1000), "read to the end");
    pass()
}

/// The whole of a buffer, and parts of it.
fn write_parts(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 0)?;
    let mem = Mem::of(&pattern(0..9000));
    register_buffers(&ring, &[Mem::zeroed(1), mem])?;
    for (from, len, offset) in [(0, 9000, 0), (4090, 100, 9000), (8999, 1, 9100)] {
        let cqe =
            ring.run(write(IORING_OP_WRITE_FIXED, &file, mem.part(from, len), offset).buf(1))?;
        ensure_eq!(Res(cqe.res), Res(len as i32), "write at {offset}");
    }
    let expected = [pattern(0..9000), pattern(4090..4190), pattern(8999..9000)].concat();
    ensure!(fs::read("f")? == expected, "content");
    pass()
}

/// Arrays that are not there, and parts that are not in the buffer.
fn vectored_bad(cx: &Context, opcode: u8) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 4096)?;
    let mem = Mem::zeroed(4096);
    register_buffers(&ring, &[mem.part(0, 2000)])?;
    let op = vectored(opcode, &file, &[mem.part(0, 10), mem.part(20, 10)], 0);
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("buffer 1 of 1", op.buf(1), libc::EFAULT),
            (
                "a part behind the buffer",
                vectored(opcode, &file, &[mem.part(0, 10), mem.part(1999, 2)], 0),
                libc::EFAULT,
            ),
            ("no array", op.nowhere(), libc::EFAULT),
            ("fd -1", op.fd(-1), libc::EBADF),
        ],
    )
}

fn readv_bad(cx: &mut Context) -> Run {
    vectored_bad(cx, IORING_OP_READV_FIXED)
}

fn writev_bad(cx: &mut Context) -> Run {
    vectored_bad(cx, IORING_OP_WRITEV_FIXED)
}

/// Parts of one buffer, in any order.
fn readv_parts(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 20_000)?;
    let mem = Mem::zeroed(9000);
    register_buffers(&ring, &[mem])?;
    let op = vectored(
        IORING_OP_READV_FIXED,
        &file,
        &[mem.part(5000, 4000), mem.part(0, 5000)],
        13,
    );
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 9000, "result");
    ensure!(
        mem.get() == [pattern(4013..9013), pattern(13..4013)].concat(),
        "content"
    );
    pass()
}

/// Parts of one buffer, in any order.
fn writev_parts(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 0)?;
    let mem = Mem::of(&pattern(0..9000));
    register_buffers(&ring, &[mem])?;
    let op = vectored(
        IORING_OP_WRITEV_FIXED,
        &file,
        &[mem.part(5000, 4000), mem.part(0, 5000)],
        0,
    );
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 9000, "result");
    ensure!(
        fs::read("f")? == [pattern(5000..9000), pattern(0..5000)].concat(),
        "content"
    );
    pass()
}
