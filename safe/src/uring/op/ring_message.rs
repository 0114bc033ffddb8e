//! Messages to other rings.

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::message::{self, Receiver};
use crate::uring::raw::{opcode, types};
use crate::uring::{FixedFd, Mailbox, RingId};

/// Sends a number to another [`Ring`](crate::uring::Ring), which takes it by
/// [`next_message`](crate::uring::Ring::next_message). Since Linux 5.18.
///
/// It takes no other descriptor of a ring: one whose completions lead to memory, as those of other crates may, must get
/// none that somebody else has made up.
///
/// `EOWNERDEAD` if its thread is gone, as far as the kernel knows, `EOVERFLOW` if its completion queue is full.
#[derive(Debug)]
pub struct RingMessage<F> {
    ring: F,
    message: u64,
}

impl<F: Receiver> RingMessage<F> {
    /// To which ring (a [`Mailbox`](crate::uring::Mailbox) of it, or a reference to one), and what.
    #[inline]
    pub fn new(ring: F, message: u64) -> Self {
        Self { ring, message }
    }
}

// SAFETY: the entry names no memory. The other ring is a `Ring`, whose mailbox the value keeps. What is done to it cannot
// be taken for a completion of an operation there, by the key that it carries.
unsafe impl<F: Receiver> Operation for RingMessage<F> {
    const OPCODE: u8 = opcode::MsgRingData::CODE;

    type Output = Answered<F, ()>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = message::entry(self.ring.mailbox(), self.message);
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: self.ring,
        }
    }
}

/// Passes a file on to another [`Ring`](crate::uring::Ring), which takes it by
/// [`next_file`](crate::uring::Ring::next_file): a fixed file of this ring becomes one of that ring too, in one of its
/// automatic slots. Since Linux 6.0.
///
/// Both have the file then, each in a slot of its own. With the answer come mailbox and file back. When it is there the
/// receiver has the file, whatever becomes of this ring.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::thread;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// ring.register_files(0, 4)?;
/// let mailbox = ring.mailbox()?;
/// let sender = thread::spawn(move || {
///     let mut ring = Ring::new(8)?;
///     ring.register_files(1, 0)?;
///     let file = ring.register_file(std::fs::File::open("/proc/self/exe")?)?;
///     let passed = ring.push(op::PassFile::new(mailbox, file).number(7))?;
///     ring.wait(passed)?.result?;
///     Ok::<(), std::io::Error>(())
/// });
/// let (file, number) = ring.next_file()?;
/// sender.join().unwrap()?;
/// let ticket = ring.push(op::Read::new(file, Vec::with_capacity(4)).at(0))?;
/// assert_eq!((ring.wait(ticket)?.buf, number), (b"\x7fELF".to_vec(), 7));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// `ENFILE` if the other ring has no automatic slot that is free, or no table of files; `EINVAL` for one's own ring,
/// `EBADF` for an empty slot, and those of [`RingMessage`]. After `EOVERFLOW` the file lies in a slot there of which
/// nobody knows, until that ring is dropped.
#[derive(Debug)]
pub struct PassFile {
    to: Mailbox,
    file: FixedFd,
    number: u32,
}

impl PassFile {
    /// To which ring, and what.
    pub fn new(to: Mailbox, file: FixedFd) -> Self {
        Self {
            to,
            file,
            number: 0,
        }
    }

    /// What the receiver is told with it; 0 unless set.
    #[must_use]
    pub fn number(mut self, number: u32) -> Self {
        self.number = number;
        self
    }
}

// SAFETY: the entry names no memory. What it does to the other ring cannot be taken for a completion of an operation
// there, by the key that it carries, and the file comes into a slot that has no handle.
unsafe impl Operation for PassFile {
    const OPCODE: u8 = opcode::MsgRingSendFd::CODE;

    type Output = Answered<(Mailbox, FixedFd), ()>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.is_of(ring)
    }

    fn prepare(&mut self, entry: &mut Entry) {
        let slot = types::Fixed(self.file.slot());
        *entry = message::file_entry(&self.to, slot, self.number);
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(drop),
            file: (self.to, self.file),
        }
    }
}
