//! The flags of operations.

use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};

use uring_sys::*;

use super::with_unknown;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::Ring;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{cancel, nanosecond, poll_add, send, timeout};
use crate::support::files::pattern_file;
use crate::support::names::Res;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/flags/accept/bad",
        &[
            "IORING_OP_ACCEPT",
            "IORING_ACCEPT_MULTISHOT",
            "IORING_ACCEPT_DONTWAIT",
            "IORING_ACCEPT_POLL_FIRST",
        ],
        kernel(5, 5),
        accept,
    ),
    Case::new(
        "uring/flags/async_cancel/bad",
        &[
            "IORING_OP_ASYNC_CANCEL",
            "IORING_ASYNC_CANCEL_ALL",
            "IORING_ASYNC_CANCEL_FD",
            "IORING_ASYNC_CANCEL_ANY",
            "IORING_ASYNC_CANCEL_FD_FIXED",
            "IORING_ASYNC_CANCEL_USERDATA",
            "IORING_ASYNC_CANCEL_OP",
        ],
        kernel(5, 5),
        async_cancel,
    ),
    Case::new(
        "uring/flags/commands/bad",
        &[
            "IORING_OP_URING_CMD",
            "SOCKET_URING_OP_SIOCINQ",
            "SOCKET_URING_OP_SIOCOUTQ",
            "SOCKET_URING_OP_GETSOCKOPT",
            "SOCKET_URING_OP_SETSOCKOPT",
            "SOCKET_URING_OP_TX_TIMESTAMP",
            "SOCKET_URING_OP_GETSOCKNAME",
            "NVME_URING_CMD_IO",
            "NVME_URING_CMD_IO_VEC",
            "NVME_URING_CMD_ADMIN",
            "NVME_URING_CMD_ADMIN_VEC",
        ],
        kernel(5, 19),
        commands,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new(
        "uring/flags/fixed_fd_install/bad",
        &["IORING_OP_FIXED_FD_INSTALL", "IORING_FIXED_FD_NO_CLOEXEC"],
        kernel(6, 8),
        install,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new(
        "uring/flags/fsync/bad",
        &["IORING_OP_FSYNC", "IORING_FSYNC_DATASYNC"],
        kernel(5, 1),
        fsync,
    ),
    Case::new(
        "uring/flags/msg_ring/bad",
        &[
            "IORING_OP_MSG_RING",
            "IORING_MSG_RING_CQE_SKIP",
            "IORING_MSG_RING_FLAGS_PASS",
        ],
        kernel(5, 18),
        msg_ring,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new(
        "uring/flags/openat/bad",
        &["IORING_OP_OPENAT", "IORING_FILE_INDEX_ALLOC"],
        kernel(5, 6),
        openat,
    ),
    Case::new(
        "uring/flags/poll/bad",
        &[
            "IORING_OP_POLL_ADD",
            "IORING_POLL_ADD_MULTI",
            "IORING_POLL_ADD_LEVEL",
            "IORING_POLL_UPDATE_EVENTS",
            "IORING_POLL_UPDATE_USER_DATA",
        ],
        kernel(5, 1),
        poll,
    ),
    Case::new(
        "uring/flags/send/bad",
        &[
            "IORING_OP_SEND",
            "IORING_RECVSEND_POLL_FIRST",
            "IORING_RECVSEND_FIXED_BUF",
            "IORING_RECVSEND_BUNDLE",
            "IORING_RECV_MULTISHOT",
            "IORING_SEND_VECTORIZED",
            "IORING_SEND_ZC_REPORT_USAGE",
        ],
        kernel(5, 6),
        send_flags,
    ),
    Case::new(
        "uring/flags/splice/bad",
        &["IORING_OP_SPLICE", "SPLICE_F_FD_IN_FIXED"],
        kernel(5, 7),
        splice,
    ),
    Case::new(
        "uring/flags/timeout/bad",
        &[
            "IORING_OP_TIMEOUT",
            "IORING_TIMEOUT_ABS",
            "IORING_TIMEOUT_UPDATE",
            "IORING_TIMEOUT_BOOTTIME",
            "IORING_TIMEOUT_REALTIME",
            "IORING_LINK_TIMEOUT_UPDATE",
            "IORING_TIMEOUT_ETIME_SUCCESS",
            "IORING_TIMEOUT_MULTISHOT",
            "IORING_TIMEOUT_IMMEDIATE_ARG",
        ],
        kernel(5, 4),
        timeouts,
    ),
    Case::new(
        "uring/flags/uring_cmd/bad",
        &[
            "IORING_OP_URING_CMD",
            "IORING_URING_CMD_FIXED",
            "IORING_URING_CMD_MULTISHOT",
        ],
        kernel(5, 19),
        uring_cmd,
    )
    .refused_by(&[libc::EINVAL]),
];

/// An operation that names no memory.
fn plain(opcode: u8, fd: i32) -> Op {
    // SAFETY: all fields but these two are 0, and no opcode here takes an address that is 0.
    unsafe { Op::new(opcode, fd, |_| {}) }
}

fn accept(cx: &mut Context) -> Run {
    let listener = UnixListener::bind(cx.dir().join("s"))?;
    let flags = [
        IORING_ACCEPT_MULTISHOT,
        IORING_ACCEPT_DONTWAIT,
        IORING_ACCEPT_POLL_FIRST,
    ];
    let op = plain(IORING_OP_ACCEPT, listener.as_raw_fd());
    with_unknown(op, &flags, 1 << 15, |sqe, flags| sqe.ioprio = flags)
}

fn async_cancel(_: &mut Context) -> Run {
    let flags = [
        IORING_ASYNC_CANCEL_ALL,
        IORING_ASYNC_CANCEL_FD,
        IORING_ASYNC_CANCEL_ANY,
        IORING_ASYNC_CANCEL_FD_FIXED,
        IORING_ASYNC_CANCEL_USERDATA,
        IORING_ASYNC_CANCEL_OP,
    ];
    with_unknown(
        cancel(0, 0),
        &flags,
        1 << 20,
        io_uring_sqe::set_cancel_flags,
    )
}

/// Commands for sockets and disks, given to a file that takes none.
fn commands(cx: &mut Context) -> Run {
    let (mut ring, file) = (Ring::new(16, 0)?, pattern_file(cx, "f", 1)?);
    for command in [
        SOCKET_URING_OP_SIOCINQ,
        SOCKET_URING_OP_SIOCOUTQ,
        SOCKET_URING_OP_GETSOCKOPT,
        SOCKET_URING_OP_SETSOCKOPT,
        SOCKET_URING_OP_TX_TIMESTAMP,
        SOCKET_URING_OP_GETSOCKNAME,
        NVME_URING_CMD_IO,
        NVME_URING_CMD_IO_VEC,
        NVME_URING_CMD_ADMIN,
        NVME_URING_CMD_ADMIN_VEC,
    ] {
        let op = plain(IORING_OP_URING_CMD, file.as_raw_fd());
        // SAFETY: the file has no driver that would take the rest of the entry for an address.
        let op = unsafe { op.changed(|sqe| sqe.set_cmd_op(command)) };
        let res = ring.run(op)?.res;
        if res == -libc::EINVAL {
            cx.accepted(res)?;
        }
        ensure_eq!(Res(res), Res(-libc::EOPNOTSUPP), "command {command:#x}");
    }
    pass()
}

fn install(cx: &mut Context) -> Run {
    let op = plain(IORING_OP_FIXED_FD_INSTALL, 0).with(IOSQE_FIXED_FILE);
    // Without a table there is no such file; kernels without the operation say something else.
    let res = Ring::new(16, 0)?.run(op)?.res;
    if res == -libc::EINVAL {
        cx.accepted(res)?;
    }
    let flags = [IORING_FIXED_FD_NO_CLOEXEC];
    with_unknown(op, &flags, 1 << 20, io_uring_sqe::set_install_fd_flags)
}

fn fsync(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1)?;
    let op = plain(IORING_OP_FSYNC, file.as_raw_fd());
    let flags = [IORING_FSYNC_DATASYNC];
    with_unknown(op, &flags, 1 << 20, io_uring_sqe::set_fsync_flags)
}

fn msg_ring(cx: &mut Context) -> Run {
    let (mut ring, target) = (Ring::new(16, 0)?, Ring::new(16, 0)?);
    let op = plain(IORING_OP_MSG_RING, target.as_raw_fd());
    cx.accepted(ring.run(op)?.res)?;
    let flags = [IORING_MSG_RING_CQE_SKIP, IORING_MSG_RING_FLAGS_PASS];
    with_unknown(op, &flags, 1 << 20, io_uring_sqe::set_msg_ring_flags)
}

/// A fixed file cannot be closed on exec.
fn openat(_: &mut Context) -> Run {
    let path = Mem::name(".");
    // SAFETY: the path ends with a NUL and is never given back.
    let op = unsafe {
        Op::new(IORING_OP_OPENAT, libc::AT_FDCWD, |sqe| {
            sqe.set_addr(path.addr())
        })
    };
    let op = op.file_index(IORING_FILE_INDEX_ALLOC);
    let cqe = Ring::new(16, 0)?.run(op.op_flags(libc::O_CLOEXEC as u32))?;
    ensure_eq!(Res(cqe.res), Res(-libc::EINVAL), "O_CLOEXEC");
    pass()
}

/// The flags of updates are none of POLL_ADD's.
fn poll(_: &mut Context) -> Run {
    let (near, _far) = UnixStream::pair()?;
    let op = poll_add(&near, libc::POLLIN);
    let len = |sqe: &mut io_uring_sqe, flags| sqe.len = flags;
    let flags = [IORING_POLL_ADD_MULTI, IORING_POLL_ADD_LEVEL];
    with_unknown(op, &flags, 1 << 20, len)?;
    let updates = [IORING_POLL_UPDATE_EVENTS, IORING_POLL_UPDATE_USER_DATA];
    with_unknown(op, &updates, 0, len)
}

fn send_flags(_: &mut Context) -> Run {
    let (near, _far) = UnixStream::pair()?;
    let flags = [
        IORING_RECVSEND_POLL_FIRST,
        IORING_RECVSEND_FIXED_BUF,
        IORING_RECVSEND_BUNDLE,
        IORING_RECV_MULTISHOT,
        IORING_SEND_VECTORIZED,
        IORING_SEND_ZC_REPORT_USAGE,
    ];
    let op = send(&near, Mem::of(b"x"), 0);
    with_unknown(op, &flags, 1 << 15, |sqe, flags| sqe.ioprio = flags)
}

fn splice(_: &mut Context) -> Run {
    let (near, _far) = UnixStream::pair()?;
    let op = plain(IORING_OP_SPLICE, near.as_raw_fd());
    with_unknown(
        op,
        &[SPLICE_F_FD_IN_FIXED],
        1 << 20,
        io_uring_sqe::set_splice_flags,
    )
}

/// There is one clock at most, and updates are another operation's.
fn timeouts(_: &mut Context) -> Run {
    let op = timeout(nanosecond(), 0, 0);
    let flags = [
        IORING_TIMEOUT_ABS,
        IORING_TIMEOUT_BOOTTIME,
        IORING_TIMEOUT_REALTIME,
        IORING_TIMEOUT_ETIME_SUCCESS,
        IORING_TIMEOUT_MULTISHOT,
        IORING_TIMEOUT_IMMEDIATE_ARG,
    ];
    with_unknown(op, &flags, 1 << 20, io_uring_sqe::set_timeout_flags)?;
    let alone = [
        IORING_TIMEOUT_UPDATE,
        IORING_LINK_TIMEOUT_UPDATE,
        IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME,
        IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS,
    ];
    with_unknown(op, &alone, 0, io_uring_sqe::set_timeout_flags)
}

fn uring_cmd(cx: &mut Context) -> Run {
    let (near, _far) = UnixStream::pair()?;
    let op = plain(IORING_OP_URING_CMD, near.as_raw_fd());
    // A command that sockets do not know, where there are commands.
    // SAFETY: it is none of a driver's that would take the rest of the entry for an address.
    let op = unsafe { op.changed(|sqe| sqe.set_cmd_op(999)) };
    let res = Ring::new(16, 0)?.run(op)?.res;
    if res == -libc::EINVAL {
        cx.accepted(res)?;
    }
    let flags = [IORING_URING_CMD_FIXED, IORING_URING_CMD_MULTISHOT];
    with_unknown(op, &flags, 1 << 20, io_uring_sqe::set_uring_cmd_flags)
}
