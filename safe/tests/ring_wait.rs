//! Waiting for some time, for several completions, with signals, and by descriptor.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod older;
}

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use safe::uring::{Ring, SignalSet, Wait, op};
use support::older::here;

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(1000);
const SHORT: Duration = Duration::from_millis(1);

fn ring() -> Ring {
    Ring::new(16).expect("a ring")
}

#[test]
fn a_wait_ends_with_its_time() {
    let mut ring = ring();
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let read = op::Read::new(reader, Vec::with_capacity(4));
    let read = ring.push(read).expect("room");
    // Submitted by the same call, and by no call at all.
    let read = ring
        .wait_timeout(read, SHORT)
        .expect("waited")
        .expect_err("no data");
    let read = ring
        .wait_timeout(read, Duration::ZERO)
        .expect("waited")
        .expect_err("no data");
    assert_eq!(
        ring.wait_for(&Wait::new(1).timeout(SHORT)).expect("waited"),
        0
    );
    writer.write_all(b"data").expect("written");
    let done = ring
        .wait_timeout(read, LONG)
        .expect("waited")
        .expect("it is over");
    assert_eq!(done.buf, b"data");
    // More time than a clock can show.
    let nop = ring.push(op::Nop::new()).expect("room");
    let done = ring.wait_timeout(nop, Duration::MAX).expect("waited");
    done.expect("it is over").expect("a NOP");
}

#[test]
fn what_is_ready_is_taken_without_a_call() {
    let mut ring = ring();
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let read = op::Read::new(reader, Vec::with_capacity(4));
    ring.push_tagged(read, 1).expect("room");
    ring.push_tagged(op::Nop::new(), 2).expect("room");
    assert!(ring.ready_event().is_none());
    ring.submit().expect("submitted");
    writer.write_all(b"data").expect("written");
    let entered = ring.times_entered();
    let event = ring
        .ready_event()
        .expect("a NOP is over when it is submitted");
    assert_eq!(event.tag(), 2);
    drop(event);
    // A ring of DEFER_TASKRUN has to come for it, others need not.
    let event = ring.ready_event();
    let has_come = event.is_some();
    drop(event);
    assert_eq!(ring.times_entered(), entered);
    if !has_come {
        let event = ring.try_next_event().expect("asked").expect("it is over");
        assert_eq!(event.tag(), 1);
        drop(event);
        assert_eq!(ring.times_entered(), entered + 1);
    }
    assert!(ring.ready_event().is_none());
}

#[test]
fn completions_are_counted() {
    let mut ring = ring();
    let nops = [(); 5].map(|()| ring.push(op::Nop::new()).expect("room"));
    assert_eq!(ring.submit_and_wait(5).expect("waited"), 5);
    assert!(nops.iter().all(safe::uring::Ticket::is_done));
    // No more than come.
    let one = ring.push(op::Nop::new()).expect("room");
    assert_eq!(
        ring.wait_for(&Wait::new(3).timeout(SHORT)).expect("waited"),
        1
    );
    assert!(one.is_done());
    assert_eq!(ring.submit_and_wait(0).expect("nothing to wait for"), 0);
    for nop in nops {
        ring.wait(nop).expect("waited").expect("a NOP");
    }
}

#[test]
fn part_of_a_batch_is_enough_after_a_time() {
    let mut ring = ring();
    let soon = ring.push(op::Timeout::after(SHORT)).expect("room");
    let never = ring.push(op::Timeout::after(LONG)).expect("room");
    let wait = Wait::new(2).batch(2 * SHORT).timeout(LONG);
    let Some(count) = here("a wait for part of a batch", (6, 12), ring.wait_for(&wait)) else {
        return;
    };
    assert_eq!(count, 1);
    assert!(soon.is_done() && !never.is_done());
}

#[test]
fn whichever_is_first_is_named() {
    let mut ring = ring();
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let reader = Rc::new(reader);
    let slow = ring.push(op::Timeout::after(LONG)).expect("room");
    let read = op::Read::new(Rc::clone(&reader), Vec::with_capacity(1));
    let read = ring.push(read).expect("room");
    let times = op::TimeoutMultishot::every(SHORT).times(2);
    let mut times = ring.push_multishot(times).expect("room");
    assert_eq!(ring.wait_any(&[&slow, &read, &times]).expect("waited"), 2);
    while let Some(item) = ring.next(&mut times).expect("waited") {
        here("a multishot timeout", (6, 4), item);
    }
    writer.write_all(b"x").expect("written");
    assert_eq!(ring.wait_any(&[&slow, &read]).expect("waited"), 1);
    assert_eq!(ring.wait_any(&[&slow, &read]).expect("again"), 1);
    assert_eq!(ring.wait(read).expect("waited").buf, b"x");
    let error = ring.wait_any(&[]).expect_err("for nothing");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn scopes_wait_as_rings_do() {
    let mut ring = ring();
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let mut buf = [0; 4];
    ring.scope(|scope| {
        let read = scope
            .push(op::Read::new(&reader, &mut buf[..]))
            .expect("room");
        let nop = scope.push(op::Nop::new()).expect("room");
        assert_eq!(scope.submit_and_wait(1).expect("waited"), 1);
        assert_eq!(scope.wait_any(&[&read, &nop]).expect("waited"), 1);
        assert_eq!(
            scope
                .wait_for(&Wait::new(1).timeout(SHORT))
                .expect("waited"),
            0
        );
        let read = scope
            .wait_timeout(read, SHORT)
            .expect("waited")
            .expect_err("no data");
        writer.write_all(b"data").expect("written");
        let done = scope
            .wait_timeout(read, LONG)
            .expect("waited")
            .expect("it is over");
        assert_eq!(done.result.expect("read"), 4);
    });
    assert_eq!(&buf, b"data");
}

#[test]
#[should_panic = "another ring's"]
fn another_rings_ticket_is_refused() {
    let mut one = ring();
    let mut other = ring();
    let ticket = one.push(op::Nop::new()).expect("room");
    let _ = other.wait_timeout(ticket, SHORT);
}

#[test]
#[should_panic = "another ring's"]
fn another_rings_chain_is_refused() {
    let mut one = ring();
    let mut other = ring();
    let chain = op::link(op::Nop::new(), op::Nop::new());
    let tickets = one.push_chain(chain).expect("room");
    let _ = other.wait_chain(tickets);
}

#[test]
fn sets_of_signals() {
    let set = SignalSet::empty().with(libc::SIGUSR1).expect("a signal");
    assert!(set.has(libc::SIGUSR1) && !set.has(libc::SIGUSR2));
    assert_eq!(format!("{set:?}"), format!("{{{}}}", libc::SIGUSR1));
    let all = SignalSet::full().without(libc::SIGUSR1).expect("a signal");
    assert!(!all.has(libc::SIGUSR1) && all.has(libc::SIGUSR2));
    let error = SignalSet::empty().with(1000).expect_err("no signal");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

/// Whether a descriptor is readable now.
fn readable(fd: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut fds, Some(&now)).expect("polled") == 1
}

#[test]
fn a_ring_is_readable_when_completions_are_there() {
    let mut ring = ring();
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let read = ring.push(op::Read::new(reader, vec![0; 4])).expect("room");
    ring.submit().expect("submitted");
    assert!(!readable(&ring));
    writer.write_all(b"data").expect("written");
    assert!(readable(&ring));
    assert_eq!(ring.poll().expect("polled"), 1);
    assert!(!readable(&ring));
    assert_eq!(ring.wait(read).expect("waited").buf, b"data");
}

#[test]
fn an_eventfd_tells_of_completions() {
    let mut ring = ring();
    let event = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
    ring.set_eventfd(&event).expect("registered");
    let error = ring.set_eventfd(&event).expect_err("twice");
    assert_eq!(error.raw_os_error(), Some(libc::EBUSY));
    assert!(!readable(&event));
    let nop = ring.push(op::Nop::new()).expect("room");
    ring.submit().expect("submitted");
    assert!(readable(&event));
    let mut file = std::fs::File::from(event);
    let mut count = [0; 8];
    file.read_exact(&mut count).expect("read");
    assert!(u64::from_ne_bytes(count) >= 1);
    ring.wait(nop).expect("waited").expect("a NOP");
    ring.clear_eventfd().expect("unregistered");
    let error = ring.clear_eventfd().expect_err("twice");
    assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
    let error = ring.set_eventfd(io::stdin()).expect_err("no eventfd");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}
