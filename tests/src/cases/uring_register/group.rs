//! Rings of provided buffers, used whole: registered, filled, exhausted, asked and taken back.

use std::io::Write;
use std::os::unix::net::UnixStream;

use safe::uring::raw::buf_ring::BufRing;
use uring_sys::*;

use super::offsets::not_mapped;
use super::{case, with};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::ring::mem::{Mem, page_size};
use crate::ring::op::Op;
use crate::ring::ops::{read, recv};
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::typed::buffers::{GROUP, Lent, bid, os_error, piece, selecting};
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/pbuf_ring/bad",
        &["IORING_REGISTER_PBUF_RING", "IORING_UNREGISTER_PBUF_RING"],
        (5, 19),
        bad,
    ),
    case(
        "uring/register/pbuf_ring/exhausted",
        &["IORING_REGISTER_PBUF_RING", "IORING_CQE_F_BUFFER"],
        (5, 19),
        exhausted,
    ),
    case(
        "uring/register/pbuf_ring/largest",
        &["IORING_REGISTER_PBUF_RING", "IORING_UNREGISTER_PBUF_RING"],
        (5, 19),
        largest,
    ),
    case(
        "uring/register/pbuf_ring/legacy",
        &["IORING_REGISTER_PBUF_RING", "IORING_OP_PROVIDE_BUFFERS"],
        (5, 19),
        legacy,
    ),
    case(
        "uring/register/pbuf_ring/mmap",
        &[
            "IOU_PBUF_RING_MMAP",
            "IORING_OFF_PBUF_RING",
            "IORING_REGISTER_PBUF_RING",
        ],
        (6, 4),
        mmap,
    ),
    case(
        "uring/register/pbuf_ring/overwritten",
        &["IORING_REGISTER_PBUF_RING"],
        (5, 19),
        overwritten,
    ),
    case(
        "uring/register/pbuf_ring/unregister",
        &["IORING_UNREGISTER_PBUF_RING", "IORING_REGISTER_PBUF_RING"],
        (5, 19),
        unregister,
    ),
    case(
        "uring/register/pbuf_status/bad",
        &["IORING_REGISTER_PBUF_STATUS"],
        (6, 8),
        status_bad,
    ),
    case(
        "uring/register/pbuf_status/head",
        &["IORING_REGISTER_PBUF_STATUS"],
        (6, 8),
        status,
    ),
];

/// A read of all of a file into a buffer of the group.
fn read_whole(file: &std::fs::File, len: usize) -> Op {
    read(IORING_OP_READ, file, Mem::zeroed(len), 0)
}

/// Reads the file into each buffer in turn: in the order in which they were given, round the end of the ring.
#[track_caller]
fn takes_in_order(lent: &mut Lent, file: &std::fs::File) -> Run {
    for round in 0..3u16 {
        let bids = [3, 1, 2, 0].map(|bid| bid + 4 * (round % 2));
        lent.give(bids)?;
        for expected in bids {
            let cqe = lent.run(read_whole(file, 64))?;
            let (pieces, data) = lent.filled(&cqe)?;
            ensure_eq!(pieces, [piece(expected, 0, 64, true)], "round {round}");
            ensure!(data == pattern(0..64), "bytes in {expected}, round {round}");
        }
        ensure!(lent.ledger.is_empty(), "buffers left, round {round}");
    }
    pass()
}

/// Memory that is not there or not aligned, sizes, groups that are there or not.
fn bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let mem = Mem::zeroed(4 * page_size());
    let register = |addr, entries, group, flags, min_left| {
        // SAFETY: the memory is never given back or used for anything else, or not there. No buffer is put in it.
        unsafe {
            ring.submitter()
                .register_buf_ring_min_left(addr, entries, group, flags, min_left)
        }
    };
    cx.accepted_call(register(mem.addr(), 4, GROUP, 0, 0))?;
    let other = mem.addr() + page_size() as u64;
    all_refused([
        (
            "a group that is there",
            register(other, 4, GROUP, 0, 0),
            libc::EEXIST,
        ),
        (
            "no memory",
            register(page_size() as u64, 4, 1, 0, 0),
            libc::EFAULT,
        ),
        (
            "not aligned",
            register(other + 16, 4, 1, 0, 0),
            libc::EINVAL,
        ),
        ("no address", register(0, 4, 1, 0, 0), libc::EFAULT),
        ("no entries", register(other, 0, 1, 0, 0), libc::EINVAL),
        ("no power of two", register(other, 3, 1, 0, 0), libc::EINVAL),
        (
            "an unknown flag",
            register(other, 4, 1, 1 << 15, 0),
            libc::EINVAL,
        ),
        (
            "min_left without incremental use",
            register(other, 4, 1, 0, 8),
            libc::EINVAL,
        ),
    ])?;
    let good = io_uring_buf_reg {
        ring_addr: other,
        ring_entries: 4,
        bgid: 1,
        ..Default::default()
    };
    let too_many = io_uring_buf_reg {
        ring_entries: 65536,
        ..good
    };
    let mut reserved = good;
    reserved.resv[0] = 1;
    let opcode = IORING_REGISTER_PBUF_RING;
    // SAFETY: the memory that the structs name is never given back.
    let table = unsafe {
        [
            (
                "65536 entries",
                with(&ring, opcode, too_many, 1),
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
    // What was refused is not there.
    register(other, 4, 1, 0, 0)?;
    ring.submitter().unregister_buf_ring(GROUP)?;
    let gone = ring.submitter().unregister_buf_ring(GROUP);
    let errno = gone.map_err(|error| error.raw_os_error()).err().flatten();
    ensure!(
        [Some(libc::ENOENT), Some(libc::EINVAL)].contains(&errno),
        "unregistering what is not there: {errno:?}"
    );
    pass()
}

/// Without buffers an operation ends with ENOBUFS, a repeated one too; and goes on when there are some again.
fn exhausted(cx: &mut Context) -> Run {
    let mut lent = cx.accepted_call(Lent::new(4, 64, |builder| builder))?;
    let file = pattern_file(cx, "f", 64)?;
    takes_in_order(&mut lent, &file)?;
    let none = lent.run(read_whole(&file, 64))?;
    ensure_eq!(
        (Res(none.res), bid(&none)),
        (Res(-libc::ENOBUFS), None),
        "no buffers"
    );
    lent.give([5])?;
    let cqe = lent.run(read_whole(&file, 64))?;
    ensure_eq!(bid(&cqe), Some(5), "the buffer given then");
    lent.filled(&cqe)?;
    let wrong = lent
        .ring
        .run(read_whole(&file, 64).with(IOSQE_BUFFER_SELECT).buf(99))?;
    let errnos = [-libc::ENOENT, -libc::ENOBUFS];
    ensure!(
        errnos.contains(&wrong.res),
        "a group that is not there: {}",
        Res(wrong.res)
    );
    cx.note(format_args!(
        "a group that is not there: {}",
        Res(wrong.res)
    ));
    // A receive that goes on takes what there is, and ends when the ring is empty.
    if cx.kernel() < Version::new(6, 0, 0) {
        return pass();
    }
    let (mut ours, theirs) = UnixStream::pair()?;
    lent.give([0, 1])?;
    let receive = selecting(recv(&theirs, Mem::zeroed(0), 0).ioprio(IORING_RECV_MULTISHOT));
    lent.ring.start(&[receive])?;
    for expected in [0, 1] {
        ours.write_all(b"abc")?;
        let cqe = lent.fills(&[piece(expected, 0, 3, true)], b"abc")?;
        ensure!(cqe.more(), "the receive ended");
    }
    ours.write_all(b"def")?;
    let end = lent.ring.wait()?;
    ensure_eq!(
        (Res(end.res), end.more()),
        (Res(-libc::ENOBUFS), false),
        "the end"
    );
    lent.give([2])?;
    lent.ring.start(&[receive])?;
    lent.fills(&[piece(2, 0, 3, true)], b"def")?;
    pass()
}

/// 32768 buffers.
fn largest(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let register = BufRing::builder(1 << 15, GROUP).register(&ring.submitter());
    let mut bufs = cx.accepted_call(register.map_err(os_error))?;
    let mem = Mem::zeroed(64);
    for bid in 0..1 << 15 {
        // SAFETY: the memory is never given back, and all access to it is atomic. No operation takes a buffer.
        unsafe { bufs.push(mem.as_ptr(), 64, bid) };
    }
    bufs.publish();
    bufs.unregister(&ring.submitter())?;
    pass()
}

/// A group of buffers that were provided one by one is no ring, and a ring takes none of those.
fn legacy(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let pool = Mem::zeroed(128);
    let provide = |group| {
        // SAFETY: the pool is never given back, and has room for two buffers.
        unsafe {
            Op::new(IORING_OP_PROVIDE_BUFFERS, 2, |sqe| {
                sqe.set_addr(pool.addr());
                sqe.len = 64;
                sqe.set_buf_group(group);
            })
        }
    };
    let register = |ring: &Typed, group| {
        let builder = BufRing::builder(4, group);
        builder.register(&ring.submitter()).map_err(os_error)
    };
    let bufs = cx.accepted_call(register(&ring, GROUP))?;
    ensure_eq!(ring.run(provide(1))?.res, 0, "buffers one by one");
    let legacy_group = register(&ring, 1).map(drop);
    refused("a ring where buffers are", legacy_group, libc::EEXIST)?;
    let into_ring = ring.run(provide(GROUP))?.res;
    ensure!(
        [-libc::EINVAL, -libc::EEXIST].contains(&into_ring),
        "buffers one by one into a ring: {}",
        Res(into_ring)
    );
    let of_buffers = ring.submitter().unregister_buf_ring(1);
    refused("taking back what is no ring", of_buffers, libc::EINVAL)?;
    bufs.unregister(&ring.submitter())?;
    ensure_eq!(
        ring.run(provide(GROUP))?.res,
        0,
        "buffers where the ring was"
    );
    pass()
}

/// The kernel allocates the ring, and the process maps it.
fn mmap(cx: &mut Context) -> Run {
    let mut lent = cx.accepted_call(Lent::new(4, 64, |builder| builder.kernel_memory()))?;
    let file = pattern_file(cx, "f", 64)?;
    takes_in_order(&mut lent, &file)?;
    let offset = IORING_OFF_PBUF_RING | u64::from(GROUP + 1) << IORING_OFF_PBUF_SHIFT;
    not_mapped("a group that is not there", &lent.ring, offset)
}

/// Data that lands in the ring itself changes what is to come, not what is taken.
fn overwritten(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let mem = Mem::zeroed(page_size());
    // SAFETY: the memory is never given back, and all access to it is atomic.
    let register = unsafe {
        ring.submitter()
            .register_buf_ring_with_flags(mem.addr(), 4, GROUP, 0)
    };
    cx.accepted_call(register)?;
    // The one buffer is the ring: its own slot, and the tail.
    let slot = io_uring_buf {
        addr: mem.addr(),
        len: 64,
        bid: 5,
        resv: 1,
    };
    mem.set(0, &Mem::value(slot).get());
    let file = pattern_file(cx, "f", 64)?;
    let cqe = ring.run(selecting(read_whole(&file, 64)))?;
    ensure_eq!((Res(cqe.res), bid(&cqe)), (Res(64), Some(5)), "the read");
    ensure!(mem.part(0, 64).get() == pattern(0..64), "bytes");
    if cx.kernel() >= Version::new(6, 8, 0) {
        let head = ring.submitter().register_pbuf_status(GROUP)?;
        ensure_eq!(head, 1, "buffers used up");
    }
    pass()
}

/// When the group is gone no operation finds it, and another ring may have its number.
fn unregister(cx: &mut Context) -> Run {
    let mut lent = cx.accepted_call(Lent::new(4, 64, |builder| builder))?;
    let file = pattern_file(cx, "f", 64)?;
    lent.give([0, 1])?;
    ensure_eq!(
        bid(&lent.run(read_whole(&file, 64))?),
        Some(0),
        "the first buffer"
    );
    let Lent { mut ring, bufs, .. } = lent;
    bufs.unregister(&ring.submitter())?;
    let gone = ring.run(selecting(read_whole(&file, 64)))?;
    let errnos = [-libc::ENOENT, -libc::ENOBUFS];
    ensure!(
        errnos.contains(&gone.res),
        "the group is gone: {}",
        Res(gone.res)
    );
    let again = BufRing::builder(4, GROUP).register(&ring.submitter());
    ensure!(again.is_ok(), "the number again: {again:?}");
    pass()
}

/// The head says how many are used up, in a ring of whole buffers once for each.
fn status(cx: &mut Context) -> Run {
    let mut lent = cx.accepted_call(Lent::new(4, 64, |builder| builder))?;
    cx.accepted_call(lent.bufs.consumed(&lent.ring.submitter()))?;
    let file = pattern_file(cx, "f", 64)?;
    for round in 0..3 {
        lent.give(0..4)?;
        for taken in 0..4 {
            let head = lent.head()?;
            ensure_eq!(head, 4 * round + taken, "head");
            let available = lent.bufs.available(&lent.ring.submitter())?;
            ensure_eq!(available, 4 - taken, "buffers left");
            let cqe = lent.run(read_whole(&file, 10))?;
            lent.filled(&cqe)?;
        }
    }
    let none = lent.run(read_whole(&file, 10))?;
    ensure_eq!(Res(none.res), Res(-libc::ENOBUFS), "no buffers");
    ensure_eq!(lent.head()?, 12, "head of the empty ring");
    pass()
}

/// Of what is not there, or no ring.
fn status_bad(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let builder = BufRing::builder(4, GROUP);
    let bufs = cx.accepted_call(builder.register(&ring.submitter()).map_err(os_error))?;
    cx.accepted_call(bufs.consumed(&ring.submitter()))?;
    let status = |ring: &Typed, group| ring.submitter().register_pbuf_status(group);
    refused("a group that is not there", status(&ring, 1), libc::ENOENT)?;
    let pool = Mem::zeroed(64);
    // SAFETY: the pool is never given back, and has room for the buffer.
    let provide = unsafe {
        Op::new(IORING_OP_PROVIDE_BUFFERS, 1, |sqe| {
            sqe.set_addr(pool.addr());
            sqe.len = 64;
            sqe.set_buf_group(1);
        })
    };
    ensure_eq!(ring.run(provide)?.res, 0, "a buffer by itself");
    refused("a group that is no ring", status(&ring, 1), libc::EINVAL)?;
    let good = io_uring_buf_status {
        buf_group: u32::from(GROUP),
        ..Default::default()
    };
    let mut reserved = good;
    reserved.resv[0] = 1;
    let opcode = IORING_REGISTER_PBUF_STATUS;
    // SAFETY: the struct names no memory.
    let table = unsafe {
        [
            (
                "what is reserved",
                with(&ring, opcode, reserved, 1),
                libc::EINVAL,
            ),
            ("two structs", with(&ring, opcode, good, 2), libc::EINVAL),
        ]
    };
    all_refused(table)
}
