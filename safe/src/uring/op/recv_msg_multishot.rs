//! Receiving messages again and again into buffers of a group.

use std::fmt::{self, Debug, Formatter};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::OwnedFd;

use libc::msghdr;

use super::control::{ControlMessage, SCM_PIDFD, messages, take_descriptor};
use super::message::{empty, told};
use super::msg_flags::known;
use super::select::lent;
use super::{Cqe, End, Ended, Entry, Error, Multishot};
use crate::uring::RingId;
use crate::uring::addr::{Addr, ROOM};
use crate::uring::buf_group::{BufGroup, Lent};
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{MsgFlags, RecvMsgOut, SendRecvFlags};

/// Receives messages into buffers of a group, until it is cancelled or the group is empty: each item is a message
/// with its peer's address. Since Linux 6.0.
///
/// Each buffer holds a header of 16 bytes, the address (128 bytes unless [told](Self::peer_room)), control messages if
/// there is [room](Self::control_room) for them, and the data: so the buffers must be larger than that.
///
/// A message of no bytes ends it too ([`End::Stopped`]): of a connection that is the end, of other sockets push it again.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::net::UdpSocket;
///
/// use safe::uring::{BufGroup, Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let group = BufGroup::builder(4, 2048).register(&mut ring)?;
/// let ours = UdpSocket::bind("127.0.0.1:0")?;
/// let theirs = UdpSocket::bind("127.0.0.1:0")?;
/// theirs.connect(ours.local_addr()?)?;
/// let mut stream = ring.push_multishot(op::RecvMsgMultishot::new(ours, &group))?;
/// for number in 0..10 {
///     theirs.send(&[number; 100])?;
///     let message = ring.next(&mut stream)?.expect("it goes on")?;
///     assert_eq!(message.data(), [number; 100]);
///     assert_eq!(message.peer().ip(), Some(theirs.local_addr()?));
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// As for [`RecvMsg`](super::RecvMsg); `ENOBUFS` if data is there and the group is empty; `EFAULT` for buffers that are
/// too small; `EINVAL` for [`MsgFlags::WAITALL`].
#[derive(Debug)]
pub struct RecvMsgMultishot<F> {
    file: F,
    group: BufGroup,
    flags: MsgFlags,
    how: SendRecvFlags,
    peer_room: u32,
    control_room: u32,
    msg: MaybeUninit<msghdr>,
    end: End,
}

impl<F: Handle> RecvMsgMultishot<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self {
            file,
            group: group.clone(),
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
            peer_room: ROOM as u32,
            control_room: 0,
            msg: MaybeUninit::uninit(),
            end: End::Stopped,
        }
    }

    /// Room for so many bytes of the peer's address in each buffer, at most 128: 28 do for internet addresses, 0 for
    /// none.
    #[must_use]
    pub fn peer_room(mut self, bytes: u32) -> Self {
        self.peer_room = bytes.min(ROOM as u32);
        self
    }

    /// Room for so many bytes of control messages in each buffer; see
    /// [`ReceivedControl::space`](super::ReceivedControl::space).
    #[must_use]
    pub fn control_room(mut self, bytes: u32) -> Self {
        // More than the kernel takes would be an error at best.
        self.control_room = bytes.min(1 << 20);
        self
    }

    /// `MSG_*`, see recv(2): those that [`MsgFlags`] has names for.
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.flags = known(flags);
        self
    }

    /// As [`Recv::poll_first`](super::Recv::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

/// The header that says how much room there is in the buffers.
fn rooms(peer: u32, control: u32) -> msghdr {
    let mut msg = empty();
    msg.msg_namelen = peer;
    msg.msg_controllen = control as _;
    msg
}

// SAFETY: the header lies in the value; it leads to no memory. The buffers are the group's, which the value keeps.
unsafe impl<F: Handle> Multishot for RecvMsgMultishot<F> {
    const OPCODE: u8 = opcode::RecvMsgMulti::CODE;
    const NOTES: bool = true;

    type Item = Result<Message, Error>;

    type Rest = Ended<F>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let msg: *const msghdr = self.msg.write(rooms(self.peer_room, self.control_room));
        *entry = opcode::RecvMsgMulti::new(self.file.target(), msg, self.group.number())
            // Descriptors that come are closed by execve(2).
            .with_flags(self.flags | MsgFlags::CMSG_CLOEXEC)
            .with_ioprio(self.how)
            .build();
    }

    #[inline]
    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: by the caller's promise; the kernel does not write to the field.
        unsafe { &(*this).group }.note(cqe);
    }

    #[inline]
    unsafe fn item(this: *mut Self, cqe: Cqe) -> Self::Item {
        // SAFETY: by the caller's promise; the kernel knows of the header alone.
        let (group, peer_room, control_room) = unsafe {
            if let Some(end) = End::of(Self::OPCODE, cqe, false) {
                (*this).end = end;
            }
            (&(*this).group, (*this).peer_room, (*this).control_room)
        };
        let buffer = lent(Self::OPCODE, group, cqe)?;
        // SAFETY: the kernel has filled the buffer with a message just now, for these rooms.
        match unsafe { Message::read(buffer, peer_room, control_room) } {
            Some(message) => Ok(message),
            // It answers `EFAULT` itself for a buffer that is too small.
            None => Err(Error::of(Self::OPCODE, libc::EFAULT)),
        }
    }

    fn rest(self) -> Ended<F> {
        Ended {
            end: self.end,
            file: self.file,
        }
    }
}

/// A message that lies in a lent buffer. Dropping it gives the buffer back, and closes the descriptors that came with
/// it and that nobody took.
pub struct Message {
    buffer: Lent,
    peer: Range<usize>,
    control: Range<usize>,
    data: Range<usize>,
    flags: MsgFlags,
}

impl Message {
    /// Reads where what lies. `None` if the buffer is too small for that.
    ///
    /// # Safety
    ///
    /// The kernel has put a message into the buffer, with that much room for address and control messages, and
    /// nobody has seen it.
    unsafe fn read(buffer: Lent, peer_room: u32, control_room: u32) -> Option<Self> {
        let header = size_of::<uring_sys::io_uring_recvmsg_out>();
        let found = RecvMsgOut::parse(&buffer, &rooms(peer_room, control_room)).ok()?;
        let after = |begin: usize, len: usize| begin..begin + len;
        let peer = after(header, found.name_data().len());
        let control = after(header + peer_room as usize, found.control_data().len());
        let begin = header + (peer_room + control_room) as usize;
        let data = after(begin, found.payload_data().len());
        let flags = told(found.flags());
        Some(Self {
            peer,
            control,
            data,
            flags,
            buffer,
        })
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    /// The data.
    pub fn data(&self) -> &[u8] {
        self.part(&self.data)
    }

    /// The data, to be changed.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.data.clone()).unwrap_or_default()
    }

    /// Who has sent it; [none](Addr::is_none) if the socket does not say.
    pub fn peer(&self) -> Addr {
        Addr::from_bytes(self.part(&self.peer)).unwrap_or(Addr::none())
    }

    /// The control messages.
    pub fn control(&self) -> impl Iterator<Item = ControlMessage<'_>> {
        messages(self.part(&self.control))
    }

    /// [`MsgFlags::TRUNC`] if the message had more data than there was room, `MSG_CTRUNC` if the control messages had,
    /// and others of recvmsg(2).
    pub fn flags(&self) -> MsgFlags {
        self.flags
    }

    /// Takes the descriptors that came (`SCM_RIGHTS`), which are closed by execve(2): each once.
    pub fn take_fds(&mut self) -> impl Iterator<Item = OwnedFd> {
        std::iter::from_fn(|| self.take(Some(libc::SCM_RIGHTS)))
    }

    /// Takes the descriptor of the sender's process (`SCM_PIDFD`), if one came.
    pub fn take_pidfd(&mut self) -> Option<OwnedFd> {
        self.take(Some(SCM_PIDFD))
    }

    fn take(&mut self, kind: Option<i32>) -> Option<OwnedFd> {
        let bytes = self.buffer.get_mut(self.control.clone())?;
        // SAFETY: the kernel has written the control messages, and nobody changes them but that function: `data_mut`
        // gives out what lies behind them.
        unsafe { take_descriptor(bytes, kind) }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        while let Some(fd) = self.take(None) {
            drop(fd);
        }
    }
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("len", &self.data.len())
            .field("peer", &self.peer())
            .field("flags", &self.flags)
            .field("buffer", &self.buffer)
            .finish()
    }
}
