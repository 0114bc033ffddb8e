//! Many buffers sent by one operation, against the kernel: each byte arrives once and in order, however often a send falls
//! short, and no buffer is given back while the kernel may read it.

#![cfg(feature = "uring")]

#[cfg(ring_broken)]
mod broken;
mod quarantine;

mod support {
    pub(crate) mod older;
}

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;

use quarantine::Quarantine;
use safe::uring::op::{self, Bundled, SendBundle};
use safe::uring::raw::types::MsgFlags;
use safe::uring::{Reason, Ring, SendQueue};
use support::older::here;

#[global_allocator]
static ALLOCATOR: Quarantine = Quarantine;

fn ring() -> Ring {
    Ring::new(8).expect("a ring")
}

fn byte(at: usize) -> u8 {
    (at ^ at >> 8 ^ at >> 16) as u8
}

fn pattern(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(byte).collect()
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let from = TcpStream::connect(address).expect("a connection");
    (from, listener.accept().expect("a connection").0)
}

/// Whether the kernel has bundles.
fn has_bundles(ring: &mut Ring) -> bool {
    let mut queue = SendQueue::new(ring, 1).expect("a queue");
    queue.push("x").expect("room");
    let (socket, _peer) = UnixStream::pair().expect("sockets");
    let ticket = ring.push(SendBundle::new(socket, queue)).expect("room");
    let sent = ring.wait(ticket).expect("asked");
    here("SEND with a bundle", (6, 10), sent.result).is_some()
}

/// Sends everything in the queue, however often it takes, and answers that.
fn send_all<F: std::os::fd::AsFd + 'static>(
    ring: &mut Ring,
    mut file: F,
    mut queue: SendQueue<Vec<u8>>,
    flags: MsgFlags,
) -> (F, SendQueue<Vec<u8>>, usize) {
    let mut sends = 0;
    while !queue.is_empty() {
        let before = queue.bytes();
        let send = SendBundle::new(file, queue).flags(flags);
        let ticket = ring.push(send).expect("room");
        let sent = ring.wait(ticket).expect("asked");
        let bytes = sent.result.expect("sent");
        assert_eq!(sent.queue.bytes(), before - bytes);
        (file, queue) = (sent.file, sent.queue);
        sends += 1;
    }
    (file, queue, sends)
}

#[test]
fn everything_arrives_once_and_in_order() {
    let mut ring = ring();
    if !has_bundles(&mut ring) {
        return;
    }
    for (flags, len) in [
        (MsgFlags::WAITALL, 100),
        (MsgFlags::empty(), 100),
        // More than a socket holds.
        (MsgFlags::empty(), 12_000),
        (MsgFlags::DONTWAIT, 12_000),
    ] {
        let (socket, mut peer) = tcp();
        let total = 200 * len;
        let receiver = thread::spawn(move || {
            let mut got = vec![0; total];
            peer.read_exact(&mut got).expect("all of it");
            let right = got.iter().zip(0..).all(|(is, at)| *is == byte(at));
            assert!(right, "other bytes than sent");
            assert_eq!(peer.read(&mut [0]).expect("the end"), 0);
        });
        let mut queue = SendQueue::new(&mut ring, 40).expect("a queue");
        let mut file = Rc::new(socket);
        let (mut at, mut round) = (0, 0);
        while at < total {
            // Of different sizes, and not always the same number.
            while queue.len() < 1 + round % 40 && at < total {
                let size = (1 + (at * 7 + round) % len).min(total - at);
                queue.push(pattern(at, size)).expect("room");
                at += size;
            }
            round += 1;
            // So much as it does at once, with what is left in the queue for the next.
            let send = SendBundle::new(file, queue).flags(flags);
            let ticket = ring.push(send).expect("room");
            let sent = ring.wait(ticket).expect("asked");
            if let Err(error) = sent.result {
                assert_eq!(error.raw_os_error(), libc::EAGAIN, "{error}");
            }
            (file, queue) = (sent.file, sent.queue);
            while let Some(buf) = queue.take_sent() {
                drop(buf);
            }
        }
        let (file, queue, _) = send_all(&mut ring, file, queue, MsgFlags::empty());
        drop((file, queue));
        receiver.join().expect("it received");
    }
    quarantine::check();
}

/// Another thread receives nothing until the send was given up: what was sent is told, and the rest is sent later.
#[test]
fn a_cancelled_send_is_taken_up_where_it_ended() {
    let mut ring = ring();
    if !has_bundles(&mut ring) {
        return;
    }
    for _ in 0..5 {
        let (socket, mut peer) = UnixStream::pair().expect("sockets");
        let mut queue = SendQueue::new(&mut ring, 64).expect("a queue");
        let each = 20_000;
        for number in 0..64 {
            queue.push(pattern(number * each, each)).expect("room");
        }
        assert_eq!(queue.push(vec![1]), Err(vec![1]), "it is full");
        let send = SendBundle::new(socket, queue).flags(MsgFlags::WAITALL);
        let ticket = ring.push(send).expect("room");
        ring.submit().expect("submitted");
        assert!(!ticket.is_done(), "more than a socket holds");
        let cancel = ring.push(op::Cancel::new(ticket.token())).expect("room");
        let _ = ring.wait(cancel).expect("asked");
        let Bundled {
            result,
            file,
            queue,
        } = ring.wait(ticket).expect("asked");
        let sent = result.expect("what the socket holds");
        assert_eq!(queue.bytes(), 64 * each - sent);
        let receiver = thread::spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).expect("all of it");
            got
        });
        drop(send_all(&mut ring, file, queue, MsgFlags::empty()));
        let got = receiver.join().expect("it received");
        assert!(got == pattern(0, 64 * each));
    }
    quarantine::check();
}

/// A queue in flight belongs to the operation, whatever becomes of ticket and ring.
#[test]
fn a_queue_in_flight_is_freed_when_it_is_over() {
    if !has_bundles(&mut ring()) {
        return;
    }
    for round in 0..12 {
        let mut ring = ring();
        let (socket, mut peer) = UnixStream::pair().expect("sockets");
        let mut queue = SendQueue::new(&mut ring, 512).expect("a queue");
        for number in 0..512 {
            queue.push(pattern(number * 1000, 1000)).expect("room");
        }
        let send = SendBundle::new(socket, queue).flags(MsgFlags::WAITALL);
        let ticket = ring.push(send).expect("room");
        if round % 2 == 0 {
            ring.submit().expect("submitted");
        }
        // The ticket is dropped before the ring, or after it.
        let kept = match round % 3 {
            0 => Some(ticket),
            1 => {
                drop(ticket);
                None
            }
            _ => {
                ticket.detach();
                None
            }
        };
        let receiver = thread::spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).expect("the end");
            got
        });
        drop(ring);
        drop(kept);
        let got = receiver.join().expect("it received");
        assert!(got == pattern(0, got.len()), "round {round}");
    }
    quarantine::check();
}

#[test]
fn what_cannot_be_is_an_error() {
    let (mut ring, mut other) = (ring(), ring());
    if !has_bundles(&mut ring) {
        return;
    }
    assert!(SendQueue::<Vec<u8>>::new(&mut ring, 0).is_err());
    assert!(SendQueue::<Vec<u8>>::new(&mut ring, 32769).is_err());
    let (socket, peer) = UnixStream::pair().expect("sockets");
    let mut queue = SendQueue::new(&mut ring, 3).expect("a queue");
    assert_eq!(
        queue.push(Vec::new()),
        Err(Vec::new()),
        "there is nothing to send"
    );
    let rejected = other
        .push(SendBundle::new(socket, queue))
        .expect_err("another ring's");
    assert_eq!(rejected.reason(), Reason::Foreign);
    let ticket = ring.push(rejected.operation).expect("room");
    let Bundled {
        result,
        file,
        mut queue,
    } = ring.wait(ticket).expect("asked");
    let error = result.expect_err("an empty queue");
    assert_eq!(
        (error.raw_os_error(), error.operation()),
        (libc::ENOBUFS, "SEND")
    );
    queue.push(vec![1; 10]).expect("room");
    queue.push(vec![2; 10]).expect("room");
    drop(peer);
    let ticket = ring.push(SendBundle::new(file, queue)).expect("room");
    let mut sent = ring.wait(ticket).expect("asked");
    let error = sent.result.expect_err("nobody is there");
    assert_eq!(error.raw_os_error(), libc::EPIPE);
    // Nothing is lost of it.
    assert_eq!(
        sent.queue.take_queued().collect::<Vec<_>>(),
        [vec![1; 10], vec![2; 10]]
    );
    assert!(sent.queue.is_empty() && sent.queue.bytes() == 0);
    // Queues are made and dropped.
    for _ in 0..70 {
        let many: Vec<_> = (0..100)
            .map(|_| SendQueue::<Vec<u8>>::new(&mut ring, 1).expect("a queue"))
            .collect();
        drop(many);
    }
}

#[cfg(ring_broken)]
#[test]
fn the_tests_notice() {
    broken::each_is_noticed(&[
        ("bundle", "everything_arrives_once_and_in_order"),
        ("bundle", "a_cancelled_send_is_taken_up_where_it_ended"),
    ]);
}
