//! Sockets: making, binding, connecting, accepting.

use libc::{sockaddr, socklen_t};

use super::{address, entry, entry_on};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{AcceptFlags, SocketFlags, sealed::UseFixed};

builder! {
    /// Makes a socket, like socket(2); the result is its descriptor, or 0 if it went into a given
    /// slot. Since Linux 5.19.
    Socket -> Entry = IORING_OP_SOCKET { file_index }
}

impl Socket {
    /// The domain (`AF_*`), the type (`SOCK_*`, with `SOCK_CLOEXEC` and `SOCK_NONBLOCK`) and the
    /// protocol.
    #[inline]
    pub fn new(domain: i32, socket_type: i32, protocol: i32) -> Self {
        Self(entry(Self::CODE, domain, |sqe| {
            sqe.set_off(socket_type as u64);
            sqe.len = protocol as u32;
        }))
    }

    /// Must be 0: the kernel has no flags here yet.
    #[inline]
    pub fn flags(mut self, flags: i32) -> Self {
        self.0.as_raw_mut().set_rw_flags(flags as u32);
        self
    }
}

builder! {
    /// Gives a socket its own address, like bind(2). Since Linux 6.11.
    ///
    /// The address must stay valid until submitted.
    Bind -> Entry = IORING_OP_BIND {}
}

impl Bind {
    /// The socket, the address, and its length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, addr: *const sockaddr, addrlen: socklen_t) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(addr));
            sqe.set_addr2(addrlen.into());
        }))
    }
}

builder! {
    /// Makes a socket ready to accept, like listen(2). Since Linux 6.11.
    Listen -> Entry = IORING_OP_LISTEN {}
}

impl Listen {
    /// The socket, and how many connections may wait.
    #[inline]
    pub fn new(fd: impl UseFixed, backlog: i32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| sqe.len = backlog as u32))
    }
}

builder! {
    /// Connects a socket, like connect(2); it waits for the connection also on a non-blocking
    /// socket. Since Linux 5.5.
    ///
    /// The address must stay valid until submitted.
    Connect -> Entry = IORING_OP_CONNECT {}
}

impl Connect {
    /// The socket, the address, and its length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, addr: *const sockaddr, addrlen: socklen_t) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(addr));
            sqe.set_off(addrlen.into());
        }))
    }
}

builder! {
    /// Shuts down a connection or half of it, like shutdown(2). Since Linux 5.11.
    Shutdown -> Entry = IORING_OP_SHUTDOWN {}
}

impl Shutdown {
    /// The socket, and what to shut down (`SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`).
    #[inline]
    pub fn new(fd: impl UseFixed, how: i32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| sqe.len = how as u32))
    }
}

builder! {
    /// Accepts a connection, like accept4(2); the result is its descriptor, or 0 if it went into a
    /// given slot. Since Linux 5.5.
    ///
    /// `addr` and `addrlen` must stay valid until the final completion. A cancelled accept may
    /// still deliver a connection.
    Accept -> Entry = IORING_OP_ACCEPT { flags: SocketFlags as i32, ioprio: AcceptFlags, file_index }
}

impl Accept {
    /// The listening socket, where to put the peer's address, and how much room is there; both may
    /// be null.
    #[inline]
    pub fn new(fd: impl UseFixed, addr: *mut sockaddr, addrlen: *mut socklen_t) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(addr));
            sqe.set_addr2(address(addrlen));
        }))
    }
}

builder! {
    /// Accepts connections again and again, with a completion for each, until one lacks `F_MORE`.
    /// Since Linux 5.19.
    ///
    /// There is no peer's address: ask with getpeername(2) or [`GetSockName`](super::GetSockName).
    AcceptMulti -> Entry = IORING_OP_ACCEPT {
        flags: SocketFlags as i32,
        ioprio: AcceptFlags | AcceptFlags::MULTISHOT,
    }
}

impl AcceptMulti {
    /// The listening socket.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.ioprio = AcceptFlags::MULTISHOT.bits()
        }))
    }

    /// Puts each connection into a free slot of the registered files, whose number is the result.
    /// `-ENFILE` ends it when there is none.
    #[inline]
    pub fn allocate_file_index(mut self, allocate_file_index: bool) -> Self {
        let slot = if allocate_file_index {
            uring_sys::IORING_FILE_INDEX_ALLOC
        } else {
            0
        };
        self.0.as_raw_mut().set_file_index(slot);
        self
    }
}
