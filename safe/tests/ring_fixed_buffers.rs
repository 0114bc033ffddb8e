//! Fixed buffers, against the kernel.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

#[cfg(ring_broken)]
mod broken;
mod support {
    pub(crate) mod run;
}

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::thread;

use safe::uring::raw::types::MsgFlags;
use safe::uring::{FixedBuf, LeaseError, Reason, Registered as _, Ring, op};
use support::run::{file, pattern, ring, run};

#[test]
fn registered_bytes_are_read_and_written() {
    let mut ring = ring();
    let buffers = ring.register_buffers(3, 8192).expect("buffers");
    assert_eq!((buffers.count(), buffers.size()), (3, 8192));
    let data = pattern(8192);
    let mut buf = buffers.take().expect("a free one");
    assert!(buf.iter().all(|byte| *byte == 0));
    buf.copy_from_slice(&data);
    let done = run(&mut ring, op::WriteFixed::new(file(b""), buf).at(0));
    assert_eq!(done.result, Ok(8192));
    let into = buffers.lease(2, 100..5100).expect("free");
    let done = run(&mut ring, op::ReadFixed::new(done.file, into).at(1000));
    assert_eq!(done.result, Ok(5000));
    assert!(done.buf[..] == data[1000..6000]);
    // Less than was leased, and at the end of the file.
    let mut into = done.buf;
    into.fill(7);
    let done = run(
        &mut ring,
        op::ReadFixed::new(done.file, into).at(0).limit(10),
    );
    assert_eq!(done.result, Ok(10));
    assert_eq!(done.buf[..12], [&data[..10], &[7, 7]].concat());
    let done = run(
        &mut ring,
        op::WriteFixed::new(done.file, done.buf).append().limit(12),
    );
    assert_eq!(done.result, Ok(12));
    assert_eq!(done.file.metadata().expect("a status").len(), 8204);
    // Leases are buffers for other operations too.
    let done = run(&mut ring, op::Read::new(done.file, done.buf).at(8200));
    assert_eq!(
        (done.result, &done.buf[..4]),
        (Ok(4), &[data[8], data[9], 7, 7][..])
    );
    // The file's own position.
    let plain = file(b"abcdef");
    let done = run(&mut ring, op::ReadFixed::new(plain, done.buf).limit(2));
    let done = run(&mut ring, op::ReadFixed::new(done.file, done.buf).limit(2));
    assert_eq!(&done.buf[..2], b"cd");
}

#[test]
fn bytes_are_lent_to_one_or_to_readers() {
    let mut ring = ring();
    let buffers = ring.register_buffers(2, 100).expect("buffers");
    assert_eq!(buffers.lease(2, ..).err(), Some(LeaseError::Range));
    assert_eq!(buffers.lease(0, ..101).err(), Some(LeaseError::Range));
    assert_eq!(buffers.lease(0, 5..5).err(), Some(LeaseError::Range));
    assert_eq!(
        buffers.lease(0, ..=usize::MAX).err(),
        Some(LeaseError::Range)
    );
    let low = buffers.lease(0, ..50).expect("free");
    assert_eq!(buffers.lease(0, 49..51).err(), Some(LeaseError::Taken));
    assert_eq!(buffers.share(0, 49..51).err(), Some(LeaseError::Taken));
    let high = buffers.lease(0, 50..).expect("free");
    assert_eq!((high.len(), high.index()), (50, 0));
    assert_eq!(buffers.take().expect("a whole one").index(), 1);
    let shared = low.share();
    let again = shared.clone();
    let overlapping = buffers.share(0, 10..20).expect("shared");
    assert_eq!(buffers.lease(0, 10..20).err(), Some(LeaseError::Taken));
    let shared = shared.unshare().expect_err("there is another");
    drop(again);
    let shared = shared.unshare().expect_err("somebody has a part");
    drop(overlapping);
    let mut alone = shared.unshare().expect("alone");
    alone[0] = 9;
    drop((alone, high));
    let whole = buffers.lease(0, ..).expect("free again");
    assert_eq!(whole[0], 9);
    let error: std::io::Error = LeaseError::Taken.into();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
}

#[test]
fn all_buffers_of_a_large_pool_are_taken_and_given_back() {
    let mut ring = ring();
    let buffers = ring.register_buffers(200, 64).expect("buffers");
    for _ in 0..2 {
        let mut all: Vec<FixedBuf> = std::iter::from_fn(|| buffers.take()).collect();
        assert_eq!(all.len(), 200);
        for (number, buf) in (0..).zip(&mut all) {
            buf.fill(number);
        }
        let mut indices: Vec<u16> = all.iter().map(|buf| buf.index()).collect();
        indices.sort_unstable();
        assert!(indices.iter().copied().eq(0..200));
        for (number, buf) in (0u8..).zip(&all) {
            assert!(buf.iter().all(|byte| *byte == number));
        }
    }
}

#[test]
fn readers_write_from_the_same_bytes_at_once() {
    let mut ring = ring();
    let buffers = ring.register_buffers(1, 4096).expect("buffers");
    let mut buf = buffers.take().expect("free");
    buf.copy_from_slice(&pattern(4096));
    let shared = buf.share();
    let tickets: Vec<_> = (0..8)
        .map(|_| {
            ring.push(op::WriteFixed::new(file(b""), shared.clone()).at(0))
                .expect("room")
        })
        .collect();
    drop(shared);
    assert!(buffers.lease(0, ..1).is_err());
    for ticket in tickets {
        let done = ring.wait(ticket).expect("a result");
        assert_eq!(done.result, Ok(4096));
        drop(done.buf);
        let read = run(
            &mut ring,
            op::Read::new(done.file, Vec::with_capacity(4096)).at(0),
        );
        assert!(read.buf == pattern(4096));
    }
    assert!(buffers.lease(0, ..1).is_ok());
}

#[test]
fn bytes_in_flight_are_nobody_elses() {
    let mut ring = ring();
    let buffers = ring.register_buffers(1, 4096).expect("buffers");
    let (reader, mut writer) = UnixStream::pair().expect("sockets");
    let lease = buffers.lease(0, 10..20).expect("free");
    let ticket = ring.push(op::ReadFixed::new(reader, lease)).expect("room");
    ring.submit().expect("submitted");
    assert_eq!(buffers.lease(0, 19..21).err(), Some(LeaseError::Taken));
    let beside = buffers.lease(0, 20..).expect("free");
    writer.write_all(b"0123456789abc").expect("written");
    let done = ring.wait(ticket).expect("a result");
    assert_eq!(&done.buf[..], b"0123456789");
    assert!(beside.iter().all(|byte| *byte == 0));
    // Dropped in flight, the bytes come back when the operation is over, not before.
    let (reader, _writer) = UnixStream::pair().expect("sockets");
    let ticket = ring
        .push(op::ReadFixed::new(reader, done.buf))
        .expect("room");
    ring.submit().expect("submitted");
    drop(ticket);
    assert_eq!(buffers.lease(0, 10..20).err(), Some(LeaseError::Taken));
    while !ring.is_empty() {
        run(&mut ring, op::Nop::new()).expect("nothing fails");
    }
    buffers.lease(0, 10..20).expect("free");
}

#[test]
fn leases_outlive_their_ring() {
    let mut ring = ring();
    let buffers = ring.register_buffers(2, 4096).expect("buffers");
    let mut lease = buffers.take().expect("free");
    lease.fill(5);
    let (reader, _writer) = UnixStream::pair().expect("sockets");
    let other = buffers.take().expect("free");
    let ticket = ring.push(op::ReadFixed::new(reader, other)).expect("room");
    ring.submit().expect("submitted");
    drop((ring, buffers));
    assert!(lease.iter().all(|byte| *byte == 5));
    lease.fill(6);
    drop(ticket);
    let shared = lease.share();
    assert_eq!(shared[4095], 6);
}

#[test]
fn another_rings_buffers_are_refused() {
    let (mut ring, mut other) = (ring(), ring());
    let buffers = ring.register_buffers(2, 64).expect("buffers");
    other.register_buffers(2, 64).expect("buffers");
    let rejected = other
        .push(op::ReadFixed::new(
            file(b"data"),
            buffers.take().expect("free"),
        ))
        .expect_err("foreign");
    assert_eq!(rejected.reason(), Reason::Foreign);
    let shared = buffers.share(1, ..).expect("free");
    let rejected = other
        .push(op::WriteFixed::new(file(b""), shared))
        .expect_err("foreign");
    assert_eq!(rejected.reason(), Reason::Foreign);
}

#[test]
fn what_cannot_be_registered_says_why() {
    let mut ring = ring();
    assert!(ring.buffers().is_none());
    let refused = |ring: &mut Ring, count, size| {
        let refused = ring.register_buffers(count, size);
        refused.expect_err("refused").raw_os_error()
    };
    assert_eq!(refused(&mut ring, 0, 64), Some(libc::EINVAL));
    assert_eq!(refused(&mut ring, 1, 0), Some(libc::EINVAL));
    assert_eq!(refused(&mut ring, 16385, 1), Some(libc::EINVAL));
    assert_eq!(refused(&mut ring, 1, usize::MAX), Some(libc::EFAULT));
    assert_eq!(refused(&mut ring, 1, (1 << 30) + 1), Some(libc::EFAULT));
    ring.register_buffers(1, 64).expect("buffers");
    assert_eq!(refused(&mut ring, 1, 64), Some(libc::EBUSY));
    assert_eq!(ring.buffers().expect("buffers").size(), 64);
}

#[test]
fn a_fixed_file_and_a_fixed_buffer_go_together() {
    let mut ring = ring();
    ring.register_files(1, 0).expect("a table");
    let buffers = ring.register_buffers(1, 4096).expect("buffers");
    let (mut reader, writer) = UnixStream::pair().expect("sockets");
    let fixed = ring.register_file(writer).expect("a slot");
    let mut buf = buffers.take().expect("free");
    buf.copy_from_slice(&pattern(4096));
    let ticket = ring.push(op::WriteFixed::new(fixed, buf)).expect("room");
    drop(ring.wait(ticket).expect("a result"));
    ring.submit().expect("submitted");
    let mut read = Vec::new();
    reader.read_to_end(&mut read).expect("the file is closed");
    assert!(read == pattern(4096));
}

/// A connection over loopback: who sends, and who receives.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let socket = TcpStream::connect(address).expect("a connection");
    (socket, listener.accept().expect("a connection").0)
}

#[test]
fn registered_bytes_are_sent_without_copying() {
    let mut ring = ring();
    let buffers = ring.register_buffers(2, 1 << 16).expect("buffers");
    let (socket, mut peer) = connection();
    let mut buf = buffers.lease(1, 100..60_100).expect("free");
    buf.copy_from_slice(&pattern(60_000));
    let send = op::SendZc::registered(socket, buf)
        .flags(MsgFlags::WAITALL)
        .report_usage();
    let ticket = ring.push(send).expect("room");
    ring.submit().expect("submitted");
    let mut got = vec![0; 60_000];
    peer.read_exact(&mut got).expect("what was sent");
    assert!(got == pattern(60_000));
    let sent = ring.wait(ticket).expect("a result");
    assert_eq!((sent.result, sent.copied), (Ok(60_000), Some(true)));
    // Readers share what they send.
    let shared = sent.buf.share();
    let first = op::SendZc::registered(sent.file, shared.clone()).flags(MsgFlags::WAITALL);
    let (second_socket, mut second_peer) = connection();
    let second = op::SendZc::registered(second_socket, shared).flags(MsgFlags::WAITALL);
    let first = ring.push(first).expect("room");
    let second = ring.push(second).expect("room");
    ring.submit().expect("submitted");
    for peer in [&mut peer, &mut second_peer] {
        let mut got = vec![0; 60_000];
        peer.read_exact(&mut got).expect("what was sent");
        assert!(got == pattern(60_000));
    }
    drop((ring.wait(first), ring.wait(second)));
    assert!(buffers.lease(1, ..).is_ok());
    // To an address, from a socket that is not connected.
    let from = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let to = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let mut datagram = buffers.lease(0, ..5).expect("free");
    datagram.copy_from_slice(b"hello");
    let send = op::SendZc::registered(from, datagram).to(to.local_addr().expect("an address"));
    assert_eq!(run(&mut ring, send).result, Ok(5));
    let mut got = [0; 9];
    assert_eq!(to.recv(&mut got).expect("a datagram"), 5);
    assert_eq!(&got[..5], b"hello");
}

/// A send that nobody waits for keeps its bytes until the peer has them, whatever ends it: what was cancelled lies in the
/// socket still, as a reference to them.
#[test]
fn registered_bytes_in_a_send_are_nobody_elses() {
    const LEN: usize = 1 << 22;
    let expected = pattern(LEN);
    for round in 0..10 {
        let mut ring = ring();
        let buffers = ring.register_buffers(1, LEN).expect("buffers");
        let (socket, mut peer) = connection();
        let mut buf = buffers.take().expect("free");
        buf.copy_from_slice(&expected);
        let send = op::SendZc::registered(socket, buf).flags(MsgFlags::WAITALL);
        let ticket = ring.push(send).expect("room");
        ring.submit().expect("submitted");
        // More than the sockets hold, and nobody receives: it is in flight.
        assert!(!ticket.is_done());
        let taken = || buffers.lease(0, ..1).err() == Some(LeaseError::Taken);
        assert!(taken());
        drop(ticket);
        for _ in 0..10 {
            ring.submit().expect("submitted");
            ring.poll().expect("asked");
        }
        assert!(taken(), "it was cancelled, and is not over");
        let receiver = thread::spawn(move || {
            let mut got = Vec::new();
            peer.read_to_end(&mut got).expect("the end");
            got
        });
        if round % 2 == 0 {
            drop(ring);
        } else {
            while !ring.is_empty() {
                run(&mut ring, op::Nop::new()).expect("nothing fails");
            }
        }
        let mut again = buffers.take().expect("it is over");
        again.fill(0xee);
        let got = receiver.join().expect("what was sent");
        assert!(!got.is_empty() && got.len() < LEN);
        assert!(got == expected[..got.len()], "round {round}");
    }
}

#[test]
fn a_send_from_another_rings_buffer_is_refused() {
    let (mut ring, mut other) = (ring(), ring());
    let buffers = ring.register_buffers(1, 64).expect("buffers");
    other.register_buffers(1, 64).expect("buffers");
    let (socket, _peer) = connection();
    let send = op::SendZc::registered(socket, buffers.take().expect("free"));
    let rejected = other.push(send).expect_err("foreign");
    assert_eq!(rejected.reason(), Reason::Foreign);
}

/// The parts are filled in their order, wherever they lie in the buffer.
#[test]
fn parts_of_a_registered_buffer_are_read_and_written() {
    let mut ring = ring();
    let buffers = ring.register_buffers(2, 4096).expect("buffers");
    let lease = |bytes| buffers.lease(1, bytes).expect("free");
    let data = pattern(3000);
    let parts = vec![lease(3000..4000), lease(0..500), lease(1000..2500)];
    let done = run(
        &mut ring,
        op::ReadVectoredFixed::new(file(&data), parts).at(0),
    );
    if let Err(error) = done.result {
        assert_eq!(
            (error.raw_os_error(), error.operation()),
            (libc::EINVAL, "READV_FIXED"),
            "before Linux 6.15"
        );
        return;
    }
    assert_eq!(done.result, Ok(3000));
    assert!(done.buf[0][..] == data[..1000]);
    assert!(done.buf[1][..] == data[1000..1500]);
    assert!(done.buf[2][..] == data[1500..]);
    let shared: Vec<_> = done.buf.into_iter().map(FixedBuf::share).collect();
    let write = op::WriteVectoredFixed::new(file(b"old"), shared).append();
    let done = run(&mut ring, write);
    assert_eq!(done.result, Ok(3000));
    let mut written = [0; 3004];
    assert_eq!(done.file.read_at(&mut written, 0).expect("read"), 3003);
    assert!(written[3..3003] == data);
    // They lie in one buffer of the ring's, or it is refused.
    let elsewhere = buffers.lease(0, ..1).expect("free");
    let here = buffers.lease(1, 4000..).expect("free");
    let rejected = ring
        .push(op::ReadVectoredFixed::new(file(&data), [here, elsewhere]))
        .expect_err("two buffers");
    assert_eq!(rejected.reason(), Reason::Foreign);
    let none: [FixedBuf; 0] = [];
    let rejected = ring
        .push(op::WriteVectoredFixed::new(file(&data), none))
        .expect_err("no part");
    assert_eq!(rejected.reason(), Reason::Foreign);
    // A ticket that is dropped, with a list that lies in the operation or beside it.
    for parts in [2, 20] {
        let (reader, _writer) = UnixStream::pair().expect("sockets");
        let parts: Vec<_> = (0..parts)
            .map(|at| {
                buffers
                    .lease(0, 100 * at + 10..100 * at + 20)
                    .expect("free")
            })
            .collect();
        let ticket = ring
            .push(op::ReadVectoredFixed::new(reader, parts))
            .expect("room");
        ring.submit().expect("submitted");
        drop(ticket);
        assert_eq!(buffers.lease(0, 10..11).err(), Some(LeaseError::Taken));
        while !ring.is_empty() {
            run(&mut ring, op::Nop::new()).expect("nothing fails");
        }
        drop(buffers.lease(0, 10..11).expect("free again"));
    }
}

#[cfg(ring_broken)]
#[test]
fn the_tests_notice() {
    broken::each_is_noticed(&[
        ("more", "registered_bytes_are_sent_without_copying"),
        ("more", "registered_bytes_in_a_send_are_nobody_elses"),
    ]);
}
