//! Memory regions and registered waits on the kernel.

#![cfg(feature = "uring")]

#[path = "support/huge_pages.rs"]
mod huge_pages;

use std::io;
use std::ptr;
use std::time::Duration;

use safe::uring::raw::region::{Allocation, Region, RegisteredWaits, Wait};
use safe::uring::raw::{EnterFlags, IoUring, Submitter, huge_page_size, opcode};
use uring_sys::{
    IORING_MEM_REGION_TYPE_USER, KERNEL_SIGSET_SIZE, io_uring_mem_region_reg, io_uring_reg_wait,
    io_uring_region_desc,
};

fn page() -> usize {
    // SAFETY: the call has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

fn disabled() -> IoUring {
    IoUring::builder().setup_r_disabled().build(8).unwrap()
}

/// A ring, and waits whose memory is allocated as said.
fn with_waits(by: Allocation) -> (IoUring, RegisteredWaits) {
    let uring = disabled();
    let waits = RegisteredWaits::register(&uring.submitter(), 3, by).expect("registered waits");
    uring.submitter().register_enable_rings().unwrap();
    (uring, waits)
}

/// Waits for a completion by what lies at `offset`. Answers the number of entries submitted, or the errno.
fn wait_at(uring: &IoUring, offset: usize) -> Result<usize, i32> {
    let flags = EnterFlags::empty();
    // SAFETY: the signal masks of these tests are valid, or the kernel sees that they are not.
    unsafe {
        uring
            .submitter()
            .submit_and_wait_registered(1, offset, flags)
    }
    .map_err(errno)
}

fn wait(uring: &IoUring, waits: &RegisteredWaits, index: usize) -> Result<usize, i32> {
    let ring = uring.submitter();
    waits
        .submit_and_wait(&ring, 1, index, EnterFlags::empty())
        .map_err(errno)
}

fn errno(error: io::Error) -> i32 {
    error.raw_os_error().expect("an errno")
}

/// Registers `region` as it is; answers the errno.
fn raw(ring: &Submitter<'_>, mut region: io_uring_region_desc, flags: u64) -> Result<u32, i32> {
    let argument = io_uring_mem_region_reg {
        region_uptr: (&raw mut region).expose_provenance() as u64,
        flags,
        ..Default::default()
    };
    let code = uring_sys::IORING_REGISTER_MEM_REGION;
    // SAFETY: the argument is what the operation takes; the kernel checks the addresses of these tests.
    unsafe { ring.register(code, (&raw const argument).cast(), 1) }.map_err(errno)
}

/// Fresh memory, never unmapped.
fn memory(len: usize, protection: libc::c_int) -> u64 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping touches nothing that exists.
    let at = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
    assert_ne!(at, libc::MAP_FAILED);
    at.expose_provenance() as u64
}

const READ_WRITE: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

#[test]
fn a_ring_has_one_region() {
    for by in [Allocation::Process, Allocation::Kernel] {
        let uring = IoUring::new(8).unwrap();
        let ring = uring.submitter();
        let region = Region::register(&ring, page() + 1, by).expect("a region");
        assert_eq!(region.len(), 2 * page());
        for by in [Allocation::Process, Allocation::Kernel] {
            let second = Region::register(&ring, page(), by);
            assert_eq!(errno(second.unwrap_err()), libc::EBUSY);
        }
        let end = region.as_ptr().as_ptr().wrapping_add(region.len() - 1);
        // SAFETY: inside the region, which the kernel does not use.
        unsafe {
            assert_eq!(end.read_volatile(), 0);
            end.write_volatile(1);
        }
    }
}

#[test]
fn bad_sizes() {
    let uring = disabled();
    let ring = uring.submitter();
    for by in [
        Allocation::Process,
        Allocation::HugePages,
        Allocation::Kernel,
    ] {
        for len in [0, usize::MAX] {
            let refused = Region::register(&ring, len, by);
            assert_eq!(errno(refused.unwrap_err()), libc::EINVAL);
        }
        for count in [0, usize::MAX, usize::MAX / 64] {
            let refused = RegisteredWaits::register(&ring, count, by);
            assert_eq!(errno(refused.unwrap_err()), libc::EINVAL);
        }
    }
    Region::register(&ring, 1, Allocation::Process).expect("nothing was registered before");
}

/// Huge pages are taken if there are any.
#[test]
fn huge_pages() {
    let uring = IoUring::new(8).unwrap();
    match Region::register(&uring.submitter(), 1, Allocation::HugePages) {
        Ok(region) => assert_eq!(region.len(), huge_page_size()),
        Err(error) => {
            assert_eq!(errno(error), libc::ENOMEM);
            assert_eq!(huge_pages::free(), 0);
        }
    }
}

/// What the kernel refuses of memory that is given to it.
#[test]
fn memory_that_is_refused() {
    let good = memory(2 * page(), READ_WRITE);
    let read_only = memory(page(), libc::PROT_READ);
    let user = |user_addr, size| io_uring_region_desc {
        user_addr,
        size,
        flags: IORING_MEM_REGION_TYPE_USER,
        ..Default::default()
    };
    let page = page() as u64;
    let uring = disabled();
    let ring = uring.submitter();
    let mut with_id = user(good, page);
    with_id.id = 1;
    let mut unknown_flag = user(good, page);
    unknown_flag.flags |= 1 << 7;
    let mut without_flag = user(good, page);
    without_flag.flags = 0;
    let cases = [
        ("no memory", user(0, page), libc::EFAULT),
        ("an address without the flag", without_flag, libc::EFAULT),
        ("read-only", user(read_only, page), libc::EFAULT),
        ("not aligned", user(good + 8, page), libc::EINVAL),
        ("not a page", user(good, page - 1), libc::EINVAL),
        ("size 0", user(good, 0), libc::EINVAL),
        ("an id", with_id, libc::EINVAL),
        ("an unknown flag", unknown_flag, libc::EINVAL),
    ];
    for (what, region, expected) in cases {
        assert_eq!(raw(&ring, region, 0), Err(expected), "{what}");
    }
    assert_eq!(raw(&ring, user(good, page), 1 << 5), Err(libc::EINVAL));
    assert_eq!(raw(&ring, user(good, page), 0), Ok(0));
}

/// Waits are registered before the ring is enabled; other regions at any time.
#[test]
fn waits_need_a_disabled_ring() {
    let uring = IoUring::new(8).unwrap();
    let ring = uring.submitter();
    for by in [Allocation::Process, Allocation::Kernel] {
        let refused = RegisteredWaits::register(&ring, 1, by);
        assert_eq!(errno(refused.unwrap_err()), libc::EINVAL);
    }
    Region::register(&ring, page(), Allocation::Process).expect("a region");
}

/// The first and the last wait end with `ETIME`, and what lies behind is `EFAULT`.
#[test]
fn waits_from_first_to_last() {
    for by in [Allocation::Process, Allocation::Kernel] {
        let (uring, mut waits) = with_waits(by);
        assert!(waits.len() >= 3);
        let soon = Wait::new().timeout(Duration::from_millis(1));
        for index in [0, 1, waits.len() - 1] {
            waits.set(index, &soon);
            assert_eq!(wait(&uring, &waits, index), Err(libc::ETIME));
        }
        assert_eq!(wait(&uring, &waits, waits.len()), Err(libc::EFAULT));
        assert_eq!(waits.offset(waits.len()), None);
        assert_eq!(waits.offset(usize::MAX), None);

        let size = waits.region().len();
        let last = size - size_of::<io_uring_reg_wait>();
        assert_eq!(wait_at(&uring, last + 8), Err(libc::EFAULT));
        assert_eq!(wait_at(&uring, size), Err(libc::EFAULT));
        assert_eq!(wait_at(&uring, usize::MAX - 7), Err(libc::EFAULT));
        assert_eq!(wait_at(&uring, 4), Err(libc::EFAULT));
    }
}

/// A wait with no timeout, and one of centuries, end when something completes.
#[test]
fn long_waits() {
    let (mut uring, mut waits) = with_waits(Allocation::Process);
    let long = [
        Wait::new(),
        Wait::new().timeout(Duration::MAX),
        Wait::new().timeout(Duration::from_secs(1 << 40)),
    ];
    for wait_for in long {
        waits.set(1, &wait_for);
        // A timer, so that there is nothing yet when the wait begins.
        let span = uring_sys::__kernel_timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        let mut timer = opcode::Nop::new().build();
        let sqe = timer.as_raw_mut();
        sqe.opcode = uring_sys::IORING_OP_TIMEOUT;
        sqe.set_addr((&raw const span).expose_provenance() as u64);
        sqe.len = 1;
        // SAFETY: the kernel reads the time when the entry is submitted, and until then it is there.
        unsafe { uring.submission().push(&timer) }.unwrap();
        assert_eq!(uring.submit().unwrap(), 1);
        assert_eq!(wait(&uring, &waits, 1), Ok(0), "{wait_for:?}");
        assert_eq!(uring.completion().next().unwrap().result(), -libc::ETIME);
    }
}

/// The signal mask lies in the region: the caller's may be gone.
#[test]
fn signals_are_blocked_while_waiting() {
    extern "C" fn ignore(_: libc::c_int) {}
    let (uring, mut waits) = with_waits(Allocation::Process);
    let mut blocked = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are initialised before they are used; the handler does nothing.
    let (blocked, nothing) = unsafe {
        libc::sigemptyset(blocked.as_mut_ptr());
        let nothing = blocked.assume_init();
        libc::sigaddset(blocked.as_mut_ptr(), libc::SIGUSR1);
        let blocked = blocked.assume_init();
        let handler = ignore as extern "C" fn(libc::c_int);
        libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
        libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, ptr::null_mut());
        libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1);
        (blocked, nothing)
    };
    let soon = Wait::new().timeout(Duration::from_millis(1));
    waits.set(0, &soon);
    waits.set(1, &soon.sigmask(&blocked));
    waits.set(2, &soon.timeout(Duration::from_secs(20)).sigmask(&nothing));
    assert_eq!(wait(&uring, &waits, 0), Err(libc::ETIME));
    assert_eq!(wait(&uring, &waits, 1), Err(libc::ETIME));
    assert_eq!(wait(&uring, &waits, 2), Err(libc::EINTR));
    // A mask that was set before is not there any more.
    // SAFETY: as above.
    unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1) };
    waits.set(2, &soon);
    assert_eq!(wait(&uring, &waits, 2), Err(libc::ETIME));
}

/// What the kernel refuses of a wait that is written by hand.
#[test]
fn waits_that_are_refused() {
    let (uring, waits) = with_waits(Allocation::Process);
    let soon = io_uring_reg_wait {
        ts: uring_sys::__kernel_timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        },
        flags: uring_sys::IORING_REG_WAIT_TS,
        ..Default::default()
    };
    let nowhere = memory(page(), libc::PROT_NONE);
    let size = KERNEL_SIGSET_SIZE as u32;
    let cases = [
        ("as it should be", soon, libc::ETIME),
        (
            "a flag",
            io_uring_reg_wait {
                flags: 1 << 7,
                ..soon
            },
            libc::EINVAL,
        ),
        (
            "a mask that is not there",
            io_uring_reg_wait {
                sigmask: nowhere,
                sigmask_sz: size,
                ..soon
            },
            libc::EFAULT,
        ),
        (
            "a mask of another size",
            io_uring_reg_wait {
                sigmask: nowhere,
                sigmask_sz: size - 1,
                ..soon
            },
            libc::EINVAL,
        ),
    ];
    for (what, wait, expected) in cases {
        let slot = waits.region().as_ptr().cast::<io_uring_reg_wait>();
        // SAFETY: the first bytes of the region, which nobody else uses now.
        unsafe { slot.as_ptr().write_volatile(wait) };
        assert_eq!(wait_at(&uring, 0), Err(expected), "{what}");
    }
}

/// Without such memory, or with memory that is not for waits, there is nothing at offset 0.
#[test]
fn no_waits_are_registered() {
    let uring = IoUring::new(8).unwrap();
    assert_eq!(wait_at(&uring, 0), Err(libc::EFAULT));
    let _region = Region::register(&uring.submitter(), page(), Allocation::Process).unwrap();
    assert_eq!(wait_at(&uring, 0), Err(libc::EFAULT));
}

#[test]
#[should_panic(expected = "wait ")]
fn setting_what_is_not_there_panics() {
    let (_uring, mut waits) = with_waits(Allocation::Process);
    waits.set(waits.len(), &Wait::new());
}
