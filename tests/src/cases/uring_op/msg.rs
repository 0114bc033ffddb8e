//! SENDMSG and RECVMSG.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;

use uring_sys::*;

use super::buffers::provide;
use super::{case, refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::cancel;
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/recvmsg/address",
        &["IORING_OP_RECVMSG", "IORING_OP_SENDMSG"],
        kernel(5, 3),
        address,
    )
    .requires(&[Requirement::Loopback]),
    Case::new(
        "uring/op/recvmsg/bad",
        &["IORING_OP_RECVMSG"],
        kernel(5, 3),
        recvmsg_bad,
    ),
    case(
        "uring/op/recvmsg/multishot",
        &[
            "IORING_RECV_MULTISHOT",
            "IORING_OP_RECVMSG",
            "io_uring_recvmsg_out",
            "IOSQE_BUFFER_SELECT",
            "IORING_CQE_F_BUFFER",
            "IORING_CQE_F_MORE",
        ],
        (6, 0),
        multishot,
    )
    .requires(&[Requirement::Loopback]),
    Case::new(
        "uring/op/recvmsg/parts",
        &["IORING_OP_RECVMSG"],
        kernel(5, 3),
        recvmsg_parts,
    ),
    Case::new(
        "uring/op/sendmsg/bad",
        &["IORING_OP_SENDMSG"],
        kernel(5, 3),
        sendmsg_bad,
    ),
    Case::new(
        "uring/op/sendmsg/control",
        &["IORING_OP_SENDMSG", "IORING_OP_RECVMSG"],
        kernel(5, 3),
        control,
    ),
    Case::new(
        "uring/op/sendmsg/parts",
        &["IORING_OP_SENDMSG"],
        kernel(5, 3),
        sendmsg_parts,
    ),
];

const WORD: usize = size_of::<usize>();

/// What a `struct msghdr` names; the kernel's layout is a word for each field.
#[derive(Clone, Copy)]
struct Header {
    mem: Mem,
}

impl Header {
    fn new(name: Option<Mem>, parts: &[Mem], control: Option<Mem>) -> Header {
        let mem = Mem::zeroed(7 * WORD);
        let set = |word: usize, value: u64| mem.set(word * WORD, &(value as usize).to_ne_bytes());
        if let Some(name) = name {
            set(0, name.addr());
            mem.set(WORD, &name.len().to_ne_bytes());
        }
        set(2, Mem::iovecs(parts).addr());
        set(3, parts.len() as u64);
        if let Some(control) = control {
            set(4, control.addr());
            set(5, u64::from(control.len()));
        }
        Header { mem }
    }

    /// The length of the name that the kernel wrote.
    fn name_len(self) -> u32 {
        self.mem.part(WORD, 4).read()
    }

    /// The length of the control data that the kernel wrote.
    fn control_len(self) -> usize {
        self.mem.part(5 * WORD, WORD).read()
    }

    /// The `MSG_*` flags that the kernel wrote.
    fn flags(self) -> i32 {
        self.mem.part(6 * WORD, 4).read()
    }
}

/// Sends or receives, by the opcode.
pub(super) fn message(opcode: u8, socket: &impl AsRawFd, header: Mem, flags: i32) -> Op {
    assert!(matches!(
        opcode,
        IORING_OP_SENDMSG | IORING_OP_RECVMSG | IORING_OP_SENDMSG_ZC
    ));
    // SAFETY: the header was made by `Header::new` of memory that is never given back, and so is it itself.
    unsafe {
        Op::new(opcode, socket.as_raw_fd(), |sqe| {
            sqe.set_addr(header.addr());
            sqe.len = 1;
            sqe.set_msg_flags(flags as u32);
        })
    }
}

/// A header that names `parts` alone.
pub(super) fn plain(parts: &[Mem]) -> Mem {
    Header::new(None, parts, None).mem
}

fn sendmsg(socket: &impl AsRawFd, header: Header) -> Op {
    message(IORING_OP_SENDMSG, socket, header.mem, libc::MSG_NOSIGNAL)
}

fn recvmsg(socket: &impl AsRawFd, header: Header) -> Op {
    message(IORING_OP_RECVMSG, socket, header.mem, 0)
}

/// A datagram goes to the address in its header, and comes with its sender's; what does not fit is cut off.
fn address(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, b) = (
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
    );
    let socket_address = |socket: &UdpSocket| -> std::io::Result<Mem> {
        Ok(Mem::value(libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: socket.local_addr()?.port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from(Ipv4Addr::LOCALHOST).to_be(),
            },
            sin_zero: [0; 8],
        }))
    };
    for room in [100, 5] {
        let to = Header::new(
            Some(socket_address(&b)?),
            &[Mem::of(b"data"), Mem::of(b"gram")],
            None,
        );
        ensure_eq!(Res(ring.run(sendmsg(&a, to))?.res), Res(8), "sent");
        let (name, mem) = (Mem::zeroed(16), Mem::zeroed(room));
        let from = Header::new(Some(name), &[mem], None);
        let received = room.min(8);
        ensure_eq!(
            Res(ring.run(recvmsg(&b, from))?.res),
            Res(received as i32),
            "received"
        );
        ensure!(mem.get()[..received] == b"datagram"[..received], "content");
        ensure!(
            name.get() == socket_address(&a)?.get(),
            "address of the sender"
        );
        ensure_eq!(from.name_len(), 16, "length of the address");
        ensure_eq!(
            from.flags() & libc::MSG_TRUNC != 0,
            room < 8,
            "MSG_TRUNC with room for {room}"
        );
    }
    pass()
}

/// Files that are no sockets, headers and memory that are not there.
fn bad(cx: &Context, opcode: u8) -> Run {
    let (a, mut b) = UnixStream::pair()?;
    b.write_all(b"abc")?;
    let file = pattern_file(cx, "f", 1)?;
    let header = Header::new(None, &[Mem::of(b"abc")], None).mem;
    let op = message(opcode, &a, header, libc::MSG_NOSIGNAL);
    let no_parts = Header::new(None, &[Mem::of(b"abc")], None).mem;
    no_parts.set(2 * WORD, &16usize.to_ne_bytes());
    let many = Header::new(None, &[Mem::of(b"x"); 1025], None).mem;
    // sendmsg(2) and recvmsg(2) say EMSGSIZE, and so did 5.10; 6.1 to 6.12 did not, 6.16 and younger do again.
    let other = Version::new(6, 0, 0)..Version::new(6, 16, 0);
    let too_many = if other.contains(&cx.kernel()) {
        libc::EINVAL
    } else {
        libc::EMSGSIZE
    };
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::ENOTSOCK),
            ("no header", op.nowhere(), libc::EFAULT),
            (
                "no array of parts",
                message(opcode, &a, no_parts, 0),
                libc::EFAULT,
            ),
            ("1025 parts", message(opcode, &a, many, 0), too_many),
            ("unknown ioprio", op.ioprio(1 << 15), libc::EINVAL),
        ],
    )
}

fn recvmsg_bad(cx: &mut Context) -> Run {
    bad(cx, IORING_OP_RECVMSG)
}

fn sendmsg_bad(cx: &mut Context) -> Run {
    bad(cx, IORING_OP_SENDMSG)
}

/// Each datagram takes a buffer: a header that tells the lengths, the address, the data.
fn multishot(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, b) = (
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
    );
    a.connect(b.local_addr()?)?;
    let pool = Mem::zeroed(4 * 128);
    ensure_eq!(
        Res(ring.run(provide(pool, 128, 3, 10))?.res.min(0)),
        Res(0),
        "buffers provided"
    );
    let layout = Header::new(None, &[], None);
    layout.mem.set(WORD, &16u32.to_ne_bytes());
    let op = recvmsg(&b, layout)
        .with(IOSQE_BUFFER_SELECT)
        .buf(3)
        .ioprio(IORING_RECV_MULTISHOT);
    ring.start(&[op.tag(1)])?;
    for (i, text) in [&b"first"[..], b"the second"].into_iter().enumerate() {
        a.send(text)?;
        let cqe = ring.wait()?;
        let len = cx.accepted(cqe.res)? as usize;
        ensure!(
            cqe.more() && cqe.flags & IORING_CQE_F_BUFFER != 0,
            "flags {:#x} of datagram {i}",
            cqe.flags
        );
        let bid = (cqe.flags >> IORING_CQE_BUFFER_SHIFT) as usize - 10;
        let buffer = pool.part(bid * 128, 128);
        let out: io_uring_recvmsg_out = buffer.read();
        let header = size_of::<io_uring_recvmsg_out>();
        ensure_eq!(len, header + 16 + text.len(), "result of datagram {i}");
        ensure_eq!(
            (out.namelen, out.controllen, out.payloadlen, out.flags),
            (16, 0, text.len() as u32, 0),
            "header of datagram {i}"
        );
        let name: libc::sockaddr_in = buffer.part(header, 16).read();
        ensure_eq!(
            u16::from_be(name.sin_port),
            a.local_addr()?.port(),
            "sender of datagram {i}"
        );
        ensure!(
            &buffer.get()[header + 16..][..text.len()] == text,
            "content of datagram {i}"
        );
    }
    ring.start(&[cancel(1, 0).tag(2)])?;
    let got: Vec<_> = ring
        .finish(2)?
        .iter()
        .map(|cqe| (cqe.user_data, Res(cqe.res)))
        .collect();
    ensure_eq!(got, [(1, Res(-libc::ECANCELED)), (2, Res(0))], "the end");
    pass()
}

/// The parts are filled in order.
fn recvmsg_parts(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    b.write_all(&pattern(0..300))?;
    let mem = Mem::zeroed(300);
    let header = Header::new(
        None,
        &[mem.part(0, 100), mem.part(100, 0), mem.part(100, 150)],
        None,
    );
    ensure_eq!(Res(ring.run(recvmsg(&a, header))?.res), Res(250), "result");
    ensure!(
        mem.get() == [pattern(0..250), vec![0; 50]].concat(),
        "content"
    );
    ensure_eq!(Res(ring.run(recvmsg(&a, header))?.res), Res(50), "the rest");
    drop(b);
    ensure_eq!(Res(ring.run(recvmsg(&a, header))?.res), Res(0), "the end");
    pass()
}

/// A descriptor travels in the control data.
fn control(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, b) = UnixStream::pair()?;
    let file = pattern_file(cx, "f", 100)?;
    // SAFETY: both take numbers and give numbers.
    let (len, space) = unsafe { (libc::CMSG_LEN(4) as usize, libc::CMSG_SPACE(4) as usize) };
    let control = Mem::zeroed(space);
    control.set(0, &len.to_ne_bytes());
    control.set(WORD, &libc::SOL_SOCKET.to_ne_bytes());
    control.set(WORD + 4, &libc::SCM_RIGHTS.to_ne_bytes());
    control.set(len - 4, &file.as_raw_fd().to_ne_bytes());
    let op = sendmsg(&a, Header::new(None, &[Mem::of(b"x")], Some(control)));
    ensure_eq!(Res(ring.run(op)?.res), Res(1), "sent");
    let got = Mem::zeroed(space);
    let header = Header::new(None, &[Mem::zeroed(1)], Some(got));
    ensure_eq!(Res(ring.run(recvmsg(&b, header))?.res), Res(1), "received");
    ensure_eq!(
        header.control_len(),
        len.next_multiple_of(WORD),
        "length of the control data"
    );
    let fd: i32 = got.part(len - 4, 4).read();
    ensure!(fd > 2 && fd != file.as_raw_fd(), "descriptor {fd}");
    // SAFETY: the kernel just opened it, and nobody else knows it.
    let received = unsafe { std::fs::File::from_raw_fd(fd) };
    ensure_eq!(
        received.metadata()?.len(),
        100,
        "size of the file that came"
    );
    pass()
}

/// The parts are sent in order, and the header is not needed once it was submitted.
fn sendmsg_parts(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    let mem = Mem::of(&pattern(0..300));
    let header = Header::new(
        None,
        &[mem.part(0, 100), mem.part(100, 0), mem.part(100, 200)],
        None,
    );
    ring.start(&[sendmsg(&a, header).with(IOSQE_ASYNC)])?;
    header.mem.set(0, &vec![0xff; header.mem.len() as usize]);
    ensure_eq!(Res(ring.wait()?.res), Res(300), "result");
    let mut got = vec![0; 300];
    b.read_exact(&mut got)?;
    ensure!(got == pattern(0..300), "content");
    pass()
}
