//! SEND and RECV.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, UdpSocket};
use std::os::unix::net::UnixStream;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, absent, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{recv, send, vectored};
use crate::support::files::{pattern, pattern_file, tcp_pair};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/recv/bad",
        &["IORING_OP_RECV"],
        kernel(5, 6),
        recv_bad,
    ),
    Case::new(
        "uring/op/recv/flags",
        &["IORING_OP_RECV"],
        kernel(5, 6),
        recv_flags,
    ),
    case(
        "uring/op/recv/poll_first",
        &["IORING_RECVSEND_POLL_FIRST", "IORING_OP_RECV"],
        (5, 19),
        poll_first,
    ),
    case(
        "uring/op/recv/sock_nonempty",
        &["IORING_CQE_F_SOCK_NONEMPTY", "IORING_OP_RECV"],
        (5, 19),
        nonempty,
    )
    .announced()
    .requires(&[Requirement::Loopback]),
    Case::new(
        "uring/op/recv/whole",
        &["IORING_OP_RECV", "IORING_FEAT_FAST_POLL"],
        kernel(5, 7),
        recv_whole,
    ),
    Case::new(
        "uring/op/send/bad",
        &["IORING_OP_SEND"],
        kernel(5, 6),
        send_bad,
    ),
    case("uring/op/send/to", &["IORING_OP_SEND"], (6, 0), send_to)
        .requires(&[Requirement::Loopback]),
    case(
        "uring/op/send/vectorized",
        &["IORING_SEND_VECTORIZED", "IORING_OP_SEND"],
        (6, 17),
        send_vectorized,
    ),
    Case::new(
        "uring/op/send/waitall",
        &["IORING_OP_SEND"],
        kernel(5, 19),
        send_waitall,
    )
    .announced(),
    Case::new(
        "uring/op/send/whole",
        &["IORING_OP_SEND"],
        kernel(5, 6),
        send_whole,
    ),
];

/// Files that are no sockets, memory that is not there, flags that are none.
fn recv_bad(cx: &mut Context) -> Run {
    let (a, mut b) = UnixStream::pair()?;
    b.write_all(b"abc")?;
    let file = pattern_file(cx, "f", 1)?;
    let op = recv(&a, Mem::zeroed(8), 0);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            ("no memory", op.nowhere(), libc::EFAULT),
            (
                "out-of-band data",
                recv(&a, Mem::zeroed(8), libc::MSG_OOB),
                libc::EINVAL,
            ),
            ("unknown ioprio", op.ioprio(1 << 15), libc::EINVAL),
        ],
    )
}

/// MSG_PEEK leaves the data, MSG_DONTWAIT does not wait, MSG_WAITALL waits for all.
fn recv_flags(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    let mem = Mem::zeroed(8);
    refuses(
        &mut ring,
        &[(
            "MSG_DONTWAIT",
            recv(&a, mem, libc::MSG_DONTWAIT),
            libc::EAGAIN,
        )],
    )?;
    b.write_all(b"abc")?;
    for flags in [libc::MSG_PEEK, libc::MSG_DONTWAIT] {
        mem.set(0, &[0; 8]);
        ensure_eq!(
            Res(ring.run(recv(&a, mem, flags))?.res),
            Res(3),
            "flags {flags:#x}"
        );
        ensure!(
            mem.get() == b"abc\0\0\0\0\0",
            "content with flags {flags:#x}"
        );
    }
    b.write_all(b"defg")?;
    ring.start(&[recv(&a, mem, libc::MSG_WAITALL)])?;
    b.write_all(b"hijk")?;
    ensure_eq!(Res(ring.wait()?.res), Res(8), "MSG_WAITALL");
    ensure!(mem.get() == b"defghijk", "content with MSG_WAITALL");
    pass()
}

/// With the flag the operation waits for data before it tries.
fn poll_first(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    let mem = Mem::zeroed(8);
    let op = recv(&a, mem, 0).ioprio(IORING_RECVSEND_POLL_FIRST);
    b.write_all(b"abc")?;
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 3, "data that was there");
    ring.start(&[op])?;
    ensure!(ring.reap().is_none(), "completed without data");
    b.write_all(b"de")?;
    ensure_eq!(Res(ring.wait()?.res), Res(2), "data that came");
    let op = send(&a, Mem::of(b"xyz"), 0).ioprio(IORING_RECVSEND_POLL_FIRST);
    ensure_eq!(Res(ring.run(op)?.res), Res(3), "send");
    pass()
}

/// A flag in the completion tells that more data waits in the socket.
fn nonempty(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    b.write_all(&[7; 100])?;
    // All of it has arrived once it can be seen.
    ensure_eq!(
        Res(ring
            .run(recv(
                &a,
                Mem::zeroed(100),
                libc::MSG_PEEK | libc::MSG_WAITALL
            ))?
            .res),
        Res(100),
        "peek"
    );
    let cqe = ring.run(recv(&a, Mem::zeroed(60), 0))?;
    ensure_eq!(Res(cqe.res), Res(60), "first part");
    if cqe.flags & IORING_CQE_F_SOCK_NONEMPTY == 0 {
        return absent("the flag is clear with data left");
    }
    let cqe = ring.run(recv(&a, Mem::zeroed(60), 0))?;
    ensure_eq!((Res(cqe.res), cqe.flags), (Res(40), 0), "second part");
    pass()
}

/// What was sent arrives, in as large parts as there is room, also when it comes later; then the end.
fn recv_whole(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    b.write_all(&pattern(0..1000))?;
    for start in [0, 400] {
        let mem = Mem::zeroed(400);
        ensure_eq!(
            Res(ring.run(recv(&a, mem, 0))?.res),
            Res(400),
            "part at {start}"
        );
        ensure!(
            mem.get() == pattern(start..start + 400),
            "content at {start}"
        );
    }
    let mem = Mem::zeroed(400);
    ensure_eq!(Res(ring.run(recv(&a, mem, 0))?.res), Res(200), "the rest");
    ring.start(&[recv(&a, mem, 0)])?;
    ensure!(ring.reap().is_none(), "completed without data");
    b.write_all(b"late")?;
    ensure_eq!(Res(ring.wait()?.res), Res(4), "what came later");
    ensure!(mem.get().starts_with(b"late"), "content of what came later");
    b.shutdown(Shutdown::Write)?;
    ensure_eq!(Res(ring.run(recv(&a, mem, 0))?.res), Res(0), "the end");
    pass()
}

/// Files that are no sockets, memory that is not there, a connection that is closed.
fn send_bad(cx: &mut Context) -> Run {
    let (a, b) = UnixStream::pair()?;
    let file = pattern_file(cx, "f", 1)?;
    let unconnected = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok();
    let op = send(&a, Mem::of(b"abc"), libc::MSG_NOSIGNAL);
    let mut ring = ring()?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            ("no memory", op.nowhere(), libc::EFAULT),
            (
                "out-of-band data of none",
                send(&b, Mem::zeroed(0), libc::MSG_OOB),
                libc::EOPNOTSUPP,
            ),
            ("unknown ioprio", op.ioprio(1 << 15), libc::EINVAL),
        ],
    )?;
    if let Some(socket) = unconnected {
        refuses(
            &mut ring,
            &[("nobody to send to", op.on(&socket), libc::EDESTADDRREQ)],
        )?;
    }
    drop(b);
    refuses(&mut ring, &[("a closed connection", op, libc::EPIPE)])
}

/// A datagram goes to the address in the entry.
fn send_to(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (from, to) = (
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
    );
    let address = Mem::value(libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: to.local_addr()?.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be(),
        },
        sin_zero: [0; 8],
    });
    // SAFETY: the address has the length told, and is never given back.
    let op = unsafe {
        send(&from, Mem::of(b"datagram"), 0).changed(|sqe| {
            sqe.set_addr2(address.addr());
            sqe.set_addr_len(address.len() as u16);
        })
    };
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 8, "result");
    let mut buf = [0; 100];
    let (len, peer) = to.recv_from(&mut buf)?;
    ensure_eq!(
        (&buf[..len], peer),
        (&b"datagram"[..], from.local_addr()?),
        "what arrived"
    );
    refuses(
        &mut ring,
        &[("an address that is not there", op.nowhere2(), libc::EFAULT)],
    )
}

/// With the flag the buffer is an array of buffers.
fn send_vectorized(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    let array = vectored(
        IORING_OP_WRITEV,
        &a,
        &[Mem::of(b"abc"), Mem::of(b""), Mem::of(b"defg")],
        0,
    );
    // SAFETY: the array and what it names are never given back; with the flag `len` counts its elements.
    let op: Op =
        unsafe { array.changed(|sqe| sqe.opcode = IORING_OP_SEND) }.ioprio(IORING_SEND_VECTORIZED);
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 7, "result");
    let mut got = [0; 7];
    b.read_exact(&mut got)?;
    ensure_eq!(&got, b"abcdefg", "what arrived");
    refuses(&mut ring, &[("no array", op.nowhere(), libc::EFAULT)])
}

/// What is too much for the socket is sent to its end with MSG_WAITALL; older kernels end with what had room.
fn send_waitall(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    let len = 4 << 20;
    ring.start(&[send(&a, Mem::of(&pattern(0..len)), libc::MSG_WAITALL)])?;
    drop(a);
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        b.read_to_end(&mut got).map(|_| got)
    });
    let cqe = ring.wait()?;
    drop(ring);
    let got = reader.join().expect("it does not panic")?;
    if cqe.res > 0 && (cqe.res as usize) < len {
        return absent(format_args!("{} of {len} bytes sent", cqe.res));
    }
    ensure_eq!(Res(cqe.res), Res(len as i32), "result");
    ensure!(got == pattern(0..len), "content");
    pass()
}

/// What is sent arrives.
fn send_whole(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    ensure_eq!(
        Res(ring.run(send(&a, Mem::of(&pattern(0..1000)), 0))?.res),
        Res(1000),
        "result"
    );
    let mut got = vec![0; 1000];
    b.read_exact(&mut got)?;
    ensure!(got == pattern(0..1000), "content");
    pass()
}
