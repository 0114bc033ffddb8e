//! Mappings: of the kernel's rings, and of our own memory for them. All but [`Mmap::private`] are kept out of forked
//! children.

use std::io;
#[cfg(feature = "uring")]
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

#[cfg(feature = "uring")]
use crate::fork::Generation;

/// A mapping that ends when the value is dropped, except in a forked child, which never had it or keeps its copy.
#[cfg(feature = "uring")]
#[derive(Debug)]
pub(crate) struct Mmap {
    at: NonNull<u8>,
    len: usize,
    process: Generation,
}

#[cfg(feature = "uring")]
// SAFETY: a mapping belongs to the process, not to a thread; this type only hands out its address.
unsafe impl Send for Mmap {}
#[cfg(feature = "uring")]
// SAFETY: as above.
unsafe impl Sync for Mmap {}

#[cfg(feature = "uring")]
impl Mmap {
    /// Maps `len` bytes of `fd` from `offset`, shared with whoever has them open.
    ///
    /// `MAP_SHARED` is essential: the kernel accepts a private mapping of a ring and then never sees what
    /// is written to it. No address is asked for: kernels since 6.1 refuse a hint.
    pub(crate) fn of(fd: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<Self> {
        // What the kernel will read and write is there at once, without faults in the first rounds.
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        Self::map(len, flags, fd.as_raw_fd(), offset)
    }

    /// Zeroed memory of our own for the kernel to use as rings, of normal pages.
    pub(crate) fn memory(len: usize) -> io::Result<Self> {
        Self::map(len, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0)
    }

    /// The same of huge pages of `page` bytes, of which `len` is a multiple.
    pub(crate) fn huge_memory(len: usize, page: usize) -> io::Result<Self> {
        // The size is said explicitly, as its logarithm: the system's default may be another.
        let size = (page.ilog2() as libc::c_int) << libc::MAP_HUGE_SHIFT;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB | size;
        Self::map(len, flags, -1, 0)
    }

    /// Zeroed memory of our own, of which a forked child has a copy. The kernel copies pages that it has pinned when the
    /// process forks, and leaves the parent those that it writes to (since Linux 5.13).
    pub(crate) fn private(len: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let process = Generation::current()?;
        let at = map(len, flags, -1, 0)?;
        Ok(Self { at, len, process })
    }

    fn map(len: usize, flags: libc::c_int, fd: libc::c_int, offset: u64) -> io::Result<Self> {
        let process = Generation::current()?;
        let mapping = Self {
            at: map(len, flags, fd, offset)?,
            len,
            process,
        };
        mapping.advise(libc::MADV_DONTFORK)?;
        Ok(mapping)
    }

    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the range is a whole mapping that this value owns.
        match unsafe { libc::madvise(self.at.as_ptr().cast(), self.len, advice) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The first byte.
    pub(crate) fn at(&self) -> NonNull<u8> {
        self.at
    }

    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(feature = "uring")]
impl Drop for Mmap {
    fn drop(&mut self) {
        if self.process.is_current() {
            // SAFETY: the mapping is this value's own, and whoever took its address lives no longer than
            // the value does.
            unsafe { libc::munmap(self.at.as_ptr().cast(), self.len) };
        }
    }
}

/// A zeroed page that a forked child finds zeroed again. It stays until [`unmap_page`].
pub(crate) fn wiped_on_fork() -> io::Result<NonNull<u8>> {
    let len = page_size();
    let at = map(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)?;
    // SAFETY: the range is the page just mapped.
    match unsafe { libc::madvise(at.as_ptr().cast(), len, libc::MADV_WIPEONFORK) } {
        0 => Ok(at),
        _ => {
            let error = io::Error::last_os_error();
            // SAFETY: as above, and nobody else knows of it.
            unsafe { libc::munmap(at.as_ptr().cast(), len) };
            Err(error)
        }
    }
}

/// Ends a page of [`wiped_on_fork`].
///
/// # Safety
///
/// `at` came from that function, and nobody uses it any more.
#[cfg(feature = "uring")]
pub(crate) unsafe fn unmap_page(at: NonNull<u8>) {
    // SAFETY: by the caller's promise. A child has the page too, so this is right there as well.
    unsafe { libc::munmap(at.as_ptr().cast(), page_size()) };
}

/// The size of a normal page in bytes.
pub(crate) fn page_size() -> usize {
    // SAFETY: the call has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

fn map(len: usize, flags: libc::c_int, fd: libc::c_int, offset: u64) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // `mmap64`: the offsets of buffer rings do not fit the `off_t` of 32-bit targets.
    // SAFETY: a new mapping at an address that the kernel chooses touches nothing that exists.
    let at = unsafe {
        libc::mmap64(
            ptr::null_mut(),
            len,
            protection,
            flags,
            fd,
            offset as libc::off64_t,
        )
    };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(at.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
}
