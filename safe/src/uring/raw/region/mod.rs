//! Memory that a ring and the kernel share for arguments: `IORING_REGISTER_MEM_REGION`, since Linux 6.13.
//!
//! What it is for today are [`RegisteredWaits`]. A ring has at most one region, and keeps it as long as it
//! lives.

mod waits;

use std::io;
use std::ptr::NonNull;

use uring_sys::io_uring_region_desc;

pub use self::waits::{RegisteredWaits, Wait};
use super::Submitter;
use super::huge_page_size;
use super::register::MemRegionFlags;
use crate::mmap::{Mmap, page_size};

/// Who allocates memory that is shared with the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allocation {
    /// The process, in normal pages (`IORING_MEM_REGION_TYPE_USER`).
    #[default]
    Process,
    /// The process, in huge pages of [`huge_page_size`] bytes. The size is rounded up to them; `ENOMEM` if none are
    /// free.
    HugePages,
    /// The kernel; the process maps it.
    Kernel,
}

/// A region of memory, registered with a ring.
///
/// Dropping it unmaps it. The kernel holds the pages until the ring is gone: there is no operation that ends
/// the registration.
#[derive(Debug)]
pub struct Region {
    memory: Mmap,
}

impl Region {
    /// Registers `len` bytes, rounded up to whole pages, and all zero.
    ///
    /// # Errors
    ///
    /// * `EBUSY`: the ring has a region.
    /// * `EINVAL`: `len` is 0, or the kernel is older than 6.13.
    /// * `ENOMEM`: no memory, or `RLIMIT_MEMLOCK` exceeded.
    pub fn register(ring: &Submitter<'_>, len: usize, by: Allocation) -> io::Result<Self> {
        Self::with_flags(ring, len, by, MemRegionFlags::empty())
    }

    fn with_flags(
        ring: &Submitter<'_>,
        len: usize,
        by: Allocation,
        flags: MemRegionFlags,
    ) -> io::Result<Self> {
        let register = |region: &mut io_uring_region_desc| {
            // SAFETY: the memory, if it is the process's, is used for nothing else. The kernel holds its pages, so
            // that it may be unmapped.
            unsafe { ring.register_mem_region(region, flags) }
        };
        let memory = shared_memory(ring, len, by, register)?;
        Ok(Self { memory })
    }

    /// The first byte. The kernel may read and write the memory at any time, so make no reference to it; in
    /// a forked child it is not mapped.
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.memory.at()
    }

    /// The number of bytes.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.memory.len()
    }
}

/// Makes memory of at least `len` bytes, zeroed, that `register` shares with the kernel by the description
/// it is given.
pub(super) fn shared_memory(
    ring: &Submitter<'_>,
    len: usize,
    by: Allocation,
    register: impl FnOnce(&mut io_uring_region_desc) -> io::Result<()>,
) -> io::Result<Mmap> {
    let unit = match by {
        Allocation::HugePages => huge_page_size(),
        Allocation::Process | Allocation::Kernel => page_size(),
    };
    let len = len
        .checked_next_multiple_of(unit)
        .filter(|&len| len != 0)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    let mut region = io_uring_region_desc {
        size: len as u64,
        ..Default::default()
    };
    if by == Allocation::Kernel {
        register(&mut region)?;
        // The offset is the kernel's answer; it differs by what is registered, and where.
        return ring.map(region.mmap_offset, len);
    }
    let memory = match by {
        Allocation::HugePages => Mmap::huge_memory(len, unit)?,
        Allocation::Process | Allocation::Kernel => Mmap::memory(len)?,
    };
    region.user_addr = memory.at().as_ptr().expose_provenance() as u64;
    region.flags = uring_sys::IORING_MEM_REGION_TYPE_USER;
    register(&mut region)?;
    Ok(memory)
}
