//! MSG_RING.

use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{case, refuses, register_files, ring};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::read;
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/msg_ring/bad",
        &["IORING_OP_MSG_RING"],
        (5, 18),
        bad,
    ),
    case(
        "uring/op/msg_ring/data",
        &["IORING_OP_MSG_RING", "IORING_MSG_DATA"],
        (5, 18),
        data,
    ),
    case(
        "uring/op/msg_ring/flags_pass",
        &["IORING_MSG_RING_FLAGS_PASS", "IORING_OP_MSG_RING"],
        (6, 3),
        flags_pass,
    ),
    case(
        "uring/op/msg_ring/send_fd",
        &[
            "IORING_MSG_SEND_FD",
            "IORING_MSG_RING_CQE_SKIP",
            "IORING_OP_MSG_RING",
        ],
        (6, 0),
        send_fd,
    ),
];

/// Posts a completion in `target`.
fn message(target: &Ring, user_data: u64, res: u32) -> Op {
    // SAFETY: it names no memory: `off` is a number.
    unsafe {
        Op::new(IORING_OP_MSG_RING, target.as_raw_fd(), |sqe| {
            sqe.set_off(user_data);
            sqe.len = res;
        })
    }
}

/// Puts the fixed file in slot `from` into slot `to` of `target`, and posts a completion there.
fn passed_file(target: &Ring, from: u64, to: u32) -> Op {
    // SAFETY: it names no memory: `addr` is a command, `addr3` a slot.
    unsafe {
        message(target, 77, 0).changed(|sqe| {
            sqe.set_addr(IORING_MSG_SEND_FD);
            sqe.set_addr3(from);
            sqe.set_file_index(to + 1);
        })
    }
}

/// Targets that are no rings, commands and flags that are none.
fn bad(cx: &mut Context) -> Run {
    let (mut ring, target) = (ring()?, ring()?);
    let file = pattern_file(cx, "f", 1)?;
    let op = message(&target, 1, 2);
    cx.accepted(ring.run(op)?.res)?;
    // SAFETY: it names no memory: `addr` is a command.
    let unknown = unsafe { op.changed(|sqe| sqe.set_addr(99)) };
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::EBADFD),
            ("an unknown command", unknown, libc::EINVAL),
            ("unknown flags", op.op_flags(1 << 30), libc::EINVAL),
        ],
    )?;
    let disabled = Ring::new(4, IORING_SETUP_R_DISABLED)?;
    refuses(
        &mut ring,
        &[(
            "a ring that is disabled",
            message(&disabled, 1, 2),
            libc::EBADFD,
        )],
    )
}

/// The completion in the other ring has the `user_data` and the result that were sent.
fn data(cx: &mut Context) -> Run {
    let (mut ring, mut target) = (ring()?, ring()?);
    for (user_data, res) in [(1, 2), (u64::MAX, u32::MAX), (0, 0)] {
        let sent = ring.run(message(&target, user_data, res).tag(9))?;
        ensure_eq!(cx.accepted(sent.res)?, 0, "result of the sender");
        let cqe = target.wait()?;
        ensure_eq!(
            (cqe.user_data, cqe.res, cqe.flags),
            (user_data, res as i32, 0),
            "what arrived"
        );
    }
    ring.start(&[message(&ring, 5, 6).tag(4)])?;
    let got = ring.finish(2)?;
    let got: Vec<_> = got.iter().map(|cqe| (cqe.user_data, cqe.res)).collect();
    ensure_eq!(
        got,
        [(4, 0), (5, 6)],
        "completions of a ring that sends to itself"
    );
    pass()
}

/// The flags of the completion are those in `file_index`.
fn flags_pass(cx: &mut Context) -> Run {
    let (mut ring, mut target) = (ring()?, ring()?);
    let flags = IORING_CQE_F_BUFFER | 77 << IORING_CQE_BUFFER_SHIFT;
    let op = message(&target, 1, 2)
        .op_flags(IORING_MSG_RING_FLAGS_PASS)
        .file_index(flags);
    let res = ring.run(op)?.res;
    cx.accepted(res)?;
    let cqe = target.wait()?;
    ensure_eq!(
        (cqe.user_data, cqe.res, cqe.flags),
        (1, 2, flags),
        "what arrived"
    );
    pass()
}

/// A fixed file goes to the other ring, with or without a completion there.
fn send_fd(cx: &mut Context) -> Run {
    let (mut ring, mut target) = (ring()?, ring()?);
    let file = pattern_file(cx, "f", 100)?;
    register_files(&ring, &[-1, file.as_raw_fd()])?;
    register_files(&target, &[-1, -1, -1])?;
    drop(file);
    let res = ring.run(passed_file(&target, 1, 2))?.res;
    cx.accepted(res)?;
    let cqe = target.wait()?;
    ensure_eq!(
        (cqe.user_data, cqe.res),
        (77, 0),
        "completion in the target"
    );
    let silent = passed_file(&target, 1, 0).op_flags(IORING_MSG_RING_CQE_SKIP);
    ensure_eq!(Res(ring.run(silent)?.res), Res(0), "without a completion");
    ensure!(
        target.reap().is_none(),
        "a completion that was to be left out"
    );
    for slot in [0, 2] {
        let mem = Mem::zeroed(100);
        let cqe = target.run(read(IORING_OP_READ, &slot, mem, 0).with(IOSQE_FIXED_FILE))?;
        ensure_eq!(Res(cqe.res), Res(100), "read of slot {slot}");
        ensure!(mem.get() == pattern(0..100), "content of slot {slot}");
    }
    refuses(
        &mut ring,
        &[
            ("an empty slot", passed_file(&target, 0, 1), libc::EBADF),
            ("slot 3 of 3", passed_file(&target, 1, 3), libc::EINVAL),
            (
                "no completion with data",
                message(&target, 1, 2).op_flags(IORING_MSG_RING_CQE_SKIP),
                libc::EINVAL,
            ),
        ],
    )
}
