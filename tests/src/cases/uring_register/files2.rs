//! Files with tags, and tables of empty slots.

use std::os::fd::{AsFd, AsRawFd};

use safe::uring::raw::register::SKIP_FILE;
use uring_sys::*;

use super::{case, first_byte, with};
use crate::case::{Case, Run, absent, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::ops::{cancel, read};
use crate::support::files::{pattern_file, pipe};
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/files2/bad",
        &["IORING_REGISTER_FILES2"],
        (5, 13),
        bad,
    ),
    case(
        "uring/register/files2/sparse",
        &["IORING_RSRC_REGISTER_SPARSE", "IORING_REGISTER_FILES2"],
        (5, 19),
        sparse,
    ),
    case(
        "uring/register/files2/tag-in-use",
        &["IORING_REGISTER_FILES2", "IORING_REGISTER_FILES_UPDATE2"],
        (5, 13),
        tag_in_use,
    ),
    case(
        "uring/register/files2/tag-unregister",
        &["IORING_REGISTER_FILES2"],
        (5, 13),
        tag_unregister,
    )
    .announced(),
    case(
        "uring/register/files_update2/bad",
        &["IORING_REGISTER_FILES_UPDATE2"],
        (5, 13),
        update_bad,
    ),
    case(
        "uring/register/files_update2/tags",
        &["IORING_REGISTER_FILES_UPDATE2", "IORING_REGISTER_FILES2"],
        (5, 13),
        tags,
    ),
];

/// What is no file, tags of empty slots, structs of other sizes.
fn bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let submitter = ring.submitter();
    let fd = file.as_raw_fd();
    cx.accepted_call(submitter.register_files2(&[fd], &[1]))?;
    refused(
        "a second table",
        submitter.register_files2(&[fd], &[0]),
        libc::EBUSY,
    )?;
    submitter.unregister_files()?;
    all_refused([
        (
            "not open",
            submitter.register_files2(&[1 << 20], &[1]),
            libc::EBADF,
        ),
        (
            "an empty slot with a tag",
            submitter.register_files2(&[-1], &[1]),
            libc::EINVAL,
        ),
        (
            "no files",
            submitter.register_files2::<i32>(&[], &[]),
            libc::EINVAL,
        ),
    ])?;
    let fds = Mem::value(fd);
    let good = io_uring_rsrc_register {
        nr: 1,
        data: fds.addr(),
        ..Default::default()
    };
    let (size, opcode) = (size_of_val(&good) as u32, IORING_REGISTER_FILES2);
    let reserved = io_uring_rsrc_register { resv2: 1, ..good };
    let unknown = io_uring_rsrc_register {
        flags: 1 << 31,
        ..good
    };
    // SAFETY: the memory that the structs name is never given back.
    let table = unsafe {
        [
            ("a count", with(&ring, opcode, good, 1), libc::EINVAL),
            (
                "what is reserved",
                with(&ring, opcode, reserved, size),
                libc::EINVAL,
            ),
            (
                "an unknown flag",
                with(&ring, opcode, unknown, size),
                libc::EINVAL,
            ),
        ]
    };
    all_refused(table)
}

/// A table of empty slots is filled later.
fn sparse(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    cx.accepted_call(ring.submitter().register_files_sparse(3))?;
    ensure_eq!(
        first_byte(&mut ring, 2)?.0,
        Res(-libc::EBADF),
        "an empty slot"
    );
    ring.submitter().register_files_update(2, &[file.as_fd()])?;
    ensure_eq!(first_byte(&mut ring, 2)?.0, Res(1), "a filled slot");
    let other = Typed::new()?;
    all_refused([
        (
            "a second table",
            ring.submitter().register_files_sparse(1),
            libc::EBUSY,
        ),
        (
            "no slots",
            other.submitter().register_files_sparse(0),
            libc::EINVAL,
        ),
        (
            "too many",
            other.submitter().register_files_sparse((1 << 20) + 1),
            libc::EMFILE,
        ),
    ])
}

/// The tag of a file that is replaced is posted once.
fn tags(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let fds = [file.as_raw_fd(); 2];
    cx.accepted_call(ring.submitter().register_files2(&fds, &[71, 0]))?;
    ensure!(ring.flushed()?.is_none(), "a tag before its file is gone");
    for (new, tag) in [(72, 71), (73, 72)] {
        let done = ring
            .submitter()
            .register_files_update2(0, &fds[..1], &[new])?;
        ensure_eq!(done, 1, "slots updated");
        let cqe = ring.wait()?;
        ensure_eq!((cqe.user_data, cqe.res, cqe.flags), (tag, 0, 0), "the tag");
    }
    // A file without a tag goes without a word.
    ring.submitter().register_files_update2(1, &[-1], &[0])?;
    ensure!(ring.flushed()?.is_none(), "a tag for nothing");
    ensure_eq!(
        first_byte(&mut ring, 0)?.0,
        Res(1),
        "the file that is there"
    );
    pass()
}

/// A file that an operation uses is replaced at once, and its tag is posted when the operation has ended.
fn tag_in_use(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (reader, _writer) = pipe()?;
    cx.accepted_call(ring.submitter().register_files2(&[reader.as_fd()], &[71]))?;
    let op = read(IORING_OP_READ, &0, Mem::zeroed(1), 0)
        .with(IOSQE_FIXED_FILE)
        .tag(1);
    ring.start(&[op])?;
    ring.submitter().register_files_update2(0, &[-1], &[0])?;
    ensure!(ring.flushed()?.is_none(), "the tag of a file in use");
    ring.start(&[cancel(1, 0).tag(2)])?;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(ring.wait()?.user_data);
    }
    let at = |user_data| order.iter().position(|&seen| seen == user_data);
    ensure!(at(1).is_some() && at(1) < at(71), "completions: {order:?}");
    pass()
}

/// When the table goes, the tags are posted before the call returns. Kernels before that forget them.
fn tag_unregister(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let fds = [file.as_raw_fd(); 3];
    cx.accepted_call(ring.submitter().register_files2(&fds, &[71, 0, 73]))?;
    ring.submitter().unregister_files()?;
    let mut tags = Vec::new();
    while let Some(cqe) = ring.flushed()? {
        ensure_eq!((cqe.res, cqe.flags), (0, 0), "a tag");
        tags.push(cqe.user_data);
    }
    if tags.is_empty() {
        return absent("no tags when the table goes");
    }
    tags.sort_unstable();
    ensure_eq!(tags, [71, 73], "tags");
    pass()
}

/// Tags for what is no file, and slots that are none.
fn update_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let fd = file.as_raw_fd();
    let submitter = ring.submitter();
    submitter.register_files(&[fd, fd])?;
    let update = |at, fds: &[i32], tags: &[u64]| submitter.register_files_update2(at, fds, tags);
    cx.accepted_call(update(0, &[fd], &[1]))?;
    let without = Typed::new()?;
    all_refused([
        (
            "no table",
            without.submitter().register_files_update2(0, &[fd], &[1]),
            libc::ENXIO,
        ),
        (
            "an empty slot with a tag",
            update(1, &[-1], &[5]),
            libc::EINVAL,
        ),
        (
            "a slot that is left with a tag",
            update(1, &[SKIP_FILE], &[5]),
            libc::EINVAL,
        ),
        ("behind the table", update(2, &[fd], &[5]), libc::EINVAL),
        ("not open", update(1, &[1 << 20], &[5]), libc::EBADF),
        ("nothing", update(0, &[], &[]), libc::EINVAL),
    ])?;
    let reserved = io_uring_rsrc_update2 {
        nr: 1,
        data: Mem::value(fd).addr(),
        resv2: 1,
        ..Default::default()
    };
    let (size, opcode) = (size_of_val(&reserved) as u32, IORING_REGISTER_FILES_UPDATE2);
    // SAFETY: the memory that the structs name is never given back.
    let table = unsafe {
        [
            (
                "what is reserved",
                with(&ring, opcode, reserved, size),
                libc::EINVAL,
            ),
            ("a count", with(&ring, opcode, reserved, 1), libc::EINVAL),
        ]
    };
    all_refused(table)
}
