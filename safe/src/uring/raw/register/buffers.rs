//! Fixed buffers: memory that the kernel has pinned once, for `READ_FIXED`, `WRITE_FIXED` and what else
//! takes a buffer index.

use std::io;

use uring_sys::{io_uring_clone_buffers, io_uring_rsrc_register, io_uring_rsrc_update2};

use super::{Descriptor, address, count, invalid};
use crate::uring::raw::Submitter;
use crate::uring::raw::types::CloneBuffersFlags;

impl Submitter<'_> {
    /// Registers buffers as the ring's table: index 0 is the first.
    ///
    /// `IORING_REGISTER_BUFFERS`, since Linux 5.1. At most 16384 buffers (1024 before 5.13) of at most 1 GiB
    /// each. An `iovec` of address and length 0 leaves its slot empty, since 5.13.
    ///
    /// # Errors
    ///
    /// `EBUSY`: there is a table; unregister it first. `ENOMEM`: the limit of locked memory
    /// (`RLIMIT_MEMLOCK`), which counts every page. `EOPNOTSUPP`: memory mapped from a file that cannot be
    /// pinned. `EFAULT`: unmapped, or empty with an address.
    ///
    /// # Safety
    ///
    /// The memory is valid for reads and writes, and given to no one else, whenever an operation that names
    /// its buffer index is in flight. Until it is unregistered *and* the last such operation has
    /// completed, it may not be freed: closing the ring does neither at once.
    pub unsafe fn register_buffers(&self, bufs: &[libc::iovec]) -> io::Result<()> {
        // SAFETY: an array of iovecs and its length is what the operation takes; the rest is the caller's
        // promise.
        unsafe {
            self.target()
                .array(uring_sys::IORING_REGISTER_BUFFERS, bufs)
        }
        .map(drop)
    }

    /// Registers buffers with a tag each.
    ///
    /// When a buffer with a tag other than 0 has been unregistered or replaced and is no longer in use, a
    /// completion with the tag as `user_data` and a result of 0 is posted, once.
    ///
    /// `IORING_REGISTER_BUFFERS2`, since Linux 5.13.
    ///
    /// # Errors
    ///
    /// As [`register_buffers`](Self::register_buffers). `EINVAL`: as many tags as buffers are needed, and
    /// an empty slot has no tag.
    ///
    /// # Safety
    ///
    /// As for [`register_buffers`](Self::register_buffers).
    pub unsafe fn register_buffers2(&self, bufs: &[libc::iovec], tags: &[u64]) -> io::Result<()> {
        if bufs.len() != tags.len() {
            return Err(invalid());
        }
        let mut register = io_uring_rsrc_register {
            nr: count(bufs.len())?,
            data: address(bufs),
            tags: address(tags),
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_BUFFERS2;
        // SAFETY: both arrays have `nr` elements and are read within the call; the rest is the caller's
        // promise.
        unsafe { self.target().sized(opcode, &mut register) }.map(drop)
    }

    /// Registers a table of `nr` empty slots, to be filled by
    /// [`register_buffers_update`](Self::register_buffers_update).
    ///
    /// `IORING_REGISTER_BUFFERS2` with `IORING_RSRC_REGISTER_SPARSE`, since Linux 5.19.
    ///
    /// # Errors
    ///
    /// `EBUSY`: there is a table.
    pub fn register_buffers_sparse(&self, nr: u32) -> io::Result<()> {
        let mut register = sparse(nr);
        let opcode = uring_sys::IORING_REGISTER_BUFFERS2;
        // SAFETY: the struct is what the operation takes, and names no memory.
        unsafe { self.target().sized(opcode, &mut register) }.map(drop)
    }

    /// Replaces the buffers from slot `offset` on, all of them, or up to the one that the error is about.
    ///
    /// An `iovec` of address and length 0 empties its slot. Tags are as in
    /// [`register_buffers2`](Self::register_buffers2).
    ///
    /// `IORING_REGISTER_BUFFERS_UPDATE`, since Linux 5.13.
    ///
    /// # Errors
    ///
    /// `ENXIO`: no table. `EINVAL`: beyond its end, or not as many tags as buffers. `ENOMEM`, `EFAULT` and
    /// `EOPNOTSUPP` as in [`register_buffers`](Self::register_buffers).
    ///
    /// # Safety
    ///
    /// As for [`register_buffers`](Self::register_buffers).
    pub unsafe fn register_buffers_update(
        &self,
        offset: u32,
        bufs: &[libc::iovec],
        tags: Option<&[u64]>,
    ) -> io::Result<()> {
        if tags.is_some_and(|tags| tags.len() != bufs.len()) {
            return Err(invalid());
        }
        let mut done = 0;
        // The kernel stops at the first bad buffer and answers how many it took; asked again, it says what
        // was wrong.
        loop {
            let mut update = io_uring_rsrc_update2 {
                offset: offset.checked_add(count(done)?).ok_or_else(invalid)?,
                data: address(&bufs[done..]),
                tags: tags.map_or(0, |tags| address(&tags[done..])),
                nr: count(bufs.len() - done)?,
                ..Default::default()
            };
            let opcode = uring_sys::IORING_REGISTER_BUFFERS_UPDATE;
            // SAFETY: the arrays have `nr` elements left and are read within the call; the rest is the
            // caller's promise.
            done += unsafe { self.target().sized(opcode, &mut update) }? as usize;
            if done >= bufs.len() {
                return Ok(());
            }
        }
    }

    /// Unregisters the table of buffers. Operations in flight keep theirs until they complete.
    ///
    /// `IORING_UNREGISTER_BUFFERS`, since Linux 5.1. Until 5.12 it waited for the ring to be idle.
    ///
    /// # Errors
    ///
    /// `ENXIO`: no table.
    pub fn unregister_buffers(&self) -> io::Result<()> {
        // SAFETY: the operation takes nothing.
        unsafe { self.target().bare(uring_sys::IORING_UNREGISTER_BUFFERS) }
    }

    /// Takes over the whole table of another ring; both then share the buffers.
    ///
    /// `IORING_REGISTER_CLONE_BUFFERS`, since Linux 6.12. The memory stays pinned until both rings have
    /// unregistered it.
    ///
    /// # Errors
    ///
    /// As [`register_buffers_clone_offset`](Self::register_buffers_clone_offset).
    pub fn register_buffers_clone(&self, src: impl Descriptor) -> io::Result<()> {
        self.register_buffers_clone_offset(src, 0, 0, 0, CloneBuffersFlags::empty())
    }

    /// Takes over `nr` buffers of another ring, or all for 0, from its slot `src_off` to our slot
    /// `dst_off`. The table grows where it must.
    ///
    /// `IORING_REGISTER_CLONE_BUFFERS`, since Linux 6.12; offsets, `nr` and
    /// [`DST_REPLACE`](CloneBuffersFlags::DST_REPLACE) since 6.13.
    ///
    /// # Errors
    ///
    /// `ENXIO`: the source has no table. `EBUSY`: this ring has one, and replacing was not asked for.
    /// `EOVERFLOW`: the range does not fit the source. `EOPNOTSUPP`: the source is not a ring. `EINVAL`: the
    /// target would be too large. `EBADF`: no such descriptor or registered index.
    pub fn register_buffers_clone_offset(
        &self,
        src: impl Descriptor,
        src_off: u32,
        dst_off: u32,
        nr: u32,
        flags: CloneBuffersFlags,
    ) -> io::Result<()> {
        let mut clone = io_uring_clone_buffers {
            src_fd: src.number() as u32,
            flags: flags.bits(),
            src_off,
            dst_off,
            nr,
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_CLONE_BUFFERS;
        // SAFETY: the struct is what the operation takes, and names no memory. To use a cloned buffer,
        // something must be pushed, and who pushes it answers for the memory.
        unsafe { self.target().with(opcode, &mut clone, 1) }.map(drop)
    }
}

/// A table of `nr` empty slots.
pub(super) fn sparse(nr: u32) -> io_uring_rsrc_register {
    io_uring_rsrc_register {
        nr,
        flags: uring_sys::IORING_RSRC_REGISTER_SPARSE,
        ..Default::default()
    }
}
