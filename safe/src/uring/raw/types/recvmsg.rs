//! What a multishot recvmsg left in a buffer.

use uring_sys::io_uring_recvmsg_out;

/// A message that [`RecvMsgMulti`](crate::uring::raw::opcode::RecvMsgMulti) received, read from its
/// buffer.
///
/// The buffer holds a header, the peer's address and the control data, these two in as much room as
/// the submitted `msghdr` gave them, then the payload. Nothing outside the buffer is read, whatever
/// the header says.
///
/// ```
/// use safe::uring::raw::types::RecvMsgOut;
///
/// // SAFETY: zero is a value of each field of a `msghdr`.
/// let mut msghdr: libc::msghdr = unsafe { std::mem::zeroed() };
/// msghdr.msg_namelen = 2;
/// // Lengths of name, control data and payload, the flags, then the data.
/// let mut buffer: Vec<u8> = [2u32, 0, 3, 0].iter().flat_map(|n| n.to_ne_bytes()).collect();
/// buffer.extend_from_slice(b"\x01\x00abc");
///
/// let message = RecvMsgOut::parse(&buffer, &msghdr).unwrap();
/// assert_eq!(message.name_data(), b"\x01\x00");
/// assert_eq!(message.payload_data(), b"abc");
/// ```
#[derive(Debug, Clone)]
pub struct RecvMsgOut<'buf> {
    header: io_uring_recvmsg_out,
    name_room: usize,
    name_data: &'buf [u8],
    control_data: &'buf [u8],
    payload_data: &'buf [u8],
}

impl<'buf> RecvMsgOut<'buf> {
    /// Reads a buffer that a completion named, with the `msghdr` of the entry, of which only
    /// `msg_namelen` and `msg_controllen` count.
    ///
    /// # Errors
    ///
    /// When the buffer is too short for these two and the header, so that the kernel cannot have
    /// filled it.
    #[expect(
        clippy::result_unit_err,
        reason = "there is one error, and `io-uring` says it so"
    )]
    pub fn parse(buffer: &'buf [u8], msghdr: &libc::msghdr) -> Result<Self, ()> {
        let name_room = room(msghdr.msg_namelen)?;
        let control_room = room(msghdr.msg_controllen)?;

        let (header, rest) = Self::split_header(buffer).ok_or(())?;
        let (name, rest) = rest.split_at_checked(name_room).ok_or(())?;
        let (control, payload) = rest.split_at_checked(control_room).ok_or(())?;
        Ok(Self {
            header,
            name_room,
            name_data: at_most(name, header.namelen),
            control_data: at_most(control, header.controllen),
            payload_data: at_most(payload, header.payloadlen),
        })
    }

    /// The header, whatever the alignment of the buffer.
    fn split_header(buffer: &[u8]) -> Option<(io_uring_recvmsg_out, &[u8])> {
        let mut rest = buffer;
        let mut next = || {
            let (bytes, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            Some(u32::from_ne_bytes(*bytes))
        };
        let header = io_uring_recvmsg_out {
            namelen: next()?,
            controllen: next()?,
            payloadlen: next()?,
            flags: next()?,
        };
        Some((header, rest))
    }

    /// The length of the peer's address, also of what had no room.
    pub fn incoming_name_len(&self) -> u32 {
        self.header.namelen
    }

    /// Whether the peer's address had no room, and so is cut.
    pub fn is_name_data_truncated(&self) -> bool {
        self.header.namelen as usize > self.name_room
    }

    /// The peer's address: the bytes of a `sockaddr`, at any alignment.
    pub fn name_data(&self) -> &'buf [u8] {
        self.name_data
    }

    /// The length of the control data.
    pub fn incoming_control_len(&self) -> u32 {
        self.header.controllen
    }

    /// Whether control data had no room, and so is cut (`MSG_CTRUNC`).
    pub fn is_control_data_truncated(&self) -> bool {
        self.header.flags & libc::MSG_CTRUNC as u32 != 0
    }

    /// The control data: `cmsghdr`s, at any alignment.
    pub fn control_data(&self) -> &'buf [u8] {
        self.control_data
    }

    /// Whether the payload had no room, and so is cut (`MSG_TRUNC`).
    pub fn is_payload_truncated(&self) -> bool {
        self.header.flags & libc::MSG_TRUNC as u32 != 0
    }

    /// The payload.
    pub fn payload_data(&self) -> &'buf [u8] {
        self.payload_data
    }

    /// The length of the payload; with `MSG_TRUNC` among the entry's flags also of what had no
    /// room.
    pub fn incoming_payload_len(&self) -> u32 {
        self.header.payloadlen
    }

    /// The `MSG_*` flags of the message, as in `msg_flags` of a `msghdr`.
    pub fn flags(&self) -> u32 {
        self.header.flags
    }
}

/// What the kernel says it had may be more than had room, or come from a buffer that it did not
/// fill.
fn at_most(field: &[u8], len: u32) -> &[u8] {
    field.get(..len as usize).unwrap_or(field)
}

/// The type of a length differs between the fields of a `msghdr`, and between C libraries.
fn room(len: impl TryInto<usize>) -> Result<usize, ()> {
    len.try_into().map_err(|_| ())
}
