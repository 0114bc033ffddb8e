//! What not every kernel has, each by what the kernel says of itself; large entries; sends without a copy.

use std::fmt::Debug;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use safe::uring::raw::capabilities::{Capabilities, SetupFlags, SubFlag};
use safe::uring::raw::cqueue::{self, EntryMarker as Completed};
use safe::uring::raw::opcode::*;
use safe::uring::raw::squeue::{Entry, Entry128, EntryMarker, EntryMixed, Flags};
use safe::uring::raw::types::*;
use safe::uring::raw::{Builder, IoUring};

use crate::{Ring, fd};

fn kernel() -> Capabilities {
    Capabilities::query().expect("the kernel answers")
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn iov(buf: &mut [u8]) -> libc::iovec {
    libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    }
}

fn msghdr() -> libc::msghdr {
    // SAFETY: zero is a value of each of its fields, which are integers and pointers.
    unsafe { std::mem::zeroed() }
}

/// Runs entries together. Their completions come in order, as do those of all that does not wait.
fn run<S: EntryMarker + Debug, C: Completed>(ring: &mut IoUring<S, C>, entries: &[S]) -> Vec<C> {
    // SAFETY: the callers keep what the entries name, and all completions are awaited.
    unsafe { ring.submission().push_multiple(entries) }.expect("room");
    let mut completions: Vec<C> = Vec::new();
    while completions.len() < entries.len() {
        ring.submit_and_wait(entries.len() - completions.len())
            .expect("submitted");
        completions.extend(ring.completion());
    }
    completions
}

#[test]
fn sent_without_a_copy() {
    let mut ring = Ring::new();
    let (a, mut b) = tcp();
    let mut data = *b"in two parts";
    let vec = [iov(&mut data[..6]), iov(&mut data[6..])];
    // SAFETY: the buffer outlives its use: each notification is awaited.
    unsafe { ring.0.submitter().register_buffers(&[iov(&mut data)]) }.unwrap();
    let mut msg = msghdr();
    msg.msg_iov = vec.as_ptr().cast_mut();
    msg.msg_iovlen = 2;
    for entry in [
        SendZc::new(fd(&a), data.as_ptr(), 12).build(),
        SendZc::new(fd(&a), data.as_ptr(), 12)
            .buf_index(Some(0))
            .build(),
        SendZc::vectored(fd(&a), vec.as_ptr(), 2).build(),
        SendMsgZc::new(fd(&a), &msg).build(),
        SendMsgZc::new(fd(&a), &msg).buf_index(Some(0)).build(),
    ] {
        ring.push(entry.clone());
        let mut completions = ring.completions(1);
        assert_eq!(
            completions[0],
            (0, 12, uring_sys::IORING_CQE_F_MORE),
            "{entry:?}"
        );
        let mut got = [0; 12];
        b.read_exact(&mut got).unwrap();
        assert_eq!(got, data, "{entry:?}");
        completions.extend(ring.completions(2 - completions.len().min(2)));
        assert_eq!(completions[1..], [(0, 0, uring_sys::IORING_CQE_F_NOTIF)]);
    }

    // A buffer that is not there, and memory that does not lie in the buffer.
    let none = SendZc::new(fd(&a), data.as_ptr(), 12).buf_index(Some(1));
    let other = *b"elsewhere";
    let elsewhere = SendZc::new(fd(&a), other.as_ptr(), 9).buf_index(Some(0));
    for entry in [none.build(), elsewhere.build()] {
        ring.push(entry);
        let refused = ring.completions(2);
        let expected = [
            (0, -libc::EFAULT, uring_sys::IORING_CQE_F_MORE),
            (0, 0, uring_sys::IORING_CQE_F_NOTIF),
        ];
        assert_eq!(refused, expected);
    }

    // Pieces of a buffer are refused in one way or another before Linux 7.1.
    let pieces = SendZc::vectored(fd(&a), vec.as_ptr(), 2).buf_index(Some(0));
    ring.push(pieces.build());
    let sent = ring.completions(2)[0].1;
    drop(a);
    let mut got = Vec::new();
    b.read_to_end(&mut got).unwrap();
    match sent {
        12 => assert_eq!(got, data),
        refused => {
            assert!(
                [-libc::EINVAL, -libc::EFAULT].contains(&refused),
                "{refused}"
            );
            assert!(got.is_empty());
        }
    }
}

#[test]
fn messages_received() {
    let mut ring = Ring::new();
    let udp = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (from, to) = (udp(), udp());
    from.send_to(b"in two parts", to.local_addr().unwrap())
        .unwrap();
    let (mut first, mut second, mut name) = ([0; 6], [0; 16], [0u8; 32]);
    let mut vec = [iov(&mut first), iov(&mut second)];
    let mut msg = msghdr();
    msg.msg_iov = vec.as_mut_ptr();
    msg.msg_iovlen = 2;
    msg.msg_name = name.as_mut_ptr().cast();
    msg.msg_namelen = 32;
    assert_eq!(ring.run(RecvMsg::new(fd(&to), &mut msg).build()), 12);
    assert_eq!((&first, &second[..6]), (b"in two", &b" parts"[..]));
    assert_eq!((msg.msg_namelen, msg.msg_flags), (16, 0));
    let port = from.local_addr().unwrap().port();
    assert_eq!(name[2..4], port.to_be_bytes());
}

#[test]
fn names_of_sockets() {
    let mut ring = Ring::new();
    let there = kernel().supports_subflag(SubFlag::SocketGetsockname);
    let (a, b) = tcp();
    for (peer, whose) in [(false, &a), (true, &b)] {
        let (mut address, mut len) = ([0u8; 32], 32);
        let get = GetSockName::new(fd(&a), address.as_mut_ptr().cast(), &mut len).peer(peer);
        let result = ring.run(get.build());
        if !there {
            assert_eq!((result, len), (-libc::EOPNOTSUPP, 32));
            continue;
        }
        assert_eq!((result, len), (0, 16));
        let port = whose.local_addr().unwrap().port();
        assert_eq!(address[2..4], port.to_be_bytes());
        assert_eq!(address[4..8], Ipv4Addr::LOCALHOST.octets());
    }
}

#[test]
fn commands_in_large_entries() {
    let mut ring = IoUring::<Entry128>::builder().build(4).unwrap();
    let (mut a, b) = tcp();
    a.write_all(b"hello").unwrap();
    let commands = [
        UringCmd80::new(fd(&b), uring_sys::SOCKET_URING_OP_SIOCINQ).build(),
        UringCmd80::new(fd(&b), u32::MAX).cmd([0xff; 80]).build(),
        // The entry that follows is found where it is.
        Nop::new().result(7).build().into(),
    ];
    let results: Vec<i32> = run(&mut ring, &commands)
        .iter()
        .map(cqueue::Entry::result)
        .collect();
    assert_eq!(results, [5, -libc::EOPNOTSUPP, 7]);
}

#[test]
fn large_nops() {
    let there = kernel().supports_op(Nop128::CODE);
    let mut ring = IoUring::<Entry128>::builder().build(4).unwrap();
    let nop = Nop128::new().result(9).build().user_data(1);
    let completions = run(&mut ring, &[nop]);
    let expected = if there { 9 } else { -libc::EINVAL };
    assert_eq!(
        (completions[0].user_data(), completions[0].result()),
        (1, expected)
    );

    let mut ring = IoUring::<Entry128, cqueue::Entry32>::builder()
        .build(4)
        .unwrap();
    let nop = Nop128::new().result(9).cqe32(10, 11).build();
    let completions = run(&mut ring, &[nop]);
    assert_eq!(completions[0].result(), expected);
    let extra = if there { [10, 11] } else { [0, 0] };
    assert_eq!(completions[0].big_cqe(), &extra);
}

#[test]
fn entries_of_both_sizes() {
    let there = kernel().setup_flags().contains(SetupFlags::SQE_MIXED);
    let builder: Builder<EntryMixed> = IoUring::builder();
    let mut ring = match builder.build(8) {
        Ok(ring) => ring,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
            return assert!(!there, "refused, though it is there");
        }
    };
    assert!(there, "accepted, though it is not there");
    let (mut a, b) = tcp();
    a.write_all(b"hello").unwrap();
    let inq = uring_sys::SOCKET_URING_OP_SIOCINQ;
    // Six slots a round of a queue of eight: the second round has to go past its end.
    for round in 0..5 {
        let completions = run(
            &mut ring,
            &[
                Nop::new().result(round).build().into(),
                Nop128::new().result(round + 10).build().into(),
                UringCmd128::new(fd(&b), inq).build().into(),
                SocketInq::new(fd(&b)).build().into(),
            ],
        );
        let results: Vec<i32> = completions.iter().map(cqueue::Entry::result).collect();
        assert_eq!(results, [round, round + 10, 5, 5]);
    }
}

#[test]
fn times_in_the_entry() {
    let there = kernel().supports_subflag(SubFlag::TimeoutImmediateArg);
    let mut ring = Ring::new();
    let (soon, late) = (Duration::from_nanos(1), Duration::from_secs(3600));
    let hour = Timespec::new().sec(3600);
    let (_a, b) = tcp();
    let mut byte = 0;
    let mut limited = |time| {
        [
            Recv::new(fd(&b), &raw mut byte, 1)
                .build()
                .flags(Flags::IO_LINK),
            LinkTimeout::immediate(time).build(),
        ]
    };
    let update = TimeoutUpdate::immediate(0, soon).build();
    if !there {
        assert_eq!(ring.run(Timeout::immediate(soon).build()), -libc::EINVAL);
        assert_eq!(
            ring.run_all(limited(soon)),
            [-libc::ECANCELED, -libc::EINVAL]
        );
        let [timeout, updated, cancelled] = ring.run_all([
            Timeout::new(&hour).build(),
            update,
            AsyncCancel::new(0).build(),
        ]);
        let expected = (-libc::ECANCELED, -libc::EINVAL, 0);
        return assert_eq!((timeout, updated, cancelled), expected);
    }
    assert_eq!(ring.run(Timeout::immediate(soon).build()), -libc::ETIME);
    assert_eq!(
        ring.run_all(limited(soon)),
        [-libc::ECANCELED, -libc::ETIME]
    );
    // Later than all this.
    let [timeout, updated] = ring.run_all([Timeout::new(&hour).build(), update]);
    assert_eq!((timeout, updated), (-libc::ETIME, 0));
    let [timeout, cancelled] = ring.run_all([
        Timeout::immediate(late).build(),
        AsyncCancel::new(0).build(),
    ]);
    assert_eq!((timeout, cancelled), (-libc::ECANCELED, 0));
    let [receive, limit] = limited(late);
    let [received, limit, cancelled] = ring.run_all([receive, limit, AsyncCancel::new(0).build()]);
    let expected = (-libc::ECANCELED, -libc::ECANCELED, 0);
    assert_eq!((received, limit, cancelled), expected);
}

/// On a ring that could have a queue.
#[test]
fn receiving_without_a_queue() {
    let mut builder = IoUring::<Entry, cqueue::Entry32>::builder();
    let mut ring = builder
        .setup_single_issuer()
        .setup_defer_taskrun()
        .build(4)
        .unwrap();
    let (mut a, b) = tcp();
    a.write_all(b"stays").unwrap();
    for ifq in [0, 5] {
        let completions = run(&mut ring, &[RecvZc::new(fd(&b), 0).ifq(ifq).build()]);
        assert_eq!(completions[0].result(), -libc::EINVAL);
    }
    let mut got = [0; 5];
    (&b).read_exact(&mut got).unwrap();
    assert_eq!(&got, b"stays");
}

/// An ordinary file has no integrity metadata to transfer.
#[test]
fn protection_information() {
    let mut ring = Ring::new();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"kept").unwrap();
    let (mut buf, pi) = (*b"data", uring_sys::io_uring_attr_pi::default());
    let refused = [
        Read::new(fd(&file), buf.as_mut_ptr(), 4).attr(&pi).build(),
        Write::new(fd(&file), buf.as_ptr(), 4).attr(&pi).build(),
    ];
    for result in refused.map(|entry| ring.run(entry)) {
        assert!(
            [-libc::EINVAL, -libc::EOPNOTSUPP].contains(&result),
            "{result}"
        );
    }
    assert_eq!(&buf, b"data");
    assert_eq!(file.metadata().unwrap().len(), 4);
}
