//! NOP and its flags.

use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{case, refuses, register_buffers, register_files, ring};
use crate::case::{Case, Run, absent, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::nop;
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/nop/bad",
        &[
            "IORING_NOP_INJECT_RESULT",
            "IORING_OP_NOP",
            "IORING_NOP_FILE",
            "IORING_NOP_FIXED_FILE",
            "IORING_NOP_FIXED_BUFFER",
            "IORING_NOP_TW",
            "IORING_NOP_CQE32",
        ],
        (6, 10),
        bad,
    )
    .announced(),
    case(
        "uring/op/nop/file",
        &["IORING_NOP_FILE", "IORING_OP_NOP"],
        (6, 13),
        file,
    )
    .announced(),
    case(
        "uring/op/nop/fixed_buffer",
        &["IORING_NOP_FIXED_BUFFER", "IORING_OP_NOP"],
        (6, 13),
        fixed_buffer,
    )
    .announced(),
    case(
        "uring/op/nop/fixed_file",
        &["IORING_NOP_FIXED_FILE", "IORING_NOP_FILE", "IORING_OP_NOP"],
        (6, 13),
        fixed_file,
    )
    .announced(),
    case(
        "uring/op/nop/inject_result",
        &["IORING_NOP_INJECT_RESULT", "IORING_OP_NOP"],
        (6, 10),
        inject_result,
    )
    .announced(),
    case(
        "uring/op/nop/nop128",
        &["IORING_OP_NOP128", "IORING_SETUP_SQE128"],
        (6, 19),
        nop128,
    ),
    case(
        "uring/op/nop/tw",
        &["IORING_NOP_TW", "IORING_NOP_INJECT_RESULT", "IORING_OP_NOP"],
        (6, 17),
        tw,
    )
    .announced(),
    Case::new(
        "uring/op/nop/user_data",
        &["IORING_OP_NOP"],
        kernel(5, 1),
        user_data,
    ),
];

/// A NOP that completes with `res`, and with other flags of NOP.
fn inject(res: i32, flags: u32) -> Op {
    // SAFETY: it names no memory.
    unsafe { nop().changed(|sqe| sqe.len = res as u32) }.op_flags(IORING_NOP_INJECT_RESULT | flags)
}

/// Kernels before 6.10 ignore all flags; how that shows in a case that expects something else.
#[track_caller]
fn ignored(what: &str) -> Run {
    absent(format_args!("flags of NOP are ignored: {what}"))
}

/// Unknown flags are refused.
fn bad(_: &mut Context) -> Run {
    let mut ring = ring()?;
    if ring.run(nop().op_flags(1 << 31))?.res == 0 {
        return ignored("bit 31 is accepted");
    }
    refuses(
        &mut ring,
        &[
            ("bit 31", nop().op_flags(1 << 31), libc::EINVAL),
            ("all bits", nop().op_flags(u32::MAX), libc::EINVAL),
        ],
    )?;
    for flag in [
        IORING_NOP_INJECT_RESULT,
        IORING_NOP_FILE,
        IORING_NOP_FIXED_FILE,
        IORING_NOP_FIXED_BUFFER,
        IORING_NOP_TW,
        IORING_NOP_CQE32,
    ] {
        let op = nop().op_flags(flag | 1 << 31);
        refuses(&mut ring, &[("with bit 31", op, libc::EINVAL)])?;
    }
    pass()
}

/// With the flag the descriptor must be open.
fn file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1)?;
    let op = nop().op_flags(IORING_NOP_FILE);
    cx.accepted(ring.run(op.on(&file))?.res)?;
    let cqe = ring.run(op.fd(-1))?;
    if cqe.res == 0 {
        return ignored("fd -1 is accepted");
    }
    ensure_eq!(Res(cqe.res), Res(-libc::EBADF), "fd -1");
    pass()
}

/// With the flags the fixed file must be there.
fn fixed_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1)?;
    register_files(&ring, &[-1, file.as_raw_fd()])?;
    let op = nop().op_flags(IORING_NOP_FILE | IORING_NOP_FIXED_FILE);
    cx.accepted(ring.run(op.fd(1))?.res)?;
    for slot in [0, 2] {
        let cqe = ring.run(op.fd(slot))?;
        if cqe.res == 0 {
            return ignored("an empty slot is accepted");
        }
        ensure_eq!(Res(cqe.res), Res(-libc::EBADF), "slot {slot}");
    }
    pass()
}

/// With the flag a fixed buffer that is there is accepted. What an index beyond gives differs, and is only told.
fn fixed_buffer(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    register_buffers(&ring, &[Mem::zeroed(64)])?;
    if ring.run(nop().op_flags(1 << 31))?.res == 0 {
        return ignored("bit 31 is accepted");
    }
    let op = nop().op_flags(IORING_NOP_FIXED_BUFFER);
    cx.accepted(ring.run(op.buf(0))?.res)?;
    cx.note(format_args!(
        "buffer 9 of 1: {}",
        Res(ring.run(op.buf(9))?.res)
    ));
    pass()
}

/// The result is the one that was asked for, an errno among them.
fn inject_result(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    for res in [1234, i32::MAX, -libc::EXDEV, i32::MIN, 0] {
        let cqe = ring.run(inject(res, 0))?;
        if res > 0 {
            cx.accepted(cqe.res)?;
            if cqe.res == 0 {
                return ignored("the result is 0");
            }
        }
        ensure_eq!(Res(cqe.res), Res(res), "result");
    }
    pass()
}

/// On a ring of 128-byte entries it is a NOP; on one of 64 bytes it is refused.
fn nop128(cx: &mut Context) -> Run {
    // SAFETY: it names no memory.
    let op = unsafe { Op::new(IORING_OP_NOP128, -1, |_| {}) };
    let mut wide = cx.accepted_call(Ring::new(8, IORING_SETUP_SQE128))?;
    cx.accepted(wide.run(op)?.res)?;
    refuses(&mut ring()?, &[("entries of 64 bytes", op, libc::EINVAL)])
}

/// The completion may come by way of task work.
fn tw(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let cqe = ring.run(inject(99, IORING_NOP_TW))?;
    if cx.accepted(cqe.res)? == 0 {
        return ignored("the result is 0");
    }
    ensure_eq!(cqe.res, 99, "result");
    pass()
}

/// The `user_data` comes back whole, whatever it is, and in order.
fn user_data(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let values = [
        0,
        1,
        u64::MAX,
        1 << 63,
        u64::from(u32::MAX),
        0x0123_4567_89ab_cdef,
    ];
    ring.start(&values.map(|value| nop().tag(value)))?;
    for value in values {
        let cqe = ring.wait()?;
        ensure_eq!(
            (cqe.user_data, cqe.res, cqe.flags),
            (value, 0, 0),
            "completion of a NOP"
        );
    }
    ensure!(ring.reap().is_none(), "one completion too many");
    pass()
}
