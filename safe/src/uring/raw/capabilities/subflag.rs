//! Flags of single operations, and how each is tried.

use std::io;

use uring_sys::*;

use super::bench::{Bench, GROUP, PAST, RANGES, address, entry};
use crate::uring::raw::types::{CloneBuffersFlags, Napi, NapiTracking};

/// How to find out.
pub(super) enum Trial {
    /// The entry completes with one of these results where the flag is known, and with another where it is
    /// refused or ignored.
    Entry(fn(&Bench) -> io_uring_sqe, &'static [i32]),
    /// It takes more than that.
    Call(fn(&mut Bench) -> io::Result<bool>),
}

/// Declares the flags: a variant, its name in C, and its trial. A macro, so that each has its documentation, name
/// and trial in one place.
macro_rules! flags {
    ($($(#[$doc:meta])+ $name:ident = $code:literal: $kind:ident($($how:tt)+);)+) => {
        /// A flag, or a command, of one operation or registration. No kernel lists these: each is tried out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum SubFlag {
            $($(#[$doc])+ $name,)+
        }

        impl SubFlag {
            /// All that are tried.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the kernel's headers.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            pub(super) const fn trial(self) -> Trial {
                match self {
                    $(Self::$name => Trial::$kind($($how)+),)+
                }
            }
        }
    };
}

flags! {
    /// A NOP completes with a result of choice. Since Linux 6.10.
    NopInjectResult = "IORING_NOP_INJECT_RESULT": Entry(|_| nop(0), &[7]);
    /// A NOP looks its file up. Since Linux 6.13.
    NopFile = "IORING_NOP_FILE": Entry(
        // Some kernels do not say that there is no such file, nor do they for what the next two look up.
        |_| nop(IORING_NOP_FILE), &[7, -libc::EBADF]
    );
    /// A NOP looks a registered file up. Since Linux 6.13.
    NopFixedFile = "IORING_NOP_FIXED_FILE": Entry(
        |_| nop(IORING_NOP_FILE | IORING_NOP_FIXED_FILE), &[7, -libc::EBADF]
    );
    /// A NOP looks a registered buffer up. Since Linux 6.13.
    NopFixedBuffer = "IORING_NOP_FIXED_BUFFER": Entry(
        |_| nop(IORING_NOP_FIXED_BUFFER), &[7, -libc::EFAULT]
    );
    /// A NOP completes by completion work. Since Linux 6.17.
    NopTw = "IORING_NOP_TW": Entry(|_| nop(IORING_NOP_TW), &[7]);
    /// A NOP has a completion of 32 bytes. Since Linux 6.18.
    NopCqe32 = "IORING_NOP_CQE32": Call(|bench| Ok(bench.run_wide(nop(IORING_NOP_CQE32))? == 7));

    /// A timeout is a point in time. Since Linux 5.4.
    TimeoutAbs = "IORING_TIMEOUT_ABS": Entry(|_| timeout(IORING_TIMEOUT_ABS), &[-libc::ETIME]);
    /// A timeout is changed. Since Linux 5.11.
    TimeoutUpdate = "IORING_TIMEOUT_UPDATE": Entry(
        |_| timeout_update(IORING_TIMEOUT_UPDATE), &[-libc::ENOENT]
    );
    /// A timeout counts the time that the machine sleeps. Since Linux 5.15.
    TimeoutBoottime = "IORING_TIMEOUT_BOOTTIME": Entry(
        |_| timeout(IORING_TIMEOUT_BOOTTIME), &[-libc::ETIME]
    );
    /// A timeout follows the wall clock. Since Linux 5.15.
    TimeoutRealtime = "IORING_TIMEOUT_REALTIME": Entry(
        |_| timeout(IORING_TIMEOUT_REALTIME), &[-libc::ETIME]
    );
    /// A linked timeout is changed. Since Linux 5.15.
    LinkTimeoutUpdate = "IORING_LINK_TIMEOUT_UPDATE": Entry(
        |_| timeout_update(IORING_LINK_TIMEOUT_UPDATE), &[-libc::ENOENT]
    );
    /// A timeout does not break its links. Since Linux 5.16.
    TimeoutEtimeSuccess = "IORING_TIMEOUT_ETIME_SUCCESS": Entry(
        |_| timeout(IORING_TIMEOUT_ETIME_SUCCESS), &[-libc::ETIME]
    );
    /// A timeout fires repeatedly. Since Linux 6.4.
    TimeoutMultishot = "IORING_TIMEOUT_MULTISHOT": Entry(
        |_| once(timeout(IORING_TIMEOUT_MULTISHOT)), &[-libc::ETIME]
    );
    /// The time stands in the entry itself. Since Linux 7.1.
    TimeoutImmediateArg = "IORING_TIMEOUT_IMMEDIATE_ARG": Entry(
        |_| immediate(timeout(IORING_TIMEOUT_IMMEDIATE_ARG)), &[-libc::ETIME]
    );

    /// A poll goes on after the first event. Since Linux 5.13.
    PollAddMulti = "IORING_POLL_ADD_MULTI": Call(Bench::polls_repeatedly);
    /// The events of a poll are changed. Since Linux 5.13.
    PollUpdateEvents = "IORING_POLL_UPDATE_EVENTS": Entry(
        |_| poll_update(IORING_POLL_UPDATE_EVENTS), &[-libc::ENOENT]
    );
    /// The user data of a poll is changed. Since Linux 5.13.
    PollUpdateUserData = "IORING_POLL_UPDATE_USER_DATA": Entry(
        |_| poll_update(IORING_POLL_UPDATE_USER_DATA), &[-libc::ENOENT]
    );
    /// A poll is level-triggered. Refused by every kernel so far.
    PollAddLevel = "IORING_POLL_ADD_LEVEL": Entry(
        |bench| bench.poll(IORING_POLL_ADD_LEVEL), &[libc::POLLIN as i32]
    );

    /// All that match are cancelled. Since Linux 5.19.
    CancelAll = "IORING_ASYNC_CANCEL_ALL": Entry(
        |_| cancel(IORING_ASYNC_CANCEL_ALL, -1), &[0, -libc::ENOENT]
    );
    /// What is on a file is cancelled. Since Linux 5.19.
    CancelFd = "IORING_ASYNC_CANCEL_FD": Entry(
        |bench| cancel(IORING_ASYNC_CANCEL_FD, bench.readable()), &[-libc::ENOENT]
    );
    /// Everything is cancelled. Since Linux 5.19.
    CancelAny = "IORING_ASYNC_CANCEL_ANY": Entry(
        |_| cancel(IORING_ASYNC_CANCEL_ANY, -1), &[0, -libc::ENOENT]
    );
    /// What is on a registered file is cancelled. Since Linux 6.0.
    CancelFdFixed = "IORING_ASYNC_CANCEL_FD_FIXED": Entry(
        |_| cancel(IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED, 0), &[-libc::EBADF]
    );
    /// User data is one condition among others. Since Linux 6.6 and some stable kernels from 6.1 on.
    CancelUserdata = "IORING_ASYNC_CANCEL_USERDATA": Entry(
        |_| cancel(IORING_ASYNC_CANCEL_USERDATA, -1), &[-libc::ENOENT]
    );
    /// What has an opcode is cancelled. Since Linux 6.6 and some stable kernels from 6.1 on.
    CancelOp = "IORING_ASYNC_CANCEL_OP": Entry(
        |_| cancel(IORING_ASYNC_CANCEL_OP, -1), &[-libc::ENOENT]
    );

    /// A send polls first. Since Linux 5.19.
    SendPollFirst = "IORING_RECVSEND_POLL_FIRST": Entry(
        |bench| bench.send(IORING_RECVSEND_POLL_FIRST, 0), &[-libc::EAGAIN]
    );
    /// A plain send takes a registered buffer. Since Linux 7.2.
    SendFixedBuf = "IORING_RECVSEND_FIXED_BUF": Entry(
        |bench| bench.send(IORING_RECVSEND_FIXED_BUF, 0), &[-libc::EFAULT]
    );
    /// A send takes several buffers of a group. Since Linux 6.10.
    SendBundle = "IORING_RECVSEND_BUNDLE (send)": Entry(
        |bench| bench.send(IORING_RECVSEND_POLL_FIRST | IORING_RECVSEND_BUNDLE, IOSQE_BUFFER_SELECT),
        &[-libc::EAGAIN]
    );
    /// A send takes several ranges of memory. Since Linux 6.17.
    SendVectorized = "IORING_SEND_VECTORIZED": Entry(
        |bench| gathered(bench.send(IORING_RECVSEND_POLL_FIRST | IORING_SEND_VECTORIZED, 0)),
        &[-libc::EAGAIN]
    );
    /// A receive polls first. Since Linux 5.19.
    RecvPollFirst = "IORING_RECVSEND_POLL_FIRST (receive)": Entry(
        |bench| bench.receive(IORING_RECVSEND_POLL_FIRST, 0), &[-libc::EAGAIN]
    );
    /// A receive goes on. Since Linux 6.0.
    RecvMultishot = "IORING_RECV_MULTISHOT": Entry(
        |bench| bench.receive(IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT, IOSQE_BUFFER_SELECT),
        &[-libc::EAGAIN]
    );
    /// A receive fills several buffers of a group. Since Linux 6.10.
    RecvBundle = "IORING_RECVSEND_BUNDLE (receive)": Entry(
        |bench| bench.receive(IORING_RECVSEND_POLL_FIRST | IORING_RECVSEND_BUNDLE, IOSQE_BUFFER_SELECT),
        &[-libc::EAGAIN]
    );
    /// A zero-copy send takes a registered buffer. Since Linux 6.0.
    SendZcFixedBuf = "IORING_RECVSEND_FIXED_BUF (zero-copy)": Entry(
        |bench| zero_copy(bench.send(IORING_RECVSEND_FIXED_BUF, 0)), &[-libc::EOPNOTSUPP, -libc::EFAULT]
    );
    /// A zero-copy send says whether it copied. Since Linux 6.2 and some stable 6.1.
    SendZcReportUsage = "IORING_SEND_ZC_REPORT_USAGE": Entry(
        |bench| zero_copy(bench.send(IORING_SEND_ZC_REPORT_USAGE, 0)), &[-libc::EOPNOTSUPP]
    );
    /// A zero-copy send takes several ranges of memory. Since Linux 6.17.
    SendZcVectorized = "IORING_SEND_VECTORIZED (zero-copy)": Entry(
        |bench| zero_copy(gathered(bench.send(IORING_SEND_VECTORIZED, 0))), &[-libc::EOPNOTSUPP]
    );

    /// An accept goes on. Since Linux 5.19.
    AcceptMultishot = "IORING_ACCEPT_MULTISHOT": Entry(
        |bench| bench.accept(IORING_ACCEPT_MULTISHOT), &[-libc::ENOTSOCK]
    );
    /// An accept does not wait. Since Linux 6.10.
    AcceptDontwait = "IORING_ACCEPT_DONTWAIT": Entry(
        |bench| bench.accept(IORING_ACCEPT_DONTWAIT), &[-libc::ENOTSOCK]
    );
    /// An accept polls first. Since Linux 6.10.
    AcceptPollFirst = "IORING_ACCEPT_POLL_FIRST": Entry(
        |bench| bench.accept(IORING_ACCEPT_POLL_FIRST), &[-libc::ENOTSOCK]
    );

    /// A message with a file posts no completion. Since Linux 6.0.
    MsgRingCqeSkip = "IORING_MSG_RING_CQE_SKIP": Entry(
        |bench| message(bench, IORING_MSG_SEND_FD, IORING_MSG_RING_CQE_SKIP), &[-libc::EBADFD]
    );
    /// A message sets the flags of its completion. Since Linux 6.3.
    MsgRingFlagsPass = "IORING_MSG_RING_FLAGS_PASS": Entry(
        |bench| message(bench, IORING_MSG_DATA, IORING_MSG_RING_FLAGS_PASS), &[-libc::EBADFD]
    );
    /// An installed descriptor stays open in a new program. Since Linux 6.8.
    FixedFdNoCloexec = "IORING_FIXED_FD_NO_CLOEXEC": Entry(|_| install(), &[-libc::EBADF]);

    /// A command uses a registered buffer. Since Linux 6.1.
    UringCmdFixed = "IORING_URING_CMD_FIXED": Entry(
        |bench| command(bench.readable(), IORING_URING_CMD_FIXED, 0), &[-libc::EOPNOTSUPP, -libc::EFAULT]
    );
    /// A command posts many completions. Since Linux 6.18.
    UringCmdMultishot = "IORING_URING_CMD_MULTISHOT": Call(|bench| {
        // It goes with buffers from a group. Kernels that know neither refuse the group before they look at
        // flags, so that a flag that no kernel knows shows the difference.
        let mut of = |flags| bench.run(command(bench.readable(), flags, IOSQE_BUFFER_SELECT));
        let unknown = of(IORING_URING_CMD_MULTISHOT | NO_COMMAND_FLAG)?;
        Ok(of(IORING_URING_CMD_MULTISHOT)? == -libc::EOPNOTSUPP && unknown == -libc::EINVAL)
    });
    /// A socket says how much can be read. Since Linux 6.7.
    SocketSiocinq = "SOCKET_URING_OP_SIOCINQ": Call(|bench| bench.socket_knows(SOCKET_URING_OP_SIOCINQ));
    /// A socket says how much is not sent. Since Linux 6.7.
    SocketSiocoutq = "SOCKET_URING_OP_SIOCOUTQ": Call(|bench| bench.socket_knows(SOCKET_URING_OP_SIOCOUTQ));
    /// A socket's option is read. Since Linux 6.7.
    SocketGetsockopt = "SOCKET_URING_OP_GETSOCKOPT": Call(
        |bench| bench.socket_knows(SOCKET_URING_OP_GETSOCKOPT)
    );
    /// A socket's option is set. Since Linux 6.7.
    SocketSetsockopt = "SOCKET_URING_OP_SETSOCKOPT": Call(
        |bench| bench.socket_knows(SOCKET_URING_OP_SETSOCKOPT)
    );
    /// A socket tells when packets were sent. Since Linux 6.17.
    SocketTxTimestamp = "SOCKET_URING_OP_TX_TIMESTAMP": Call(
        |bench| bench.socket_knows(SOCKET_URING_OP_TX_TIMESTAMP)
    );
    /// A socket tells its address. Since Linux 6.19.
    SocketGetsockname = "SOCKET_URING_OP_GETSOCKNAME": Call(
        |bench| bench.socket_knows(SOCKET_URING_OP_GETSOCKNAME)
    );

    /// The kernel allocates a buffer ring. Since Linux 6.4.
    BufRingMmap = "IOU_PBUF_RING_MMAP": Call(|bench| bench.buf_ring(IOU_PBUF_RING_MMAP, 0));
    /// A buffer is used up bit by bit. Since Linux 6.12.
    BufRingInc = "IOU_PBUF_RING_INC": Call(
        |bench| bench.buf_ring(IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC, 0)
    );
    /// Such a buffer is given up when little is left. Since Linux 7.1 and some stable kernels from 6.12 on.
    BufRingMinLeft = "io_uring_buf_reg::min_left": Call(
        |bench| bench.buf_ring(IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC, 1)
    );
    /// Buffers are cloned from a registered ring. Since Linux 6.12.
    CloneSrcRegistered = "IORING_REGISTER_SRC_REGISTERED": Call(
        |bench| bench.clone_flag(CloneBuffersFlags::SRC_REGISTERED)
    );
    /// Cloned buffers replace others. Since Linux 6.13.
    CloneDstReplace = "IORING_REGISTER_DST_REPLACE": Call(
        |bench| bench.clone_flag(CloneBuffersFlags::DST_REPLACE)
    );
    /// Network queues to poll are named. Since Linux 6.13.
    NapiStatic = "IO_URING_NAPI_TRACKING_STATIC": Call(|bench| {
        bench.accepted(|ring| {
            ring.register_napi(&mut Napi::new().set_tracking(NapiTracking::Static))?;
            ring.unregister_napi(&mut Napi::new())
        })
    });
}

// They are kept as bits of a word.
const _: () = assert!(SubFlag::ALL.len() <= u64::BITS as usize);

/// A NOP that is to complete with 7. Kernels that know no flags of NOPs complete it with 0.
fn nop(flags: u32) -> io_uring_sqe {
    let mut sqe = entry(
        IORING_OP_NOP,
        if flags & IORING_NOP_FIXED_FILE == 0 {
            -1
        } else {
            0
        },
    );
    sqe.set_nop_flags(flags | IORING_NOP_INJECT_RESULT);
    sqe.len = 7;
    sqe
}

/// A timeout that has passed at once, by whichever clock and reading.
fn timeout(flags: u32) -> io_uring_sqe {
    let mut sqe = entry(IORING_OP_TIMEOUT, -1);
    sqe.set_addr(address(&PAST));
    sqe.len = 1;
    sqe.set_timeout_flags(flags);
    sqe
}

/// The first time is the last.
fn once(mut sqe: io_uring_sqe) -> io_uring_sqe {
    sqe.set_off(1);
    sqe
}

/// One nanosecond, in place of the address of a time.
fn immediate(mut sqe: io_uring_sqe) -> io_uring_sqe {
    sqe.set_addr(1);
    sqe
}

/// A change of a timeout that is not there.
fn timeout_update(flags: u32) -> io_uring_sqe {
    let mut sqe = absent(IORING_OP_TIMEOUT_REMOVE);
    sqe.set_off(address(&PAST));
    sqe.set_timeout_flags(flags);
    sqe
}

fn poll_update(flags: u32) -> io_uring_sqe {
    let mut sqe = absent(IORING_OP_POLL_REMOVE);
    sqe.len = flags;
    sqe
}

fn cancel(flags: u32, fd: i32) -> io_uring_sqe {
    let mut sqe = absent(IORING_OP_ASYNC_CANCEL);
    sqe.set_cancel_flags(flags);
    sqe.fd = fd;
    sqe
}

/// An operation on another one, whose user data nothing has.
fn absent(opcode: u8) -> io_uring_sqe {
    let mut sqe = entry(opcode, -1);
    sqe.set_addr(u64::MAX);
    sqe
}

/// The same from a list of ranges.
fn gathered(mut sqe: io_uring_sqe) -> io_uring_sqe {
    sqe.set_addr(address(&RANGES.0));
    sqe.len = 1;
    sqe
}

/// The same without copying. The kind of socket that it goes to cannot do that.
fn zero_copy(mut sqe: io_uring_sqe) -> io_uring_sqe {
    sqe.opcode = IORING_OP_SEND_ZC;
    sqe
}

/// A message to what is not a ring.
fn message(bench: &Bench, command: u64, flags: u32) -> io_uring_sqe {
    let mut sqe = entry(IORING_OP_MSG_RING, bench.readable());
    sqe.set_addr(command);
    sqe.set_msg_ring_flags(flags);
    sqe
}

fn install() -> io_uring_sqe {
    let mut sqe = entry(IORING_OP_FIXED_FD_INSTALL, 0);
    sqe.flags = IOSQE_FIXED_FILE;
    sqe.set_install_fd_flags(IORING_FIXED_FD_NO_CLOEXEC);
    sqe
}

/// A flag of commands that no kernel knows: the last that is not the kernel's own.
const NO_COMMAND_FLAG: u32 = 1 << 23;

/// A command to a file that has none.
fn command(fd: i32, flags: u32, sqe_flags: u8) -> io_uring_sqe {
    let mut sqe = entry(IORING_OP_URING_CMD, fd);
    sqe.set_uring_cmd_flags(flags);
    sqe.set_buf_index(GROUP);
    sqe.flags = sqe_flags;
    sqe
}
