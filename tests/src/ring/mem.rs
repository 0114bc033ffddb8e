//! Memory for the kernel to read and write.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

/// An address at which no process has memory.
pub const NOWHERE: u64 = 16;

/// Zeroed memory, page aligned, that is never given back: the kernel may use it at any time, also after a case failed.
///
/// A page that nobody may touch follows it, so that a length that is too large is an error and overwrites nothing. All
/// access from this side is by single atomic bytes: what the kernel writes meanwhile is at worst seen in part.
#[derive(Clone, Copy, Debug)]
pub struct Mem {
    bytes: &'static [AtomicU8],
}

/// A type of which any bytes are a value, and which has no bytes outside its fields.
///
/// # Safety
///
/// As it says.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty)*) => { $(
        // SAFETY: integers, arrays of them, or structs of them that the system defines without implicit padding.
        unsafe impl Plain for $type {}
    )* };
}
plain! {
    i32 u16 u32 u64 usize [i32; 2] [u32; 2] libc::statx libc::sockaddr_in uring_sys::io_uring_recvmsg_out
    uring_sys::__kernel_timespec uring_sys::io_uring_query_hdr uring_sys::io_uring_query_opcode uring_sys::io_uring_buf
    uring_sys::io_uring_attr_pi uring_sys::io_uring_query_zcrx uring_sys::io_uring_reg_wait uring_sys::io_uring_query_scq
    uring_sys::io_uring_query_zcrx_event
}

impl Mem {
    /// `len` zero bytes.
    ///
    /// Panics if the system has no memory.
    pub fn zeroed(len: usize) -> Mem {
        let page = page_size();
        let room = len.next_multiple_of(page).max(page);
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping where the kernel likes touches no memory that is in use.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), room + page, libc::PROT_NONE, flags, -1, 0) };
        assert!(start != libc::MAP_FAILED, "{}", io::Error::last_os_error());
        // SAFETY: the range is within the mapping just made, which nobody else knows.
        let opened = unsafe { libc::mprotect(start, room, protection) };
        assert_eq!(opened, 0, "{}", io::Error::last_os_error());
        // SAFETY: the first `room >= len` bytes are mapped, zeroed and writable, and never unmapped. Atomic bytes may
        // be written by anybody, so a shared reference to them claims nothing about what the kernel does.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast(), len) };
        Mem { bytes }
    }

    /// A copy of `bytes`.
    pub fn of(bytes: &[u8]) -> Mem {
        let mem = Mem::zeroed(bytes.len());
        mem.set(0, bytes);
        mem
    }

    /// A copy of `text` with a NUL behind it: a path or a name.
    pub fn name(text: &str) -> Mem {
        let mem = Mem::zeroed(text.len() + 1);
        mem.set(0, text.as_bytes());
        mem
    }

    /// A copy of `value`.
    pub fn value<T: Plain>(value: T) -> Mem {
        let mem = Mem::zeroed(size_of::<T>());
        // SAFETY: `T` is plain, so each of its bytes is initialised.
        let bytes =
            unsafe { std::slice::from_raw_parts((&raw const value).cast(), size_of::<T>()) };
        mem.set(0, bytes);
        mem
    }

    /// An array of `struct iovec` that names `parts`.
    pub fn iovecs(parts: &[Mem]) -> Mem {
        let words = parts
            .iter()
            .flat_map(|part| [part.bytes.as_ptr() as usize, part.bytes.len()]);
        Mem::of(&words.flat_map(usize::to_ne_bytes).collect::<Vec<u8>>())
    }

    /// The `struct iovec` that names it.
    pub fn iovec(self) -> libc::iovec {
        libc::iovec {
            iov_base: self.as_ptr().cast(),
            iov_len: self.bytes.len(),
        }
    }

    /// The part of it from `from` on, `len` bytes. Panics outside.
    pub fn part(self, from: usize, len: usize) -> Mem {
        Mem {
            bytes: &self.bytes[from..from + len],
        }
    }

    /// Its address, as the kernel's structs have it.
    pub fn addr(self) -> u64 {
        self.bytes.as_ptr() as u64
    }

    /// Its size in bytes.
    pub fn len(self) -> u32 {
        u32::try_from(self.bytes.len()).expect("less than 4 GiB")
    }

    /// Whether its size is 0.
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// Its first byte, for the kernel's use.
    pub fn as_ptr(self) -> *mut u8 {
        self.bytes.as_ptr().cast_mut().cast()
    }

    /// Writes `bytes` at `at`. Panics outside.
    pub fn set(self, at: usize, bytes: &[u8]) {
        for (to, from) in self.bytes[at..at + bytes.len()].iter().zip(bytes) {
            to.store(*from, Ordering::Relaxed);
        }
    }

    /// What is in it now.
    pub fn get(self) -> Vec<u8> {
        self.bytes
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect()
    }

    /// The value at its start. Panics if it is too short.
    pub fn read<T: Plain>(self) -> T {
        let bytes = self.part(0, size_of::<T>()).get();
        // SAFETY: `bytes` holds as many bytes as a `T`, and `T` is plain: any bytes are a value.
        unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
    }
}

/// The size of a page in bytes.
pub fn page_size() -> usize {
    // SAFETY: sysconf(3) takes a number and touches no memory of ours.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })
        .expect("every system has a page size")
}
