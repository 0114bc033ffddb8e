//! What a ring is told without an entry of its own: to cancel, and what another ring or nobody sends.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use safe::uring::raw::Builder;
use safe::uring::raw::register::send_msg_ring;
use safe::uring::raw::types::{CancelBuilder, Fd, Fixed, Timespec};
use uring_sys::*;

use super::{case, with};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{nop, poll_add, recv, seconds, timeout};
use crate::support::files::{pattern_file, pipe};
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, entry, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/send_msg_ring/bad",
        &["IORING_REGISTER_SEND_MSG_RING"],
        (6, 13),
        send_bad,
    ),
    case(
        "uring/register/send_msg_ring/data",
        &["IORING_REGISTER_SEND_MSG_RING", "IORING_MSG_DATA"],
        (6, 13),
        send_data,
    ),
    case(
        "uring/register/sync_cancel/bad",
        &["IORING_REGISTER_SYNC_CANCEL"],
        (6, 0),
        cancel_bad,
    ),
    case(
        "uring/register/sync_cancel/op",
        &["IORING_ASYNC_CANCEL_OP", "IORING_REGISTER_SYNC_CANCEL"],
        (6, 6),
        cancel_op,
    ),
    case(
        "uring/register/sync_cancel/polls",
        &["IORING_REGISTER_SYNC_CANCEL"],
        (6, 0),
        cancel_polls,
    ),
    case(
        "uring/register/sync_cancel/worker",
        &["IORING_REGISTER_SYNC_CANCEL"],
        (6, 0),
        cancel_worker,
    ),
];

/// Polls for a pipe that stays empty.
fn poll(reader: &OwnedFd, user_data: u64) -> Op {
    poll_add(reader, libc::POLLIN).tag(user_data)
}

/// These have been cancelled, and nothing else has completed.
#[track_caller]
fn cancelled(ring: &mut Typed, user_data: &[u64]) -> Run {
    let cqes = ring.finish(user_data.len())?;
    let ended: Vec<_> = cqes
        .iter()
        .map(|cqe| (cqe.user_data, Res(cqe.res)))
        .collect();
    let expected: Vec<_> = user_data
        .iter()
        .map(|&n| (n, Res(-libc::ECANCELED)))
        .collect();
    ensure_eq!(ended, expected, "what was cancelled");
    ensure!(ring.flushed()?.is_none(), "one completion too many");
    pass()
}

/// What is cancelled has completed when the call returns: by `user_data`, by descriptor, all, by slot.
fn cancel_polls(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let ((one, _w1), (two, _w2)) = (pipe()?, pipe()?);
    ring.start(&[poll(&one, 1), poll(&one, 2), poll(&two, 3), poll(&two, 4)])?;
    let cancel = |ring: &Typed, what| ring.submitter().register_sync_cancel(None, what);
    cx.accepted_call(cancel(&ring, CancelBuilder::user_data(1)))?;
    cancelled(&mut ring, &[1])?;
    cancel(&ring, CancelBuilder::fd(Fd(two.as_raw_fd())))?;
    cancelled(&mut ring, &[3])?;
    ring.start(&[poll(&two, 5)])?;
    cancel(&ring, CancelBuilder::fd(Fd(two.as_raw_fd())).all())?;
    cancelled(&mut ring, &[4, 5])?;
    ring.submitter().register_files(&[two.as_fd()])?;
    let fixed = poll(&two, 6).fd(0).with(IOSQE_FIXED_FILE);
    ring.start(&[fixed])?;
    cancel(&ring, CancelBuilder::fd(Fixed(0)))?;
    cancelled(&mut ring, &[6])?;
    cancel(&ring, CancelBuilder::any().all())?;
    cancelled(&mut ring, &[2])
}

/// A request that blocks in a worker is interrupted, and waited for.
fn cancel_worker(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (ours, _theirs) = UnixStream::pair()?;
    let receive = recv(&ours, Mem::zeroed(1), 0).with(IOSQE_ASYNC).tag(9);
    ring.start(&[receive])?;
    cx.accepted_call(
        ring.submitter()
            .register_sync_cancel(None, CancelBuilder::user_data(9)),
    )?;
    let cqe = ring.wait()?;
    ensure!(
        [-libc::ECANCELED, -libc::EINTR].contains(&cqe.res),
        "result: {}",
        Res(cqe.res)
    );
    pass()
}

/// By opcode.
fn cancel_op(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (reader, _writer) = pipe()?;
    ring.start(&[poll(&reader, 1), timeout(seconds(1000), 0, 0).tag(2)])?;
    let by_opcode = CancelBuilder::opcode(IORING_OP_TIMEOUT);
    cx.accepted_call(ring.submitter().register_sync_cancel(None, by_opcode))?;
    cancelled(&mut ring, &[2])?;
    ring.submitter()
        .register_sync_cancel(None, CancelBuilder::opcode(IORING_OP_POLL_ADD))?;
    cancelled(&mut ring, &[1])
}

/// Nothing to cancel, and what is not there.
fn cancel_bad(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (reader, _writer) = pipe()?;
    ring.start(&[poll(&reader, 1)])?;
    let cancel = |what| {
        ring.submitter()
            .register_sync_cancel(Some(Timespec::new()), what)
    };
    match cancel(CancelBuilder::user_data(40)) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
        other => drop(cx.accepted_call(other)?),
    }
    all_refused([
        (
            "nothing to cancel",
            cancel(CancelBuilder::user_data(40)),
            libc::ENOENT,
        ),
        (
            "no descriptor",
            cancel(CancelBuilder::fd(Fd(-1))),
            libc::EBADF,
        ),
        ("no slot", cancel(CancelBuilder::fd(Fixed(7))), libc::EBADF),
    ])?;
    let good = io_uring_sync_cancel_reg {
        addr: 1,
        fd: -1,
        timeout: seconds(0),
        ..Default::default()
    };
    let mut reserved = good;
    reserved.pad2[0] = 1;
    let unknown = io_uring_sync_cancel_reg {
        flags: 1 << 31,
        ..good
    };
    let opcode = IORING_REGISTER_SYNC_CANCEL;
    // SAFETY: the struct names no memory.
    let table = unsafe {
        [
            (
                "an unknown flag",
                with(&ring, opcode, unknown, 1),
                libc::EINVAL,
            ),
            (
                "what is reserved",
                with(&ring, opcode, reserved, 1),
                libc::EINVAL,
            ),
            ("two structs", with(&ring, opcode, good, 2), libc::EINVAL),
        ]
    };
    all_refused(table)?;
    ensure!(
        ring.flushed()?.is_none(),
        "a refused call cancelled something"
    );
    ring.submitter()
        .register_sync_cancel(None, CancelBuilder::user_data(1))?;
    cancelled(&mut ring, &[1])
}

/// The message that a MSG_RING entry for `ring` sends.
fn message(ring: i32, user_data: u64, res: u32) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_MSG_RING, ring, |sqe| {
            sqe.set_addr(IORING_MSG_DATA);
            sqe.set_off(user_data);
            sqe.len = res;
        })
    }
}

/// Sends it without a ring.
fn send(op: Op) -> std::io::Result<()> {
    // SAFETY: the cases reap the ring themselves.
    unsafe { send_msg_ring(&entry(op)) }
}

/// A completion comes to a ring from nowhere.
fn send_data(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    cx.accepted_call(send(message(ring.as_raw_fd(), 99, 5)))?;
    let cqe = ring.wait()?;
    ensure_eq!(
        (cqe.user_data, cqe.res, cqe.flags),
        (99, 5, 0),
        "the completion"
    );
    for n in 0..3 {
        send(message(ring.as_raw_fd(), n, 0))?;
    }
    let got: Vec<u64> = ring.finish(3)?.iter().map(|cqe| cqe.user_data).collect();
    ensure_eq!(got, [0, 1, 2], "user_data");
    pass()
}

/// To what is no ring, a disabled one, with other operations, flags and descriptors.
fn send_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let disabled = Typed::with(Builder::setup_r_disabled)?;
    let file = pattern_file(cx, "f", 1)?;
    let to_ring = message(ring.as_raw_fd(), 1, 0);
    cx.accepted_call(send(to_ring))?;
    // SAFETY: the command names a slot, and no memory.
    let with_fd = unsafe { to_ring.changed(|sqe| sqe.set_addr(IORING_MSG_SEND_FD)) };
    all_refused([
        ("no descriptor", send(message(-1, 1, 0)), libc::EBADF),
        (
            "a file",
            send(message(file.as_raw_fd(), 1, 0)),
            libc::EBADFD,
        ),
        ("another operation", send(nop()), libc::EINVAL),
        (
            "a flag of entries",
            send(to_ring.with(IOSQE_ASYNC)),
            libc::EINVAL,
        ),
        ("a descriptor to send", send(with_fd), libc::EINVAL),
    ])?;
    match send(message(disabled.as_raw_fd(), 1, 0)) {
        Ok(()) => {
            ensure!(
                cx.kernel() >= Version::new(6, 19, 0),
                "a disabled ring took a message"
            );
            cx.note("a disabled ring takes messages");
        }
        error => refused("a disabled ring", error, libc::EBADFD)?,
    }
    let sqe = to_ring.sqe();
    // SAFETY: one entry, which names no memory.
    let two = unsafe {
        io_uring_register(
            -1,
            IORING_REGISTER_SEND_MSG_RING,
            (&raw const sqe).cast(),
            2,
        )
    };
    ensure_eq!(Res(two), Res(-libc::EINVAL), "two entries");
    // SAFETY: as above.
    let by_ring = unsafe { with(&ring, IORING_REGISTER_SEND_MSG_RING, sqe, 1) };
    refused("through a ring", by_ring, libc::EINVAL)
}
