//! Sockets through the ring without unsafe: every operation, on real sockets, with every byte checked.

#![forbid(unsafe_code)]
#![cfg(feature = "uring")]

mod support {
    pub(crate) mod older;
}

use std::fmt::Debug;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram, UnixStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use safe::uring::op::{self, ControlMessage, End, ReceivedControl, SentControl, SockOpt};
use safe::uring::raw::types::MsgFlags;
use safe::uring::{Addr, BufGroup, Family, Ring};
use support::older::{differs, here};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn ring() -> Ring {
    Ring::new(16).unwrap()
}

fn run<O: op::Operation + 'static>(ring: &mut Ring, operation: O) -> O::Output {
    let ticket = ring.push(operation).unwrap();
    ring.wait(ticket).unwrap()
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (ours, listener.accept().unwrap().0)
}

fn udp() -> (UdpSocket, UdpSocket) {
    let [ours, theirs] = [(); 2].map(|()| UdpSocket::bind(ANY).unwrap());
    theirs.connect(ours.local_addr().unwrap()).unwrap();
    (ours, theirs)
}

/// Bytes that differ from place to place.
fn data(seed: usize, len: usize) -> Vec<u8> {
    (seed..seed + len).map(|n| ((n * 31) >> 3) as u8).collect()
}

#[track_caller]
fn errno<T: Debug>(result: Result<T, op::Error>) -> i32 {
    result.unwrap_err().raw_os_error()
}

/// A server and its client, from the first operation to the last, both through the ring.
fn a_connection(family: Family, address: Addr) {
    let mut ring = ring();
    let server = run(&mut ring, op::Socket::new(family, op::SocketType::STREAM)).unwrap();
    let bound = run(&mut ring, op::Bind::new(server, address));
    if here("BIND", (6, 11), bound.result).is_none() {
        return;
    }
    let listening = run(&mut ring, op::Listen::new(bound.file, 8));
    listening.result.unwrap();
    let server = listening.file;
    let address = if family == Family::UNIX {
        address
    } else {
        let listener = TcpListener::from(server.try_clone().unwrap());
        listener.local_addr().unwrap().into()
    };

    let client = run(&mut ring, op::Socket::new(family, op::SocketType::STREAM)).unwrap();
    let accept = ring.push(op::Accept::new(server)).unwrap();
    let connected = run(&mut ring, op::Connect::new(client, address));
    connected.result.unwrap();
    let accepted = ring.wait(accept).unwrap();
    let (connection, peer) = accepted.result.unwrap();
    if family == Family::UNIX {
        assert!(peer.unix().unwrap().is_unnamed());
    } else {
        let client = TcpStream::from(connected.file.try_clone().unwrap());
        assert_eq!(peer.ip(), Some(client.local_addr().unwrap()));
    }

    // More than fits the sockets, so that both sides must go on.
    let sent = data(1, 1 << 20);
    let send = op::Send::new(connected.file, sent.clone()).flags(MsgFlags::WAITALL);
    let send = ring.push(send).unwrap();
    let receive = op::Recv::new(connection, Vec::with_capacity(1 << 20)).flags(MsgFlags::WAITALL);
    let receive = ring.push(receive).unwrap();
    let done = ring.wait(send).unwrap();
    assert_eq!(done.result, Ok(1 << 20));
    let received = ring.wait(receive).unwrap();
    assert_eq!(received.result, Ok(1 << 20));
    assert!(received.buf == sent && done.buf == sent);

    let shut = run(&mut ring, op::Shutdown::new(done.file, Shutdown::Write));
    shut.result.unwrap();
    let end = run(&mut ring, op::Recv::new(received.file, vec![0; 10]));
    assert_eq!(end.result, Ok(0));
    let broken = run(&mut ring, op::Send::new(shut.file, "more"));
    assert_eq!(errno(broken.result), 32);
}

#[test]
fn tcp_from_socket_to_shutdown() {
    a_connection(Family::INET, SocketAddr::from(ANY).into());
}

#[test]
fn unix_from_socket_to_shutdown() {
    let name = format!("safe-ring-net-{}", std::process::id());
    let addr = net::SocketAddr::from_abstract_name(name).unwrap();
    a_connection(Family::UNIX, addr.into());
    let folder = tempfile::tempdir().unwrap();
    let path = Addr::path(folder.path().join("socket")).unwrap();
    a_connection(Family::UNIX, path);
}

/// Sockets of IPv6, if this machine has it.
#[test]
fn addresses_of_ipv6() {
    let mut ring = ring();
    let ours = UdpSocket::bind("[::1]:0").unwrap();
    let theirs = UdpSocket::bind("[::1]:0").unwrap();
    let (to, from) = (ours.local_addr().unwrap(), theirs.local_addr().unwrap());
    assert_eq!(
        run(&mut ring, op::Send::new(theirs, "six").to(to)).result,
        Ok(3)
    );
    let message = run(&mut ring, op::RecvMsg::new(ours, [vec![0; 3]]));
    assert_eq!((message.result, message.peer.ip()), (Ok(3), Some(from)));
    assert_eq!(message.bufs, [b"six"]);
}

#[test]
fn many_connections_from_one_accept() {
    let mut ring = ring();
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let mut stream = ring
        .push_multishot(op::AcceptMultishot::new(listener))
        .unwrap();
    for round in 0..20 {
        let mut client = TcpStream::connect(address).unwrap();
        let accepted = ring.next(&mut stream).unwrap().unwrap().unwrap();
        let mut accepted = TcpStream::from(accepted);
        assert_eq!(accepted.peer_addr().unwrap(), client.local_addr().unwrap());
        client.write_all(&[round; 9]).unwrap();
        let mut got = [0; 9];
        accepted.read_exact(&mut got).unwrap();
        assert_eq!(got, [round; 9]);
    }
    assert!(!stream.is_over());
}

/// Who is not a listener ends at once, and says why.
#[test]
fn a_stream_that_fails() {
    let mut ring = ring();
    let (ours, _theirs) = tcp();
    let mut stream = ring.push_multishot(op::AcceptMultishot::new(ours)).unwrap();
    let error = ring.next(&mut stream).unwrap().unwrap().unwrap_err();
    assert_eq!((error.raw_os_error(), error.operation()), (22, "ACCEPT"));
    assert!(ring.next(&mut stream).unwrap().is_none());
    assert_eq!(stream.finish().unwrap().end, End::Failed(error));
}

#[test]
fn datagrams_with_addresses() {
    let mut ring = ring();
    let [ours, theirs] = [(); 2].map(|()| Arc::new(UdpSocket::bind(ANY).unwrap()));
    let to = ours.local_addr().unwrap();
    for (round, len) in [0, 1, 100, 1472, 60_000].into_iter().enumerate() {
        let sent = data(round, len);
        let send = op::Send::new(theirs.clone(), sent.clone()).to(to);
        assert_eq!(run(&mut ring, send).result, Ok(len));
        let message = run(
            &mut ring,
            op::RecvMsg::new(ours.clone(), [Vec::with_capacity(64_000)]),
        );
        assert_eq!(message.result, Ok(len));
        assert_eq!(message.peer.ip(), Some(theirs.local_addr().unwrap()));
        assert_eq!(
            (message.flags, &message.bufs[0]),
            (MsgFlags::empty(), &sent)
        );
    }
    // Gathered, sent, and scattered.
    let parts = [data(1, 10), data(2, 20), data(3, 30)];
    let send = op::SendMsg::new(theirs.clone(), parts.clone()).to(to);
    let sent = run(&mut ring, send);
    assert_eq!((sent.result, &sent.buf), (Ok(60), &parts));
    let rooms = [15, 0, 100].map(Vec::with_capacity);
    let message = run(&mut ring, op::RecvMsg::new(ours, rooms));
    assert_eq!(message.result, Ok(60));
    assert_eq!(message.bufs.concat(), parts.concat());
    assert_eq!(message.bufs[0].len(), 15);
}

/// A message that is longer than its buffer: cut, and with `MSG_TRUNC` its length told, and nothing shown that was not
/// written.
#[test]
fn datagrams_that_are_cut() {
    let mut ring = ring();
    let (ours, theirs) = udp();
    let ours = Arc::new(ours);
    for _ in 0..4 {
        theirs.send(&data(7, 100)).unwrap();
    }
    let cut = run(&mut ring, op::RecvMsg::new(ours.clone(), [vec![0; 40]]));
    assert_eq!((cut.result, cut.flags), (Ok(40), MsgFlags::TRUNC));
    let flags = MsgFlags::TRUNC;
    let told = op::RecvMsg::new(ours.clone(), [Vec::with_capacity(30)]).flags(flags);
    let told = run(&mut ring, told);
    assert_eq!((told.result, told.flags), (Ok(100), MsgFlags::TRUNC));
    assert_eq!(told.bufs[0], data(7, 100)[..told.bufs[0].len()]);
    let told = run(
        &mut ring,
        op::Recv::new(ours.clone(), Vec::with_capacity(30)).flags(flags),
    );
    assert_eq!(told.result, Ok(100));
    assert_eq!(told.buf, data(7, 100)[..told.buf.len()]);

    // TCP counts what it throws away.
    let (ours, mut theirs) = tcp();
    theirs.write_all(&data(7, 10)).unwrap();
    let thrown = op::Recv::new(ours, Vec::with_capacity(10)).flags(flags);
    let thrown = run(&mut ring, thrown);
    assert_eq!((thrown.result, thrown.buf), (Ok(10), vec![0; 10]));
}

/// Flags without a name, that would change who uses which memory, do not get to the kernel.
#[test]
fn flags_that_are_nobodys_business() {
    let mut ring = ring();
    let (ours, theirs) = tcp();
    let all = MsgFlags::from_bits_retain(!0).difference(
        // These would make it another send.
        MsgFlags::OOB | MsgFlags::FASTOPEN | MsgFlags::ERRQUEUE | MsgFlags::MORE,
    );
    let sent = run(&mut ring, op::Send::new(theirs, data(1, 100)).flags(all));
    assert_eq!(sent.result, Ok(100));
    let flags = MsgFlags::from_bits_retain(1 << 25 | 1 << 26 | 1 << 31);
    let got = run(
        &mut ring,
        op::Recv::new(ours, Vec::with_capacity(100)).flags(flags),
    );
    assert_eq!((got.result, got.buf), (Ok(100), data(1, 100)));
}

#[test]
fn descriptors_travel() {
    let mut ring = ring();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut files = [(); 3].map(|()| tempfile::tempfile().unwrap());
    for (index, file) in files.iter_mut().enumerate() {
        file.write_all(&data(index, 50)).unwrap();
    }
    let control = SentControl::new().fds(files);
    let sent = run(
        &mut ring,
        op::SendMsg::new(theirs, ["with files"]).control(control),
    );
    assert_eq!(sent.result, Ok(10));
    let room = ReceivedControl::with_room(ReceivedControl::space(3 * 4));
    let message = op::RecvMsg::new(ours, [Vec::with_capacity(20)]).control(room);
    let mut message = run(&mut ring, message);
    assert_eq!(message.bufs, [b"with files"]);
    let found: Vec<_> = message.control.messages().collect();
    assert_eq!(found, [ControlMessage::Rights(3)]);
    let files: Vec<File> = message.control.take_fds().map(File::from).collect();
    assert_eq!(files.len(), 3);
    for (index, file) in files.iter().enumerate() {
        use std::os::unix::fs::FileExt;
        let mut got = [0; 50];
        file.read_exact_at(&mut got, 0).unwrap();
        assert_eq!(got[..], data(index, 50));
    }
    assert!(message.control.take_fds().next().is_none());
}

#[test]
fn times_addresses_and_credentials_come_with_messages() {
    let mut ring = ring();
    let before = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let (ours, theirs) = udp();
    let mut file = ours;
    for option in [SockOpt::TIMESTAMPNS, SockOpt::IP_PKTINFO] {
        let set = run(&mut ring, op::SetSockOpt::new(file, option, 1));
        if here("SETSOCKOPT", (6, 7), set.result).is_none() {
            return;
        }
        file = set.file;
    }
    let send = |theirs: &UdpSocket| theirs.send(b"stamped").unwrap();
    let check = |found: Vec<ControlMessage<'_>>| {
        let after = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let [
            ControlMessage::Timestamp(time),
            ControlMessage::Other {
                level: 0,
                kind: 8,
                data,
            },
        ] = found[..]
        else {
            panic!("{found:?}");
        };
        assert!(
            (before..=after + Duration::from_secs(1)).contains(&time),
            "{time:?}"
        );
        // Interface, address that it was received at, and destination.
        assert_eq!((data.len(), &data[8..]), (12, &[127, 0, 0, 1][..]));
    };
    let room = ReceivedControl::space(16) + ReceivedControl::space(12);
    send(&theirs);
    let control = ReceivedControl::with_room(room);
    let message = op::RecvMsg::new(file, [vec![0; 7]]).control(control);
    let message = run(&mut ring, message);
    assert_eq!(
        (message.result, &message.bufs),
        (Ok(7), &[b"stamped".to_vec()])
    );
    check(message.control.messages().collect());

    // Too little room: cut, and told.
    send(&theirs);
    let control = ReceivedControl::with_room(ReceivedControl::space(16));
    let cut = op::RecvMsg::new(message.file, [vec![0; 7]]).control(control);
    let cut = run(&mut ring, cut);
    assert_eq!(cut.control.messages().count(), 1);
    assert_ne!(cut.flags.bits() & 8, 0, "MSG_CTRUNC");

    // The same into lent buffers, once and again and again.
    let group = BufGroup::builder(4, 256).register(&mut ring).unwrap();
    send(&theirs);
    let control = ReceivedControl::with_room(room);
    let message = op::RecvMsgSelect::new(cut.file, &group).control(control);
    let message = run(&mut ring, message);
    assert_eq!(*message.result.unwrap(), *b"stamped");
    assert_eq!(message.peer.ip(), Some(theirs.local_addr().unwrap()));
    check(message.control.messages().collect());
    let receive = op::RecvMsgMultishot::new(message.file, &group)
        .control_room(room as u32)
        .peer_room(28);
    let mut stream = ring.push_multishot(receive).unwrap();
    for _ in 0..10 {
        send(&theirs);
        let message = ring.next(&mut stream).unwrap().unwrap().unwrap();
        assert_eq!(message.data(), b"stamped");
        assert_eq!(message.peer().ip(), Some(theirs.local_addr().unwrap()));
        check(message.control().collect());
    }

    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let set = run(&mut ring, op::SetSockOpt::new(ours, SockOpt::PASSCRED, 1));
    set.result.unwrap();
    theirs.send(b"me").unwrap();
    let control = ReceivedControl::with_room(ReceivedControl::space(12));
    let message = run(
        &mut ring,
        op::RecvMsg::new(set.file, [vec![0; 2]]).control(control),
    );
    let found: Vec<_> = message.control.messages().collect();
    assert!(
        matches!(found[..], [ControlMessage::Credentials { pid, .. }] if pid == std::process::id()),
        "{found:?}"
    );
}

#[test]
fn control_messages_that_may_lead_to_memory_are_refused() {
    let fd = 0i32.to_ne_bytes();
    assert!(SentControl::new().message(1, 1, &fd).is_err(), "SCM_RIGHTS");
    assert!(
        SentControl::new().message(276, 1, &[0; 48]).is_err(),
        "SOL_RDS"
    );
    // A segment size for UDP does what it says.
    let mut ring = ring();
    let (ours, theirs) = udp();
    let control = SentControl::new()
        .message(17, 103, &500u16.to_ne_bytes())
        .unwrap();
    let sent = run(
        &mut ring,
        op::SendMsg::new(theirs, [data(0, 1200)]).control(control),
    );
    assert_eq!(sent.result, Ok(1200));
    let mut got = [0; 2000];
    let lens = [(); 3].map(|()| ours.recv(&mut got).unwrap());
    assert_eq!(lens, [500, 500, 200]);
}

#[test]
fn zero_copy_over_loopback() {
    let mut ring = ring();
    let (ours, mut theirs) = tcp();
    let (sent, expected) = (data(5, 1 << 20), data(5, 1 << 20));
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; 1 << 20];
        theirs.read_exact(&mut got).unwrap();
        (theirs, got)
    });
    let send = op::SendZc::new(ours, sent)
        .report_usage()
        .flags(MsgFlags::WAITALL);
    let done = run(&mut ring, send);
    assert_eq!((done.result, done.copied), (Ok(1 << 20), Some(true)));
    let (theirs, got) = reader.join().unwrap();
    assert!(got == expected && done.buf == expected);

    let parts = [data(1, 5000), data(2, 6000)];
    let send = op::SendMsgZc::new(done.file, parts.clone());
    let done = run(&mut ring, send);
    assert_eq!(
        (done.result, done.copied, &done.buf),
        (Ok(11_000), None, &parts)
    );
    let mut got = vec![0; 11_000];
    (&theirs).read_exact(&mut got).unwrap();
    assert_eq!(got, parts.concat());
    let send = op::SendMsgZc::new(done.file, [data(3, 9)]).report_usage();
    let done = run(&mut ring, send);
    assert!(done.copied.is_some());

    // Datagrams, to an address.
    let (ours, theirs) = udp();
    let to = ours.local_addr().unwrap();
    let theirs = {
        drop(theirs);
        UdpSocket::bind(ANY).unwrap()
    };
    let done = run(&mut ring, op::SendZc::new(theirs, data(4, 1400)).to(to));
    assert_eq!((done.result, done.copied), (Ok(1400), None));
    let done = run(
        &mut ring,
        op::SendMsgZc::new(done.file, [data(6, 700)]).to(to),
    );
    assert_eq!(done.result, Ok(700));
    let mut got = [0; 2000];
    assert_eq!(ours.recv(&mut got).unwrap(), 1400);
    assert_eq!(got[..1400], data(4, 1400));
    assert_eq!(ours.recv(&mut got).unwrap(), 700);
    assert_eq!(got[..700], data(6, 700));

    // Who cannot says so, and gives the buffer back.
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let failed = run(&mut ring, op::SendZc::new(ours, data(1, 10)).report_usage());
    assert_eq!((errno(failed.result), failed.buf), (95, data(1, 10)));
}

#[test]
fn commands_to_sockets() {
    let mut ring = ring();
    let (ours, mut theirs) = tcp();
    theirs.write_all(&data(0, 77)).unwrap();
    let wait = op::Recv::new(ours, vec![0; 77]).flags(MsgFlags::PEEK | MsgFlags::WAITALL);
    let peeked = run(&mut ring, wait);
    assert_eq!(peeked.result, Ok(77));
    let waiting = run(&mut ring, op::BytesToReceive::new(peeked.file));
    let Some(count) = here("SIOCINQ", (6, 7), waiting.result) else {
        return;
    };
    assert_eq!(count, 77);
    let sent = run(&mut ring, op::BytesToSend::new(waiting.file));
    assert_eq!(sent.result, Ok(0));

    let set = run(
        &mut ring,
        op::SetSockOpt::new(sent.file, SockOpt::TCP_NODELAY, 1),
    );
    set.result.unwrap();
    assert!(set.file.nodelay().unwrap());
    let kind = run(&mut ring, op::GetSockOpt::new(set.file, SockOpt::TYPE));
    assert_eq!(kind.result, Ok(op::SocketType::STREAM.0));
    // Of other levels the kernel tells nothing this way.
    let other = run(
        &mut ring,
        op::GetSockOpt::new(kind.file, SockOpt::TCP_NODELAY),
    );
    assert_eq!(errno(other.result), 95);
    let here = other.file.local_addr().unwrap();
    // Since Linux 6.19.
    match run(&mut ring, op::GetSockName::new(other.file)).result {
        Ok(addr) => assert_eq!(addr.ip(), Some(here)),
        Err(error) => assert_eq!(error.raw_os_error(), 95),
    }
}

#[test]
fn bad_input_is_an_error_with_a_name() {
    let mut ring = ring();
    let bad = run(
        &mut ring,
        op::Socket::new(Family(9999), op::SocketType::STREAM),
    );
    let error = bad.unwrap_err();
    assert_eq!((error.raw_os_error(), error.operation()), (97, "SOCKET"));
    let socket = || OwnedFd::from(TcpListener::bind(ANY).unwrap());
    let no_addr = op::Bind::new(socket(), Addr::none());
    assert_eq!(errno(run(&mut ring, no_addr).result), 22);
    let gone = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
    let stream = run(
        &mut ring,
        op::Socket::new(Family::INET, op::SocketType::STREAM),
    )
    .unwrap();
    let refused = run(&mut ring, op::Connect::new(stream, gone));
    assert_eq!(errno(refused.result), 111);
    let shut = run(&mut ring, op::Shutdown::new(refused.file, Shutdown::Both));
    assert_eq!(errno(shut.result), 107);
    let file = File::open("/proc/self/exe").unwrap();
    let not = run(&mut ring, op::Send::new(file, "x"));
    assert_eq!((errno(not.result), not.buf), (88, "x"));
    let not = run(&mut ring, op::RecvMsg::new(not.file, [vec![1; 3]]));
    assert_eq!((errno(not.result), not.bufs), (88, [vec![1; 3]]));
    assert!(not.peer.is_none() && not.control.messages().next().is_none());
    let none = op::Accept::new(socket()).dont_wait();
    let refused = errno(run(&mut ring, none).result);
    assert!(refused == 11 || differs("an accept that does not wait", (6, 10)));
    // A buffer that is too small for the header of a message.
    let group = BufGroup::builder(2, 64).register(&mut ring).unwrap();
    let (ours, theirs) = udp();
    theirs.send(b"x").unwrap();
    let receive = op::RecvMsgMultishot::new(ours, &group);
    let mut stream = ring.push_multishot(receive).unwrap();
    assert_eq!(errno(ring.next(&mut stream).unwrap().unwrap()), 14);
    assert!(ring.next(&mut stream).unwrap().is_none());
    assert_eq!(group.available(), 2);
}

/// With borrowed sockets and buffers, in a scope.
#[test]
fn borrowed_on_the_stack() {
    let mut ring = ring();
    let (ours, theirs) = tcp();
    let (sent, mut got) = (data(3, 5000), [0; 5000]);
    ring.scope(|scope| {
        let send = scope
            .push(op::Send::new(theirs.as_fd(), &sent[..]))
            .unwrap();
        let receive = op::Recv::new(&ours, &mut got[..]).flags(MsgFlags::WAITALL);
        let receive = scope.push(receive).unwrap();
        assert_eq!(scope.wait(send).unwrap().result, Ok(5000));
        assert_eq!(scope.wait(receive).unwrap().result, Ok(5000));
    });
    assert_eq!(got[..], sent);
}

/// Messages into buffers of a group, whole and cut, in plain and incremental groups; what had no room is told.
#[test]
fn messages_in_lent_buffers() {
    let mut ring = ring();
    for incremental in [false, true] {
        let mut builder = BufGroup::builder(8, 512);
        if incremental {
            builder = builder.incremental();
        }
        let Some(group) = here("an incremental group", (6, 12), builder.register(&mut ring)) else {
            return;
        };
        for flags in [MsgFlags::empty(), MsgFlags::TRUNC] {
            let (ours, theirs) = udp();
            let receive = op::RecvMsgMultishot::new(ours, &group).peer_room(16);
            let receive = receive.flags(flags);
            let mut stream = ring.push_multishot(receive).unwrap();
            ring.submit().unwrap();
            let mut cut = 0;
            for (round, len) in [1, 100, 480, 481, 2000, 5, 300, 0].into_iter().enumerate() {
                let sent = data(round, len);
                theirs.send(&sent).unwrap();
                let Some(item) = ring.next(&mut stream).unwrap() else {
                    panic!(
                        "it ended in round {round}: {:?}",
                        stream.finish().map(|e| e.end)
                    );
                };
                let message = item.unwrap();
                let got = message.data().len();
                assert_eq!(message.data(), &sent[..got], "round {round}");
                assert_eq!(message.peer().ip(), Some(theirs.local_addr().unwrap()));
                assert_eq!(message.flags().contains(MsgFlags::TRUNC), got < len);
                cut += usize::from(got < len);
                // All that fits behind header and address.
                assert!(incremental || got == len.min(512 - 16 - 16));
            }
            assert!(cut >= 2);
            // The one of no bytes has ended it.
            assert!(ring.next(&mut stream).unwrap().is_none());
            assert_eq!(stream.finish().unwrap().end, End::Stopped);
        }
        while !ring.is_empty() {
            ring.submit().unwrap();
            ring.poll().unwrap();
        }
        // Of an incremental group the rest of one buffer is in the kernel's ring still.
        assert_eq!(group.available(), 8);
    }
}
