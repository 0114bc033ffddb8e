//! The ring itself: sizes, descriptors, memory, clock, and questions.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use uring_sys::*;

use super::super::{MemRegionFlags, Query, RingSlot, query};
use super::{Ring, refused, ring};

#[test]
fn a_registered_descriptor_serves_in_place_of_the_ring() {
    // A thread of its own: the places are the thread's.
    std::thread::spawn(|| {
        let (ring, other) = (ring(), ring());
        let submitter = ring.submitter();
        let mut slots = [RingSlot::free(ring.as_fd()), RingSlot::at(7, other.as_fd())];
        assert_eq!(submitter.register_ring_fds(&mut slots).unwrap(), 2);
        let index = slots[0].index();
        assert!(index < 16);
        let by_index = |opcode| {
            let opcode = opcode | IORING_REGISTER_USE_REGISTERED_RING;
            // SAFETY: the operation takes nothing, by index or not.
            unsafe { io_uring_register(index as i32, opcode, ptr::null(), 0) }
        };
        submitter.register_files_sparse(1).unwrap();
        assert_eq!(by_index(IORING_UNREGISTER_FILES), 0);
        refused!(submitter.unregister_files(), ENXIO);
        let mut taken = [RingSlot::at(7, ring.as_fd())];
        refused!(submitter.register_ring_fds(&mut taken), EBUSY);
        let mut gone = [RingSlot::empty(index), RingSlot::empty(7)];
        assert_eq!(submitter.unregister_ring_fds(&mut gone).unwrap(), 2);
        assert_eq!(by_index(IORING_UNREGISTER_FILES), -libc::EBADF);
        let mut beyond = [RingSlot::at(16, ring.as_fd())];
        refused!(submitter.register_ring_fds(&mut beyond), EINVAL);
        refused!(submitter.unregister_ring_fds(&mut beyond), EINVAL);
        let mut bad = [RingSlot::free(-1)];
        refused!(submitter.register_ring_fds(&mut bad), EBADF);
    })
    .join()
    .unwrap();
}

#[test]
fn a_region_is_registered_once() {
    let ring = Ring::new(IORING_SETUP_R_DISABLED).unwrap();
    let region = || io_uring_region_desc {
        size: 4096,
        ..Default::default()
    };
    let register = |region: &mut io_uring_region_desc, flags| {
        // SAFETY: the kernel allocates the memory, or refuses ours.
        unsafe { ring.submitter().register_mem_region(region, flags) }
    };
    let mut odd = region();
    odd.size = 100;
    refused!(register(&mut odd, MemRegionFlags::WAIT_ARG), EINVAL);
    let mut unsaid = region();
    unsaid.user_addr = 4096;
    refused!(register(&mut unsaid, MemRegionFlags::empty()), EFAULT);
    let mut given = region();
    register(&mut given, MemRegionFlags::WAIT_ARG).unwrap();
    assert_ne!(given.mmap_offset, 0);
    refused!(register(&mut region(), MemRegionFlags::empty()), EBUSY);
    // The memory is there: an all-zero wait asks for nothing, and takes place.
    // SAFETY: a new mapping at an address that the kernel chooses.
    let at = unsafe {
        libc::mmap64(
            ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            ring.as_fd().as_raw_fd(),
            given.mmap_offset as i64,
        )
    };
    assert_ne!(at, libc::MAP_FAILED);
    ring.submitter().register_enable_rings().unwrap();
    let wait = io_uring_reg_wait {
        ts: __kernel_timespec {
            tv_sec: 0,
            tv_nsec: 1,
        },
        flags: IORING_REG_WAIT_TS,
        ..Default::default()
    };
    // SAFETY: the mapping is a page, and ours.
    unsafe { at.cast::<io_uring_reg_wait>().write(wait) };
    let flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG;
    let fd = ring.as_fd().as_raw_fd();
    // SAFETY: the argument is an offset into the region.
    let result = unsafe { io_uring_enter2(fd, 0, 1, flags, ptr::null(), 64) };
    assert_eq!(result, -libc::ETIME);
    // SAFETY: the mapping is ours, and no one waits.
    unsafe { libc::munmap(at, 4096) };
}

#[test]
fn a_region_for_waits_comes_before_the_ring_is_enabled() {
    let mut region = io_uring_region_desc {
        size: 4096,
        ..Default::default()
    };
    let ring = ring();
    let register = |region: &mut _, flags| {
        // SAFETY: the kernel allocates the memory.
        unsafe { ring.submitter().register_mem_region(region, flags) }
    };
    refused!(register(&mut region, MemRegionFlags::WAIT_ARG), EINVAL);
    register(&mut region, MemRegionFlags::empty()).unwrap();
}

/// With the other clock a point in time means another moment: one that monotonic time has yet to reach
/// may be past for the clock that also counts sleep, so what shows is that waits work on both.
#[test]
fn waits_follow_the_registered_clock() {
    let ring = ring();
    for clock in [libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC] {
        ring.submitter().register_clock(clock).unwrap();
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: a live struct.
        assert_eq!(unsafe { libc::clock_gettime(clock, &mut now) }, 0);
        let past = __kernel_timespec {
            tv_sec: now.tv_sec,
            tv_nsec: now.tv_nsec as _,
        };
        let arg = io_uring_getevents_arg {
            ts: &raw const past as u64,
            ..Default::default()
        };
        let flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_ABS_TIMER;
        let fd = ring.as_fd().as_raw_fd();
        // SAFETY: the argument and the time are live during the call.
        let result = unsafe { io_uring_enter2(fd, 0, 1, flags, (&raw const arg).cast(), 24) };
        assert_eq!(result, -libc::ETIME);
    }
    refused!(
        ring.submitter().register_clock(libc::CLOCK_REALTIME),
        EINVAL
    );
    refused!(ring.submitter().register_clock(-1), EINVAL);
}

#[test]
fn a_chain_of_questions_is_answered_one_by_one() {
    let ring = ring();
    for through_a_ring in [false, true] {
        let (mut opcodes, mut short, mut long) = (Default::default(), [0xff; 4], [0xff; 200]);
        let mut questions = [
            Query::opcodes(&mut opcodes),
            Query::raw(IO_URING_QUERY_OPCODES, &mut []),
            Query::raw(0x7fff, &mut short),
            Query::raw(IO_URING_QUERY_OPCODES, &mut long),
        ];
        match through_a_ring {
            false => query(&mut questions).unwrap(),
            true => ring.submitter().register_query(&mut questions).unwrap(),
        }
        let size = size_of::<io_uring_query_opcode>() as u32;
        assert_eq!(questions[0].answered().unwrap(), size);
        refused!(questions[1].answered(), EINVAL);
        refused!(questions[2].answered(), EOPNOTSUPP);
        let known = questions[3].answered().unwrap() as usize;
        assert!((size as usize..=200).contains(&known));
        assert!(long[known..].iter().all(|&byte| byte == 0));
        let count: [u8; 4] = long[..4].try_into().unwrap();
        assert_eq!(u32::from_ne_bytes(count), opcodes.nr_request_opcodes);
        assert!(opcodes.nr_request_opcodes >= 63 && opcodes.nr_register_opcodes >= 36);
    }
}

#[test]
fn every_question_that_the_kernel_counts_has_an_answer() {
    let mut opcodes = Default::default();
    query(&mut [Query::opcodes(&mut opcodes)]).unwrap();
    let (mut zcrx, mut scq, mut event) = Default::default();
    let mut questions = [
        Query::zcrx(&mut zcrx),
        Query::scq(&mut scq),
        Query::zcrx_event(&mut event),
    ];
    query(&mut questions).unwrap();
    for (number, question) in (1..).zip(&questions) {
        let known = question.answered().is_ok();
        assert_eq!(known, number < opcodes.nr_query_opcodes, "{question:?}");
    }
}

#[test]
fn too_many_questions_are_refused() {
    query(&mut []).unwrap();
    let mut many: Vec<_> = (0..1002).map(|_| Query::raw(0x7fff, &mut [])).collect();
    refused!(query(&mut many), ERANGE);
}
