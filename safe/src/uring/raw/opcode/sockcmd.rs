//! Commands to sockets. `-EOPNOTSUPP` from what is no socket, and for a command that the kernel
//! does not know.

use libc::{c_void, sockaddr, socklen_t};

use super::{address, cmd::command};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{UringCmdFlags, sealed::UseFixed};

builder! {
    /// Sets a socket option, like setsockopt(2). Since Linux 6.7.
    ///
    /// `optval` must stay valid until the final completion.
    SetSockOpt -> Entry = IORING_OP_URING_CMD { flags: UringCmdFlags as u32 }
}

impl SetSockOpt {
    /// The socket, the option's level (`SOL_*`) and name (`SO_*`), its value, and the value's
    /// length in bytes.
    #[inline]
    pub fn new(
        fd: impl UseFixed,
        level: u32,
        optname: u32,
        optval: *const c_void,
        optlen: u32,
    ) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::SOCKET_URING_OP_SETSOCKOPT,
            |sqe| {
                sqe.set_level(level);
                sqe.set_optname(optname);
                sqe.set_optval(address(optval));
                sqe.set_optlen(optlen);
            },
        ))
    }
}

builder! {
    /// Reads a socket option, like getsockopt(2); the result is the length of its value. Since
    /// Linux 6.7.
    ///
    /// `optval` must stay valid until the final completion. `-EOPNOTSUPP` for a level other than
    /// `SOL_SOCKET`.
    GetSockOpt -> Entry = IORING_OP_URING_CMD { flags: UringCmdFlags }
}

impl GetSockOpt {
    /// The socket, the option's level (`SOL_SOCKET`) and name (`SO_*`), where to put its value, and
    /// the room there in bytes.
    #[inline]
    pub fn new(
        fd: impl UseFixed,
        level: u32,
        optname: u32,
        optval: *mut c_void,
        optlen: u32,
    ) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::SOCKET_URING_OP_GETSOCKOPT,
            |sqe| {
                sqe.set_level(level);
                sqe.set_optname(optname);
                sqe.set_optval(address(optval));
                sqe.set_optlen(optlen);
            },
        ))
    }
}

builder! {
    /// Counts the bytes that can be read from a socket, like the ioctl `SIOCINQ`; they are the
    /// result. Since Linux 6.7.
    SocketInq -> Entry = IORING_OP_URING_CMD {}
}

impl SocketInq {
    /// The socket.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::SOCKET_URING_OP_SIOCINQ,
            |_| (),
        ))
    }
}

builder! {
    /// Counts the bytes that a socket has yet to send, like the ioctl `SIOCOUTQ`; they are the
    /// result. Since Linux 6.7.
    SocketOutq -> Entry = IORING_OP_URING_CMD {}
}

impl SocketOutq {
    /// The socket.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::SOCKET_URING_OP_SIOCOUTQ,
            |_| (),
        ))
    }
}

builder! {
    /// Posts a 32-byte completion for each transmit timestamp of a socket, until one lacks
    /// `F_MORE`. Since Linux 6.17.
    ///
    /// Those have the key of the packet as the result, an [`io_timespec`](uring_sys::io_timespec)
    /// as the second half, and tell the kind of timestamp above `IORING_TIMESTAMP_TYPE_SHIFT` in
    /// the flags. `-EINVAL` on a ring that has no 32-byte completions.
    TxTimestamp -> Entry = IORING_OP_URING_CMD {}
}

impl TxTimestamp {
    /// The socket, which has `SO_TIMESTAMPING` set.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::SOCKET_URING_OP_TX_TIMESTAMP,
            |_| (),
        ))
    }
}

builder! {
    /// Reads a socket's own address, like getsockname(2), or its peer's, like getpeername(2). Since
    /// Linux 6.19.
    ///
    /// `addr` and `addrlen` must stay valid until the final completion.
    GetSockName -> Entry = IORING_OP_URING_CMD {}
}

impl GetSockName {
    /// The socket, where to put the address, and how much room is there, which becomes the
    /// address's length.
    #[inline]
    pub fn new(fd: impl UseFixed, addr: *mut sockaddr, addrlen: *mut socklen_t) -> Self {
        Self(command(
            Self::CODE,
            fd,
            uring_sys::SOCKET_URING_OP_GETSOCKNAME,
            |sqe| {
                sqe.set_addr(address(addr));
                sqe.set_addr3(address(addrlen));
            },
        ))
    }

    /// Whether the peer's address is meant. Not so unless set.
    #[inline]
    pub fn peer(mut self, peer: bool) -> Self {
        self.0.as_raw_mut().set_optlen(peer.into());
        self
    }
}
