//! What is set up once in a process: the worker pool, and what a forked child may do. Each in a process of
//! its own.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::sync::Arc;

use safe::posix::{self, Cancel, Error, Notification, Pool, Read, Request, Woken};

/// Runs `body` in a process in which nothing of POSIX AIO has happened: this test again, alone.
fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os("POSIX_ALONE").is_some() {
        return body();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("POSIX_ALONE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

/// Runs `body` in a forked child, and fails if it fails or takes for ever.
fn in_child(body: impl FnOnce()) {
    // SAFETY: the child runs `body` and ends without returning here. The other threads of this process
    // hold no lock that it needs: the test's main thread waits for the test.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: plain numbers. The alarm ends a child that hangs.
        unsafe { libc::alarm(100) };
        let result = panic::catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the child and nothing else.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: the number is live.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "how the child ended");
}

fn exe() -> File {
    File::open("/proc/self/exe").unwrap()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

type Blocked = Vec<Request<posix::kind::Read, UnixStream, Vec<u8>>>;

/// Starts 40 reads that block; also gives the number of threads that this made.
fn crowd() -> (Blocked, Vec<UnixStream>, usize) {
    let before = threads();
    let (files, writers): (Vec<_>, Vec<_>) = (0..40).map(|_| UnixStream::pair().unwrap()).unzip();
    let blocked = files
        .into_iter()
        .map(|file| Read::new(file, vec![0; 4]).submit().unwrap())
        .collect();
    (blocked, writers, threads() - before)
}

fn relieve(blocked: Blocked, writers: Vec<UnixStream>) {
    for mut writer in writers {
        writer.write_all(b"done").unwrap();
    }
    for request in blocked {
        let done = request.wait();
        assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"done"[..]));
    }
}

#[test]
fn forty_blocked_descriptors_starve_a_file_on_glibc() {
    alone("forty_blocked_descriptors_starve_a_file_on_glibc", || {
        let (blocked, writers, workers) = crowd();
        let file = Read::new(exe(), vec![0; 4]).submit().unwrap();
        if cfg!(target_env = "gnu") {
            assert_eq!(workers, 20);
            // It stands behind the twenty that have no worker, and no worker will ever be free.
            assert!(!file.is_over());
            relieve(blocked, writers);
            assert_eq!(file.wait().result, Ok(4));
        } else {
            assert_eq!(workers, 40);
            assert_eq!(file.wait().result, Ok(4));
            relieve(blocked, writers);
        }
    });
}

#[test]
fn one_descriptor_has_one_worker_on_glibc() {
    alone("one_descriptor_has_one_worker_on_glibc", || {
        let (file, mut writer) = UnixStream::pair().unwrap();
        let file = Arc::new(file);
        let before = threads();
        let reads: Vec<_> = (0..50)
            .map(|_| Read::new(file.clone(), vec![0; 1]).submit().unwrap())
            .collect();
        let workers = if cfg!(target_env = "gnu") { 1 } else { 50 };
        assert_eq!(threads() - before, workers);
        writer.write_all(&[1; 50]).unwrap();
        assert!(reads.into_iter().all(|read| read.wait().result == Ok(1)));
    });
}

#[test]
fn init_sets_the_number_of_workers_before_the_first_operation() {
    alone(
        "init_sets_the_number_of_workers_before_the_first_operation",
        || {
            let four = Pool {
                threads: 4,
                ..Pool::default()
            };
            if cfg!(not(target_env = "gnu")) {
                assert_eq!(posix::init(four), Err(Error::Unsupported));
                return;
            }
            assert_eq!(posix::init(Pool::default()), Ok(()));
            assert_eq!(
                posix::init(four),
                Ok(()),
                "the last one before the first operation counts"
            );
            let (blocked, writers, workers) = crowd();
            assert_eq!(workers, 4);
            assert_eq!(posix::init(Pool::default()), Err(Error::AlreadyStarted));
            relieve(blocked, writers);
        },
    );
}

#[test]
fn a_child_can_start_nothing_on_glibc_and_all_on_musl() {
    alone("a_child_can_start_nothing_on_glibc_and_all_on_musl", || {
        assert_eq!(
            Read::new(exe(), vec![0; 4]).submit().unwrap().wait().result,
            Ok(4)
        );
        in_child(|| {
            let submitted = Read::new(exe(), vec![0; 4]).submit();
            if cfg!(target_env = "gnu") {
                let refused = submitted.unwrap_err();
                assert_eq!(refused.error, Error::Forked);
                assert_eq!(refused.operation.into_parts().1, [0; 4]);
                let list = [Read::new(exe(), vec![0; 4]).into()];
                assert_eq!(posix::run_list(list)[0].result, Err(Error::Forked));
                assert_eq!(posix::cancel_all(exe()), Err(Error::Forked));
                assert_eq!(posix::init(Pool::default()), Err(Error::Forked));
            } else {
                assert_eq!(submitted.unwrap().wait().result, Ok(4));
            }
        });
    });
}

#[test]
fn a_child_of_a_process_that_started_nothing_is_free() {
    alone("a_child_of_a_process_that_started_nothing_is_free", || {
        in_child(|| {
            assert_eq!(
                Read::new(exe(), vec![0; 4]).submit().unwrap().wait().result,
                Ok(4)
            );
        });
        // And the parent starts its own, whatever the child did.
        assert_eq!(
            Read::new(exe(), vec![0; 4]).submit().unwrap().wait().result,
            Ok(4)
        );
    });
}

#[test]
fn a_child_never_waits_for_its_parents_operations() {
    alone("a_child_never_waits_for_its_parents_operations", || {
        let (file, mut writer) = UnixStream::pair().unwrap();
        let file = Arc::new(file);
        let notification = || Notification::call(|| ());
        let read = || {
            Read::new(file.clone(), vec![0; 4])
                .notify(notification())
                .submit()
                .unwrap()
        };
        let (waited, dropped) = (read(), read());
        let mut lent = [0; 4];
        posix::scope(|scope| {
            let scoped = scope.submit(Read::new(&file, &mut lent[..])).unwrap();
            let mut waited = Some(waited);
            let mut scoped = Some(scoped);
            let mut dropped = Some(dropped);
            in_child(|| {
                let waited = waited.take().unwrap();
                assert!(waited.is_over());
                assert_eq!(waited.cancel(), Cancel::AllDone);
                assert_eq!(posix::suspend([waited.pending()], None), Ok(Woken::Done));
                let done = waited.wait();
                assert_eq!(
                    (done.result, &done.buf[..]),
                    (Err(Error::Forked), &[0; 4][..])
                );
                drop(dropped.take());
                drop(scoped.take());
            });
            // The parent has lost nothing by it.
            writer.write_all(b"onetwo34five").unwrap();
            let one = waited.take().unwrap().wait();
            assert_eq!(one.result, Ok(4));
            assert_eq!(dropped.take().unwrap().wait().result, Ok(4));
            assert_eq!(scoped.take().unwrap().wait().result, Ok(4));
        });
    });
}

#[test]
fn a_scope_ends_in_a_child_too() {
    alone("a_scope_ends_in_a_child_too", || {
        let (file, mut writer) = UnixStream::pair().unwrap();
        let mut lent = [0; 4];
        let child = posix::scope(|scope| {
            std::mem::forget(scope.submit(Read::new(&file, &mut lent[..])).unwrap());
            // SAFETY: the child only leaves the scope and ends.
            let child = unsafe { libc::fork() };
            if child != 0 {
                writer.write_all(b"done").unwrap();
            } else {
                // SAFETY: a plain number. The alarm ends a child that hangs.
                unsafe { libc::alarm(100) };
            }
            child
        });
        if child == 0 {
            // SAFETY: ends the child and nothing else.
            unsafe { libc::_exit(i32::from(lent != [0; 4])) };
        }
        assert_eq!(&lent, b"done");
        let mut status = 0;
        // SAFETY: the number is live.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "how the child ended");
    });
}

/// glibc forgets what stands behind an operation that is cancelled before a worker was free for it.
#[test]
fn what_stands_behind_a_cancelled_operation_runs() {
    alone("what_stands_behind_a_cancelled_operation_runs", || {
        // Where every operation has a thread of its own there is nothing to wait behind.
        let one = Pool {
            threads: 1,
            ..Pool::default()
        };
        let _ = posix::init(one);
        let (silent, mut peer) = UnixStream::pair().unwrap();
        let first = Read::new(silent, vec![0; 1]).submit().unwrap();
        let file = Arc::new(exe());
        let read = || Read::new(file.clone(), vec![0; 4]).submit().unwrap();
        let reads = [read(), read(), read()];
        // Not the first of the descriptor, and not one in the middle.
        let cancelled = [reads[0].cancel(), reads[1].cancel(), reads[2].cancel()];
        if cfg!(target_env = "gnu") {
            let expected = [Cancel::NotCanceled, Cancel::NotCanceled, Cancel::Canceled];
            assert_eq!(cancelled, expected);
        }
        peer.write_all(b"x").unwrap();
        assert_eq!(first.wait().result, Ok(1));
        for (read, cancelled) in reads.into_iter().zip(cancelled) {
            let result = read.wait().result;
            assert_eq!(
                result == Err(Error::Canceled),
                cancelled == Cancel::Canceled
            );
        }
    });
}
