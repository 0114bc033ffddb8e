//! Sockets, and commands to them.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::*;

use crate::{Ring, fd};

#[test]
fn connections() {
    let mut ring = Ring::new();
    let new = |flags| Socket::new(libc::AF_INET, libc::SOCK_STREAM | flags, 0);
    let server = ring.run(new(libc::SOCK_CLOEXEC).build());
    let client = ring.run(new(0).build());
    assert!(server > 2 && client > 2);

    // SAFETY: zero is a value of each of its fields, which are integers.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_addr.s_addr = u32::from(Ipv4Addr::LOCALHOST).to_be();
    let pointer = (&raw mut address).cast::<libc::sockaddr>();
    let mut len = size_of_val(&address) as u32;
    assert_eq!(ring.run(Bind::new(Fd(server), pointer, len).build()), 0);
    assert_eq!(ring.run(Listen::new(Fd(server), 4).build()), 0);
    // SAFETY: the address has as much room as `len` says.
    assert_eq!(unsafe { libc::getsockname(server, pointer, &mut len) }, 0);

    let none = Accept::new(Fd(server), std::ptr::null_mut(), std::ptr::null_mut());
    let none = none.with_ioprio(AcceptFlags::DONTWAIT).build();
    assert_eq!(ring.run(none), -libc::EAGAIN);
    assert_eq!(ring.run(Connect::new(Fd(client), pointer, len).build()), 0);
    ring.0.submitter().register_files_sparse(2).unwrap();
    let accept = Accept::new(Fd(server), pointer, &mut len).with_flags(SocketFlags::CLOEXEC);
    let accepted = ring.run(accept.build());
    assert!(accepted > 2);

    // The second of two connections lands in a slot.
    let another = ring.run(new(0).build());
    // SAFETY: as above.
    assert_eq!(unsafe { libc::getsockname(server, pointer, &mut len) }, 0);
    assert_eq!(ring.run(Connect::new(Fd(another), pointer, len).build()), 0);
    ring.push(
        AcceptMulti::new(Fd(server))
            .allocate_file_index(true)
            .build()
            .user_data(1),
    );
    let [(1, 0, flags)] = ring.completions(1)[..] else {
        panic!("no slot")
    };
    assert_ne!(flags & uring_sys::IORING_CQE_F_MORE, 0);
    let cancel = AsyncCancel2::new(CancelBuilder::opcode(Accept::CODE).and_fd(Fd(server)));
    ring.push(cancel.build().user_data(2));
    let mut ended = ring.completions(2);
    ended.sort();
    assert_eq!(ended, [(1, -libc::ECANCELED, 0), (2, 0, 0)]);

    let mut value = 0i32;
    let option = (libc::SOL_SOCKET as u32, libc::SO_KEEPALIVE as u32);
    let on = SetSockOpt::new(Fixed(0), option.0, option.1, (&raw const client).cast(), 4);
    assert_eq!(ring.run(on.build()), 0);
    let get = GetSockOpt::new(Fixed(0), option.0, option.1, (&raw mut value).cast(), 4);
    assert_eq!((ring.run(get.build()), value), (4, 1));

    assert_eq!(
        ring.run(Send::new(Fd(client), b"hello".as_ptr(), 5).build()),
        5
    );
    let mut buf = [0u8; 5];
    let peek = Recv::new(Fd(accepted), buf.as_mut_ptr(), 5).with_flags(MsgFlags::PEEK);
    assert_eq!(
        ring.run(peek.with_ioprio(SendRecvFlags::POLL_FIRST).build()),
        5
    );
    assert_eq!(ring.run(SocketInq::new(Fd(accepted)).build()), 5);
    assert!(ring.run(SocketOutq::new(Fd(accepted)).build()) == 0);
    assert_eq!(
        ring.run(TxTimestamp::new(Fd(accepted)).build()),
        -libc::EINVAL
    );
    assert_eq!(
        ring.run(Shutdown::new(Fd(client), libc::SHUT_WR).build()),
        0
    );
    for socket in [server, client, accepted, another] {
        assert_eq!(ring.run(Close::new(Fd(socket)).build()), 0);
    }
}

#[test]
fn sending() {
    let mut ring = Ring::new();
    let (a, mut b) = UnixStream::pair().unwrap();
    let mut data = *b"twoparts";
    let iov = |buf: &mut [u8]| libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    let vec = [iov(&mut data[..3]), iov(&mut data[3..])];
    assert_eq!(ring.run(Send::vectored(fd(&a), vec.as_ptr(), 2).build()), 8);
    let mut msg = msghdr();
    msg.msg_iov = vec.as_ptr().cast_mut();
    msg.msg_iovlen = 2;
    assert_eq!(
        ring.run(
            SendMsg::new(fd(&a), &msg)
                .with_flags(MsgFlags::NOSIGNAL)
                .build()
        ),
        8
    );
    let mut got = [0; 16];
    b.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"twopartstwoparts");

    let (from, to) = (udp(), udp());
    let SocketAddr::V4(v4) = to.local_addr().unwrap() else {
        panic!("not IPv4")
    };
    // SAFETY: zero is a value of each of its fields, which are integers.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_port = v4.port().to_be();
    address.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
    let destination = (&raw const address).cast();
    let len = size_of_val(&address) as u32;
    let send = Send::new(fd(&from), b"to".as_ptr(), 2)
        .dest_addr(destination)
        .dest_addr_len(len);
    assert_eq!(ring.run(send.build()), 2);

    // The result, then the notification, which tells that the loopback device copied.
    let mut buffer = *b"zero";
    // SAFETY: the buffer outlives its use: the notification is awaited.
    unsafe { ring.0.submitter().register_buffers(&[iov(&mut buffer)]) }.unwrap();
    let send = SendZc::new(fd(&from), buffer.as_ptr(), 4)
        .buf_index(Some(0))
        .with_zc_flags(SendRecvFlags::REPORT_USAGE)
        .dest_addr(destination)
        .dest_addr_len(len);
    ring.push(send.build());
    let both = ring.completions(2);
    let notification = uring_sys::IORING_NOTIF_USAGE_ZC_COPIED as i32;
    assert_eq!(
        both,
        [
            (0, 4, uring_sys::IORING_CQE_F_MORE),
            (0, notification, uring_sys::IORING_CQE_F_NOTIF)
        ]
    );
}

#[test]
fn receiving_into_provided_buffers() {
    let mut ring = Ring::new();
    let mut memory = [0u8; 256];
    provide(&mut ring, &mut memory);

    let (from, to) = (udp(), udp());
    let mut room = msghdr();
    room.msg_namelen = 16;
    ring.push(RecvMsgMulti::new(fd(&to), &room, 1).build().user_data(7));
    from.send_to(b"message", to.local_addr().unwrap()).unwrap();
    let [(7, result, flags)] = ring.completions(1)[..] else {
        panic!("not one")
    };
    assert_eq!(result, 16 + 16 + 7);
    assert_ne!(flags & uring_sys::IORING_CQE_F_MORE, 0);
    let id = (flags >> uring_sys::IORING_CQE_BUFFER_SHIFT) as usize;
    let message = RecvMsgOut::parse(&memory[id * 64..][..64], &room).unwrap();
    assert_eq!(message.payload_data(), b"message");
    assert_eq!(
        message.name_data()[2..4],
        from.local_addr().unwrap().port().to_be_bytes()
    );
    assert!(!message.is_name_data_truncated() && !message.is_payload_truncated());

    // Ends by name of what it is, not by user data. 6.1.192 takes the flag that asks for both (a backport) and goes
    // by the descriptor alone: there the wrong user data ends it.
    let cancel = |user_data| {
        let what = CancelBuilder::fd(fd(&to)).and_user_data(user_data);
        AsyncCancel2::new(what).build()
    };
    ring.push(cancel(8));
    let mut ended = ring.completions(1);
    if ended == [(0, -libc::ENOENT, 0)] {
        ring.push(cancel(7));
        ended.clear();
    }
    ended.extend(ring.completions(2 - ended.len()));
    ended.sort();
    assert_eq!(ended, [(0, 0, 0), (7, -libc::ECANCELED, 0)]);

    // Three buffers are left: two messages, one of them in two buffers, and the end.
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(&[1; 70]).unwrap();
    ring.push(RecvMulti::new(fd(&b), 1).build().user_data(9));
    let mut results: Vec<i32> = ring.completions(2).iter().map(|c| c.1).collect();
    drop(a);
    results.extend(ring.completions(1).iter().map(|c| c.1));
    assert_eq!(results, [64, 6, 0]);
    assert_eq!(ring.run(RemoveBuffers::new(4, 1).build()), 1);

    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"multi").unwrap();
    provide(&mut ring, &mut memory);
    assert_eq!(
        ring.run(ReadMulti::new(fd(&b), 3, 1).build()),
        -libc::EINVAL
    );
    ring.push(ReadMulti::new(fd(&b), 0, 1).build().user_data(10));
    let [(10, 5, flags)] = ring.completions(1)[..] else {
        panic!("not five bytes")
    };
    assert_ne!(flags & uring_sys::IORING_CQE_F_MORE, 0);
    drop(a);
    assert_eq!(ring.completions(1)[0].1, 0);

    // At most two bytes at a time, until there are four.
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"total").unwrap();
    ring.push(RecvMulti::new(fd(&b), 1).len(2).total_len(4).build());
    let got = ring.completions(2);
    let more = uring_sys::IORING_CQE_F_MORE;
    let results: Vec<(i32, u32)> = got.iter().map(|c| (c.1, c.2 & more)).collect();
    assert_eq!(results, [(2, more), (2, 0)]);
}

fn udp() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn msghdr() -> libc::msghdr {
    // SAFETY: zero is a value of each of its fields, which are integers and pointers.
    unsafe { std::mem::zeroed() }
}

/// Lends the ring 4 buffers of 64 bytes as group 1.
fn provide(ring: &mut Ring, memory: &mut [u8; 256]) {
    assert_eq!(
        ring.run(ProvideBuffers::new(memory.as_mut_ptr(), 64, 4, 1, 0).build()),
        0
    );
}
