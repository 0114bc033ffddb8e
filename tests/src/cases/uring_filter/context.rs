//! What a filter sees of an operation.

use std::mem::offset_of;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use safe::uring::raw::opcode::{Connect, Nop, OpenAt, OpenAt2, Socket};
use safe::uring::raw::register::BpfFilter;
use safe::uring::raw::squeue::Flags;
use safe::uring::raw::types::{Fd, OpenHow};
use uring_sys::*;

use super::{ITEMS, allow_if, allows, case, filtered};
use crate::case::{Case, Run, kernel};
use crate::context::Context;
use crate::raw_ring::Kept;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;

pub(super) static CASES: &[Case] = &[
    Case {
        since: kernel(7, 2),
        // Before, this opcode has no part of its own.
        refused_by: &[libc::EINVAL, libc::EMSGSIZE],
        requires: &[Requirement::Loopback],
        ..case("uring/filter/context/connect", ITEMS, connect)
    },
    case("uring/filter/context/entry", ITEMS, entry),
    case("uring/filter/context/open", ITEMS, open),
    case("uring/filter/context/socket", ITEMS, socket),
];

/// Where the opcode's own part begins.
const OWN: usize = offset_of!(io_uring_bpf_ctx, socket_union);

fn kept(entry: safe::uring::raw::squeue::Entry) -> Kept {
    // SAFETY: what it names is never given back, and has the length told.
    unsafe { Kept::new(entry) }
}

/// Opcode, flags and `user_data` of the entry.
fn entry(cx: &mut Context) -> Run {
    // Four bytes as they lie in memory: opcode, flags, size of the own part, nothing.
    let at = offset_of!(io_uring_bpf_ctx, opcode);
    let word = |flags: Flags| u32::from_ne_bytes([IORING_OP_NOP, flags.bits(), 0, 0]);
    let only = allow_if(at, u32::MAX, word(Flags::ASYNC));
    let mut ring = filtered(cx, &BpfFilter::new(IORING_OP_NOP, &only))?;
    let nop = |flags| kept(Nop::new().build().flags(flags));
    let table = [
        ("with another flag", nop(Flags::empty()), false),
        ("as the filter says", nop(Flags::ASYNC), true),
    ];
    allows(&mut ring, &table)?;
    // `run` gives each entry the number 7.
    let low = if cfg!(target_endian = "big") { 4 } else { 0 };
    for (number, allowed) in [(7, true), (8, false)] {
        let only = allow_if(low, u32::MAX, number);
        let mut ring = filtered(cx, &BpfFilter::new(IORING_OP_NOP, &only))?;
        allows(&mut ring, &[("user_data", nop(Flags::empty()), allowed)])?;
    }
    Ok(())
}

/// Family, type and protocol of a socket.
fn socket(cx: &mut Context) -> Run {
    let made = |family, kind, protocol| kept(Socket::new(family, kind, protocol).build());
    let (inet, stream) = (libc::AF_INET, libc::SOCK_STREAM);
    for (field, value) in [
        (offset_of!(io_uring_bpf_ctx_socket, family), inet),
        (offset_of!(io_uring_bpf_ctx_socket, r#type), stream),
        (
            offset_of!(io_uring_bpf_ctx_socket, protocol),
            libc::IPPROTO_TCP,
        ),
    ] {
        let only = allow_if(OWN + field, u32::MAX, value as u32);
        let mut ring = filtered(cx, &BpfFilter::new(IORING_OP_SOCKET, &only))?;
        let table = [
            ("TCP", made(inet, stream, libc::IPPROTO_TCP), true),
            (
                "a Unix datagram",
                made(libc::AF_UNIX, libc::SOCK_DGRAM, 0),
                false,
            ),
        ];
        allows(&mut ring, &table)?;
    }
    Ok(())
}

/// How a file is opened, and what a path may lead through.
fn open(cx: &mut Context) -> Run {
    let name = Mem::name("f");
    let path = name.as_ptr().cast_const().cast();
    let opened = |flags| {
        kept(
            OpenAt::new(Fd(libc::AT_FDCWD), path)
                .flags(flags)
                .mode(0o600)
                .build(),
        )
    };
    let low = if cfg!(target_endian = "big") { 4 } else { 0 };
    let flags = OWN + offset_of!(io_uring_bpf_ctx_open, flags) + low;
    let no_create = allow_if(flags, libc::O_CREAT as u32, 0);
    let mut ring = filtered(cx, &BpfFilter::new(IORING_OP_OPENAT, &no_create))?;
    std::fs::write("f", "")?;
    let table = [
        ("to read", opened(libc::O_RDONLY), true),
        ("to create", opened(libc::O_RDWR | libc::O_CREAT), false),
    ];
    allows(&mut ring, &table)?;
    let mode = OWN + offset_of!(io_uring_bpf_ctx_open, mode) + low;
    let private = allow_if(mode, 0o077, 0);
    ring.submitter()
        .register_bpf_filter(&BpfFilter::new(IORING_OP_OPENAT2, &private))?;
    let resolve = OWN + offset_of!(io_uring_bpf_ctx_open, resolve) + low;
    let beneath = allow_if(
        resolve,
        libc::RESOLVE_BENEATH as u32,
        libc::RESOLVE_BENEATH as u32,
    );
    ring.submitter()
        .register_bpf_filter(&BpfFilter::new(IORING_OP_OPENAT2, &beneath))?;
    let opened = |mode, resolve| {
        let how = open_how(mode, resolve);
        kept(OpenAt2::new(Fd(libc::AT_FDCWD), path, how).build())
    };
    let table = [
        (
            "mode and resolve",
            opened(0o600, libc::RESOLVE_BENEATH),
            true,
        ),
        (
            "mode for others",
            opened(0o644, libc::RESOLVE_BENEATH),
            false,
        ),
        ("any path", opened(0o600, 0), false),
    ];
    allows(&mut ring, &table)
}

/// An `open_how` that is never given back.
fn open_how(mode: u64, resolve: u64) -> *const OpenHow {
    let how = OpenHow::new()
        .flags((libc::O_RDWR | libc::O_CREAT) as u64)
        .mode(mode)
        .resolve(resolve);
    Box::leak(Box::new(how))
}

/// Where a connection goes to.
fn connect(cx: &mut Context) -> Run {
    let (listener, other) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    let address = |listener: &TcpListener| -> std::io::Result<Mem> {
        // SAFETY: all bytes zero is a value of it.
        let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_port = listener.local_addr()?.port().to_be();
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        Ok(Mem::value(address))
    };
    // The port is the first half of its word.
    let port = listener.local_addr()?.port().to_be_bytes();
    let word = |bytes: [u8; 2]| u32::from_ne_bytes([bytes[0], bytes[1], 0, 0]);
    let field = OWN + offset_of!(io_uring_bpf_ctx_connect, port);
    let only = allow_if(field, word([0xff; 2]), word(port));
    let filter = BpfFilter::new(IORING_OP_CONNECT, &only);
    let mut ring = filtered(
        cx,
        &filter.pdu_size(size_of::<io_uring_bpf_ctx_connect>() as u8),
    )?;
    let (one, two) = (tcp_socket()?, tcp_socket()?);
    let connected = |socket: &OwnedFd, to: Mem| {
        let fd = Fd(socket.as_raw_fd());
        kept(Connect::new(fd, to.as_ptr().cast_const().cast(), to.len()).build())
    };
    let table = [
        ("to the port", connected(&one, address(&listener)?), true),
        ("to another port", connected(&two, address(&other)?), false),
    ];
    allows(&mut ring, &table)
}

/// A socket that is not connected.
fn tcp_socket() -> std::io::Result<OwnedFd> {
    // SAFETY: socket(2) takes numbers and touches no memory.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
