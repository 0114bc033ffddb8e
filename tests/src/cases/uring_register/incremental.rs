//! Buffers that are used piece by piece, and bundles that use several: what lands where, and when a buffer is free.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use safe::uring::raw::buf_ring::Piece;
use safe::uring::raw::cqueue;
use uring_sys::*;

use super::case;
use crate::case::{Case, Run, Stop, absent, pass};
use crate::context::Context;
use crate::ring::Cqe;
use crate::ring::mem::{Mem, NOWHERE};
use crate::ring::op::Op;
use crate::ring::ops::{read, recv, send};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::typed::buffers::{Lent, bid, piece, selecting};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/bundle/again",
        &["IORING_RECVSEND_BUNDLE"],
        (6, 10),
        bundle_again,
    )
    .announced(),
    case(
        "uring/register/bundle/bad",
        &["IORING_RECVSEND_BUNDLE"],
        (6, 10),
        bundle_bad,
    ),
    case(
        "uring/register/bundle/received",
        &["IORING_RECVSEND_BUNDLE", "IORING_OP_RECV"],
        (6, 10),
        bundle_received,
    )
    .announced(),
    case(
        "uring/register/bundle/sent",
        &["IORING_RECVSEND_BUNDLE", "IORING_OP_SEND"],
        (6, 10),
        bundle_sent,
    )
    // Before that a send takes no buffer of a group at all.
    .refused_by(&[libc::EINVAL, libc::EOPNOTSUPP]),
    case(
        "uring/register/incremental/bundle",
        &["IOU_PBUF_RING_INC", "IORING_RECVSEND_BUNDLE"],
        (6, 12),
        bundle,
    ),
    case(
        "uring/register/incremental/bundle-flag",
        &["IORING_CQE_F_BUF_MORE", "IORING_RECVSEND_BUNDLE"],
        (6, 12),
        bundle_flag,
    )
    .announced(),
    case(
        "uring/register/incremental/file",
        &["IOU_PBUF_RING_INC", "IORING_OP_READ"],
        (6, 12),
        file,
    ),
    case(
        "uring/register/incremental/file-flag",
        &["IORING_CQE_F_BUF_MORE", "IORING_OP_READ"],
        (6, 12),
        file_flag,
    )
    .announced(),
    case(
        "uring/register/incremental/min_left",
        &["IOU_PBUF_RING_INC"],
        (7, 1),
        min_left,
    ),
    case(
        "uring/register/incremental/pipe",
        &[
            "IOU_PBUF_RING_INC",
            "IORING_CQE_F_BUF_MORE",
            "IORING_OP_READ_MULTISHOT",
        ],
        (6, 12),
        read_from_pipe,
    ),
    case(
        "uring/register/incremental/socket",
        &["IOU_PBUF_RING_INC", "IORING_CQE_F_BUF_MORE"],
        (6, 12),
        socket,
    ),
];

/// A group of four buffers of 100 bytes that are used piece by piece: in our memory, in the kernel's.
#[track_caller]
fn lent(cx: &Context) -> Result<[Lent; 2], Stop> {
    Ok([
        cx.accepted_call(Lent::new(4, 100, |builder| builder.incremental()))?,
        cx.accepted_call(Lent::new(4, 100, |builder| {
            builder.incremental().kernel_memory()
        }))?,
    ])
}

/// Bytes that differ from those of another seed.
fn message(seed: usize, len: usize) -> Vec<u8> {
    pattern(seed..seed + len)
}

/// A receive that goes on.
fn receive(socket: &UnixStream, flags: u16) -> Op {
    selecting(recv(socket, Mem::zeroed(0), 0).ioprio(IORING_RECV_MULTISHOT | flags))
}

/// A receive of so much into a bundle.
fn bundle_of(socket: &UnixStream, len: usize, flags: i32) -> Op {
    recv(socket, Mem::zeroed(len), flags).ioprio(IORING_RECVSEND_BUNDLE)
}

/// The next completion of a receive of bundles that goes on; started again where the kernel has ended it, which it may
/// do with any.
#[track_caller]
fn next_bundle(lent: &mut Lent, socket: &UnixStream, receiving: &mut bool) -> Result<Cqe, Stop> {
    if !*receiving {
        lent.ring
            .start(&[receive(socket, IORING_RECVSEND_BUNDLE)])?;
    }
    let cqe = lent.ring.wait()?;
    *receiving = cqe.more();
    Ok(cqe)
}

/// What the messages fill, each in pieces: of the lengths that come first.
type Filled<'a> = (usize, &'a [Piece]);

/// Messages land one behind the other, and what does not fit goes on in the next buffer.
fn fills_in_pieces(lent: &mut Lent, to: &mut impl Write, messages: &[Filled<'_>]) -> Run {
    for &(len, pieces) in messages {
        let sent = message(len, len);
        to.write_all(&sent)?;
        let mut from = 0;
        for expected in pieces {
            let end = from + expected.len as usize;
            lent.fills(&[*expected], &sent[from..end])?;
            from = end;
        }
        ensure_eq!(from, len, "bytes received");
    }
    pass()
}

/// What comes first in the buffers of these cases.
const PIECES: &[Filled<'static>] = &[
    (30, &[piece(2, 0, 30, false)]),
    (50, &[piece(2, 30, 50, false)]),
    (45, &[piece(2, 80, 20, true), piece(3, 0, 25, false)]),
    (75, &[piece(3, 25, 75, true)]),
];

/// Receives fill a buffer to its end, and the flag says so each time.
fn socket(cx: &mut Context) -> Run {
    for mut lent in lent(cx)? {
        let (mut ours, theirs) = UnixStream::pair()?;
        lent.give([0, 1, 2, 3])?;
        lent.ring.start(&[receive(&theirs, 0)])?;
        ours.write_all(&message(7, 10))?;
        let cqe = lent.fills(&[piece(0, 0, 10, false)], &message(7, 10))?;
        ensure!(cqueue::buffer_more(cqe.flags), "no BUF_MORE");
        ours.write_all(&message(8, 90))?;
        let cqe = lent.fills(&[piece(0, 10, 90, true)], &message(8, 90))?;
        ensure!(!cqueue::buffer_more(cqe.flags), "BUF_MORE of a full buffer");
        ensure_eq!(lent.head()?, 1, "buffers used up");
        ours.write_all(&message(9, 100))?;
        lent.fills(&[piece(1, 0, 100, true)], &message(9, 100))?;
        // Some kernels end the receive as soon as the last buffer is full.
        lent.give([0])?;
        fills_in_pieces(&mut lent, &mut ours, PIECES)?;
        ensure_eq!(lent.head()?, 4, "buffers used up in the end");
        // The peer's end takes no buffer.
        drop(ours);
        let end = lent.ring.wait()?;
        ensure_eq!(
            (Res(end.res), bid(&end), end.more()),
            (Res(0), None, false),
            "the end"
        );
    }
    pass()
}

/// Repeated reads of a pipe do the same.
fn read_from_pipe(cx: &mut Context) -> Run {
    for mut lent in lent(cx)? {
        let (reader, writer) = pipe()?;
        lent.give([2, 3])?;
        // SAFETY: it names no memory but by its group.
        let op = unsafe {
            Op::new(IORING_OP_READ_MULTISHOT, reader.as_raw_fd(), |sqe| {
                sqe.set_off(u64::MAX);
            })
        };
        lent.ring.start(&[selecting(op)])?;
        fills_in_pieces(&mut lent, &mut File::from(writer), PIECES)?;
    }
    pass()
}

/// Reads so many bytes of a file, into the group.
fn read_part(file: &File, offset: i64, len: usize) -> Op {
    read(IORING_OP_READ, file, Mem::zeroed(len), offset)
}

/// A read of a file uses as much of a buffer as it asked for, whatever it finds; and without BUF_MORE the kernel goes
/// on using it all the same.
fn file(cx: &mut Context) -> Run {
    for mut lent in lent(cx)? {
        let file = pattern_file(cx, "f", 130).or_else(|_| File::open("f"))?;
        lent.give([0, 1])?;
        let mut silent = 0;
        // From, asked for; buffer, offset, filled, whether that was its end.
        for (from, asked, expected) in [
            (0, 64, piece(0, 0, 64, false)),
            (64, 64, piece(0, 64, 36, true)),
            (100, 64, piece(1, 0, 30, false)),
            (130, 4, piece(1, 64, 0, false)),
            (10, 8, piece(1, 68, 8, false)),
            (20, 8, piece(1, 76, 8, false)),
            (30, 16, piece(1, 84, 16, true)),
        ] {
            let cqe = lent.run(read_part(&file, from, asked))?;
            ensure!(cqe.res >= 0, "read: {}", Res(cqe.res));
            let bid = bid(&cqe).ok_or_else(|| Stop::failed("no buffer"))?;
            let more = cqueue::buffer_more(cqe.flags);
            silent += u32::from(!more && !expected.last);
            let pieces: Vec<Piece> = lent
                .ledger
                .completed_as_asked(bid, asked as u32, cqe.res as u32, more)?
                .collect();
            ensure_eq!(pieces, [expected], "read of {asked} at {from}");
            let at = lent
                .buffer(bid)
                .part(expected.offset as usize, expected.len as usize);
            let from = from as usize;
            ensure!(
                at.get() == pattern(from..from + at.len() as usize),
                "bytes at {from}"
            );
            let used_up = 2 - lent.ledger.len() as u16;
            ensure_eq!(
                lent.head()?,
                used_up,
                "buffers used up after the read at {from}"
            );
            // The kernel's count gives nothing back that it goes on using.
            let head = lent.head()?;
            ensure_eq!(
                lent.ledger.used_up(head).count(),
                0,
                "buffers given back early"
            );
        }
        cx.note(format_args!(
            "{silent} of 5 partly used buffers without BUF_MORE"
        ));
    }
    pass()
}

/// The flag of a read that leaves some of a buffer.
fn file_flag(cx: &mut Context) -> Run {
    let [mut lent, _] = lent(cx)?;
    let file = pattern_file(cx, "f", 130)?;
    lent.give([0])?;
    let cqe = lent.run(read_part(&file, 0, 64))?;
    ensure_eq!((Res(cqe.res), bid(&cqe)), (Res(64), Some(0)), "the read");
    told(&cqe, &lent)
}

/// The kernel still has the buffer, and says so or not.
#[track_caller]
fn told(cqe: &Cqe, lent: &Lent) -> Run {
    let used_up = usize::from(lent.head()?);
    ensure!(
        used_up < lent.bufs.entries() as usize,
        "{used_up} buffers used up"
    );
    if cqueue::buffer_more(cqe.flags) {
        pass()
    } else {
        absent("BUF_MORE is clear, and the kernel goes on using the buffer")
    }
}

/// Bundles that end within a buffer go on there.
fn bundle(cx: &mut Context) -> Run {
    for mut lent in lent(cx)? {
        let (mut ours, theirs) = UnixStream::pair()?;
        lent.give([0, 1, 2, 3])?;
        let (mut at, mut receiving) = (0, false);
        for (seed, len) in [(1, 130), (2, 20), (3, 60), (4, 1), (5, 180)] {
            let sent = message(seed, len);
            ours.write_all(&sent)?;
            let mut data = Vec::new();
            while data.len() < len {
                let cqe = next_bundle(&mut lent, &theirs, &mut receiving)?;
                let (pieces, bytes) = lent.filled(&cqe)?;
                for p in &pieces {
                    let expected = (at / 100, at % 100);
                    ensure_eq!((p.bid as usize, p.offset as usize), expected, "a piece");
                    at += p.len as usize;
                    ensure_eq!(p.last, at % 100 == 0, "whether it was the last");
                }
                data.extend(bytes);
                let left = 4 - lent.head()?;
                ensure_eq!(
                    lent.ledger.len(),
                    u32::from(left),
                    "buffers that are the kernel's"
                );
                let head = lent.head()?;
                ensure_eq!(
                    lent.ledger.used_up(head).count(),
                    0,
                    "buffers given back early"
                );
            }
            ensure!(data == sent, "other bytes than were sent");
        }
    }
    pass()
}

/// The flag of a bundle that ends within a buffer.
fn bundle_flag(cx: &mut Context) -> Run {
    let [mut lent, _] = lent(cx)?;
    let (mut ours, theirs) = UnixStream::pair()?;
    lent.give([0, 1, 2, 3])?;
    ours.write_all(&message(1, 130))?;
    let mut receiving = false;
    let mut cqe = next_bundle(&mut lent, &theirs, &mut receiving)?;
    let mut received = cqe.res;
    while received < 130 {
        cqe = next_bundle(&mut lent, &theirs, &mut receiving)?;
        ensure!(cqe.res > 0, "result: {}", Res(cqe.res));
        received += cqe.res;
    }
    ensure_eq!(received, 130, "bytes received");
    told(&cqe, &lent)
}

/// A buffer of which too little is left is not used any further.
fn min_left(cx: &mut Context) -> Run {
    let lent = Lent::new(4, 100, |builder| builder.incremental().min_left(30));
    let mut lent = cx.accepted_call(lent)?;
    let (mut ours, theirs) = UnixStream::pair()?;
    lent.give([2, 3])?;
    lent.ring.start(&[receive(&theirs, 0)])?;
    let messages: &[Filled<'_>] = &[
        (69, &[piece(2, 0, 69, false)]),
        (2, &[piece(2, 69, 2, true)]),
        (70, &[piece(3, 0, 70, false)]),
    ];
    fills_in_pieces(&mut lent, &mut ours, messages)?;
    ensure_eq!(lent.head()?, 1, "buffers used up");
    pass()
}

/// A group of four buffers of 8 bytes, used whole.
#[track_caller]
fn small(cx: &Context) -> Result<Lent, Stop> {
    cx.accepted_call(Lent::new(4, 8, |builder| builder))
}

/// One completion for what fills several buffers, in their order; the next when there is more.
fn bundle_received(cx: &mut Context) -> Run {
    let mut lent = small(cx)?;
    let (mut ours, theirs) = UnixStream::pair()?;
    // Without a length some kernels take one buffer at a time.
    let one = selecting(bundle_of(&theirs, 28, 0));
    // How many a completion is about is the kernel's choice, but not always one.
    let (mut head, mut most) = (0, 0);
    for (round, bids) in [[3, 1, 2, 0], [7, 6, 5, 4], [0, 1, 2, 3]]
        .into_iter()
        .enumerate()
    {
        lent.give(bids)?;
        let sent = message(round, 28);
        ours.write_all(&sent)?;
        let (mut data, mut order) = (Vec::new(), Vec::new());
        while data.len() < sent.len() {
            let cqe = lent.ring.run(one)?;
            cx.accepted(cqe.res)?;
            let (pieces, bytes) = lent.filled(&cqe)?;
            most = most.max(pieces.len());
            order.extend(pieces.iter().map(|p| p.bid));
            data.extend(bytes);
        }
        ensure!(data == sent, "other bytes than were sent, round {round}");
        ensure_eq!(order, bids, "buffers, round {round}");
        head += 4;
        if cx.kernel() >= crate::kernel::Version::new(6, 8, 0) {
            ensure_eq!(lent.head()?, head, "buffers used up, round {round}");
        }
    }
    // Repeated, they keep the order too.
    lent.give([3, 2, 1, 0])?;
    let sent = message(9, 32);
    ours.write_all(&sent)?;
    let (mut data, mut order, mut receiving) = (Vec::new(), Vec::new(), false);
    while data.len() < sent.len() {
        let cqe = next_bundle(&mut lent, &theirs, &mut receiving)?;
        let (pieces, bytes) = lent.filled(&cqe)?;
        most = most.max(pieces.len());
        order.extend(pieces.iter().map(|p| p.bid));
        data.extend(bytes);
    }
    ensure!(data == sent, "other bytes than were sent");
    ensure_eq!(order, [3, 2, 1, 0], "buffers");
    cx.note(format_args!("up to {most} buffers in a completion"));
    if most == 1 {
        return absent("each completion is about one buffer");
    }
    pass()
}

/// One completion for what several buffers held.
fn bundle_sent(cx: &mut Context) -> Run {
    let mut lent = small(cx)?;
    let (ours, mut theirs) = UnixStream::pair()?;
    let content = pattern(0..32);
    for bid in 0..4 {
        lent.buffer(bid)
            .set(0, &content[usize::from(bid) * 8..][..8]);
    }
    lent.give(0..4)?;
    let op = send(&ours, Mem::zeroed(0), 0).ioprio(IORING_RECVSEND_BUNDLE);
    let cqe = lent.run(op)?;
    cx.accepted(cqe.res)?;
    let (pieces, data) = lent.filled(&cqe)?;
    ensure_eq!((pieces.len(), data.len()), (4, 32), "pieces and bytes");
    let mut got = [0; 32];
    theirs.read_exact(&mut got)?;
    ensure!(got[..] == content, "other bytes than were lent");
    ensure_eq!(Res(lent.run(op)?.res), Res(-libc::ENOBUFS), "no buffers");
    pass()
}

/// Messages are not bundled, and without buffers or data nothing is.
fn bundle_bad(cx: &mut Context) -> Run {
    let mut lent = small(cx)?;
    let (_ours, theirs) = UnixStream::pair()?;
    let none = lent.run(bundle_of(&theirs, 0, libc::MSG_DONTWAIT))?.res;
    if none != -libc::ENOBUFS {
        cx.accepted(none)?;
    }
    ensure_eq!(Res(none), Res(-libc::ENOBUFS), "no buffers");
    lent.give([0])?;
    let no_data = lent.run(bundle_of(&theirs, 0, libc::MSG_DONTWAIT))?.res;
    ensure_eq!(Res(no_data), Res(-libc::EAGAIN), "no data");
    let of_messages = |opcode| {
        // SAFETY: there is no message at the address.
        unsafe {
            bundle_of(&theirs, 0, 0).changed(|sqe| {
                sqe.opcode = opcode;
                sqe.set_addr(NOWHERE);
            })
        }
    };
    let received = lent.run(of_messages(IORING_OP_RECVMSG))?.res;
    let sent = lent.ring.run(of_messages(IORING_OP_SENDMSG))?.res;
    for res in [received, sent] {
        ensure_eq!(Res(res), Res(-libc::EINVAL), "a bundle of messages");
    }
    pass()
}

/// A bundle that finds no data leaves the buffers as long as they were.
fn bundle_again(cx: &mut Context) -> Run {
    let mut lent = small(cx)?;
    let (mut ours, theirs) = UnixStream::pair()?;
    lent.give([0, 1])?;
    for len in [3, 12] {
        let res = lent.run(bundle_of(&theirs, len, libc::MSG_DONTWAIT))?.res;
        if res != -libc::EAGAIN {
            cx.accepted(res)?;
        }
        ensure_eq!(Res(res), Res(-libc::EAGAIN), "no data for {len}");
    }
    let sent = message(1, 8);
    ours.write_all(&sent)?;
    let cqe = lent.run(bundle_of(&theirs, 8, 0))?;
    ensure_eq!(bid(&cqe), Some(0), "the buffer");
    ensure!(cqe.res > 0, "result: {}", Res(cqe.res));
    let got = lent.buffer(0).get();
    if got != sent {
        ensure!(got[..3] == sent[..3], "the first bytes");
        return absent("a bundle that found nothing has shortened the buffer");
    }
    pass()
}
