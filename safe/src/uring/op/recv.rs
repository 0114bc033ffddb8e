//! Receiving into a buffer of one's own.

use super::file::length;
use super::msg_flags::known;
use super::{Completed, Cqe, Entry, Error, Operation};
use crate::buf::IoBufMut;
use crate::uring::RingId;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{MsgFlags, SendRecvFlags};

/// Receives into a buffer, as recv(2) does. Since Linux 5.6.
///
/// At most 2 GiB at once. Gives the number of bytes, 0 when the peer has closed its side; the buffer counts them as
/// initialised. With [`MsgFlags::TRUNC`] the number may be more than the buffer has room for, and the buffer is zeroed
/// first, since the kernel need not write what it counts.
///
/// # Errors
///
/// `ECONNRESET`, `ENOTCONN`, `ECONNREFUSED`.
#[derive(Debug)]
pub struct Recv<F, B> {
    file: F,
    buf: B,
    flags: MsgFlags,
    how: SendRecvFlags,
}

impl<F: Handle, B: IoBufMut> Recv<F, B> {
    /// From where, and into what.
    #[inline]
    pub fn new(file: F, buf: B) -> Self {
        Self {
            file,
            buf,
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
        }
    }

    /// `MSG_*`, see recv(2): those that [`MsgFlags`] has names for.
    #[inline]
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.flags = known(flags);
        self
    }

    /// Waits for data before the first try, on a socket that is known to have none. Since Linux 5.19.
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

/// Initialises the bytes that the kernel may count without having written them: TCP throws them away, and datagrams
/// are counted whole.
pub(super) fn zero_if_counted<B: IoBufMut>(flags: MsgFlags, buf: &mut B) {
    if flags.contains(MsgFlags::TRUNC) {
        let len = buf.bytes_total();
        // SAFETY: so many bytes are there to be written, and nobody else's.
        unsafe { buf.stable_mut_ptr().write_bytes(0, len) };
    }
}

// SAFETY: the bytes of an `IoBufMut` stay where they are, for the operation alone, while the value does. Their
// number is no larger than what the entry says.
unsafe impl<F: Handle, B: IoBufMut> Operation for Recv<F, B> {
    const OPCODE: u8 = opcode::Recv::CODE;

    type Output = Completed<F, B>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        zero_if_counted(self.flags, &mut self.buf);
        let len = length(self.buf.bytes_total());
        *entry = opcode::Recv::new(self.file.target(), self.buf.stable_mut_ptr(), len)
            .with_flags(self.flags)
            .with_ioprio(self.how)
            .build();
    }

    #[inline]
    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        let result = Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize);
        if let Ok(bytes) = result {
            let bytes = bytes.min(self.buf.bytes_total());
            // SAFETY: the kernel has written that many bytes, unless the flags say that it may count others: then they
            // were zeroed.
            unsafe { self.buf.set_init(bytes) };
        }
        Completed {
            result,
            file: self.file,
            buf: self.buf,
        }
    }
}
