//! The clock of waits.

use std::io;

use uring_sys::io_uring_clock_register;

use crate::uring::raw::Submitter;

impl Submitter<'_> {
    /// Sets the clock of the ring's wait timeouts: `CLOCK_MONOTONIC`, as it is at first, or `CLOCK_BOOTTIME`,
    /// which also counts the time that the machine sleeps. Timeout *operations* name their own.
    ///
    /// `IORING_REGISTER_CLOCK`, since Linux 6.12.
    ///
    /// # Errors
    ///
    /// `EINVAL`: another clock.
    pub fn register_clock(&self, clock: libc::clockid_t) -> io::Result<()> {
        let mut register = io_uring_clock_register {
            clockid: clock as u32,
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_CLOCK;
        // SAFETY: the struct is what the operation takes; `nr_args` must be 0.
        unsafe { self.target().with(opcode, &mut register, 0) }.map(drop)
    }
}
