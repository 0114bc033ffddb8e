//! What engines are asked to do, and what they answer: the same for all of them, also for those in C.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, RawFd};
#[cfg(feature = "peers")]
use std::slice;

/// What to do. The numbers are those of `peers/op.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Code {
    /// Nothing.
    Nop,
    /// pread(2).
    Read,
    /// pwrite(2).
    Write,
    /// fdatasync(2).
    Sync,
    /// recv(2).
    Recv,
    /// send(2).
    Send,
    /// openat(2), of a path from the root, to read.
    Open,
    /// statx(2) of a descriptor, into the memory.
    Statx,
    /// close(2).
    Close,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Op {
    /// What to do.
    pub(crate) code: Code,
    /// Who asks: there is one operation of each slot at a time.
    pub(crate) slot: u32,
    /// With which descriptor.
    pub(crate) fd: RawFd,
    /// The number of that descriptor among the job's files, where it is one of them.
    pub(crate) file: u32,
    /// How many bytes.
    pub(crate) len: u32,
    /// Where in the slot's memory they are.
    pub(crate) skip: u32,
    /// Where in the file.
    pub(crate) offset: u64,
    /// The slot's memory, from `skip` on.
    pub(crate) memory: *mut u8,
    /// The path to open.
    pub(crate) path: *const libc::c_char,
}

impl Op {
    /// The memory, to be written from.
    ///
    /// # Safety
    ///
    /// The operation is the caller's turn: nobody else uses the slot's memory as long as the result lives.
    #[cfg(feature = "peers")]
    pub(crate) unsafe fn bytes<'a>(&self) -> &'a [u8] {
        // SAFETY: the job's slab has that many bytes there, all initialised; the rest is the caller's promise.
        unsafe { slice::from_raw_parts(self.memory, self.len as usize) }
    }

    /// The memory, to be read into.
    ///
    /// # Safety
    ///
    /// The operation is the caller's turn: nobody else uses the slot's memory as long as the result lives.
    #[cfg(feature = "peers")]
    pub(crate) unsafe fn bytes_mut<'a>(&self) -> &'a mut [u8] {
        // SAFETY: as in `bytes`.
        unsafe { slice::from_raw_parts_mut(self.memory, self.len as usize) }
    }

    /// The path.
    pub(crate) fn path(&self) -> &'static CStr {
        // SAFETY: jobs leak their paths.
        unsafe { CStr::from_ptr(self.path) }
    }

    /// The descriptor.
    pub(crate) fn file(&self) -> BorrowedFd<'static> {
        // SAFETY: the job keeps it open until the operation is over, which is before the job ends.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    /// Where statx(2) writes to.
    pub(crate) fn status(&self) -> *mut libc::statx {
        self.memory.cast()
    }

    /// The slot's memory, for who keeps no more of the operation.
    pub(crate) fn memory(&self) -> Memory {
        Memory(self.memory)
    }
}

/// Where the memory of a slot is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory(*mut u8);

impl Memory {
    /// Notes the size that an interface of higher level found, as statx(2) would have. The operation was a statx.
    pub(crate) fn note_size(self, size: u64) {
        // SAFETY: the slot's memory is aligned and has room for it.
        unsafe { (*self.0.cast::<libc::statx>()).stx_size = size };
    }
}

/// The end of an operation.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Done {
    /// Whose it was.
    pub(crate) slot: u32,
    /// What the kernel answered: a count or a descriptor, or a negative errno.
    pub(crate) result: i32,
}

/// What a system call answered, as io_uring would say it.
pub(crate) fn answer(result: isize) -> i32 {
    if result < 0 {
        -std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)
    } else {
        i32::try_from(result).unwrap_or(i32::MAX)
    }
}

/// The same of what a library made of it.
pub(crate) fn answer_of<E: Into<std::io::Error>>(result: Result<usize, E>) -> i32 {
    match result {
        Ok(count) => i32::try_from(count).unwrap_or(i32::MAX),
        Err(error) => -error.into().raw_os_error().unwrap_or(libc::EIO),
    }
}
