//! Cancelling without an entry.

use std::io;

use uring_sys::{__kernel_timespec, io_uring_sync_cancel_reg};

use crate::uring::raw::Submitter;
use crate::uring::raw::types::{CancelBuilder, Timespec};

impl Submitter<'_> {
    /// Cancels operations and waits until they have completed, at most for `timeout`.
    ///
    /// Finds only what has been submitted. What was cancelled posts its completion as always.
    ///
    /// `IORING_REGISTER_SYNC_CANCEL`, since Linux 6.0.
    ///
    /// # Errors
    ///
    /// `ENOENT`: nothing matches; that all are gone when more than one was asked for is success. `ETIME`: the
    /// timeout passed. `EINTR`: a signal. `EBADF`: no such descriptor or slot.
    pub fn register_sync_cancel(
        &self,
        timeout: Option<Timespec>,
        builder: CancelBuilder,
    ) -> io::Result<()> {
        const FOR_EVER: __kernel_timespec = __kernel_timespec {
            tv_sec: -1,
            tv_nsec: -1,
        };
        let mut cancel = io_uring_sync_cancel_reg {
            addr: builder.to_user_data(),
            fd: builder.to_fd(),
            flags: builder.flags().bits(),
            timeout: timeout.map_or(FOR_EVER, |timeout| timeout.0),
            opcode: builder.to_opcode(),
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_SYNC_CANCEL;
        // SAFETY: the struct is what the operation takes, and names no memory.
        unsafe { self.target().with(opcode, &mut cancel, 1) }.map(drop)
    }
}
