//! A buffer that the kernel cannot touch until it is let: its pages are missing, and whoever touches one waits
//! (userfaultfd(2)). So an operation on it is in flight, in a worker that no signal interrupts, for as long as a
//! test likes.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use safe::buf::{IoBuf, IoBufMut};

/// The byte that a [`Stalled`] leaves behind when it is dropped.
const FREED: u8 = 0xee;

/// The size of every buffer in bytes.
pub(crate) const LEN: usize = 16 << 12;

const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;
const UFFDIO_ZEROPAGE: libc::c_ulong = 0xc020_aa04;

struct Shared {
    memory: *mut u8,
    faults: OwnedFd,
    released: AtomicBool,
    drops: AtomicUsize,
}

// SAFETY: the memory is never unmapped; it is touched by the kernel, or by one of the two when it no longer is.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// The buffer.
pub(crate) struct Stalled(Arc<Shared>);

/// Lets the kernel at a [`Stalled`], and sees what becomes of it.
pub(crate) struct Witness(Arc<Shared>);

fn call(fd: &OwnedFd, request: libc::c_ulong, argument: &mut [u64]) {
    // SAFETY: the arguments are as long as the requests say, and live.
    let answer = unsafe { libc::ioctl(fd.as_raw_fd(), request as _, argument.as_mut_ptr()) };
    assert_eq!(answer, 0, "{}", io::Error::last_os_error());
}

impl Stalled {
    pub(crate) fn new() -> (Self, Witness) {
        // SAFETY: the call has no preconditions.
        let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) };
        assert!(
            fd >= 0,
            "userfaultfd, which takes root: {}",
            io::Error::last_os_error()
        );
        // SAFETY: the descriptor was made just now.
        let faults = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        call(&faults, UFFDIO_API, &mut [0xaa, 0, 0]);
        // SAFETY: a new mapping touches nothing that exists.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(memory, libc::MAP_FAILED);
        // Of missing pages.
        call(
            &faults,
            UFFDIO_REGISTER,
            &mut [memory as u64, LEN as u64, 1, 0],
        );
        let shared = Arc::new(Shared {
            memory: memory.cast(),
            faults,
            released: AtomicBool::new(false),
            drops: AtomicUsize::new(0),
        });
        (Self(Arc::clone(&shared)), Witness(shared))
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, Ordering::SeqCst);
        if self.0.released.load(Ordering::SeqCst) {
            // SAFETY: the memory stays; if an operation still writes there, that is what shows it.
            unsafe { ptr::write_bytes(self.0.memory, FREED, LEN) };
        }
    }
}

impl Witness {
    /// Waits until the kernel has begun to use the buffer.
    pub(crate) fn begun(&self) {
        let mut poll = libc::pollfd {
            fd: self.0.faults.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the struct is live. The limit is only there so that a wrong ring does not hang.
        let ready = unsafe { libc::poll(&mut poll, 1, 30_000) };
        assert_eq!(ready, 1, "the kernel does not use the buffer");
        let mut message = [0u8; 32];
        // SAFETY: the array is live, and as long as it says.
        let count = unsafe {
            libc::read(
                self.0.faults.as_raw_fd(),
                message.as_mut_ptr().cast(),
                message.len(),
            )
        };
        assert_eq!(count, 32);
        // A page fault.
        assert_eq!(message[0], 0x12);
    }

    /// Lets the kernel use the buffer.
    pub(crate) fn release(&self) {
        self.0.released.store(true, Ordering::SeqCst);
        let range = [self.0.memory as u64, LEN as u64];
        call(
            &self.0.faults,
            UFFDIO_ZEROPAGE,
            &mut [range[0], range[1], 0, 0],
        );
    }

    /// How often the buffer was freed.
    pub(crate) fn drops(&self) -> usize {
        self.0.drops.load(Ordering::SeqCst)
    }

    /// Checks that the buffer was freed once, after it was released, and that nothing was written to it
    /// afterwards.
    pub(crate) fn check(&self) {
        assert_eq!(self.drops(), 1, "times freed");
        for at in 0..LEN {
            // SAFETY: the memory is never unmapped.
            let byte = unsafe { ptr::read_volatile(self.0.memory.add(at)) };
            assert_eq!(byte, FREED, "byte {at} was written after it was freed");
        }
    }
}

// SAFETY: the memory stays for ever, wherever the value moves.
unsafe impl IoBuf for Stalled {
    fn stable_ptr(&self) -> *const u8 {
        self.0.memory
    }

    fn bytes_init(&self) -> usize {
        LEN
    }
}

// SAFETY: as above, and only the value writes there.
unsafe impl IoBufMut for Stalled {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.0.memory
    }

    fn bytes_total(&self) -> usize {
        LEN
    }

    unsafe fn set_init(&mut self, _: usize) {}
}
