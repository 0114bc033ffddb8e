//! Messages from ring to ring.
//!
//! A message is a completion whose user data the sender chooses. So that none can ever pass for the completion of
//! an operation, the key in it names a place where no slot lies.
//!
//! A file that is passed lies in an automatic slot of the receiver's table, of which the completion tells. Until the
//! receiver takes it the slot has no handle, and the kernel does not use it for another file; what is never taken is
//! closed with the table.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::op::Cqe;
use super::raw::register::send_msg_ring;
use super::raw::squeue::Entry;
use super::raw::types::{DestinationSlot, Fd, Fixed};
use super::raw::{cqueue, opcode, squeue};
use super::{FixedFd, Ring};
use crate::broken::broken;
use crate::inflight::{Kept, Key, Table};

/// Where no slot lies: for files that are passed from ring to ring.
const FILE: u32 = Key::MESSAGE - 1;

/// What has come from other rings, and was met while the other kind was looked for.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    messages: VecDeque<u64>,
    /// The slots, and what came with them.
    files: VecDeque<(u32, u32)>,
}

/// Keeps a completion that no operation waits for, if it is a message; answers that.
#[cold]
pub(super) fn keep<C: cqueue::EntryMarker>(table: &Table<Cqe>, completion: &C) -> bool {
    let key = Key(completion.user_data());
    let is_one = matches!(key.offset(), Key::MESSAGE | FILE);
    if is_one {
        table.push_message(Kept {
            key,
            completion: Cqe::of(completion),
            last: true,
        });
    }
    is_one
}

/// Who takes messages: a [`Mailbox`], as it is or borrowed.
pub trait Receiver {
    #[doc(hidden)]
    fn mailbox(&self) -> &Mailbox;
}

impl Receiver for Mailbox {
    #[inline]
    fn mailbox(&self) -> &Mailbox {
        self
    }
}

impl Receiver for &Mailbox {
    #[inline]
    fn mailbox(&self) -> &Mailbox {
        self
    }
}

/// The entry that sends a message.
pub(super) fn entry(to: &Mailbox, message: u64) -> Entry {
    let ring = Fd(to.ring.as_raw_fd());
    // The kernel passes on both numbers as they are.
    let user_data = (message >> 32) << 32 | u64::from(Key::MESSAGE);
    opcode::MsgRingData::new(ring, message as u32 as i32, user_data, None).build()
}

/// The entry that passes a file on, with a number.
pub(super) fn file_entry(to: &Mailbox, slot: Fixed, number: u32) -> Entry {
    let ring = Fd(to.ring.as_raw_fd());
    let user_data = u64::from(number) << 32 | u64::from(FILE);
    let any = DestinationSlot::auto_target();
    opcode::MsgRingSendFd::new(ring, slot, any, user_data).build()
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Ring<S, C> {
    /// Where others can send messages to this ring: with [`op::RingMessage`](super::op::RingMessage) from another ring, and
    /// with [`Mailbox::send`] from a thread without one.
    ///
    /// ```
    /// #![forbid(unsafe_code)]
    /// use std::thread;
    ///
    /// use safe::uring::{Ring, op};
    ///
    /// let mut ring = Ring::new(8)?;
    /// let mailbox = ring.mailbox()?;
    /// let sender = thread::spawn(move || {
    ///     let mut ring = Ring::new(8)?;
    ///     let sent = ring.push(op::RingMessage::new(mailbox, 42))?;
    ///     ring.wait(sent)?.result?;
    ///     Ok::<(), std::io::Error>(())
    /// });
    /// assert_eq!(ring.next_message()?, 42);
    /// sender.join().unwrap()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the ring's descriptor cannot be duplicated.
    pub fn mailbox(&self) -> io::Result<Mailbox> {
        let ring = self.as_fd().try_clone_to_owned()?;
        Ok(Mailbox {
            ring: Arc::new(ring),
        })
    }

    /// Waits for the next message. Submits what is queued if there is none yet.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked. A signal does not interrupt it.
    pub fn next_message(&mut self) -> io::Result<u64> {
        loop {
            if let Some(message) = self.taken_message() {
                return Ok(message);
            }
            self.advance()?;
        }
    }

    /// The next message, if there is one. Makes no system call unless completions wait in the kernel to be
    /// fetched; does not submit what is queued.
    ///
    /// # Errors
    ///
    /// As for [`next_message`](Self::next_message).
    pub fn try_message(&mut self) -> io::Result<Option<u64>> {
        if let Some(message) = self.taken_message() {
            return Ok(Some(message));
        }
        self.poll()?;
        Ok(self.taken_message())
    }

    fn taken_message(&mut self) -> Option<u64> {
        self.sort_messages();
        self.inbox.messages.pop_front()
    }

    /// Waits for the next file that another ring [passes](super::op::PassFile): answers it, and the number that came
    /// with it. Submits what is queued if there is none yet.
    ///
    /// The ring needs a table of [fixed files](Self::register_files) with automatic slots. Files that nobody takes
    /// keep theirs until the ring is dropped.
    ///
    /// # Errors
    ///
    /// If the kernel cannot be asked. A signal does not interrupt it.
    pub fn next_file(&mut self) -> io::Result<(FixedFd, u32)> {
        loop {
            if let Some(file) = self.taken_file() {
                return Ok(file);
            }
            self.advance()?;
        }
    }

    /// The next file that was passed, if there is one. Makes no system call unless completions wait in the kernel to be
    /// fetched; does not submit what is queued.
    ///
    /// # Errors
    ///
    /// As for [`next_file`](Self::next_file).
    pub fn try_file(&mut self) -> io::Result<Option<(FixedFd, u32)>> {
        if let Some(file) = self.taken_file() {
            return Ok(Some(file));
        }
        self.poll()?;
        Ok(self.taken_file())
    }

    fn taken_file(&mut self) -> Option<(FixedFd, u32)> {
        self.sort_messages();
        while let Some((slot, number)) = self.inbox.files.pop_front() {
            if broken("lost") {
                continue;
            }
            if broken("twice") {
                self.inbox.files.push_back((slot, number));
            }
            // The kernel puts files into slots of the table alone.
            if let Some(file) = self.files()?.handle(slot) {
                return Some((file, number));
            }
        }
        None
    }

    fn sort_messages(&mut self) {
        while let Some(Kept {
            key, completion, ..
        }) = self.table().pop_message()
        {
            let (high, low) = ((key.0 >> 32) as u32, completion.result as u32);
            if key.offset() == FILE {
                self.inbox.files.push_back((low, high));
            } else {
                let message = u64::from(high) << 32 | u64::from(low);
                self.inbox.messages.push_back(message);
            }
        }
    }
}

/// Where a ring takes messages and files, for any thread.
///
/// It has a descriptor of the ring, and keeps it open. A message cannot be taken for the completion of an operation,
/// whatever its number. Code that is not of this crate, and puts completions with a user data of its own choice
/// into a ring by its descriptor, needs `unsafe` for that, and must not do it to this one.
#[derive(Clone, Debug)]
pub struct Mailbox {
    ring: Arc<OwnedFd>,
}

impl Mailbox {
    /// Sends a message at once, from a thread that needs no ring. Since Linux 6.13.
    ///
    /// Messages that the ring does not take are kept there, in memory that grows.
    ///
    /// # Errors
    ///
    /// `EOWNERDEAD` if the ring's thread is gone, as far as the kernel knows, `EOVERFLOW` if its completion queue is full.
    pub fn send(&self, message: u64) -> io::Result<()> {
        let entry = entry(self, message);
        // SAFETY: whoever reaps the ring knows a message by its key, which is no operation's.
        unsafe { send_msg_ring(&entry) }
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}
