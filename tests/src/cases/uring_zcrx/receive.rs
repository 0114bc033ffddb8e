//! Receiving through a queue.

use std::net::{Shutdown, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use safe::uring::raw::squeue::Entry;
use safe::uring::raw::zcrx::Ifq;
use safe::uring::raw::{cqueue, opcode};
use uring_sys::*;

use super::{AREA, Receiver, case, errno, receive, ring};
use crate::case::{Case, Run, absent, pass};
use crate::context::Context;
use crate::raw_ring::{Completion, Kept, RawRing};
use crate::ring::mem::page_size;
use crate::support::files::{pattern, pattern_file, tcp_pair};
use crate::support::names::{Errno, Res};
use crate::{ensure, ensure_eq};

const NODEV: &[&str] = &["ZCRX_REG_NODEV", "IORING_OP_RECV_ZC", "ZCRX_CTRL_FLUSH_RQ"];

pub(super) static CASES: &[Case] = &[
    case("uring/zcrx/receive/bad", NODEV, (7, 1), bad),
    case("uring/zcrx/receive/exhausted", NODEV, (7, 1), exhausted),
    case(
        "uring/zcrx/receive/import",
        &[
            "ZCRX_REG_NODEV",
            "ZCRX_REG_IMPORT",
            "ZCRX_CTRL_EXPORT",
            "IORING_OP_RECV_ZC",
        ],
        (7, 1),
        import,
    ),
    case("uring/zcrx/receive/length", NODEV, (7, 1), length),
    case("uring/zcrx/receive/mixed", NODEV, (7, 1), mixed),
    case(
        "uring/zcrx/receive/no_queue",
        &["IORING_OP_RECV_ZC"],
        (6, 15),
        no_queue,
    )
    .announced(),
    case("uring/zcrx/receive/whole", NODEV, (7, 1), whole),
];

fn whole(cx: &mut Context) -> Run {
    all_of_it(Receiver::<cqueue::Entry32>::new(cx)?)
}

fn mixed(cx: &mut Context) -> Run {
    all_of_it(Receiver::<cqueue::EntryMixed>::new(cx)?)
}

/// One operation receives eight times what the area holds, because all is given back, and ends with the connection.
#[track_caller]
fn all_of_it<C: Completion>(mut receiver: Receiver<C>) -> Run {
    receiver.start(0)?;
    let len = 32 << 10;
    for at in (0..8 * AREA).step_by(len) {
        receiver.send(at..at + len)?;
        receiver.take(at, len)?;
    }
    receiver.from.shutdown(Shutdown::Write)?;
    let done = receiver.ring.wait()?;
    ensure_eq!((Res(done.res), done.more()), (Res(0), false), "the end");
    pass()
}

/// With a length the operation ends when so much has come, and what is more stays in the socket.
fn length(cx: &mut Context) -> Run {
    let mut receiver: Receiver = Receiver::new(cx)?;
    receiver.send(0..9000)?;
    receiver.start(5000)?;
    receiver.take(0, 5000)?;
    let done = receiver.ring.wait()?;
    ensure_eq!((Res(done.res), done.more()), (Res(0), false), "the end");
    receiver.start(0)?;
    receiver.take(5000, 4000)
}

/// Without free memory the operation ends with -ENOMEM; once memory is given back another one goes on where it ended.
fn exhausted(cx: &mut Context) -> Run {
    let mut receiver: Receiver = Receiver::new(cx)?;
    // Each completion takes a page at least, and in all there is more than fits.
    let all = AREA + page_size();
    let (mut sent, mut got) = (0, 0);
    receiver.start(0)?;
    loop {
        if sent < all {
            receiver.send(sent..sent + page_size())?;
            sent += page_size();
        }
        let done = receiver.ring.wait()?;
        if !done.more() {
            ensure_eq!(Res(done.res), Res(-libc::ENOMEM), "the end");
            break;
        }
        got += receiver.accept_at(&done, got)?;
    }
    ensure!(got <= AREA, "{got} bytes in {AREA}");
    // Where pages are large there are few, and what has come meanwhile may be too much for one operation again.
    while got < sent {
        receiver.give_back()?;
        receiver.start(0)?;
        let begun = got;
        while got < sent {
            let done = receiver.ring.wait()?;
            if !done.more() {
                ensure_eq!(Res(done.res), Res(-libc::ENOMEM), "the end of another");
                break;
            }
            got += receiver.accept_at(&done, got)?;
        }
        ensure!(got > begun, "nothing comes after memory was given back");
    }
    pass()
}

/// What cannot be received from, and what is no request for it.
fn bad(cx: &mut Context) -> Run {
    let mut receiver: Receiver = Receiver::new(cx)?;
    let (socket, id) = (&receiver.socket, receiver.queue.id());
    let (file, udp) = (
        pattern_file(cx, "f", 1)?,
        UdpSocket::bind(("127.0.0.1", 0))?,
    );
    let once = {
        let mut sqe = io_uring_sqe {
            opcode: IORING_OP_RECV_ZC,
            fd: socket.as_raw_fd(),
            ..Default::default()
        };
        sqe.set_zcrx_ifq_idx(id);
        // SAFETY: it names no memory.
        unsafe { Kept::new(Entry::from_raw(sqe)) }
    };
    let table = [
        ("a regular file", receive(&file, id, 0), libc::ENOTSOCK),
        ("UDP", receive(&udp, id, 0), libc::EPROTONOSUPPORT),
        ("no such queue", receive(socket, id + 1, 0), libc::EINVAL),
        ("once", once, libc::EINVAL),
    ];
    receiver.ring.refuses(&table)
}

/// Without a queue there is nothing to receive through. Kernels that do not know the operation say so by a probe alone.
fn no_queue(cx: &mut Context) -> Run {
    let mut plain = RawRing::plain()?;
    let (socket, _peer) = tcp_pair()?;
    plain.refuses(&[("on a plain ring", receive(&socket, 0, 0), libc::EINVAL)])?;
    let mut probe = safe::uring::raw::Probe::new();
    plain.submitter().register_probe(&mut probe)?;
    if !probe.is_supported(opcode::RecvZc::CODE) {
        return absent("the probe has no IORING_OP_RECV_ZC");
    }
    let mut ring = ring::<cqueue::Entry32>(cx)?;
    ring.refuses(&[("on its kind of ring", receive(&socket, 0, 0), libc::EINVAL)])
}

/// Another ring receives through the queue, into the same area.
fn import(cx: &mut Context) -> Run {
    let mut receiver: Receiver = Receiver::new(cx)?;
    let mut other = ring::<cqueue::Entry32>(cx)?;
    let exported = receiver.queue.export(&receiver.ring.submitter())?;
    let id = Ifq::import(&other.submitter(), exported.as_fd())?;
    drop(exported);
    let (mut from, socket) = tcp_pair()?;
    std::io::Write::write_all(&mut from, &pattern(0..3000))?;
    other.push(receive(&socket, id, 3000), 7)?;
    let mut got = Vec::new();
    loop {
        let done = other.wait()?;
        if !done.more() {
            ensure_eq!(Res(done.res), Res(0), "the end");
            break;
        }
        got.extend(receiver.accept(&done)?);
    }
    ensure!(got == pattern(0..3000), "other bytes than sent");
    receiver.give_back()?;
    // The ring that registered it receives as before.
    receiver.send(0..100)?;
    receiver.start(0)?;
    receiver.take(0, 100)?;
    let null = std::fs::File::open("/dev/null")?;
    for (what, descriptor) in [("a file", null.as_fd()), ("a socket", socket.as_fd())] {
        let refused = errno(Ifq::import(&other.submitter(), descriptor));
        ensure_eq!(refused.map(Errno), Some(Errno(libc::EBADF)), "{what}");
    }
    pass()
}
