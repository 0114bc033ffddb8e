//! Provided buffers, messages to rings, commands, and what does nothing.

use std::io::Write as _;

use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::Entry128;
use safe::uring::raw::types::NopFlags;
use uring_sys::*;

use super::{case, fd, give, holds, run};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::support::files::{pattern, pattern_file, pipe, tcp_pair};
use crate::support::names::Res;
use crate::typed::Typed;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/raw/msg_ring",
        &["IORING_OP_MSG_RING"],
        (5, 18),
        msg_ring,
    ),
    case("uring/raw/nop", &["IORING_OP_NOP"], (5, 1), nop),
    case("uring/raw/nop128", &["IORING_OP_NOP128"], (6, 19), nop128),
    case(
        "uring/raw/provide_buffers",
        &["IORING_OP_PROVIDE_BUFFERS"],
        (5, 7),
        provide_buffers,
    ),
    case(
        "uring/raw/read_multishot",
        &["IORING_OP_READ_MULTISHOT"],
        (6, 7),
        read_multishot,
    ),
    case(
        "uring/raw/remove_buffers",
        &["IORING_OP_REMOVE_BUFFERS"],
        (5, 7),
        remove_buffers,
    ),
    Case::new(
        "uring/raw/uring_cmd",
        &["IORING_OP_URING_CMD"],
        kernel(6, 7),
        uring_cmd,
    )
    .refused_by(&[libc::EINVAL, libc::EOPNOTSUPP])
    .requires(&[Requirement::Loopback]),
    case(
        "uring/raw/uring_cmd128",
        &["IORING_OP_URING_CMD128"],
        (6, 19),
        uring_cmd128,
    )
    .requires(&[Requirement::Loopback]),
];

fn nop(_: &mut Context) -> Run {
    give(&mut Typed::new()?, &[("NOP", Nop::new().build(), 0)])
}

/// Good and bad flags, and another in an entry of 64 bytes after them.
fn nop128(cx: &mut Context) -> Run {
    let mut ring: RawRing<Entry128> = cx.accepted_call(RawRing::new(|_| ()))?;
    // SAFETY: they name no memory.
    let [large, unknown, small] = unsafe {
        [
            Kept::new(Nop128::new().result(9).build()),
            Kept::new(
                Nop128::new()
                    .flags(NopFlags::from_bits_retain(1 << 31))
                    .build(),
            ),
            Kept::new(Nop::new().build().into()),
        ]
    };
    ensure_eq!(cx.accepted(ring.run(large)?.res)?, 9, "result");
    ensure_eq!(
        Res(ring.run(unknown)?.res),
        Res(-libc::EINVAL),
        "unknown flags"
    );
    ensure_eq!(Res(ring.run(small)?.res), Res(0), "a small one");
    pass()
}

fn msg_ring(cx: &mut Context) -> Run {
    let (mut ring, mut other) = (Typed::new()?, Typed::new()?);
    let entry = |to| MsgRingData::new(to, 17, 23, None).build();
    cx.accepted(run(&mut ring, entry(fd(&other)))?)?;
    let got = other.wait()?;
    ensure_eq!((got.res, got.user_data), (17, 23), "message");
    let file = pattern_file(cx, "f", 1)?;
    give(&mut ring, &[("no ring", entry(fd(&file)), -libc::EBADFD)])
}

/// Two buffers of 10 bytes as group 7, from number 3 on.
fn provided(ring: &mut Typed) -> Result<(Mem, i32), crate::case::Stop> {
    let mem = Mem::zeroed(20);
    let entry = ProvideBuffers::new(mem.as_ptr(), 10, 2, 7, 3).build();
    Ok((mem, run(ring, entry)?))
}

fn provide_buffers(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (mem, res) = provided(&mut ring)?;
    cx.accepted(res)?;
    let file = pattern_file(cx, "f", 30)?;
    // The kernel picks: the entry names a group, and no memory.
    let read = super::op(Read::new(fd(&file), std::ptr::null_mut(), 10).build())
        .with(IOSQE_BUFFER_SELECT)
        .buf(7);
    let cqe = ring.run(read)?;
    let number = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    ensure_eq!(
        (cqe.res, cqe.flags & IORING_CQE_F_BUFFER),
        (10, IORING_CQE_F_BUFFER),
        "read"
    );
    ensure!((3..5).contains(&number), "buffer {number}");
    holds(mem.part((number as usize - 3) * 10, 10), &pattern(0..10))?;
    let none = ProvideBuffers::new(mem.as_ptr(), 10, 0, 7, 3).build();
    let res = run(&mut ring, none)?;
    ensure!(
        [-libc::E2BIG, -libc::EINVAL].contains(&res),
        "no buffers: {}",
        Res(res)
    );
    pass()
}

fn remove_buffers(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    cx.accepted(provided(&mut ring)?.1)?;
    let entry = |most| RemoveBuffers::new(most, 7).build();
    give(
        &mut ring,
        &[("none", entry(0), -libc::EINVAL), ("9 of 2", entry(9), 2)],
    )
}

fn read_multishot(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (mem, res) = provided(&mut ring)?;
    ensure_eq!(Res(res).0 >= 0, true, "provided");
    let (reader, writer) = pipe()?;
    let mut writer = std::fs::File::from(writer);
    writer.write_all(b"0123456789")?;
    let entry = || ReadMulti::new(fd(&reader), 0, 7).build();
    ring.start(&[super::op(entry())])?;
    let first = ring.wait()?;
    cx.accepted(first.res)?;
    ensure_eq!((first.res, first.more()), (10, true), "first");
    let number = first.flags >> IORING_CQE_BUFFER_SHIFT;
    holds(mem.part((number as usize - 3) * 10, 10), b"0123456789")?;
    drop(writer);
    let last = ring.wait()?;
    ensure_eq!((Res(last.res), last.more()), (Res(0), false), "the end");
    let file = pattern_file(cx, "f", 1)?;
    let on_file = ReadMulti::new(fd(&file), 0, 7).build();
    let res = run(&mut ring, on_file)?;
    ensure_eq!(Res(res), Res(-libc::EBADFD), "a regular file");
    pass()
}

/// The number of bytes that wait in a socket, and a command that sockets do not know.
fn uring_cmd(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (mut from, to) = tcp_pair()?;
    from.write_all(b"hello")?;
    let mut byte = [0];
    to.peek(&mut byte)?;
    let entry = |command| UringCmd16::new(fd(&to), command).build();
    let res = cx.accepted(run(&mut ring, entry(SOCKET_URING_OP_SIOCINQ))?)?;
    ensure_eq!(res, 5, "bytes");
    give(
        &mut ring,
        &[("an unknown command", entry(999), -libc::EOPNOTSUPP)],
    )
}

fn uring_cmd128(cx: &mut Context) -> Run {
    let mut ring: RawRing<Entry128> = cx.accepted_call(RawRing::new(|_| ()))?;
    let (mut from, to) = tcp_pair()?;
    from.write_all(b"hello")?;
    let mut byte = [0];
    to.peek(&mut byte)?;
    let mut run = |command| {
        let entry = UringCmd128::new(fd(&to), command).build();
        // SAFETY: it names no memory.
        ring.run(unsafe { Kept::new(entry) })
    };
    ensure_eq!(cx.accepted(run(SOCKET_URING_OP_SIOCINQ)?.res)?, 5, "bytes");
    ensure_eq!(
        Res(run(999)?.res),
        Res(-libc::EOPNOTSUPP),
        "an unknown command"
    );
    pass()
}
