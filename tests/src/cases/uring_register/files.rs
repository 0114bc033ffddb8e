//! Tables of fixed files: made, updated and taken back, and where the kernel finds free slots.

use std::os::fd::{AsFd, AsRawFd};

use safe::uring::raw::register::SKIP_FILE;
use uring_sys::*;

use super::{bare, case, first_byte, with};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::mem::NOWHERE;
use crate::ring::op::Op;
use crate::support::files::{pattern_file, pipe};
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/file_alloc_range/bad",
        &["IORING_REGISTER_FILE_ALLOC_RANGE"],
        (6, 0),
        range_bad,
    ),
    case(
        "uring/register/file_alloc_range/slots",
        &[
            "IORING_REGISTER_FILE_ALLOC_RANGE",
            "IORING_FILE_INDEX_ALLOC",
        ],
        (6, 0),
        range,
    ),
    Case::new(
        "uring/register/files/bad",
        &["IORING_REGISTER_FILES", "IORING_UNREGISTER_FILES"],
        kernel(5, 1),
        bad,
    ),
    Case::new(
        "uring/register/files/ring",
        &["IORING_REGISTER_FILES"],
        kernel(5, 1),
        ring_as_file,
    ),
    Case::new(
        "uring/register/files/table",
        &["IORING_UNREGISTER_FILES", "IORING_REGISTER_FILES"],
        kernel(5, 1),
        table,
    ),
    Case::new(
        "uring/register/files_update/bad",
        &["IORING_REGISTER_FILES_UPDATE"],
        kernel(5, 5),
        update_bad,
    ),
    Case::new(
        "uring/register/files_update/replace",
        &["IORING_REGISTER_FILES_UPDATE"],
        kernel(5, 5),
        replace,
    ),
    Case::new(
        "uring/register/files_update/skip",
        &["IORING_REGISTER_FILES_SKIP", "IORING_REGISTER_FILES_UPDATE"],
        kernel(5, 12),
        skip,
    )
    .refused_by(&[libc::EBADF]),
];

/// Files stay when their descriptors are closed, until the table is gone.
fn table(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    ensure_eq!(
        first_byte(&mut ring, 0)?.0,
        Res(-libc::EBADF),
        "without a table"
    );
    for name in ["one", "two"] {
        std::fs::write(cx.dir().join(name), &name[..1])?;
        let file = std::fs::File::open(cx.dir().join(name))?;
        ring.submitter().register_files(&[-1, file.as_raw_fd()])?;
        drop(file);
        let (res, byte) = first_byte(&mut ring, 1)?;
        ensure_eq!((res, byte), (Res(1), name.as_bytes()[0]), "read of {name}");
        ensure_eq!(
            first_byte(&mut ring, 0)?.0,
            Res(-libc::EBADF),
            "an empty slot"
        );
        ensure_eq!(first_byte(&mut ring, 2)?.0, Res(-libc::EBADF), "no slot");
        ring.submitter().unregister_files()?;
    }
    ensure_eq!(
        first_byte(&mut ring, 1)?.0,
        Res(-libc::EBADF),
        "when the table is gone"
    );
    pass()
}

/// What is no file, no array, too many, or there already. A failure leaves nothing behind.
fn bad(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let (read_end, write_end) = pipe()?;
    let fd = file.as_raw_fd();
    let register = |ring: &Typed, fds: &[i32]| ring.submitter().register_files(fds);
    all_refused([
        ("not open", register(&ring, &[fd, 1 << 20]), libc::EBADF),
        ("neither open nor -1", register(&ring, &[-3]), libc::EBADF),
        ("no files", register(&ring, &[]), libc::EINVAL),
        (
            "more than may be open",
            register(&ring, &vec![-1; (1 << 20) + 1]),
            libc::EMFILE,
        ),
        (
            "a bad one behind a pipe",
            register(&ring, &[read_end.as_raw_fd(), 1 << 20]),
            libc::EBADF,
        ),
        (
            "none there",
            ring.submitter().unregister_files(),
            libc::ENXIO,
        ),
    ])?;
    // SAFETY: there is no array at the address.
    let array = unsafe {
        let at = std::ptr::without_provenance(NOWHERE as usize);
        bare(&ring, IORING_REGISTER_FILES, at, 1)
    };
    refused("an array that is not there", array, libc::EFAULT)?;
    // The pipe has no reader but the one that the failed table may have kept.
    drop(read_end);
    let mut hung_up = libc::pollfd {
        fd: write_end.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: one live struct. No timeout: a case has a time limit.
    ensure_eq!(unsafe { libc::poll(&mut hung_up, 1, -1) }, 1, "poll");
    ensure_eq!(hung_up.revents, libc::POLLERR, "the pipe without readers");
    register(&ring, &[fd])?;
    refused("a second table", register(&ring, &[fd]), libc::EBUSY)?;
    ensure_eq!(first_byte(&mut ring, 0)?.0, Res(1), "the first table");
    pass()
}

/// A ring is no fixed file where that could keep it alive for ever: not its own.
fn ring_as_file(cx: &mut Context) -> Run {
    let (ring, other) = (Typed::new()?, Typed::new()?);
    let file = pattern_file(cx, "f", 1)?;
    for (what, fd) in [("itself", ring.as_fd()), ("another ring", other.as_fd())] {
        let fds = [file.as_raw_fd(), fd.as_raw_fd()];
        refused(what, ring.submitter().register_files(&fds), libc::EBADF)?;
    }
    ring.submitter().register_files(&[file.as_fd()])?;
    let update = ring.submitter().register_files_update(0, &[other.as_fd()]);
    refused("a ring by an update", update, libc::EBADF)
}

/// Updates replace, empty and leave alone, and say how far they came.
fn replace(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let mut fds = [-1; 3];
    let mut files = Vec::new();
    for (fd, name) in fds.iter_mut().zip(["a", "b", "c"]) {
        std::fs::write(cx.dir().join(name), name)?;
        files.push(std::fs::File::open(cx.dir().join(name))?);
        *fd = files[files.len() - 1].as_raw_fd();
    }
    ring.submitter().register_files(&[fds[0], fds[1], -1])?;
    let done = ring
        .submitter()
        .register_files_update(0, &[-1, fds[0], fds[2]])?;
    ensure_eq!(done, 3, "slots updated");
    ensure_eq!(
        first_byte(&mut ring, 0)?.0,
        Res(-libc::EBADF),
        "an emptied slot"
    );
    ensure_eq!(first_byte(&mut ring, 1)?, (Res(1), b'a'), "a replaced slot");
    ensure_eq!(first_byte(&mut ring, 2)?, (Res(1), b'c'), "a filled slot");
    let done = ring
        .submitter()
        .register_files_update(0, &[fds[1], 1 << 20])?;
    ensure_eq!(done, 1, "slots up to the bad one");
    pass()
}

/// A slot that is left has the file that it had.
fn skip(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    ring.submitter().register_files(&[file.as_raw_fd(); 2])?;
    let update = ring.submitter().register_files_update(0, &[SKIP_FILE, -1]);
    ensure_eq!(cx.accepted_call(update)?, 2, "slots updated or left");
    ensure_eq!(first_byte(&mut ring, 0)?.0, Res(1), "a slot that was left");
    ensure_eq!(
        first_byte(&mut ring, 1)?.0,
        Res(-libc::EBADF),
        "an emptied slot"
    );
    pass()
}

/// Updates of no table, behind it, of nothing, with what is no file.
fn update_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let fd = file.as_raw_fd();
    let update = |at, fds: &[i32]| ring.submitter().register_files_update(at, fds);
    refused("no table", update(0, &[fd]), libc::ENXIO)?;
    ring.submitter().register_files(&[fd, fd])?;
    all_refused([
        ("behind the table", update(2, &[fd]), libc::EINVAL),
        ("across its end", update(1, &[fd, fd]), libc::EINVAL),
        (
            "past all numbers",
            update(u32::MAX, &[fd, fd]),
            libc::EOVERFLOW,
        ),
        ("nothing", update(0, &[]), libc::EINVAL),
        ("not open", update(0, &[1 << 20]), libc::EBADF),
    ])?;
    let nowhere = io_uring_rsrc_update {
        data: NOWHERE,
        ..Default::default()
    };
    let reserved = io_uring_rsrc_update { resv: 1, ..nowhere };
    let opcode = IORING_REGISTER_FILES_UPDATE;
    // SAFETY: there is no array at the address.
    let table = unsafe {
        [
            (
                "an array that is not there",
                with(&ring, opcode, nowhere, 1),
                libc::EFAULT,
            ),
            (
                "what is reserved",
                with(&ring, opcode, reserved, 1),
                libc::EINVAL,
            ),
        ]
    };
    all_refused(table)
}

/// Makes a socket in a slot that the kernel finds, and answers the slot.
fn socket_in_a_slot(ring: &mut Typed) -> Result<Res, Stop> {
    // SAFETY: it names no memory.
    let socket = unsafe {
        Op::new(IORING_OP_SOCKET, libc::AF_UNIX, |sqe| {
            sqe.set_off(libc::SOCK_DGRAM as u64);
            sqe.set_file_index(IORING_FILE_INDEX_ALLOC);
        })
    };
    Ok(Res(ring.run(socket)?.res))
}

/// The kernel finds free slots within the range only, and none when they are taken.
fn range(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    ring.submitter().register_files(&[-1; 6])?;
    cx.accepted_call(ring.submitter().register_file_alloc_range(3, 2))?;
    for expected in [3, 4, -libc::ENFILE] {
        ensure_eq!(socket_in_a_slot(&mut ring)?, Res(expected), "slot");
    }
    // Those outside are there for whoever names them, and a freed one is found again.
    ring.submitter().register_files_update(3, &[-1])?;
    ensure_eq!(socket_in_a_slot(&mut ring)?, Res(3), "the freed slot");
    ring.submitter().register_file_alloc_range(0, 6)?;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(socket_in_a_slot(&mut ring)?.0);
    }
    others.sort_unstable();
    ensure_eq!(others, [0, 1, 2, 5], "the other slots");
    ensure_eq!(
        socket_in_a_slot(&mut ring)?,
        Res(-libc::ENFILE),
        "a full table"
    );
    pass()
}

/// Ranges that are not within the table.
fn range_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let range = |off, len| ring.submitter().register_file_alloc_range(off, len);
    // Without a table nothing is within it; an older kernel says the same of the operation.
    let without = range(0, 1);
    ring.submitter().register_files(&[-1; 10])?;
    cx.accepted_call(range(0, 10))?;
    all_refused([
        ("no table", without, libc::EINVAL),
        ("across the end", range(8, 3), libc::EINVAL),
        ("past all numbers", range(u32::MAX, 2), libc::EOVERFLOW),
    ])?;
    let good = io_uring_file_index_range {
        off: 0,
        len: 1,
        resv: 0,
    };
    let reserved = io_uring_file_index_range { resv: 1, ..good };
    let opcode = IORING_REGISTER_FILE_ALLOC_RANGE;
    // SAFETY: the struct names no memory.
    let table = unsafe {
        [
            ("a count", with(&ring, opcode, good, 1), libc::EINVAL),
            (
                "what is reserved",
                with(&ring, opcode, reserved, 0),
                libc::EINVAL,
            ),
        ]
    };
    all_refused(table)?;
    ensure!(range(0, 1).is_ok(), "a good range");
    pass()
}
