//! An eventfd that counts completions, for event loops that wait on descriptors.

use std::io;

use super::Descriptor;
use crate::uring::raw::Submitter;

impl Submitter<'_> {
    /// Adds 1 to an eventfd when completions are posted, once or more for each batch: it says that there
    /// are some, not how many.
    ///
    /// The queue can hold the signals back for a while: `IORING_CQ_EVENTFD_DISABLED`.
    ///
    /// `IORING_REGISTER_EVENTFD`, since Linux 5.2.
    ///
    /// # Errors
    ///
    /// `EBUSY`: there is one. `EBADF`: not open. `EINVAL`: not an eventfd.
    pub fn register_eventfd(&self, eventfd: impl Descriptor) -> io::Result<()> {
        self.eventfd(uring_sys::IORING_REGISTER_EVENTFD, eventfd)
    }

    /// As [`register_eventfd`](Self::register_eventfd), but only the completions that workers post count: none
    /// that happen within the submission, and none of a poll that became ready.
    ///
    /// `IORING_REGISTER_EVENTFD_ASYNC`, since Linux 5.6.
    ///
    /// # Errors
    ///
    /// As [`register_eventfd`](Self::register_eventfd).
    pub fn register_eventfd_async(&self, eventfd: impl Descriptor) -> io::Result<()> {
        self.eventfd(uring_sys::IORING_REGISTER_EVENTFD_ASYNC, eventfd)
    }

    /// Unregisters the eventfd.
    ///
    /// `IORING_UNREGISTER_EVENTFD`, since Linux 5.2.
    ///
    /// # Errors
    ///
    /// `ENXIO`: there is none.
    pub fn unregister_eventfd(&self) -> io::Result<()> {
        // SAFETY: the operation takes nothing.
        unsafe { self.target().bare(uring_sys::IORING_UNREGISTER_EVENTFD) }
    }

    fn eventfd(&self, opcode: u32, eventfd: impl Descriptor) -> io::Result<()> {
        // SAFETY: both operations take one descriptor and read it within the call.
        unsafe { self.target().array(opcode, &[eventfd.number()]) }.map(drop)
    }
}
