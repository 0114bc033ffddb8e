//! Accepting connections.

use std::os::fd::OwnedFd;

use super::direct::{Destination, Direct, Opens};
use super::socket::descriptor;
use super::{Answered, Cqe, End, Ended, Entry, Error, Multishot, Operation};
use crate::uring::addr::Addr;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{AcceptFlags, DestinationSlot, SocketFlags};
use crate::uring::{Files, FixedFd, RingId};

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

    /// Makes the connection a fixed file instead, without a descriptor. Since Linux 5.15; with an automatic slot,
    /// since 5.19. A connection for which there is no slot (`ENFILE`) is accepted, and closed.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::io::Write;
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let files = ring.register_files(0, 16)?;
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// client.write_all(b"hello")?;
    /// let ticket = ring.push(op::Accept::new(listener).direct(&files))?;
    /// let (connection, _peer) = ring.wait(ticket)?.result?;
    /// let ticket = ring.push(op::Recv::new(connection, Vec::with_capacity(9)))?;
    /// assert_eq!(ring.wait(ticket)?.buf, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn direct(self, to: impl Into<Destination>) -> Direct<Self> {
        Direct::new(self, to.into())
    }
}

// SAFETY: that is what `IORING_OP_ACCEPT` answers, and where it has its slot.
unsafe impl<F: Handle> Opens for Accept<F> {
    type Opened<T> = Answered<F, (T, Addr)>;

    fn without_descriptor(&mut self) {
        self.flags.remove(SocketFlags::CLOEXEC);
    }

    fn opened<T>(self, _: Cqe, file: Result<T, Error>) -> Answered<F, (T, Addr)> {
        Answered {
            result: file.map(|file| (file, self.peer.wrote())),
            file: self.file,
        }
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

    /// Makes the connections fixed files instead, without descriptors, in the table's automatic slots. Since Linux
    /// 5.19.
    pub fn direct(self, files: &Files) -> DirectAcceptMultishot<F> {
        let mut accept = self;
        accept.flags.remove(SocketFlags::CLOEXEC);
        DirectAcceptMultishot {
            accept,
            files: files.clone(),
        }
    }

    /// Keeps why it ends, and gives the number that a completion has brought.
    ///
    /// # Safety
    ///
    /// As for [`Multishot::item`].
    unsafe fn number(this: *mut Self, cqe: Cqe) -> Result<u32, Error> {
        if let Some(end) = End::of(opcode::AcceptMulti::CODE, cqe, false) {
            // SAFETY: by the caller's promise the value is there, and the kernel does not know it.
            unsafe { (*this).end = end };
        }
        Error::check(opcode::AcceptMulti::CODE, cqe.result)
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
        // SAFETY: by the caller's promise.
        let number = unsafe { Self::number(this, cqe) }?;
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

/// Accepts connections as fixed files until it is cancelled or fails; see [`AcceptMultishot::direct`].
///
/// Each item is a connection in one of the table's automatic slots; those that nobody takes are closed. It ends with
/// `ENFILE` when all slots are taken: the connection for which there was none is closed.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::net::{TcpListener, TcpStream};
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let files = ring.register_files(0, 16)?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let clients = [(); 3].map(|()| TcpStream::connect(listener.local_addr().unwrap()));
/// let mut accepts = ring.push_multishot(op::AcceptMultishot::new(listener).direct(&files))?;
/// for client in clients {
///     let connection = ring.next(&mut accepts)?.expect("a connection")?;
///     let ticket = ring.push(op::Send::new(connection, &b"welcome"[..]))?;
///     assert_eq!(ring.wait(ticket)?.result?, 7);
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DirectAcceptMultishot<F> {
    accept: AcceptMultishot<F>,
    files: Files,
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Multishot for DirectAcceptMultishot<F> {
    const OPCODE: u8 = opcode::AcceptMulti::CODE;

    type Item = Result<FixedFd, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.files.is_of(ring) && self.accept.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        self.accept.prepare(entry);
        let slot = DestinationSlot::auto_target().kernel_index_arg();
        entry.as_raw_mut().set_file_index(slot);
    }

    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        // SAFETY: by the caller's promise the value is there, and the kernel does not know it.
        let (number, files) = unsafe {
            let number = AcceptMultishot::number(&raw mut (*this).accept, cqe)?;
            (number, &(*this).files)
        };
        // The kernel names slots of the table alone.
        files
            .handle(number)
            .ok_or_else(|| Error::of(Self::OPCODE, libc::ENFILE))
    }

    fn rest(self) -> Ended<F> {
        self.accept.rest()
    }
}
