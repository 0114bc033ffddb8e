//! Zero-copy receive: the area `uring/zcrx`, a file per subject. All of it goes through the crate's raw layer.
//!
//! Memory that a network device writes into takes a device with header split, which no virtual machine here has. From
//! Linux 7.1 on a queue needs no device: its data is copied, and all the rest is as with one.

mod control;
mod events;
mod receive;
mod register;

use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use safe::uring::raw::cqueue;
use safe::uring::raw::opcode::RecvZc;
use safe::uring::raw::squeue::Entry;
use safe::uring::raw::types::Fd;
use safe::uring::raw::zcrx::{Area, Builder, Ifq};

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::raw_ring::{Completion, Done, Kept, RawRing};
use crate::requirement::Requirement;
use crate::support::files::{pattern, tcp_pair};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    control::CASES,
    events::CASES,
    receive::CASES,
    register::CASES,
];

/// A case about something of a queue, the first of `items`: kernels without it say -EINVAL. Registering takes
/// CAP_NET_ADMIN.
const fn case(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run)
        .refused_by(&[libc::EINVAL])
        .requires(&[Requirement::Root, Requirement::Loopback])
}

/// The size of the areas: of several receives, and a multiple of all pages.
const AREA: usize = 256 << 10;

/// A ring that may receive without copies, or how the kernel refuses its set-up flags.
#[track_caller]
fn ring<C: Completion>(cx: &Context) -> Result<RawRing<Entry, C>, Stop> {
    cx.accepted_call(RawRing::new(|ring| {
        ring.setup_single_issuer().setup_defer_taskrun();
    }))
}

/// A queue without a device, the ring that it is of, and a connection to receive from.
struct Receiver<C: Completion = cqueue::Entry32> {
    ring: RawRing<Entry, C>,
    queue: Ifq,
    /// The end that sends.
    from: TcpStream,
    /// The end that is received from.
    socket: TcpStream,
}

/// The memory of a queue of this test's.
#[track_caller]
fn area(len: usize) -> Result<Area, Stop> {
    Ok(Area::allocate(len)?)
}

impl<C: Completion> Receiver<C> {
    /// With an area of [`AREA`] bytes, or how the kernel refuses the queue.
    #[track_caller]
    fn new(cx: &Context) -> Result<Receiver<C>, Stop> {
        Receiver::with(cx, Ifq::without_device(64))
    }

    /// The same with a queue of one's own.
    #[track_caller]
    fn with(cx: &Context, builder: Builder) -> Result<Receiver<C>, Stop> {
        let ring = ring(cx)?;
        let registered = builder.register(&ring.submitter(), area(AREA)?);
        let queue = cx.accepted_call(registered)?;
        let (from, socket) = tcp_pair()?;
        Ok(Receiver {
            ring,
            queue,
            from,
            socket,
        })
    }

    /// Sends bytes of the pattern, which must fit into the socket's buffers.
    #[track_caller]
    fn send(&mut self, range: std::ops::Range<usize>) -> Run {
        self.from.write_all(&pattern(range))?;
        pass()
    }

    /// Begins to receive `len` bytes, 0 for without end.
    #[track_caller]
    fn start(&mut self, len: u32) -> Run {
        let entry = receive(&self.socket, self.queue.id(), len);
        self.ring.push(entry, 7)
    }

    /// Takes completions until `len` bytes of the pattern from `at` on have come, and gives all of them back.
    #[track_caller]
    fn take(&mut self, at: usize, len: usize) -> Run {
        let mut got = 0;
        while got < len {
            let done = self.ring.wait()?;
            ensure!(
                done.more(),
                "ended with {} at {got} of {len}",
                Res(done.res)
            );
            got += self.accept_at(&done, at + got)?;
        }
        ensure_eq!(got, len, "bytes received");
        self.give_back()
    }

    /// As [`accept`](Self::accept), of bytes of the pattern from `at` on: how many they are.
    #[track_caller]
    fn accept_at(&mut self, done: &Done, at: usize) -> Result<usize, Stop> {
        let bytes = self.accept(done)?;
        ensure!(
            bytes == pattern(at..at + bytes.len()),
            "other bytes than sent"
        );
        Ok(bytes.len())
    }

    /// What a completion says has come, and the slot for giving it back.
    #[track_caller]
    fn accept(&mut self, done: &Done) -> Result<Vec<u8>, Stop> {
        ensure_eq!(done.user_data, 7, "user_data");
        let big = done.big.ok_or_else(|| Stop::failed("a small completion"))?;
        let received = self.queue.received(done.res, &big)?;
        let bytes = self.queue.bytes(&received);
        let bytes = bytes.ok_or_else(|| Stop::failed("no memory there"))?;
        // SAFETY: the queue says that the bytes are inside its area, which it keeps mapped; they are the application's,
        // and nobody writes to them, until they are given back.
        let copy = unsafe { bytes.as_ref() }.to_vec();
        // SAFETY: it is of this queue, is given back once, by this process, and its bytes are not used any more.
        unsafe { self.queue.refill_queue().push(&received) }?;
        Ok(copy)
    }

    /// Lets the kernel have what was taken: without a device it looks when it is told to.
    #[track_caller]
    fn give_back(&mut self) -> Run {
        self.queue.refill_queue().publish();
        self.queue.flush(&self.ring.submitter())?;
        pass()
    }
}

/// Receives from `socket` through a queue, `len` bytes or without end.
fn receive(socket: &impl AsRawFd, queue: u32, len: u32) -> Kept {
    let entry = RecvZc::new(Fd(socket.as_raw_fd()), len).ifq(queue);
    // SAFETY: it names no memory: that of the queue is the kernel's for as long as it needs it.
    unsafe { Kept::new(entry.build()) }
}

/// The errno of a call that must fail.
fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}
