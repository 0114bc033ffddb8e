//! Receiving.

use libc::msghdr;

use super::{address, entry_on};
use crate::uring::raw::sqe::{Entry, Flags};
use crate::uring::raw::types::{MsgFlags, SendRecvFlags, sealed::UseFixed};

builder! {
    /// Receives up to `len` bytes, like recv(2). Since Linux 5.6.
    ///
    /// `buf` must stay valid until the final completion. It is unused, and may be null, with a
    /// buffer group. With [`MsgFlags::WAITALL`] a short receive is continued.
    Recv -> Entry = IORING_OP_RECV {
        flags: MsgFlags as i32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        buf_group,
        buf_index,
    }
}

impl Recv {
    /// The socket, the buffer, and its length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *mut u8, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Receives again and again into provided buffers, with a completion for each, until one lacks
    /// `F_MORE`. Since Linux 6.0.
    ///
    /// Ends with `-ENOBUFS` when the group is empty, and with 0 when the peer is done.
    /// [`MsgFlags::WAITALL`] gives `-EINVAL`. The buffers of the group must stay valid while they
    /// are in it.
    RecvMulti -> Entry = IORING_OP_RECV {
        flags: MsgFlags as i32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        len,
    }
}

impl RecvMulti {
    /// The socket, and the group of buffers.
    #[inline]
    pub fn new(fd: impl UseFixed, buf_group: u16) -> Self {
        Self(provided(
            Self::CODE,
            fd,
            buf_group,
            SendRecvFlags::MULTISHOT,
        ))
    }

    /// Ends it with the receive that makes it this many bytes in all, or more; 0 for without end.
    /// Since Linux 6.17.
    #[inline]
    pub fn total_len(mut self, total_len: u32) -> Self {
        self.0.as_raw_mut().set_optlen(total_len);
        self
    }
}

builder! {
    /// Receives into many provided buffers at once, in the order of their group; the result is the
    /// bytes. Since Linux 6.10.
    ///
    /// The completion names the first buffer, the others follow it. How many it takes is up to the
    /// kernel: data and buffers may be left. `-ENOBUFS` when the group is empty.
    RecvBundle -> Entry = IORING_OP_RECV {
        flags: MsgFlags as i32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        len,
    }
}

impl RecvBundle {
    /// The socket, and the group of buffers.
    #[inline]
    pub fn new(fd: impl UseFixed, buf_group: u16) -> Self {
        Self(provided(Self::CODE, fd, buf_group, SendRecvFlags::BUNDLE))
    }
}

builder! {
    /// [`RecvMulti`] whose completions may each cover many buffers, as with [`RecvBundle`]. Since
    /// Linux 6.10.
    RecvMultiBundle -> Entry = IORING_OP_RECV {
        flags: MsgFlags as i32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        len,
    }
}

impl RecvMultiBundle {
    /// The socket, and the group of buffers.
    #[inline]
    pub fn new(fd: impl UseFixed, buf_group: u16) -> Self {
        let both = SendRecvFlags::MULTISHOT.union(SendRecvFlags::BUNDLE);
        Self(provided(Self::CODE, fd, buf_group, both))
    }

    /// Ends it with the receive that makes it this many bytes in all, or more; 0 for without end.
    /// Since Linux 6.17.
    #[inline]
    pub fn total_len(mut self, total_len: u32) -> Self {
        self.0.as_raw_mut().set_optlen(total_len);
        self
    }
}

builder! {
    /// Receives a message, like recvmsg(2). Since Linux 5.3.
    ///
    /// `msg` is written too: with the buffers and all else that it leads to it must stay valid
    /// until the final completion.
    RecvMsg -> Entry = IORING_OP_RECVMSG {
        flags: MsgFlags as u32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        buf_group,
    }
}

impl RecvMsg {
    /// The socket, and where to put the message.
    #[inline]
    pub fn new(fd: impl UseFixed, msg: *mut msghdr) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(msg));
            sqe.len = 1;
        }))
    }
}

builder! {
    /// Receives messages again and again into provided buffers, with a completion for each, until
    /// one lacks `F_MORE`. Since Linux 6.0.
    ///
    /// Each buffer begins with a header; [`RecvMsgOut`](crate::uring::raw::types::RecvMsgOut) reads
    /// it. `msg` must stay valid until submitted, the buffers of the group while they are in it.
    /// `-EFAULT` from a buffer that is too small for header, name and control data; `-EINVAL` for
    /// [`MsgFlags::WAITALL`].
    RecvMsgMulti -> Entry = IORING_OP_RECVMSG {
        flags: MsgFlags as u32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
    }
}

impl RecvMsgMulti {
    /// The socket, the message of which only `msg_namelen` and `msg_controllen` count, and the
    /// group of buffers.
    #[inline]
    pub fn new(fd: impl UseFixed, msg: *const msghdr, buf_group: u16) -> Self {
        let mut entry = provided(Self::CODE, fd, buf_group, SendRecvFlags::MULTISHOT);
        entry.as_raw_mut().set_addr(address(msg));
        entry.as_raw_mut().len = 1;
        Self(entry)
    }
}

builder! {
    /// Receives again and again into the memory of a zero-copy receive queue, with a 32-byte
    /// completion for each, until one lacks `F_MORE`. Since Linux 6.15.
    ///
    /// The second half of the completion is an [`io_uring_zcrx_cqe`](uring_sys::io_uring_zcrx_cqe),
    /// which tells where the data lies. The queue's memory must stay valid as long as the queue.
    /// `-EINVAL` without such a queue.
    RecvZc -> Entry = IORING_OP_RECV_ZC { ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE }
}

impl RecvZc {
    /// The socket, and how many bytes to receive in all (0: without end).
    #[inline]
    pub fn new(fd: impl UseFixed, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.len = len;
            sqe.ioprio = SendRecvFlags::MULTISHOT.bits();
        }))
    }

    /// The queue: the `zcrx_id` that registering it gave. 0 unless set.
    #[inline]
    pub fn ifq(mut self, ifq: u32) -> Self {
        self.0.as_raw_mut().set_zcrx_ifq_idx(ifq);
        self
    }
}

/// A receive into the buffers of a group.
#[inline]
fn provided(code: u8, fd: impl UseFixed, buf_group: u16, how: SendRecvFlags) -> Entry {
    entry_on(code, fd, |sqe| {
        sqe.ioprio = how.bits();
        sqe.flags |= Flags::BUFFER_SELECT.bits();
        sqe.set_buf_group(buf_group);
    })
}
