//! SEND_ZC and SENDMSG_ZC: sends that post a second completion when the memory is free again.

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use uring_sys::*;

use super::msg::{message, plain};
use super::{case, register_buffers, ring};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::write;
use crate::ring::{Cqe, Ring};
use crate::support::files::{pattern, pattern_file, tcp_pair};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const LOOPBACK: &[Requirement] = &[Requirement::Loopback];

pub(super) static CASES: &[Case] = &[
    case("uring/op/send_zc/bad", &["IORING_OP_SEND_ZC"], (6, 0), bad).requires(LOOPBACK),
    case(
        "uring/op/send_zc/fixed_buf",
        &[
            "IORING_RECVSEND_FIXED_BUF",
            "IORING_OP_SEND_ZC",
            "IORING_CQE_F_NOTIF",
        ],
        (6, 0),
        fixed_buffer,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/send_zc/report_usage",
        &[
            "IORING_SEND_ZC_REPORT_USAGE",
            "IORING_NOTIF_USAGE_ZC_COPIED",
            "IORING_OP_SEND_ZC",
        ],
        (6, 2),
        report_usage,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/send_zc/whole",
        &[
            "IORING_OP_SEND_ZC",
            "IORING_CQE_F_NOTIF",
            "IORING_CQE_F_MORE",
        ],
        (6, 0),
        send_whole,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/sendmsg_zc/whole",
        &[
            "IORING_OP_SENDMSG_ZC",
            "IORING_CQE_F_NOTIF",
            "IORING_CQE_F_MORE",
        ],
        (6, 1),
        sendmsg_whole,
    )
    .requires(LOOPBACK),
];

fn send_zc(socket: &TcpStream, mem: Mem) -> Op {
    write(IORING_OP_SEND_ZC, socket, mem, 0)
}

/// Runs a send that must take all of `expected`, and returns the notification. The peer reads what arrives.
fn sent(
    cx: &Context,
    ring: &mut Ring,
    op: Op,
    peer: &mut TcpStream,
    expected: &[u8],
) -> Result<Cqe, Stop> {
    ring.start(&[op.tag(1)])?;
    let first = ring.wait()?;
    ensure_eq!(cx.accepted(first.res)?, expected.len() as i32, "bytes sent");
    ensure_eq!(
        first.flags,
        IORING_CQE_F_MORE,
        "flags of the first completion"
    );
    let mut got = vec![0; expected.len()];
    peer.read_exact(&mut got)?;
    ensure!(got == expected, "content");
    let second = ring.wait()?;
    ensure_eq!(
        (second.user_data, second.flags),
        (1, IORING_CQE_F_NOTIF),
        "the notification"
    );
    ensure!(ring.reap().is_none(), "a third completion");
    Ok(second)
}

/// Files that are no sockets, sockets that cannot, memory that is not there. A notification follows where the first
/// completion says so.
fn bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    let (unix, _other) = UnixStream::pair()?;
    let file = pattern_file(cx, "f", 1)?;
    let op = send_zc(&a, Mem::of(b"abc"));
    sent(cx, &mut ring, op, &mut b, b"abc")?;
    for (what, op, errno) in [
        ("fd -1", op.fd(-1), libc::EBADF),
        ("a file", op.on(&file), libc::ENOTSOCK),
        ("a Unix socket", op.on(&unix), libc::EOPNOTSUPP),
        ("no memory", op.nowhere(), libc::EFAULT),
        ("unknown ioprio", op.ioprio(1 << 15), libc::EINVAL),
        (
            "a fixed buffer of none",
            op.ioprio(IORING_RECVSEND_FIXED_BUF),
            libc::EFAULT,
        ),
    ] {
        ring.start(&[op])?;
        let cqes = ring.finish(1)?;
        ensure_eq!(Res(cqes[0].res), Res(-errno), "{what}");
        ensure!(cqes.len() <= 2, "{} completions for {what}", cqes.len());
    }
    pass()
}

/// With the flag what is sent is a registered buffer, or a part of it.
fn fixed_buffer(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    let mem = Mem::of(&pattern(0..9000));
    register_buffers(&ring, &[Mem::zeroed(1), mem])?;
    for (from, len) in [(0, 9000), (4000, 1000)] {
        let op = send_zc(&a, mem.part(from, len))
            .ioprio(IORING_RECVSEND_FIXED_BUF)
            .buf(1);
        sent(cx, &mut ring, op, &mut b, &pattern(from..from + len))?;
    }
    let outside = send_zc(&a, Mem::zeroed(10))
        .ioprio(IORING_RECVSEND_FIXED_BUF)
        .buf(1);
    ring.start(&[outside])?;
    ensure_eq!(
        Res(ring.finish(1)?[0].res),
        Res(-libc::EFAULT),
        "memory outside the buffer"
    );
    pass()
}

/// With the flag the notification tells whether the data was copied.
fn report_usage(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    let op = send_zc(&a, Mem::of(&pattern(0..5000))).ioprio(IORING_SEND_ZC_REPORT_USAGE);
    let notification = sent(cx, &mut ring, op, &mut b, &pattern(0..5000))?;
    let copied = IORING_NOTIF_USAGE_ZC_COPIED as i32;
    ensure!(
        [0, copied].contains(&notification.res),
        "result of the notification: {:#x}",
        notification.res
    );
    cx.note(if notification.res == copied {
        "copied"
    } else {
        "not copied"
    });
    pass()
}

/// The data arrives, and a notification without a result follows.
fn send_whole(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    for len in [1, 4096, 30_000] {
        let notification = sent(
            cx,
            &mut ring,
            send_zc(&a, Mem::of(&pattern(0..len))),
            &mut b,
            &pattern(0..len),
        )?;
        ensure_eq!(
            Res(notification.res),
            Res(0),
            "result of the notification for {len}"
        );
    }
    pass()
}

/// The parts arrive in order, and a notification follows.
fn sendmsg_whole(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    let mem = Mem::of(&pattern(0..9000));
    let header = plain(&[mem.part(0, 5000), mem.part(5000, 4000)]);
    let op = message(IORING_OP_SENDMSG_ZC, &a, header, 0);
    sent(cx, &mut ring, op, &mut b, &pattern(0..9000))?;
    pass()
}
