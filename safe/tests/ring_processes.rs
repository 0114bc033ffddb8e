//! Futexes, children, and epoll sets.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod older;
}

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::event::epoll;
use rustix::process::{Pid, Signal, getpid, kill_process};
use safe::uring::Ring;
use safe::uring::op::{self, How, Wake};
use safe::uring::raw::types::PollFlags;
use support::older::{differs, here};

fn ring() -> Ring {
    Ring::new(16).expect("a ring")
}

/// Whether the kernel has them.
fn has_futexes(ring: &mut Ring) -> bool {
    let wake = op::FutexWake::new(Arc::new(AtomicU32::new(0)), 1);
    let wake = ring.push(wake).expect("room");
    here(
        "FUTEX_WAKE",
        (6, 7),
        ring.wait(wake).expect("waited").result,
    )
    .is_some()
}

/// This program once more, to do one of the jobs below.
fn child(job: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["--exact", "the_job_of_a_child"])
        .env("RING_JOB", job)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    command
}

/// What a child of the other tests does; nothing in a process that is none.
#[test]
fn the_job_of_a_child() {
    let Ok(job) = std::env::var("RING_JOB") else {
        return;
    };
    let until_told = || drop(std::io::stdin().read_to_end(&mut Vec::new()));
    let kill = |signal| kill_process(getpid(), signal).expect("sent");
    match job.as_str() {
        "exit" => {}
        "terminate" => kill(Signal::TERM),
        "stop" => {
            kill(Signal::STOP);
            // Another thread may have got the signal first: this one does not go on before it is told to.
            until_told();
        }
        "read" => until_told(),
        other => panic!("{other} is no job"),
    }
    std::process::exit(7);
}

#[test]
fn a_futex_is_woken_by_a_ring_of_another_thread() {
    let mut ring = ring();
    if !has_futexes(&mut ring) {
        return;
    }
    let word = Arc::new(AtomicU32::new(0));
    let wait = ring
        .push(op::FutexWait::new(Arc::clone(&word), 0))
        .expect("room");
    ring.submit().expect("submitted");
    let waker = {
        let word = Arc::clone(&word);
        thread::spawn(move || {
            let mut ring = Ring::new(4).expect("a ring");
            word.store(1, Ordering::Release);
            let wake = ring.push(op::FutexWake::new(word, 1)).expect("room");
            ring.wait(wake).expect("waited").result.expect("woken")
        })
    };
    let done = ring.wait(wait).expect("waited");
    assert_eq!(done.result.expect("woken"), Wake::Woken);
    drop(done.file);
    assert_eq!(word.load(Ordering::Acquire), 1);
    assert_eq!(waker.join().expect("no panic"), 1);

    let changed = ring
        .push(op::FutexWait::new(Arc::clone(&word), 0))
        .expect("room");
    let done = ring.wait(changed).expect("waited");
    assert_eq!(done.result.expect("an answer"), Wake::Changed);
    drop(done);
    assert_eq!(Arc::strong_count(&word), 1);
}

#[test]
fn a_futex_in_flight_keeps_its_word() {
    let mut ring = ring();
    if !has_futexes(&mut ring) {
        return;
    }
    let word = Arc::new(AtomicU32::new(0));
    let weak = Arc::downgrade(&word);
    let wait = ring.push(op::FutexWait::new(word, 0)).expect("room");
    ring.submit().expect("submitted");
    assert_eq!(weak.strong_count(), 1);
    // Woken through another operation that shares it.
    let word = weak.upgrade().expect("it is in flight");
    let wake = ring.push(op::FutexWake::new(word, u32::MAX)).expect("room");
    assert_eq!(ring.wait(wake).expect("waited").result.expect("a count"), 1);
    drop(ring.wait(wait).expect("waited"));
    assert_eq!(weak.strong_count(), 0);

    // Cancelled by dropping the ticket.
    let word = Arc::new(AtomicU32::new(0));
    let weak = Arc::downgrade(&word);
    let wait = ring.push(op::FutexWait::new(word, 0)).expect("room");
    ring.submit().expect("submitted");
    drop(wait);
    assert_eq!(weak.strong_count(), 1, "the kernel may still look at it");
    while !ring.is_empty() {
        ring.submit_and_wait(1).expect("waited");
    }
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn futexes_are_woken_by_mask() {
    let mut ring = ring();
    if !has_futexes(&mut ring) {
        return;
    }
    let word = AtomicU32::new(5);
    ring.scope(|scope| {
        let even = scope
            .push(op::FutexWait::new(&word, 5).mask(2))
            .expect("room");
        let odd = scope
            .push(op::FutexWait::new(&word, 5).mask(1).shared())
            .expect("room");
        scope.submit().expect("submitted");
        let wake = op::FutexWake::new(&word, 9).mask(4);
        let none = scope.push(wake).expect("room");
        assert_eq!(
            scope.wait(none).expect("waited").result.expect("a count"),
            0
        );
        let wake = op::FutexWake::new(&word, 9).mask(3);
        let one = scope.push(wake).expect("room");
        assert_eq!(scope.wait(one).expect("waited").result.expect("a count"), 1);
        assert_eq!(
            scope.wait(even).expect("waited").result.expect("woken"),
            Wake::Woken
        );
        let wake = op::FutexWake::new(&word, 9).shared();
        let other = scope.push(wake).expect("room");
        assert_eq!(
            scope.wait(other).expect("waited").result.expect("a count"),
            1
        );
        assert_eq!(
            scope.wait(odd).expect("waited").result.expect("woken"),
            Wake::Woken
        );
    });
    let bad = ring
        .push(op::FutexWait::new(Arc::new(AtomicU32::new(0)), 0).mask(0))
        .expect("room");
    let error = ring.wait(bad).expect("waited").result.expect_err("no mask");
    assert_eq!(error.raw_os_error(), libc::EINVAL);
}

#[test]
fn any_of_several_futexes_wakes() {
    let mut ring = ring();
    if !has_futexes(&mut ring) {
        return;
    }
    let words = [(); 3].map(|()| Arc::new(AtomicU32::new(0)));
    let wait = op::FutexWaitAny::new([0, 1, 2].map(|at| (Arc::clone(&words[at]), 0)));
    let wait = ring.push(wait).expect("room");
    ring.submit().expect("submitted");
    let wake = op::FutexWake::new(Arc::clone(&words[2]), 1);
    let wake = ring.push(wake).expect("room");
    assert_eq!(ring.wait(wake).expect("waited").result.expect("a count"), 1);
    let done = ring.wait(wait).expect("waited");
    assert_eq!(done.result.expect("woken"), Some(2));
    assert!(Arc::ptr_eq(&done.words[1], &words[1]));

    let changed = op::FutexWaitAny::new([0, 1].map(|at| (Arc::clone(&words[at]), at as u32)));
    let changed = ring.push(changed).expect("room");
    assert_eq!(
        ring.wait(changed)
            .expect("waited")
            .result
            .expect("an answer"),
        None
    );

    // More than fit a slot, and more than the kernel takes.
    let many = op::FutexWaitAny::new([(); 100].map(|()| (Arc::clone(&words[0]), 0)));
    let many = ring.push(many).expect("room");
    ring.submit().expect("submitted");
    let wake = ring
        .push(op::FutexWake::new(Arc::clone(&words[0]), 1))
        .expect("room");
    assert_eq!(ring.wait(wake).expect("waited").result.expect("a count"), 1);
    assert_eq!(
        ring.wait(many).expect("waited").result.expect("woken"),
        Some(0)
    );
    let more = op::FutexWaitAny::new([(); 129].map(|()| (Arc::clone(&words[0]), 0)));
    let more = ring.push(more).expect("room");
    let error = ring.wait(more).expect("waited").result.expect_err("129");
    assert_eq!(error.raw_os_error(), libc::EINVAL);
    let none = op::FutexWaitAny::<Arc<AtomicU32>, 0>::new([]);
    let none = ring.push(none).expect("room");
    let error = ring.wait(none).expect("waited").result.expect_err("none");
    assert_eq!(error.raw_os_error(), libc::EINVAL);
}

#[test]
#[expect(clippy::zombie_processes, reason = "the ring waits for them")]
fn children_end_as_they_are_told() {
    let mut ring = ring();
    let start = |job: &str| child(job).spawn().expect("a child");

    let mut child = start("exit");
    let ticket = ring.push(op::WaitId::child(child.id())).expect("room");
    let status = ring.wait(ticket).expect("waited").result;
    let Some(status) = here("WAITID", (6, 7), status) else {
        child.wait().expect("it ends");
        return;
    };
    assert_eq!((status.pid, status.how), (child.id(), How::Exited(7)));

    let child = start("terminate");
    let ticket = ring.push(op::WaitId::child(child.id())).expect("room");
    let status = ring.wait(ticket).expect("waited").result.expect("a status");
    let killed = How::Killed {
        signal: libc::SIGTERM,
        core_dumped: false,
    };
    assert_eq!(status.how, killed);

    // Stopped, and told so; then let go, and ended.
    let mut child = start("stop");
    let stopped = op::WaitId::child(child.id()).stopped();
    let ticket = ring.push(stopped).expect("room");
    let status = ring.wait(ticket).expect("waited").result.expect("a status");
    assert_eq!(status.how, How::Stopped(libc::SIGSTOP));
    let continued = op::WaitId::child(child.id()).continued();
    let ticket = ring.push(continued).expect("room");
    ring.submit().expect("submitted");
    kill_process(Pid::from_child(&child), Signal::CONT).expect("sent");
    drop(child.stdin.take());
    let status = ring.wait(ticket).expect("waited").result.expect("a status");
    // It may be over before the wait is woken.
    let over = status.how == How::Exited(7);
    assert!(over || status.how == How::Continued, "{status:?}");
    if !over {
        let ticket = ring.push(op::WaitId::child(child.id())).expect("room");
        let status = ring.wait(ticket).expect("waited").result.expect("a status");
        assert_eq!(status.how, How::Exited(7));
    }

    // Seen twice, if it is kept.
    let mut child = start("exit");
    let ticket = ring
        .push(op::WaitId::child(child.id()).keep())
        .expect("room");
    let status = ring.wait(ticket).expect("waited").result.expect("a status");
    assert_eq!(status.how, How::Exited(7));
    assert_eq!(child.wait().expect("waited").code(), Some(7));

    // Reaped already.
    let ticket = ring.push(op::WaitId::child(child.id())).expect("room");
    let error = ring
        .wait(ticket)
        .expect("waited")
        .result
        .expect_err("reaped");
    assert_eq!(error.raw_os_error(), libc::ECHILD);

    let file = File::open("/proc/self/exe").expect("open");
    let ticket = ring.push(op::WaitId::pidfd(file)).expect("room");
    let error = ring
        .wait(ticket)
        .expect("waited")
        .result
        .expect_err("no pidfd");
    assert_eq!(error.raw_os_error(), libc::EBADF);
}

#[test]
fn waiting_for_a_child_is_cancelled() {
    let mut ring = ring();
    let mut child = child("read").spawn().expect("a child");
    if differs("WAITID", (6, 7)) {
        drop(child.stdin.take());
        child.wait().expect("it ends");
        return;
    }
    let wait = ring.push(op::WaitId::child(child.id())).expect("room");
    ring.submit().expect("submitted");
    let cancel = ring.push(op::Cancel::new(wait.token())).expect("room");
    let answer = ring.wait(cancel).expect("waited").expect("an answer");
    assert_eq!(answer, op::Cancelled::Cancelled);
    let error = ring
        .wait(wait)
        .expect("waited")
        .result
        .expect_err("cancelled");
    assert!(error.is_cancelled());

    let tickets = ring
        .push_chain(op::with_timeout(
            op::WaitId::child(child.id()),
            std::time::Duration::from_millis(1),
        ))
        .expect("room");
    let done = ring.wait_chain(tickets).expect("waited").outputs;
    assert!(done.0.result.is_err());
    assert_eq!(done.1.expect("an expiry"), op::Expiry::Fired);
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("waited").code(), Some(7));
}

#[test]
fn an_epoll_set_is_changed_and_waited_for() {
    let mut ring = ring();
    let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll set"));
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let reader = Arc::new(reader);
    let add = op::EpollCtl::add(Arc::clone(&epoll), Arc::clone(&reader), PollFlags::IN, 77);
    let add = ring.push(add).expect("room");
    ring.wait(add).expect("waited").result.expect("added");
    let again = op::EpollCtl::add(Arc::clone(&epoll), Arc::clone(&reader), PollFlags::IN, 78);
    let again = ring.push(again).expect("room");
    let error = ring.wait(again).expect("waited").result.expect_err("twice");
    assert_eq!(error.raw_os_error(), libc::EEXIST);

    let wait = op::EpollWait::<_, 8>::new(Arc::clone(&epoll));
    let wait = ring.push(wait).expect("room");
    ring.submit().expect("submitted");
    ring.poll().expect("polled");
    if wait.is_done() {
        let refused = ring.wait(wait).expect("waited").result;
        assert!(here("EPOLL_WAIT", (6, 15), refused).is_none());
        return;
    }
    writer.write_all(b"x").expect("written");
    let events = ring.wait(wait).expect("waited").result.expect("events");
    assert_eq!(events.iter().collect::<Vec<_>>(), [(PollFlags::IN, 77)]);

    let modify = op::EpollCtl::modify(Arc::clone(&epoll), Arc::clone(&reader), PollFlags::IN, 5);
    let modify = ring.push(modify).expect("room");
    ring.wait(modify).expect("waited").result.expect("modified");
    // More events than fit a slot.
    let wait = op::EpollWait::<_, 100>::new(Arc::clone(&epoll));
    let wait = ring.push(wait).expect("room");
    let events = ring.wait(wait).expect("waited").result.expect("events");
    assert_eq!(
        (events.len(), events.iter().next()),
        (1, Some((PollFlags::IN, 5)))
    );

    let delete = op::EpollCtl::delete(Arc::clone(&epoll), Arc::clone(&reader));
    let delete = ring.push(delete).expect("room");
    ring.wait(delete).expect("waited").result.expect("deleted");
    let delete = op::EpollCtl::delete(epoll, Arc::clone(&reader));
    let delete = ring.push(delete).expect("room");
    let error = ring
        .wait(delete)
        .expect("waited")
        .result
        .expect_err("twice");
    assert_eq!(error.raw_os_error(), libc::ENOENT);

    let wait = ring.push(op::EpollWait::<_, 4>::new(reader)).expect("room");
    let error = ring.wait(wait).expect("waited").result.expect_err("a pipe");
    assert_eq!(error.raw_os_error(), libc::EINVAL);
}
