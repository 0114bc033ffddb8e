//! Credentials that operations can run with.

use std::io;
use std::ptr;

use crate::uring::raw::Submitter;

impl Submitter<'_> {
    /// Registers the credentials of the calling thread, as they are now, and answers their id for
    /// [`Entry::personality`](crate::uring::raw::squeue::Entry::personality).
    ///
    /// `IORING_REGISTER_PERSONALITY`, since Linux 5.6.
    ///
    /// # Errors
    ///
    /// `EBUSY`: all 65535 ids are taken.
    pub fn register_personality(&self) -> io::Result<u16> {
        let opcode = uring_sys::IORING_REGISTER_PERSONALITY;
        // SAFETY: the operation takes nothing.
        let id = unsafe { self.target().call(opcode, ptr::null(), 0) }?;
        // The kernel gives ids from 1 to 65535: an SQE has 16 bits for them.
        Ok(id as u16)
    }

    /// Unregisters credentials. Operations in flight keep them.
    ///
    /// `IORING_UNREGISTER_PERSONALITY`, since Linux 5.6.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such id.
    pub fn unregister_personality(&self, personality: u16) -> io::Result<()> {
        let opcode = uring_sys::IORING_UNREGISTER_PERSONALITY;
        // SAFETY: the operation takes the id in `nr_args` and no memory.
        unsafe {
            self.target()
                .call(opcode, ptr::null(), u32::from(personality))
        }
        .map(drop)
    }
}
