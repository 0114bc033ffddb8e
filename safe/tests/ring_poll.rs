//! Polls, timeouts, and cancelling.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod older;
}

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use safe::uring::op::{self, Cancelled, Clock, Elapsed};
use safe::uring::raw::types::PollFlags;
use safe::uring::{Ring, Token};
use support::older::{differs, here};

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(1000);

fn ring() -> Ring {
    Ring::new(16).expect("a ring")
}

/// The token of an operation that is over.
fn stale(ring: &mut Ring) -> Token {
    let ticket = ring.push(op::Nop::new()).expect("room");
    let token = ticket.token();
    ring.wait(ticket).expect("waited").expect("a NOP");
    token
}

#[test]
fn a_poll_tells_what_a_file_is_ready_for() {
    let mut ring = ring();
    let (near, mut far) = UnixStream::pair().expect("a pair");
    let poll = op::Poll::new(near, PollFlags::IN | PollFlags::RDHUP);
    let ticket = ring.push(poll).expect("room");
    ring.submit().expect("submitted");
    ring.poll().expect("polled");
    assert!(!ticket.is_done());
    far.write_all(b"x").expect("written");
    let done = ring.wait(ticket).expect("waited");
    assert_eq!(done.result.expect("ready"), PollFlags::IN);

    // Hang-up comes unasked.
    let poll = op::Poll::new(done.file, PollFlags::PRI);
    let ticket = ring.push(poll).expect("room");
    drop(far);
    let events = ring.wait(ticket).expect("waited").result.expect("ready");
    assert!(events.contains(PollFlags::HUP));

    // A regular file is always ready.
    let file = File::open("/proc/self/exe").expect("open");
    let ticket = ring
        .push(op::Poll::new(file, PollFlags::OUT))
        .expect("room");
    let events = ring.wait(ticket).expect("waited").result.expect("ready");
    assert_eq!(events, PollFlags::OUT);
}

#[test]
fn a_multishot_poll_goes_on_until_it_is_cancelled() {
    let mut ring = ring();
    let (near, mut far) = UnixStream::pair().expect("a pair");
    let near = Rc::new(near);
    let poll = op::PollMultishot::new(Rc::clone(&near), PollFlags::IN);
    let mut stream = ring.push_multishot(poll).expect("room");
    ring.submit().expect("submitted");
    for _ in 0..10 {
        far.write_all(b"x").expect("written");
        let events = ring.next(&mut stream).expect("waited").expect("an item");
        assert!(events.expect("ready").contains(PollFlags::IN));
        let mut byte = [0];
        (&*near).read_exact(&mut byte).expect("read");
        assert_eq!(byte, *b"x");
        assert!(!stream.is_over());
    }
    let cancel = ring.push(op::Cancel::new(stream.token())).expect("room");
    let answer = ring.wait(cancel).expect("waited").expect("an answer");
    assert_eq!(answer, Cancelled::Cancelled);
    let last = ring.next(&mut stream).expect("waited").expect("an item");
    assert!(last.expect_err("cancelled").is_cancelled());
    assert!(ring.next(&mut stream).expect("waited").is_none());
    drop(stream.finish().expect("it is over"));
    assert_eq!(Rc::strong_count(&near), 1);
}

#[test]
fn a_poll_is_told_to_wait_for_something_else() {
    let mut ring = ring();
    let (near, mut far) = UnixStream::pair().expect("a pair");
    let near = Rc::new(near);
    let poll = op::Poll::new(Rc::clone(&near), PollFlags::IN);
    let ticket = ring.push(poll).expect("room");
    ring.submit().expect("submitted");
    let update = op::PollUpdate::new(ticket.token(), PollFlags::OUT);
    let update = ring.push(update).expect("room");
    ring.wait(update).expect("waited").expect("updated");
    let events = ring.wait(ticket).expect("waited").result.expect("ready");
    assert_eq!(events, PollFlags::OUT);

    // A multishot one stays one.
    let poll = op::PollMultishot::new(near, PollFlags::PRI);
    let mut stream = ring.push_multishot(poll).expect("room");
    ring.submit().expect("submitted");
    let update = op::PollUpdate::new(stream.token(), PollFlags::IN);
    let update = ring.push(update).expect("room");
    ring.wait(update).expect("waited").expect("updated");
    for _ in 0..3 {
        far.write_all(b"x").expect("written");
        let events = ring.next(&mut stream).expect("waited").expect("an item");
        assert!(events.expect("ready").contains(PollFlags::IN));
    }
    assert!(!stream.is_over());

    let token = stale(&mut ring);
    let update = ring
        .push(op::PollUpdate::new(token, PollFlags::IN))
        .expect("room");
    let error = ring
        .wait(update)
        .expect("waited")
        .expect_err("no such poll");
    assert_eq!(error.raw_os_error(), libc::ENOENT);
}

#[test]
fn timeouts_end_by_time_or_by_count() {
    let mut ring = ring();
    for clock in [Clock::Monotonic, Clock::Boottime, Clock::Realtime] {
        let soon = op::Timeout::after(Duration::from_micros(100)).clock(clock);
        let ticket = ring.push(soon).expect("room");
        let ended = ring.wait(ticket).expect("waited").expect("elapsed");
        assert_eq!(ended, Elapsed::Time);

        let begun = clock.now();
        let until = begun + Duration::from_millis(2);
        let ticket = ring.push(op::Timeout::at(clock, until)).expect("room");
        let ended = ring.wait(ticket).expect("waited").expect("elapsed");
        assert_eq!(ended, Elapsed::Time);
        // The wall clock may be set meanwhile.
        assert!(clock == Clock::Realtime || clock.now() >= until);

        let past = op::Timeout::at(clock, Duration::from_nanos(1));
        let ticket = ring.push(past).expect("room");
        let ended = ring.wait(ticket).expect("waited").expect("elapsed");
        assert_eq!(ended, Elapsed::Time);
    }
    let counted = ring.push(op::Timeout::after(LONG).count(2)).expect("room");
    let nops = [op::Nop::new(), op::Nop::new()].map(|nop| ring.push(nop).expect("room"));
    let ended = ring.wait(counted).expect("waited").expect("counted");
    assert_eq!(ended, Elapsed::Count);
    for nop in nops {
        ring.wait(nop).expect("waited").expect("a NOP");
    }
}

#[test]
fn a_timeout_in_a_chain_breaks_it_unless_told_not_to() {
    let mut ring = ring();
    let soon = || op::Timeout::after(Duration::from_nanos(1));
    let tickets = ring
        .push_chain(op::link(soon(), op::Nop::new()))
        .expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert!(done.outputs.1.expect_err("cancelled").is_cancelled());
    let tickets = ring
        .push_chain(op::link(soon().success(), op::Nop::new()))
        .expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert_eq!(done.outputs.0.expect("elapsed"), Elapsed::Time);
    done.outputs.1.expect("a NOP");
}

#[test]
fn a_multishot_timeout_fires_as_often_as_told() {
    let mut ring = ring();
    let timeout = op::TimeoutMultishot::every(Duration::from_micros(100)).times(5);
    let mut stream = ring.push_multishot(timeout).expect("room");
    let mut fired = 0;
    while let Some(item) = ring.next(&mut stream).expect("waited") {
        if here("a multishot timeout", (6, 4), item).is_none() {
            return;
        }
        fired += 1;
    }
    assert_eq!(fired, 5);
    stream.finish().expect("it is over");

    let timeout = op::TimeoutMultishot::every(LONG).clock(Clock::Boottime);
    let mut stream = ring.push_multishot(timeout).expect("room");
    ring.submit().expect("submitted");
    let remove = ring
        .push(op::TimeoutRemove::new(stream.token()))
        .expect("room");
    ring.wait(remove).expect("waited").expect("removed");
    let last = ring.next(&mut stream).expect("waited").expect("an item");
    assert!(last.expect_err("removed").is_cancelled());
}

#[test]
fn timeouts_are_updated_and_removed() {
    let mut ring = ring();
    let timeout = ring.push(op::Timeout::after(LONG)).expect("room");
    let token = timeout.token();
    ring.submit().expect("submitted");
    let later = ring
        .push(op::TimeoutUpdate::after(token, 2 * LONG))
        .expect("room");
    ring.wait(later).expect("waited").expect("updated");
    assert!(!timeout.is_done());
    let past = op::TimeoutUpdate::at(token, Clock::Monotonic, Duration::from_nanos(1));
    let past = ring.push(past).expect("room");
    ring.wait(past).expect("waited").expect("updated");
    let ended = ring.wait(timeout).expect("waited").expect("elapsed");
    assert_eq!(ended, Elapsed::Time);

    let update = ring
        .push(op::TimeoutUpdate::after(token, LONG))
        .expect("room");
    let error = ring.wait(update).expect("waited").expect_err("it is over");
    assert_eq!(error.raw_os_error(), libc::ENOENT);

    let timeout = ring.push(op::Timeout::after(LONG)).expect("room");
    ring.submit().expect("submitted");
    let remove = ring
        .push(op::TimeoutRemove::new(timeout.token()))
        .expect("room");
    ring.wait(remove).expect("waited").expect("removed");
    let error = ring.wait(timeout).expect("waited").expect_err("removed");
    assert!(error.is_cancelled());
    let remove = ring.push(op::TimeoutRemove::new(token)).expect("room");
    let error = ring.wait(remove).expect("waited").expect_err("none");
    assert_eq!(error.raw_os_error(), libc::ENOENT);
}

#[test]
fn a_cancellation_tells_what_it_did() {
    let mut ring = ring();
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let read = ring.push(op::Read::new(reader, vec![0; 8])).expect("room");
    let token = read.token();
    ring.submit().expect("submitted");
    let cancel = ring.push(op::Cancel::new(token)).expect("room");
    let answer = ring.wait(cancel).expect("waited").expect("an answer");
    assert_eq!(answer, Cancelled::Cancelled);
    let done = ring.wait(read).expect("waited");
    assert!(done.result.expect_err("cancelled").is_cancelled());

    // Another operation has the slot now; the old name does not mean it.
    let next = ring
        .push(op::Read::new(done.file, vec![0; 4]))
        .expect("room");
    ring.submit().expect("submitted");
    let cancel = ring.push(op::Cancel::new(token)).expect("room");
    let answer = ring.wait(cancel).expect("waited").expect("an answer");
    assert_eq!(answer, Cancelled::NotFound);
    writer.write_all(b"goes").expect("written");
    assert_eq!(ring.wait(next).expect("waited").buf, b"goes");
}

/// A worker that is within a read of a regular file, or of a pipe without data, cannot always be stopped.
#[test]
fn what_a_worker_does_is_cancelled_or_running() {
    let mut ring = ring();
    for _ in 0..200 {
        let file = File::open("/proc/self/exe").expect("open");
        let read = op::offload(op::Read::new(file, vec![0; 64]).at(0));
        let read = ring.push(read).expect("room");
        let cancel = ring.push(op::Cancel::new(read.token())).expect("room");
        let answer = ring.wait(cancel).expect("waited").expect("an answer");
        let done = ring.wait(read).expect("waited");
        match (answer, done.result) {
            (Cancelled::Cancelled, Err(error)) => {
                assert!([libc::ECANCELED, libc::EINTR].contains(&error.raw_os_error()));
            }
            // A signal that came too late.
            (Cancelled::Cancelled | Cancelled::NotFound | Cancelled::Running, Ok(bytes)) => {
                assert_eq!(bytes, 64);
                assert_eq!(&done.buf[..4], b"\x7fELF");
            }
            (Cancelled::Running, Err(error)) => {
                assert!([libc::ECANCELED, libc::EINTR].contains(&error.raw_os_error()));
            }
            (Cancelled::NotFound, Err(error)) => panic!("{error}"),
        }
    }
}

#[test]
fn all_on_a_file_are_cancelled_and_no_others() {
    let mut ring = ring();
    let (one, _far) = UnixStream::pair().expect("a pair");
    let (other, mut far) = UnixStream::pair().expect("a pair");
    let one = Rc::new(one);
    let reads = [(); 3].map(|()| {
        let read = op::Read::new(Rc::clone(&one), vec![0; 8]);
        ring.push(read).expect("room")
    });
    let poll = op::Poll::new(Rc::clone(&one), PollFlags::IN);
    let poll = ring.push(poll).expect("room");
    let kept = ring.push(op::Read::new(other, vec![0; 4])).expect("room");
    ring.submit().expect("submitted");

    let polls =
        op::CancelAll::on(Rc::clone(&one)).opcode(<op::Poll<File> as op::Operation>::OPCODE);
    let cancel = ring.push(polls).expect("room");
    let count = ring.wait(cancel).expect("waited").result.expect("a count");
    // 6.1 takes the flag, and does not look at it.
    if count == 4 && differs("a cancellation by opcode", (6, 6)) {
        return;
    }
    assert_eq!(count, 1);
    let error = ring
        .wait(poll)
        .expect("waited")
        .result
        .expect_err("cancelled");
    assert!(error.is_cancelled());
    assert!(reads.iter().all(|read| !read.is_done()));

    let cancel = ring.push(op::CancelAll::on(Rc::clone(&one))).expect("room");
    assert_eq!(
        ring.wait(cancel).expect("waited").result.expect("a count"),
        3
    );
    for read in reads {
        let error = ring
            .wait(read)
            .expect("waited")
            .result
            .expect_err("cancelled");
        assert!(error.is_cancelled());
    }
    far.write_all(b"kept").expect("written");
    assert_eq!(ring.wait(kept).expect("waited").buf, b"kept");

    let cancel = ring.push(op::CancelAll::on(one)).expect("room");
    assert_eq!(
        ring.wait(cancel).expect("waited").result.expect("a count"),
        0
    );
}

#[test]
fn all_are_cancelled() {
    let mut ring = ring();
    let (reader, _writer) = UnixStream::pair().expect("a pipe");
    let read = ring.push(op::Read::new(reader, vec![0; 8])).expect("room");
    let timeout = ring.push(op::Timeout::after(LONG)).expect("room");
    ring.submit().expect("submitted");
    let cancel = ring.push(op::CancelAll::any()).expect("room");
    assert_eq!(
        ring.wait(cancel).expect("waited").result.expect("a count"),
        2
    );
    let error = ring
        .wait(read)
        .expect("waited")
        .result
        .expect_err("cancelled");
    assert!(error.is_cancelled());
    assert!(
        ring.wait(timeout)
            .expect("waited")
            .expect_err("cancelled")
            .is_cancelled()
    );
    assert!(ring.is_empty());
}

#[test]
fn results_are_injected() {
    let mut ring = ring();
    for late in [false, true] {
        let with = |inject: op::Inject| if late { inject.late() } else { inject };
        let ticket = ring.push(with(op::Inject::number(1234))).expect("room");
        let since = if late { (6, 17) } else { (6, 10) };
        let Some(number) = here(
            "an injected result",
            since,
            ring.wait(ticket).expect("waited"),
        ) else {
            return;
        };
        assert_eq!(number, 1234);
        let ticket = ring
            .push(with(op::Inject::errno(libc::EPIPE)))
            .expect("room");
        let error = ring.wait(ticket).expect("waited").expect_err("an errno");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
