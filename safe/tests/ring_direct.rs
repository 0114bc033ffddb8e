//! Connections and sockets as fixed files, without descriptors, against the kernel: whatever becomes of them, the slot is
//! freed and the connection closed.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

#[cfg(ring_broken)]
mod broken;
#[expect(dead_code, reason = "shared with tests that use the rest")]
mod support {
    pub(crate) mod run;
}

use std::io::{Read as _, Write as _};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use safe::uring::op::{self, Cancelled, DirectAcceptMultishot, End};
use safe::uring::raw::types::SocketFlags;
use safe::uring::{Family, Files, FixedFd, Reason, Ring};
use support::run::{ring, run};

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).expect("a connection")
}

/// Waits for the other side to close the connection, which it does without having sent anything.
fn has_ended(mut client: TcpStream) {
    assert_eq!(client.read(&mut [0]).expect("the end"), 0);
}

/// Sends through the connection, and checks that it is the client's.
fn greet(ring: &mut Ring, connection: FixedFd, client: &mut TcpStream, word: &'static [u8]) {
    let sent = run(ring, op::Send::new(connection, word));
    assert_eq!(sent.result, Ok(word.len()));
    let mut got = vec![0; word.len()];
    client.read_exact(&mut got).expect("what was sent");
    assert_eq!(got, word);
}

/// Goes on until nothing is in flight, and slots whose handles are gone are empty.
fn settle(ring: &mut Ring) {
    while !ring.is_empty() {
        run(ring, op::Nop::new()).expect("nothing fails");
    }
    ring.submit().expect("submitted");
}

/// Takes all automatic slots for a moment: none of them is lost.
fn all_are_free(ring: &mut Ring, files: &Files) {
    ring.submit().expect("submitted");
    let open = || op::Open::new(c"/proc/self/exe").direct(files);
    let all: Vec<_> = (0..files.automatic())
        .map(|_| run(ring, open()).expect("a free slot"))
        .collect();
    run(ring, open()).expect_err("all are taken");
    drop(all);
    ring.submit().expect("submitted");
}

#[test]
fn a_connection_goes_into_a_slot_of_ones_own_or_of_the_kernels() {
    let mut ring = ring();
    let files = ring.register_files(1, 1).expect("a table");
    let (listener, address) = listener();
    let slot = files.reserve().expect("a slot");
    let mut client = connect(address);
    let done = run(
        &mut ring,
        op::Accept::new(listener.try_clone().unwrap()).direct(slot.clone()),
    );
    let (own, peer) = done.result.expect("a connection");
    assert_eq!(own.slot(), slot.slot());
    assert_eq!(peer.ip(), client.local_addr().ok());
    greet(&mut ring, own, &mut client, b"own");

    let mut second = connect(address);
    let accept = op::Accept::new(listener).flags(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
    let done = run(&mut ring, accept.direct(&files));
    let (automatic, _) = done.result.expect("a connection");
    assert!(automatic.is_automatic());
    greet(&mut ring, automatic.clone(), &mut second, b"automatic");

    // There is no other slot: the connection is closed, and the accept says so.
    let third = connect(address);
    let done = run(&mut ring, op::Accept::new(done.file).direct(&files));
    let error = done.result.expect_err("no slot");
    assert_eq!(
        (error.raw_os_error(), error.operation()),
        (libc::ENFILE, "ACCEPT")
    );
    has_ended(third);

    drop((automatic, slot));
    ring.submit().expect("submitted");
    has_ended(client);
    has_ended(second);
    all_are_free(&mut ring, &files);
    assert_eq!(files.free(), 1);
}

#[test]
fn what_nobody_accepts_is_closed_and_its_slot_is_free() {
    let mut ring = ring();
    let files = ring.register_files(1, 1).expect("a table");
    let (listener, address) = listener();
    let listener = std::rc::Rc::new(listener);
    // Linux 6.1 takes up to a second to close what was in a slot.
    for round in 0..120 {
        let own = round % 2 == 0;
        let accept = op::Accept::new(std::rc::Rc::clone(&listener));
        let accept = if own {
            accept.direct(ring.reserve_file().expect("a slot"))
        } else {
            accept.direct(&files)
        };
        // Before the connection comes, at the same time, or after.
        let ticket = ring.push(accept).expect("room");
        match round % 3 {
            0 => {
                ring.submit().expect("submitted");
                drop(ticket);
                settle(&mut ring);
                // Cancelled in time: the connection is for the next one.
                let client = connect(address);
                let done = run(&mut ring, op::Accept::new(std::rc::Rc::clone(&listener)));
                drop(done.result.expect("the connection is there"));
                has_ended(client);
            }
            1 => {
                ring.submit().expect("submitted");
                let client = connect(address);
                drop(ticket);
                settle(&mut ring);
                // Taken or not: if not, it still waits.
                listener.set_nonblocking(true).expect("set");
                drop(listener.accept());
                listener.set_nonblocking(false).expect("set");
                has_ended(client);
            }
            _ => {
                let client = connect(address);
                ring.submit().expect("submitted");
                drop(ticket);
                settle(&mut ring);
                has_ended(client);
            }
        }
        assert_eq!(files.free(), 1, "round {round}");
    }
    all_are_free(&mut ring, &files);
}

#[test]
fn many_connections_of_one_accept() {
    let mut ring = ring();
    let files = ring.register_files(0, 4).expect("a table");
    let (listener, address) = listener();
    let accept = op::AcceptMultishot::new(listener).direct(&files);
    let mut accepts = ring.push_multishot(accept).expect("room");
    for _ in 0..20 {
        let mut clients = [connect(address), connect(address)];
        for client in &mut clients {
            let connection = ring.next(&mut accepts).expect("asked").expect("it goes on");
            let connection = connection.expect("a connection");
            assert!(connection.is_automatic());
            greet(&mut ring, connection, client, b"hello");
        }
        ring.submit().expect("submitted");
        clients.into_iter().for_each(has_ended);
    }
    // Items that are not taken keep their slots; then there is none.
    let clients: Vec<_> = (0..5).map(|_| connect(address)).collect();
    while !accepts.is_over() {
        ring.submit().expect("submitted");
        ring.poll().expect("asked");
    }
    let mut kept = Vec::new();
    let error = loop {
        match ring
            .next(&mut accepts)
            .expect("asked")
            .expect("the end comes first")
        {
            Ok(connection) => kept.push(connection),
            Err(error) => break error,
        }
    };
    assert_eq!((kept.len(), error.raw_os_error()), (4, libc::ENFILE));
    assert!(ring.next(&mut accepts).expect("asked").is_none());
    let ended = accepts.finish().expect("it is over");
    assert_eq!(ended.end, End::Failed(error));
    drop(kept);
    ring.submit().expect("submitted");
    clients.into_iter().for_each(has_ended);
    // With slots again, another one goes on with the same listener.
    let mut client = connect(address);
    let accept = op::AcceptMultishot::new(ended.file).direct(&files);
    ring.push_multishot_tagged(accept, 7).expect("room");
    let event = ring.next_event().expect("asked");
    assert_eq!(event.tag(), 7);
    let (connection, rest) = event
        .take_item::<DirectAcceptMultishot<TcpListener>>()
        .expect("an accept");
    assert!(rest.is_none());
    greet(
        &mut ring,
        connection.expect("a connection"),
        &mut client,
        b"again",
    );
}

#[test]
fn a_dropped_stream_closes_its_connections() {
    let mut ring = ring();
    let files = ring.register_files(0, 3).expect("a table");
    for round in 0..50 {
        let (listener, address) = listener();
        let accept = op::AcceptMultishot::new(listener).direct(&files);
        let accepts = ring.push_multishot(accept).expect("room");
        ring.submit().expect("submitted");
        let clients = [connect(address), connect(address)];
        if round % 2 == 0 {
            // They are items already.
            while !accepts.has_items() {
                ring.poll().expect("asked");
            }
        }
        drop(accepts);
        settle(&mut ring);
        for client in clients {
            // What was not accepted is reset with the listener.
            let ended = (&client).read(&mut [0]);
            assert!(ended.is_err() || ended.is_ok_and(|bytes| bytes == 0));
        }
        all_are_free(&mut ring, &files);
    }
}

/// It keeps its place and its slots until the ring is dropped, which closes all.
#[test]
fn a_forgotten_stream_closes_its_connections_with_the_ring() {
    let mut ring = ring();
    let files = ring.register_files(0, 3).expect("a table");
    let (listener, address) = listener();
    let accept = op::AcceptMultishot::new(listener).direct(&files);
    let accepts = ring.push_multishot(accept).expect("room");
    ring.submit().expect("submitted");
    let client = connect(address);
    while !accepts.has_items() {
        ring.poll().expect("asked");
    }
    mem::forget(accepts);
    drop(ring);
    has_ended(client);
}

#[test]
fn a_cancelled_accept_leaves_the_slot() {
    let mut ring = ring();
    let files = ring.register_files(1, 0).expect("a table");
    let (listener, _) = listener();
    let slot = files.reserve().expect("a slot");
    let ticket = ring
        .push(op::Accept::new(listener).direct(slot.clone()))
        .expect("room");
    ring.submit().expect("submitted");
    let cancelled = run(&mut ring, op::Cancel::new(ticket.token()));
    assert!(
        matches!(cancelled, Ok(Cancelled::Cancelled)),
        "{cancelled:?}"
    );
    let done = ring.wait(ticket).expect("a result");
    assert!(done.result.is_err_and(|error| error.is_cancelled()));
    let read = run(&mut ring, op::Read::new(slot, vec![0]));
    assert_eq!(read.result.expect_err("empty").raw_os_error(), libc::EBADF);
    drop(read.file);
    ring.submit().expect("submitted");
    assert_eq!(files.free(), 1);
}

#[test]
fn a_socket_is_made_as_a_fixed_file() {
    let mut ring = ring();
    let files = ring.register_files(1, 1).expect("a table");
    let socket = || op::Socket::new(Family::INET, op::SocketType::STREAM);
    let slot = files.reserve().expect("a slot");
    let own = run(&mut ring, socket().direct(slot)).expect("a socket");
    let automatic = run(&mut ring, socket().direct(&files)).expect("a socket");
    assert!(automatic.is_automatic() && !own.is_automatic());
    run(&mut ring, socket().direct(&files)).expect_err("no slot");
    for socket in [own, automatic] {
        let (listener, address) = listener();
        let connected = run(&mut ring, op::Connect::new(socket, address));
        connected.result.expect("connected");
        let (mut peer, _) = listener.accept().expect("a connection");
        peer.write_all(b"welcome").expect("sent");
        let done = run(
            &mut ring,
            op::Recv::new(connected.file, Vec::with_capacity(7)),
        );
        assert_eq!(done.buf, b"welcome");
        drop(done.file);
        ring.submit().expect("submitted");
        has_ended(peer);
    }
    for _ in 0..50 {
        let ticket = ring.push(socket().direct(&files)).expect("room");
        ring.submit().expect("submitted");
        drop(ticket);
        settle(&mut ring);
    }
    all_are_free(&mut ring, &files);
}

#[test]
fn another_rings_table_is_refused() {
    let (mut ring, mut other) = (ring(), ring());
    let files = ring.register_files(1, 1).expect("a table");
    other.register_files(1, 1).expect("a table");
    let slot = files.reserve().expect("a slot");
    let (listener, _) = listener();
    let listener = std::rc::Rc::new(listener);
    let accept = || op::Accept::new(std::rc::Rc::clone(&listener));
    let many = op::AcceptMultishot::new(std::rc::Rc::clone(&listener)).direct(&files);
    let socket = op::Socket::new(Family::INET, op::SocketType::STREAM);
    let reasons = [
        other
            .push(accept().direct(slot.clone()))
            .map(drop)
            .map_err(|r| r.reason()),
        other
            .push(accept().direct(&files))
            .map(drop)
            .map_err(|r| r.reason()),
        other.push_multishot(many).map(drop).map_err(|r| r.reason()),
        other
            .push(socket.direct(&files))
            .map(drop)
            .map_err(|r| r.reason()),
        // What listens is another ring's.
        other
            .push(op::Accept::new(slot))
            .map(drop)
            .map_err(|r| r.reason()),
    ];
    assert_eq!(reasons, [Err(Reason::Foreign); 5]);
}

/// Some kernels look for a free slot from the one that was filled or emptied last, which may be one of the program's; and
/// when all automatic ones are taken, they find another one of those.
#[test]
fn no_two_files_share_a_slot_where_the_kernel_leaves_its_own() {
    let mut ring = ring();
    let files = ring.register_files(2, 2).expect("a table");
    let empty_both = |ring: &mut Ring| {
        let both = [(); 2].map(|()| ring.register_file(std::io::stdin()).expect("a slot"));
        drop(both);
        ring.submit().expect("submitted");
    };
    let place = |ring: &mut Ring| {
        let file = tempfile::tempfile().expect("a file");
        run(ring, op::RegisterFile::new(file, &files)).result
    };
    empty_both(&mut ring);
    let mut handles = Vec::new();
    for _ in 0..2 {
        handles.push(place(&mut ring).expect("a slot"));
        assert!(handles.iter().all(FixedFd::is_automatic));
        empty_both(&mut ring);
    }
    match place(&mut ring) {
        Ok(another) => handles.push(another),
        Err(error) => assert_eq!(error.raw_os_error(), libc::ENFILE),
    }
    let left = 4 - handles.len();
    handles.extend(std::iter::from_fn(|| files.reserve()));
    let mut slots: Vec<_> = handles.iter().map(FixedFd::slot).collect();
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2, 3], "{left} were left");
}

#[cfg(ring_broken)]
#[test]
fn the_tests_notice() {
    broken::each_is_noticed(&[
        (
            "slot",
            "a_connection_goes_into_a_slot_of_ones_own_or_of_the_kernels",
        ),
        ("slot", "a_cancelled_accept_leaves_the_slot"),
    ]);
}
