//! Reading, writing, and what concerns a whole file.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use safe::uring::op::{self, FileAdvice, MemoryAdvice};
use safe::uring::raw::types::{FallocateFlags, SyncRangeFlags};
use safe::uring::{BufGroup, op::End};

use super::{accepted, case, refused, ring, run};
use crate::case::{Case, Run, absent, fail, pass};
use crate::context::Context;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/ring/fadvise",
        &["IORING_OP_FADVISE"],
        (5, 6),
        fadvise,
    ),
    case(
        "uring/ring/fallocate",
        &["IORING_OP_FALLOCATE"],
        (5, 6),
        fallocate,
    ),
    case("uring/ring/fsync", &["IORING_OP_FSYNC"], (5, 1), fsync),
    case(
        "uring/ring/ftruncate",
        &["IORING_OP_FTRUNCATE"],
        (6, 9),
        ftruncate,
    ),
    case(
        "uring/ring/madvise",
        &["IORING_OP_MADVISE"],
        (5, 6),
        madvise,
    ),
    case("uring/ring/nop", &["IORING_OP_NOP"], (5, 1), nop),
    case("uring/ring/read", &["IORING_OP_READ"], (5, 6), read),
    case(
        "uring/ring/read_fixed",
        &["IORING_OP_READ_FIXED"],
        (5, 1),
        read_fixed,
    ),
    case(
        "uring/ring/read_multishot",
        &["IORING_OP_READ_MULTISHOT"],
        (6, 7),
        read_multishot,
    )
    .announced(),
    case("uring/ring/readv", &["IORING_OP_READV"], (5, 1), readv),
    case(
        "uring/ring/sync_file_range",
        &["IORING_OP_SYNC_FILE_RANGE"],
        (5, 2),
        sync_file_range,
    ),
    case("uring/ring/write", &["IORING_OP_WRITE"], (5, 6), write),
    case(
        "uring/ring/write_fixed",
        &["IORING_OP_WRITE_FIXED"],
        (5, 1),
        write_fixed,
    ),
    case("uring/ring/writev", &["IORING_OP_WRITEV"], (5, 1), writev),
];

/// A file that can only be written.
fn write_only() -> std::io::Result<File> {
    OpenOptions::new().write(true).open("f")
}

fn nop(_: &mut Context) -> Run {
    Ok(run(&mut ring()?, op::Nop::new())??)
}

fn read(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 200)?);
    let done = run(
        &mut ring,
        op::Read::new(file, Vec::with_capacity(70)).at(150),
    )?;
    ensure_eq!(accepted(cx, done.result)?, 50, "result");
    ensure!(done.buf == pattern(150..200), "content");
    let bad = run(&mut ring, op::Read::new(write_only()?, vec![0; 9]))?;
    refused("a file open to write", bad.result, libc::EBADF)
}

fn readv(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 200)?);
    let parts = || [vec![0; 20], vec![0; 30]];
    let done = run(&mut ring, op::ReadVectored::new(file, parts()).at(100))?;
    ensure_eq!(accepted(cx, done.result)?, 50, "result");
    ensure!(done.buf.concat() == pattern(100..150), "content");
    let bad = run(&mut ring, op::ReadVectored::new(write_only()?, parts()))?;
    refused("a file open to write", bad.result, libc::EBADF)
}

fn read_fixed(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 200)?);
    let buffers = ring.register_buffers(2, 64)?;
    let buf = buffers.lease(1, ..50)?;
    let done = run(&mut ring, op::ReadFixed::new(file, buf).at(100))?;
    ensure_eq!(accepted(cx, done.result)?, 50, "result");
    ensure!(done.buf[..50] == pattern(100..150), "content");
    let bad = run(&mut ring, op::ReadFixed::new(write_only()?, done.buf))?;
    refused("a file open to write", bad.result, libc::EBADF)
}

fn write(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 200)?);
    let done = run(&mut ring, op::Write::new(file, pattern(1..51)).at(100))?;
    ensure_eq!(accepted(cx, done.result)?, 50, "result");
    changed()?;
    let bad = run(&mut ring, op::Write::new(File::open("f")?, "x"))?;
    refused("a file open to read", bad.result, libc::EBADF)
}

/// The file has 50 other bytes from 100 on.
#[track_caller]
fn changed() -> Run {
    let expected = [pattern(0..100), pattern(1..51), pattern(150..200)];
    ensure!(fs::read("f")? == expected.concat(), "content");
    pass()
}

fn writev(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 200)?);
    let parts = || vec![pattern(1..21), pattern(21..51)];
    let done = run(&mut ring, op::WriteVectored::new(file, parts()).at(100))?;
    ensure_eq!(accepted(cx, done.result)?, 50, "result");
    changed()?;
    let bad = run(&mut ring, op::WriteVectored::new(File::open("f")?, parts()))?;
    refused("a file open to read", bad.result, libc::EBADF)
}

fn write_fixed(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 200)?);
    let buffers = ring.register_buffers(2, 64)?;
    let mut buf = buffers.lease(1, ..50)?;
    buf.copy_from_slice(&pattern(1..51));
    let done = run(&mut ring, op::WriteFixed::new(file, buf).at(100))?;
    ensure_eq!(accepted(cx, done.result)?, 50, "result");
    changed()?;
    let bad = run(&mut ring, op::WriteFixed::new(File::open("f")?, done.buf))?;
    refused("a file open to read", bad.result, libc::EBADF)
}

/// What comes into a pipe, until its other end is closed; a regular file is refused.
fn read_multishot(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let group = match BufGroup::builder(4, 64).register(&mut ring) {
        Ok(group) => group,
        // Before 5.19.
        Err(error) => return absent(error),
    };
    let (reader, writer) = pipe()?;
    let mut writer = File::from(writer);
    writer.write_all(b"abc")?;
    let mut stream = ring.push_multishot(op::ReadMultishot::new(reader, &group))?;
    let Some(first) = ring.next(&mut stream)? else {
        return fail("it ended at once");
    };
    ensure_eq!(&accepted(cx, first)?[..], b"abc", "content");
    drop(writer);
    let Some(last) = ring.next(&mut stream)? else {
        return fail("no end");
    };
    ensure!(last?.is_empty(), "data at the end");
    ensure!(ring.next(&mut stream)?.is_none(), "more after the end");
    let Ok(rest) = stream.finish() else {
        return fail("it has no end");
    };
    ensure_eq!(rest.end, End::Finished, "the end");
    let file = pattern_file(cx, "f", 9)?;
    let mut stream = ring.push_multishot(op::ReadMultishot::new(file, &group))?;
    let Some(first) = ring.next(&mut stream)? else {
        return fail("it ended without a word");
    };
    refused("a regular file", first, libc::EBADFD)
}

fn fadvise(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 5000)?);
    let done = run(
        &mut ring,
        op::Fadvise::new(file, FileAdvice::DontNeed).range(7, 1000),
    )?;
    accepted(cx, done.result)?;
    let (reader, _writer) = pipe()?;
    let bad = run(&mut ring, op::Fadvise::new(reader, FileAdvice::Normal))?;
    refused("a pipe", bad.result, libc::ESPIPE)
}

fn fallocate(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 10)?);
    let keep = op::Fallocate::new(file, 50, 100).mode(FallocateFlags::KEEP_SIZE);
    let done = run(&mut ring, keep)?;
    accepted(cx, done.result)?;
    ensure_eq!(done.file.metadata()?.len(), 10, "size that was to be kept");
    let done = run(&mut ring, op::Fallocate::new(done.file, 50, 100))?;
    done.result?;
    ensure_eq!(done.file.metadata()?.len(), 150, "size");
    let bad = run(&mut ring, op::Fallocate::new(done.file, 0, 0))?;
    refused("length 0", bad.result, libc::EINVAL)
}

fn fsync(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 5000)?);
    let done = run(&mut ring, op::Fsync::new(file).range(100, 1000))?;
    accepted(cx, done.result)?;
    run(&mut ring, op::Fsync::data(done.file))?.result?;
    let (_reader, writer) = pipe()?;
    refused(
        "a pipe",
        run(&mut ring, op::Fsync::new(writer))?.result,
        libc::EINVAL,
    )
}

fn sync_file_range(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 5000)?);
    let sync = op::SyncFileRange::new(file, 100, 1000).flags(SyncRangeFlags::WRITE);
    accepted(cx, run(&mut ring, sync)?.result)?;
    let (_reader, writer) = pipe()?;
    let bad = run(&mut ring, op::SyncFileRange::new(writer, 0, 10))?;
    refused("a pipe", bad.result, libc::ESPIPE)
}

fn ftruncate(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 5000)?);
    accepted(cx, run(&mut ring, op::Ftruncate::new(file, 77))?.result)?;
    ensure!(fs::read("f")? == pattern(0..77), "content");
    let (socket, _other) = UnixStream::pair()?;
    let bad = run(&mut ring, op::Ftruncate::new(socket, 1))?;
    refused("a socket", bad.result, libc::EINVAL)
}

/// Advice keeps the content. Memory that is no whole pages cannot be given: the operation takes what is whole.
fn madvise(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let page = crate::ring::mem::page_size();
    let buffers = ring.register_buffers(1, 64 * page)?;
    let mut whole = buffers.lease(0, ..)?;
    whole.copy_from_slice(&pattern(0..64 * page));
    let advice = || MemoryAdvice::WillNeed;
    let done = run(&mut ring, op::Madvise::new(whole, advice()))?;
    accepted(cx, done.result)?;
    ensure!(done.buf[..] == pattern(0..64 * page), "content");
    pass()
}
