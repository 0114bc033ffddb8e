//! Durability, space and caching of a file.

use super::{address, entry, entry_on};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{FallocateFlags, FsyncFlags, SyncRangeFlags, sealed::UseFixed};

builder! {
    /// Makes a file's data durable, like fsync(2). Since Linux 5.1.
    ///
    /// It is not ordered after writes that are still running: link it to them, or await them first.
    Fsync -> Entry = IORING_OP_FSYNC { flags: FsyncFlags }
}

impl Fsync {
    /// The file: all of it, unless a range is set.
    #[inline]
    pub fn new(fd: impl UseFixed) -> Self {
        Self(entry_on(Self::CODE, fd, |_| ()))
    }

    /// Where the range begins, in bytes. With an offset and a length of 0 the range is the whole
    /// file.
    #[inline]
    pub fn offset(mut self, offset: u64) -> Self {
        self.0.as_raw_mut().set_off(offset);
        self
    }

    /// How long the range is, in bytes.
    #[inline]
    pub fn len(mut self, len: u32) -> Self {
        self.0.as_raw_mut().len = len;
        self
    }
}

builder! {
    /// Starts or awaits writing a range back, like sync_file_range(2), which makes nothing durable.
    /// Since Linux 5.2.
    SyncFileRange -> Entry = IORING_OP_SYNC_FILE_RANGE { offset, flags: SyncRangeFlags as u32 }
}

impl SyncFileRange {
    /// The file, and how long the range is in bytes (0: to the end).
    #[inline]
    pub fn new(fd: impl UseFixed, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| sqe.len = len))
    }
}

builder! {
    /// Reserves or frees space, like fallocate(2). Since Linux 5.6.
    Fallocate -> Entry = IORING_OP_FALLOCATE { offset }
}

impl Fallocate {
    /// The file, and how long the range is in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, len: u64) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| sqe.set_addr(len)))
    }

    /// As [`with_mode`](Self::with_mode), by the integers of `libc`.
    #[inline]
    pub fn mode(self, mode: i32) -> Self {
        self.with_mode(mode.into())
    }

    /// What to do with the range; nothing of these reserves it.
    #[inline]
    pub fn with_mode(mut self, mode: FallocateFlags) -> Self {
        self.0.as_raw_mut().len = mode.bits();
        self
    }
}

builder! {
    /// Sets a file's length, like ftruncate(2). Since Linux 6.9.
    Ftruncate -> Entry = IORING_OP_FTRUNCATE {}
}

impl Ftruncate {
    /// The file, and its new length in bytes.
    #[inline]
    pub fn new(fd: impl UseFixed, len: u64) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| sqe.set_off(len)))
    }
}

builder! {
    /// Tells how a range of a file will be used, like posix_fadvise(2). Since Linux 5.6.
    ///
    /// `-EINVAL` for a length of 4 GiB or more before Linux 6.11.
    Fadvise -> Entry = IORING_OP_FADVISE { offset }
}

impl Fadvise {
    /// The file, how long the range is in bytes (0: to the end), and the advice (`POSIX_FADV_*`).
    #[inline]
    pub fn new(fd: impl UseFixed, len: libc::off_t, advice: i32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            // The 32-bit field, which all kernels have, where it suffices.
            match u32::try_from(len) {
                Ok(len) => sqe.len = len,
                Err(_) => sqe.set_addr(len as u64),
            }
            sqe.set_fadvise_advice(advice as u32);
        }))
    }
}

builder! {
    /// Tells how memory will be used, like madvise(2). Since Linux 5.6.
    ///
    /// The memory must stay mapped until the final completion, and what advice such as
    /// `MADV_DONTNEED` does to it is as if the program did it. `-EINVAL` for a length of 4 GiB or
    /// more before Linux 6.11.
    Madvise -> Entry = IORING_OP_MADVISE {}
}

impl Madvise {
    /// The memory, page aligned, its length in bytes, and the advice (`MADV_*`).
    #[inline]
    pub fn new(addr: *const libc::c_void, len: libc::off_t, advice: i32) -> Self {
        Self(entry(Self::CODE, -1, |sqe| {
            sqe.set_addr(address(addr));
            match u32::try_from(len) {
                Ok(len) => sqe.len = len,
                Err(_) => sqe.set_off(len as u64),
            }
            sqe.set_fadvise_advice(advice as u32);
        }))
    }
}
