//! The system calls of io_uring, each doing something real.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use uring_sys::*;

/// A shared mapping of a ring's descriptor.
struct Mapping {
    start: *mut u8,
    len: usize,
}

impl Mapping {
    fn new(fd: &OwnedFd, offset: u64, len: usize) -> Self {
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                fd.as_raw_fd(),
                offset.try_into().expect("the offsets fit"),
            )
        };
        assert_ne!(
            start,
            libc::MAP_FAILED,
            "{}",
            std::io::Error::last_os_error()
        );
        Self {
            start: start.cast(),
            len,
        }
    }

    /// A pointer to the `index`th of the `T`s at `offset`.
    fn at<T>(&self, offset: u32, index: u32) -> *mut T {
        let offset = offset as usize + index as usize * size_of::<T>();
        assert!(offset + size_of::<T>() <= self.len);
        self.start.wrapping_add(offset).cast()
    }

    /// One of the ring's counters, which the kernel shares.
    fn counter(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the mapping is as long as `self`, the kernel's offsets are aligned, and both sides
        // touch the counters by atomic operations alone.
        unsafe { AtomicU32::from_ptr(self.at(offset, 0)) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and all pointers into it were borrowed from it.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// A ring of eight entries, used by one thread.
struct Ring {
    fd: OwnedFd,
    params: io_uring_params,
    rings: Mapping,
    entries: Mapping,
}

impl Ring {
    fn new() -> Self {
        let mut params = io_uring_params::default();
        // SAFETY: `params` is a live struct, all zero.
        let fd = unsafe { io_uring_setup(8, &mut params) };
        assert!(fd >= 0, "io_uring_setup: errno {}", -fd);
        // SAFETY: the descriptor has just been made and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        assert_eq!((params.sq_entries, params.cq_entries), (8, 16));
        assert_ne!(params.features & IORING_FEAT_SINGLE_MMAP, 0);

        let sq_len = params.sq_off.array as usize + size_of::<[u32; 8]>();
        let cq_len = params.cq_off.cqes as usize + size_of::<[io_uring_cqe; 16]>();
        let rings = Mapping::new(&fd, IORING_OFF_SQ_RING, sq_len.max(cq_len));
        let entries = Mapping::new(&fd, IORING_OFF_SQES, size_of::<[io_uring_sqe; 8]>());
        Self {
            fd,
            params,
            rings,
            entries,
        }
    }

    fn push_nop(&self, user_data: u64) {
        self.push(io_uring_sqe {
            opcode: IORING_OP_NOP,
            user_data,
            ..Default::default()
        });
    }

    /// Puts an entry into the submission queue.
    fn push(&self, sqe: io_uring_sqe) {
        let (sq, mask) = (&self.params.sq_off, self.params.sq_entries - 1);
        let tail = self.rings.counter(sq.tail);
        let index = tail.load(Ordering::Relaxed) & mask;
        // SAFETY: both are in their mappings, and the slot at the tail is not the kernel's until the
        // tail moves beyond it.
        unsafe {
            self.entries.at::<io_uring_sqe>(0, index).write(sqe);
            self.rings.at::<u32>(sq.array, index).write(index);
        }
        tail.fetch_add(1, Ordering::Release);
    }

    /// Takes a completion, if there is one.
    fn pop(&self) -> Option<io_uring_cqe> {
        let (cq, mask) = (&self.params.cq_off, self.params.cq_entries - 1);
        let head = self.rings.counter(cq.head);
        let index = head.load(Ordering::Relaxed);
        if index == self.rings.counter(cq.tail).load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the slot is in the mapping, and the kernel leaves it alone until the head moves on.
        let cqe = unsafe { self.rings.at::<io_uring_cqe>(cq.cqes, index & mask).read() };
        head.fetch_add(1, Ordering::Release);
        Some(cqe)
    }

    #[track_caller]
    fn assert_nop(&self, user_data: u64) {
        let cqe = self.pop().expect("a completion");
        assert_eq!((cqe.user_data, cqe.res, cqe.flags), (user_data, 0, 0));
        assert!(self.pop().is_none());
    }
}

#[test]
fn enter_submits_and_waits() {
    let ring = Ring::new();
    ring.push_nop(0x0123_4567_89ab_cdef);
    let fd = ring.fd.as_raw_fd();
    // SAFETY: there is no signal mask, and a NOP points to nothing.
    let taken = unsafe { io_uring_enter(fd, 1, 1, IORING_ENTER_GETEVENTS, ptr::null()) };
    assert_eq!(taken, 1);
    ring.assert_nop(0x0123_4567_89ab_cdef);
}

/// The kernel looks at the mask when it has to wait: the timeout's completion is there only if it did,
/// for a mask of another size is refused.
#[test]
fn enter_takes_a_signal_mask_of_the_kernel_s_size() {
    let ring = Ring::new();
    let time = __kernel_timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    let mut sqe = io_uring_sqe {
        opcode: IORING_OP_TIMEOUT,
        len: 1,
        user_data: 7,
        ..Default::default()
    };
    sqe.set_addr((&raw const time).addr() as u64);
    ring.push(sqe);
    let mask = [0_u8; KERNEL_SIGSET_SIZE];
    let (fd, flags) = (ring.fd.as_raw_fd(), IORING_ENTER_GETEVENTS);
    // SAFETY: the mask is as large as the kernel's set; it and the time live through the call.
    let taken = unsafe { io_uring_enter(fd, 1, 1, flags, mask.as_ptr().cast()) };
    assert_eq!(taken, 1);
    let cqe = ring.pop().expect("the call has waited");
    assert_eq!((cqe.user_data, cqe.res), (7, -libc::ETIME));

    // SAFETY: the mask lives through the call, which does not read it.
    let refused = unsafe { io_uring_enter2(fd, 0, 1, flags, mask.as_ptr().cast(), mask.len() - 1) };
    assert_eq!(refused, -libc::EINVAL);
}

#[test]
fn enter2_takes_an_extended_argument() {
    let ring = Ring::new();
    ring.push_nop(2);
    let time = __kernel_timespec::default();
    let argument = io_uring_getevents_arg {
        ts: (&raw const time).addr() as u64,
        ..Default::default()
    };
    let enter = |to_submit, min_complete| {
        // SAFETY: the argument is what the flag says, and it and the time that it points to live
        // through the call; a NOP points to nothing.
        unsafe {
            io_uring_enter2(
                ring.fd.as_raw_fd(),
                to_submit,
                min_complete,
                IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                (&raw const argument).cast(),
                size_of::<io_uring_getevents_arg>(),
            )
        }
    };
    assert_eq!(enter(1, 1), 1);
    ring.assert_nop(2);
    // No time is left and nothing is there: the kernel has read the time.
    assert_eq!(enter(0, 1), -libc::ETIME);
}

#[test]
fn register_answers_a_probe() {
    #[repr(C)]
    struct Probe {
        head: io_uring_probe,
        ops: [io_uring_probe_op; 256],
    }
    let ring = Ring::new();
    let mut probe = Probe {
        head: io_uring_probe::default(),
        ops: [io_uring_probe_op::default(); 256],
    };
    let start = &raw mut probe;
    // SAFETY: the probe is followed by as many operations as the call is told of, and all zero.
    let result = unsafe {
        io_uring_register(
            ring.fd.as_raw_fd(),
            IORING_REGISTER_PROBE,
            start.cast(),
            256,
        )
    };
    assert_eq!(result, 0);
    // SAFETY: `ops` follows the head without a gap, which the pointer is derived over.
    let nop = unsafe { io_uring_probe::ops_ptr(start.cast()).read() };
    assert_eq!((nop.op, nop.flags), (IORING_OP_NOP, IO_URING_OP_SUPPORTED));
    assert!(probe.head.last_op >= IORING_OP_WRITE);
    assert_eq!(probe.head.ops_len, probe.head.last_op + 1);
    let last = probe.ops[usize::from(probe.head.last_op)];
    assert_eq!(last.op, probe.head.last_op);
}

#[test]
fn failures_are_negative_error_numbers() {
    let mut params = io_uring_params::default();
    let no_ring = std::env::current_exe()
        .and_then(std::fs::File::open)
        .unwrap();
    // SAFETY: no descriptor is negative and nothing else is valid to point to: the kernel writes nothing.
    unsafe {
        assert_eq!(io_uring_setup(0, &mut params), -libc::EINVAL);
        assert_eq!(io_uring_setup(8, ptr::null_mut()), -libc::EFAULT);
        assert_eq!(io_uring_enter(-1, 0, 0, 0, ptr::null()), -libc::EBADF);
        assert_eq!(io_uring_enter2(-1, 0, 0, 0, ptr::null(), 0), -libc::EBADF);
        // To this call -1 is the task itself.
        assert_eq!(
            io_uring_register(-2, IORING_REGISTER_PROBE, ptr::null(), 0),
            -libc::EBADF
        );
        let fd = no_ring.as_raw_fd();
        assert_eq!(io_uring_enter(fd, 0, 0, 0, ptr::null()), -libc::EOPNOTSUPP);
    }
}
