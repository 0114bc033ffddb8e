//! Sockets, messages to rings, and commands.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use safe::uring::op::{self, SocketType};
use safe::uring::{Family, Ring};

use super::{accepted, case, refused, ring, run};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::support::files::{pattern_file, tcp_pair};
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
    inet("uring/ring/accept", &["IORING_OP_ACCEPT"], (5, 5), accept),
    inet("uring/ring/bind", &["IORING_OP_BIND"], (6, 11), bind),
    inet(
        "uring/ring/connect",
        &["IORING_OP_CONNECT"],
        (5, 5),
        connect,
    ),
    inet("uring/ring/listen", &["IORING_OP_LISTEN"], (6, 11), listen),
    case(
        "uring/ring/msg_ring",
        &["IORING_OP_MSG_RING"],
        (5, 18),
        msg_ring,
    ),
    case("uring/ring/recv", &["IORING_OP_RECV"], (5, 6), recv),
    case(
        "uring/ring/recvmsg",
        &["IORING_OP_RECVMSG"],
        (5, 3),
        recvmsg,
    ),
    case("uring/ring/send", &["IORING_OP_SEND"], (5, 6), send),
    inet(
        "uring/ring/send_zc",
        &["IORING_OP_SEND_ZC"],
        (6, 0),
        send_zc,
    ),
    case(
        "uring/ring/sendmsg",
        &["IORING_OP_SENDMSG"],
        (5, 3),
        sendmsg,
    ),
    inet(
        "uring/ring/sendmsg_zc",
        &["IORING_OP_SENDMSG_ZC"],
        (6, 1),
        sendmsg_zc,
    ),
    case(
        "uring/ring/shutdown",
        &["IORING_OP_SHUTDOWN"],
        (5, 11),
        shutdown,
    ),
    case("uring/ring/socket", &["IORING_OP_SOCKET"], (5, 19), socket),
    Case::new(
        "uring/ring/uring_cmd",
        &["IORING_OP_URING_CMD"],
        kernel(6, 7),
        uring_cmd,
    )
    .refused_by(&[libc::EINVAL, libc::EOPNOTSUPP])
    .requires(&[Requirement::Loopback]),
];

const ANY: (&str, u16) = ("127.0.0.1", 0);

fn accept(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let listener = TcpListener::bind(ANY)?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let done = run(&mut ring, op::Accept::new(listener))?;
    let (accepted, peer) = accepted(cx, done.result)?;
    ensure_eq!(peer.ip(), Some(client.local_addr()?), "address");
    client.write_all(b"abc")?;
    let mut got = [0; 3];
    TcpStream::from(accepted).read_exact(&mut got)?;
    ensure_eq!(&got, b"abc", "content");
    let bad = run(&mut ring, op::Accept::new(client))?;
    refused("no listener", bad.result, libc::EINVAL)
}

/// A TCP socket, which kernels before 5.19 have no operation for.
fn tcp(cx: &Context, ring: &mut Ring) -> Result<std::os::fd::OwnedFd, crate::case::Stop> {
    let socket = run(ring, op::Socket::new(Family::INET, SocketType::STREAM))?;
    accepted(cx, socket)
}

fn bind(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let socket = tcp(cx, &mut ring)?;
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let done = run(&mut ring, op::Bind::new(socket, to))?;
    accepted(cx, done.result)?;
    let again = run(&mut ring, op::Bind::new(done.file, to))?;
    let bound = TcpListener::from(again.file).local_addr()?;
    ensure!(bound.ip().is_loopback() && bound.port() != 0, "{bound}");
    refused("again", again.result, libc::EINVAL)
}

fn listen(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let socket = tcp(cx, &mut ring)?;
    let done = run(&mut ring, op::Listen::new(socket, 8))?;
    accepted(cx, done.result)?;
    let port = TcpListener::from(done.file.try_clone()?)
        .local_addr()?
        .port();
    TcpStream::connect(("127.0.0.1", port))?;
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::Listen::new(file, 8))?;
    refused("no socket", bad.result, libc::ENOTSOCK)
}

/// The socket is one that the C library made, for kernels that have no operation for that.
fn connect(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let listener = UdpSocket::bind(ANY)?;
    let to = listener.local_addr()?;
    let done = run(&mut ring, op::Connect::new(UdpSocket::bind(ANY)?, to))?;
    accepted(cx, done.result)?;
    ensure_eq!(done.file.peer_addr()?, to, "address");
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::Connect::new(file, to))?;
    refused("no socket", bad.result, libc::ENOTSOCK)
}

fn socket(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let new = accepted(
        cx,
        run(&mut ring, op::Socket::new(Family::UNIX, SocketType::STREAM))?,
    )?;
    ensure!(
        UnixStream::from(new).local_addr()?.is_unnamed(),
        "it has a name"
    );
    let odd = op::Socket::new(Family::INET, SocketType(99));
    refused("no such type", run(&mut ring, odd)?, libc::EINVAL)
}

fn shutdown(cx: &mut Context) -> Run {
    let (mut ring, (from, mut to)) = (ring()?, UnixStream::pair()?);
    accepted(
        cx,
        run(&mut ring, op::Shutdown::new(from, Shutdown::Write))?.result,
    )?;
    let mut got = Vec::new();
    to.read_to_end(&mut got)?;
    ensure!(got.is_empty(), "{got:?}");
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::Shutdown::new(file, Shutdown::Both))?;
    refused("no socket", bad.result, libc::ENOTSOCK)
}

fn recv(cx: &mut Context) -> Run {
    let (mut ring, (mut from, to)) = (ring()?, UnixStream::pair()?);
    from.write_all(b"abcde")?;
    let done = run(&mut ring, op::Recv::new(to, Vec::with_capacity(9)))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "result");
    ensure_eq!(done.buf, b"abcde", "content");
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::Recv::new(file, vec![0; 9]))?;
    refused("no socket", bad.result, libc::ENOTSOCK)
}

fn recvmsg(cx: &mut Context) -> Run {
    let (mut ring, (mut from, to)) = (ring()?, UnixStream::pair()?);
    from.write_all(b"abcde")?;
    let parts = || [vec![0; 2], vec![0; 4]];
    let done = run(&mut ring, op::RecvMsg::new(to, parts()))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "result");
    ensure!(done.bufs.concat().starts_with(b"abcde"), "content");
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::RecvMsg::new(file, parts()))?;
    refused("no socket", bad.result, libc::ENOTSOCK)
}

/// What comes out of the other end.
#[track_caller]
fn arrives(mut to: impl std::io::Read) -> Run {
    let mut got = [0; 5];
    to.read_exact(&mut got)?;
    ensure_eq!(&got, b"abcde", "content");
    pass()
}

fn send(cx: &mut Context) -> Run {
    let (mut ring, (from, to)) = (ring()?, UnixStream::pair()?);
    let done = run(&mut ring, op::Send::new(from, "abcde"))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "result");
    arrives(to)?;
    let bad = run(&mut ring, op::Send::new(done.file, "abcde"))?;
    refused("nobody reads", bad.result, libc::EPIPE)
}

fn sendmsg(cx: &mut Context) -> Run {
    let (mut ring, (from, to)) = (ring()?, UnixStream::pair()?);
    let done = run(&mut ring, op::SendMsg::new(from, ["ab", "cde"]))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "result");
    arrives(to)?;
    let bad = run(&mut ring, op::SendMsg::new(done.file, ["ab", "cde"]))?;
    refused("nobody reads", bad.result, libc::EPIPE)
}

fn send_zc(cx: &mut Context) -> Run {
    let (mut ring, (from, to)) = (ring()?, tcp_pair()?);
    let done = run(&mut ring, op::SendZc::new(from, "abcde"))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "result");
    arrives(to)?;
    let bad = run(&mut ring, op::SendZc::new(UdpSocket::bind(ANY)?, "abcde"))?;
    refused("without an address", bad.result, libc::EDESTADDRREQ)
}

fn sendmsg_zc(cx: &mut Context) -> Run {
    let (mut ring, (from, to)) = (ring()?, tcp_pair()?);
    let done = run(&mut ring, op::SendMsgZc::new(from, ["ab", "cde"]))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "result");
    arrives(to)?;
    let bad = run(
        &mut ring,
        op::SendMsgZc::new(UdpSocket::bind(ANY)?, ["ab", "cde"]),
    )?;
    refused("without an address", bad.result, libc::EDESTADDRREQ)
}

fn msg_ring(cx: &mut Context) -> Run {
    let (mut ring, mut other) = (ring()?, ring()?);
    let mailbox = other.mailbox()?;
    let done = run(&mut ring, op::RingMessage::new(mailbox, 1 << 40 | 17))?;
    accepted(cx, done.result)?;
    ensure_eq!(other.next_message()?, 1 << 40 | 17, "message");
    // No other ring can be meant: a mailbox is of one. But a file can be passed to one that has no place for it.
    ring.register_files(1, 0)?;
    let file = ring.register_file(pattern_file(cx, "f", 1)?)?;
    let bad = run(&mut ring, op::PassFile::new(other.mailbox()?, file))?;
    refused("no table of files", bad.result, libc::ENFILE)
}

fn uring_cmd(cx: &mut Context) -> Run {
    let (mut ring, (mut from, to)) = (ring()?, tcp_pair()?);
    from.write_all(b"hello")?;
    to.peek(&mut [0])?;
    let done = run(&mut ring, op::BytesToReceive::new(to))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "bytes");
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::BytesToReceive::new(file))?;
    refused("no socket", bad.result, libc::EOPNOTSUPP)
}
