//! What concerns a whole file or its place: FSYNC, SYNC_FILE_RANGE, FALLOCATE, FTRUNCATE, FADVISE, and MADVISE.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::{Mem, page_size};
use crate::ring::op::Op;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/fadvise/advice",
        &["IORING_OP_FADVISE"],
        kernel(5, 6),
        fadvise_all,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/fadvise/bad",
        &["IORING_OP_FADVISE"],
        kernel(5, 6),
        fadvise_bad,
    ),
    Case::new(
        "uring/op/fallocate/bad",
        &["IORING_OP_FALLOCATE"],
        kernel(5, 6),
        fallocate_bad,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/fallocate/modes",
        &["IORING_OP_FALLOCATE"],
        kernel(5, 6),
        fallocate_modes,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/fsync/bad",
        &["IORING_OP_FSYNC"],
        kernel(5, 1),
        fsync_bad,
    ),
    Case::new(
        "uring/op/fsync/whole",
        &["IORING_OP_FSYNC", "IORING_FSYNC_DATASYNC"],
        kernel(5, 1),
        fsync_whole,
    )
    .on_each_file_system(),
    case(
        "uring/op/ftruncate/bad",
        &["IORING_OP_FTRUNCATE"],
        (6, 9),
        ftruncate_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/ftruncate/sizes",
        &["IORING_OP_FTRUNCATE"],
        (6, 9),
        ftruncate_sizes,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/madvise/bad",
        &["IORING_OP_MADVISE"],
        kernel(5, 6),
        madvise_bad,
    ),
    Case::new(
        "uring/op/madvise/dontneed",
        &["IORING_OP_MADVISE"],
        kernel(5, 6),
        madvise_dontneed,
    ),
    Case::new(
        "uring/op/sync_file_range/bad",
        &["IORING_OP_SYNC_FILE_RANGE"],
        kernel(5, 2),
        sync_range_bad,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/sync_file_range/flags",
        &["IORING_OP_SYNC_FILE_RANGE"],
        kernel(5, 2),
        sync_range_flags,
    )
    .on_each_file_system(),
];

/// An operation on a range of a file: `off`, `addr` and `len` are numbers.
fn range(opcode: u8, file: &impl AsRawFd, off: i64, addr: i64, len: u32) -> Op {
    assert!(matches!(
        opcode,
        IORING_OP_FADVISE
            | IORING_OP_FALLOCATE
            | IORING_OP_FSYNC
            | IORING_OP_FTRUNCATE
            | IORING_OP_SYNC_FILE_RANGE
    ));
    // SAFETY: none of these opcodes takes an address.
    unsafe {
        Op::new(opcode, file.as_raw_fd(), |sqe| {
            sqe.set_off(off as u64);
            sqe.set_addr(addr as u64);
            sqe.len = len;
        })
    }
}

/// Runs operations, each of which must give 0.
#[track_caller]
fn all_good(table: &[(&str, Op)]) -> Run {
    let mut ring = ring()?;
    for (what, op) in table {
        ensure_eq!(Res(ring.run(*op)?.res), Res(0), "{what}");
    }
    pass()
}

fn fadvise(file: &impl AsRawFd, advice: i32) -> Op {
    range(IORING_OP_FADVISE, file, 0, 0, 1000).op_flags(advice as u32)
}

/// Each advice is taken.
fn fadvise_all(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 5000)?;
    let advice = [
        ("NORMAL", libc::POSIX_FADV_NORMAL),
        ("SEQUENTIAL", libc::POSIX_FADV_SEQUENTIAL),
        ("RANDOM", libc::POSIX_FADV_RANDOM),
        ("WILLNEED", libc::POSIX_FADV_WILLNEED),
        ("DONTNEED", libc::POSIX_FADV_DONTNEED),
        ("NOREUSE", libc::POSIX_FADV_NOREUSE),
    ];
    all_good(&advice.map(|(name, advice)| (name, fadvise(&file, advice))))?;
    ensure!(fs::read("f")? == pattern(0..5000), "content");
    pass()
}

/// Advice that is none, and a file that has no pages.
fn fadvise_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 5000)?;
    let (reader, _writer) = pipe()?;
    let op = fadvise(&file, libc::POSIX_FADV_NORMAL);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a pipe", op.on(&reader), libc::ESPIPE),
            ("advice 99", op.op_flags(99), libc::EINVAL),
        ],
    )
}

fn fallocate(file: &impl AsRawFd, mode: i32, offset: i64, length: i64) -> Op {
    range(IORING_OP_FALLOCATE, file, offset, length, mode as u32)
}

/// Ranges, modes and files that are wrong.
fn fallocate_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    let read_only = File::open("f")?;
    let (_reader, writer) = pipe()?;
    let op = fallocate(&file, 0, 0, 100);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file open for reading", op.on(&read_only), libc::EBADF),
            ("a pipe", op.on(&writer), libc::ESPIPE),
            ("length 0", fallocate(&file, 0, 0, 0), libc::EINVAL),
            ("offset -1", fallocate(&file, 0, -1, 1), libc::EINVAL),
            ("too far", fallocate(&file, 0, i64::MAX, 1), libc::EFBIG),
            (
                "mode 0x4000",
                fallocate(&file, 0x4000, 0, 100),
                libc::EOPNOTSUPP,
            ),
        ],
    )?;
    ensure!(fs::read("f")? == pattern(0..10), "content");
    pass()
}

/// Room is made, with and without a new size, and a hole punched.
fn fallocate_modes(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let page = page_size();
    let file = pattern_file(cx, "f", 3 * page)?;
    let end = 3 * page as i64;
    ensure_eq!(
        Res(ring.run(fallocate(&file, 0, end, 100))?.res),
        Res(0),
        "room at the end"
    );
    ensure_eq!(file.metadata()?.len(), end as u64 + 100, "size with room");
    let op = fallocate(&file, libc::FALLOC_FL_KEEP_SIZE, end, 10_000);
    ensure_eq!(Res(ring.run(op)?.res), Res(0), "room behind the end");
    ensure_eq!(
        file.metadata()?.len(),
        end as u64 + 100,
        "size that was to be kept"
    );
    let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    ensure_eq!(
        Res(ring.run(fallocate(&file, punch, end / 3, end / 3))?.res),
        Res(0),
        "a hole"
    );
    let expected = [
        pattern(0..page),
        vec![0; page],
        pattern(2 * page..3 * page),
        vec![0; 100],
    ]
    .concat();
    ensure!(fs::read("f")? == expected, "content around the hole");
    pass()
}

/// Flags and files that are wrong.
fn fsync_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    let (_reader, writer) = pipe()?;
    let op = range(IORING_OP_FSYNC, &file, 0, 0, 0);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a pipe", op.on(&writer), libc::EINVAL),
            ("flags 2", op.op_flags(2), libc::EINVAL),
            (
                "an address",
                range(IORING_OP_FSYNC, &file, 0, 1, 0),
                libc::EINVAL,
            ),
        ],
    )
}

/// The whole file, a range, and the data alone.
fn fsync_whole(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 5000)?;
    let op = range(IORING_OP_FSYNC, &file, 0, 0, 0);
    all_good(&[
        ("the file", op),
        ("a range", range(IORING_OP_FSYNC, &file, 100, 0, 1000)),
        ("the data", op.op_flags(IORING_FSYNC_DATASYNC)),
        ("a folder", op.on(&File::open(".")?)),
    ])?;
    ensure!(fs::read("f")? == pattern(0..5000), "content");
    pass()
}

fn ftruncate(file: &impl AsRawFd, length: i64) -> Op {
    range(IORING_OP_FTRUNCATE, file, length, 0, 0)
}

/// Lengths and files that are wrong.
fn ftruncate_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 10)?;
    cx.accepted(ring.run(ftruncate(&file, 10))?.res)?;
    let read_only = File::open("f")?;
    let op = ftruncate(&file, 5);
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file open for reading", op.on(&read_only), libc::EINVAL),
            ("length -1", ftruncate(&file, -1), libc::EINVAL),
            (
                "an address",
                range(IORING_OP_FTRUNCATE, &file, 5, 1, 0),
                libc::EINVAL,
            ),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )?;
    ensure_eq!(file.metadata()?.len(), 10, "size");
    pass()
}

/// A file shrinks, and grows with zeroes.
fn ftruncate_sizes(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1000)?;
    cx.accepted(ring.run(ftruncate(&file, 300))?.res)?;
    ensure!(
        fs::read("f")? == pattern(0..300),
        "content of a shorter file"
    );
    ensure_eq!(Res(ring.run(ftruncate(&file, 500))?.res), Res(0), "growing");
    ensure!(
        fs::read("f")? == [pattern(0..300), vec![0; 200]].concat(),
        "content of a longer file"
    );
    ensure_eq!(
        Res(ring.run(ftruncate(&file, 0))?.res),
        Res(0),
        "to nothing"
    );
    ensure_eq!(file.metadata()?.len(), 0, "size");
    pass()
}

fn madvise(mem: Mem, advice: i32) -> Op {
    // SAFETY: `mem` is never given back, and an advice that changes its content is as good as a write to it.
    unsafe {
        Op::new(IORING_OP_MADVISE, -1, |sqe| {
            sqe.set_addr(mem.addr());
            sqe.len = mem.len();
            sqe.set_fadvise_advice(advice as u32);
        })
    }
}

/// Advice and addresses that are wrong.
fn madvise_bad(_: &mut Context) -> Run {
    let page = page_size();
    let mem = Mem::zeroed(2 * page);
    refuses(
        &mut ring()?,
        &[
            ("advice 999", madvise(mem, 999), libc::EINVAL),
            (
                "not the beginning of a page",
                madvise(mem.part(16, page), libc::MADV_WILLNEED),
                libc::EINVAL,
            ),
            (
                "no memory",
                madvise(mem, libc::MADV_DONTNEED).nowhere(),
                libc::EINVAL,
            ),
        ],
    )
}

/// Memory that is not needed any more is zero.
fn madvise_dontneed(_: &mut Context) -> Run {
    let page = page_size();
    let mem = Mem::of(&pattern(1..1 + 3 * page));
    all_good(&[
        (
            "DONTNEED",
            madvise(mem.part(page, page), libc::MADV_DONTNEED),
        ),
        ("WILLNEED", madvise(mem, libc::MADV_WILLNEED)),
    ])?;
    let expected = [
        pattern(1..1 + page),
        vec![0; page],
        pattern(1 + 2 * page..1 + 3 * page),
    ]
    .concat();
    ensure!(mem.get() == expected, "content");
    pass()
}

fn sync_range(file: &impl AsRawFd, offset: i64, flags: u32) -> Op {
    range(IORING_OP_SYNC_FILE_RANGE, file, offset, 0, 1000).op_flags(flags)
}

/// Flags, ranges and files that are wrong.
fn sync_range_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    let (_reader, writer) = pipe()?;
    let op = sync_range(&file, 0, libc::SYNC_FILE_RANGE_WRITE);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a pipe", op.on(&writer), libc::ESPIPE),
            ("flags 8", op.op_flags(8), libc::EINVAL),
            ("offset -1", sync_range(&file, -1, 0), libc::EINVAL),
        ],
    )
}

/// Each flag, and all together.
fn sync_range_flags(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 5000)?;
    let (before, start, after) = (
        libc::SYNC_FILE_RANGE_WAIT_BEFORE,
        libc::SYNC_FILE_RANGE_WRITE,
        libc::SYNC_FILE_RANGE_WAIT_AFTER,
    );
    all_good(&[
        ("nothing", sync_range(&file, 0, 0)),
        ("start", sync_range(&file, 0, start)),
        ("all", sync_range(&file, 1000, before | start | after)),
    ])?;
    ensure!(fs::read("f")? == pattern(0..5000), "content");
    pass()
}
