//! Fixed files: descriptors that the ring holds itself, so that operations need not look them up.

use std::io;
use std::os::fd::RawFd;

use uring_sys::{
    io_uring_file_index_range, io_uring_rsrc_register, io_uring_rsrc_update, io_uring_rsrc_update2,
};

use super::{Descriptor, address, buffers, count, invalid};
use crate::uring::raw::Submitter;

/// In an update of the file table: leave this slot as it is. Since Linux 5.12.
pub const SKIP_FILE: RawFd = uring_sys::IORING_REGISTER_FILES_SKIP;

impl Submitter<'_> {
    /// Registers files as the ring's table: [`Fixed(0)`](crate::uring::raw::types::Fixed) is the first. A
    /// descriptor of -1 leaves its slot empty (since 5.5).
    ///
    /// The ring holds the files itself: the descriptors may be closed.
    ///
    /// `IORING_REGISTER_FILES`, since Linux 5.1.
    ///
    /// # Errors
    ///
    /// `EBUSY`: there is a table. `EBADF`: one of the descriptors is not open, or is of an io_uring
    /// where that is not allowed. `EMFILE`: more than 1048576, or than `RLIMIT_NOFILE`.
    pub fn register_files<F: Descriptor>(&self, fds: &[F]) -> io::Result<()> {
        // SAFETY: a descriptor lies in memory as an int; the array is read within the call.
        unsafe { self.target().array(uring_sys::IORING_REGISTER_FILES, fds) }.map(drop)
    }

    /// Registers files with a tag each.
    ///
    /// When a file with a tag other than 0 has been unregistered or replaced and is no longer in use, a
    /// completion with the tag as `user_data` and a result of 0 is posted, once.
    ///
    /// `IORING_REGISTER_FILES2`, since Linux 5.13.
    ///
    /// # Errors
    ///
    /// As [`register_files`](Self::register_files). `EINVAL`: as many tags as files are needed, and an empty
    /// slot has no tag.
    pub fn register_files2<F: Descriptor>(&self, fds: &[F], tags: &[u64]) -> io::Result<()> {
        if fds.len() != tags.len() {
            return Err(invalid());
        }
        let mut register = io_uring_rsrc_register {
            nr: count(fds.len())?,
            data: address(fds),
            tags: address(tags),
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_FILES2;
        // SAFETY: both arrays have `nr` elements and are read within the call.
        unsafe { self.target().sized(opcode, &mut register) }.map(drop)
    }

    /// Registers a table of `nr` empty slots, to be filled by updates and by operations that open files.
    ///
    /// `IORING_REGISTER_FILES2` with `IORING_RSRC_REGISTER_SPARSE`, since Linux 5.19.
    ///
    /// # Errors
    ///
    /// `EBUSY`: there is a table. `EMFILE`: more than 1048576, or than `RLIMIT_NOFILE`.
    pub fn register_files_sparse(&self, nr: u32) -> io::Result<()> {
        let mut register = buffers::sparse(nr);
        let opcode = uring_sys::IORING_REGISTER_FILES2;
        // SAFETY: the struct is what the operation takes, and names no memory.
        unsafe { self.target().sized(opcode, &mut register) }.map(drop)
    }

    /// Replaces the files from slot `offset` on, and answers how many slots were updated: fewer than asked
    /// for if one in the middle failed. -1 empties a slot, [`SKIP_FILE`] leaves it.
    ///
    /// `IORING_REGISTER_FILES_UPDATE`, since Linux 5.5. Operations in flight keep the old files.
    ///
    /// # Errors
    ///
    /// `ENXIO`: no table. `EINVAL`: beyond its end, or no files. `EBADF`: the first is not open. `EOVERFLOW`:
    /// `offset` and the length together.
    pub fn register_files_update<F: Descriptor>(
        &self,
        offset: u32,
        fds: &[F],
    ) -> io::Result<usize> {
        let mut update = io_uring_rsrc_update {
            offset,
            resv: 0,
            data: address(fds),
        };
        let opcode = uring_sys::IORING_REGISTER_FILES_UPDATE;
        // SAFETY: the array has as many elements as `nr_args` says and is read within the call.
        let done = unsafe { self.target().with(opcode, &mut update, count(fds.len())?) }?;
        Ok(done as usize)
    }

    /// Replaces the files from slot `offset` on and gives them tags, as in
    /// [`register_files2`](Self::register_files2). Answers how many slots were updated.
    ///
    /// `IORING_REGISTER_FILES_UPDATE2`, since Linux 5.13.
    ///
    /// # Errors
    ///
    /// As [`register_files_update`](Self::register_files_update). `EINVAL`: not as many tags as files, or
    /// a tag for -1 or [`SKIP_FILE`].
    pub fn register_files_update2<F: Descriptor>(
        &self,
        offset: u32,
        fds: &[F],
        tags: &[u64],
    ) -> io::Result<usize> {
        if fds.len() != tags.len() {
            return Err(invalid());
        }
        let mut update = io_uring_rsrc_update2 {
            offset,
            data: address(fds),
            tags: address(tags),
            nr: count(fds.len())?,
            ..Default::default()
        };
        let opcode = uring_sys::IORING_REGISTER_FILES_UPDATE2;
        // SAFETY: both arrays have `nr` elements and are read within the call.
        let done = unsafe { self.target().sized(opcode, &mut update) }?;
        Ok(done as usize)
    }

    /// Keeps what the kernel allocates by itself (`IORING_FILE_INDEX_ALLOC`) within `len` slots from
    /// `offset` on. The other slots stay free for explicit use.
    ///
    /// Some kernels leave the range, when a slot outside of it was filled or emptied last: seen on 6.18.15, not on 6.12.118,
    /// 6.18.44 and 7.0.13.
    ///
    /// `IORING_REGISTER_FILE_ALLOC_RANGE`, since Linux 6.0.
    ///
    /// # Errors
    ///
    /// `EINVAL`: beyond the table, or no table. `EOVERFLOW`: `offset` and `len` together.
    pub fn register_file_alloc_range(&self, offset: u32, len: u32) -> io::Result<()> {
        let mut range = io_uring_file_index_range {
            off: offset,
            len,
            resv: 0,
        };
        let opcode = uring_sys::IORING_REGISTER_FILE_ALLOC_RANGE;
        // SAFETY: the struct is what the operation takes. The kernel wants 0 for `nr_args`, whatever the
        // man page says.
        unsafe { self.target().with(opcode, &mut range, 0) }.map(drop)
    }

    /// Unregisters the table of files. Operations in flight keep theirs until they complete.
    ///
    /// `IORING_UNREGISTER_FILES`, since Linux 5.1. Until 5.12 it waited for the ring to be idle.
    ///
    /// # Errors
    ///
    /// `ENXIO`: no table.
    pub fn unregister_files(&self) -> io::Result<()> {
        // SAFETY: the operation takes nothing.
        unsafe { self.target().bare(uring_sys::IORING_UNREGISTER_FILES) }
    }
}
