//! Sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::Entry;
use uring_sys::{IORING_CQE_F_MORE, IORING_CQE_F_NOTIF};

use super::{case, fd, give, holds, iovecs, op, run};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::support::files::tcp_pair;
use crate::support::names::Res;
use crate::typed::Typed;
use crate::{ensure, ensure_eq};

/// A case in a network namespace of its own.
const fn inet(
    id: &'static str,
    opcode: &'static [&'static str],
    since: (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    case(id, opcode, since, run).requires(&[Requirement::Loopback])
}

pub(super) static CASES: &[Case] = &[
    inet("uring/raw/accept", &["IORING_OP_ACCEPT"], (5, 5), accept),
    inet("uring/raw/bind", &["IORING_OP_BIND"], (6, 11), bind),
    inet("uring/raw/connect", &["IORING_OP_CONNECT"], (5, 5), connect),
    inet("uring/raw/listen", &["IORING_OP_LISTEN"], (6, 11), listen),
    case("uring/raw/recv", &["IORING_OP_RECV"], (5, 6), recv),
    case("uring/raw/recvmsg", &["IORING_OP_RECVMSG"], (5, 3), recvmsg),
    case("uring/raw/send", &["IORING_OP_SEND"], (5, 6), send),
    inet("uring/raw/send_zc", &["IORING_OP_SEND_ZC"], (6, 0), send_zc),
    case("uring/raw/sendmsg", &["IORING_OP_SENDMSG"], (5, 3), sendmsg),
    inet(
        "uring/raw/sendmsg_zc",
        &["IORING_OP_SENDMSG_ZC"],
        (6, 1),
        sendmsg_zc,
    ),
    case(
        "uring/raw/shutdown",
        &["IORING_OP_SHUTDOWN"],
        (5, 11),
        shutdown,
    ),
    case("uring/raw/socket", &["IORING_OP_SOCKET"], (5, 19), socket),
];

/// The size of an IPv4 address with its port.
const INET: u32 = size_of::<libc::sockaddr_in>() as u32;

/// An IPv4 address on the loopback interface, as the kernel has it.
fn loopback(port: u16) -> Mem {
    // SAFETY: plain numbers: zeroes are a value.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
    Mem::value(address)
}

fn accept(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (address, len) = (loopback(0), Mem::value(INET));
    let entry = Accept::new(fd(&listener), address.as_ptr().cast(), len.as_ptr().cast())
        .flags(libc::SOCK_CLOEXEC)
        .build();
    let accepted = cx.accepted(run(&mut ring, entry)?)?;
    // SAFETY: the kernel just opened it, and nobody else knows it.
    let mut accepted = unsafe { TcpStream::from_raw_fd(accepted) };
    ensure_eq!(len.read::<u32>(), INET, "length of the address");
    let port = address.read::<libc::sockaddr_in>().sin_port;
    ensure_eq!(u16::from_be(port), client.local_addr()?.port(), "port");
    client.write_all(b"abc")?;
    let mut got = [0; 3];
    accepted.read_exact(&mut got)?;
    ensure_eq!(&got, b"abc", "content");
    let none = Accept::new(fd(&client), std::ptr::null_mut(), std::ptr::null_mut()).build();
    give(&mut ring, &[("no listener", none, -libc::EINVAL)])
}

/// A TCP socket without an address.
fn tcp() -> std::io::Result<OwnedFd> {
    // SAFETY: socket(2) takes numbers and returns a new descriptor or -1.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: it is new, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let socket = tcp()?;
    let entry = |len| Bind::new(fd(&socket), loopback(0).as_ptr().cast(), len).build();
    cx.accepted(run(&mut ring, entry(INET))?)?;
    let bound = TcpListener::from(socket.try_clone()?).local_addr()?;
    ensure!(bound.ip().is_loopback() && bound.port() != 0, "{bound}");
    give(
        &mut ring,
        &[
            ("again", entry(INET), -libc::EINVAL),
            ("too short", entry(3), -libc::EINVAL),
        ],
    )
}

fn listen(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let socket = tcp()?;
    let entry = |of| Listen::new(of, 8).build();
    cx.accepted(run(&mut ring, entry(fd(&socket)))?)?;
    let listener = TcpListener::from(socket);
    // A socket that listens without an address has got one.
    let to = SocketAddr::from(([127, 0, 0, 1], listener.local_addr()?.port()));
    TcpStream::connect(to)?;
    let file = std::fs::File::open(".")?;
    give(
        &mut ring,
        &[("no socket", entry(fd(&file)), -libc::ENOTSOCK)],
    )
}

fn connect(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    let entry = |socket: &OwnedFd, port| {
        Connect::new(fd(socket), loopback(port).as_ptr().cast(), INET).build()
    };
    let socket = tcp()?;
    cx.accepted(run(&mut ring, entry(&socket, port))?)?;
    let peer = listener.accept()?.1;
    ensure_eq!(peer, TcpStream::from(socket).local_addr()?, "address");
    drop(listener);
    give(
        &mut ring,
        &[("nobody listens", entry(&tcp()?, port), -libc::ECONNREFUSED)],
    )
}

fn recv(_: &mut Context) -> Run {
    let (mut ring, (mut from, to)) = (Typed::new()?, UnixStream::pair()?);
    from.write_all(b"abcde")?;
    let mem = Mem::zeroed(8);
    let entry = |flags| Recv::new(fd(&to), mem.as_ptr(), 8).flags(flags).build();
    give(
        &mut ring,
        &[
            ("a look", entry(libc::MSG_PEEK), 5),
            ("all", entry(0), 5),
            ("no more", entry(libc::MSG_DONTWAIT), -libc::EAGAIN),
        ],
    )?;
    holds(mem, b"abcde\0\0\0")
}

fn send(_: &mut Context) -> Run {
    let (mut ring, (from, mut to)) = (Typed::new()?, UnixStream::pair()?);
    let mem = Mem::of(b"abcde");
    let entry = || {
        Send::new(fd(&from), mem.as_ptr(), 5)
            .flags(libc::MSG_NOSIGNAL)
            .build()
    };
    give(&mut ring, &[("5 bytes", entry(), 5)])?;
    let mut got = [0; 5];
    to.read_exact(&mut got)?;
    ensure_eq!(&got, b"abcde", "content");
    drop(to);
    give(&mut ring, &[("nobody reads", entry(), -libc::EPIPE)])
}

/// A message of parts, as long as the process.
fn message(parts: &[Mem]) -> *mut libc::msghdr {
    // SAFETY: numbers and pointers: zeroes are a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iovecs(parts).cast_mut();
    message.msg_iovlen = parts.len() as _;
    Box::into_raw(Box::new(message))
}

fn recvmsg(_: &mut Context) -> Run {
    let (mut ring, (mut from, to)) = (Typed::new()?, UnixStream::pair()?);
    from.write_all(b"abcde")?;
    let mem = Mem::zeroed(6);
    let message = message(&[mem.part(0, 2), mem.part(2, 4)]);
    let entry = |flags: i32| RecvMsg::new(fd(&to), message).flags(flags as u32).build();
    give(
        &mut ring,
        &[
            ("two parts", entry(0), 5),
            ("no more", entry(libc::MSG_DONTWAIT), -libc::EAGAIN),
        ],
    )?;
    holds(mem, b"abcde\0")
}

fn sendmsg(_: &mut Context) -> Run {
    let (mut ring, (from, mut to)) = (Typed::new()?, UnixStream::pair()?);
    let message = message(&[Mem::of(b"ab"), Mem::of(b"cde")]);
    let flags = libc::MSG_NOSIGNAL as u32;
    let entry = || SendMsg::new(fd(&from), message).flags(flags).build();
    give(&mut ring, &[("two parts", entry(), 5)])?;
    let mut got = [0; 5];
    to.read_exact(&mut got)?;
    ensure_eq!(&got, b"abcde", "content");
    drop(to);
    give(&mut ring, &[("nobody reads", entry(), -libc::EPIPE)])
}

/// Sends 5 bytes of `abcde` without a copy, and takes both completions; then to a socket that cannot.
fn zero_copy(cx: &Context, entry: impl Fn(safe::uring::raw::types::Fd) -> Entry) -> Run {
    let (mut ring, (from, mut to)) = (Typed::new()?, tcp_pair()?);
    ring.start(&[op(entry(fd(&from)))])?;
    let first = ring.wait()?;
    cx.accepted(first.res)?;
    ensure_eq!((first.res, first.flags), (5, IORING_CQE_F_MORE), "the send");
    let mut got = [0; 5];
    to.read_exact(&mut got)?;
    ensure_eq!(&got, b"abcde", "content");
    let last = ring.wait()?;
    ensure_eq!(
        (last.res, last.flags),
        (0, IORING_CQE_F_NOTIF),
        "the notification"
    );
    let datagrams = UdpSocket::bind(("127.0.0.1", 0))?;
    ring.start(&[op(entry(fd(&datagrams)))])?;
    let refused = ring.finish(1)?;
    ensure_eq!(
        Res(refused[0].res),
        Res(-libc::EDESTADDRREQ),
        "without an address"
    );
    pass()
}

fn send_zc(cx: &mut Context) -> Run {
    let mem = Mem::of(b"abcde");
    zero_copy(cx, |to| SendZc::new(to, mem.as_ptr(), 5).build())
}

fn sendmsg_zc(cx: &mut Context) -> Run {
    let message = message(&[Mem::of(b"ab"), Mem::of(b"cde")]);
    zero_copy(cx, |to| SendMsgZc::new(to, message).build())
}

fn shutdown(cx: &mut Context) -> Run {
    let (mut ring, (from, mut to)) = (Typed::new()?, UnixStream::pair()?);
    let entry = |how| Shutdown::new(fd(&from), how).build();
    cx.accepted(run(&mut ring, entry(libc::SHUT_WR))?)?;
    let mut got = Vec::new();
    to.read_to_end(&mut got)?;
    ensure!(got.is_empty(), "{got:?}");
    give(&mut ring, &[("no such way", entry(9), -libc::EINVAL)])
}

fn socket(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let entry = |family| Socket::new(family, libc::SOCK_DGRAM, 0).build();
    let new = cx.accepted(run(&mut ring, entry(libc::AF_UNIX))?)?;
    // SAFETY: the kernel just opened it, and nobody else knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(new) };
    let (mut kind, mut len): (libc::c_int, libc::socklen_t) = (0, 4);
    // SAFETY: the option is an int, which `kind` is, and `len` says so.
    let got = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &mut len,
        )
    };
    ensure_eq!((got, kind), (0, libc::SOCK_DGRAM), "type");
    give(
        &mut ring,
        &[("no such family", entry(9999), -libc::EAFNOSUPPORT)],
    )
}
