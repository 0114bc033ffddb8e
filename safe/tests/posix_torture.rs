//! What has broken other bindings: forgetting, panics, early results, signals, callbacks.
//!
//! Built with `--cfg posix_broken`, the last test shows that the others notice a broken rule.

mod watched;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use safe::posix::{
    self, Cancel, Error, Fsync, Listed, Notification, OnDrop, Read, Request, Woken, Write,
};
use watched::{FRESH, Watched, Witness};

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// The bytes that wait to be read from `socket`.
fn waiting(socket: &UnixStream) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: the number is live.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &mut count) };
    assert_eq!(answer, 0);
    count as usize
}

/// More than a socket takes before its peer reads.
const TOO_MUCH: usize = 4 << 20;

/// A large write from a watched buffer, to a socket that `begun` makes sure of.
fn large_write() -> (UnixStream, UnixStream, Watched, Witness) {
    let (file, peer) = pair();
    let (buf, witness) = Watched::new(TOO_MUCH);
    (file, peer, buf, witness)
}

/// Waits until a worker has begun the write: then nobody stops it any more.
fn begun(peer: &mut UnixStream) {
    let mut first = [0];
    peer.read_exact(&mut first).unwrap();
    assert_eq!(first, [FRESH]);
}

/// Reads the rest of the write. Nothing that comes may be of freed memory.
fn drained(peer: &mut UnixStream) {
    let mut bytes = Vec::new();
    peer.take(TOO_MUCH as u64 - 1)
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(
        bytes.iter().all(|byte| *byte == FRESH),
        "freed memory was written to the file"
    );
    assert_eq!(bytes.len(), TOO_MUCH - 1);
}

/// Runs `blocks` on a thread, and `then` when that has ended or sleeps.
fn when_blocked(blocks: impl FnOnce() + Send + 'static, then: impl FnOnce()) {
    let (send, receive) = mpsc::channel();
    let thread = thread::spawn(move || {
        // SAFETY: the call has no preconditions.
        send.send(unsafe { libc::gettid() }).unwrap();
        blocks();
    });
    let stat = format!("/proc/self/task/{}/stat", receive.recv().unwrap());
    let sleeps = || {
        std::fs::read_to_string(&stat).is_ok_and(|stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('S'))
        })
    };
    while !thread.is_finished() && !sleeps() {
        thread::yield_now();
    }
    then();
    thread.join().unwrap();
}

#[test]
fn a_dropped_request_frees_after_the_last_byte() {
    let (file, mut peer, buf, witness) = large_write();
    let request = Write::new(file, buf).submit().unwrap();
    begun(&mut peer);
    when_blocked(move || drop(request), || drained(&mut peer));
    witness.check();
}

#[test]
fn a_caught_panic_frees_after_the_last_byte() {
    let (file, mut peer, buf, witness) = large_write();
    let request = Write::new(file, buf).submit().unwrap();
    begun(&mut peer);
    let blocks = || {
        let caught = panic::catch_unwind(AssertUnwindSafe(move || {
            let _request = request;
            panic::resume_unwind(Box::new("a panic"));
        }));
        assert!(caught.is_err());
    };
    when_blocked(blocks, || drained(&mut peer));
    witness.check();
}

#[test]
fn a_forgotten_request_is_never_freed() {
    let (file, mut peer, buf, witness) = large_write();
    std::mem::forget(Write::new(file, buf).submit().unwrap());
    begun(&mut peer);
    peer.read_exact(&mut vec![0; TOO_MUCH - 1]).unwrap();
    assert_eq!(witness.drops(), 0);

    // The same the other way round: what comes in goes to the forgotten buffer.
    let (file, mut peer) = pair();
    let other = file.try_clone().unwrap();
    let (buf, witness) = Watched::new(64);
    std::mem::forget(Read::new(file, buf).submit().unwrap());
    peer.write_all(&[7; 64]).unwrap();
    while waiting(&other) > 0 {
        thread::yield_now();
    }
    assert_eq!(witness.drops(), 0);
}

#[test]
fn a_leaked_request_is_not_freed_before_it_is_over() {
    let (file, mut peer, buf, witness) = large_write();
    let request = Write::new(file, buf)
        .submit()
        .unwrap()
        .on_drop(OnDrop::Leak);
    begun(&mut peer);
    // Nobody reads: this would not come back if it waited.
    drop(request);
    drained(&mut peer);
    assert_eq!(witness.drops(), 0);
}

#[test]
fn a_leaked_request_that_was_cancelled_is_freed() {
    for _ in 0..200 {
        let (file, mut peer) = pair();
        let (buf, witness) = Watched::new(64);
        let request = Read::new(file, buf).submit().unwrap().on_drop(OnDrop::Leak);
        let cancelled = request.cancel();
        assert_eq!(request.is_over(), cancelled != Cancel::NotCanceled);
        if cfg!(target_env = "musl") {
            assert_eq!(cancelled, Cancel::Canceled, "a read that runs");
        }
        drop(request);
        if cancelled == Cancel::NotCanceled {
            assert_eq!(witness.drops(), 0);
        } else {
            // What comes now would be of the library's doing: the file is closed.
            assert!(peer.write_all(&[7; 64]).is_err());
            witness.check();
        }
    }
}

#[test]
fn cancelling_what_waits_for_its_turn_comes_back() {
    let (file, mut peer) = pair();
    let file = Arc::new(file);
    let running = Write::new(file.clone(), vec![FRESH; TOO_MUCH])
        .submit()
        .unwrap();
    begun(&mut peer);
    let write = Write::new(file.clone(), vec![b'y']).submit().unwrap();
    let sync = Fsync::new(file.clone()).submit().unwrap();
    // On musl these would hang for ever if its aio_cancel(3) were called.
    let expected = if cfg!(target_env = "gnu") {
        Cancel::Canceled
    } else {
        Cancel::NotCanceled
    };
    // From behind: what the sync stands behind is left alone.
    assert_eq!(write.cancel(), Cancel::NotCanceled);
    assert_eq!((sync.cancel(), write.cancel()), (expected, expected));
    assert_eq!(posix::cancel_all(&file), Ok(Cancel::NotCanceled));
    drop(
        Write::new(file.clone(), vec![b'z'])
            .submit()
            .unwrap()
            .on_drop(OnDrop::Leak),
    );
    drained(&mut peer);
    assert_eq!(running.wait().result, Ok(TOO_MUCH));
    if cfg!(target_env = "gnu") {
        assert_eq!(write.wait().result, Err(Error::Canceled));
        assert_eq!(sync.wait().result, Err(Error::Canceled));
    } else {
        assert_eq!(write.wait().result, Ok(1));
        assert_eq!(sync.wait().result, Err(Error::Os(libc::EINVAL)));
    }
}

#[test]
fn a_scope_waits_whatever_becomes_of_handle_and_closure() {
    for forget in [true, false] {
        for fails in [true, false] {
            let (file, mut peer, buf, witness) = large_write();
            let mut head = peer.try_clone().unwrap();
            let (ready, until_ready) = mpsc::channel();
            let blocks = move || {
                let ended = panic::catch_unwind(AssertUnwindSafe(|| {
                    posix::scope(|scope| {
                        let request = scope.submit(Write::new(&file, buf)).unwrap();
                        begun(&mut head);
                        ready.send(()).unwrap();
                        if forget {
                            std::mem::forget(request);
                        }
                        if fails {
                            panic::resume_unwind(Box::new("a panic"));
                        }
                    });
                }));
                assert_eq!(ended.is_err(), fails);
                witness.check();
            };
            when_blocked(blocks, || {
                until_ready.recv().unwrap();
                drained(&mut peer);
            });
        }
    }
}

#[test]
fn a_scope_waits_for_a_list_whatever_becomes_of_it() {
    for forget in [true, false] {
        for fails in [true, false] {
            let (file, mut peer, buf, witness) = large_write();
            let mut head = peer.try_clone().unwrap();
            let (ready, until_ready) = mpsc::channel();
            let (tell, told) = mpsc::channel();
            let blocks = move || {
                let ended = panic::catch_unwind(AssertUnwindSafe(|| {
                    posix::scope(|scope| {
                        let call = Notification::call(move || tell.send(()).unwrap());
                        let list = [Write::new(&file, buf).into()];
                        let members = scope.submit_list(list, call).unwrap();
                        begun(&mut head);
                        ready.send(()).unwrap();
                        if forget {
                            std::mem::forget(members);
                        }
                        if fails {
                            panic::resume_unwind(Box::new("a panic"));
                        }
                    });
                }));
                assert_eq!(ended.is_err(), fails);
                witness.check();
            };
            when_blocked(blocks, || {
                until_ready.recv().unwrap();
                assert!(told.try_recv().is_err(), "the member is in flight");
                drained(&mut peer);
            });
            // The list's own thread may come to it after the scope.
            told.recv().unwrap();
        }
    }
}

#[test]
fn a_result_comes_once_with_its_buffer() {
    let (reader, mut writer) = pair();
    let (buf, witness) = Watched::new(8);
    writer.write_all(&[1; 8]).unwrap();
    let done = Read::new(reader, buf).submit().unwrap().wait();
    assert_eq!((done.result, witness.drops()), (Ok(8), 0));
    drop(done);
    witness.check();
}

#[test]
fn no_result_comes_early() {
    let (reader, mut writer) = pair();
    let request = Read::new(reader, vec![0; 8]).submit().unwrap();
    let request = request.try_wait().expect_err("nothing has been written");
    writer.write_all(&[1; 8]).unwrap();
    assert_eq!(request.wait().result, Ok(8));
}

/// Counts how often a closure that owns it ran and was freed. `_alive` tells when the last is freed.
struct Counted {
    ran: Arc<AtomicUsize>,
    freed: Arc<AtomicUsize>,
    _alive: mpsc::Sender<()>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.freed.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_closure_is_freed_exactly_once() {
    const EACH: usize = 50;
    let (ran, freed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (alive, all_freed) = mpsc::channel();
    let call = || {
        let counted = Counted {
            ran: ran.clone(),
            freed: freed.clone(),
            _alive: alive.clone(),
        };
        Notification::call(move || {
            counted.ran.fetch_add(1, Ordering::SeqCst);
        })
    };
    let exe = Arc::new(std::env::current_exe().and_then(File::open).unwrap());
    let read = || Read::new(exe.clone(), Vec::with_capacity(64)).notify(call());
    let (silent, mut writer) = pair();
    let silent = Arc::new(silent);
    for _ in 0..EACH {
        // Waited for; dropped while in flight; forgotten; leaked; cancelled.
        assert_eq!(read().submit().unwrap().wait().result, Ok(64));
        drop(read().submit().unwrap());
        std::mem::forget(read().submit().unwrap());
        drop(read().submit().unwrap().on_drop(OnDrop::Leak));
        let queued = Read::new(silent.clone(), vec![0; 1])
            .notify(call())
            .submit()
            .unwrap();
        let _ = queued.cancel();
        drop(queued.on_drop(OnDrop::Leak));
        // Refused, alone and in a list; in a list that is done; never submitted.
        assert!(read().at(u64::MAX).submit().is_err());
        let list = [read().at(u64::MAX), read()].map(Listed::from);
        let results: Vec<_> = posix::run_list(list)
            .into_iter()
            .map(|done| done.result)
            .collect();
        assert_eq!(results, [Err(Error::Offset), Ok(64)]);
        drop(read());
    }
    // So that leaked reads are over as well. On musl nobody may be left to read.
    writer.write_all(&[0; EACH]).unwrap();
    drop(alive);
    assert!(
        all_freed.recv().is_err(),
        "the channel ends with the last closure"
    );
    // Of nine closures a round, three never had an operation that started.
    assert_eq!(freed.load(Ordering::SeqCst), 9 * EACH);
    assert_eq!(ran.load(Ordering::SeqCst), 6 * EACH);
}

/// Nothing here leaks on purpose: a leak checker looks at it.
#[test]
fn no_closure_leaves_memory_behind() {
    let exe = Arc::new(std::env::current_exe().and_then(File::open).unwrap());
    let (alive, all_freed) = mpsc::channel::<()>();
    let call = || {
        let (owned, alive) = (vec![1_u8; 100], alive.clone());
        Notification::call(move || drop((owned, alive)))
    };
    let read = || Read::new(exe.clone(), Vec::with_capacity(64)).notify(call());
    for _ in 0..20 {
        assert_eq!(read().submit().unwrap().wait().result, Ok(64));
        drop(read().submit().unwrap());
        assert!(read().at(u64::MAX).submit().is_err());
        drop(read());
        let list = [read().at(u64::MAX), read()].map(Listed::from);
        drop(posix::submit_list(list, call()).unwrap());
        let mut bytes = [0; 64];
        posix::scope(|scope| {
            let read = Read::new(&exe, &mut bytes[..]).notify(call());
            drop(scope.submit(read).unwrap());
        });
    }
    drop(alive);
    assert!(all_freed.recv().is_err());
}

#[test]
fn a_panic_in_a_callback_stays_there() {
    struct PanicsToo;
    impl Drop for PanicsToo {
        fn drop(&mut self) {
            panic!("dropping the payload panics as well");
        }
    }
    let (alive, freed) = mpsc::channel::<()>();
    let exe = std::env::current_exe().and_then(File::open).unwrap();
    let call = Notification::call(move || {
        let _alive = alive;
        panic::panic_any(PanicsToo);
    });
    let done = Read::new(exe, vec![0; 4])
        .notify(call)
        .submit()
        .unwrap()
        .wait();
    assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"\x7fELF"[..]));
    assert!(freed.recv().is_err());
}

#[test]
fn a_callback_of_a_list_comes_when_all_are_over() {
    let (reader, mut writer) = pair();
    let exe = std::env::current_exe().and_then(File::open).unwrap();
    let files: [Arc<dyn std::os::fd::AsFd + Send + Sync>; 2] = [Arc::new(reader), Arc::new(exe)];
    let (send, receive) = mpsc::channel();
    let list = files.map(|file| Read::new(file, vec![0; 4]).into());
    let call = Notification::call(move || send.send(()).unwrap());
    let members = posix::submit_list(list, call).unwrap();
    assert_eq!(
        posix::suspend([members[1].pending()], None),
        Ok(Woken::Done)
    );
    assert!(receive.try_recv().is_err(), "one member is still in flight");
    writer.write_all(b"done").unwrap();
    receive.recv().unwrap();
    assert!(members.iter().all(Request::is_over));
    let results: Vec<_> = members
        .into_iter()
        .map(|member| member.wait().buf)
        .collect();
    assert_eq!(results, [b"done", b"\x7fELF"]);
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::SeqCst);
}

/// Runs `body` on a thread that is sent one signal after another.
fn under_signals<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    // SAFETY: the handler only counts, and a zeroed action has no flags: calls are not restarted.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(libc::c_int) = count;
        action.sa_sigaction = handler as usize;
        assert_eq!(
            libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()),
            0
        );
    }
    let (send, receive) = mpsc::channel();
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    let thread = thread::spawn(move || {
        // SAFETY: the call has no preconditions.
        send.send(unsafe { libc::gettid() }).unwrap();
        let result = panic::catch_unwind(AssertUnwindSafe(body));
        end.store(true, Ordering::SeqCst);
        result
    });
    let thread_id = receive.recv().unwrap();
    while !ended.load(Ordering::SeqCst) {
        // SAFETY: plain numbers. If the thread has ended meanwhile there is none with this id.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread_id, libc::SIGUSR1) };
        thread::yield_now();
    }
    thread.join().unwrap().unwrap()
}

#[test]
fn lists_survive_a_storm_of_signals() {
    const MEMBERS: usize = 8;
    under_signals(|| {
        let before = SIGNALS.load(Ordering::SeqCst);
        let mut round = 0_u8;
        // Until enough have hit.
        while round < 100 || SIGNALS.load(Ordering::SeqCst) < before + 1000 {
            round = round.wrapping_add(1);
            let (files, writers): (Vec<_>, Vec<_>) = (0..MEMBERS).map(|_| pair()).unzip();
            let feeder = thread::spawn(move || {
                for mut writer in writers {
                    writer.write_all(&[round; 32]).unwrap();
                }
            });
            let list = files
                .into_iter()
                .map(|file| Read::new(file, vec![0; 32]).into());
            for done in posix::run_list(list) {
                assert_eq!((done.result, done.buf), (Ok(32), vec![round; 32]));
            }
            feeder.join().unwrap();
            if round == 255 {
                round = 100;
            }
        }
    });
}

#[test]
fn lists_that_borrow_survive_a_storm_of_signals() {
    under_signals(|| {
        let before = SIGNALS.load(Ordering::SeqCst);
        let mut round = 0;
        while round < 20 || SIGNALS.load(Ordering::SeqCst) < before + 500 {
            round += 1;
            let pairs: [_; 4] = std::array::from_fn(|_| pair());
            let mut bytes = [[0_u8; 32]; 4];
            posix::scope(|scope| {
                let list = pairs
                    .iter()
                    .zip(&mut bytes)
                    .map(|((file, _), bytes)| Read::new(file, &mut bytes[..]).into());
                let members = scope.submit_list(list, Notification::none()).unwrap();
                // Of the other end: on glibc it would wait behind the read of this one.
                let sync = [Fsync::data(&pairs[0].1).into()];
                let synced: [_; 1] = scope
                    .run_list::<_, &[u8]>(sync)
                    .try_into()
                    .map_err(|_| "one member, one result")
                    .unwrap();
                assert_eq!(synced[0].result, Err(Error::Os(libc::EINVAL)));
                for (_, writer) in &pairs {
                    let mut writer = writer;
                    writer.write_all(&[7; 32]).unwrap();
                }
                for member in members {
                    assert_eq!(member.wait().result, Ok(32));
                }
            });
            assert_eq!(bytes, [[7; 32]; 4]);
        }
    });
}

#[test]
fn a_signal_interrupts_suspend_and_not_wait() {
    let (reader, mut writer) = pair();
    let request = Read::new(reader, vec![0; 1]).submit().unwrap();
    let request = under_signals(move || {
        assert_eq!(
            posix::suspend([request.pending()], None),
            Ok(Woken::Interrupted)
        );
        request
    });
    writer.write_all(b"x").unwrap();
    assert_eq!(under_signals(move || request.wait().result), Ok(1));
}

#[test]
fn a_member_that_fails_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let writable = Arc::new(File::create(&path).unwrap());
    let readable = Arc::new(File::open(&path).unwrap());
    let write = |file: &Arc<File>, at, what| Write::new(file.clone(), what).at(at).into();
    let results: Vec<_> = posix::run_list([
        write(&writable, 0, "one "),
        write(&readable, 4, "fails"),
        write(&writable, u64::MAX, "refused"),
        write(&writable, 4, "two"),
    ])
    .into_iter()
    .map(|done| done.result)
    .collect();
    assert_eq!(
        results,
        [
            Ok(4),
            Err(Error::Os(libc::EBADF)),
            Err(Error::Offset),
            Ok(3)
        ]
    );
    assert_eq!(std::fs::read(path).unwrap(), b"one two");
}

#[cfg(posix_broken)]
#[test]
fn the_tests_notice() {
    let passes = |rule: &str, test: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env("POSIX_BROKEN", rule)
            .output()
            .unwrap()
            .status
            .success()
    };
    for (rule, test) in [
        ("free", "a_dropped_request_frees_after_the_last_byte"),
        ("free", "a_caught_panic_frees_after_the_last_byte"),
        ("leak", "a_leaked_request_is_not_freed_before_it_is_over"),
        (
            "scope",
            "a_scope_waits_whatever_becomes_of_handle_and_closure",
        ),
        ("scope", "a_scope_waits_for_a_list_whatever_becomes_of_it"),
        ("twice", "a_result_comes_once_with_its_buffer"),
        ("early", "no_result_comes_early"),
    ] {
        assert!(
            passes("none", test),
            "{test} fails though nothing is broken"
        );
        assert!(
            !passes(rule, test),
            "{test} passes though `{rule}` is broken"
        );
    }
}
