//! READ and READV.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};

use uring_sys::*;

use super::{refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{read, vectored};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const READ: &[&str] = &["IORING_OP_READ"];
const READV: &[&str] = &["IORING_OP_READV"];

pub(super) static CASES: &[Case] = &[
    Case::new("uring/op/read/bad", READ, kernel(5, 6), bad).on_each_file_system(),
    Case::new("uring/op/read/eof", READ, kernel(5, 6), eof).on_each_file_system(),
    Case::new(
        "uring/op/read/nowait",
        &["RWF_NOWAIT", "IORING_OP_READ"],
        kernel(5, 6),
        nowait,
    )
    .on_each_file_system(),
    Case::new("uring/op/read/pipe", READ, kernel(5, 6), from_a_pipe),
    Case::new(
        "uring/op/read/position",
        &["IORING_OP_READ", "IORING_FEAT_RW_CUR_POS"],
        kernel(5, 6),
        position,
    )
    .on_each_file_system(),
    Case::new("uring/op/read/whole", READ, kernel(5, 6), whole).on_each_file_system(),
    Case::new("uring/op/readv/bad", READV, kernel(5, 1), readv_bad).on_each_file_system(),
    Case::new(
        "uring/op/readv/parts",
        &["IORING_FEAT_SUBMIT_STABLE", "IORING_OP_READV"],
        kernel(5, 5),
        parts,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/readv/position",
        &["IORING_FEAT_RW_CUR_POS", "IORING_OP_READV"],
        kernel(5, 6),
        readv_position,
    )
    .on_each_file_system(),
];

fn rd(file: &File, mem: Mem, offset: i64) -> Op {
    read(IORING_OP_READ, file, mem, offset)
}

/// Descriptors, buffers, offsets and flags that are wrong.
fn bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let write_only = OpenOptions::new().write(true).open("f")?;
    let folder = File::open(".")?;
    let op = rd(&file, Mem::zeroed(64), 0);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file open for writing", op.on(&write_only), libc::EBADF),
            ("a folder", op.on(&folder), libc::EISDIR),
            ("no memory", op.nowhere(), libc::EFAULT),
            ("offset -2", rd(&file, Mem::zeroed(64), -2), libc::EINVAL),
            ("an unknown RWF bit", op.op_flags(1 << 30), libc::EOPNOTSUPP),
        ],
    )
}

/// At the end of the file and behind it a read gives 0, and before it what is left.
fn eof(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 5000)?;
    let mem = Mem::of(&[0xee; 100]);
    for (offset, expected) in [(4999, 1), (5000, 0), (5001, 0), (1 << 40, 0)] {
        ensure_eq!(
            Res(ring.run(rd(&file, mem, offset))?.res),
            Res(expected),
            "read at {offset}"
        );
    }
    ensure!(mem.get()[..1] == pattern(4999..5000), "last byte");
    ensure!(
        mem.get()[1..].iter().all(|b| *b == 0xee),
        "wrote behind the last byte"
    );
    ensure_eq!(
        Res(ring.run(rd(&file, mem.part(0, 0), 0))?.res),
        Res(0),
        "read of nothing"
    );
    pass()
}

/// With the flag an empty pipe gives -EAGAIN, and does not wait.
fn nowait(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    let op = read(IORING_OP_READ, &reader, Mem::zeroed(8), -1).op_flags(RWF_NOWAIT);
    // Pipes take the flag since 6.4.
    if cx.kernel() < Version::new(6, 4, 0) {
        return refuses(&mut ring, &[("a pipe", op, libc::EOPNOTSUPP)]);
    }
    ensure_eq!(Res(ring.run(op)?.res), Res(-libc::EAGAIN), "an empty pipe");
    File::from(writer).write_all(b"abc")?;
    ensure_eq!(Res(ring.run(op)?.res), Res(3), "a pipe with three bytes");
    pass()
}

/// A read of an empty pipe waits for data, and gives what there is; without writers it gives 0.
fn from_a_pipe(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    let mem = Mem::zeroed(100);
    let op = read(IORING_OP_READ, &reader, mem, -1);
    ring.start(&[op])?;
    ensure!(ring.reap().is_none(), "completed without data");
    let mut writer = File::from(writer);
    writer.write_all(&pattern(0..70))?;
    ensure_eq!(Res(ring.wait()?.res), Res(70), "bytes of the first read");
    ensure!(
        mem.get()[..70] == pattern(0..70),
        "other content than written"
    );
    drop(writer);
    ensure_eq!(Res(ring.run(op)?.res), Res(0), "bytes without a writer");
    pass()
}

/// Offset -1 is the file's position, which moves; another leaves it.
fn position(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let mut file = pattern_file(cx, "f", 1000)?;
    let mem = Mem::zeroed(300);
    for start in [0, 300, 600] {
        ensure_eq!(
            Res(ring.run(rd(&file, mem, -1))?.res),
            Res(300),
            "read at the position"
        );
        ensure!(
            mem.get() == pattern(start..start + 300),
            "content at {start}"
        );
        ensure_eq!(Res(ring.run(rd(&file, mem, 7))?.res), Res(300), "read at 7");
        ensure_eq!(file.stream_position()?, start as u64 + 300, "position");
    }
    ensure_eq!(Res(ring.run(rd(&file, mem, -1))?.res), Res(100), "the rest");
    ensure_eq!(
        Res(ring.run(rd(&file, mem, -1))?.res),
        Res(0),
        "nothing left"
    );
    pass()
}

/// A large file in pieces of several sizes, many at a time.
fn whole(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let len = 1 << 18;
    let file = pattern_file(cx, "f", len)?;
    for piece in [len, 1 << 15, 20_001] {
        let mem = Mem::zeroed(len);
        let offsets: Vec<usize> = (0..len).step_by(piece).collect();
        let part = |offset: usize| mem.part(offset, piece.min(len - offset));
        let ops: Vec<Op> = offsets
            .iter()
            .map(|offset| rd(&file, part(*offset), *offset as i64))
            .collect();
        for (offset, cqe) in offsets.iter().zip(ring.run_all(&ops)?) {
            ensure_eq!(
                Res(cqe.res),
                Res(part(*offset).len() as i32),
                "bytes at {offset} in pieces of {piece}"
            );
        }
        ensure!(mem.get() == pattern(0..len), "content in pieces of {piece}");
    }
    pass()
}

/// Arrays that are not there, or too long, and memory that is not there.
fn readv_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let op = vectored(IORING_OP_READV, &file, &[Mem::zeroed(64)], 0);
    let many = vectored(IORING_OP_READV, &file, &[Mem::zeroed(1); 1025], 0);
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
    )
}

/// The parts are filled in order, an empty one among them, and the array is not needed once it was submitted.
fn parts(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1000)?;
    let mem = Mem::zeroed(600);
    let parts = [
        mem.part(0, 100),
        mem.part(100, 0),
        mem.part(100, 1),
        mem.part(101, 499),
    ];
    let op = vectored(IORING_OP_READV, &file, &parts, 13).with(IOSQE_ASYNC);
    let array = Mem::iovecs(&parts);
    // SAFETY: the array is never given back. It is overwritten with addresses at which no memory is.
    let op = unsafe { op.changed(|sqe| sqe.set_addr(array.addr())) };
    ring.start(&[op])?;
    array.set(0, &vec![0; array.len() as usize]);
    ensure_eq!(Res(ring.wait()?.res), Res(600), "result");
    ensure!(mem.get() == pattern(13..613), "other content than written");
    ensure_eq!(
        Res(ring.run(vectored(IORING_OP_READV, &file, &[], 0))?.res),
        Res(0),
        "no parts"
    );
    let most = [mem.part(0, 1); 1024];
    ensure_eq!(
        Res(ring.run(vectored(IORING_OP_READV, &file, &most, 0))?.res),
        Res(1000),
        "1024 parts"
    );
    ensure!(mem.get()[..1] == pattern(999..1000), "the last byte read");
    pass()
}

/// Offset -1 is the file's position.
fn readv_position(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let mut file = pattern_file(cx, "f", 1000)?;
    let (a, b) = (Mem::zeroed(100), Mem::zeroed(50));
    for start in [0, 150] {
        let cqe = ring.run(vectored(IORING_OP_READV, &file, &[a, b], -1))?;
        ensure_eq!(Res(cqe.res), Res(150), "result");
        ensure!(
            [a.get(), b.get()].concat() == pattern(start..start + 150),
            "content at {start}"
        );
    }
    ensure_eq!(file.stream_position()?, 300, "position");
    pass()
}
