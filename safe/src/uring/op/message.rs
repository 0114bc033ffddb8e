//! Messages: several buffers, addresses, and control messages.

use std::mem::{self, MaybeUninit};
use std::ptr;

use libc::{iovec, msghdr};

use super::control::{ReceivedControl, SentControl};
use super::file::length;
use super::msg_flags::{known, picked};
use super::recv::zero_if_counted;
use super::select::lent;
use super::send::copied;
use super::{Completed, Cqe, Entry, Error, Operation, Sent};
use crate::buf::{IoBuf, IoBufMut};
use crate::uring::RingId;
use crate::uring::addr::{Addr, ROOM};
use crate::uring::buf_group::{BufGroup, Lent};
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::squeue::Flags;
use crate::uring::raw::types::{MsgFlags, SendRecvFlags};

/// The header of a message, which leads to all else. It is filled where it stays.
#[derive(Debug)]
pub(super) struct Header<const N: usize> {
    msg: MaybeUninit<msghdr>,
    parts: [MaybeUninit<iovec>; N],
}

impl<const N: usize> Header<N> {
    fn new() -> Self {
        Self {
            msg: MaybeUninit::uninit(),
            parts: [const { MaybeUninit::uninit() }; N],
        }
    }

    /// Fills it with a name, buffers and control messages: where they are, and how long.
    fn fill(
        &mut self,
        (name, name_len): (*mut libc::sockaddr, u32),
        parts: impl Iterator<Item = (*mut u8, usize)>,
        (control, control_len): (*mut u8, usize),
    ) -> *mut msghdr {
        let mut count = 0;
        for (slot, (at, len)) in self.parts.iter_mut().zip(parts) {
            slot.write(iovec {
                iov_base: at.cast(),
                iov_len: len,
            });
            count += 1;
        }
        let msg = self.msg.write(empty());
        if name_len != 0 {
            msg.msg_name = name.cast();
            msg.msg_namelen = name_len;
        }
        msg.msg_iov = self.parts.as_mut_ptr().cast();
        msg.msg_iovlen = count as _;
        if control_len != 0 {
            msg.msg_control = control.cast();
            msg.msg_controllen = control_len as _;
        }
        &raw mut *msg
    }

    /// What the kernel has written into it.
    ///
    /// # Safety
    ///
    /// It was filled.
    unsafe fn answer(&self) -> msghdr {
        // SAFETY: by the caller's promise.
        unsafe { self.msg.assume_init() }
    }
}

/// The flags of a message that came. The kernel hands one back that it was given.
pub(super) fn told(flags: u32) -> MsgFlags {
    MsgFlags::from_bits_retain(flags).difference(MsgFlags::CMSG_CLOEXEC)
}

/// A header that leads nowhere. It has padding on some targets, so that it cannot be written out.
pub(super) fn empty() -> msghdr {
    // SAFETY: zero is a value of each field.
    unsafe { mem::zeroed() }
}

/// A message to be sent: what [`SendMsg`] and [`SendMsgZc`] have in common.
#[derive(Debug)]
struct Outgoing<F, B, const N: usize> {
    file: F,
    bufs: [B; N],
    to: Addr,
    control: SentControl,
    flags: MsgFlags,
    how: SendRecvFlags,
    header: Header<N>,
}

impl<F: Handle, B: IoBuf, const N: usize> Outgoing<F, B, N> {
    fn new(file: F, bufs: [B; N]) -> Self {
        Self {
            file,
            bufs,
            to: Addr::none(),
            control: SentControl::new(),
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
            header: Header::new(),
        }
    }

    fn prepare(&mut self) -> *const msghdr {
        let parts = self.bufs.iter().map(|buf| {
            let len = length(buf.bytes_init()) as usize;
            (buf.stable_ptr().cast_mut(), len)
        });
        let name = (self.to.as_ptr().cast_mut(), self.to.len());
        self.header.fill(name, parts, self.control.bytes())
    }
}

/// Sends a message from several buffers, as sendmsg(2) does. Since Linux 5.3.
///
/// With more than one buffer the operation may be too large for the ring's table, and put in a box.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::fs::File;
/// use std::io::Read;
/// use std::os::unix::net::UnixStream;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let (ours, theirs) = UnixStream::pair()?;
/// let control = op::SentControl::new().fds([File::open("/proc/self/exe")?]);
/// let send = op::SendMsg::new(ours, [b"one ", &b"two"[..]]).control(control);
/// let sent = ring.push(send)?;
/// assert_eq!(ring.wait(sent)?.result?, 7);
///
/// let room = op::ReceivedControl::with_room(op::ReceivedControl::space(4));
/// let receive = op::RecvMsg::new(theirs, [Vec::with_capacity(99)]).control(room);
/// let ticket = ring.push(receive)?;
/// let mut message = ring.wait(ticket)?;
/// assert_eq!(message.result?, 7);
/// assert_eq!(message.bufs[0], b"one two");
/// let mut file = File::from(message.control.take_fds().next().expect("a file"));
/// let mut magic = [0; 4];
/// file.read_exact(&mut magic)?;
/// assert_eq!(&magic, b"\x7fELF");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// As for [`Send`](super::Send); `EMSGSIZE` for more than 1024 buffers, `EINVAL` for control messages that the
/// socket does not know.
#[derive(Debug)]
pub struct SendMsg<F, B, const N: usize>(Outgoing<F, B, N>);

impl<F: Handle, B: IoBuf, const N: usize> SendMsg<F, B, N> {
    /// To where, and from what.
    pub fn new(file: F, bufs: [B; N]) -> Self {
        Self(Outgoing::new(file, bufs))
    }

    /// To that address, from a socket that is not connected.
    #[must_use]
    pub fn to(mut self, addr: impl Into<Addr>) -> Self {
        self.0.to = addr.into();
        self
    }

    /// With these control messages, which are dropped when it is over.
    #[must_use]
    pub fn control(mut self, control: SentControl) -> Self {
        self.0.control = control;
        self
    }

    /// `MSG_*`, see send(2): those that [`MsgFlags`] has names for.
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.0.flags = known(flags);
        self
    }

    /// As [`Send::poll_first`](super::Send::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.0.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

// SAFETY: header and address lie in the value; the bytes of buffers and control messages stay where they are while
// it does. The kernel reads them.
unsafe impl<F: Handle, B: IoBuf, const N: usize> Operation for SendMsg<F, B, N> {
    const OPCODE: u8 = opcode::SendMsg::CODE;

    type Output = Completed<F, [B; N]>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.0.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let msg = self.0.prepare();
        *entry = opcode::SendMsg::new(self.0.file.target(), msg)
            .with_flags(self.0.flags | MsgFlags::NOSIGNAL)
            .with_ioprio(self.0.how)
            .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Completed {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            file: self.0.file,
            buf: self.0.bufs,
        }
    }
}

/// Sends a message from several buffers without copying them; see [`SendZc`](super::SendZc). Since Linux 6.1.
///
/// # Errors
///
/// As for [`SendMsg`]; `EOPNOTSUPP` from sockets that cannot, such as unix ones.
#[derive(Debug)]
pub struct SendMsgZc<F, B, const N: usize>(Outgoing<F, B, N>);

impl<F: Handle, B: IoBuf, const N: usize> SendMsgZc<F, B, N> {
    /// To where, and from what.
    pub fn new(file: F, bufs: [B; N]) -> Self {
        Self(Outgoing::new(file, bufs))
    }

    /// To that address, from a socket that is not connected.
    #[must_use]
    pub fn to(mut self, addr: impl Into<Addr>) -> Self {
        self.0.to = addr.into();
        self
    }

    /// With these control messages, which are dropped when it is over.
    #[must_use]
    pub fn control(mut self, control: SentControl) -> Self {
        self.0.control = control;
        self
    }

    /// `MSG_*`, see send(2): those that [`MsgFlags`] has names for.
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.0.flags = known(flags);
        self
    }

    /// As [`Send::poll_first`](super::Send::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.0.how |= SendRecvFlags::POLL_FIRST;
        self
    }

    /// Asks whether the data was copied after all: [`Sent::copied`]. Since Linux 6.2.
    #[must_use]
    pub fn report_usage(mut self) -> Self {
        self.0.how |= SendRecvFlags::REPORT_USAGE;
        self
    }
}

// SAFETY: as for `SendMsg`; the final completion is the one that says that the kernel is through with the bytes.
unsafe impl<F: Handle, B: IoBuf, const N: usize> Operation for SendMsgZc<F, B, N> {
    const OPCODE: u8 = opcode::SendMsgZc::CODE;

    type Output = Sent<F, [B; N]>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.0.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let msg = self.0.prepare();
        *entry = opcode::SendMsgZc::new(self.0.file.target(), msg)
            .with_flags(self.0.flags | MsgFlags::NOSIGNAL)
            .with_ioprio(self.0.how)
            .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Sent {
            result: Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize),
            copied: copied(self.0.how, cqe),
            file: self.0.file,
            buf: self.0.bufs,
        }
    }
}

/// A message that was received, and what the operation owned.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Received<F, T, B> {
    /// The number of bytes, or the buffer with them; or why there are none.
    pub result: Result<T, Error>,
    /// Who has sent it; [none](Addr::is_none) if the socket does not say, as connections do.
    pub peer: Addr,
    /// The control messages that came.
    pub control: ReceivedControl,
    /// [`MsgFlags::TRUNC`] if the message had more bytes than there was room, `MSG_CTRUNC` if the control messages had,
    /// and others of recvmsg(2).
    pub flags: MsgFlags,
    /// The file.
    pub file: F,
    /// The buffers.
    pub bufs: B,
}

/// A message to be received: what [`RecvMsg`] and [`RecvMsgSelect`] have in common.
#[derive(Debug)]
struct Incoming<F, const N: usize> {
    file: F,
    peer: Addr,
    control: ReceivedControl,
    flags: MsgFlags,
    how: SendRecvFlags,
    header: Header<N>,
}

impl<F: Handle, const N: usize> Incoming<F, N> {
    fn new(file: F) -> Self {
        Self {
            file,
            peer: Addr::none(),
            control: ReceivedControl::default(),
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
            header: Header::new(),
        }
    }

    fn prepare(&mut self, parts: impl Iterator<Item = (*mut u8, usize)>) -> *mut msghdr {
        let (name, _) = self.peer.room();
        let control = self.control.room();
        self.header.fill((name, ROOM as u32), parts, control)
    }

    /// The flags for the entry: descriptors that come are closed by execve(2).
    fn entry_flags(&self) -> MsgFlags {
        self.flags | MsgFlags::CMSG_CLOEXEC
    }

    /// What came.
    ///
    /// # Safety
    ///
    /// It was prepared, and the operation is over with this result.
    unsafe fn received<T, B>(mut self, result: Result<T, Error>, bufs: B) -> Received<F, T, B> {
        let mut flags = MsgFlags::empty();
        let mut name = 0;
        // After an error the lengths are still those of the room.
        if result.is_ok() {
            // SAFETY: by the caller's promise.
            let msg = unsafe { self.header.answer() };
            flags = told(msg.msg_flags as u32);
            name = msg.msg_namelen;
            // SAFETY: after a success the kernel says in the header how many bytes of control messages it has written.
            // It knows of no more room than there is.
            unsafe { self.control.set_len(msg.msg_controllen) };
        }
        Received {
            result,
            peer: self.peer.written(name),
            control: self.control,
            flags,
            file: self.file,
            bufs,
        }
    }
}

/// Receives a message into several buffers, as recvmsg(2) does: with the peer's address, and control messages if there
/// is [room](Self::control) for them. Since Linux 5.3.
///
/// Gives the number of bytes; the buffers count them as initialised, one after the other. With [`MsgFlags::TRUNC`] as
/// [`Recv`](super::Recv).
///
/// With more than one buffer the operation may be too large for the ring's table, and put in a box.
///
/// # Errors
///
/// As for [`Recv`](super::Recv); `EMSGSIZE` for more than 1024 buffers.
#[derive(Debug)]
pub struct RecvMsg<F, B, const N: usize> {
    message: Incoming<F, N>,
    bufs: [B; N],
}

impl<F: Handle, B: IoBufMut, const N: usize> RecvMsg<F, B, N> {
    /// From where, and into what.
    pub fn new(file: F, bufs: [B; N]) -> Self {
        Self {
            message: Incoming::new(file),
            bufs,
        }
    }

    /// Room for control messages. Descriptors in it that were not taken are closed.
    #[must_use]
    pub fn control(mut self, control: ReceivedControl) -> Self {
        self.message.control = control;
        self
    }

    /// `MSG_*`, see recv(2): those that [`MsgFlags`] has names for.
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.message.flags = known(flags);
        self
    }

    /// As [`Recv::poll_first`](super::Recv::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.message.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

// SAFETY: header and address lie in the value; the bytes of buffers and control messages stay where they are while
// it does, for the operation alone. The kernel is told how many there are.
unsafe impl<F: Handle, B: IoBufMut, const N: usize> Operation for RecvMsg<F, B, N> {
    const OPCODE: u8 = opcode::RecvMsg::CODE;

    type Output = Received<F, usize, [B; N]>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.message.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let flags = self.message.flags;
        let parts = self.bufs.iter_mut().map(|buf| {
            zero_if_counted(flags, buf);
            let len = length(buf.bytes_total()) as usize;
            (buf.stable_mut_ptr(), len)
        });
        let msg = self.message.prepare(parts);
        *entry = opcode::RecvMsg::new(self.message.file.target(), msg)
            .with_flags(self.message.entry_flags())
            .with_ioprio(self.message.how)
            .build();
    }

    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        let result = Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize);
        let mut left = result.unwrap_or(0);
        for buf in &mut self.bufs {
            let bytes = left.min(length(buf.bytes_total()) as usize);
            left -= bytes;
            // SAFETY: the kernel has written that many bytes, buffer after buffer, unless the flags say that it may
            // count others: then they were zeroed.
            unsafe { buf.set_init(bytes) };
        }
        // SAFETY: by the caller's promise.
        unsafe { self.message.received(result, self.bufs) }
    }
}

/// As [`RecvMsg`], into a buffer of a group, which the kernel picks. Since Linux 5.7, with groups since 5.19.
///
/// # Errors
///
/// As for [`RecvMsg`], and `ENOBUFS` if data is there and the group is empty.
#[derive(Debug)]
pub struct RecvMsgSelect<F> {
    message: Incoming<F, 1>,
    group: BufGroup,
}

impl<F: Handle> RecvMsgSelect<F> {
    /// From where, and into which buffers.
    pub fn new(file: F, group: &BufGroup) -> Self {
        Self {
            message: Incoming::new(file),
            group: group.clone(),
        }
    }

    /// As [`RecvMsg::control`].
    #[must_use]
    pub fn control(mut self, control: ReceivedControl) -> Self {
        self.message.control = control;
        self
    }

    /// `MSG_*`, see recv(2): those that [`MsgFlags`] has names for, but for [`MsgFlags::TRUNC`].
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.message.flags = picked(flags);
        self
    }

    /// As [`Recv::poll_first`](super::Recv::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.message.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

// SAFETY: as for `RecvMsg`, but that the buffer is the group's, which the value keeps.
unsafe impl<F: Handle> Operation for RecvMsgSelect<F> {
    const OPCODE: u8 = opcode::RecvMsg::CODE;
    const NOTES: bool = true;

    type Output = Received<F, Lent, ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.message.file.fits(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        // A length alone: the kernel has its own idea of where.
        let part = (ptr::null_mut(), self.group.size());
        let msg = self.message.prepare([part].into_iter());
        *entry = opcode::RecvMsg::new(self.message.file.target(), msg)
            .buf_group(self.group.number())
            .with_flags(self.message.entry_flags())
            .with_ioprio(self.message.how)
            .build()
            .flags(Flags::BUFFER_SELECT);
    }

    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        // SAFETY: by the caller's promise; the kernel does not know the field.
        unsafe { &(*this).group }.note(cqe);
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        let result = lent(Self::OPCODE, &self.group, cqe);
        // SAFETY: by the caller's promise. The result is an error also if the ledger refused: then control messages
        // are not looked at.
        unsafe { self.message.received(result, ()) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::inflight::INLINE;

    /// What is usual needs no box.
    #[test]
    fn messages_of_one_buffer_lie_in_the_table() {
        let sizes = [
            size_of::<SendMsg<OwnedFd, Vec<u8>, 1>>(),
            size_of::<SendMsgZc<OwnedFd, Vec<u8>, 1>>(),
            size_of::<RecvMsg<OwnedFd, Vec<u8>, 1>>(),
            size_of::<RecvMsgSelect<OwnedFd>>(),
        ];
        assert!(sizes.iter().all(|&size| size <= INLINE), "{sizes:?}");
    }
}
