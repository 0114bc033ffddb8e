//! Submitting and waiting on a real ring.

#![cfg(feature = "uring")]

use std::io;
use std::time::{Duration, Instant};

use safe::error::RingError;
use safe::uring::raw::types::{SubmitArgs, Timespec};
use safe::uring::raw::{EnterFlags, IoUring, cqueue, opcode, squeue};

fn nop(user_data: u64) -> squeue::Entry {
    opcode::Nop::new().build().user_data(user_data)
}

fn push<S: squeue::EntryMarker, C: cqueue::EntryMarker>(ring: &mut IoUring<S, C>, entry: &S) {
    // SAFETY: the entries of these tests name no memory, or memory that outlives the ring.
    unsafe { ring.submission().push(entry) }.expect("there is room");
}

fn user_data<S: squeue::EntryMarker, C: cqueue::EntryMarker>(ring: &mut IoUring<S, C>) -> Vec<u64> {
    ring.completion().map(|c| c.user_data()).collect()
}

fn ring_error(error: &io::Error) -> Option<&RingError> {
    error.get_ref()?.downcast_ref()
}

/// The kernel stops behind an entry that it refuses. The rest stays, and goes with the next submission.
#[test]
fn a_short_submission_loses_nothing() {
    let mut ring = IoUring::new(8).unwrap();
    let mut refused = nop(1);
    refused.as_raw_mut().ioprio = 0xffff;
    refused.as_raw_mut().opcode = u8::MAX;
    for entry in [nop(0), refused, nop(2), nop(3)] {
        push(&mut ring, &entry);
    }
    assert_eq!(ring.submit().unwrap(), 2);
    assert_eq!(ring.submission().len(), 2);
    assert_eq!(ring.submit().unwrap(), 2);
    let results: Vec<_> = ring
        .completion()
        .map(|c| (c.user_data(), c.result()))
        .collect();
    assert_eq!(results, [(0, 0), (1, -libc::EINVAL), (2, 0), (3, 0)]);
    assert_eq!(ring.submit().unwrap(), 0);
}

#[test]
fn all_are_submitted_with_submit_all() {
    let mut ring: IoUring = IoUring::builder().setup_submit_all().build(8).unwrap();
    let mut refused = nop(1);
    refused.as_raw_mut().opcode = u8::MAX;
    for entry in [nop(0), refused, nop(2)] {
        push(&mut ring, &entry);
    }
    assert_eq!(ring.submit().unwrap(), 3);
    assert_eq!(user_data(&mut ring), [0, 1, 2]);
}

/// `ETIME` when nothing comes, at about the time said; the number of entries when there were any.
#[test]
fn a_wait_times_out() {
    let mut ring = IoUring::new(8).unwrap();
    let span = Timespec::new().nsec(20_000_000);
    let args = SubmitArgs::new().timespec(&span);
    let begin = Instant::now();
    let error = ring.submitter().submit_with_args(1, &args).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ETIME));
    assert!(begin.elapsed() >= Duration::from_millis(20));
    push(&mut ring, &nop(1));
    assert_eq!(
        ring.submitter().submit_with_args(2, &args).unwrap(),
        1,
        "the count hides the timeout"
    );
    assert_eq!(user_data(&mut ring), [1]);
    push(&mut ring, &nop(2));
    assert_eq!(ring.submitter().submit_with_args(1, &args).unwrap(), 1);
    assert_eq!(user_data(&mut ring), [2]);
}

/// A timeout that has passed long ago, on the clock that the ring uses.
#[test]
fn a_wait_until_a_point_in_time() {
    let ring = IoUring::new(8).unwrap();
    let long_ago = Timespec::new().nsec(1);
    let args = SubmitArgs::new().timespec(&long_ago);
    let flags = EnterFlags::ABS_TIMER | EnterFlags::NO_IOWAIT;
    let error = ring
        .submitter()
        .submit_with_flags(1, &args, flags)
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ETIME));
}

/// One completion is enough after the minimum time, where two were wanted.
#[test]
fn a_wait_with_a_minimum_time() {
    let mut ring = IoUring::new(8).unwrap();
    assert!(ring.params().is_feature_min_timeout());
    push(&mut ring, &nop(1));
    ring.submit().unwrap();
    let hour = Timespec::new().sec(3600);
    let args = SubmitArgs::new().timespec(&hour).min_wait_usec(1000);
    assert_eq!(ring.submitter().submit_with_args(2, &args).unwrap(), 0);
    assert_eq!(user_data(&mut ring), [1]);
}

/// A signal that is blocked outside is delivered during the wait, and ends it.
#[test]
fn a_wait_with_a_signal_mask() {
    extern "C" fn ignore(_: libc::c_int) {}
    let ring = IoUring::new(8).unwrap();
    // SAFETY: the sets are initialised by the calls that take them; the handler does nothing; the signal
    // is sent to this thread alone.
    let none = unsafe {
        libc::signal(libc::SIGUSR1, ignore as *const () as libc::sighandler_t);
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut blocked);
        libc::sigaddset(&mut blocked, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, std::ptr::null_mut());
        libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        none
    };
    let args = SubmitArgs::new().sigmask(&none);
    let error = ring.submitter().submit_with_args(1, &args).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    // A mask without the extended argument goes by the kernel's size too.
    // SAFETY: as above; the mask is a valid one.
    let error = unsafe {
        libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1);
        ring.submitter()
            .enter(0, 1, EnterFlags::GETEVENTS.bits(), Some(&none))
            .unwrap_err()
    };
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
}

/// Waits whose arguments lie in registered memory.
#[test]
fn a_registered_wait() {
    let ring: IoUring = IoUring::builder().setup_r_disabled().build(8).unwrap();
    #[repr(align(4096))]
    struct Page([uring_sys::io_uring_reg_wait; 64]);
    let mut page = Box::new(Page([uring_sys::io_uring_reg_wait::default(); 64]));
    page.0[3].ts.tv_nsec = 1_000_000;
    page.0[3].flags = uring_sys::IORING_REG_WAIT_TS;
    let mut region = uring_sys::io_uring_region_desc {
        user_addr: (&raw mut *page).expose_provenance() as u64,
        size: 4096,
        flags: uring_sys::IORING_MEM_REGION_TYPE_USER,
        ..Default::default()
    };
    let registration = uring_sys::io_uring_mem_region_reg {
        region_uptr: (&raw mut region).expose_provenance() as u64,
        flags: uring_sys::IORING_MEM_REGION_REG_WAIT_ARG,
        ..Default::default()
    };
    let submitter = ring.submitter();
    // SAFETY: the structs are live, and the page outlives the ring. No wait names a signal mask.
    unsafe {
        let arg = (&raw const registration).cast();
        submitter
            .register(uring_sys::IORING_REGISTER_MEM_REGION, arg, 1)
            .unwrap();
        submitter.register_enable_rings().unwrap();
        let wait = |offset| submitter.submit_and_wait_registered(1, offset, EnterFlags::empty());
        assert_eq!(wait(3 * 64).unwrap_err().raw_os_error(), Some(libc::ETIME));
        assert_eq!(
            wait(64 * 64).unwrap_err().raw_os_error(),
            Some(libc::EFAULT)
        );
    }
    drop(ring);
}

/// A kernel thread takes the entries. It sleeps at once after creation and between batches, and is woken.
#[test]
fn a_polling_thread_is_woken() {
    let mut ring: IoUring = IoUring::builder().setup_sqpoll(1).build(4).unwrap();
    assert!(ring.params().is_setup_sqpoll());
    for round in 0..50 {
        // Now and then it is left to fall asleep first.
        while round % 10 == 5 && !ring.submission().need_wakeup() {
            std::thread::yield_now();
        }
        // The polling thread posts completions before it gives the entries back.
        while !ring.submission().is_empty() {
            std::thread::yield_now();
        }
        for value in 0..3 {
            push(&mut ring, &nop(3 * round + value));
        }
        assert!(ring.submit().unwrap() <= 3);
        ring.submit_and_wait(3).unwrap();
        assert_eq!(
            user_data(&mut ring),
            [3 * round, 3 * round + 1, 3 * round + 2]
        );
    }
    // More than fit: waiting for room.
    let mut pushed = 0u64;
    let mut reaped = 0;
    while pushed < 40 {
        // SAFETY: a NOP names no memory.
        match unsafe { ring.submission().push(&nop(pushed)) } {
            Ok(()) => pushed += 1,
            Err(_) => {
                ring.submit().unwrap();
                ring.submitter().squeue_wait().unwrap();
            }
        }
        reaped += ring.completion().count() as u64;
    }
    while reaped < pushed {
        ring.submit_and_wait(1).unwrap();
        reaped += ring.completion().count() as u64;
    }
    assert_eq!(ring.submission().dropped(), 0);
}

/// The socket that becomes readable makes completion work wait; the flag tells, and peeking runs it.
#[test]
fn deferred_work_is_run_by_peeking() {
    for flag in [true, false] {
        deferred_work(flag);
    }
}

fn deferred_work(flag: bool) {
    let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    if flag {
        builder.setup_taskrun_flag();
    }
    let mut ring = builder.build(4).unwrap();
    let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut byte = Box::new(0u8);
    let mut read = nop(7);
    let sqe = read.as_raw_mut();
    sqe.opcode = uring_sys::IORING_OP_READ;
    sqe.fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
    sqe.set_addr((&raw mut *byte).expose_provenance() as u64);
    sqe.len = 1;
    push(&mut ring, &read);
    assert_eq!(ring.submit().unwrap(), 1);
    assert!(ring.peek().unwrap().is_none());
    assert!(!ring.submission().taskrun());
    io::Write::write_all(&mut writer, b"x").unwrap();
    assert_eq!(ring.submission().taskrun(), flag);
    assert!(ring.completion().next().is_none(), "the work has not run");
    let completion = ring.peek().unwrap().expect("it has now");
    assert_eq!((completion.user_data(), completion.result()), (7, 1));
    assert_eq!(*byte, b'x');
    assert!(!ring.submission().taskrun());
}

#[test]
fn a_disabled_ring_says_so_until_enabled() {
    let mut ring: IoUring = IoUring::builder().setup_r_disabled().build(4).unwrap();
    push(&mut ring, &nop(1));
    let error = ring.submit().unwrap_err();
    assert_eq!(ring_error(&error), Some(&RingError::NotEnabled));
    ring.submitter().register_enable_rings().unwrap();
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
    assert_eq!(user_data(&mut ring), [1]);
    let error = ring.submitter().register_enable_rings().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADFD));
}

/// Both rings share the workers.
#[test]
fn a_ring_shares_the_workers_of_another() {
    use std::os::fd::AsRawFd;
    let first = IoUring::new(4).unwrap();
    let mut second: IoUring = IoUring::builder()
        .setup_attach_wq(first.as_raw_fd())
        .build(4)
        .unwrap();
    push(&mut second, &nop(1).flags(squeue::Flags::ASYNC));
    second.submit_and_wait(1).unwrap();
    assert_eq!(user_data(&mut second), [1]);
}

#[test]
fn a_ring_that_was_made_elsewhere() {
    let mut params = uring_sys::io_uring_params::default();
    // SAFETY: `params` is live and zeroed.
    let fd = unsafe { uring_sys::io_uring_setup(4, &mut params) };
    assert!(fd >= 0);
    let other = IoUring::new(4).unwrap();
    assert_eq!(other.params().sq_entries(), params.sq_entries);
    // SAFETY: the ring is new, unused, and made as the other one was.
    let mut ring = unsafe { IoUring::from_fd(fd, other.params().clone()) }.unwrap();
    push(&mut ring, &nop(1));
    ring.submit_and_wait(1).unwrap();
    assert_eq!(user_data(&mut ring), [1]);
}
