//! Making and connecting sockets.

use std::net::Shutdown as How;
use std::os::fd::{FromRawFd, OwnedFd};

use super::direct::{Destination, Direct, Opens};
use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::RingId;
use crate::uring::addr::{Addr, Family};
use crate::uring::handle::Handle;
use crate::uring::raw::{opcode, types};

/// The type of a socket: `SOCK_*`, see socket(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketType(pub i32);

impl SocketType {
    /// A connection of bytes: TCP for internet addresses.
    pub const STREAM: Self = Self(libc::SOCK_STREAM);
    /// Single messages: UDP for internet addresses.
    pub const DGRAM: Self = Self(libc::SOCK_DGRAM);
    /// A connection of messages.
    pub const SEQPACKET: Self = Self(libc::SOCK_SEQPACKET);
}

/// Takes a descriptor that a completion has brought.
///
/// # Safety
///
/// `number` is the result of an operation that has put a new descriptor in the process's table, and nobody else
/// was told of it.
pub(super) unsafe fn descriptor(number: u32) -> OwnedFd {
    // SAFETY: by the caller's promise. Descriptors are positive numbers of 31 bits.
    unsafe { OwnedFd::from_raw_fd(number as i32) }
}

/// Makes a socket, as socket(2) does, and gives its descriptor. Since Linux 5.19.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::net::{SocketAddr, TcpListener};
///
/// use safe::uring::{Family, Ring, op};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::Socket::new(Family::INET, op::SocketType::STREAM))?;
/// let socket = ring.wait(ticket)??;
/// let ticket = ring.push(op::Connect::new(socket, listener.local_addr()?))?;
/// ring.wait(ticket)?.result?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `EAFNOSUPPORT`, `EPROTONOSUPPORT` or `ESOCKTNOSUPPORT` for what the kernel does not have, `EMFILE` if the
/// process has too many descriptors.
#[derive(Clone, Debug)]
pub struct Socket {
    family: Family,
    kind: SocketType,
    protocol: i32,
    flags: types::SocketFlags,
}

impl Socket {
    /// A socket of that family and type, which execve(2) closes.
    pub fn new(family: Family, kind: SocketType) -> Self {
        Self {
            family,
            kind,
            protocol: 0,
            flags: types::SocketFlags::CLOEXEC,
        }
    }

    /// The protocol, if not the usual one of the type (`IPPROTO_*`).
    #[must_use]
    pub fn protocol(mut self, protocol: i32) -> Self {
        self.protocol = protocol;
        self
    }

    /// What the socket is like, instead of [`CLOEXEC`](types::SocketFlags::CLOEXEC).
    #[must_use]
    pub fn flags(mut self, flags: types::SocketFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Makes it a fixed file instead, without a descriptor. Since Linux 5.19.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::net::{SocketAddr, TcpListener};
    ///
    /// use safe::uring::{Family, Ring, op};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut ring = Ring::new(8)?;
    /// ring.register_files(4, 0)?;
    /// let slot = ring.reserve_file()?;
    /// let socket = op::Socket::new(Family::INET, op::SocketType::STREAM).direct(slot.clone());
    /// let chain = op::link(socket, op::Connect::new(slot, listener.local_addr()?));
    /// let tickets = ring.push_chain(chain)?;
    /// let (made, connected) = ring.wait_chain(tickets)?.outputs;
    /// let socket = made?;
    /// connected.result?;
    /// let ticket = ring.push(op::Send::new(socket, &b"hello"[..]))?;
    /// assert_eq!(ring.wait(ticket)?.result?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn direct(self, to: impl Into<Destination>) -> Direct<Self> {
        Direct::new(self, to.into())
    }
}

// SAFETY: that is what `IORING_OP_SOCKET` answers, and where it has its slot.
unsafe impl Opens for Socket {
    type Opened<T> = Result<T, Error>;

    fn without_descriptor(&mut self) {
        self.flags.remove(types::SocketFlags::CLOEXEC);
    }

    fn opened<T>(self, _: Cqe, file: Result<T, Error>) -> Result<T, Error> {
        file
    }
}

// SAFETY: the entry names no memory.
unsafe impl Operation for Socket {
    const OPCODE: u8 = opcode::Socket::CODE;

    type Output = Result<OwnedFd, Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let kind = self.kind.0 | self.flags.bits() as i32;
        *entry = opcode::Socket::new(self.family.0.into(), kind, self.protocol).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let number = Error::check(Self::OPCODE, cqe.result)?;
        // SAFETY: the entry asks for a descriptor, not a slot, and this is its only completion.
        Ok(unsafe { descriptor(number) })
    }
}

/// Gives a socket its own address, as bind(2) does. Since Linux 6.11.
///
/// # Errors
///
/// `EADDRINUSE`, `EADDRNOTAVAIL`; `EINVAL` if it has one, and from kernels that do not know the operation.
#[derive(Debug)]
pub struct Bind<F> {
    file: F,
    addr: Addr,
}

impl<F: Handle> Bind<F> {
    /// The socket, and its address.
    pub fn new(file: F, addr: impl Into<Addr>) -> Self {
        Self {
            file,
            addr: addr.into(),
        }
    }
}

// SAFETY: the address lies in the value.
unsafe impl<F: Handle> Operation for Bind<F> {
    const OPCODE: u8 = opcode::Bind::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let addr = &self.addr;
        *entry = opcode::Bind::new(self.file.target(), addr.as_ptr(), addr.len()).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        answered::<Self, F>(self.file, cqe)
    }
}

/// The answer of an operation that succeeds or fails.
#[inline]
fn answered<O: Operation, F>(file: F, cqe: Cqe) -> Answered<F, ()> {
    let result = Error::check(O::OPCODE, cqe.result).map(drop);
    Answered { result, file }
}

/// Makes a socket ready to accept connections, as listen(2) does. Since Linux 6.11.
///
/// # Errors
///
/// `EADDRINUSE`, `EOPNOTSUPP`; `EINVAL` from kernels that do not know the operation.
#[derive(Debug)]
pub struct Listen<F> {
    file: F,
    backlog: u32,
}

impl<F: Handle> Listen<F> {
    /// The socket, and how many connections may wait to be accepted.
    pub fn new(file: F, backlog: u32) -> Self {
        Self { file, backlog }
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Listen<F> {
    const OPCODE: u8 = opcode::Listen::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let backlog = i32::try_from(self.backlog).unwrap_or(i32::MAX);
        *entry = opcode::Listen::new(self.file.target(), backlog).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        answered::<Self, F>(self.file, cqe)
    }
}

/// Connects a socket to a peer, as connect(2) does; also a non-blocking one is connected when it is over. Since Linux
/// 5.5.
///
/// # Errors
///
/// `ECONNREFUSED`, `ETIMEDOUT`, `EISCONN`, `ENOENT` for a path.
#[derive(Debug)]
pub struct Connect<F> {
    file: F,
    addr: Addr,
}

impl<F: Handle> Connect<F> {
    /// The socket, and its peer's address.
    pub fn new(file: F, addr: impl Into<Addr>) -> Self {
        Self {
            file,
            addr: addr.into(),
        }
    }
}

// SAFETY: the address lies in the value.
unsafe impl<F: Handle> Operation for Connect<F> {
    const OPCODE: u8 = opcode::Connect::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let addr = &self.addr;
        *entry = opcode::Connect::new(self.file.target(), addr.as_ptr(), addr.len()).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        answered::<Self, F>(self.file, cqe)
    }
}

/// Shuts down a connection or a half of it, as shutdown(2) does. Since Linux 5.11.
///
/// # Errors
///
/// `ENOTCONN`.
#[derive(Debug)]
pub struct Shutdown<F> {
    file: F,
    how: How,
}

impl<F: Handle> Shutdown<F> {
    /// The socket, and which half.
    pub fn new(file: F, how: How) -> Self {
        Self { file, how }
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Shutdown<F> {
    const OPCODE: u8 = opcode::Shutdown::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let how = match self.how {
            How::Read => libc::SHUT_RD,
            How::Write => libc::SHUT_WR,
            How::Both => libc::SHUT_RDWR,
        };
        *entry = opcode::Shutdown::new(self.file.target(), how).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        answered::<Self, F>(self.file, cqe)
    }
}
