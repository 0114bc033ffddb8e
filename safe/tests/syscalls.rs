//! How many system calls rings take.

#![cfg(feature = "uring")]

mod calls;

use libc::{SYS_io_uring_enter, SYS_io_uring_register};
use safe::uring::raw::types::{SubmitArgs, Timespec};
use safe::uring::raw::{Builder, IoUring, cqueue, opcode, squeue};

use calls::with_calls;

fn nop(user_data: u64) -> squeue::Entry {
    opcode::Nop::new().build().user_data(user_data)
}

fn push(ring: &mut IoUring, entries: u64) {
    let mut queue = ring.submission();
    for entry in 0..entries {
        // SAFETY: a NOP names no memory.
        unsafe { queue.push(&nop(entry)) }.expect("there is room");
    }
}

fn take(ring: &mut IoUring) -> u64 {
    ring.completion()
        .enumerate()
        .map(|(at, done)| assert_eq!((at as u64, done.result()), (done.user_data(), 0)))
        .count() as u64
}

fn ring(setup: impl FnOnce(&mut Builder)) -> IoUring {
    let mut builder: Builder = IoUring::builder();
    setup(&mut builder);
    builder.build(32).expect("a ring")
}

/// The rings whose flags say what waits in the kernel.
fn rings() -> [IoUring; 4] {
    [
        ring(|_| ()),
        ring(|builder| {
            builder.setup_coop_taskrun().setup_taskrun_flag();
        }),
        ring(|builder| {
            builder.setup_single_issuer().setup_defer_taskrun();
            builder.setup_taskrun_flag();
        }),
        ring(|builder| {
            builder.setup_no_sqarray().setup_submit_all();
        }),
    ]
}

/// That the notes are true: what takes a system call is seen to.
#[test]
fn calls_are_noted() {
    with_calls(|calls| {
        // SAFETY: it has no arguments.
        let (noted, _) = calls.of(|| unsafe { (libc::getpid(), libc::getppid()) });
        assert_eq!(noted, [libc::SYS_getpid, libc::SYS_getppid]);
        let (noted, ring) = calls.of(|| IoUring::new(4).unwrap());
        assert!(noted.contains(&libc::SYS_io_uring_setup));
        assert_eq!(
            calls
                .one(SYS_io_uring_enter, || ring.submitter().squeue_wait())
                .unwrap(),
            0
        );
    });
}

#[test]
fn a_batch_takes_one() {
    with_calls(|calls| {
        for mut ring in rings() {
            for _ in 0..3 {
                calls.none(|| push(&mut ring, 32));
                assert_eq!(calls.one(SYS_io_uring_enter, || ring.submit()).unwrap(), 32);
                assert_eq!(calls.none(|| take(&mut ring)), 32);
            }
            // Waiting adds none.
            calls.none(|| push(&mut ring, 32));
            assert_eq!(
                calls
                    .one(SYS_io_uring_enter, || ring.submit_and_wait(32))
                    .unwrap(),
                32
            );
            assert_eq!(calls.none(|| take(&mut ring)), 32);
        }
    });
}

#[test]
fn nothing_to_do_takes_none() {
    with_calls(|calls| {
        for mut ring in rings() {
            for _ in 0..3 {
                assert!(calls.none(|| ring.peek()).unwrap().is_none());
                assert_eq!(calls.none(|| take(&mut ring)), 0);
                assert_eq!(calls.none(|| ring.submit()).unwrap(), 0);
                assert!(!calls.none(|| ring.submitter().flush_completions()).unwrap());
            }
        }
    });
}

#[test]
fn a_wait_for_what_is_there_takes_none() {
    with_calls(|calls| {
        for mut ring in rings() {
            push(&mut ring, 2);
            assert_eq!(ring.submit_and_wait(2).unwrap(), 2);
            let span = Timespec::new().nsec(1);
            let args = SubmitArgs::new().timespec(&span);
            for want in [0, 1, 2] {
                assert_eq!(calls.none(|| ring.submit_and_wait(want)).unwrap(), 0);
                let with_args = || ring.submitter().submit_with_args(want, &args);
                assert_eq!(calls.none(with_args).unwrap(), 0);
            }
            // One more than there are is waited for, until the time is up.
            let one_more = |ring: &IoUring, want| ring.submitter().submit_with_args(want, &args);
            assert_eq!(
                calls
                    .one(SYS_io_uring_enter, || one_more(&ring, 3))
                    .unwrap(),
                0
            );
            // What was taken is not there any more.
            assert_eq!(ring.completion().next().unwrap().user_data(), 0);
            assert_eq!(calls.none(|| ring.submit_and_wait(1)).unwrap(), 0);
            assert_eq!(
                calls
                    .one(SYS_io_uring_enter, || one_more(&ring, 2))
                    .unwrap(),
                0
            );
        }
    });
}

/// A kernel thread that is awake is not called.
#[test]
fn a_busy_polling_thread_takes_none() {
    with_calls(|calls| {
        // It sleeps after ten minutes without work, and not in this test.
        let mut ring = ring(|builder| {
            builder.setup_sqpoll(600_000);
        });
        // It begins asleep.
        push(&mut ring, 1);
        assert_eq!(ring.submit_and_wait(1).unwrap(), 1);
        assert_eq!(take(&mut ring), 1);
        for _ in 0..3 {
            calls.none(|| {
                push(&mut ring, 32);
                // The thread looks by itself, and may have taken the entries before they are counted.
                assert!(ring.submit().unwrap() <= 32);
                while ring.completion().len() < 32 {
                    std::hint::spin_loop();
                }
                // The thread may have yet to say that it has taken the entries.
                assert!(ring.submit_and_wait(32).unwrap() <= 32);
                assert_eq!(take(&mut ring), 32);
                assert!(ring.peek().unwrap().is_none());
            });
        }
    });
}

/// Completions that the queue had no room for are fetched by one call, where the flags say so.
#[test]
fn an_overflow_takes_one() {
    with_calls(|calls| {
        let mut ring = ring(|builder| {
            builder.setup_cqsize(32);
        });
        push(&mut ring, 32);
        assert_eq!(ring.submit().unwrap(), 32);
        push(&mut ring, 1);
        assert_eq!(calls.one(SYS_io_uring_enter, || ring.submit()).unwrap(), 1);
        assert_eq!(calls.none(|| take(&mut ring)), 32);
        let last = calls.one(SYS_io_uring_enter, || ring.peek()).unwrap();
        assert_eq!(last.map(|done| done.user_data()), Some(0));
        assert!(calls.none(|| ring.peek()).unwrap().is_none());
    });
}

/// The halves that a runtime keeps apart take no more.
#[test]
fn halves_take_none_of_their_own() {
    with_calls(|calls| {
        let mut ring = IoUring::new(32).unwrap();
        let (submitter, mut sq, mut cq) = calls.none(|| ring.split());
        let entries: [_; 32] = std::array::from_fn(|at| nop(at as u64));
        calls.none(|| {
            // SAFETY: NOPs name no memory.
            unsafe { sq.push_multiple(&entries) }.unwrap();
            sq.sync();
        });
        assert_eq!(
            calls
                .one(SYS_io_uring_enter, || submitter.submit_and_wait(32))
                .unwrap(),
            32
        );
        calls.none(|| {
            cq.sync();
            assert_eq!(cq.by_ref().count(), 32);
            cq.sync();
            sq.sync();
            assert!(sq.is_empty() && cq.is_empty() && !sq.need_wakeup());
        });
        assert_eq!(calls.none(|| submitter.submit()).unwrap(), 0);
    });
}

/// A registered ring takes one call to register, and no more after that.
#[test]
fn a_registered_ring_takes_one() {
    with_calls(|calls| {
        let mut ring: IoUring<squeue::Entry, cqueue::Entry> = IoUring::new(32).unwrap();
        let (noted, registered) = calls.of(|| ring.submitter().register_ring_fd());
        registered.unwrap();
        assert_eq!(noted, [SYS_io_uring_register]);
        push(&mut ring, 32);
        assert_eq!(calls.one(SYS_io_uring_enter, || ring.submit()).unwrap(), 32);
        assert_eq!(calls.none(|| take(&mut ring)), 32);
    });
}
