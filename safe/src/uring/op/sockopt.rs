//! Commands to sockets.

use std::marker::PhantomData;

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::RingId;
use crate::uring::addr::Addr;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;

/// A socket option with a value of type `T`, see socket(7), tcp(7), ip(7) and udp(7).
#[derive(Debug)]
pub struct SockOpt<T> {
    level: u32,
    name: u32,
    value: PhantomData<T>,
}

impl<T> Clone for SockOpt<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SockOpt<T> {}

mod sealed {
    pub trait Sealed {}

    impl Sealed for i32 {}

    impl Sealed for u64 {}

    impl<const N: usize> Sealed for [u8; N] {}
}

/// What the value of a socket option can be: any bytes are one.
pub trait SockOptValue: sealed::Sealed + Copy + 'static {
    /// A value of zero bytes.
    #[doc(hidden)]
    const ZERO: Self;
}

impl SockOptValue for i32 {
    const ZERO: Self = 0;
}

impl SockOptValue for u64 {
    const ZERO: Self = 0;
}

impl<const N: usize> SockOptValue for [u8; N] {
    const ZERO: Self = [0; N];
}

impl<T: SockOptValue> SockOpt<T> {
    /// The option of a level (`SOL_*`, `IPPROTO_*`) and name.
    ///
    /// # Safety
    ///
    /// Its value is a plain one, of the length of a `T` at most: the kernel follows no address in it. (It does in
    /// those of `SO_ATTACH_FILTER`, `TCP_ZEROCOPY_RECEIVE` and netfilter, for example.)
    pub const unsafe fn new(level: i32, name: i32) -> Self {
        Self {
            level: level as u32,
            name: name as u32,
            value: PhantomData,
        }
    }
}

impl SockOpt<i32> {
    const fn plain(level: i32, name: i32) -> Self {
        // SAFETY: all below are numbers.
        unsafe { Self::new(level, name) }
    }

    /// Whether the address may be bound although connections of it linger.
    pub const REUSEADDR: Self = Self::plain(libc::SOL_SOCKET, libc::SO_REUSEADDR);
    /// Whether several sockets may be bound to one address.
    pub const REUSEPORT: Self = Self::plain(libc::SOL_SOCKET, libc::SO_REUSEPORT);
    /// Whether the connection is probed while nothing is sent.
    pub const KEEPALIVE: Self = Self::plain(libc::SOL_SOCKET, libc::SO_KEEPALIVE);
    /// Whether datagrams may be sent to broadcast addresses.
    pub const BROADCAST: Self = Self::plain(libc::SOL_SOCKET, libc::SO_BROADCAST);
    /// The room for data to send, in bytes. The kernel doubles what is set.
    pub const SNDBUF: Self = Self::plain(libc::SOL_SOCKET, libc::SO_SNDBUF);
    /// The room for data received, in bytes. The kernel doubles what is set.
    pub const RCVBUF: Self = Self::plain(libc::SOL_SOCKET, libc::SO_RCVBUF);
    /// The error of the socket, which is cleared by asking.
    pub const ERROR: Self = Self::plain(libc::SOL_SOCKET, libc::SO_ERROR);
    /// The socket's type, to be asked only.
    pub const TYPE: Self = Self::plain(libc::SOL_SOCKET, libc::SO_TYPE);
    /// Whether the socket listens, to be asked only.
    pub const ACCEPTCONN: Self = Self::plain(libc::SOL_SOCKET, libc::SO_ACCEPTCONN);
    /// Whether credentials come with messages.
    pub const PASSCRED: Self = Self::plain(libc::SOL_SOCKET, libc::SO_PASSCRED);
    /// Whether times of arrival come with messages, in microseconds.
    pub const TIMESTAMP: Self = Self::plain(libc::SOL_SOCKET, libc::SO_TIMESTAMP);
    /// Whether times of arrival come with messages, in nanoseconds.
    pub const TIMESTAMPNS: Self = Self::plain(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS);
    /// Which times come with messages: `SOF_TIMESTAMPING_*`.
    pub const TIMESTAMPING: Self = Self::plain(libc::SOL_SOCKET, libc::SO_TIMESTAMPING);
    /// Whether small data is sent at once.
    pub const TCP_NODELAY: Self = Self::plain(libc::IPPROTO_TCP, libc::TCP_NODELAY);
    /// Whether data is held back until segments are full.
    pub const TCP_CORK: Self = Self::plain(libc::IPPROTO_TCP, libc::TCP_CORK);
    /// Whether the address that a datagram came to comes with it (`IP_PKTINFO`).
    pub const IP_PKTINFO: Self = Self::plain(libc::IPPROTO_IP, libc::IP_PKTINFO);
    /// Whether the address that a datagram came to comes with it (`IPV6_PKTINFO`).
    pub const IPV6_RECVPKTINFO: Self = Self::plain(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO);
    /// Whether an IPv6 socket is for IPv6 alone.
    pub const IPV6_V6ONLY: Self = Self::plain(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY);
    /// The size of the datagrams that one send is cut into.
    pub const UDP_SEGMENT: Self = Self::plain(libc::SOL_UDP, libc::UDP_SEGMENT);
    /// Whether datagrams of one flow may be received together.
    pub const UDP_GRO: Self = Self::plain(libc::SOL_UDP, libc::UDP_GRO);
}

/// Sets a socket option, as setsockopt(2) does. Since Linux 6.7.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::net::UdpSocket;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// let ticket = ring.push(op::SetSockOpt::new(socket, op::SockOpt::RCVBUF, 50_000))?;
/// let done = ring.wait(ticket)?;
/// done.result?;
/// let ticket = ring.push(op::GetSockOpt::new(done.file, op::SockOpt::RCVBUF))?;
/// assert_eq!(ring.wait(ticket)?.result?, 100_000);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `ENOPROTOOPT`, `EINVAL`, `EPERM`; `EOPNOTSUPP` before Linux 6.7, and for what is no socket.
#[derive(Debug)]
pub struct SetSockOpt<F, T> {
    file: F,
    option: SockOpt<T>,
    value: T,
}

impl<F: Handle, T: SockOptValue> SetSockOpt<F, T> {
    /// The socket, the option, and its new value.
    pub fn new(file: F, option: SockOpt<T>, value: T) -> Self {
        Self {
            file,
            option,
            value,
        }
    }
}

// SAFETY: the value lies in the value, with its length. By the promise of `SockOpt::new` it leads nowhere.
unsafe impl<F: Handle, T: SockOptValue> Operation for SetSockOpt<F, T> {
    const OPCODE: u8 = opcode::SetSockOpt::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let SockOpt { level, name, .. } = self.option;
        let value = (&raw const self.value).cast();
        let len = size_of::<T>() as u32;
        *entry = opcode::SetSockOpt::new(self.file.target(), level, name, value, len).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.file,
        }
    }
}

/// Asks for a socket option, as getsockopt(2) does, of the level `SOL_SOCKET`. Since Linux 6.7.
///
/// Bytes that the kernel does not write are zero.
///
/// # Errors
///
/// `ENOPROTOOPT`; `EOPNOTSUPP` for other levels, before Linux 6.7, and for what is no socket.
#[derive(Debug)]
pub struct GetSockOpt<F, T> {
    file: F,
    option: SockOpt<T>,
    value: T,
}

impl<F: Handle, T: SockOptValue> GetSockOpt<F, T> {
    /// The socket, and the option.
    pub fn new(file: F, option: SockOpt<T>) -> Self {
        Self {
            file,
            option,
            value: T::ZERO,
        }
    }
}

// SAFETY: the value lies in the value, with its length; any bytes are one.
unsafe impl<F: Handle, T: SockOptValue> Operation for GetSockOpt<F, T> {
    const OPCODE: u8 = opcode::GetSockOpt::CODE;

    type Output = Answered<F, T>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let SockOpt { level, name, .. } = self.option;
        let value = (&raw mut self.value).cast();
        let len = size_of::<T>() as u32;
        *entry = opcode::GetSockOpt::new(self.file.target(), level, name, value, len).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(|_| self.value),
            file: self.file,
        }
    }
}

/// The number of bytes that can be received without waiting: `SIOCINQ`, see tcp(7). Since Linux 6.7.
///
/// # Errors
///
/// `EINVAL` for a socket that listens; `EOPNOTSUPP` before Linux 6.7, and for what is no socket.
#[derive(Debug)]
pub struct BytesToReceive<F> {
    file: F,
}

impl<F: Handle> BytesToReceive<F> {
    /// The socket.
    pub fn new(file: F) -> Self {
        Self { file }
    }
}

/// The number of bytes that were sent and that the peer has not acknowledged: `SIOCOUTQ`, see tcp(7). Since Linux 6.7.
///
/// # Errors
///
/// As for [`BytesToReceive`].
#[derive(Debug)]
pub struct BytesToSend<F> {
    file: F,
}

impl<F: Handle> BytesToSend<F> {
    /// The socket.
    pub fn new(file: F) -> Self {
        Self { file }
    }
}

/// The answer of a command that counts bytes.
fn count<F>(opcode: u8, file: F, cqe: Cqe) -> Answered<F, usize> {
    let result = Error::check(opcode, cqe.result).map(|bytes| bytes as usize);
    Answered { result, file }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for BytesToReceive<F> {
    const OPCODE: u8 = opcode::SocketInq::CODE;

    type Output = Answered<F, usize>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::SocketInq::new(self.file.target()).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        count(Self::OPCODE, self.file, cqe)
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for BytesToSend<F> {
    const OPCODE: u8 = opcode::SocketOutq::CODE;

    type Output = Answered<F, usize>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::SocketOutq::new(self.file.target()).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        count(Self::OPCODE, self.file, cqe)
    }
}

/// A socket's own address, as getsockname(2) tells, or with [`peer`](Self::peer) its peer's. Since Linux 6.19.
///
/// # Errors
///
/// `ENOTCONN` if there is no peer; `EOPNOTSUPP` before Linux 6.19, and for what is no socket.
#[derive(Debug)]
pub struct GetSockName<F> {
    file: F,
    addr: Addr,
    peer: bool,
}

impl<F: Handle> GetSockName<F> {
    /// The socket.
    pub fn new(file: F) -> Self {
        Self {
            file,
            addr: Addr::none(),
            peer: false,
        }
    }

    /// Asks for the peer's address instead.
    #[must_use]
    pub fn peer(mut self) -> Self {
        self.peer = true;
        self
    }
}

// SAFETY: the address and its length lie in the value, and the kernel is told how much room there is.
unsafe impl<F: Handle> Operation for GetSockName<F> {
    const OPCODE: u8 = opcode::GetSockName::CODE;

    type Output = Answered<F, Addr>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let (addr, len) = self.addr.room();
        *entry = opcode::GetSockName::new(self.file.target(), addr, len)
            .peer(self.peer)
            .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(|_| self.addr.wrote()),
            file: self.file,
        }
    }
}
