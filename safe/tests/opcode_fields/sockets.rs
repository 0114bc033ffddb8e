//! Sockets, and commands to them.

use std::ptr::{without_provenance as at, without_provenance_mut as at_mut};

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::*;
use uring_sys::*;

use crate::{Case, Sqe, case};

pub(crate) fn cases() -> Vec<Case> {
    let mut all = connections();
    all.extend(sending());
    all.extend(receiving());
    all.extend(commands());
    all
}

fn connections() -> Vec<Case> {
    let auto = DestinationSlot::auto_target();
    vec![
        case(
            Socket::new(libc::AF_INET, libc::SOCK_STREAM, 6)
                .flags(7)
                .file_index(Some(auto))
                .build(),
            Sqe::new(IORING_OP_SOCKET)
                .fd(2)
                .off(libc::SOCK_STREAM as u64)
                .len(6)
                .op_flags(7)
                .file_index(IORING_FILE_INDEX_ALLOC),
        ),
        case(
            Bind::new(Fd(3), at(0x1000), 16).build(),
            Sqe::new(IORING_OP_BIND).fd(3).addr(0x1000).off(16),
        ),
        case(
            Listen::new(Fd(3), 4).build(),
            Sqe::new(IORING_OP_LISTEN).fd(3).len(4),
        ),
        case(
            Connect::new(Fixed(3), at(0x1000), 16).build(),
            Sqe::new(IORING_OP_CONNECT)
                .flags(IOSQE_FIXED_FILE)
                .fd(3)
                .addr(0x1000)
                .off(16),
        ),
        case(
            Shutdown::new(Fd(3), 2).build(),
            Sqe::new(IORING_OP_SHUTDOWN).fd(3).len(2),
        ),
        case(
            Accept::new(Fd(3), at_mut(0x1000), at_mut(0x2000))
                .with_flags(SocketFlags::CLOEXEC)
                .with_ioprio(AcceptFlags::DONTWAIT | AcceptFlags::POLL_FIRST)
                .file_index(Some(auto))
                .build(),
            Sqe::new(IORING_OP_ACCEPT)
                .fd(3)
                .addr(0x1000)
                .off(0x2000)
                .op_flags(libc::SOCK_CLOEXEC as u32)
                .ioprio(IORING_ACCEPT_DONTWAIT | IORING_ACCEPT_POLL_FIRST)
                .file_index(u32::MAX),
        ),
        case(
            AcceptMulti::new(Fd(3))
                .with_flags(SocketFlags::NONBLOCK)
                .with_ioprio(AcceptFlags::POLL_FIRST)
                .allocate_file_index(true)
                .build(),
            Sqe::new(IORING_OP_ACCEPT)
                .fd(3)
                .op_flags(libc::SOCK_NONBLOCK as u32)
                .ioprio(IORING_ACCEPT_MULTISHOT | IORING_ACCEPT_POLL_FIRST)
                .file_index(u32::MAX),
        ),
        case(
            AcceptMulti::new(Fd(3))
                .allocate_file_index(true)
                .allocate_file_index(false)
                .build(),
            Sqe::new(IORING_OP_ACCEPT).fd(3).ioprio(1),
        ),
    ]
}

fn sending() -> Vec<Case> {
    let poll_first = SendRecvFlags::POLL_FIRST;
    vec![
        case(
            Send::new(Fd(3), at(0x1000), 4)
                .with_flags(MsgFlags::MORE)
                .with_ioprio(poll_first)
                .dest_addr(at(0x2000))
                .dest_addr_len(16)
                .build(),
            Sqe::new(IORING_OP_SEND)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .op_flags(libc::MSG_MORE as u32)
                .ioprio(1)
                .off(0x2000)
                .addr_len(16),
        ),
        case(
            Send::new(Fd(3), at(0), 0).buf_group(5).build(),
            Sqe::new(IORING_OP_SEND).fd(3).buf(5),
        ),
        case(
            Send::new(Fd(3), at(0x1000), 4).buf_index(Some(5)).build(),
            Sqe::new(IORING_OP_SEND)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .ioprio(IORING_RECVSEND_FIXED_BUF),
        ),
        case(
            Send::vectored(Fd(3), at(0x1000), 4)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_SEND)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .ioprio(IORING_SEND_VECTORIZED | IORING_RECVSEND_POLL_FIRST),
        ),
        case(
            SendBundle::new(Fd(3), 4)
                .flags(5)
                .len(6)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_SEND)
                .flags(IOSQE_BUFFER_SELECT)
                .fd(3)
                .buf(4)
                .op_flags(5)
                .len(6)
                .ioprio(IORING_RECVSEND_BUNDLE | IORING_RECVSEND_POLL_FIRST),
        ),
        case(
            SendZc::new(Fd(3), at(0x1000), 4)
                .buf_index(Some(5))
                .with_zc_flags(SendRecvFlags::REPORT_USAGE)
                .flags(6)
                .dest_addr(at(0x2000))
                .dest_addr_len(28)
                .build(),
            Sqe::new(IORING_OP_SEND_ZC)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .ioprio(IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE)
                .op_flags(6)
                .off(0x2000)
                .addr_len(28),
        ),
        case(
            SendZc::new(Fd(3), at(0x1000), 4)
                .buf_index(Some(5))
                .buf_index(None)
                .build(),
            Sqe::new(IORING_OP_SEND_ZC).fd(3).addr(0x1000).len(4),
        ),
        case(
            SendZc::vectored(Fd(3), at(0x1000), 4).build(),
            Sqe::new(IORING_OP_SEND_ZC)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .ioprio(IORING_SEND_VECTORIZED),
        ),
        case(
            SendMsg::new(Fd(3), at(0x1000))
                .with_flags(MsgFlags::NOSIGNAL)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_SENDMSG)
                .fd(3)
                .addr(0x1000)
                .len(1)
                .op_flags(libc::MSG_NOSIGNAL as u32)
                .ioprio(1),
        ),
        case(
            SendMsgZc::new(Fd(3), at(0x1000))
                .buf_index(Some(4))
                .flags(5)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_SENDMSG_ZC)
                .fd(3)
                .addr(0x1000)
                .len(1)
                .buf(4)
                .op_flags(5)
                .ioprio(4 | 1),
        ),
    ]
}

fn receiving() -> Vec<Case> {
    let poll_first = SendRecvFlags::POLL_FIRST;
    vec![
        case(
            Recv::new(Fd(3), at_mut(0x1000), 4)
                .with_flags(MsgFlags::WAITALL)
                .with_ioprio(poll_first)
                .buf_group(5)
                .build(),
            Sqe::new(IORING_OP_RECV)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .op_flags(libc::MSG_WAITALL as u32)
                .ioprio(1)
                .buf(5),
        ),
        case(
            Recv::new(Fd(3), at_mut(0x1000), 4)
                .buf_index(Some(5))
                .build(),
            Sqe::new(IORING_OP_RECV)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .buf(5)
                .ioprio(4),
        ),
        case(
            RecvMulti::new(Fd(3), 4)
                .flags(5)
                .len(6)
                .total_len(7)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_RECV)
                .flags(IOSQE_BUFFER_SELECT)
                .fd(3)
                .buf(4)
                .op_flags(5)
                .len(6)
                .file_index(7)
                .ioprio(IORING_RECV_MULTISHOT | 1),
        ),
        case(
            RecvBundle::new(Fd(3), 4)
                .flags(5)
                .len(6)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_RECV)
                .flags(IOSQE_BUFFER_SELECT)
                .fd(3)
                .buf(4)
                .op_flags(5)
                .len(6)
                .ioprio(IORING_RECVSEND_BUNDLE | 1),
        ),
        case(
            RecvMultiBundle::new(Fd(3), 4)
                .flags(5)
                .len(6)
                .total_len(7)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_RECV)
                .flags(IOSQE_BUFFER_SELECT)
                .fd(3)
                .buf(4)
                .op_flags(5)
                .len(6)
                .file_index(7)
                .ioprio(IORING_RECVSEND_BUNDLE | IORING_RECV_MULTISHOT | 1),
        ),
        case(
            RecvMsg::new(Fd(3), at_mut(0x1000))
                .flags(4)
                .with_ioprio(poll_first)
                .buf_group(5)
                .build(),
            Sqe::new(IORING_OP_RECVMSG)
                .fd(3)
                .addr(0x1000)
                .len(1)
                .op_flags(4)
                .ioprio(1)
                .buf(5),
        ),
        case(
            RecvMsgMulti::new(Fd(3), at(0x1000), 4)
                .flags(5)
                .with_ioprio(poll_first)
                .build(),
            Sqe::new(IORING_OP_RECVMSG)
                .flags(IOSQE_BUFFER_SELECT)
                .fd(3)
                .addr(0x1000)
                .len(1)
                .buf(4)
                .op_flags(5)
                .ioprio(IORING_RECV_MULTISHOT | 1),
        ),
        case(
            RecvZc::new(Fd(3), 4).ifq(5).with_ioprio(poll_first).build(),
            Sqe::new(IORING_OP_RECV_ZC)
                .fd(3)
                .len(4)
                .file_index(5)
                .ioprio(IORING_RECV_MULTISHOT | 1),
        ),
    ]
}

fn commands() -> Vec<Case> {
    let command = |op| Sqe::new(IORING_OP_URING_CMD).fd(3).cmd_op(op);
    vec![
        case(
            SetSockOpt::new(Fd(3), 4, 5, at(0x1000), 6).flags(7).build(),
            command(SOCKET_URING_OP_SETSOCKOPT)
                .level(4, 5)
                .addr3(0x1000)
                .file_index(6)
                .op_flags(7),
        ),
        case(
            GetSockOpt::new(Fd(3), 4, 5, at_mut(0x1000), 6)
                .flags(UringCmdFlags::from(7))
                .build(),
            command(SOCKET_URING_OP_GETSOCKOPT)
                .level(4, 5)
                .addr3(0x1000)
                .file_index(6)
                .op_flags(7),
        ),
        case(
            SocketInq::new(Fd(3)).build(),
            command(SOCKET_URING_OP_SIOCINQ),
        ),
        case(
            SocketOutq::new(Fd(3)).build(),
            command(SOCKET_URING_OP_SIOCOUTQ),
        ),
        case(
            TxTimestamp::new(Fd(3)).build(),
            command(SOCKET_URING_OP_TX_TIMESTAMP),
        ),
        case(
            GetSockName::new(Fd(3), at_mut(0x1000), at_mut(0x2000)).build(),
            command(SOCKET_URING_OP_GETSOCKNAME)
                .addr(0x1000)
                .addr3(0x2000),
        ),
        case(
            GetSockName::new(Fd(3), at_mut(0x1000), at_mut(0x2000))
                .peer(true)
                .build(),
            command(SOCKET_URING_OP_GETSOCKNAME)
                .addr(0x1000)
                .addr3(0x2000)
                .file_index(1),
        ),
    ]
}
