//! What the kernel says of each opcode, and that its two ways of saying it agree with each other and with what it does.

use uring_sys::*;

use super::{opcodes, probe};
use crate::case::{Case, Run, absent, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::op::Op;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    row::<{ IORING_OP_ACCEPT }>("uring/query/opcode/accept", &["IORING_OP_ACCEPT"], (5, 5)),
    row::<{ IORING_OP_ASYNC_CANCEL }>(
        "uring/query/opcode/async_cancel",
        &["IORING_OP_ASYNC_CANCEL"],
        (5, 5),
    ),
    row::<{ IORING_OP_BIND }>("uring/query/opcode/bind", &["IORING_OP_BIND"], (6, 11)),
    row::<{ IORING_OP_CLOSE }>("uring/query/opcode/close", &["IORING_OP_CLOSE"], (5, 6)),
    row::<{ IORING_OP_CONNECT }>("uring/query/opcode/connect", &["IORING_OP_CONNECT"], (5, 5)),
    row::<{ IORING_OP_EPOLL_CTL }>(
        "uring/query/opcode/epoll_ctl",
        &["IORING_OP_EPOLL_CTL"],
        (5, 6),
    ),
    row::<{ IORING_OP_EPOLL_WAIT }>(
        "uring/query/opcode/epoll_wait",
        &["IORING_OP_EPOLL_WAIT"],
        (6, 15),
    ),
    row::<{ IORING_OP_FADVISE }>("uring/query/opcode/fadvise", &["IORING_OP_FADVISE"], (5, 6)),
    row::<{ IORING_OP_FALLOCATE }>(
        "uring/query/opcode/fallocate",
        &["IORING_OP_FALLOCATE"],
        (5, 6),
    ),
    row::<{ IORING_OP_FGETXATTR }>(
        "uring/query/opcode/fgetxattr",
        &["IORING_OP_FGETXATTR"],
        (5, 19),
    ),
    row::<{ IORING_OP_FILES_UPDATE }>(
        "uring/query/opcode/files_update",
        &["IORING_OP_FILES_UPDATE"],
        (5, 6),
    ),
    row::<{ IORING_OP_FIXED_FD_INSTALL }>(
        "uring/query/opcode/fixed_fd_install",
        &["IORING_OP_FIXED_FD_INSTALL"],
        (6, 8),
    ),
    row::<{ IORING_OP_FSETXATTR }>(
        "uring/query/opcode/fsetxattr",
        &["IORING_OP_FSETXATTR"],
        (5, 19),
    ),
    row::<{ IORING_OP_FSYNC }>("uring/query/opcode/fsync", &["IORING_OP_FSYNC"], (5, 1)),
    row::<{ IORING_OP_FTRUNCATE }>(
        "uring/query/opcode/ftruncate",
        &["IORING_OP_FTRUNCATE"],
        (6, 9),
    ),
    row::<{ IORING_OP_FUTEX_WAIT }>(
        "uring/query/opcode/futex_wait",
        &["IORING_OP_FUTEX_WAIT"],
        (6, 7),
    ),
    row::<{ IORING_OP_FUTEX_WAITV }>(
        "uring/query/opcode/futex_waitv",
        &["IORING_OP_FUTEX_WAITV"],
        (6, 7),
    ),
    row::<{ IORING_OP_FUTEX_WAKE }>(
        "uring/query/opcode/futex_wake",
        &["IORING_OP_FUTEX_WAKE"],
        (6, 7),
    ),
    row::<{ IORING_OP_GETXATTR }>(
        "uring/query/opcode/getxattr",
        &["IORING_OP_GETXATTR"],
        (5, 19),
    ),
    row::<{ IORING_OP_LINK_TIMEOUT }>(
        "uring/query/opcode/link_timeout",
        &["IORING_OP_LINK_TIMEOUT"],
        (5, 5),
    ),
    row::<{ IORING_OP_LINKAT }>("uring/query/opcode/linkat", &["IORING_OP_LINKAT"], (5, 15)),
    row::<{ IORING_OP_LISTEN }>("uring/query/opcode/listen", &["IORING_OP_LISTEN"], (6, 11)),
    row::<{ IORING_OP_MADVISE }>("uring/query/opcode/madvise", &["IORING_OP_MADVISE"], (5, 6)),
    row::<{ IORING_OP_MKDIRAT }>(
        "uring/query/opcode/mkdirat",
        &["IORING_OP_MKDIRAT"],
        (5, 15),
    ),
    row::<{ IORING_OP_MSG_RING }>(
        "uring/query/opcode/msg_ring",
        &["IORING_OP_MSG_RING"],
        (5, 18),
    ),
    row::<{ IORING_OP_NOP }>("uring/query/opcode/nop", &["IORING_OP_NOP"], (5, 1)),
    row::<{ IORING_OP_NOP128 }>("uring/query/opcode/nop128", &["IORING_OP_NOP128"], (6, 19)),
    row::<{ IORING_OP_OPENAT }>("uring/query/opcode/openat", &["IORING_OP_OPENAT"], (5, 6)),
    row::<{ IORING_OP_OPENAT2 }>("uring/query/opcode/openat2", &["IORING_OP_OPENAT2"], (5, 6)),
    row::<{ IORING_OP_PIPE }>("uring/query/opcode/pipe", &["IORING_OP_PIPE"], (6, 16)),
    row::<{ IORING_OP_POLL_ADD }>(
        "uring/query/opcode/poll_add",
        &["IORING_OP_POLL_ADD"],
        (5, 1),
    ),
    row::<{ IORING_OP_POLL_REMOVE }>(
        "uring/query/opcode/poll_remove",
        &["IORING_OP_POLL_REMOVE"],
        (5, 1),
    ),
    row::<{ IORING_OP_PROVIDE_BUFFERS }>(
        "uring/query/opcode/provide_buffers",
        &["IORING_OP_PROVIDE_BUFFERS"],
        (5, 7),
    ),
    row::<{ IORING_OP_READ }>("uring/query/opcode/read", &["IORING_OP_READ"], (5, 6)),
    row::<{ IORING_OP_READ_FIXED }>(
        "uring/query/opcode/read_fixed",
        &["IORING_OP_READ_FIXED"],
        (5, 1),
    ),
    row::<{ IORING_OP_READ_MULTISHOT }>(
        "uring/query/opcode/read_multishot",
        &["IORING_OP_READ_MULTISHOT"],
        (6, 7),
    ),
    row::<{ IORING_OP_READV }>("uring/query/opcode/readv", &["IORING_OP_READV"], (5, 1)),
    row::<{ IORING_OP_READV_FIXED }>(
        "uring/query/opcode/readv_fixed",
        &["IORING_OP_READV_FIXED"],
        (6, 15),
    ),
    row::<{ IORING_OP_RECV }>("uring/query/opcode/recv", &["IORING_OP_RECV"], (5, 6)),
    row::<{ IORING_OP_RECV_ZC }>(
        "uring/query/opcode/recv_zc",
        &["IORING_OP_RECV_ZC"],
        (6, 15),
    ),
    row::<{ IORING_OP_RECVMSG }>("uring/query/opcode/recvmsg", &["IORING_OP_RECVMSG"], (5, 3)),
    row::<{ IORING_OP_REMOVE_BUFFERS }>(
        "uring/query/opcode/remove_buffers",
        &["IORING_OP_REMOVE_BUFFERS"],
        (5, 7),
    ),
    row::<{ IORING_OP_RENAMEAT }>(
        "uring/query/opcode/renameat",
        &["IORING_OP_RENAMEAT"],
        (5, 11),
    ),
    row::<{ IORING_OP_SEND }>("uring/query/opcode/send", &["IORING_OP_SEND"], (5, 6)),
    row::<{ IORING_OP_SEND_ZC }>("uring/query/opcode/send_zc", &["IORING_OP_SEND_ZC"], (6, 0)),
    row::<{ IORING_OP_SENDMSG }>("uring/query/opcode/sendmsg", &["IORING_OP_SENDMSG"], (5, 3)),
    row::<{ IORING_OP_SENDMSG_ZC }>(
        "uring/query/opcode/sendmsg_zc",
        &["IORING_OP_SENDMSG_ZC"],
        (6, 1),
    ),
    row::<{ IORING_OP_SETXATTR }>(
        "uring/query/opcode/setxattr",
        &["IORING_OP_SETXATTR"],
        (5, 19),
    ),
    row::<{ IORING_OP_SHUTDOWN }>(
        "uring/query/opcode/shutdown",
        &["IORING_OP_SHUTDOWN"],
        (5, 11),
    ),
    row::<{ IORING_OP_SOCKET }>("uring/query/opcode/socket", &["IORING_OP_SOCKET"], (5, 19)),
    row::<{ IORING_OP_SPLICE }>("uring/query/opcode/splice", &["IORING_OP_SPLICE"], (5, 7)),
    row::<{ IORING_OP_STATX }>("uring/query/opcode/statx", &["IORING_OP_STATX"], (5, 6)),
    row::<{ IORING_OP_SYMLINKAT }>(
        "uring/query/opcode/symlinkat",
        &["IORING_OP_SYMLINKAT"],
        (5, 15),
    ),
    row::<{ IORING_OP_SYNC_FILE_RANGE }>(
        "uring/query/opcode/sync_file_range",
        &["IORING_OP_SYNC_FILE_RANGE"],
        (5, 2),
    ),
    row::<{ IORING_OP_TEE }>("uring/query/opcode/tee", &["IORING_OP_TEE"], (5, 8)),
    row::<{ IORING_OP_TIMEOUT }>("uring/query/opcode/timeout", &["IORING_OP_TIMEOUT"], (5, 4)),
    row::<{ IORING_OP_TIMEOUT_REMOVE }>(
        "uring/query/opcode/timeout_remove",
        &["IORING_OP_TIMEOUT_REMOVE"],
        (5, 5),
    ),
    row::<{ IORING_OP_UNLINKAT }>(
        "uring/query/opcode/unlinkat",
        &["IORING_OP_UNLINKAT"],
        (5, 11),
    ),
    row::<{ IORING_OP_URING_CMD }>(
        "uring/query/opcode/uring_cmd",
        &["IORING_OP_URING_CMD"],
        (5, 19),
    ),
    row::<{ IORING_OP_URING_CMD128 }>(
        "uring/query/opcode/uring_cmd128",
        &["IORING_OP_URING_CMD128"],
        (6, 19),
    ),
    row::<{ IORING_OP_WAITID }>("uring/query/opcode/waitid", &["IORING_OP_WAITID"], (6, 7)),
    row::<{ IORING_OP_WRITE }>("uring/query/opcode/write", &["IORING_OP_WRITE"], (5, 6)),
    row::<{ IORING_OP_WRITE_FIXED }>(
        "uring/query/opcode/write_fixed",
        &["IORING_OP_WRITE_FIXED"],
        (5, 1),
    ),
    row::<{ IORING_OP_WRITEV }>("uring/query/opcode/writev", &["IORING_OP_WRITEV"], (5, 1)),
    row::<{ IORING_OP_WRITEV_FIXED }>(
        "uring/query/opcode/writev_fixed",
        &["IORING_OP_WRITEV_FIXED"],
        (6, 15),
    ),
];

const fn row<const OPCODE: u8>(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
) -> Case {
    Case::new(id, items, kernel(major, minor), said::<OPCODE>).announced()
}

/// PROBE says that the opcode is supported, and QUERY, where it is there, that it is known. Of an opcode that the kernel
/// does not know neither says so, and it fails with -EINVAL.
fn said<const OPCODE: u8>(cx: &mut Context) -> Run {
    let mut ring = Ring::new(4, 0)?;
    let probe = probe(&ring)?;
    let known = usize::from(OPCODE) < probe.ops.len();
    let supported = known && probe.ops[usize::from(OPCODE)].flags & IO_URING_OP_SUPPORTED != 0;
    if known {
        ensure_eq!(
            probe.ops[usize::from(OPCODE)].op,
            OPCODE,
            "opcode in the entry of the probe"
        );
    }
    if let Some(query) = opcodes()? {
        let count = query.nr_request_opcodes as usize;
        ensure_eq!(
            count,
            probe.ops.len(),
            "nr_request_opcodes of QUERY against PROBE"
        );
        cx.note(format_args!("{OPCODE} of {count}"));
    }
    if supported {
        return pass();
    }
    // SAFETY: nothing but the opcode is set. Without an address and a length there is no memory to touch.
    let op = unsafe { Op::new(OPCODE, -1, |_| {}) };
    let refusal = if known {
        libc::EOPNOTSUPP
    } else {
        libc::EINVAL
    };
    let cqe = ring.run(op)?;
    ensure!(
        cqe.res == -refusal,
        "not supported, but completes with {}",
        Res(cqe.res)
    );
    absent(format_args!(
        "IO_URING_OP_SUPPORTED is clear, and it completes with {}",
        Res(cqe.res)
    ))
}
