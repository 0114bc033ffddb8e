//! The context without `unsafe`, against the running kernel.

#![cfg(feature = "aio")]
#![forbid(unsafe_code)]

#[path = "support/panics.rs"]
mod panics;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use safe::aio::{
    Cancel, Context, EventFd, IoPrio, PollFlags, Reason, RwFlags, Signals, Submitted, op,
};

use panics::Panics;

fn context() -> Context {
    Context::new(8).expect("a context")
}

fn file(content: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(content).expect("written");
    Arc::new(file)
}

fn content(file: &Arc<File>) -> Vec<u8> {
    let done = run(op::Read::new(file.clone(), Vec::with_capacity(4096)));
    assert_eq!(done.result, Ok(done.buf.len()));
    done.buf
}

fn context_push<O: op::Operation + 'static>(
    context: &mut Context,
    operation: O,
) -> safe::aio::Ticket<O> {
    context.push(operation).expect("room")
}

/// What the operation gives.
fn run<O: op::Operation + 'static>(operation: O) -> O::Output {
    let mut context = context();
    let ticket = context_push(&mut context, operation);
    context.wait(ticket).expect("over")
}

/// Both ends of a connection that does not block.
fn pair() -> (UnixStream, UnixStream) {
    let (one, two) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    (one, two)
}

#[test]
fn operations_give_back_what_they_owned() {
    let file = file(b"0123456789");
    let done = run(op::Read::new(file.clone(), vec![0; 4]).at(3));
    assert_eq!((done.result, &done.buf[..]), (Ok(4), &b"3456"[..]));
    let done = run(op::Write::new(done.file, "abc").at(1));
    assert_eq!((done.result, done.buf), (Ok(3), "abc"));
    let done = run(op::Readv::new(
        file.clone(),
        [vec![0; 2], Vec::with_capacity(3), Vec::with_capacity(99)],
    ));
    assert_eq!(done.result, Ok(10));
    assert_eq!(done.buf, [&b"0a"[..], b"bc4", b"56789"]);
    let done = run(op::Writev::new(file.clone(), ["x", "yz"]).at(9));
    assert_eq!((done.result, done.buf), (Ok(3), ["x", "yz"]));
    assert_eq!(run(op::Fsync::new(done.file)).result, Ok(()));
    assert_eq!(run(op::Fdsync::new(file.clone())).result, Ok(()));
    assert_eq!(content(&file), b"0abc45678xyz");
    // At the end.
    assert_eq!(run(op::Read::new(file, vec![0; 4]).at(12)).result, Ok(0));
}

#[test]
fn many_buffers_lie_in_a_box() {
    let file = file(&[7; 100]);
    let done = run(op::Readv::new(
        file,
        [const { Vec::new() }; 64].map(|_: Vec<u8>| vec![0]),
    ));
    assert_eq!(done.result, Ok(64));
    assert!(done.buf.iter().all(|buf| buf == &[7]));
}

#[test]
fn flags_and_priorities_reach_the_kernel() {
    let file = file(b"0123");
    let write = || op::Write::new(file.clone(), "ab");
    assert_eq!(run(write().flags(RwFlags::APPEND)).result, Ok(2));
    assert_eq!(run(write().flags(RwFlags::DSYNC)).result, Ok(2));
    assert_eq!(content(&file), b"ab23ab");
    let lowest = IoPrio::best_effort(7);
    assert_eq!(run(write().priority(lowest)).result, Ok(2));
    let unknown = RwFlags::from_bits_retain(1 << 30);
    let error = run(write().flags(unknown)).result.unwrap_err();
    assert!(error.is_refused());
    assert_eq!(error.raw_os_error(), libc::EOPNOTSUPP);
}

#[test]
fn what_is_refused_comes_back_and_the_rest_goes_on() {
    let good = file(b"good");
    let bad = Arc::new(File::options().write(true).open("/dev/null").unwrap());
    let mut context = context();
    let reads = [&good, &bad, &bad, &good, &bad]
        .map(|file| context_push(&mut context, op::Read::new(file.clone(), vec![1; 4])));
    assert_eq!(context.queued(), 5);
    let submitted = context.submit().unwrap();
    let expected = Submitted {
        accepted: 2,
        refused: 3,
        queued: 0,
    };
    assert_eq!(submitted, expected);
    let refused: Vec<_> = reads
        .into_iter()
        .map(|ticket| {
            let done = context.wait(ticket).unwrap();
            assert_eq!(done.buf.len(), 4);
            match done.result {
                Ok(bytes) => assert_eq!((bytes, &done.buf[..]), (4, &b"good"[..])),
                Err(error) => {
                    assert_eq!(error.raw_os_error(), libc::EBADF);
                    assert_eq!(
                        error.to_string(),
                        "PREAD refused: Bad file descriptor (os error 9)"
                    );
                    assert!(Arc::ptr_eq(&done.file, &bad));
                }
            }
            done.result.is_err()
        })
        .collect();
    assert_eq!(refused, [false, true, true, false, true]);
    assert!(context.is_empty());
}

#[test]
fn an_error_of_the_event_is_no_refusal() {
    let (reader, _writer) = pair();
    let error = run(op::Read::new(reader, vec![0; 1])).result.unwrap_err();
    assert_eq!(
        (error.raw_os_error(), error.is_refused()),
        (libc::EAGAIN, false)
    );
    let (reader, _writer) = pair();
    let read = op::Read::new(reader, vec![0; 1]).at(5);
    assert_eq!(run(read).result.unwrap_err().raw_os_error(), libc::ESPIPE);
    let beyond = op::Read::new(file(b""), vec![0; 1]).at(u64::MAX);
    assert_eq!(run(beyond).result.unwrap_err().raw_os_error(), libc::EINVAL);
}

#[test]
fn what_the_kernel_has_no_room_for_stays_queued() {
    // The kernel rounds one request up to less than three pages of them.
    let mut context = Context::builder().requests(1).build(4096).unwrap();
    let (ours, mut theirs) = pair();
    let ours = Arc::new(ours);
    let polls: Vec<_> = (0..4096)
        .map(|_| context_push(&mut context, op::Poll::new(ours.clone(), PollFlags::IN)))
        .collect();
    let rejected = context.push(op::Fsync::new(ours.clone())).unwrap_err();
    assert_eq!(rejected.reason(), Reason::Table);
    assert_eq!(io::Error::from(rejected).kind(), io::ErrorKind::WouldBlock);
    let first = context.submit().unwrap();
    assert!(first.accepted > 0 && first.queued > 0, "{first:?}");
    assert_eq!(first.accepted + first.queued, 4096);
    let none = Submitted {
        queued: first.queued,
        ..Submitted::default()
    };
    assert_eq!(context.submit().unwrap(), none);
    assert_eq!(context.queued(), first.queued);
    // Reaping makes room, and the rest follows.
    theirs.write_all(b"x").unwrap();
    for poll in polls {
        assert_eq!(context.wait(poll).unwrap().result, Ok(PollFlags::IN));
    }
    assert!(context.is_empty());
}

#[test]
fn a_poll_tells_what_was_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    let mut context = context();
    let mut poll = op::Poll::new(socket, PollFlags::IN);
    for round in 0..3 {
        let ticket = context_push(&mut context, poll);
        let _ = context.submit().unwrap();
        let ticket = context.try_wait(ticket).unwrap().expect_err("nothing came");
        peer.write_all(&[round]).unwrap();
        let mut polled = context.wait(ticket).unwrap();
        // The kernel's own answer has more bits.
        assert_eq!(polled.result, Ok(PollFlags::IN));
        let mut byte = [0];
        polled.file.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [round]);
        poll = polled.again();
    }
    // At once, and with what nobody asked for.
    drop(peer);
    let polled = run(poll);
    assert!(polled.result.unwrap().contains(PollFlags::IN));
    let (ours, theirs) = pair();
    drop(theirs);
    let polled = run(op::Poll::new(ours, PollFlags::empty()));
    assert_eq!(polled.result, Ok(PollFlags::HUP));
}

#[test]
fn a_file_that_cannot_be_polled_is_refused() {
    let polled = run(op::Poll::new(file(b""), PollFlags::PRI));
    let error = polled.result.unwrap_err();
    assert_eq!(
        (error.raw_os_error(), error.is_refused()),
        (libc::EINVAL, true)
    );
    assert!(error.to_string().contains("wait queue"), "{error}");
    let terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/ptmx")
        .unwrap();
    let error = run(op::Poll::new(terminal, PollFlags::PRI))
        .result
        .unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("wait queue"));
    // What is ready at once needs no queue.
    assert_eq!(
        run(op::Poll::new(file(b""), PollFlags::IN)).result,
        Ok(PollFlags::IN)
    );
}

#[test]
fn polls_can_be_cancelled() {
    let (ours, mut theirs) = pair();
    let ours = Arc::new(ours);
    let poll = || op::Poll::new(ours.clone(), PollFlags::IN);
    let mut context = context();
    let (in_flight, queued) = (context_push(&mut context, poll()), poll());
    let _ = context.submit().unwrap();
    let queued = context_push(&mut context, queued);
    let tokens = [in_flight.token(), queued.token()];
    assert_eq!(context.cancel(tokens[0]).unwrap(), Cancel::ResultFollows);
    assert_eq!(context.cancel(tokens[0]).unwrap(), Cancel::TooLate);
    assert_eq!(context.cancel(tokens[1]).unwrap(), Cancel::Withdrawn);
    assert_eq!(context.cancel(tokens[1]).unwrap(), Cancel::TooLate);
    for ticket in [in_flight, queued] {
        let error = context.wait(ticket).unwrap().result.unwrap_err();
        assert!(error.is_cancelled() && !error.is_refused());
    }
    // One that is ready, reaped or not, and one that was taken.
    theirs.write_all(b"x").unwrap();
    let ready = context_push(&mut context, poll());
    let _ = context.submit().unwrap();
    let token = ready.token();
    assert_eq!(context.cancel(token).unwrap(), Cancel::TooLate);
    assert_eq!(context.wait(ready).unwrap().result, Ok(PollFlags::IN));
    assert_eq!(context.cancel(token).unwrap(), Cancel::TooLate);
    // The next operation in that place is another.
    let next = context_push(&mut context, op::Poll::new(ours.clone(), PollFlags::PRI));
    assert_eq!(context.cancel(token).unwrap(), Cancel::TooLate);
    // Tagged ones as well.
    drop(next);
    let token = context
        .push_tagged(op::Poll::new(ours, PollFlags::PRI), 5)
        .unwrap();
    let _ = context.submit().unwrap();
    assert_eq!(context.cancel(token).unwrap(), Cancel::ResultFollows);
    let event = context.next_event().unwrap();
    assert_eq!(event.tag(), 5);
    let polled = event.take::<op::Poll<Arc<UnixStream>>>().unwrap();
    assert!(polled.result.unwrap_err().is_cancelled());
    assert!(context.is_empty());
}

#[test]
fn dropping_a_ticket_ends_what_can_be_ended() {
    let (ours, mut theirs) = pair();
    let ours = Arc::new(ours);
    let poll = || op::Poll::new(ours.clone(), PollFlags::IN);
    let mut context = context();
    let in_flight = context_push(&mut context, poll());
    let detached = context_push(&mut context, poll());
    let _ = context.submit().unwrap();
    let queued = context_push(&mut context, poll());
    drop((in_flight, queued));
    detached.detach();
    assert_eq!(context.queued(), 1);
    let none = context.submit().unwrap();
    assert_eq!((none, context.queued()), (Submitted::default(), 0));
    while context.len() > 1 {
        context.wait_for(1, None, None).unwrap();
    }
    assert_eq!(Arc::strong_count(&ours), 2, "the detached poll has one");
    theirs.write_all(b"x").unwrap();
    assert_eq!(context.wait_for(1, None, None).unwrap(), 1);
    assert_eq!((context.len(), Arc::strong_count(&ours)), (0, 1));
    // Of an operation that is over, the result is dropped.
    let over = context_push(&mut context, poll());
    assert_eq!(context.wait_for(1, None, None).unwrap(), 1);
    assert!(over.is_done());
    drop(over);
    assert_eq!((context.len(), Arc::strong_count(&ours)), (0, 1));
}

#[test]
fn waits_end_when_they_should() {
    let (ours, mut theirs) = pair();
    let ours = Arc::new(ours);
    let mut context = context();
    let poll =
        |context: &mut Context| context_push(context, op::Poll::new(ours.clone(), PollFlags::IN));
    // Nothing in flight: nothing to wait for.
    assert_eq!(context.wait_for(3, None, None).unwrap(), 0);
    let nothing = context.next_event().unwrap_err();
    assert_eq!(nothing.raw_os_error(), Some(libc::EDEADLK));
    let tickets = [poll(&mut context), poll(&mut context)];
    let begun = Instant::now();
    let short = Some(Duration::from_millis(20));
    assert_eq!(context.wait_for(1, short, None).unwrap(), 0);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert_eq!(context.wait_for(1, Some(Duration::ZERO), None).unwrap(), 0);
    theirs.write_all(b"x").unwrap();
    // More than there are, and longer than there is time.
    let blocked = Signals::all();
    let came = context.wait_for(99, Some(Duration::MAX), Some(&blocked));
    assert_eq!(came.unwrap(), 2);
    assert!(tickets.iter().all(safe::aio::Ticket::is_done));
    // Results that were there before do not count.
    assert_eq!(context.wait_for(1, None, None).unwrap(), 0);
    for ticket in tickets {
        assert!(context.wait(ticket).unwrap().result.is_ok());
    }
    // More than are taken at once.
    let mut context = Context::new(500).unwrap();
    let tickets: Vec<_> = (0..500).map(|_| poll(&mut context)).collect();
    assert_eq!(context.wait_for(500, None, None).unwrap(), 500);
    drop(tickets);
    assert!(context.is_empty());
}

#[test]
fn eventfds_count_what_is_over() {
    let eventfd = EventFd::new().unwrap();
    let file = file(b"0123");
    let refused = Arc::new(File::options().write(true).open("/dev/null").unwrap());
    let mut context = context();
    assert_eq!(eventfd.take().unwrap(), 0);
    for _ in 0..3 {
        context_push(
            &mut context,
            op::Read::new(file.clone(), vec![0; 4]).notify(&eventfd),
        )
        .detach();
    }
    context_push(&mut context, op::Fsync::new(file).notify(&eventfd)).detach();
    context_push(
        &mut context,
        op::Read::new(refused, vec![0; 4]).notify(&eventfd),
    )
    .detach();
    assert_eq!(context.wait_for(5, None, None).unwrap(), 5);
    assert_eq!((eventfd.take().unwrap(), eventfd.take().unwrap()), (4, 0));
    // It can be polled itself.
    let poll = op::Poll::new(eventfd.clone(), PollFlags::IN).notify(&eventfd);
    let ticket = context_push(&mut context, poll);
    let _ = context.submit().unwrap();
    assert!(context.try_wait(ticket).unwrap().is_err());
}

#[test]
fn events_come_with_their_tags_and_types() {
    type Read = op::Read<Arc<File>, Vec<u8>>;
    let file = file(b"0123456789");
    let mut context = context();
    for tag in 0..5 {
        let read = op::Read::new(file.clone(), vec![0; 1]).at(tag);
        context.push_tagged(read, tag).unwrap();
    }
    assert!(context.try_next_event().unwrap().is_none());
    let write = op::Write::new(Arc::new(File::open("/dev/null").unwrap()), "x");
    context.push_tagged(write, 9).unwrap();
    // A refusal is an event; and comes first, since it was known first.
    let event = context.next_event().unwrap();
    assert_eq!(event.tag(), 9);
    let event = event.take::<Read>().expect_err("it is a write");
    let done = event.take::<op::Write<Arc<File>, &str>>().unwrap();
    assert!(done.result.unwrap_err().is_refused());
    for tag in 0..4 {
        let event = context.next_event().unwrap();
        assert_eq!(event.tag(), tag);
        let done = event.take::<Read>().unwrap();
        assert_eq!((done.result, done.buf[0]), (Ok(1), b'0' + tag as u8));
    }
    drop(context.try_next_event().unwrap().expect("one more"));
    assert!(context.is_empty());
    assert_eq!(Arc::strong_count(&file), 1);
}

#[test]
fn a_scope_borrows() {
    let file = tempfile::tempfile().unwrap();
    let mut context = context();
    let text = String::from("0123456789");
    let (mut head, mut tail) = ([0; 4], [0; 6]);
    let ready = context.scope(|scope| {
        let write = scope.push(op::Write::new(&file, &text[..])).unwrap();
        assert_eq!(scope.wait(write).unwrap().result, Ok(10));
        let one = scope.push(op::Read::new(&file, &mut head[..])).unwrap();
        let two = scope
            .push(op::Read::new(&file, &mut tail[..]).at(4))
            .unwrap();
        assert_eq!(scope.submit().unwrap().accepted, 2);
        assert_eq!(scope.poll().unwrap(), 2);
        drop(two);
        let done = one.is_done();
        std::mem::forget(one);
        done
    });
    assert!(ready && context.is_empty());
    assert_eq!((&head, &tail), (b"0123", b"456789"));
    // Polls that never come are cancelled, those that are queued never begin.
    let (ours, _theirs) = pair();
    context.scope(|scope| {
        let poll = scope.push(op::Poll::new(&ours, PollFlags::IN)).unwrap();
        let _ = scope.submit().unwrap();
        std::mem::forget(poll);
        std::mem::forget(scope.push(op::Poll::new(&ours, PollFlags::IN)).unwrap());
        let third = scope.push(op::Poll::new(&ours, PollFlags::IN)).unwrap();
        assert_eq!(scope.cancel(third.token()).unwrap(), Cancel::Withdrawn);
        assert!(
            scope
                .wait(third)
                .unwrap()
                .result
                .unwrap_err()
                .is_cancelled()
        );
    });
    assert!(context.is_empty());
}

#[test]
fn tickets_may_outlive_their_context() {
    let (ours, _theirs) = pair();
    let ours = Arc::new(ours);
    let mut context = context();
    let poll = || op::Poll::new(ours.clone(), PollFlags::IN);
    let (one, two) = (
        context_push(&mut context, poll()),
        context_push(&mut context, poll()),
    );
    let _ = context.submit().unwrap();
    let three = context_push(&mut context, poll());
    std::mem::forget(two);
    drop(context);
    assert!(one.is_done());
    assert_eq!(Arc::strong_count(&ours), 4);
    drop((one, three));
    // The forgotten one keeps its own.
    assert_eq!(Arc::strong_count(&ours), 2);
}

#[test]
#[should_panic(expected = "another context")]
fn a_ticket_is_good_for_its_context() {
    let (mut one, mut two) = (context(), context());
    let ticket = context_push(&mut one, op::Read::new(file(b"x"), vec![0; 1]));
    let _ = two.wait(ticket);
}

#[test]
fn limits_are_explained() {
    let error = Context::new(0).unwrap_err();
    assert_eq!(error.raw_os_error(), libc::EINVAL);
    let error = io::Error::from(Context::builder().requests(u32::MAX).build(1).unwrap_err());
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn sets_of_signals() {
    let set = Signals::none().with(libc::SIGUSR1).unwrap();
    assert!(set.has(libc::SIGUSR1) && !set.has(libc::SIGUSR2));
    assert_eq!(format!("{set:?}"), format!("{{{}}}", libc::SIGUSR1));
    assert!(
        !Signals::all()
            .without(libc::SIGUSR1)
            .unwrap()
            .has(libc::SIGUSR1)
    );
    assert!(Signals::none().with(9999).is_err());
}

/// More operations than any kernel takes are refused, however few requests are asked for.
#[test]
fn a_capacity_beyond_all_kernels_is_refused() {
    for capacity in [4_194_305, 1 << 31, u32::MAX] {
        let error = Context::builder().requests(1).build(capacity).unwrap_err();
        assert_eq!(error.raw_os_error(), libc::EINVAL);
    }
}

/// An eventfd hears of a poll that was cancelled in the kernel, and not of one that never got there.
#[test]
fn an_eventfd_counts_what_the_kernel_had() {
    let mut context = Context::new(4).unwrap();
    let eventfd = EventFd::new().unwrap();
    for (submitted, cancel, counted) in [
        (false, Cancel::Withdrawn, 0),
        (true, Cancel::ResultFollows, 1),
    ] {
        let (silent, _peer) = UnixStream::pair().unwrap();
        let poll = op::Poll::new(silent, PollFlags::IN).notify(&eventfd);
        let ticket = context.push(poll).unwrap();
        if submitted {
            assert_eq!(context.submit().unwrap().accepted, 1);
        }
        assert_eq!(context.cancel(ticket.token()).unwrap(), cancel);
        let done = context.wait(ticket).unwrap();
        assert!(done.result.is_err_and(|error| error.is_cancelled()));
        assert_eq!(eventfd.take().unwrap(), counted);
    }
}

/// The kernel never saw it: its place is lost with what it owned, and nothing else.
#[test]
fn a_panic_while_an_operation_is_pushed_loses_its_place_alone() {
    struct Panics;
    impl std::os::fd::AsFd for Panics {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            panic::resume_unwind(Box::new("a panic"));
        }
    }
    let mut context = Context::new(2).unwrap();
    let pushed = panic::catch_unwind(AssertUnwindSafe(|| {
        context.push(op::Read::new(Panics, vec![0; 4])).map(drop)
    }));
    assert!(pushed.is_err());
    assert_eq!((context.queued(), context.len()), (0, 0));
    let good = file(b"good");
    for _ in 0..4 {
        let read = context_push(&mut context, op::Read::new(good.clone(), vec![0; 4]));
        assert_eq!(context.wait(read).unwrap().buf, b"good");
    }
}

/// It comes out of a wait, with what was reaped together with it kept.
#[test]
fn a_panic_while_a_result_is_dropped_loses_nothing() {
    let good = file(b"good");
    let mut context = Context::new(4).unwrap();
    let panics = Panics(File::open("/dev/null").unwrap());
    let read = op::Read::new(panics, vec![0; 4]);
    context_push(&mut context, read).detach();
    let rest = [0; 3].map(|_| context_push(&mut context, op::Read::new(good.clone(), vec![0; 4])));
    let waited = panic::catch_unwind(AssertUnwindSafe(|| {
        context.wait_for(4, None, None).map(drop)
    }));
    assert!(waited.is_err());
    assert_eq!(context.len(), 3);
    for read in rest {
        assert_eq!(context.wait(read).unwrap().buf, b"good");
    }
    assert!(context.is_empty());
}
