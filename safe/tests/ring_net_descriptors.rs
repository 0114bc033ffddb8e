//! Descriptors that nobody takes are closed. They are counted, so this process does nothing else: one test.

#![forbid(unsafe_code)]
#![cfg(feature = "uring")]

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use safe::uring::op::{self, ReceivedControl, SentControl};
use safe::uring::{BufGroup, Ring};

fn open() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Lets all that was cancelled end.
fn settle(ring: &mut Ring) {
    while !ring.is_empty() {
        ring.submit().unwrap();
        ring.poll().unwrap();
    }
}

struct Listening {
    listener: Arc<TcpListener>,
    clients: Vec<TcpStream>,
}

impl Listening {
    fn new() -> Self {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        Self {
            listener,
            clients: Vec::new(),
        }
    }

    fn connect(&mut self, count: usize) {
        let address = self.listener.local_addr().unwrap();
        let clients = (0..count).map(|_| TcpStream::connect(address).unwrap());
        self.clients.extend(clients);
    }
}

/// A ticket that is dropped with its result: the connection is closed.
fn a_ticket(ring: &mut Ring) {
    let mut server = Listening::new();
    server.connect(1);
    let before = open();
    let ticket = ring.push(op::Accept::new(server.listener.clone())).unwrap();
    ring.submit().unwrap();
    while !ticket.is_done() {
        ring.poll().unwrap();
    }
    assert_eq!(open(), before + 1);
    drop(ticket);
    assert_eq!(open(), before);

    // Detached: the connection comes later.
    ring.push(op::Accept::new(server.listener.clone()))
        .unwrap()
        .detach();
    ring.submit().unwrap();
    server.connect(1);
    settle(ring);
    assert_eq!(open(), before + 1, "the client alone");
}

/// A stream with connections that came and were not taken.
fn a_stream(ring: &mut Ring) {
    let mut server = Listening::new();
    let operation = op::AcceptMultishot::new(server.listener.clone());
    let mut stream = ring.push_multishot(operation).unwrap();
    ring.submit().unwrap();
    server.connect(5);
    let before = open();
    let first = ring.next(&mut stream).unwrap().unwrap().unwrap();
    while open() < before + 5 {
        ring.submit().unwrap();
        ring.poll().unwrap();
    }
    drop(stream);
    settle(ring);
    assert_eq!(open(), before + 1);
    drop(first);

    // The same as events, of which some are dropped unseen.
    let operation = op::AcceptMultishot::new(server.listener.clone());
    ring.push_multishot_tagged(operation, 1).unwrap();
    ring.submit().unwrap();
    server.connect(5);
    let before = open();
    for _ in 0..3 {
        drop(ring.next_event().unwrap());
    }
    while ring.poll().unwrap() != 0 {}
    assert!((before..=before + 2).contains(&open()));
}

/// Descriptors that came with a message.
fn messages(ring: &mut Ring) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (ours, theirs) = (Arc::new(ours), Arc::new(theirs));
    let group = BufGroup::builder(4, 512).register(ring).unwrap();
    let before = open();
    let send = |ring: &mut Ring| {
        let files = [(); 3].map(|()| File::open("/proc/self/exe").unwrap());
        let control = SentControl::new().fds(files);
        let send = op::SendMsg::new(theirs.clone(), ["files"]).control(control);
        let ticket = ring.push(send).unwrap();
        assert_eq!(ring.wait(ticket).unwrap().result, Ok(5));
    };
    let room = ReceivedControl::space(12);

    send(ring);
    assert_eq!(open(), before, "what was sent is closed");
    let control = ReceivedControl::with_room(room);
    let receive = op::RecvMsg::new(ours.clone(), [vec![0; 5]]).control(control);
    let ticket = ring.push(receive).unwrap();
    let mut message = ring.wait(ticket).unwrap();
    assert_eq!(open(), before + 3);
    let taken = message.control.take_fds().next().unwrap();
    drop(message);
    assert_eq!(open(), before + 1);
    drop(taken);

    // The room is used again: what is left in it goes.
    send(ring);
    let control = ReceivedControl::with_room(room);
    let receive = op::RecvMsg::new(ours.clone(), [vec![0; 5]]).control(control);
    let ticket = ring.push(receive).unwrap();
    let message = ring.wait(ticket).unwrap();
    send_plain(ring, &theirs);
    let receive = op::RecvMsg::new(ours.clone(), message.bufs).control(message.control);
    let ticket = ring.push(receive).unwrap();
    let message = ring.wait(ticket).unwrap();
    assert_eq!((message.control.messages().count(), open()), (0, before));

    // A failed receive does not look at what was there.
    let (alone, peer) = UnixStream::pair().unwrap();
    alone.set_nonblocking(true).unwrap();
    let receive = op::RecvMsg::new(alone, [vec![0; 5]]).control(message.control);
    let ticket = ring.push(receive).unwrap();
    ring.submit().unwrap();
    drop(ticket);
    settle(ring);
    drop(peer);
    assert_eq!(open(), before);

    // Again and again: taken, dropped, and never looked at.
    let receive = op::RecvMsgMultishot::new(ours, &group).control_room(room as u32);
    let mut stream = ring.push_multishot(receive).unwrap();
    ring.submit().unwrap();
    send(ring);
    let mut message = ring.next(&mut stream).unwrap().unwrap().unwrap();
    assert_eq!((message.data(), open()), (&b"files"[..], before + 3));
    let taken: Vec<_> = message.take_fds().take(2).collect();
    assert_eq!(taken.len(), 2);
    drop(message);
    assert_eq!(open(), before + 2);
    drop(taken);
    send(ring);
    while group.available() == 4 {
        ring.submit().unwrap();
        ring.poll().unwrap();
    }
    assert_eq!(open(), before + 3);
    drop(stream);
    settle(ring);
    assert_eq!((open(), group.available()), (before, 4));
}

fn send_plain(ring: &mut Ring, theirs: &Arc<UnixStream>) {
    let ticket = ring.push(op::Send::new(theirs.clone(), "plain")).unwrap();
    assert_eq!(ring.wait(ticket).unwrap().result, Ok(5));
}

#[test]
fn what_nobody_takes_is_closed() {
    let before = open();
    {
        let mut ring = Ring::new(16).unwrap();
        a_ticket(&mut ring);
        a_stream(&mut ring);
        // The stream of events is still in flight, as the ring goes.
    }
    assert_eq!(open(), before);
    {
        let mut ring = Ring::new(16).unwrap();
        messages(&mut ring);
    }
    assert_eq!(open(), before);
    // A ring that is dropped with connections that were accepted: in tickets, in streams and as events.
    let mut server = Listening::new();
    let mut ring = Ring::new(16).unwrap();
    let ticket = ring.push(op::Accept::new(server.listener.clone())).unwrap();
    let operation = || op::AcceptMultishot::new(server.listener.clone());
    let stream = ring.push_multishot(operation()).unwrap();
    ring.push_multishot_tagged(operation(), 3).unwrap();
    ring.submit().unwrap();
    server.connect(10);
    drop(ring);
    drop((ticket, stream, server));
    assert_eq!(open(), before);
}
