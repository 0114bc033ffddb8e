//! ACCEPT.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};

use uring_sys::*;

use super::{case, refuses, register_files, ring};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{cancel, recv};
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const LOOPBACK: &[Requirement] = &[Requirement::Loopback];

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/accept/address",
        &["IORING_OP_ACCEPT"],
        kernel(5, 5),
        accept_address,
    )
    .requires(LOOPBACK),
    Case::new(
        "uring/op/accept/bad",
        &["IORING_OP_ACCEPT"],
        kernel(5, 5),
        accept_bad,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/accept/direct",
        &[
            "IORING_OP_ACCEPT",
            "IORING_FILE_INDEX_ALLOC",
            "IOSQE_FIXED_FILE",
        ],
        (5, 19),
        accept_direct,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/accept/dontwait",
        &["IORING_ACCEPT_DONTWAIT", "IORING_OP_ACCEPT"],
        (6, 10),
        accept_dontwait,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/accept/multishot",
        &[
            "IORING_ACCEPT_MULTISHOT",
            "IORING_CQE_F_MORE",
            "IORING_OP_ACCEPT",
        ],
        (5, 19),
        accept_multishot,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/accept/poll_first",
        &["IORING_ACCEPT_POLL_FIRST", "IORING_OP_ACCEPT"],
        (6, 10),
        accept_poll_first,
    )
    .requires(LOOPBACK),
];
/// The address in `mem`.
fn peer(mem: Mem) -> SocketAddr {
    let address: libc::sockaddr_in = mem.read();
    SocketAddr::from((
        u32::from_be(address.sin_addr.s_addr).to_be_bytes(),
        u16::from_be(address.sin_port),
    ))
}

pub(super) fn listener() -> Result<(TcpListener, SocketAddr), Stop> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

pub(super) fn accept(listener: &impl AsRawFd, address: Option<(Mem, Mem)>) -> Op {
    // SAFETY: address and length are never given back, and the kernel writes no more than the length says.
    unsafe {
        Op::new(IORING_OP_ACCEPT, listener.as_raw_fd(), |sqe| {
            if let Some((address, len)) = address {
                sqe.set_addr(address.addr());
                sqe.set_addr2(len.addr());
            }
        })
    }
}

/// The connection, or socket, that was opened.
pub(super) fn opened(fd: i32) -> TcpStream {
    // SAFETY: the kernel just opened it, and nobody else knows it.
    unsafe { TcpStream::from_raw_fd(fd) }
}

/// `F_GETFD` of a descriptor.
pub(super) fn fd_flags(fd: &impl AsRawFd) -> i32 {
    // SAFETY: F_GETFD touches no memory.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) }
}

/// A connection that waits is accepted with its peer's address, and one that comes later.
fn accept_address(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (listener, local) = listener()?;
    let (name, len) = (Mem::zeroed(16), Mem::value(16u32));
    let mut client = TcpStream::connect(local)?;
    let op = accept(&listener, Some((name, len))).op_flags(libc::SOCK_CLOEXEC as u32);
    let mut server = opened(ring.run(op)?.res);
    ensure_eq!(
        (peer(name), len.read::<u32>()),
        (client.local_addr()?, 16),
        "address of the peer"
    );
    ensure_eq!(fd_flags(&server), libc::FD_CLOEXEC, "descriptor flags");
    client.write_all(b"abc")?;
    let mut got = [0; 3];
    server.read_exact(&mut got)?;
    ensure_eq!(&got, b"abc", "what arrived");

    ring.start(&[accept(&listener, None)])?;
    ensure!(ring.reap().is_none(), "completed without a connection");
    let client = TcpStream::connect(local)?;
    let server = opened(ring.wait()?.res);
    ensure_eq!(
        server.peer_addr()?,
        client.local_addr()?,
        "peer of the second"
    );
    ensure_eq!(fd_flags(&server), 0, "descriptor flags of the second");
    pass()
}

/// Sockets that do not listen, and flags that are none.
fn accept_bad(cx: &mut Context) -> Run {
    let (listener, local) = listener()?;
    let stream = TcpStream::connect(local)?;
    let file = pattern_file(cx, "f", 1)?;
    let op = accept(&listener, None);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            (
                "a socket that does not listen",
                op.on(&stream),
                libc::EINVAL,
            ),
            ("unknown flags", op.op_flags(1 << 30), libc::EINVAL),
            ("unknown ioprio", op.ioprio(1 << 15), libc::EINVAL),
        ],
    )
}

/// The connection becomes a fixed file in a slot that the kernel chooses.
fn accept_direct(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (listener, local) = listener()?;
    register_files(&ring, &[listener.as_raw_fd(), -1])?;
    let op = accept(&listener, None).file_index(IORING_FILE_INDEX_ALLOC);
    let mut client = TcpStream::connect(local)?;
    let res = ring.run(op)?.res;
    ensure_eq!(cx.accepted(res)?, 1, "slot");
    client.write_all(b"abc")?;
    let mem = Mem::zeroed(3);
    let cqe = ring.run(recv(&1, mem, libc::MSG_WAITALL).with(IOSQE_FIXED_FILE))?;
    ensure_eq!(
        (Res(cqe.res), mem.get()),
        (Res(3), b"abc".to_vec()),
        "what arrived"
    );
    let _second = TcpStream::connect(local)?;
    refuses(&mut ring, &[("a full table", op, libc::ENFILE)])
}

/// With the flag nothing waits: no connection is -EAGAIN.
fn accept_dontwait(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (listener, local) = listener()?;
    let op = accept(&listener, None).ioprio(IORING_ACCEPT_DONTWAIT);
    let res = ring.run(op)?.res;
    cx.accepted(if res == -libc::EAGAIN { 0 } else { res })?;
    let client = TcpStream::connect(local)?;
    let server = opened(ring.run(op)?.res);
    ensure_eq!(server.peer_addr()?, client.local_addr()?, "peer");
    pass()
}

/// Each connection posts a completion with F_MORE, until the operation is cancelled.
fn accept_multishot(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (listener, local) = listener()?;
    ring.start(&[accept(&listener, None)
        .ioprio(IORING_ACCEPT_MULTISHOT)
        .tag(1)])?;
    for i in 0..3 {
        let client = TcpStream::connect(local)?;
        let cqe = ring.wait()?;
        let server = opened(cx.accepted(cqe.res)?);
        ensure!(cqe.more(), "F_MORE of connection {i}");
        ensure_eq!(
            server.peer_addr()?,
            client.local_addr()?,
            "peer of connection {i}"
        );
    }
    ring.start(&[cancel(1, 0).tag(2)])?;
    let got: Vec<_> = ring
        .finish(2)?
        .iter()
        .map(|cqe| (cqe.user_data, Res(cqe.res), cqe.more()))
        .collect();
    ensure_eq!(
        got,
        [(1, Res(-libc::ECANCELED), false), (2, Res(0), false)],
        "the end"
    );
    Ok(())
}

/// With the flag the operation waits for a connection before it tries.
fn accept_poll_first(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (listener, local) = listener()?;
    let client = TcpStream::connect(local)?;
    let res = ring
        .run(accept(&listener, None).ioprio(IORING_ACCEPT_POLL_FIRST))?
        .res;
    let server = opened(cx.accepted(res)?);
    ensure_eq!(server.peer_addr()?, client.local_addr()?, "peer");
    pass()
}
