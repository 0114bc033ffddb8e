//! What the kernel says when a request is over.

use std::fmt::{self, Debug, Formatter};
use std::io;

use aio_sys::io_event;

use super::types::PollFlags;

/// One event: a request is over.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Event(io_event);

impl Event {
    /// The value that the request carried.
    #[inline]
    pub fn data(&self) -> u64 {
        self.0.data
    }

    /// Where the request's [`Iocb`](super::Iocb) was when it was submitted. It may be gone by now.
    #[inline]
    pub fn address(&self) -> usize {
        self.0.obj as usize
    }

    /// The answer as the kernel gives it: bytes, a poll mask or 0; or a negative errno.
    #[inline]
    pub fn res(&self) -> i64 {
        self.0.res
    }

    /// The number of bytes moved (at most 0x7ffff000), or 0; or the error.
    #[inline]
    pub fn result(&self) -> io::Result<usize> {
        match usize::try_from(self.0.res) {
            Ok(count) => Ok(count),
            Err(_) => Err(io::Error::from_raw_os_error(
                self.0.res.saturating_neg() as i32
            )),
        }
    }

    /// What the file is ready for, of the events `asked` for and those that are reported unasked.
    ///
    /// The kernel's answer has more bits than were asked for if the file became ready after the submission. It
    /// is empty if the request was cancelled.
    #[inline]
    pub fn poll_flags(&self, asked: PollFlags) -> PollFlags {
        PollFlags::from_bits_retain(self.0.res as u16) & (asked | PollFlags::ALWAYS)
    }

    /// The kernel's struct.
    #[inline]
    pub fn as_raw(&self) -> &io_event {
        &self.0
    }
}

impl From<io_event> for Event {
    #[inline]
    fn from(event: io_event) -> Self {
        Self(event)
    }
}

impl From<Event> for io_event {
    #[inline]
    fn from(event: Event) -> Self {
        event.0
    }
}

impl Debug for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("data", &self.data())
            .field("address", &format_args!("{:#x}", self.address()))
            .field("res", &self.res())
            .finish()
    }
}
