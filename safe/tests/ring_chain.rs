//! Chains: links, hard links, drains, and timeouts of single operations.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod older;
}

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use safe::uring::op::{self, Expiry};
use safe::uring::{Reason, Ring};
use support::older::here;

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(1000);

fn ring(capacity: u32) -> Ring {
    Ring::new(capacity).expect("a ring")
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    file
}

#[test]
fn a_chain_is_carried_out_in_order() {
    let mut ring = ring(8);
    let file = Rc::new(file_of(b""));
    // Without links the kernel could carry them out in any order.
    let mut written = Vec::new();
    for round in 0..50u8 {
        let bytes = vec![round; 100];
        let write = op::Write::new(Rc::clone(&file), bytes.clone()).at(written.len() as u64);
        let read = op::Read::new(Rc::clone(&file), vec![0xff; 100]).at(written.len() as u64);
        let chain = op::link(op::offload(write), op::offload(read)).link(op::Nop::new());
        let tickets = ring.push_chain(chain).expect("room");
        let done = ring.wait_chain(tickets).expect("waited");
        assert!(done.fates.is_success());
        let ((write, read), nop) = done.outputs;
        assert_eq!(write.result.expect("written"), 100);
        assert_eq!(read.result.expect("read"), 100);
        assert_eq!(read.buf, bytes);
        nop.expect("a NOP");
        written.extend(bytes);
    }
    assert!(ring.is_empty());
}

#[test]
fn the_fates_tell_who_failed_and_who_was_cancelled() {
    let mut ring = ring(8);
    let closed = File::open("/proc/self/status").expect("open for reading alone");
    let chain = op::link(op::Nop::new(), op::Write::new(closed, vec![1; 8]))
        .link(op::Nop::new())
        .link(op::Nop::new());
    let tickets = ring.push_chain(chain).expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert_eq!(done.fates.failed(), Some(1));
    assert_eq!(done.fates.broken_at(), Some(1));
    assert_eq!(done.fates.cancelled().collect::<Vec<_>>(), [2, 3]);
    let (((first, write), third), fourth) = done.outputs;
    first.expect("a NOP");
    let error = write.result.expect_err("not open for writing");
    assert_eq!(error.raw_os_error(), libc::EBADF);
    assert_eq!(error.operation(), "WRITE");
    assert_eq!(write.buf, [1; 8], "what it owned comes back");
    assert!(third.expect_err("cancelled").is_cancelled());
    assert!(fourth.expect_err("cancelled").is_cancelled());
}

#[test]
fn a_short_read_breaks_a_chain() {
    let mut ring = ring(8);
    let read = op::Read::new(file_of(b"short"), vec![0; 100]).at(0);
    let tickets = ring
        .push_chain(op::link(read, op::Nop::new()))
        .expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert_eq!(done.fates.failed(), None);
    assert_eq!(done.fates.broken_at(), Some(0));
    assert!(!done.fates.is_success());
    assert_eq!(done.outputs.0.result.expect("read"), 5);
    assert!(done.outputs.1.expect_err("cancelled").is_cancelled());
}

#[test]
fn a_hard_link_goes_on() {
    let mut ring = ring(8);
    let ticket = ring.push(op::Inject::number(7)).expect("room");
    if here(
        "an injected result",
        (6, 10),
        ring.wait(ticket).expect("waited"),
    )
    .is_none()
    {
        return;
    }
    let read = op::Read::new(file_of(b"short"), vec![0; 100]).at(0);
    let chain = op::hard_link(read, op::Timeout::after(Duration::from_nanos(1)))
        .hard_link(op::Nop::new())
        .link(op::Inject::errno(5))
        .link(op::Nop::new());
    let tickets = ring.push_chain(chain).expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert_eq!(done.fates.failed(), Some(1), "a timeout counts as failed");
    let ((((read, timeout), third), fourth), fifth) = done.outputs;
    assert_eq!(read.result.expect("read"), 5);
    assert_eq!(timeout.expect("elapsed"), op::Elapsed::Time);
    third.expect("it was begun all the same");
    assert_eq!(fourth.expect_err("injected").raw_os_error(), 5);
    assert!(fifth.expect_err("cancelled").is_cancelled());
}

#[test]
fn members_have_tickets_of_their_own() {
    let mut ring = ring(8);
    let (reader, writer) = UnixStream::pair().expect("a pipe");
    let write = op::Write::new(writer, b"by link".to_vec());
    let (read, then) = ring
        .push_chain(op::link(
            op::Read::new(reader, Vec::with_capacity(7)),
            write,
        ))
        .map_err(drop)
        .expect("room");
    ring.submit().expect("submitted");
    ring.poll().expect("polled");
    assert!(!read.is_done() && !then.is_done(), "the pipe is empty");
    // Cancelling the first by dropping its ticket cancels the second.
    drop(read);
    let then = ring.wait(then).expect("waited");
    assert!(then.result.expect_err("cancelled").is_cancelled());
    assert_eq!(then.buf, b"by link");
}

#[test]
fn a_chain_that_does_not_fit_comes_back_whole() {
    // No room in the table.
    let mut small = ring(2);
    let chain = || {
        op::link(op::Write::new(file_of(b""), vec![7; 10]), op::Nop::new())
            .link(op::Read::new(file_of(b"x"), vec![0; 3]))
    };
    let back = small.push_chain(chain()).expect_err("three in two");
    assert_eq!(back.reason(), Reason::Table);
    assert!(small.is_empty());
    // The slots are free again: two fit.
    let chain = op::link(op::Nop::new(), op::Nop::new());
    let tickets = small.push_chain(chain).expect("room");
    assert!(
        small
            .wait_chain(tickets)
            .expect("waited")
            .fates
            .is_success()
    );

    // No room in the queue.
    let mut ring: Ring = Ring::builder().queue(4).build(16).expect("a ring");
    let first = ring.push(op::Nop::new()).expect("room");
    let second = ring.push(op::Nop::new()).expect("room");
    let write = op::Write::new(file_of(b""), vec![7; 10]);
    let read = op::Read::new(file_of(b"x"), vec![0; 3]).at(0);
    let chain = op::link(write, op::Nop::new()).link(read);
    let back = ring.push_chain(chain).expect_err("three in two");
    assert_eq!(back.reason(), Reason::Queue);
    assert_eq!(ring.len(), 2);
    assert_eq!(ring.submit().expect("submitted"), 2, "nothing of the chain");
    // The same chain as it came back, now that there is room.
    let tickets = ring.push_chain(back.operation).expect("room");
    let ((write, nop), read) = ring.wait_chain(tickets).expect("waited").outputs;
    assert_eq!(write.result.expect("written"), 10);
    assert_eq!(write.buf, [7; 10]);
    nop.expect("a NOP");
    assert_eq!(read.result.expect("read"), 1);
    ring.wait(first).expect("waited").expect("a NOP");
    ring.wait(second).expect("waited").expect("a NOP");
    assert!(ring.is_empty());
}

/// Panics when it is asked for its descriptor the second time.
struct Bomb(File, Cell<bool>);

impl AsFd for Bomb {
    fn as_fd(&self) -> BorrowedFd<'_> {
        assert!(!self.1.get(), "boom");
        self.0.as_fd()
    }
}

#[test]
fn a_panic_within_a_chain_shows_the_kernel_nothing_of_it() {
    let mut ring = ring(8);
    let mut file = file_of(b"as it was");
    let write = op::Write::new(file.try_clone().expect("a clone"), b"changed".to_vec()).at(0);
    let bomb = Bomb(file_of(b""), Cell::new(true));
    let chain = op::link(write, op::Read::new(bomb, vec![0; 8]));
    let caught = catch_unwind(AssertUnwindSafe(|| ring.push_chain(chain).map(drop)));
    assert!(caught.is_err());
    // Nothing of it is left in the ring either.
    assert!(ring.is_empty());
    let nops = [(); 8].map(|()| ring.push(op::Nop::new()).expect("room"));
    for nop in nops {
        ring.wait(nop).expect("waited").expect("a NOP");
    }
    // What is pushed next is not linked to anything.
    let ticket = ring.push(op::Nop::new()).expect("room");
    assert_eq!(ring.submit().expect("submitted"), 1);
    ring.wait(ticket).expect("waited").expect("a NOP");
    drop(ring);
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).expect("rewound");
    file.read_to_string(&mut text).expect("read");
    assert_eq!(text, "as it was");
}

#[test]
fn chains_borrow_in_a_scope() {
    let mut ring = ring(8);
    let file = file_of(b"");
    let text = *b"borrowed from the stack";
    let mut copy = [0; 23];
    ring.scope(|scope| {
        let write = op::Write::new(&file, &text[..]).at(0);
        let read = op::Read::new(&file, &mut copy[..]).at(0);
        let tickets = scope.push_chain(op::link(write, read)).expect("room");
        let done = scope.wait_chain(tickets).expect("waited");
        assert!(done.fates.is_success());
    });
    assert_eq!(copy, text);

    // Left in flight, they end with the scope.
    let (reader, _writer) = UnixStream::pair().expect("a pipe");
    let mut buf = [1; 16];
    ring.scope(|scope| {
        let read = op::Read::new(&reader, &mut buf[..]);
        let again = op::Read::new(&reader, vec![0; 8]);
        let (first, second) = scope.push_chain(op::link(read, again)).expect("room");
        scope.submit().expect("submitted");
        first.detach();
        std::mem::forget(second);
    });
    assert_eq!(buf, [1; 16]);
    assert!(ring.is_empty());
}

#[test]
fn a_timeout_cancels_what_takes_too_long() {
    let mut ring = ring(8);
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let read = op::Read::new(reader, Vec::with_capacity(8));
    let tickets = ring
        .push_chain(op::with_timeout(read, Duration::from_millis(1)))
        .expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    let (read, expiry) = done.outputs;
    assert_eq!(expiry.expect("an expiry"), Expiry::Fired);
    let error = read.result.expect_err("it took too long");
    assert!([libc::ECANCELED, libc::EINTR].contains(&error.raw_os_error()));

    // In time, with another operation behind it.
    writer.write_all(b"in time").expect("written");
    let read = op::Read::new(read.file, Vec::with_capacity(7));
    let chain = op::with_timeout(read, LONG).link(op::Nop::new());
    let tickets = ring.push_chain(chain).expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert!(done.fates.is_success());
    let ((read, expiry), nop) = done.outputs;
    assert_eq!(expiry.expect("an expiry"), Expiry::NotFired);
    assert_eq!(read.buf, b"in time");
    nop.expect("a NOP");
}

#[test]
fn a_timeout_in_a_chain_is_of_the_operation_before_it() {
    let mut ring = ring(8);
    let (reader, _writer) = UnixStream::pair().expect("a pipe");
    let chain = op::link(op::Nop::new(), op::Read::new(reader, vec![0; 8]))
        .link(op::LinkTimeout::at(
            op::Clock::Realtime,
            Duration::from_secs(1),
        ))
        .link(op::Nop::new());
    let tickets = ring.push_chain(chain).expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    let (((first, read), expiry), last) = done.outputs;
    first.expect("a NOP");
    assert!(read.result.is_err());
    assert_eq!(expiry.expect("an expiry"), Expiry::Fired);
    assert!(last.expect_err("cancelled").is_cancelled());
    assert_eq!(
        done.fates.broken_at(),
        Some(0),
        "the read was cancelled, by its timeout"
    );
    assert_eq!(done.fates.cancelled().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_lone_link_timeout_is_refused() {
    let mut ring = ring(8);
    let ticket = ring.push(op::LinkTimeout::after(LONG)).expect("room");
    let error = ring
        .wait(ticket)
        .expect("waited")
        .expect_err("no operation");
    assert_eq!(error.raw_os_error(), libc::EINVAL);
    assert_eq!(error.operation(), "LINK_TIMEOUT");

    // The second of two: the whole chain is.
    let chain = op::with_timeout(op::Nop::new(), LONG).link(op::LinkTimeout::after(LONG));
    let tickets = ring.push_chain(chain).expect("room");
    let done = ring.wait_chain(tickets).expect("waited");
    assert_eq!(done.fates.failed(), Some(2));
    assert_eq!(
        done.outputs.1.expect_err("no operation").raw_os_error(),
        libc::EINVAL
    );
}

#[test]
fn a_link_timeout_is_given_another_time() {
    let mut ring = ring(8);
    let (reader, _writer) = UnixStream::pair().expect("a pipe");
    let read = op::Read::new(reader, vec![0; 8]);
    let (read, timeout) = ring.push_chain(op::with_timeout(read, LONG)).expect("room");
    ring.submit().expect("submitted");
    let update = op::TimeoutUpdate::after(timeout.token(), Duration::from_nanos(1)).link();
    let update = ring.push(update).expect("room");
    ring.wait(update).expect("waited").expect("updated");
    let done = ring.wait_chain((read, timeout)).expect("waited");
    assert!(done.outputs.0.result.is_err());
    assert_eq!(done.outputs.1.expect("an expiry"), Expiry::Fired);
}

#[test]
fn a_drained_chain_waits_for_all_before_it() {
    let mut ring = ring(16);
    let (reader, mut writer) = UnixStream::pair().expect("a pipe");
    let read = ring.push(op::Read::new(reader, vec![0; 5])).expect("room");
    let chain = op::drain(op::link(op::Nop::new(), op::Nop::new()));
    let tickets = ring.push_chain(chain).expect("room");
    let after = ring.push(op::Nop::new()).expect("room");
    ring.submit().expect("submitted");
    ring.poll().expect("polled");
    assert!(!read.is_done());
    assert!(!tickets.0.is_done() && !tickets.1.is_done() && !after.is_done());
    writer.write_all(b"begin").expect("written");
    let done = ring.wait_chain(tickets).expect("waited");
    assert!(done.fates.is_success());
    assert!(read.is_done());
    assert_eq!(ring.wait(read).expect("waited").buf, b"begin");
    ring.wait(after).expect("waited").expect("a NOP");
}

/// A cancellation that is queued would wait behind the drained operation, which waits for what is cancelled.
#[test]
fn drained_operations_do_not_hold_up_the_end() {
    let (reader, _writer) = UnixStream::pair().expect("a pipe");
    let reader = Rc::new(reader);
    // The ring is dropped.
    let mut dropped = ring(8);
    let read = op::Read::new(Rc::clone(&reader), vec![0; 5]);
    let read = dropped.push(read).expect("room");
    let tickets = dropped
        .push_chain(op::drain(op::link(op::Nop::new(), op::Nop::new())))
        .expect("room");
    dropped.submit().expect("submitted");
    drop(dropped);
    assert_eq!(Rc::strong_count(&reader), 2, "the ticket keeps the result");
    drop((read, tickets));
    assert_eq!(Rc::strong_count(&reader), 1);

    // A ticket is dropped, before anything was submitted and after.
    let mut ring = ring(8);
    for submitted in [false, true] {
        let read = op::Read::new(Rc::clone(&reader), vec![0; 5]);
        let read = ring.push(read).expect("room");
        let drained = ring.push_chain(op::drain(op::Nop::new())).expect("room");
        if submitted {
            ring.submit().expect("submitted");
        }
        drop(read);
        ring.wait(drained).expect("waited").expect("a NOP");
        assert_eq!(Rc::strong_count(&reader), 1);
    }

    // A scope ends.
    let mut buf = [0; 8];
    ring.scope(|scope| {
        let read = scope
            .push(op::Read::new(&*reader, &mut buf[..]))
            .expect("room");
        let drained = scope.push_chain(op::drain(op::Nop::new())).expect("room");
        scope.submit().expect("submitted");
        std::mem::forget((read, drained));
    });
    assert!(ring.is_empty());
}

/// Nobody can tell whether a close that is cancelled has begun, so the number is given out instead of closed.
#[test]
fn a_cancelled_close_leaves_the_descriptor_and_says_which() {
    let mut ring = Ring::new(8).expect("a ring");
    let read = op::Read::new(std::fs::File::open("/").expect("opened"), vec![0; 1]).at(0);
    let file = std::fs::File::open("/proc/self/exe").expect("opened");
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let tickets = ring
        .push_chain(op::link(read, op::Close::new(file)))
        .expect("room");
    let (read, closed) = ring.wait_chain(tickets).expect("over").outputs;
    assert_eq!(
        read.result.map_err(|error| error.raw_os_error()),
        Err(libc::EISDIR)
    );
    let unclosed = closed.expect_err("cancelled");
    assert!(unclosed.error.is_cancelled());
    assert_eq!(unclosed.descriptor, Some(number));
    let link = std::fs::read_link(format!("/proc/self/fd/{number}")).expect("open");
    assert_eq!(link, std::env::current_exe().expect("a name"));
}
