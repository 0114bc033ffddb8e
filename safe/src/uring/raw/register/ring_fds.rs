//! Ring descriptors that the kernel holds for a thread, so that calls need not look them up.
//!
//! [`Submitter::register_ring_fd`] does this for one ring and then uses the index. What is here leaves the
//! indexes to the caller.

use std::io;

use uring_sys::io_uring_rsrc_update;

use super::{Descriptor, count};
use crate::uring::raw::Submitter;
use crate::uring::raw::registered::is_in_use;

/// One of the 16 places that each thread has for registered ring descriptors.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct RingSlot(io_uring_rsrc_update);

impl RingSlot {
    /// To register `ring` at the first free index.
    pub fn free(ring: impl Descriptor) -> Self {
        Self::at(u32::MAX, ring)
    }

    /// To register `ring` at this index, below 16.
    pub fn at(index: u32, ring: impl Descriptor) -> Self {
        Self(io_uring_rsrc_update {
            offset: index,
            resv: 0,
            data: ring.number() as u32 as u64,
        })
    }

    /// To unregister what is at this index.
    pub fn empty(index: u32) -> Self {
        Self(io_uring_rsrc_update {
            offset: index,
            ..Default::default()
        })
    }

    /// The index; once registered, the one that was found.
    pub fn index(&self) -> u32 {
        self.0.offset
    }
}

impl Submitter<'_> {
    /// Registers ring descriptors with the calling *thread*: the indexes mean nothing to other threads and to
    /// forked children. Answers how many were registered, fewer than asked for if one failed.
    ///
    /// A registered ring stays open until it is unregistered or the thread ends.
    ///
    /// `IORING_REGISTER_RING_FDS`, since Linux 5.18.
    ///
    /// # Errors
    ///
    /// Of the first one: `EBUSY`: no free index, or the wanted one is taken. `EBADF`: not open.
    /// `EOPNOTSUPP`: not a ring. `EINVAL`: no such index, or more than 16.
    pub fn register_ring_fds(&self, rings: &mut [RingSlot]) -> io::Result<usize> {
        self.ring_fds(uring_sys::IORING_REGISTER_RING_FDS, rings)
    }

    /// Unregisters ring descriptors of the calling thread, [by index](RingSlot::empty). Answers how many places
    /// were gone through; one that was empty already counts.
    ///
    /// `IORING_UNREGISTER_RING_FDS`, since Linux 5.18.
    ///
    /// # Errors
    ///
    /// `EINVAL`: no such index, or the entry names a ring. `EBUSY`, and nothing is unregistered: one is the index
    /// that a ring enters by in this thread ([`Submitter::register_ring_fd`], `IORING_SETUP_REGISTERED_FD_ONLY`).
    /// Another ring in its place would get that ring's calls.
    pub fn unregister_ring_fds(&self, rings: &mut [RingSlot]) -> io::Result<usize> {
        if rings.iter().any(|slot| is_in_use(slot.index())) {
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        self.ring_fds(uring_sys::IORING_UNREGISTER_RING_FDS, rings)
    }

    fn ring_fds(&self, opcode: u32, rings: &mut [RingSlot]) -> io::Result<usize> {
        let count = count(rings.len())?;
        // SAFETY: both operations take an array of this struct, and read and write it within the call.
        let done = unsafe { self.target().call(opcode, rings.as_mut_ptr().cast(), count) }?;
        Ok(done as usize)
    }
}
