//! How to read and write: each `RWF_*` flag, with each opcode.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use safe::uring::raw::types::RwFlags;

use super::{PLAIN, give, result};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::support::files::{pattern, pattern_file};
use crate::typed::Typed;
use crate::typed::ops::{Data, read, write};
use crate::{ensure, ensure_eq};

/// A flag, which file systems without it refuse with EOPNOTSUPP.
const fn flag(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run)
        .refused_by(&[libc::EOPNOTSUPP])
        .on_each_file_system()
}

pub(in super::super) static CASES: &[Case] = &[
    flag(
        "uring/op/read/dontcache",
        &["RWF_DONTCACHE", "IORING_OP_READ"],
        (6, 14),
        read_dontcache,
    ),
    flag("uring/op/write/atomic", &["RWF_ATOMIC"], (6, 13), atomic)
        .refused_by(&[libc::EOPNOTSUPP, libc::EINVAL]),
    flag("uring/op/write/bad_flags", BAD, (5, 6), bad_flags),
    flag(
        "uring/op/write/dontcache",
        &["RWF_DONTCACHE", "IORING_OP_WRITE"],
        (6, 14),
        write_dontcache,
    ),
    flag("uring/op/write/forms", FORMS, (5, 6), forms),
    flag(
        "uring/op/write/nowait",
        &["RWF_NOWAIT", "IORING_OP_WRITE"],
        (5, 6),
        nowait,
    ),
];

const FORMS: &[&str] = &[
    "IORING_OP_WRITE",
    "IORING_OP_WRITEV",
    "IORING_OP_WRITE_FIXED",
    "RWF_APPEND",
    "RWF_DSYNC",
    "RWF_SYNC",
];
const BAD: &[&str] = &[
    "RWF_HIPRI",
    "RWF_DSYNC",
    "RWF_SYNC",
    "RWF_APPEND",
    "RWF_NOWAIT",
    "RWF_NOAPPEND",
    "RWF_DONTCACHE",
    "RWF_NOSIGNAL",
    "RWF_ATOMIC",
];

/// A ring, and the registered buffer 0 of 100 bytes.
fn registered() -> Result<(Typed, Mem), Stop> {
    let (ring, mem) = (Typed::new()?, Mem::of(&pattern(1000..1100)));
    // SAFETY: the memory is never given back.
    unsafe { ring.submitter().register_buffers(&[mem.iovec()]) }?;
    Ok((ring, mem))
}

/// Each flag of a write with each way to name its memory. Appended is what ignores the offset.
fn forms(cx: &mut Context) -> Run {
    let (mut ring, mem) = registered()?;
    let file = pattern_file(cx, "f", 0)?;
    let parts = [mem.part(0, 40), mem.part(40, 60)];
    let mut len = 0;
    for data in [Data::One(mem), Data::Many(&parts), Data::Fixed(mem, 0)] {
        for flags in [PLAIN, RwFlags::DSYNC, RwFlags::SYNC, RwFlags::APPEND] {
            let at = if flags == RwFlags::APPEND { 0 } else { len };
            ensure_eq!(
                result(&mut ring, write(&file, data, at, flags))?,
                100,
                "{flags:?} {data:?}"
            );
            len += 100;
        }
    }
    ensure!(fs::read("f")? == pattern(1000..1100).repeat(12), "content");
    pass()
}

/// Flags of which a file open for reading makes nothing, and one that only a ring that polls may have.
fn bad_flags(cx: &mut Context) -> Run {
    let (mut ring, mem) = registered()?;
    let file = pattern_file(cx, "f", 200)?;
    let read_only = File::open("f")?;
    let data = Data::One(mem);
    for flags in [
        RwFlags::DSYNC,
        RwFlags::SYNC,
        RwFlags::APPEND,
        RwFlags::NOWAIT,
        RwFlags::NOAPPEND,
        RwFlags::DONTCACHE,
        RwFlags::NOSIGNAL,
        RwFlags::ATOMIC,
    ] {
        let op = write(&read_only, data, 0, flags);
        give(
            &mut ring,
            &[(&format!("{flags:?}, to read only"), op, -libc::EBADF)],
        )?;
    }
    give(
        &mut ring,
        &[
            (
                "HIPRI to write",
                write(&file, data, 0, RwFlags::HIPRI),
                -libc::EINVAL,
            ),
            (
                "HIPRI to read",
                read(&file, data, 0, RwFlags::HIPRI),
                -libc::EINVAL,
            ),
            (
                "an unknown flag",
                write(&file, data, 0, RwFlags::from_bits_retain(1 << 30)),
                -libc::EOPNOTSUPP,
            ),
        ],
    )?;
    ensure!(fs::read("f")? == pattern(0..200), "something was written");
    pass()
}

/// What is read past the cache, or leaves it at once, is the same.
fn read_dontcache(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 10_000)?;
    file.sync_all()?;
    let mem = Mem::zeroed(10_000);
    let op = |at| read(&file, Data::One(mem), at, RwFlags::DONTCACHE);
    for at in [0, 3000] {
        let res = cx.accepted(result(&mut ring, op(at))?)?;
        ensure_eq!(res, 10_000 - at as i32, "result at {at}");
        let got = &mem.get()[..res as usize];
        ensure!(got == pattern(at as usize..10_000), "content at {at}");
    }
    pass()
}

/// What is written so is in the file.
fn write_dontcache(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 0)?;
    let mem = Mem::of(&pattern(0..10_000));
    let op = write(&file, Data::One(mem), 0, RwFlags::DONTCACHE);
    ensure_eq!(cx.accepted(result(&mut ring, op)?)?, 10_000, "result");
    ensure!(fs::read("f")? == pattern(0..10_000), "content");
    pass()
}

/// One block, all or nothing, past the cache. In the cache, of an odd length, and when reading the flag is refused.
fn atomic(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let cached = pattern_file(cx, "f", 1 << 16)?;
    cached.sync_all()?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_DIRECT);
    let file = cx.accepted_call(options.open("f"))?;
    let block = Mem::of(&pattern(9..9 + 4096));
    let op = |file: &File, mem, flags| write(file, Data::One(mem), 4096, flags);
    let odd = op(&file, block.part(0, 1024 + 512), RwFlags::ATOMIC);
    let refused = result(&mut ring, odd)?;
    ensure!(
        [-libc::EINVAL, -libc::EOPNOTSUPP].contains(&refused),
        "1536 bytes: {refused}"
    );
    for op in [
        op(&cached, block, RwFlags::ATOMIC),
        read(&file, Data::One(Mem::zeroed(4096)), 0, RwFlags::ATOMIC),
    ] {
        give(
            &mut ring,
            &[("in the cache, or to read", op, -libc::EOPNOTSUPP)],
        )?;
    }
    let res = cx.accepted(result(&mut ring, op(&file, block, RwFlags::ATOMIC))?)?;
    ensure_eq!(res, 4096, "result");
    let expected = [
        pattern(0..4096),
        pattern(9..9 + 4096),
        pattern(8192..1 << 16),
    ];
    ensure!(fs::read("f")? == expected.concat(), "content");
    pass()
}

/// Written at once, or not at all: when that is possible is the file system's affair.
fn nowait(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 4096)?;
    let mem = Mem::of(&pattern(7..7 + 4096));
    let res = result(&mut ring, write(&file, Data::One(mem), 0, RwFlags::NOWAIT))?;
    let expected = match res {
        4096 => pattern(7..7 + 4096),
        _ => pattern(0..4096),
    };
    ensure!(fs::read("f")? == expected, "content after {res}");
    if res == -libc::EAGAIN {
        cx.note("EAGAIN");
        return pass();
    }
    ensure_eq!(cx.accepted(res)?, 4096, "result");
    pass()
}
