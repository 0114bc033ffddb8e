//! Zero-copy receive without a device, against the kernel: all that has come is there, nothing of it is written while it
//! is lent, and all memory goes home, whatever is dropped or forgotten, and when.
//!
//! Registering a queue takes Linux 7.1 and `CAP_NET_ADMIN`: without, the tests are ignored, with the errno.

#![deny(unsafe_code)]

use std::io::{Read as _, Write as _};
use std::mem;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use safe::uring::op::{self, End, RecvZc};
use safe::uring::raw::cqueue::{Entry32, EntryMarker, EntryMixed};
use safe::uring::raw::squeue::Entry;
use safe::uring::{Chunk, Reason, RecvQueue, RecvQueueBuilder, Ring, SetupBuilder, Stream, Wait};

type Wide<C = Entry32> = Ring<Entry, C>;

/// The memory of most queues.
const AREA: usize = 64 << 12;
/// How long to wait for what must come. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a chunk takes of it, at least.
const PAGE: usize = 4096;

fn ring<C: EntryMarker>() -> Wide<C> {
    SetupBuilder::new().build(16).expect("a ring")
}

/// What byte is at this place of everything that is sent.
fn byte(at: usize) -> u8 {
    (at ^ at >> 8 ^ at >> 16) as u8
}

fn pattern(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(byte).collect()
}

fn check(bytes: &[u8], from: usize) {
    let right = bytes.iter().zip(from..).all(|(is, at)| *is == byte(at));
    assert!(right, "other bytes than sent, from {from} on");
}

/// Who sends, and who receives.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let from = TcpStream::connect(address).expect("a connection");
    from.set_nodelay(true).expect("set");
    (from, listener.accept().expect("a connection").0)
}

struct Receiver<C: EntryMarker = Entry32> {
    ring: Wide<C>,
    queue: RecvQueue,
    from: TcpStream,
    socket: Rc<TcpStream>,
}

impl<C: EntryMarker> Receiver<C> {
    fn new() -> Self {
        Self::with(RecvQueue::without_device(AREA))
    }

    fn with(builder: RecvQueueBuilder) -> Self {
        let mut ring = ring();
        let queue = builder.register(&mut ring).expect("a queue");
        let (from, socket) = pair();
        Self {
            ring,
            queue,
            from,
            socket: Rc::new(socket),
        }
    }

    fn start(&mut self) -> Stream<RecvZc<Rc<TcpStream>>> {
        let receive = RecvZc::new(Rc::clone(&self.socket), &self.queue);
        self.ring.push_multishot(receive).expect("room")
    }

    fn send(&mut self, from: usize, len: usize) {
        self.from.write_all(&pattern(from, len)).expect("sent");
    }

    /// The next chunk, or the errno of the end; 0 for an empty item.
    fn next(&mut self, stream: &mut Stream<RecvZc<Rc<TcpStream>>>) -> Result<Chunk, i32> {
        let item = self.ring.next(stream).expect("asked").expect("an item");
        match item {
            Ok(chunk) if chunk.is_empty() => Err(0),
            Ok(chunk) => Ok(chunk),
            Err(error) => Err(error.raw_os_error()),
        }
    }

    /// Receives `len` bytes, as they are at this place of what is sent, and gives them back.
    fn take(&mut self, stream: &mut Stream<RecvZc<Rc<TcpStream>>>, from: usize, len: usize) {
        let mut got = 0;
        while got < len {
            let chunk = self.next(stream).expect("it goes on");
            check(&chunk, from + got);
            got += chunk.len();
        }
        assert_eq!(got, len);
    }
}

/// One operation receives many times what there is of memory, because it goes home, and ends with the connection.
fn everything_arrives<C: EntryMarker>() {
    let mut receiver = Receiver::<C>::new();
    let mut stream = receiver.start();
    let len = 32 << 10;
    for from in (0..16 * AREA).step_by(len) {
        receiver.send(from, len);
        receiver.take(&mut stream, from, len);
    }
    assert_eq!(receiver.queue.lent(), 0);
    receiver.from.shutdown(Shutdown::Write).expect("the end");
    assert_eq!(receiver.next(&mut stream).map(drop), Err(0));
    let ended = stream.finish().expect("it is over");
    assert_eq!(ended.end, End::Finished);
}

/// With a length it ends when so much has come, and what is more stays in the socket.
fn so_much_and_no_more() {
    let mut receiver: Receiver = Receiver::new();
    receiver.send(0, 9000);
    let limited = RecvZc::new(Rc::clone(&receiver.socket), &receiver.queue).total(5000);
    let mut stream = receiver.ring.push_multishot(limited).expect("room");
    receiver.take(&mut stream, 0, 5000);
    assert_eq!(receiver.next(&mut stream).map(drop), Err(0));
    assert_eq!(stream.finish().expect("over").end, End::Stopped);
    let mut rest = vec![0; 4000];
    (&*receiver.socket).read_exact(&mut rest).expect("the rest");
    check(&rest, 5000);
}

/// When all memory is lent nothing is lost, and what is lent is not touched: each byte is looked at again and again. Once
/// chunks are dropped another operation goes on where the first one ended.
fn nothing_is_written_while_it_is_lent() {
    let mut receiver: Receiver = Receiver::new();
    let mut at = 0;
    let mut sent = 0;
    for round in 0..20 {
        let mut stream = receiver.start();
        let mut kept: Vec<(usize, Chunk)> = Vec::new();
        let errno = loop {
            if sent < at + 2 * PAGE {
                receiver.send(sent, PAGE);
                sent += PAGE;
            }
            match receiver.next(&mut stream) {
                Ok(chunk) => {
                    let from = at;
                    at += chunk.len();
                    kept.push((from, chunk));
                }
                Err(errno) => break errno,
            }
            for (from, chunk) in &kept {
                check(chunk, *from);
            }
        };
        assert_eq!(errno, libc::ENOMEM, "round {round}");
        assert_eq!(stream.finish().expect("over").end, End::NoBuffers);
        assert_eq!(receiver.queue.lent(), kept.len());
        assert!(kept.len() > AREA / PAGE / 2, "{} chunks", kept.len());
        // No two are of the same memory.
        let mut places: Vec<_> = kept.iter().map(|(_, chunk)| chunk.place()).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), kept.len());
        for (from, chunk) in &kept {
            check(chunk, *from);
        }
    }
    receiver.from.shutdown(Shutdown::Write).expect("the end");
    let mut stream = receiver.start();
    receiver.take(&mut stream, at, sent - at);
    assert_eq!(receiver.next(&mut stream).map(drop), Err(0));
}

/// The refill queue is smaller than what is lent: what it has no room for waits.
fn a_small_refill_queue_will_do() {
    let mut receiver = Receiver::<Entry32>::with(RecvQueue::without_device(AREA).entries(2));
    let mut at = 0;
    for _ in 0..20 {
        let mut stream = receiver.start();
        let mut kept = Vec::new();
        for _ in 0..40 {
            receiver.send(at, 100);
            let chunk = receiver.next(&mut stream).expect("a chunk");
            check(&chunk, at);
            at += chunk.len();
            kept.push(chunk);
        }
        drop(kept);
        assert_eq!(receiver.queue.lent(), 0);
    }
}

/// Chunks outlive stream, handles and ring, and stay as they are; the last one ends it all.
fn chunks_outlive_their_ring() {
    for round in 0..20 {
        let mut receiver: Receiver = Receiver::new();
        let mut stream = receiver.start();
        receiver.send(0, 20_000);
        let mut kept = Vec::new();
        let mut at = 0;
        while at < 20_000 {
            let chunk = receiver.next(&mut stream).expect("a chunk");
            let from = at;
            at += chunk.len();
            kept.push((from, chunk));
        }
        // More is on its way while everything ends.
        receiver.send(at, 10_000);
        let Receiver {
            ring, queue, from, ..
        } = receiver;
        match round % 3 {
            0 => drop((stream, queue, ring)),
            1 => drop((ring, queue, stream)),
            _ => {
                mem::forget(stream);
                drop((queue, ring));
            }
        }
        drop(from);
        // Other queues do not get the memory either.
        let mut other: Receiver = Receiver::new();
        let mut others = other.start();
        other.send(0, 50_000);
        other.take(&mut others, 0, 50_000);
        for (from, chunk) in &kept {
            check(chunk, *from);
        }
        while let Some((from, chunk)) = kept.pop() {
            check(&chunk, from);
            let last = chunk.to_vec();
            drop(chunk);
            check(&last, from);
        }
    }
}

/// What nobody takes goes home: items of a dropped stream, events.
fn what_nobody_takes_goes_home() {
    let mut receiver: Receiver = Receiver::new();
    let mut sent = 0;
    for round in 0..60 {
        let len = 10 * PAGE;
        match round % 3 {
            0 => {
                let stream = receiver.start();
                receiver.send(sent, len);
                receiver.ring.submit().expect("submitted");
                while !stream.has_items() {
                    receiver.ring.poll().expect("asked");
                }
                drop(stream);
            }
            1 => {
                receiver.send(sent, len);
                let receive = RecvZc::new(Rc::clone(&receiver.socket), &receiver.queue);
                receiver
                    .ring
                    .push_multishot_tagged(receive, 1)
                    .expect("room");
                let event = receiver.ring.next_event().expect("asked");
                let token = event.token();
                drop(event);
                let cancel = receiver.ring.push(op::Cancel::new(token)).expect("room");
                let _ = receiver.ring.wait(cancel).expect("asked");
                while receiver.ring.next_event().expect("asked").more() {}
            }
            _ => {
                receiver.send(sent, len);
                let stream = receiver.start();
                receiver.ring.submit().expect("submitted");
                drop(stream);
            }
        }
        sent += len;
        while !receiver.ring.is_empty() {
            let nop = receiver.ring.push(op::Nop::new()).expect("room");
            receiver
                .ring
                .wait(nop)
                .expect("asked")
                .expect("nothing fails");
        }
        assert_eq!(receiver.queue.lent(), 0, "round {round}");
        // What was not received is read as ever.
        receiver.socket.set_nonblocking(true).expect("set");
        while (&*receiver.socket)
            .read(&mut [0; 1 << 16])
            .is_ok_and(|got| got > 0)
        {}
        receiver.socket.set_nonblocking(false).expect("set");
    }
    // All of the memory is there.
    let mut stream = receiver.start();
    for from in (sent..sent + AREA / 2).step_by(PAGE) {
        receiver.send(from, PAGE);
        receiver.take(&mut stream, from, PAGE);
    }
}

/// A forgotten chunk is lost alone.
fn a_forgotten_chunk_is_lost_alone() {
    let mut receiver: Receiver = Receiver::new();
    let mut stream = receiver.start();
    for round in 0..8 {
        receiver.send(round * 1000, 1000);
        let mut got = 0;
        while got < 1000 {
            let chunk = receiver.next(&mut stream).expect("a chunk");
            check(&chunk, round * 1000 + got);
            got += chunk.len();
            mem::forget(chunk);
        }
    }
    for from in (8000..8000 + 8 * AREA).step_by(PAGE) {
        receiver.send(from, PAGE);
        receiver.take(&mut stream, from, PAGE);
    }
}

/// The completion queue is far too small for what comes, and nothing is lost.
fn an_overflowing_queue_loses_nothing() {
    let mut ring: Wide = SetupBuilder::new()
        .queue(2)
        .completions(4)
        .build(2)
        .expect("a ring");
    let queue = RecvQueue::without_device(AREA)
        .register(&mut ring)
        .expect("a queue");
    let (mut from, socket) = pair();
    let socket = Rc::new(socket);
    let total = 12 * PAGE;
    from.write_all(&pattern(0, total)).expect("it fits");
    let (mut at, mut ends) = (0, 0);
    while at < total {
        let receive = RecvZc::new(Rc::clone(&socket), &queue);
        let mut stream = ring.push_multishot(receive).expect("room");
        while at < total && (stream.has_items() || !stream.is_over()) {
            match ring.try_next(&mut stream).expect("asked") {
                Some(Ok(chunk)) => {
                    check(&chunk, at);
                    at += chunk.len();
                }
                Some(Err(error)) => assert_eq!(error.raw_os_error(), libc::ENOSPC),
                None => {
                    let wait = Wait::new(1).timeout(PATIENCE);
                    let came = ring.wait_for(&wait).expect("waited");
                    assert!(came > 0, "it stalls at {at} of {total}, after {ends} ends");
                }
            }
        }
        if let Ok(ended) = stream.finish() {
            assert_eq!(ended.end, End::Stopped);
            ends += 1;
        }
    }
    assert_eq!(at, total);
    assert!(ends > 0, "the queue has not overflowed");
}

/// A chunk is a buffer: what was received is sent on from where it lies.
fn a_chunk_is_sent_on() {
    let mut receiver: Receiver = Receiver::new();
    let mut stream = receiver.start();
    let (onward, mut end) = pair();
    let onward = Rc::new(onward);
    for from in (0..4 * AREA).step_by(5000) {
        receiver.send(from, 5000);
        let mut got = 0;
        while got < 5000 {
            let chunk = receiver.next(&mut stream).expect("a chunk");
            let send = op::Send::new(Rc::clone(&onward), chunk)
                .flags(safe::uring::raw::types::MsgFlags::WAITALL);
            let ticket = receiver.ring.push(send).expect("room");
            let sent = receiver.ring.wait(ticket).expect("asked");
            got += sent.result.expect("sent");
        }
        let mut bytes = vec![0; 5000];
        end.read_exact(&mut bytes).expect("received");
        check(&bytes, from);
    }
}

/// Several connections share a queue.
fn connections_share_the_memory() {
    let mut receiver: Receiver = Receiver::new();
    let mut others: Vec<_> = (0..4)
        .map(|_| {
            let (from, socket) = pair();
            let receive = RecvZc::new(socket, &receiver.queue);
            (
                from,
                receiver.ring.push_multishot(receive).expect("room"),
                0,
            )
        })
        .collect();
    for round in 0..100 {
        for (number, (from, ..)) in others.iter_mut().enumerate() {
            let len = 100 + 37 * number;
            from.write_all(&pattern(round * len, len)).expect("sent");
        }
        for (number, (_, stream, at)) in others.iter_mut().enumerate() {
            let len = 100 + 37 * number;
            while *at < (round + 1) * len {
                let item = receiver.ring.next(stream).expect("asked");
                let chunk = item.expect("it goes on").expect("a chunk");
                check(&chunk, *at);
                *at += chunk.len();
            }
        }
    }
}

/// What cannot be received from, and by whom.
fn what_cannot_be_is_an_error() {
    let mut receiver: Receiver = Receiver::new();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let file = tempfile::tempfile().expect("a file");
    fn errno<F: safe::uring::Handle + 'static>(receiver: &mut Receiver, file: F) -> i32 {
        let receive = RecvZc::new(file, &receiver.queue);
        let mut stream = receiver.ring.push_multishot(receive).expect("room");
        let item = receiver.ring.next(&mut stream).expect("asked");
        let error = item.expect("the end").expect_err("it fails");
        assert_eq!(error.operation(), "RECV_ZC");
        assert!(receiver.ring.next(&mut stream).expect("asked").is_none());
        assert_eq!(stream.finish().expect("over").end, End::Failed(error));
        error.raw_os_error()
    }
    assert_eq!(errno(&mut receiver, udp), libc::EPROTONOSUPPORT);
    assert_eq!(errno(&mut receiver, file), libc::ENOTSOCK);
    let mut other: Wide = ring();
    let receive = RecvZc::new(Rc::clone(&receiver.socket), &receiver.queue);
    let rejected = other.push_multishot(receive).expect_err("another ring's");
    assert_eq!(rejected.reason(), Reason::Foreign);
    let error = receiver
        .queue
        .add(&mut other, AREA)
        .expect_err("another ring's");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    let nothing = RecvQueue::without_device(0).register(&mut other);
    assert_eq!(
        nothing.expect_err("no memory").raw_os_error(),
        Some(libc::EINVAL)
    );
}

/// More memory, where the kernel has that.
fn memory_is_added() {
    let mut receiver: Receiver = Receiver::new();
    match receiver.queue.add(&mut receiver.ring, AREA) {
        Ok(()) => {}
        Err(error) => {
            let errno = error.raw_os_error();
            assert_eq!(errno, Some(libc::EOPNOTSUPP), "before Linux 7.3");
            return;
        }
    }
    let mut stream = receiver.start();
    let mut kept = Vec::new();
    let mut at = 0;
    // More than one area holds.
    while kept.len() < AREA / PAGE * 3 / 2 {
        receiver.send(at, 100);
        let chunk = receiver.next(&mut stream).expect("memory");
        let from = at;
        at += chunk.len();
        kept.push((from, chunk));
    }
    for (from, chunk) in &kept {
        check(chunk, *from);
    }
    let mut areas: Vec<_> = kept.iter().filter_map(|(_, chunk)| chunk.place()).collect();
    areas.dedup_by_key(|place| place.0);
    assert!(areas.len() > 1, "{areas:?}");
}

/// A forked child has a copy of what was lent, and drops it without harm to the parent, which goes on.
#[expect(unsafe_code, reason = "to fork")]
fn a_forked_child_has_a_copy() {
    let mut receiver: Receiver = Receiver::new();
    let mut stream = receiver.start();
    receiver.send(0, 100);
    let chunk = receiver.next(&mut stream).expect("a chunk");
    // SAFETY: the child calls nothing that another thread's state could matter for, and ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let same = chunk.iter().zip(0..).all(|(is, at)| *is == byte(at));
        drop(chunk);
        let refused = receiver.queue.flush().is_err();
        // SAFETY: it ends the child without running what the parent will run.
        unsafe { libc::_exit(if same && refused { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: `status` may be written.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child did not end well");
    check(&chunk, 0);
    for from in (100..100 + 2 * AREA).step_by(PAGE) {
        receiver.send(from, PAGE);
        receiver.take(&mut stream, from, PAGE);
    }
    check(&chunk, 0);
}

/// The errno that registering a queue gives here, if it cannot be.
fn lacks() -> Option<String> {
    let error = RecvQueue::without_device(AREA)
        .register(&mut ring::<Entry32>())
        .err()?;
    Some(format!("a queue without a device: {error}"))
}

const TESTS: &[(&str, fn())] = &[
    ("everything_arrives", everything_arrives::<Entry32>),
    (
        "everything_arrives_in_completions_of_both_sizes",
        everything_arrives::<EntryMixed>,
    ),
    ("so_much_and_no_more", so_much_and_no_more),
    (
        "nothing_is_written_while_it_is_lent",
        nothing_is_written_while_it_is_lent,
    ),
    ("a_small_refill_queue_will_do", a_small_refill_queue_will_do),
    ("chunks_outlive_their_ring", chunks_outlive_their_ring),
    ("what_nobody_takes_goes_home", what_nobody_takes_goes_home),
    (
        "a_forgotten_chunk_is_lost_alone",
        a_forgotten_chunk_is_lost_alone,
    ),
    (
        "an_overflowing_queue_loses_nothing",
        an_overflowing_queue_loses_nothing,
    ),
    ("a_chunk_is_sent_on", a_chunk_is_sent_on),
    ("connections_share_the_memory", connections_share_the_memory),
    ("what_cannot_be_is_an_error", what_cannot_be_is_an_error),
    ("memory_is_added", memory_is_added),
    ("a_forked_child_has_a_copy", a_forked_child_has_a_copy),
];

/// What the kernel says where there can be no queue: on every kernel.
fn refused() {
    let mut plain = Ring::new(8).expect("a ring");
    let error = RecvQueue::without_device(AREA)
        .register(&mut plain)
        .expect_err("its completions are too small");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    let error = RecvQueue::device(u32::MAX >> 1, 0, AREA)
        .register(&mut ring::<Entry32>())
        .expect_err("no such interface");
    // Before 6.15 the operation is not known.
    let errno = error.raw_os_error();
    assert!(
        matches!(errno, Some(libc::ENODEV | libc::EINVAL | libc::EPERM)),
        "{error}"
    );
}

fn main() {
    let lacks = lacks();
    let of_queues = TESTS.iter().map(|(name, test)| {
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(*name, run)
            .with_kind(lacks.clone().unwrap_or_default())
            .with_ignored_flag(lacks.is_some())
    });
    let everywhere = Trial::test("what_cannot_be_registered", || {
        refused();
        Ok(())
    });
    let trials = of_queues.chain([everywhere]).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
