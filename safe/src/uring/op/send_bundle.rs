//! Sending many buffers.

use super::msg_flags::picked;
use super::{Cqe, Entry, Error, Operation};
use crate::buf::IoBuf;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::{MsgFlags, SendRecvFlags};
use crate::uring::{RingId, SendQueue};

/// What came of sending a queue of buffers, and what the operation owned.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Bundled<F, B> {
    /// The number of bytes, or why there are none.
    pub result: Result<usize, Error>,
    /// The file.
    pub file: F,
    /// The queue, with what was not sent.
    pub queue: SendQueue<B>,
}

/// Sends the buffers of a [`SendQueue`], one after the other, up to 256 of them. Since Linux 6.10.
///
/// Gives the number of bytes, which may be fewer than there are, unless [`MsgFlags::WAITALL`] is set. What was not sent is
/// the queue's still. Asking the kernel how far it has come is a system call for each operation, as it is pushed.
///
/// # Errors
///
/// As for [`Send`](super::Send); `ENOBUFS` for an empty queue, `EINVAL` before Linux 6.10. What was sent before an error
/// is not known: it stays in the queue.
#[derive(Debug)]
pub struct SendBundle<F, B> {
    file: F,
    queue: SendQueue<B>,
    flags: MsgFlags,
    how: SendRecvFlags,
    shown: bool,
    /// The bytes of all completions so far: the kernel may go on with more buffers after one.
    sent: usize,
}

impl<F: Handle, B: IoBuf> SendBundle<F, B> {
    /// To where, and what.
    pub fn new(file: F, queue: SendQueue<B>) -> Self {
        Self {
            file,
            queue,
            flags: MsgFlags::empty(),
            how: SendRecvFlags::empty(),
            shown: false,
            sent: 0,
        }
    }

    /// `MSG_*`, see send(2): those that [`MsgFlags`] has names for.
    #[must_use]
    pub fn flags(mut self, flags: MsgFlags) -> Self {
        self.flags = picked(flags);
        self
    }

    /// As [`Send::poll_first`](super::Send::poll_first).
    #[must_use]
    pub fn poll_first(mut self) -> Self {
        self.how |= SendRecvFlags::POLL_FIRST;
        self
    }
}

// SAFETY: the value has the queue, whose buffers stay where they are while it does; no other operation has its group. If
// the kernel cannot be told of them, the entry names nothing.
unsafe impl<F: Handle, B: IoBuf> Operation for SendBundle<F, B> {
    const OPCODE: u8 = opcode::SendBundle::CODE;
    const NOTES: bool = true;

    type Output = Bundled<F, B>;

    fn fits(&self, ring: RingId) -> bool {
        self.queue.is_of(ring) && self.file.fits(ring)
    }

    unsafe fn note(this: *mut Self, cqe: &mut Cqe) {
        let bytes = usize::try_from(cqe.result).unwrap_or(0);
        // SAFETY: by the caller's promise; the kernel does not know the field.
        unsafe { (*this).sent += bytes };
    }

    fn prepare(&mut self, entry: &mut Entry) {
        self.sent = 0;
        // SAFETY: the value keeps the queue until the operation is over, and nobody else gets at it.
        let group = unsafe { self.queue.show() };
        self.shown = group.is_some();
        *entry = match group {
            Some(group) => opcode::SendBundle::new(self.file.target(), group)
                .with_flags(self.flags | MsgFlags::NOSIGNAL)
                .with_ioprio(self.how)
                .build(),
            None => opcode::Nop::new().build(),
        };
    }

    unsafe fn complete(mut self, cqe: Cqe) -> Self::Output {
        let result = if !self.shown {
            // What kernels without bundles answer, which are those that cannot tell how far they have come.
            Err(Error::of(Self::OPCODE, libc::EINVAL))
        } else if self.sent > 0 {
            // What ended it after that, the next one will meet too.
            Ok(self.sent)
        } else {
            Error::check(Self::OPCODE, cqe.result).map(|bytes| bytes as usize)
        };
        self.queue.note(result.unwrap_or(0));
        Bundled {
            result,
            file: self.file,
            queue: self.queue,
        }
    }
}
