//! A context, forks and signals.

#![cfg(feature = "aio")]

mod support;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use safe::aio::raw::Forked;
use safe::aio::{Context, PollFlags, Reason, Signals, op};
use support::in_process_of_its_own;
use tempfile::TempDir;

/// In a forked child nothing works, nothing crashes, and the parent loses nothing.
#[test]
fn a_forked_child_gets_errors() {
    in_process_of_its_own("a_forked_child_gets_errors", || {
        let exe = Arc::new(File::open("/proc/self/exe").unwrap());
        let read = || op::Read::new(exe.clone(), vec![0; 4]);
        let mut context = Context::new(8).unwrap();
        // What was over before the fork, each process has.
        context.push_tagged(read(), 7).unwrap();
        assert_eq!(context.wait_for(1, None, None).unwrap(), 1);
        let tickets = [0; 3].map(|_| context.push(read()).unwrap());
        let _ = context.submit().unwrap();
        let queued = context.push(read()).unwrap();
        // SAFETY: the child uses its copy of this thread's memory, and ends without unwinding.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let forked =
                |error: io::Error| error.get_ref().is_some_and(|error| error.is::<Forked>());
            let mut right = context.push(read()).is_err_and(|rejected| {
                rejected.reason() == Reason::Forked && forked(rejected.into())
            });
            let had = context.next_event();
            right &= had.is_ok_and(|event| event.tag() == 7);
            right &= context.submit().is_err_and(forked)
                && context.poll().is_err_and(forked)
                && context.next_event().is_err_and(forked)
                && context.wait_for(0, None, None).is_err_and(forked)
                && context
                    .wait(queued)
                    .is_err_and(|failed| forked(failed.into()));
            // Its scopes end, and so does the context.
            right &= context.scope(|scope| scope.push(read()).is_err());
            drop((tickets, context));
            // It can have one of its own.
            let mut own = Context::new(1).unwrap();
            let ticket = own.push(read()).unwrap();
            right &= own.wait(ticket).is_ok_and(|done| done.result == Ok(4));
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!right)) };
        }
        let mut status = 0;
        // SAFETY: `status` is a live variable.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child's verdict");
        assert_eq!(context.next_event().unwrap().tag(), 7);
        for ticket in tickets.into_iter().chain([queued]) {
            let done = context.wait(ticket).unwrap();
            assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"\x7fELF"[..]));
        }
    });
}

extern "C" fn handle(_: libc::c_int) {}

/// A signal that is pending all the time ends a wait whose mask lets it through, and no other.
#[test]
fn a_signal_ends_a_wait_that_lets_it_through() {
    in_process_of_its_own("a_signal_ends_a_wait_that_lets_it_through", || {
        // SAFETY: the handler does nothing, and the signal is blocked in this thread, which is the one that it is
        // sent to.
        let raise = || unsafe {
            let handler: extern "C" fn(libc::c_int) = handle;
            libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, libc::SIGUSR1);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1);
        };
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut context = Context::new(8).unwrap();
        let ticket = context.push(op::Poll::new(ours, PollFlags::IN)).unwrap();
        let _ = context.submit().unwrap();
        raise();
        let error = context
            .wait_for(1, None, Some(&Signals::none()))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        // It stays pending while it is blocked.
        raise();
        io::Write::write_all(&mut &theirs, b"x").unwrap();
        assert_eq!(context.wait_for(1, None, Some(&Signals::all())).unwrap(), 1);
        assert_eq!(context.wait(ticket).unwrap().result, Ok(PollFlags::IN));
    });
}

/// The bytes of a write that ends after its process does.
const SIZE: usize = 16 << 20;

/// Fills a file with `A`, has a child overwrite it with `B` past the page cache, and checks that this is over when the
/// child is: what `end` makes of it, with the writes, and a poll that nothing will end, in flight. Answers the folder.
fn ends_with_its_writes(end: impl FnOnce(&Path)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, vec![b'A'; SIZE]).unwrap();
    let mut options = File::options();
    let file = options.read(true).write(true);
    let file = file.custom_flags(libc::O_DIRECT).open(&path).unwrap();
    file.sync_all().unwrap();
    // SAFETY: the child uses its copy of this thread's memory, and ends without unwinding.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let memory = vec![b'B'; SIZE + 4096].leak();
        let begin = memory.as_ptr().align_offset(4096);
        let bytes: &'static [u8] = &memory[begin..begin + SIZE];
        let mut context = Context::new(9).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let poll = context.push(op::Poll::new(ours, PollFlags::IN)).unwrap();
        let file = Arc::new(file);
        for (at, part) in bytes.chunks(SIZE / 8).enumerate() {
            let write = op::Write::new(file.clone(), part).at((at * part.len()) as u64);
            context.push(write).unwrap().detach();
        }
        assert_eq!(context.submit().unwrap().accepted, 9);
        // Nothing of Rust ends the context.
        std::mem::forget((context, poll, theirs));
        end(folder.path());
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: `status` is a live variable.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child");
    let content = fs::read(&path).unwrap();
    assert!(content == vec![b'B'; SIZE], "a write was not over");
    folder
}

#[test]
fn the_end_of_a_process_waits_for_its_writes() {
    in_process_of_its_own("the_end_of_a_process_waits_for_its_writes", || {
        let _folder = ends_with_its_writes(|_| {});
    });
}

/// The next program has no context, and finds what the last one wrote.
#[test]
fn execve_waits_for_the_writes_and_ends_the_context() {
    in_process_of_its_own("execve_waits_for_the_writes_and_ends_the_context", || {
        let folder = ends_with_its_writes(|folder| {
            assert!(
                fs::read_to_string("/proc/self/maps")
                    .unwrap()
                    .contains("/[aio]")
            );
            // This test binary again, and in it the test below.
            let error = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "what_execve_leaves", "--test-threads=1"])
                .env("AIO_EXECUTED", folder)
                .exec();
            panic!("{error}");
        });
        assert!(folder.path().join("seen").exists(), "it was not executed");
    });
}

/// What the program that was executed sees; by itself it has nothing to look at but that it has no context either.
#[test]
fn what_execve_leaves() {
    if let Some(folder) = std::env::var_os("AIO_EXECUTED") {
        let folder = Path::new(&folder);
        let content = fs::read(folder.join("file")).unwrap();
        assert!(content == vec![b'B'; SIZE], "a write was not over");
        assert!(
            !fs::read_to_string("/proc/self/maps")
                .unwrap()
                .contains("/[aio]")
        );
        fs::write(folder.join("seen"), "").unwrap();
    }
}

/// A context that the kernel does not know any more cannot be waited for: what its operations own is never freed.
#[test]
fn what_cannot_be_destroyed_is_leaked() {
    in_process_of_its_own("what_cannot_be_destroyed_is_leaked", || {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let ours = Arc::new(ours);
        let mut context = Context::new(1).unwrap();
        let poll = op::Poll::new(ours.clone(), PollFlags::IN);
        let ticket = context.push(poll).unwrap();
        assert_eq!(context.submit().unwrap().accepted, 1);
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("/[aio]")).unwrap();
        let (begin, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [begin, end] = [begin, end].map(|at| usize::from_str_radix(at, 16).unwrap());
        let at = std::ptr::with_exposed_provenance_mut::<libc::c_void>(begin);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: an empty page takes the place of the ring, in which nobody is looking; the first word of it is the
        // number by which the kernel finds the context, and this one is none.
        unsafe {
            assert_eq!(libc::mmap(at, end - begin, protection, flags, -1, 0), at);
            at.cast::<u32>().write(99);
        }
        drop((context, ticket));
        assert_eq!(Arc::strong_count(&ours), 2, "the poll has its socket still");
    });
}
