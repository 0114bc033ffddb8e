//! Connections: SOCKET, BIND, LISTEN, CONNECT, SHUTDOWN.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use uring_sys::*;

use super::accept::{accept, fd_flags, listener, opened};
use super::{case, refuses, register_files, results, ring};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{recv, send};
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const LOOPBACK: &[Requirement] = &[Requirement::Loopback];

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/bind/address",
        &["IORING_OP_BIND"],
        (6, 11),
        bind_address,
    )
    .requires(LOOPBACK),
    case("uring/op/bind/bad", &["IORING_OP_BIND"], (6, 11), bind_bad).requires(LOOPBACK),
    Case::new(
        "uring/op/connect/bad",
        &["IORING_OP_CONNECT"],
        kernel(5, 5),
        connect_bad,
    )
    .requires(LOOPBACK),
    Case::new(
        "uring/op/connect/stream",
        &["IORING_OP_CONNECT"],
        kernel(5, 5),
        connect_stream,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/listen/bad",
        &["IORING_OP_LISTEN"],
        (6, 11),
        listen_bad,
    ),
    case(
        "uring/op/listen/server",
        &[
            "IORING_OP_LISTEN",
            "IORING_OP_SOCKET",
            "IORING_OP_BIND",
            "IORING_OP_ACCEPT",
            "IORING_OP_CONNECT",
            "IORING_OP_SEND",
            "IORING_OP_RECV",
        ],
        (6, 11),
        server,
    )
    .requires(LOOPBACK),
    case(
        "uring/op/shutdown/bad",
        &["IORING_OP_SHUTDOWN"],
        (5, 11),
        shutdown_bad,
    ),
    case(
        "uring/op/shutdown/write",
        &["IORING_OP_SHUTDOWN"],
        (5, 11),
        shutdown_write,
    ),
    case(
        "uring/op/socket/bad",
        &["IORING_OP_SOCKET"],
        (5, 19),
        socket_bad,
    ),
    case(
        "uring/op/socket/direct",
        &["IORING_OP_SOCKET", "IORING_FILE_INDEX_ALLOC"],
        (5, 19),
        socket_direct,
    ),
    case(
        "uring/op/socket/kinds",
        &["IORING_OP_SOCKET"],
        (5, 19),
        socket_kinds,
    ),
];
/// A port of the loopback interface, as the kernel has it.
fn address(port: u16) -> Mem {
    Mem::value(libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be(),
        },
        sin_zero: [0; 8],
    })
}

/// CONNECT or BIND to an address, of which `len` bytes are told.
fn to(opcode: u8, socket: &impl AsRawFd, address: Mem, len: u32) -> Op {
    assert!(matches!(opcode, IORING_OP_CONNECT | IORING_OP_BIND));
    // SAFETY: the address is never given back, and what follows it may be read. The length is a number.
    unsafe {
        Op::new(opcode, socket.as_raw_fd(), |sqe| {
            sqe.set_addr(address.addr());
            sqe.set_off(u64::from(len));
        })
    }
}

fn connect(socket: &impl AsRawFd, port: u16) -> Op {
    to(IORING_OP_CONNECT, socket, address(port), 16)
}

fn listen(socket: &impl AsRawFd, backlog: u32) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_LISTEN, socket.as_raw_fd(), |sqe| {
            sqe.len = backlog
        })
    }
}

fn shutdown(socket: &impl AsRawFd, how: i32) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_SHUTDOWN, socket.as_raw_fd(), |sqe| {
            sqe.len = how as u32
        })
    }
}

fn socket(domain: i32, kind: i32, protocol: i32) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_SOCKET, domain, |sqe| {
            sqe.set_off(kind as u64);
            sqe.len = protocol as u32;
        })
    }
}

/// A TCP socket of the system's.
fn tcp_socket() -> Result<TcpStream, Stop> {
    // SAFETY: socket(2) takes numbers.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(opened(fd))
}

/// The socket has the address afterwards.
fn bind_address(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let socket = tcp_socket()?;
    let res = ring.run(to(IORING_OP_BIND, &socket, address(0), 16))?.res;
    cx.accepted(res)?;
    let local = socket.local_addr()?;
    ensure!(
        local.ip() == Ipv4Addr::LOCALHOST && local.port() != 0,
        "address {local}"
    );
    let other = tcp_socket()?;
    let taken = to(IORING_OP_BIND, &other, address(local.port()), 16);
    refuses(
        &mut ring,
        &[
            (
                "a second address",
                to(IORING_OP_BIND, &socket, address(0), 16),
                libc::EINVAL,
            ),
            ("an address that is taken", taken, libc::EADDRINUSE),
        ],
    )
}

/// Addresses and files that are wrong.
fn bind_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (first, socket) = (tcp_socket()?, tcp_socket()?);
    let file = pattern_file(cx, "f", 1)?;
    let op = to(IORING_OP_BIND, &socket, address(0), 16);
    cx.accepted(ring.run(op.on(&first))?.res)?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            ("no address", op.nowhere(), libc::EFAULT),
            (
                "half an address",
                to(IORING_OP_BIND, &socket, address(0), 8),
                libc::EINVAL,
            ),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// Addresses and files that are wrong, and a port on which nobody listens.
fn connect_bad(cx: &mut Context) -> Run {
    let socket = tcp_socket()?;
    let file = pattern_file(cx, "f", 1)?;
    let (listener, local) = listener()?;
    let connected = TcpStream::connect(local)?;
    let op = connect(&socket, local.port());
    let mut ring = ring()?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            ("no address", op.nowhere(), libc::EFAULT),
            (
                "half an address",
                to(IORING_OP_CONNECT, &socket, address(1), 8),
                libc::EINVAL,
            ),
            ("a connection already", op.on(&connected), libc::EISCONN),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )?;
    drop(listener);
    refuses(
        &mut ring,
        &[("a port that nobody listens on", op, libc::ECONNREFUSED)],
    )
}

/// The connection is there, both ways.
fn connect_stream(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (listener, local) = listener()?;
    let mut client = tcp_socket()?;
    ensure_eq!(
        Res(ring.run(connect(&client, local.port()))?.res),
        Res(0),
        "result"
    );
    let (mut server, from) = listener.accept()?;
    ensure_eq!(from, client.local_addr()?, "address of the client");
    client.write_all(b"abc")?;
    server.write_all(b"defg")?;
    let (mut there, mut back) = ([0; 3], [0; 4]);
    server.read_exact(&mut there)?;
    client.read_exact(&mut back)?;
    ensure_eq!((&there, &back), (b"abc", b"defg"), "what arrived");
    pass()
}

/// Files that are wrong.
fn listen_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let socket = tcp_socket()?;
    let (pair, _other) = UnixStream::pair()?;
    let file = pattern_file(cx, "f", 1)?;
    let op = listen(&socket, 5);
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            ("a connection", op.on(&pair), libc::EINVAL),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// A server and its client, from socket to data, with no system call but the ring's.
fn server(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let tcp = socket(libc::AF_INET, libc::SOCK_STREAM, 0);
    let fds = results(&mut ring, &[tcp, tcp])?;
    cx.accepted(fds[0].0)?;
    let (server, client) = (opened(fds[0].0), opened(fds[1].0));
    let chain = [
        to(IORING_OP_BIND, &server, address(0), 16).with(IOSQE_IO_LINK),
        listen(&server, 5),
    ];
    let got = results(&mut ring, &chain)?;
    for res in &got {
        cx.accepted(res.0)?;
    }
    let port = server.local_addr()?.port();
    let got = results(&mut ring, &[accept(&server, None), connect(&client, port)])?;
    ensure_eq!(got[1], Res(0), "connect");
    let accepted = opened(got[0].0);
    let mem = Mem::zeroed(5);
    let got = results(
        &mut ring,
        &[
            recv(&accepted, mem, libc::MSG_WAITALL),
            send(&client, Mem::of(b"hello"), 0),
        ],
    )?;
    ensure_eq!(got, [Res(5), Res(5)], "data");
    ensure_eq!(mem.get(), b"hello", "content");
    pass()
}

/// Directions and files that are wrong.
fn shutdown_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, _b) = UnixStream::pair()?;
    let file = pattern_file(cx, "f", 1)?;
    let op = shutdown(&a, libc::SHUT_RD);
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            (
                "a socket without a peer",
                op.on(&tcp_socket()?),
                libc::ENOTCONN,
            ),
            ("direction 3", shutdown(&a, 3), libc::EINVAL),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// The peer sees the end, and the other direction works on.
fn shutdown_write(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (mut a, mut b) = UnixStream::pair()?;
    a.write_all(b"abc")?;
    let res = ring.run(shutdown(&a, libc::SHUT_WR))?.res;
    cx.accepted(res)?;
    let mut got = Vec::new();
    b.read_to_end(&mut got)?;
    ensure_eq!(got, b"abc", "what the peer saw");
    b.write_all(b"de")?;
    let mut got = [0; 2];
    a.read_exact(&mut got)?;
    ensure_eq!(&got, b"de", "the other direction");
    refuses(
        &mut ring,
        &[(
            "send",
            send(&a, Mem::of(b"x"), libc::MSG_NOSIGNAL),
            libc::EPIPE,
        )],
    )
}

/// Families, kinds and flags that are none.
fn socket_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
    drop(opened(cx.accepted(ring.run(op)?.res)?));
    refuses(
        &mut ring,
        &[
            (
                "family 250",
                socket(250, libc::SOCK_STREAM, 0),
                libc::EAFNOSUPPORT,
            ),
            ("kind 15", socket(libc::AF_UNIX, 15, 0), libc::EINVAL),
            (
                "protocol 99",
                socket(libc::AF_UNIX, libc::SOCK_STREAM, 99),
                libc::EPROTONOSUPPORT,
            ),
            (
                "unknown flags of the kind",
                socket(libc::AF_UNIX, libc::SOCK_STREAM | 1 << 26, 0),
                libc::EINVAL,
            ),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// The socket becomes a fixed file, in a slot of ours or of the kernel's choice.
fn socket_direct(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    register_files(&ring, &[-1, -1])?;
    let op = socket(libc::AF_UNIX, libc::SOCK_STREAM, 0);
    let res = ring.run(op.file_index(2))?.res;
    ensure_eq!(cx.accepted(res)?, 0, "result of a slot of ours");
    ensure_eq!(
        Res(ring.run(op.file_index(IORING_FILE_INDEX_ALLOC))?.res),
        Res(0),
        "slot that is left"
    );
    let receive = recv(&0, Mem::zeroed(1), 0).with(IOSQE_FIXED_FILE);
    refuses(
        &mut ring,
        &[
            (
                "a full table",
                op.file_index(IORING_FILE_INDEX_ALLOC),
                libc::ENFILE,
            ),
            ("slot 3 of 2", op.file_index(4), libc::EINVAL),
            ("receiving from it", receive, libc::EINVAL),
            (
                "with SOCK_CLOEXEC",
                socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0).file_index(1),
                libc::EINVAL,
            ),
        ],
    )
}

/// The socket is what was asked for.
fn socket_kinds(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    for (domain, kind) in [
        (libc::AF_UNIX, libc::SOCK_STREAM),
        (libc::AF_UNIX, libc::SOCK_DGRAM),
        (libc::AF_UNIX, libc::SOCK_SEQPACKET),
    ] {
        for flags in [0, libc::SOCK_CLOEXEC] {
            let res = ring.run(socket(domain, kind | flags, 0))?.res;
            let socket = opened(cx.accepted(res)?);
            ensure_eq!(fd_flags(&socket) != 0, flags != 0, "closed on exec");
            for (option, expected) in [(libc::SO_DOMAIN, domain), (libc::SO_TYPE, kind)] {
                let (mut got, mut len) = (0i32, 4 as libc::socklen_t);
                // SAFETY: the value has the size of `len`.
                let res = unsafe {
                    libc::getsockopt(
                        socket.as_raw_fd(),
                        libc::SOL_SOCKET,
                        option,
                        (&raw mut got).cast(),
                        &mut len,
                    )
                };
                ensure_eq!((res, got), (0, expected), "option {option}");
            }
        }
    }
    pass()
}
