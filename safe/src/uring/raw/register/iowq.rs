//! The workers that carry out what would block: where they run, and how many there may be.

use std::io;
use std::mem::size_of;
use std::ptr;

use crate::uring::raw::Submitter;

impl Submitter<'_> {
    /// Sets on which CPUs the calling thread's workers run, instead of those of the thread itself.
    ///
    /// `IORING_REGISTER_IOWQ_AFF`, since Linux 5.14. On a ring with a polling thread, of that thread's workers,
    /// since 6.4.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a CPU outside the thread's cpuset. CPUs that the machine does not have are ignored.
    pub fn register_iowq_aff(&self, cpu_set: &libc::cpu_set_t) -> io::Result<()> {
        let opcode = uring_sys::IORING_REGISTER_IOWQ_AFF;
        let size = size_of::<libc::cpu_set_t>() as u32;
        // SAFETY: the operation takes a mask and its size in bytes, and reads it within the call.
        unsafe {
            self.target()
                .call(opcode, ptr::from_ref(cpu_set).cast(), size)
        }
        .map(drop)
    }

    /// Lets the workers run again where the thread itself may.
    ///
    /// `IORING_UNREGISTER_IOWQ_AFF`, since Linux 5.14.
    pub fn unregister_iowq_aff(&self) -> io::Result<()> {
        // SAFETY: the operation takes nothing.
        unsafe { self.target().bare(uring_sys::IORING_UNREGISTER_IOWQ_AFF) }
    }

    /// Sets how many workers the calling thread may have on each NUMA node, and answers in `max` how many it
    /// could have until now. 0 leaves a limit as it is.
    ///
    /// `max[0]` is for work that ends in bounded time (files, block devices), `max[1]` for work that may wait
    /// without end (sockets, pipes).
    ///
    /// `IORING_REGISTER_IOWQ_MAX_WORKERS`, since Linux 5.15.
    pub fn register_iowq_max_workers(&self, max: &mut [u32; 2]) -> io::Result<()> {
        let opcode = uring_sys::IORING_REGISTER_IOWQ_MAX_WORKERS;
        // SAFETY: the operation takes two limits and writes two, within the call.
        unsafe { self.target().with(opcode, max, 2) }.map(drop)
    }
}
