//! Sending.

use libc::{iovec, msghdr, sockaddr, socklen_t};
use uring_sys::io_uring_sqe;

use super::{address, entry_on};
use crate::uring::raw::sqe::{Entry, Flags};
use crate::uring::raw::types::{MsgFlags, SendRecvFlags, sealed::UseFixed};

builder! {
    /// Sends `len` bytes, like send(2), or like sendto(2) with a destination. Since Linux 5.6.
    ///
    /// `buf` and the destination must stay valid until the final completion. With
    /// [`MsgFlags::WAITALL`] a short send is continued.
    Send -> Entry = IORING_OP_SEND {
        flags: MsgFlags as i32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        buf_group,
        buf_index,
    }
}

impl Send {
    /// The socket, the data, and its length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *const u8, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
        }))
    }

    /// Sends from several buffers: the socket, the array of buffers, and how many there are. Since
    /// Linux 6.17.
    ///
    /// The array must stay valid until submitted.
    #[inline]
    pub fn vectored(fd: impl UseFixed, iovec: *const iovec, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(iovec));
            sqe.len = len;
            sqe.ioprio = SendRecvFlags::VECTORIZED.bits();
        }))
    }

    /// Where to send to, from a socket that is not connected. Goes with its length. Since Linux
    /// 6.0.
    #[inline]
    pub fn dest_addr(mut self, dest_addr: *const sockaddr) -> Self {
        self.0.as_raw_mut().set_addr2(address(dest_addr));
        self
    }

    /// The length of the destination in bytes.
    #[inline]
    pub fn dest_addr_len(mut self, dest_addr_len: socklen_t) -> Self {
        set_destination_len(self.0.as_raw_mut(), dest_addr_len);
        self
    }
}

builder! {
    /// Sends many provided buffers at once, in the order of their group; the result is the bytes.
    /// Since Linux 6.10.
    ///
    /// The completion names the first buffer, the others follow it. `-ENOBUFS` when the group is
    /// empty.
    SendBundle -> Entry = IORING_OP_SEND {
        flags: MsgFlags as i32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        len,
    }
}

impl SendBundle {
    /// The socket, and the group of buffers.
    #[inline]
    pub fn new(fd: impl UseFixed, buf_group: u16) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.ioprio = SendRecvFlags::BUNDLE.bits();
            sqe.flags |= Flags::BUFFER_SELECT.bits();
            sqe.set_buf_group(buf_group);
        }))
    }
}

builder! {
    /// Sends `len` bytes without copying them, like send(2) with `MSG_ZEROCOPY`. Since Linux 6.0.
    ///
    /// Two completions: the result, which has `F_MORE` if the other follows, and the notification
    /// (`F_NOTIF`). `buf` must stay valid until the notification, or until the result if that lacks
    /// `F_MORE`. `-EOPNOTSUPP` from sockets that cannot.
    SendZc -> Entry = IORING_OP_SEND_ZC { flags: MsgFlags as i32, buf_index }
}

impl SendZc {
    /// The socket, the data, and its length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *const u8, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
        }))
    }

    /// Sends from several buffers: the socket, the array of buffers, and how many there are. Since
    /// Linux 6.17.
    ///
    /// The array must stay valid until submitted. With a registered buffer, in which all of them
    /// must lie, `-EINVAL` or `-EFAULT` before Linux 7.1.
    #[inline]
    pub fn vectored(fd: impl UseFixed, iovec: *const iovec, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(iovec));
            sqe.len = len;
            sqe.ioprio = SendRecvFlags::VECTORIZED.bits();
        }))
    }

    /// As [`with_zc_flags`](Self::with_zc_flags), by the kernel's numbers.
    #[inline]
    pub fn zc_flags(self, zc_flags: u16) -> Self {
        self.with_zc_flags(zc_flags.into())
    }

    /// Sets [`SendRecvFlags::POLL_FIRST`] or [`SendRecvFlags::REPORT_USAGE`].
    #[inline]
    pub fn with_zc_flags(mut self, zc_flags: SendRecvFlags) -> Self {
        let kept = SendRecvFlags::STRUCTURE.bits();
        super::replace_ioprio(self.0.as_raw_mut(), zc_flags.bits(), kept);
        self
    }

    /// Where to send to, from a socket that is not connected. Goes with its length.
    #[inline]
    pub fn dest_addr(mut self, dest_addr: *const sockaddr) -> Self {
        self.0.as_raw_mut().set_addr2(address(dest_addr));
        self
    }

    /// The length of the destination in bytes.
    #[inline]
    pub fn dest_addr_len(mut self, dest_addr_len: socklen_t) -> Self {
        set_destination_len(self.0.as_raw_mut(), dest_addr_len);
        self
    }
}

builder! {
    /// Sends a message, like sendmsg(2). Since Linux 5.3.
    ///
    /// `msg` and its array of buffers must stay valid until submitted, the buffers until the final
    /// completion.
    SendMsg -> Entry = IORING_OP_SENDMSG {
        flags: MsgFlags as u32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
    }
}

impl SendMsg {
    /// The socket and the message.
    #[inline]
    pub fn new(fd: impl UseFixed, msg: *const msghdr) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(msg));
            sqe.len = 1;
        }))
    }
}

builder! {
    /// Sends a message without copying its data, like sendmsg(2) with `MSG_ZEROCOPY`. Since Linux
    /// 6.1.
    ///
    /// Completions are those of [`SendZc`]. `msg` and its array of buffers must stay valid until
    /// submitted, the buffers until the notification. With a registered buffer (since Linux 6.15)
    /// all of the data must lie in it.
    SendMsgZc -> Entry = IORING_OP_SENDMSG_ZC {
        flags: MsgFlags as u32,
        ioprio: SendRecvFlags | SendRecvFlags::STRUCTURE,
        buf_index,
    }
}

impl SendMsgZc {
    /// The socket and the message.
    #[inline]
    pub fn new(fd: impl UseFixed, msg: *const msghdr) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(msg));
            sqe.len = 1;
        }))
    }
}

/// The field has 16 bits, of which no address needs more than 8: what does not fit must be refused,
/// not cut.
#[inline]
fn set_destination_len(sqe: &mut io_uring_sqe, len: socklen_t) {
    sqe.set_addr_len(u16::try_from(len).unwrap_or(u16::MAX));
}
