//! Rings, threads and forked children.

#![cfg(feature = "uring")]

mod support;

use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use safe::error::RingError;
use safe::uring::raw::register::RingSlot;
use safe::uring::raw::{EnterFlags, IoUring, cqueue, opcode, squeue};
use support::in_process_of_its_own;

fn nop(user_data: u64) -> squeue::Entry {
    opcode::Nop::new().build().user_data(user_data)
}

fn push(ring: &mut IoUring, user_data: u64) {
    // SAFETY: a NOP names no memory.
    unsafe { ring.submission().push(&nop(user_data)) }.expect("there is room");
}

fn user_data(ring: &mut IoUring) -> Vec<u64> {
    ring.completion().map(|c| c.user_data()).collect()
}

#[track_caller]
fn is_ring_error<T: std::fmt::Debug>(result: io::Result<T>, expected: RingError) {
    let error = result.unwrap_err();
    let found = error.get_ref().and_then(|source| source.downcast_ref());
    assert_eq!(found, Some(&expected), "{error}");
}

#[test]
fn what_may_go_to_another_thread() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<IoUring<squeue::Entry128, cqueue::Entry32>>();
    sync::<IoUring>();
    send::<safe::uring::raw::SubmissionQueue<'_>>();
    send::<safe::uring::raw::CompletionQueue<'_>>();
    send::<safe::uring::raw::Submitter<'_>>();
    sync::<safe::uring::raw::Submitter<'_>>();
}

/// One thread fills, one submits, one reaps.
#[test]
fn the_parts_work_on_three_threads() {
    const COUNT: u64 = 2000;
    let mut ring = IoUring::new(8).unwrap();
    let (submitter, mut submission, mut completion) = ring.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            for value in 0..COUNT {
                // SAFETY: a NOP names no memory.
                while unsafe { submission.push(&nop(value)) }.is_err() {
                    submission.sync();
                    thread::yield_now();
                }
                submission.sync();
            }
        });
        scope.spawn(move || {
            let mut submitted = 0;
            while submitted < COUNT as usize {
                submitted += submitter.submit().unwrap();
                thread::yield_now();
            }
        });
        scope.spawn(move || {
            let mut expected = 0;
            while expected < COUNT {
                completion.sync();
                for entry in &mut completion {
                    assert_eq!(entry.user_data(), expected);
                    expected += 1;
                }
                // The kernel keeps what did not fit.
                submitter.flush_completions().unwrap();
                thread::yield_now();
            }
        });
    });
}

/// Entries are seen when they are published, not before.
#[test]
fn a_split_ring_submits_what_was_synced() {
    let mut ring = IoUring::new(8).unwrap();
    let (submitter, mut submission, mut completion) = ring.split();
    // SAFETY: a NOP names no memory.
    unsafe { submission.push(&nop(1)) }.unwrap();
    assert_eq!(submitter.submit().unwrap(), 0);
    submission.sync();
    assert_eq!(submitter.submit_and_wait(1).unwrap(), 1);
    completion.sync();
    assert_eq!(completion.next().unwrap().user_data(), 1);
}

#[test]
fn a_ring_of_another_thread_says_so() {
    for defer in [false, true] {
        let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
        builder.setup_single_issuer();
        if defer {
            builder.setup_defer_taskrun();
        }
        let mut ring = builder.build(4).unwrap();
        push(&mut ring, 1);
        thread::scope(|scope| {
            let ring = &ring;
            scope.spawn(move || {
                is_ring_error(ring.submit(), RingError::WrongThread);
                let mut eventfd = -1;
                // SAFETY: one descriptor, which the kernel would read.
                let registered = unsafe {
                    let arg = (&raw mut eventfd).cast_const().cast();
                    ring.submitter()
                        .register(uring_sys::IORING_REGISTER_EVENTFD, arg, 1)
                };
                is_ring_error(registered, RingError::WrongThread);
            });
        });
        assert_eq!(
            ring.submit_and_wait(1).unwrap(),
            1,
            "the entry is still there"
        );
        assert_eq!(user_data(&mut ring), [1]);
    }
}

/// Only the ring's own thread may wait in the kernel, so a wait that another thread gets through did not enter
/// it.
#[test]
fn waiting_enters_the_kernel_only_if_there_is_a_reason() {
    let wait = |ring: &IoUring, want| {
        thread::scope(|scope| scope.spawn(|| ring.submit_and_wait(want)).join().unwrap())
    };
    let mut builder = IoUring::<squeue::Entry, cqueue::Entry>::builder();
    builder.setup_single_issuer().setup_defer_taskrun();
    builder.setup_cqsize(4);
    let mut ring = builder.clone().setup_taskrun_flag().build(4).unwrap();
    for user_data in 0..4 {
        push(&mut ring, user_data);
    }
    assert_eq!(ring.submit_and_wait(4).unwrap(), 4);
    assert_eq!(wait(&ring, 4).unwrap(), 0, "four are there");
    is_ring_error(wait(&ring, 5), RingError::WrongThread);
    assert!(ring.completion().next().is_some());
    is_ring_error(wait(&ring, 4), RingError::WrongThread);
    assert_eq!(wait(&ring, 3).unwrap(), 0, "three are left");

    // What does not fit into the queue waits in the kernel.
    push(&mut ring, 4);
    push(&mut ring, 5);
    assert_eq!(ring.submit().unwrap(), 2);
    assert!(ring.submission().cq_overflow());
    is_ring_error(wait(&ring, 1), RingError::WrongThread);
    assert!(ring.submitter().flush_completions().unwrap());

    // So may other work, where no flag tells.
    let mut ring = builder.build(4).unwrap();
    push(&mut ring, 0);
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
    is_ring_error(wait(&ring, 1), RingError::WrongThread);
}

/// Who enables the ring owns it.
#[test]
fn a_disabled_ring_goes_to_the_thread_that_enables_it() {
    let mut ring: IoUring = IoUring::builder()
        .setup_single_issuer()
        .setup_r_disabled()
        .build(4)
        .unwrap();
    push(&mut ring, 1);
    thread::scope(|scope| {
        let ring = &ring;
        scope.spawn(move || {
            ring.submitter().register_enable_rings().unwrap();
            assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
        });
    });
    is_ring_error(
        {
            push(&mut ring, 2);
            ring.submit()
        },
        RingError::WrongThread,
    );
    assert_eq!(user_data(&mut ring), [1]);
}

/// Two rings, each registered at the same index of its thread: a thread never enters the other's ring.
#[test]
fn a_registered_ring_is_the_threads_own() {
    let mut ring = IoUring::new(4).unwrap();
    ring.submitter().register_ring_fd().unwrap();
    let again = ring.submitter().register_ring_fd().unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::EEXIST));
    // The index is used: with the flag in hand, only an index is taken.
    // SAFETY: nothing is submitted, and there is no argument.
    let entered = unsafe {
        let flags = EnterFlags::REGISTERED_RING.bits();
        ring.submitter().enter::<()>(0, 0, flags, None)
    };
    assert_eq!(entered.unwrap(), 0);
    push(&mut ring, 1);
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
    assert_eq!(user_data(&mut ring), [1]);
    push(&mut ring, 2);
    thread::scope(|scope| {
        let ring = &ring;
        scope.spawn(move || {
            let mut own = IoUring::new(4).unwrap();
            own.submitter().register_ring_fd().unwrap();
            push(&mut own, 3);
            assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
            assert!(user_data(&mut own).is_empty());
            assert_eq!(own.submit_and_wait(1).unwrap(), 1);
            assert_eq!(user_data(&mut own), [3]);
            let foreign = ring.submitter().unregister_ring_fd().unwrap_err();
            assert_eq!(foreign.raw_os_error(), Some(libc::EINVAL));
        });
    });
    assert_eq!(user_data(&mut ring), [2]);
    ring.submitter().unregister_ring_fd().unwrap();
    let again = ring.submitter().unregister_ring_fd().unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::EINVAL));
    push(&mut ring, 4);
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
}

/// The index that a ring enters by cannot become another ring's, which would get its calls.
#[test]
fn a_rings_index_stays_its_own() {
    let mut ring = IoUring::new(4).unwrap();
    ring.submitter().register_ring_fd().unwrap();
    let other = IoUring::new(4).unwrap();
    let submitter = other.submitter();
    let take_all = || {
        let taken = (0..16).filter(|&index| {
            let gone = submitter.unregister_ring_fds(&mut [RingSlot::empty(index)]);
            if let Err(error) = &gone {
                assert_eq!(error.raw_os_error(), Some(libc::EBUSY));
            }
            let put = submitter.register_ring_fds(&mut [RingSlot::at(index, other.as_fd())]);
            assert_eq!(gone.is_ok(), put.is_ok());
            put.is_ok()
        });
        taken.count()
    };
    assert_eq!(take_all(), 15);
    push(&mut ring, 1);
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
    assert_eq!(user_data(&mut ring), [1]);
    ring.submitter().unregister_ring_fd().unwrap();
    assert_eq!(take_all(), 16);
}

/// A thread has 16 places for rings. Dropping a ring gives its place back.
#[test]
fn a_dropped_ring_leaves_its_place() {
    for _ in 0..40 {
        let ring = IoUring::new(1).unwrap();
        ring.submitter().register_ring_fd().unwrap();
        let ring: IoUring = IoUring::builder()
            .setup_no_mmap()
            .setup_registered_fd_only()
            .build(1)
            .unwrap();
        drop(ring);
    }
}

#[test]
fn a_ring_without_a_descriptor() {
    use std::os::fd::{AsFd, AsRawFd};
    let mut ring: IoUring = IoUring::builder()
        .setup_no_mmap()
        .setup_registered_fd_only()
        .setup_r_disabled()
        .build(4)
        .unwrap();
    assert_eq!(ring.as_raw_fd(), -1);
    assert!(catch_unwind(AssertUnwindSafe(|| ring.as_fd().as_raw_fd())).is_err());
    // Registering goes by the index too.
    ring.submitter().register_enable_rings().unwrap();
    push(&mut ring, 1);
    assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
    assert_eq!(user_data(&mut ring), [1]);
    let again = ring.submitter().register_ring_fd().unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::EEXIST));
    let only = ring.submitter().unregister_ring_fd().unwrap_err();
    assert_eq!(only.raw_os_error(), Some(libc::EINVAL));
    thread::scope(|scope| {
        let ring = &ring;
        scope.spawn(move || is_ring_error(ring.submit_and_wait(1), RingError::NotRegisteredHere));
    });
}

/// Runs `body` in a forked child, and answers whether it went through.
fn in_forked_child(body: impl FnOnce()) -> bool {
    // SAFETY: the process is this test's own; the child runs the body and ends without unwinding further.
    unsafe {
        match libc::fork() {
            0 => {
                let ended = catch_unwind(AssertUnwindSafe(body));
                libc::_exit(i32::from(ended.is_err()));
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                status == 0
            }
        }
    }
}

/// A child has neither the ring's memory nor any way to touch it; the parent's ring goes on.
#[test]
fn a_forked_child_gets_errors() {
    in_process_of_its_own("a_forked_child_gets_errors", || {
        let mut ring = IoUring::new(4).unwrap();
        push(&mut ring, 1);
        ring.submit_and_wait(1).unwrap();
        assert!(in_forked_child(|| {
            assert!(ring.completion().next().is_none());
            assert!(ring.completion().is_empty());
            assert_eq!(ring.completion().capacity(), 0);
            assert_eq!(ring.completion().overflow(), 0);
            ring.completion().disable_eventfd();
            assert!(!ring.completion().eventfd_disabled());
            let mut submission = ring.submission();
            // SAFETY: a NOP names no memory.
            assert!(unsafe { submission.push(&nop(2)) }.is_err());
            // SAFETY: as above.
            assert!(unsafe { submission.push_with(|_| ()) }.is_err());
            // SAFETY: as above.
            assert!(unsafe { submission.push_multiple(&[nop(2)]) }.is_err());
            submission.sync();
            assert_eq!((submission.capacity(), submission.len()), (0, 0));
            assert!(
                !submission.need_wakeup() && !submission.cq_overflow() && !submission.taskrun()
            );
            assert_eq!(submission.dropped(), 0);
            drop(submission);
            is_ring_error(ring.submit(), RingError::Forked);
            is_ring_error(ring.submit_and_wait(1), RingError::Forked);
            is_ring_error(ring.peek().map(|_| ()), RingError::Forked);
            is_ring_error(ring.submitter().squeue_wait(), RingError::Forked);
            is_ring_error(ring.submitter().register_ring_fd(), RingError::Forked);
            is_ring_error(ring.submitter().register_enable_rings(), RingError::Forked);
            // A ring of the child's own works, and so does one of a child of it.
            let mut own = IoUring::new(4).unwrap();
            push(&mut own, 3);
            own.submit_and_wait(1).unwrap();
            assert_eq!(user_data(&mut own), [3]);
            assert!(in_forked_child(|| is_ring_error(
                own.submit(),
                RingError::Forked
            )));
        }));
        assert_eq!(user_data(&mut ring), [1]);
        push(&mut ring, 4);
        assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
        assert_eq!(user_data(&mut ring), [4]);
    });
}

/// Queues that are in use when the process forks do nothing in the child either.
#[test]
fn queues_in_use_are_empty_in_a_forked_child() {
    in_process_of_its_own("queues_in_use_are_empty_in_a_forked_child", || {
        let mut ring = IoUring::new(4).unwrap();
        push(&mut ring, 1);
        push(&mut ring, 2);
        ring.submit_and_wait(2).unwrap();
        let (submitter, mut submission, mut completion) = ring.split();
        // SAFETY: a NOP names no memory.
        unsafe { submission.push(&nop(3)) }.unwrap();
        assert_eq!(completion.next().unwrap().user_data(), 1);
        assert!(in_forked_child(|| {
            assert!(completion.next().is_none());
            completion.sync();
            assert_eq!(completion.len(), 0);
            // SAFETY: as above.
            assert!(unsafe { submission.push(&nop(4)) }.is_err());
            submission.sync();
            is_ring_error(submitter.submit(), RingError::Forked);
        }));
        assert_eq!(completion.next().unwrap().user_data(), 2);
        submission.sync();
        assert_eq!(submitter.submit_and_wait(1).unwrap(), 1);
        completion.sync();
        assert_eq!(completion.next().unwrap().user_data(), 3);
    });
}

/// Where the ring's memory was, a child may have something else by now: dropping the ring leaves it alone.
#[test]
fn dropping_the_ring_in_a_forked_child_unmaps_nothing_else() {
    let name = "dropping_the_ring_in_a_forked_child_unmaps_nothing_else";
    in_process_of_its_own(name, || {
        let ring = IoUring::new(64).unwrap();
        let rings = addresses_of_rings();
        assert!(!rings.is_empty());
        let ring = std::cell::Cell::new(Some(ring));
        assert!(in_forked_child(|| {
            assert!(
                addresses_of_rings().is_empty(),
                "the child has no ring mapped"
            );
            let page = |at: usize| {
                let fixed = libc::MAP_FIXED_NOREPLACE | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let access = libc::PROT_READ | libc::PROT_WRITE;
                let at = std::ptr::without_provenance_mut(at);
                // SAFETY: the address is free, or the call fails.
                let page = unsafe { libc::mmap(at, 4096, access, fixed, -1, 0) };
                assert_ne!(page, libc::MAP_FAILED);
                page.cast::<u8>()
            };
            let pages: Vec<_> = rings.iter().copied().map(page).collect();
            drop(ring.take());
            for page in pages {
                // SAFETY: the page was just mapped; had the drop unmapped it, this would end the child.
                unsafe { page.write_volatile(1) };
            }
        }));
        drop(ring);
    });
}

/// Where `/proc/self/maps` shows rings.
fn addresses_of_rings() -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .filter(|line| line.contains("io_uring"))
        .map(|line| usize::from_str_radix(line.split('-').next().unwrap(), 16).unwrap())
        .collect()
}
