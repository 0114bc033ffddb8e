//! Accepting connections.

use std::os::fd::OwnedFd;

use super::socket::descriptor;
use super::{Answered, Cqe, End, Ended, Entry, Error, Multishot, Operation};
use crate::uring::RingId;
use crate::uring::addr::Addr;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{AcceptFlags, SocketFlags};

/// Accepts a connection, as accept4(2) does: gives its descriptor, and the peer's address. Since Linux 5.5.
///
/// A connection that nobody takes, because the ticket was dropped, is closed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::net::{TcpListener, TcpStream};
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let ticket = ring.push(op::Accept::new(listener))?;
/// let client = TcpStream::connect(address)?;
/// let (connection, peer) = ring.wait(ticket)?.result?;
/// assert_eq!(peer.ip(), Some(client.local_addr()?));
/// let connection = TcpStream::from(connection);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `EINVAL` if the socket does not listen, `EMFILE` if the process has too many descriptors.
#[derive(Debug)]
pub struct Accept<F> {
    file: F,
    flags: SocketFlags,
    how: AcceptFlags,
    peer: Addr,
}

impl<F: Handle> Accept<F> {
    /// The socket that listens. The connection's descriptor is closed by execve(2).
    pub fn new(file: F) -> Self {
        Self {
            file,
            flags: SocketFlags::CLOEXEC,
            how: AcceptFlags::empty(),
            peer: Addr::none(),
        }
    }

    /// What the connection is like, instead of [`CLOEXEC`](SocketFlags::CLOEXEC).
    #[must_use]
    pub fn flags(mut self, flags: SocketFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Waits for a connection before the first try, for one that is not there yet. Since Linux 6.10.
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= AcceptFlags::POLL_FIRST;
        self
    }

    /// Gives `EAGAIN` if no connection waits. Since Linux 6.10.
    #[must_use]
    pub fn dont_wait(mut self) -> Self {
        self.how |= AcceptFlags::DONTWAIT;
        self
    }
}

// SAFETY: the address and its length lie in the value, and the kernel is told how much room there is.
unsafe impl<F: Handle> Operation for Accept<F> {
    const OPCODE: u8 = opcode::Accept::CODE;

    type Output = Answered<F, (OwnedFd, Addr)>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let (addr, len) = self.peer.room();
        *entry = opcode::Accept::new(self.file.target(), addr, len)
            .with_flags(self.flags)
            .with_ioprio(self.how)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let number = Error::check(Self::OPCODE, cqe.result);
        // SAFETY: the entry asks for a descriptor, not a slot, and this is its only completion.
        let result = number.map(|number| (unsafe { descriptor(number) }, self.peer.wrote()));
        Answered {
            result,
            file: self.file,
        }
    }
}

/// Accepts connections until it is cancelled or fails: each item is the descriptor of one. Since Linux 5.19.
///
/// There is no peer's address: `peer_addr` of the connection's own type tells it. Connections that nobody takes are
/// closed.
///
/// Items are errors only at the end, which [`Ended`] tells again.
///
/// # Errors
///
/// As for [`Accept`].
#[derive(Debug)]
pub struct AcceptMultishot<F> {
    file: F,
    flags: SocketFlags,
    how: AcceptFlags,
    end: End,
}

impl<F: Handle> AcceptMultishot<F> {
    /// The socket that listens. The connections' descriptors are closed by execve(2).
    pub fn new(file: F) -> Self {
        Self {
            file,
            flags: SocketFlags::CLOEXEC,
            how: AcceptFlags::empty(),
            end: End::Stopped,
        }
    }

    /// What the connections are like, instead of [`CLOEXEC`](SocketFlags::CLOEXEC).
    #[must_use]
    pub fn flags(mut self, flags: SocketFlags) -> Self {
        self.flags = flags;
        self
    }

    /// As [`Accept::poll_first`].
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= AcceptFlags::POLL_FIRST;
        self
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Multishot for AcceptMultishot<F> {
    const OPCODE: u8 = opcode::AcceptMulti::CODE;

    type Item = Result<OwnedFd, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::AcceptMulti::new(self.file.target())
            .with_flags(self.flags)
            .with_ioprio(self.how)
            .build();
    }

    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        if let Some(end) = End::of(Self::OPCODE, cqe, false) {
            // SAFETY: by the caller's promise the value is there, and the kernel does not know it.
            unsafe { (*this).end = end };
        }
        let number = Error::check(Self::OPCODE, cqe.result)?;
        // SAFETY: the entry asks for descriptors, not slots; each completion brings one, and is given once.
        Ok(unsafe { descriptor(number) })
    }

    fn rest(self) -> Ended<F> {
        Ended {
            end: self.end,
            file: self.file,
        }
    }
}
