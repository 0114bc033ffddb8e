//! Reading and writing past the cache, with each opcode.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use super::{PLAIN, give, result};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ensure;
use crate::ring::mem::Mem;
use crate::support::files::{pattern, pattern_file};
use crate::typed::Typed;
use crate::typed::ops::{Data, read, write};

const READ: &[&str] = &["IORING_OP_READ", "IORING_OP_READV", "IORING_OP_READ_FIXED"];
const WRITE: &[&str] = &[
    "IORING_OP_WRITE",
    "IORING_OP_WRITEV",
    "IORING_OP_WRITE_FIXED",
];

/// A file that is opened with O_DIRECT, which file systems without it refuse with EINVAL.
const fn direct(
    id: &'static str,
    items: &'static [&'static str],
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(5, 6), run)
        .refused_by(&[libc::EINVAL])
        .on_each_file_system()
}

pub(in super::super) static CASES: &[Case] = &[
    direct("uring/op/read/direct", READ, read_whole),
    direct("uring/op/read/direct_odd", READ, read_odd),
    direct("uring/op/write/direct", WRITE, write_whole),
    direct("uring/op/write/direct_odd", WRITE, write_odd),
];

/// A multiple of every block and every page here.
const UNIT: usize = 1 << 16;

/// A file of four units, open past the cache.
fn open(cx: &Context) -> Result<File, Stop> {
    pattern_file(cx, "f", 4 * UNIT)?.sync_all()?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_DIRECT);
    cx.accepted_call(options.open("f"))
}

/// A ring, and memory of two units that is its registered buffer 0.
fn registered() -> Result<(Typed, Mem), Stop> {
    let (ring, mem) = (Typed::new()?, Mem::zeroed(2 * UNIT));
    // SAFETY: the memory is never given back.
    unsafe { ring.submitter().register_buffers(&[mem.iovec()]) }?;
    Ok((ring, mem))
}

/// The two units of `mem` in each form that an operation can take them.
fn forms(mem: Mem, then: &mut dyn FnMut(&str, Data<'_>) -> Run) -> Run {
    then("one buffer", Data::One(mem))?;
    then(
        "two buffers",
        Data::Many(&[mem.part(0, UNIT), mem.part(UNIT, UNIT)]),
    )?;
    then("a registered buffer", Data::Fixed(mem, 0))
}

/// Two units from the second on, and what is left of them at the end of the file.
fn read_whole(cx: &mut Context) -> Run {
    let file = open(cx)?;
    let (mut ring, mem) = registered()?;
    forms(mem, &mut |what, data| {
        for (at, len) in [(UNIT, 2 * UNIT), (3 * UNIT, UNIT), (4 * UNIT, 0)] {
            mem.set(0, &[0; 2 * UNIT]);
            give(
                &mut ring,
                &[(what, read(&file, data, at as i64, PLAIN), len as i32)],
            )?;
            let content = mem.get()[..len] == pattern(at..at + len);
            ensure!(content, "{what}: content at {at}");
        }
        pass()
    })
}

/// What begins within a block is read all the same, or refused with EINVAL.
fn read_odd(cx: &mut Context) -> Run {
    let file = open(cx)?;
    let (mut ring, mem) = registered()?;
    let odd = [
        ("offset 1", mem.part(0, UNIT), 1),
        ("100 bytes", mem.part(0, 100), 0),
    ];
    for (what, mem, at) in odd {
        let res = result(&mut ring, read(&file, Data::One(mem), at, PLAIN))?;
        ensure!(cx.accepted(res)? == mem.len() as i32, "{what}: {res}");
        let at = at as usize;
        ensure!(
            mem.get() == pattern(at..at + mem.get().len()),
            "{what}: content"
        );
    }
    pass()
}

/// Two units over the second and third, and behind the end.
fn write_whole(cx: &mut Context) -> Run {
    let file = open(cx)?;
    let (mut ring, mem) = registered()?;
    let mut expected = pattern(0..4 * UNIT);
    forms(mem, &mut |what, data| {
        for at in [UNIT, expected.len()] {
            let new = pattern(at + 5..at + 5 + 2 * UNIT);
            mem.set(0, &new);
            give(
                &mut ring,
                &[(what, write(&file, data, at as i64, PLAIN), 2 * UNIT as i32)],
            )?;
            expected.truncate(expected.len().max(at));
            expected.resize(expected.len().max(at + 2 * UNIT), 0);
            expected[at..at + 2 * UNIT].copy_from_slice(&new);
            ensure!(
                fs::read("f")? == expected,
                "{what}: content after a write at {at}"
            );
        }
        pass()
    })
}

/// What begins within a block is written all the same, or refused with EINVAL and nothing is written.
fn write_odd(cx: &mut Context) -> Run {
    let file = open(cx)?;
    let (mut ring, mem) = registered()?;
    mem.set(0, &pattern(7..7 + 100));
    let op = write(&file, Data::One(mem.part(0, 100)), 1, PLAIN);
    let res = result(&mut ring, op)?;
    if res == -libc::EINVAL {
        ensure!(
            fs::read("f")? == pattern(0..4 * UNIT),
            "something was written"
        );
    }
    ensure!(cx.accepted(res)? == 100, "result {res}");
    let expected = [pattern(0..1), pattern(7..107), pattern(101..4 * UNIT)];
    ensure!(fs::read("f")? == expected.concat(), "content");
    pass()
}
