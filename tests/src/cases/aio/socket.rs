//! Reads and writes on sockets, which native AIO does in io_submit.

use std::os::unix::net::UnixStream;

use aio_sys::RWF_NOWAIT;
use libc::{EAGAIN, EINTR, EOPNOTSUPP, ESPIPE, SIGALRM};

use super::accepted;
use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::support::files::{pattern, tcp_pair};
use crate::support::memory::Buffer;
use crate::support::signals::{self, Alarms};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/socket/data", BOTH, kernel(2, 6), data).requires(&[Requirement::Loopback]),
    Case::new("aio/socket/nonblocking", READ, kernel(2, 6), nonblocking),
    Case::new("aio/socket/nowait", &["RWF_NOWAIT"], kernel(6, 5), nowait).refused_by(&[EOPNOTSUPP]),
    Case::new("aio/socket/offset", BOTH, kernel(2, 6), offset),
    Case::new("aio/socket/signal", READ, kernel(2, 6), signal),
    Case::new(
        "aio/socket/write_then_read",
        BOTH,
        kernel(2, 6),
        write_then_read,
    ),
];

const READ: &[&str] = &["IOCB_CMD_PREAD", "io_submit"];
const BOTH: &[&str] = &["IOCB_CMD_PREAD", "IOCB_CMD_PWRITE", "io_submit"];

/// Data goes through a connection, and its end is a read of nothing.
fn data(_: &mut Context) -> Run {
    let (here, there) = tcp_pair()?;
    let mut aio = Aio::new(1)?;
    let sent = aio.complete(Request::write(&here, Buffer::of(&pattern(0..1000))?, 0))?;
    ensure_eq!(sent, 1000, "result of the write");
    drop(here);
    let mut got = Vec::new();
    loop {
        let buffer = Buffer::zeroed(300)?;
        match aio.complete(Request::read(&there, buffer, 0))? {
            0 => break,
            n => got.extend_from_slice(&buffer.part(0..usize::try_from(n)?).bytes()),
        }
    }
    ensure!(got == pattern(0..1000), "other data");
    pass()
}

/// One batch first writes and then reads the answer, which is there by then: the kernel does it in this order.
fn write_then_read(_: &mut Context) -> Run {
    let (here, there) = UnixStream::pair()?;
    let mut aio = Aio::new(2)?;
    let buffer = Buffer::zeroed(5)?;
    let mut requests = [
        Request::write(&here, Buffer::of(b"hello")?, 0),
        Request::read(&there, buffer, 0),
    ];
    ensure_eq!(aio.submit(&mut requests)?, 2, "accepted requests");
    let results = aio
        .wait(2)?
        .iter()
        .map(|event| event.res)
        .collect::<Vec<_>>();
    ensure_eq!(results, [5, 5], "results");
    ensure_eq!(buffer.bytes(), b"hello", "data");
    pass()
}

/// An empty non-blocking socket gives EAGAIN in the event.
fn nonblocking(_: &mut Context) -> Run {
    let (_here, there) = UnixStream::pair()?;
    there.set_nonblocking(true)?;
    let res = Aio::new(1)?.complete(Request::read(&there, Buffer::zeroed(8)?, 0))?;
    ensure_eq!(res, -i64::from(EAGAIN), "result");
    pass()
}

/// So does an empty blocking one, if the request asks for it.
fn nowait(cx: &mut Context) -> Run {
    let (_here, there) = UnixStream::pair()?;
    let mut aio = Aio::new(1)?;
    let request = Request::read(&there, Buffer::zeroed(8)?, 0);
    accepted(
        cx,
        aio.submit(&mut [request.with(|iocb| iocb.aio_rw_flags = RWF_NOWAIT)]),
    )?;
    ensure_eq!(aio.wait(1)?[0].res, -i64::from(EAGAIN), "result");
    pass()
}

/// A read of an empty blocking socket waits in io_submit: a signal ends it there, and the call succeeds with an event
/// that says so.
fn signal(_: &mut Context) -> Run {
    let (_here, there) = UnixStream::pair()?;
    let mut aio = Aio::new(1)?;
    let mut requests = [Request::read(&there, Buffer::zeroed(8)?, 0)];
    signals::count(SIGALRM, 0)?;
    let alarms = Alarms::start()?;
    let result = aio.submit(&mut requests);
    drop(alarms);
    ensure_eq!(result, Ok(1), "io_submit");
    ensure!(signals::caught() > 0, "no signal was handled");
    let events = aio.ready()?;
    ensure_eq!(events.len(), 1, "events after io_submit");
    ensure_eq!(events[0].res, -i64::from(EINTR), "result");
    pass()
}

/// A socket has no offsets but 0.
fn offset(_: &mut Context) -> Run {
    let (here, _there) = UnixStream::pair()?;
    let mut aio = Aio::new(1)?;
    let buffer = Buffer::zeroed(8)?;
    for request in [
        Request::read(&here, buffer, 123),
        Request::write(&here, buffer, 123),
    ] {
        let command = request.iocb().aio_lio_opcode;
        let res = aio.complete(request)?;
        ensure_eq!(res, -i64::from(ESPIPE), "result of command {command}");
    }
    pass()
}
