//! Polls, timeouts, cancels, messages, commands, futexes, and nothing.

use std::ptr::{without_provenance as at, without_provenance_mut as at_mut};
use std::time::Duration;

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::*;
use uring_sys::*;

use crate::{Case, Sqe, case};

pub(crate) fn cases() -> Vec<Case> {
    let mut all = polls();
    all.extend(timeouts());
    all.extend(cancels());
    all.extend(buffers_and_messages());
    all.extend(commands());
    all.extend(futexes_and_children());
    all.extend(nops());
    all
}

fn polls() -> Vec<Case> {
    vec![
        case(
            PollAdd::new(Fd(3), 0x8765_4321).build(),
            Sqe::new(IORING_OP_POLL_ADD)
                .fd(3)
                .poll_events(0x4321, 0x8765),
        ),
        case(
            PollAdd::events(Fixed(3), PollFlags::IN | PollFlags::EXCLUSIVE)
                .multi(true)
                .build(),
            Sqe::new(IORING_OP_POLL_ADD)
                .flags(IOSQE_FIXED_FILE)
                .fd(3)
                .poll_events(1, 0x1000)
                .len(IORING_POLL_ADD_MULTI),
        ),
        case(
            PollRemove::new(7).build(),
            Sqe::new(IORING_OP_POLL_REMOVE).fd(-1).addr(7),
        ),
        case(
            PollUpdate::new(7).events(PollFlags::OUT, false).build(),
            Sqe::new(IORING_OP_POLL_REMOVE)
                .fd(-1)
                .addr(7)
                .poll_events(4, 0)
                .len(IORING_POLL_UPDATE_EVENTS),
        ),
        case(
            PollUpdate::new(7)
                .new_user_data(8)
                .events(0x8765_4321u32, true)
                .build(),
            Sqe::new(IORING_OP_POLL_REMOVE)
                .fd(-1)
                .addr(7)
                .off(8)
                .poll_events(0x4321, 0x8765)
                .len(
                    IORING_POLL_UPDATE_EVENTS
                        | IORING_POLL_UPDATE_USER_DATA
                        | IORING_POLL_ADD_MULTI,
                ),
        ),
        case(
            EpollCtl::new(Fd(3), Fd(4), libc::EPOLL_CTL_MOD, at(0x1000)).build(),
            Sqe::new(IORING_OP_EPOLL_CTL)
                .fd(3)
                .off(4)
                .len(3)
                .addr(0x1000),
        ),
        case(
            EpollWait::new(Fixed(3), at_mut(0x1000), 4).flags(5).build(),
            Sqe::new(IORING_OP_EPOLL_WAIT)
                .flags(IOSQE_FIXED_FILE)
                .fd(3)
                .addr(0x1000)
                .len(4)
                .op_flags(5),
        ),
    ]
}

fn timeouts() -> Vec<Case> {
    let second = Duration::from_secs(1);
    vec![
        case(
            Timeout::new(at(0x1000))
                .count(3)
                .flags(TimeoutFlags::MULTISHOT | TimeoutFlags::REALTIME)
                .build(),
            Sqe::new(IORING_OP_TIMEOUT)
                .fd(-1)
                .addr(0x1000)
                .len(1)
                .off(3)
                .op_flags(IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_REALTIME),
        ),
        case(
            Timeout::immediate(second)
                .flags(TimeoutFlags::ETIME_SUCCESS)
                .build(),
            Sqe::new(IORING_OP_TIMEOUT)
                .fd(-1)
                .addr(1_000_000_000)
                .len(1)
                .op_flags(IORING_TIMEOUT_IMMEDIATE_ARG | IORING_TIMEOUT_ETIME_SUCCESS),
        ),
        case(
            Timeout::immediate(Duration::MAX).build(),
            Sqe::new(IORING_OP_TIMEOUT)
                .fd(-1)
                .addr(i64::MAX as u64)
                .len(1)
                .op_flags(IORING_TIMEOUT_IMMEDIATE_ARG),
        ),
        case(
            TimeoutRemove::new(7).build(),
            Sqe::new(IORING_OP_TIMEOUT_REMOVE).fd(-1).addr(7),
        ),
        case(
            TimeoutUpdate::new(7, at(0x1000))
                .flags(TimeoutFlags::ABS)
                .build(),
            Sqe::new(IORING_OP_TIMEOUT_REMOVE)
                .fd(-1)
                .addr(7)
                .off(0x1000)
                .op_flags(IORING_TIMEOUT_UPDATE | IORING_TIMEOUT_ABS),
        ),
        case(
            TimeoutUpdate::link(7, at(0x1000))
                .flags(TimeoutFlags::ABS)
                .build(),
            Sqe::new(IORING_OP_TIMEOUT_REMOVE)
                .fd(-1)
                .addr(7)
                .off(0x1000)
                .op_flags(IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE | IORING_TIMEOUT_ABS),
        ),
        case(
            TimeoutUpdate::immediate(7, second).build(),
            Sqe::new(IORING_OP_TIMEOUT_REMOVE)
                .fd(-1)
                .addr(7)
                .off(1_000_000_000)
                .op_flags(IORING_TIMEOUT_UPDATE | IORING_TIMEOUT_IMMEDIATE_ARG),
        ),
        case(
            LinkTimeout::new(at(0x1000))
                .flags(TimeoutFlags::BOOTTIME)
                .build(),
            Sqe::new(IORING_OP_LINK_TIMEOUT)
                .fd(-1)
                .addr(0x1000)
                .len(1)
                .op_flags(IORING_TIMEOUT_BOOTTIME),
        ),
        case(
            LinkTimeout::immediate(second).build(),
            Sqe::new(IORING_OP_LINK_TIMEOUT)
                .fd(-1)
                .addr(1_000_000_000)
                .len(1)
                .op_flags(IORING_TIMEOUT_IMMEDIATE_ARG),
        ),
    ]
}

fn cancels() -> Vec<Case> {
    let cancel = |builder| AsyncCancel2::new(builder).build();
    let sqe = || Sqe::new(IORING_OP_ASYNC_CANCEL).fd(-1);
    vec![
        case(AsyncCancel::new(7).build(), sqe().addr(7)),
        case(
            cancel(CancelBuilder::any()),
            sqe().op_flags(IORING_ASYNC_CANCEL_ANY),
        ),
        case(cancel(CancelBuilder::user_data(7)), sqe().addr(7)),
        case(
            cancel(CancelBuilder::user_data(7).all()),
            sqe().addr(7).op_flags(IORING_ASYNC_CANCEL_ALL),
        ),
        case(
            cancel(CancelBuilder::fd(Fd(3))),
            sqe().fd(3).op_flags(IORING_ASYNC_CANCEL_FD),
        ),
        case(
            cancel(CancelBuilder::fd(Fixed(3)).all()),
            sqe().fd(3).op_flags(
                IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_ALL,
            ),
        ),
        case(
            cancel(CancelBuilder::opcode(Recv::CODE)),
            sqe()
                .len(IORING_OP_RECV.into())
                .op_flags(IORING_ASYNC_CANCEL_OP),
        ),
        // Conditions meet in either order.
        case(
            cancel(
                CancelBuilder::user_data(7)
                    .and_fd(Fd(3))
                    .and_opcode(Recv::CODE),
            ),
            sqe().addr(7).fd(3).len(IORING_OP_RECV.into()).op_flags(
                IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP,
            ),
        ),
        case(
            cancel(
                CancelBuilder::opcode(Recv::CODE)
                    .and_user_data(7)
                    .and_fd(Fixed(3))
                    .and_fd(Fd(3)),
            ),
            sqe().addr(7).fd(3).len(IORING_OP_RECV.into()).op_flags(
                IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP,
            ),
        ),
        // The kernel refuses a condition beside ANY.
        case(
            cancel(CancelBuilder::any().and_fd(Fd(3))),
            sqe()
                .fd(3)
                .op_flags(IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL),
        ),
        case(
            cancel(CancelBuilder::any().and_user_data(7)),
            sqe().addr(7).op_flags(IORING_ASYNC_CANCEL_ALL),
        ),
    ]
}

fn buffers_and_messages() -> Vec<Case> {
    vec![
        case(
            ProvideBuffers::new(at_mut(0x1000), 4, 5, 6, 7).build(),
            Sqe::new(IORING_OP_PROVIDE_BUFFERS)
                .fd(5)
                .addr(0x1000)
                .len(4)
                .off(7)
                .buf(6),
        ),
        case(
            RemoveBuffers::new(5, 6).build(),
            Sqe::new(IORING_OP_REMOVE_BUFFERS).fd(5).buf(6),
        ),
        case(
            MsgRingData::new(Fd(3), -4, 5, None)
                .with_opcode_flags(MsgRingFlags::CQE_SKIP)
                .build(),
            Sqe::new(IORING_OP_MSG_RING)
                .fd(3)
                .len(-4i32 as u32)
                .off(5)
                .op_flags(1),
        ),
        case(
            MsgRingData::new(Fixed(3), 4, 5, Some(6))
                .opcode_flags(0)
                .build(),
            Sqe::new(IORING_OP_MSG_RING)
                .flags(IOSQE_FIXED_FILE)
                .fd(3)
                .len(4)
                .off(5)
                .file_index(6)
                .op_flags(IORING_MSG_RING_FLAGS_PASS),
        ),
        case(
            MsgRingSendFd::new(
                Fd(3),
                Fixed(4),
                DestinationSlot::try_from_slot_target(5).unwrap(),
                6,
            )
            .with_opcode_flags(MsgRingFlags::CQE_SKIP)
            .build(),
            Sqe::new(IORING_OP_MSG_RING)
                .fd(3)
                .addr(IORING_MSG_SEND_FD)
                .addr3(4)
                .file_index(6)
                .off(6)
                .op_flags(1),
        ),
        case(
            MsgRingSendFd::new(Fd(3), Fixed(4), DestinationSlot::auto_target(), 6).build(),
            Sqe::new(IORING_OP_MSG_RING)
                .fd(3)
                .addr(IORING_MSG_SEND_FD)
                .addr3(4)
                .file_index(u32::MAX)
                .off(6),
        ),
    ]
}

fn commands() -> Vec<Case> {
    let bytes: [u8; 80] = std::array::from_fn(|i| i as u8 + 1);
    let first: [u8; 16] = std::array::from_fn(|i| bytes[i]);
    let sqe = || Sqe::new(IORING_OP_URING_CMD).fd(3).cmd_op(4);
    let nvme = nvme_uring_cmd {
        opcode: 2,
        nsid: 0x0a0b_0c0d,
        addr: 0x1122_3344_5566_7788,
        cdw15: 0x99aa_bbcc,
        timeout_ms: 5,
        ..Default::default()
    };
    let nvme_in_place = |sqe: Sqe| {
        sqe.large()
            .put(48, [2])
            .put(52, 0x0a0b_0c0d_u32.to_ne_bytes())
            .put(72, 0x1122_3344_5566_7788_u64.to_ne_bytes())
            .put(108, 0x99aa_bbcc_u32.to_ne_bytes())
            .put(112, 5u32.to_ne_bytes())
    };
    vec![
        case(
            UringCmd16::new(Fd(3), 4)
                .cmd(first)
                .addr(Some(5))
                .len(6)
                .buf_index(Some(7))
                .build(),
            sqe()
                .put(48, first)
                .addr(5)
                .len(6)
                .buf(7)
                .op_flags(IORING_URING_CMD_FIXED),
        ),
        case(
            UringCmd16::new(Fd(3), 4)
                .buf_index(Some(7))
                .buf_index(None)
                .addr(None)
                .build(),
            sqe(),
        ),
        case(
            UringCmd16::new(Fd(3), 4)
                .multi(5)
                .flags(UringCmdFlags::from(1 << 8))
                .build(),
            sqe()
                .flags(IOSQE_BUFFER_SELECT)
                .buf(5)
                .op_flags(IORING_URING_CMD_MULTISHOT | 1 << 8),
        ),
        case(
            UringCmd80::new(Fd(3), 4).cmd(bytes).build(),
            sqe().large().put(48, bytes),
        ),
        case(
            UringCmd128::new(Fd(3), 4).cmd(bytes).addr(Some(5)).build(),
            Sqe::new(IORING_OP_URING_CMD128)
                .fd(3)
                .cmd_op(4)
                .addr(5)
                .large()
                .put(48, bytes),
        ),
        case(
            UringCmd80::nvme(Fd(3), NVME_URING_CMD_IO, &nvme).build(),
            nvme_in_place(
                Sqe::new(IORING_OP_URING_CMD)
                    .fd(3)
                    .cmd_op(NVME_URING_CMD_IO),
            ),
        ),
        case(
            UringCmd128::nvme(Fd(3), NVME_URING_CMD_ADMIN, &nvme).build(),
            nvme_in_place(
                Sqe::new(IORING_OP_URING_CMD128)
                    .fd(3)
                    .cmd_op(NVME_URING_CMD_ADMIN),
            ),
        ),
        case(
            BlockDiscard::new(Fd(3), 4096, 8192).build(),
            Sqe::new(IORING_OP_URING_CMD)
                .fd(3)
                .cmd_op(BLOCK_URING_CMD_DISCARD)
                .addr(4096)
                .addr3(8192),
        ),
        case(
            BlockZoneResetAll::new(Fd(3)).build(),
            Sqe::new(IORING_OP_URING_CMD)
                .fd(3)
                .cmd_op(BLOCK_URING_CMD_ZONE_RESET_ALL),
        ),
    ]
}

fn futexes_and_children() -> Vec<Case> {
    let private = FutexFlags::SIZE_U32 | FutexFlags::PRIVATE;
    vec![
        case(
            FutexWait::new(at(0x1000), 3, 4, private.bits())
                .flags(5)
                .build(),
            Sqe::new(IORING_OP_FUTEX_WAIT)
                .fd(0x82)
                .addr(0x1000)
                .off(3)
                .addr3(4)
                .op_flags(5),
        ),
        case(
            FutexWake::new(at(0x1000), 3, 4, private.bits())
                .flags(5)
                .build(),
            Sqe::new(IORING_OP_FUTEX_WAKE)
                .fd(0x82)
                .addr(0x1000)
                .off(3)
                .addr3(4)
                .op_flags(5),
        ),
        case(
            safe::uring::raw::opcode::FutexWaitV::new(at(0x1000), 3)
                .flags(5)
                .build(),
            Sqe::new(IORING_OP_FUTEX_WAITV)
                .addr(0x1000)
                .len(3)
                .op_flags(5),
        ),
        case(
            WaitId::new(libc::P_PID, 3, libc::WEXITED)
                .infop(at(0x1000))
                .flags(5)
                .build(),
            Sqe::new(IORING_OP_WAITID)
                .fd(3)
                .len(1)
                .file_index(4)
                .off(0x1000)
                .op_flags(5),
        ),
    ]
}

fn nops() -> Vec<Case> {
    let sqe = || Sqe::new(IORING_OP_NOP).fd(-1);
    vec![
        case(Nop::new().build(), sqe()),
        case(
            Nop::new().flags(NopFlags::TW).build(),
            sqe().op_flags(IORING_NOP_TW),
        ),
        case(
            Nop::new().result(-4).build(),
            sqe().len(-4i32 as u32).op_flags(1),
        ),
        case(
            Nop::new().file(Fd(3)).build(),
            sqe().fd(3).op_flags(IORING_NOP_FILE),
        ),
        case(
            Nop::new().file(Fixed(3)).build(),
            sqe()
                .fd(3)
                .op_flags(IORING_NOP_FILE | IORING_NOP_FIXED_FILE),
        ),
        case(
            Nop::new().buf_index(3).build(),
            sqe().buf(3).op_flags(IORING_NOP_FIXED_BUFFER),
        ),
        case(
            Nop::new().cqe32(3, 4).build(),
            sqe().off(3).addr(4).op_flags(IORING_NOP_CQE32),
        ),
        case(
            Nop128::new()
                .result(3)
                .cqe32(4, 5)
                .flags(NopFlags::TW)
                .build(),
            Sqe::new(IORING_OP_NOP128)
                .fd(-1)
                .len(3)
                .off(4)
                .addr(5)
                .op_flags(IORING_NOP_INJECT_RESULT | IORING_NOP_CQE32 | IORING_NOP_TW)
                .large(),
        ),
    ]
}
