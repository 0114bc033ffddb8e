//! A region of memory shared with the ring.

use std::io;
use std::ptr;

use bitflags::bitflags;
use uring_sys::{io_uring_mem_region_reg, io_uring_region_desc};

use crate::uring::raw::Submitter;

bitflags! {
    /// What a region is for: [`Submitter::register_mem_region`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct MemRegionFlags: u64 {
        /// It holds the arguments of waits (`IORING_ENTER_EXT_ARG_REG`).
        const WAIT_ARG = uring_sys::IORING_MEM_REGION_REG_WAIT_ARG;
    }
}

impl Submitter<'_> {
    /// Registers the ring's one region of memory: the caller's (`IORING_MEM_REGION_TYPE_USER`), or one that the
    /// kernel allocates and says in `mmap_offset` where to map.
    ///
    /// `IORING_REGISTER_MEM_REGION`, since Linux 6.13.
    ///
    /// # Errors
    ///
    /// `EBUSY`: there is one, for ever. `EINVAL`: address or size are not whole pages, or waits on a ring that is
    /// not disabled. `EFAULT`: an address without `IORING_MEM_REGION_TYPE_USER` or the reverse, or memory
    /// that is not mapped or read-only. `EEXIST`: not the ring's own thread.
    ///
    /// # Safety
    ///
    /// Memory of the caller's is readable and writable for the kernel, mapped and used for nothing else, until the
    /// ring is closed and its last operation has ended.
    pub unsafe fn register_mem_region(
        &self,
        region: &mut io_uring_region_desc,
        flags: MemRegionFlags,
    ) -> io::Result<()> {
        let mut register = io_uring_mem_region_reg {
            region_uptr: ptr::from_mut(region).expose_provenance() as u64,
            flags: flags.bits(),
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_MEM_REGION;
        // SAFETY: the struct is what the operation takes, and the one that it names is live and ours during the
        // call; its memory is the caller's promise.
        unsafe { self.target().with(opcode, &mut register, 1) }.map(drop)
    }
}
