//! URING_CMD: the commands of sockets.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{recv, send};
use crate::support::files::{pattern_file, tcp_pair};
use crate::support::names::Res;

/// A case about a command, the first of `items`: kernels without it say -EOPNOTSUPP, those without URING_CMD -EINVAL.
const fn command(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run)
        .refused_by(&[libc::EOPNOTSUPP, libc::EINVAL])
        .requires(&[Requirement::Loopback])
}

pub(super) static CASES: &[Case] = &[
    command(
        "uring/op/uring_cmd/bad",
        &["SOCKET_URING_OP_SIOCINQ", "IORING_OP_URING_CMD"],
        (6, 7),
        bad,
    ),
    command(
        "uring/op/uring_cmd/getsockname",
        &["SOCKET_URING_OP_GETSOCKNAME", "IORING_OP_URING_CMD"],
        (6, 19),
        getsockname,
    ),
    command(
        "uring/op/uring_cmd/getsockopt",
        &["SOCKET_URING_OP_GETSOCKOPT", "IORING_OP_URING_CMD"],
        (6, 7),
        getsockopt,
    ),
    command(
        "uring/op/uring_cmd/setsockopt",
        &[
            "SOCKET_URING_OP_SETSOCKOPT",
            "SOCKET_URING_OP_GETSOCKOPT",
            "IORING_OP_URING_CMD",
        ],
        (6, 7),
        setsockopt,
    ),
    command(
        "uring/op/uring_cmd/siocinq",
        &["SOCKET_URING_OP_SIOCINQ", "IORING_OP_URING_CMD"],
        (6, 7),
        siocinq,
    ),
    command(
        "uring/op/uring_cmd/siocoutq",
        &["SOCKET_URING_OP_SIOCOUTQ", "IORING_OP_URING_CMD"],
        (6, 7),
        siocoutq,
    ),
];

fn cmd(socket: &impl AsRawFd, command: u32) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_URING_CMD, socket.as_raw_fd(), |sqe| {
            sqe.set_cmd_op(command)
        })
    }
}

/// Gets or sets an option at SOL_SOCKET.
fn option(socket: &impl AsRawFd, command: u32, option: i32, value: Mem) -> Op {
    // SAFETY: the value has the length told, and is never given back.
    unsafe {
        cmd(socket, command).changed(|sqe| {
            sqe.set_level(libc::SOL_SOCKET as u32);
            sqe.set_optname(option as u32);
            sqe.set_optval(value.addr());
            sqe.set_optlen(value.len());
        })
    }
}

/// Commands that are none, and a file that has none.
fn bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, _b) = tcp_pair()?;
    let file = pattern_file(cx, "f", 1)?;
    let op = cmd(&a, SOCKET_URING_OP_SIOCINQ);
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a regular file", op.on(&file), libc::EOPNOTSUPP),
            ("an unknown command", cmd(&a, 9999), libc::EOPNOTSUPP),
            ("unknown flags", op.op_flags(1 << 20), libc::EINVAL),
        ],
    )
}

/// The address of the socket, and of its peer.
fn getsockname(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, b) = tcp_pair()?;
    for (peer, expected) in [(0, &a), (1, &b)] {
        let (name, len) = (Mem::zeroed(16), Mem::value(16u32));
        // SAFETY: address and length are never given back, and the kernel writes no more than the length says.
        let op = unsafe {
            cmd(&a, SOCKET_URING_OP_GETSOCKNAME).changed(|sqe| {
                sqe.set_addr(name.addr());
                sqe.set_addr3(len.addr());
                sqe.set_optlen(peer);
            })
        };
        let res = ring.run(op)?.res;
        cx.accepted(res)?;
        let got: libc::sockaddr_in = name.read();
        ensure_eq!(
            u16::from_be(got.sin_port),
            expected.local_addr()?.port(),
            "port, peer: {peer}"
        );
        ensure_eq!(len.read::<u32>(), 16, "length of the address");
    }
    pass()
}

/// An option of the socket by the system call.
fn by_system_call(socket: &TcpStream, option: i32) -> std::io::Result<i32> {
    let (mut value, mut len) = (0i32, 4 as libc::socklen_t);
    // SAFETY: the value has the size of `len`.
    match unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw mut value).cast(),
            &mut len,
        )
    } {
        0 => Ok(value),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The result is the length, the value that of getsockopt(2).
fn getsockopt(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, _b) = tcp_pair()?;
    for name in [libc::SO_TYPE, libc::SO_RCVBUF, libc::SO_REUSEADDR] {
        let value = Mem::zeroed(4);
        let res = ring
            .run(option(&a, SOCKET_URING_OP_GETSOCKOPT, name, value))?
            .res;
        ensure_eq!(cx.accepted(res)?, 4, "length of option {name}");
        ensure_eq!(
            value.read::<i32>(),
            by_system_call(&a, name)?,
            "option {name}"
        );
    }
    let unknown = option(&a, SOCKET_URING_OP_GETSOCKOPT, 9999, Mem::zeroed(4));
    refuses(
        &mut ring,
        &[("an unknown option", unknown, libc::ENOPROTOOPT)],
    )
}

/// What is set is what getsockopt(2) gives.
fn setsockopt(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, _b) = tcp_pair()?;
    for value in [1, 0] {
        let op = option(
            &a,
            SOCKET_URING_OP_SETSOCKOPT,
            libc::SO_KEEPALIVE,
            Mem::value(value),
        );
        let res = ring.run(op)?.res;
        cx.accepted(res)?;
        ensure_eq!(
            by_system_call(&a, libc::SO_KEEPALIVE)?,
            value,
            "SO_KEEPALIVE"
        );
    }
    let op = |name, value| option(&a, SOCKET_URING_OP_SETSOCKOPT, name, value);
    refuses(
        &mut ring,
        &[
            (
                "an unknown option",
                op(9999, Mem::zeroed(4)),
                libc::ENOPROTOOPT,
            ),
            (
                "too short",
                op(libc::SO_KEEPALIVE, Mem::zeroed(2)),
                libc::EINVAL,
            ),
        ],
    )
}

/// The number of bytes that wait to be received.
fn siocinq(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = tcp_pair()?;
    let op = cmd(&a, SOCKET_URING_OP_SIOCINQ);
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 0, "bytes before any came");
    b.write_all(&[7; 100])?;
    // All of it has arrived once it can be seen.
    let peek = recv(&a, Mem::zeroed(100), libc::MSG_PEEK | libc::MSG_WAITALL);
    ensure_eq!(Res(ring.run(peek)?.res), Res(100), "peek");
    ensure_eq!(Res(ring.run(op)?.res), Res(100), "bytes that wait");
    pass()
}

/// The number of bytes that the peer has not acknowledged: none once it has them all.
fn siocoutq(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, _b) = tcp_pair()?;
    let op = cmd(&a, SOCKET_URING_OP_SIOCOUTQ);
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 0, "bytes before any were sent");
    ensure_eq!(
        Res(ring.run(send(&a, Mem::of(&[7; 100]), 0))?.res),
        Res(100),
        "send"
    );
    let left = ring.run(op)?.res;
    ensure_eq!(
        (0..=100).contains(&left),
        true,
        "{left} bytes not acknowledged"
    );
    pass()
}
