//! Sending.

use super::file::length;
use super::msg_flags::known;
use super::{Completed, Cqe, Entry, Error, Operation};
use crate::buf::IoBuf;
use crate::uring::addr::Addr;
use crate::uring::handle::Handle;
use crate::uring::raw::types::{MsgFlags, SendRecvFlags};
use crate::uring::raw::{cqueue, opcode};
use crate::uring::{Registered, RingId};

/// To whom a send goes: nobody in particular, `()`, from a connected socket; or an [`Addr`].
pub trait SendTo: sealed::Sealed {}

mod sealed {
    use super::Addr;

    pub trait Sealed {
        fn get(&self) -> Option<&Addr>;
    }

    impl Sealed for () {
        #[inline]
        fn get(&self) -> Option<&Addr> {
            None
        }
    }

    impl Sealed for Addr {
        #[inline]
        fn get(&self) -> Option<&Addr> {
            Some(self)
        }
    }
}

impl SendTo for () {}

impl SendTo for Addr {}

/// Sends from a buffer, as send(2) does, or sendto(2) with [`to`](Self::to). Since Linux 5.6.
///
/// At most 2 GiB at once. Gives the number of bytes, which may be fewer than there are unless
/// [`MsgFlags::WAITALL`] is set. A broken connection raises no `SIGPIPE`.
///
/// # Errors
///
/// `EPIPE`, `ECONNRESET`, `ENOTCONN`, `EDESTADDRREQ`, `EMSGSIZE`.
#[derive(Debug)]
pub struct Send<F, B, A = ()> {
    file: F,
    buf: B,
    to: A,
    flags: MsgFlags,
    how: SendRecvFlags,
}

impl<F: Handle, B: IoBuf> Send<F, B> {
    /// To where, and from what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self {
            file,
            buf,
            to: (),
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
        }
    }

    /// To that address, from a socket that is not connected. Since Linux 6.0.
    #[inline]
    pub fn to(self, addr: impl Into<Addr>) -> Send<F, B, Addr> {
        Send {
            file: self.file,
            buf: self.buf,
            to: addr.into(),
            flags: self.flags,
            how: self.how,
        }
    }
}

impl<F: Handle, B: IoBuf, A: SendTo> Send<F, B, A> {
    /// `MSG_*`, see send(2): those that [`MsgFlags`] has names for.
    #[inline]
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.flags = known(flags);
        self
    }

    /// Waits until there is room before the first try, for a socket that is known to have none. Since Linux 5.19.
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

// SAFETY: the bytes of an `IoBuf` stay where they are while the value does; the address lies in the value. The kernel
// reads both.
unsafe impl<F: Handle, B: IoBuf, A: SendTo> Operation for Send<F, B, A> {
    const OPCODE: u8 = opcode::Send::CODE;

    type Output = Completed<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_init());
        let mut builder = opcode::Send::new(self.file.target(), self.buf.stable_ptr(), len)
            .with_flags(self.flags | MsgFlags::NOSIGNAL)
            .with_ioprio(self.how);
        if let Some(to) = self.to.get() {
            builder = builder.dest_addr(to.as_ptr()).dest_addr_len(to.len());
        }
        *entry = builder.build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Completed {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            file: self.file,
            buf: self.buf,
        }
    }
}

/// What came of a zero-copy send, and what it owned.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Sent<F, B> {
    /// The number of bytes, or why there are none.
    pub result: Result<usize, Error>,
    /// Whether the kernel copied the data after all, as it does over loopback: then a plain send is faster. `None` if
    /// it was not asked, or did not get so far.
    pub copied: Option<bool>,
    /// The file.
    pub file: F,
    /// The buffer, or the buffers of a message.
    pub buf: B,
}

/// What the notification of a zero-copy send says, which was asked for with `IORING_SEND_ZC_REPORT_USAGE`.
#[inline]
pub(super) fn copied(how: SendRecvFlags, cqe: Cqe) -> Option<bool> {
    const COPIED: u64 = uring_sys::IORING_NOTIF_USAGE_ZC_COPIED as u64;
    let told = how.contains(SendRecvFlags::REPORT_USAGE) && cqueue::notif(cqe.flags);
    told.then_some(cqe.extra[1] & COPIED != 0)
}

/// Sends from a buffer without copying it: the network device reads it where it is. Since Linux 6.0.
///
/// It is over, and gives the buffer back, when the kernel is through with the buffer: when the peer has
/// acknowledged the data, for TCP. Worth it for some ten kilobytes and more.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::io::Read;
/// use std::net::{TcpListener, TcpStream};
///
/// use safe::uring::{Ring, op};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let socket = TcpStream::connect(listener.local_addr()?)?;
/// let (mut peer, _) = listener.accept()?;
///
/// let mut ring = Ring::new(8)?;
/// let ticket = ring.push(op::SendZc::new(socket, vec![7; 10_000]).report_usage())?;
/// ring.submit()?;
/// let mut data = vec![0; 10_000];
/// peer.read_exact(&mut data)?;
/// let sent = ring.wait(ticket)?;
/// assert_eq!(sent.result?, 10_000);
/// assert_eq!(sent.copied, Some(true), "loopback copies");
/// assert_eq!(sent.buf, data);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// As for [`Send`]; `EOPNOTSUPP` from sockets that cannot, such as unix ones.
#[derive(Debug)]
pub struct SendZc<F, B, A = ()> {
    file: F,
    buf: B,
    to: A,
    flags: MsgFlags,
    how: SendRecvFlags,
    registered: Option<(RingId, u16)>,
}

impl<F: Handle, B: IoBuf> SendZc<F, B> {
    /// To where, and from what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self {
            file,
            buf,
            to: (),
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
            registered: None,
        }
    }

    /// To where, and from what bytes of a registered buffer, which the kernel need not pin for it.
    ///
    /// They stay lent until the kernel is through with them.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::io::Read;
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let socket = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut peer, _) = listener.accept()?;
    ///
    /// let mut ring = Ring::new(8)?;
    /// let buffers = ring.register_buffers(4, 4096)?;
    /// let mut buf = buffers.lease(0, ..5)?;
    /// buf.copy_from_slice(b"hello");
    /// let ticket = ring.push(op::SendZc::registered(socket, buf))?;
    /// assert_eq!(buffers.lease(0, ..1).err(), Some(safe::uring::LeaseError::Taken));
    /// ring.submit()?;
    /// let mut data = [0; 5];
    /// peer.read_exact(&mut data)?;
    /// assert_eq!(&data, b"hello");
    /// assert_eq!(ring.wait(ticket)?.result?, 5);
    /// assert!(buffers.lease(0, ..).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn registered(file: F, buf: B) -> Self
    where
        B: Registered,
    {
        Self {
            registered: Some((buf.ring(), buf.index())),
            ..Self::new(file, buf)
        }
    }

    /// To that address, from a socket that is not connected.
    #[inline]
    pub fn to(self, addr: impl Into<Addr>) -> SendZc<F, B, Addr> {
        SendZc {
            file: self.file,
            buf: self.buf,
            to: addr.into(),
            flags: self.flags,
            how: self.how,
            registered: self.registered,
        }
    }
}

impl<F: Handle, B: IoBuf, A: SendTo> SendZc<F, B, A> {
    /// `MSG_*`, see send(2): those that [`MsgFlags`] has names for.
    #[inline]
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.flags = known(flags);
        self
    }

    /// As [`Send::poll_first`].
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= SendRecvFlags::POLL_FIRST;
        self
    }

    /// Asks whether the data was copied after all: [`Sent::copied`]. Since Linux 6.2.
    #[must_use]
    pub fn report_usage(mut self) -> Self {
        self.how |= SendRecvFlags::REPORT_USAGE;
        self
    }
}

// SAFETY: as for `Send`; a registered buffer is the one that the bytes lie in, of the ring that it is pushed to. The final completion of a zero-copy send is the one that says that the kernel is through
// with the bytes.
unsafe impl<F: Handle, B: IoBuf, A: SendTo> Operation for SendZc<F, B, A> {
    const OPCODE: u8 = opcode::SendZc::CODE;

    type Output = Sent<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        let buffer_fits = self.registered.is_none_or(|(of, _)| of == ring);
        buffer_fits && self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        let len = length(self.buf.bytes_init());
        let mut builder = opcode::SendZc::new(self.file.target(), self.buf.stable_ptr(), len)
            .with_flags(self.flags | MsgFlags::NOSIGNAL)
            .with_zc_flags(self.how);
        if let Some(to) = self.to.get() {
            builder = builder.dest_addr(to.as_ptr()).dest_addr_len(to.len());
        }
        if let Some((_, index)) = self.registered {
            builder = builder.buf_index(Some(index));
        }
        *entry = builder.build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Sent {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            copied: copied(self.how, cqe),
            file: self.file,
            buf: self.buf,
        }
    }
}
