//! FALLOCATE in each mode, and memory advice about a mapped file.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use super::{give, result};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::mem::page_size;
use crate::support::files::{pattern, pattern_file};
use crate::typed::Typed;
use crate::typed::ops::{fallocate, madvise};
use crate::{ensure, ensure_eq};

const ITEM: &[&str] = &["IORING_OP_FALLOCATE"];

/// A mode, which file systems without it refuse with EOPNOTSUPP.
const fn mode(id: &'static str, run: fn(&mut Context) -> Run) -> Case {
    Case::new(id, ITEM, kernel(5, 6), run)
        .refused_by(&[libc::EOPNOTSUPP])
        .on_each_file_system()
}

pub(in super::super) static CASES: &[Case] = &[
    mode("uring/op/fallocate/collapse", collapse),
    mode("uring/op/fallocate/insert", insert),
    mode("uring/op/fallocate/keep_size", keep_size),
    mode("uring/op/fallocate/punch", punch),
    mode("uring/op/fallocate/unshare", unshare),
    mode("uring/op/fallocate/zero", zero),
    Case::new(
        "uring/op/madvise/file",
        &["IORING_OP_MADVISE"],
        kernel(5, 6),
        advise,
    )
    .on_each_file_system(),
];

/// More than any block: of four pieces the middle two are worked on.
fn piece() -> usize {
    page_size().max(1 << 16)
}

/// A file of four pieces on the disk.
fn four(cx: &Context) -> Result<File, Stop> {
    let file = pattern_file(cx, "f", 4 * piece())?;
    file.sync_all()?;
    Ok(file)
}

fn content(pieces: &[&[u8]]) -> Run {
    ensure!(fs::read("f")? == pieces.concat(), "content");
    pass()
}

/// A range is taken out, and what follows moves up. One that does not end before the file does is refused, and so is one
/// that is no whole blocks.
fn collapse(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, four(cx)?, piece());
    let mode = libc::FALLOC_FL_COLLAPSE_RANGE;
    cx.accepted(result(&mut ring, fallocate(&file, mode, piece, piece))?)?;
    let (before, after) = (pattern(0..piece), pattern(2 * piece..4 * piece));
    content(&[&before, &after])?;
    give(
        &mut ring,
        &[
            (
                "to the end",
                fallocate(&file, mode, piece, 2 * piece),
                -libc::EINVAL,
            ),
            (
                "no whole block",
                fallocate(&file, mode, 0, 100),
                -libc::EINVAL,
            ),
        ],
    )?;
    content(&[&before, &after])
}

/// Room is made within the file, and what follows moves down.
fn insert(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, four(cx)?, piece());
    let mode = libc::FALLOC_FL_INSERT_RANGE;
    cx.accepted(result(&mut ring, fallocate(&file, mode, piece, piece))?)?;
    let expected = [pattern(0..piece), vec![0; piece], pattern(piece..4 * piece)];
    content(&[&expected.concat()])?;
    give(
        &mut ring,
        &[
            (
                "behind the end",
                fallocate(&file, mode, 5 * piece, piece),
                -libc::EINVAL,
            ),
            (
                "no whole block",
                fallocate(&file, mode, 0, 100),
                -libc::EINVAL,
            ),
        ],
    )?;
    content(&[&expected.concat()])
}

/// Room behind the end does not change the size; what is written there later is within it.
fn keep_size(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, pattern_file(cx, "f", 10)?, piece());
    let op = fallocate(&file, libc::FALLOC_FL_KEEP_SIZE, 0, 4 * piece);
    cx.accepted(result(&mut ring, op)?)?;
    ensure_eq!(file.metadata()?.len(), 10, "size");
    let blocks = file.metadata()?.blocks() * 512;
    ensure!(blocks >= 4 * piece as u64, "room: {blocks} bytes");
    content(&[&pattern(0..10)])
}

/// A hole reads as zeroes and takes no room. Without KEEP_SIZE the mode is none.
fn punch(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, four(cx)?, piece());
    let before = file.metadata()?.blocks();
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    cx.accepted(result(&mut ring, fallocate(&file, mode, piece, 2 * piece))?)?;
    file.sync_all()?;
    let after = file.metadata()?.blocks();
    ensure!(after < before, "{before} blocks before, {after} after");
    let expected = [
        pattern(0..piece),
        vec![0; 2 * piece],
        pattern(3 * piece..4 * piece),
    ];
    content(&[&expected.concat()])?;
    // A part of a block.
    give(
        &mut ring,
        &[("100 bytes", fallocate(&file, mode, 5, 100), 0)],
    )?;
    ensure!(
        fs::read("f")?[..200] == [pattern(0..5), vec![0; 100], pattern(105..200)].concat(),
        "content around a small hole"
    );
    let alone = fallocate(&file, libc::FALLOC_FL_PUNCH_HOLE, 0, piece);
    give(
        &mut ring,
        &[("without KEEP_SIZE", alone, -libc::EOPNOTSUPP)],
    )
}

/// Blocks that are shared with another file become the file's own; here none is shared, and nothing changes.
fn unshare(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, four(cx)?, piece());
    let mode = libc::FALLOC_FL_UNSHARE_RANGE;
    cx.accepted(result(&mut ring, fallocate(&file, mode, 0, 4 * piece))?)?;
    content(&[&pattern(0..4 * piece)])
}

/// A range becomes zeroes, and the file longer unless its size is to be kept.
fn zero(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, four(cx)?, piece());
    let mode = libc::FALLOC_FL_ZERO_RANGE;
    cx.accepted(result(&mut ring, fallocate(&file, mode, 100, piece))?)?;
    let begin = [
        pattern(0..100),
        vec![0; piece],
        pattern(piece + 100..3 * piece),
    ];
    content(&[&begin.concat(), &pattern(3 * piece..4 * piece)])?;
    let keep = mode | libc::FALLOC_FL_KEEP_SIZE;
    give(
        &mut ring,
        &[
            ("KEEP_SIZE", fallocate(&file, keep, 3 * piece, 2 * piece), 0),
            ("longer", fallocate(&file, mode, 4 * piece, 10), 0),
            (
                "with PUNCH_HOLE",
                fallocate(&file, keep | libc::FALLOC_FL_PUNCH_HOLE, 0, piece),
                -libc::EOPNOTSUPP,
            ),
        ],
    )?;
    content(&[&begin.concat(), &vec![0; piece + 10]])
}

/// The pages of a mapped file are read, dropped, and taken out of the file.
fn advise(cx: &mut Context) -> Run {
    let (mut ring, file, piece) = (Typed::new()?, four(cx)?, piece());
    let mapping = Mapping::of(&file, 4 * piece)?;
    let advice = |at: usize, len: usize, advice| {
        // SAFETY: the mapping lives until the end of the case, which waits for each operation, and is read by bytes.
        unsafe { madvise(mapping.start.wrapping_add(at), len, advice) }
    };
    give(
        &mut ring,
        &[
            ("WILLNEED", advice(0, 4 * piece, libc::MADV_WILLNEED), 0),
            ("RANDOM", advice(0, 4 * piece, libc::MADV_RANDOM), 0),
            ("DONTNEED", advice(0, piece, libc::MADV_DONTNEED), 0),
            ("REMOVE", advice(piece, piece, libc::MADV_REMOVE), 0),
            (
                "no start of a page",
                advice(1, piece, libc::MADV_WILLNEED),
                -libc::EINVAL,
            ),
            (
                "at the address 0",
                advice(
                    0usize.wrapping_sub(mapping.start.addr()),
                    4096,
                    libc::MADV_WILLNEED,
                ),
                -libc::ENOMEM,
            ),
        ],
    )?;
    let expected = [
        pattern(0..piece),
        vec![0; piece],
        pattern(2 * piece..4 * piece),
    ];
    content(&[&expected.concat()])?;
    ensure!(
        mapping.bytes() == expected.concat(),
        "content of the mapping"
    );
    pass()
}

/// A shared mapping of a file, which stays.
struct Mapping {
    start: *const u8,
    len: usize,
}

impl Mapping {
    fn of(file: &File, len: usize) -> Result<Mapping, Stop> {
        use std::os::fd::AsRawFd;
        let (protection, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        // SAFETY: a new mapping at a place of the kernel's choice changes no memory that is in use.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        ensure!(
            start != libc::MAP_FAILED,
            "mmap: {}",
            std::io::Error::last_os_error()
        );
        let start = start.cast_const().cast();
        Ok(Mapping { start, len })
    }

    fn bytes(&self) -> Vec<u8> {
        // SAFETY: within the mapping, which is never removed. Volatile, since the file may change.
        (0..self.len)
            .map(|i| unsafe { self.start.add(i).read_volatile() })
            .collect()
    }
}
