//! Reading, writing, and what concerns a whole file.

use std::fs;

use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::Entry;
use safe::uring::raw::types::{Fixed, FsyncFlags, SyncRangeFlags};

use super::{case, fd, give, holds, iovecs, register, run};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::mem::{Mem, page_size};
use crate::support::files::{pattern, pattern_file};
use crate::typed::Typed;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case("uring/raw/fadvise", &["IORING_OP_FADVISE"], (5, 6), fadvise),
    case(
        "uring/raw/fallocate",
        &["IORING_OP_FALLOCATE"],
        (5, 6),
        fallocate,
    ),
    case("uring/raw/fsync", &["IORING_OP_FSYNC"], (5, 1), fsync),
    case(
        "uring/raw/ftruncate",
        &["IORING_OP_FTRUNCATE"],
        (6, 9),
        ftruncate,
    ),
    case("uring/raw/madvise", &["IORING_OP_MADVISE"], (5, 6), madvise),
    case("uring/raw/read", &["IORING_OP_READ"], (5, 6), read),
    case(
        "uring/raw/read_fixed",
        &["IORING_OP_READ_FIXED"],
        (5, 1),
        read_fixed,
    ),
    case("uring/raw/readv", &["IORING_OP_READV"], (5, 1), readv),
    case(
        "uring/raw/readv_fixed",
        &["IORING_OP_READV_FIXED"],
        (6, 15),
        readv_fixed,
    ),
    case(
        "uring/raw/sync_file_range",
        &["IORING_OP_SYNC_FILE_RANGE"],
        (5, 2),
        sync_file_range,
    ),
    case("uring/raw/write", &["IORING_OP_WRITE"], (5, 6), write),
    case(
        "uring/raw/write_fixed",
        &["IORING_OP_WRITE_FIXED"],
        (5, 1),
        write_fixed,
    ),
    case("uring/raw/writev", &["IORING_OP_WRITEV"], (5, 1), writev),
    case(
        "uring/raw/writev_fixed",
        &["IORING_OP_WRITEV_FIXED"],
        (6, 15),
        writev_fixed,
    ),
];

/// Reads bytes 100 to 150 of a file of 200, by descriptor and by slot, and sees the same without a file.
fn reads(cx: &Context, entry: impl Fn(Target, Mem) -> Entry) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 200)?);
    let mem = Mem::zeroed(50);
    register(&ring, mem)?;
    cx.accepted(run(&mut ring, entry(Target::Fd(fd(&file).0), mem))?)?;
    holds(mem, &pattern(100..150))?;
    mem.set(0, &[0; 50]);
    ring.submitter().register_files(&[-1, fd(&file).0])?;
    give(
        &mut ring,
        &[
            ("a slot", entry(Target::Slot(1), mem), 50),
            ("an empty slot", entry(Target::Slot(0), mem), -libc::EBADF),
            ("fd -1", entry(Target::Fd(-1), mem), -libc::EBADF),
        ],
    )?;
    holds(mem, &pattern(100..150))
}

/// Writes 50 bytes at 100, by descriptor and by slot, and sees the same without a file.
fn writes(cx: &Context, entry: impl Fn(Target, Mem) -> Entry) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 200)?);
    let mem = Mem::of(&pattern(1..51));
    register(&ring, mem)?;
    let res = run(&mut ring, entry(Target::Fd(fd(&file).0), mem))?;
    ensure_eq!(cx.accepted(res)?, 50, "result");
    let expected = |from| [pattern(0..100), pattern(from..from + 50), pattern(150..200)].concat();
    ensure!(fs::read("f")? == expected(1), "content");
    mem.set(0, &pattern(2..52));
    ring.submitter().register_files(&[-1, fd(&file).0])?;
    give(
        &mut ring,
        &[
            ("a slot", entry(Target::Slot(1), mem), 50),
            ("an empty slot", entry(Target::Slot(0), mem), -libc::EBADF),
            ("fd -1", entry(Target::Fd(-1), mem), -libc::EBADF),
        ],
    )?;
    ensure!(fs::read("f")? == expected(2), "content through a slot");
    pass()
}

/// How the file is named.
#[derive(Clone, Copy)]
enum Target {
    Fd(i32),
    Slot(u32),
}

/// Builds with the descriptor or the slot: the builders take either.
macro_rules! on {
    ($target:expr, |$file:ident| $build:expr) => {
        match $target {
            Target::Fd(fd) => {
                let $file = safe::uring::raw::types::Fd(fd);
                $build
            }
            Target::Slot(slot) => {
                let $file = Fixed(slot);
                $build
            }
        }
    };
}

/// Two parts of a buffer, of 20 bytes and the rest.
fn parts(mem: Mem) -> [Mem; 2] {
    [mem.part(0, 20), mem.part(20, mem.len() as usize - 20)]
}

fn read(cx: &mut Context) -> Run {
    reads(cx, |to, mem| {
        on!(to, |f| Read::new(f, mem.as_ptr(), mem.len())
            .offset(100)
            .build())
    })
}

fn readv(cx: &mut Context) -> Run {
    reads(cx, |to, mem| {
        let array = iovecs(&parts(mem));
        on!(to, |f| Readv::new(f, array, 2).offset(100).build())
    })
}

fn read_fixed(cx: &mut Context) -> Run {
    reads(cx, |to, mem| {
        on!(to, |f| ReadFixed::new(f, mem.as_ptr(), mem.len(), 0)
            .offset(100)
            .build())
    })
}

fn readv_fixed(cx: &mut Context) -> Run {
    reads(cx, |to, mem| {
        let array = iovecs(&parts(mem));
        on!(to, |f| ReadvFixed::new(f, array, 2, 0).offset(100).build())
    })
}

fn write(cx: &mut Context) -> Run {
    writes(cx, |to, mem| {
        on!(to, |f| Write::new(f, mem.as_ptr(), mem.len())
            .offset(100)
            .build())
    })
}

fn writev(cx: &mut Context) -> Run {
    writes(cx, |to, mem| {
        let array = iovecs(&parts(mem));
        on!(to, |f| Writev::new(f, array, 2).offset(100).build())
    })
}

fn write_fixed(cx: &mut Context) -> Run {
    writes(cx, |to, mem| {
        on!(to, |f| WriteFixed::new(f, mem.as_ptr(), mem.len(), 0)
            .offset(100)
            .build())
    })
}

fn writev_fixed(cx: &mut Context) -> Run {
    writes(cx, |to, mem| {
        let array = iovecs(&parts(mem));
        on!(to, |f| WritevFixed::new(f, array, 2, 0).offset(100).build())
    })
}

fn fadvise(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 5000)?);
    let entry = |advice| Fadvise::new(fd(&file), 1000, advice).offset(7).build();
    give(
        &mut ring,
        &[
            ("DONTNEED", entry(libc::POSIX_FADV_DONTNEED), 0),
            ("advice 99", entry(99), -libc::EINVAL),
        ],
    )
}

fn fallocate(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 10)?);
    let entry = |mode| Fallocate::new(fd(&file), 100).offset(50).mode(mode).build();
    give(
        &mut ring,
        &[
            ("room behind the end", entry(libc::FALLOC_FL_KEEP_SIZE), 0),
            ("an unknown mode", entry(0x4000), -libc::EOPNOTSUPP),
        ],
    )?;
    ensure_eq!(file.metadata()?.len(), 10, "size that was to be kept");
    give(&mut ring, &[("room", entry(0), 0)])?;
    ensure_eq!(file.metadata()?.len(), 150, "size");
    pass()
}

fn fsync(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 5000)?);
    let entry = || Fsync::new(fd(&file)).offset(100).len(1000);
    let unknown = FsyncFlags::from_bits_retain(1 << 5);
    give(
        &mut ring,
        &[
            ("a range", entry().build(), 0),
            ("its data", entry().flags(FsyncFlags::DATASYNC).build(), 0),
            (
                "unknown flags",
                entry().flags(unknown).build(),
                -libc::EINVAL,
            ),
        ],
    )
}

fn ftruncate(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 5000)?);
    let entry = |len| Ftruncate::new(fd(&file), len).build();
    cx.accepted(run(&mut ring, entry(77))?)?;
    ensure!(fs::read("f")? == pattern(0..77), "content");
    give(&mut ring, &[("length -1", entry(u64::MAX), -libc::EINVAL)])
}

fn madvise(_: &mut Context) -> Run {
    let (mut ring, page) = (Typed::new()?, page_size());
    let mem = Mem::of(&pattern(0..2 * page));
    let entry = |at: usize, advice| {
        let start = mem.part(at, page).as_ptr().cast_const().cast();
        Madvise::new(start, page as libc::off_t, advice).build()
    };
    give(
        &mut ring,
        &[
            ("DONTNEED", entry(page, libc::MADV_DONTNEED), 0),
            (
                "no start of a page",
                entry(1, libc::MADV_DONTNEED),
                -libc::EINVAL,
            ),
            ("advice 999", entry(0, 999), -libc::EINVAL),
        ],
    )?;
    holds(mem, &[pattern(0..page), vec![0; page]].concat())
}

fn sync_file_range(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 5000)?);
    let entry = |flags| {
        SyncFileRange::new(fd(&file), 1000)
            .offset(100)
            .with_flags(flags)
            .build()
    };
    let unknown = SyncRangeFlags::from_bits_retain(1 << 9);
    give(
        &mut ring,
        &[
            ("WRITE", entry(SyncRangeFlags::WRITE), 0),
            ("unknown flags", entry(unknown), -libc::EINVAL),
        ],
    )
}
