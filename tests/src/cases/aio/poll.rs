//! `IOCB_CMD_POLL`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};

use libc::{EBADF, EINVAL, POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI};

use super::accepted;
use crate::aio_context::Aio;
use crate::aio_request::{Change, Request};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::support::files::{pattern_file, pipe, tcp_pair};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "aio/poll/bad_descriptor",
        POLL,
        kernel(2, 6),
        bad_descriptor,
    ),
    Case::new(
        "aio/poll/closed_meanwhile",
        POLL,
        kernel(4, 19),
        closed_meanwhile,
    )
    .refused_by(&[EINVAL]),
    Case::new(
        "aio/poll/fields_must_be_zero",
        POLL,
        kernel(4, 19),
        fields_must_be_zero,
    ),
    Case::new("aio/poll/hang_up", POLL, kernel(4, 19), hang_up).refused_by(&[EINVAL]),
    Case::new("aio/poll/pipe", POLL, kernel(4, 19), pipe_later).refused_by(&[EINVAL]),
    Case::new("aio/poll/ready", POLL, kernel(4, 19), ready).refused_by(&[EINVAL]),
    Case::new("aio/poll/regular_file", POLL, kernel(4, 19), regular_file)
        .on_each_file_system()
        .refused_by(&[EINVAL]),
    Case::new("aio/poll/several", POLL, kernel(4, 19), several).refused_by(&[EINVAL]),
    Case::new("aio/poll/socket", POLL, kernel(4, 19), socket)
        .refused_by(&[EINVAL])
        .requires(&[Requirement::Loopback]),
    Case::new("aio/poll/two_queues", POLL, kernel(4, 19), two_queues),
];

const POLL: &[&str] = &["IOCB_CMD_POLL", "io_submit"];

const IN: u64 = POLLIN as u64;
const OUT: u64 = POLLOUT as u64;

/// What is ready already gives its event at once, with the bits that were asked for.
fn ready(cx: &mut Context) -> Run {
    let (_reader, writer) = pipe()?;
    let mut aio = Aio::new(1)?;
    accepted(cx, aio.submit(&mut [Request::poll(&writer, OUT | IN)]))?;
    let events = aio.ready()?;
    ensure_eq!(events.len(), 1, "events at once");
    ensure_eq!(events[0].res, i64::from(POLLOUT), "result");
    pass()
}

/// What becomes ready later gives its event then, once, though it stays ready. The result may have more bits.
fn pipe_later(cx: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut aio = Aio::new(2)?;
    accepted(cx, aio.submit(&mut [Request::poll(&reader, IN)]))?;
    ensure_eq!(aio.ready()?.len(), 0, "events before there is data");
    let write = || {
        Request::write(
            &writer,
            Buffer::of(b"x").unwrap_or_else(|e| panic!("{e}")),
            0,
        )
    };
    aio.submit(&mut [write().with(|iocb| iocb.aio_data = 7)])?;
    let events = aio.wait(2)?;
    let polled = events.iter().find(|event| event.data == 0);
    let polled = polled.map_or(0, |event| event.res);
    cx.note(format_args!("result {polled:#x}"));
    ensure!(polled & i64::from(POLLIN) != 0, "result {polled:#x}");
    aio.submit(&mut [write()])?;
    ensure_eq!(aio.wait(1)?[0].res, 1, "result of the second write");
    ensure_eq!(aio.ready()?.len(), 0, "events after more data");
    pass()
}

/// The same with a socket, which tells more than it was asked.
fn socket(cx: &mut Context) -> Run {
    let (mut here, there) = tcp_pair()?;
    let mut aio = Aio::new(1)?;
    accepted(cx, aio.submit(&mut [Request::poll(&there, IN)]))?;
    ensure_eq!(aio.ready()?.len(), 0, "events before there is data");
    here.write_all(b"x")?;
    let res = aio.wait(1)?[0].res;
    cx.note(format_args!("result {res:#x}"));
    ensure!(res & i64::from(POLLIN) != 0, "result {res:#x}");
    here.write_all(b"y")?;
    ensure_eq!(aio.ready()?.len(), 0, "events after more data");
    pass()
}

/// Errors and the other end's going away are told unasked.
fn hang_up(cx: &mut Context) -> Run {
    let mut aio = Aio::new(2)?;
    let (reader, writer) = pipe()?;
    accepted(cx, aio.submit(&mut [Request::poll(&reader, 0)]))?;
    ensure_eq!(aio.ready()?.len(), 0, "events while the writer is open");
    drop(writer);
    let res = aio.wait(1)?[0].res;
    ensure!(
        res & i64::from(POLLHUP) != 0,
        "result without a writer: {res:#x}"
    );

    let (reader, writer) = pipe()?;
    drop(reader);
    aio.submit(&mut [Request::poll(&writer, 0)])?;
    ensure_eq!(
        aio.wait(1)?[0].res,
        i64::from(POLLERR),
        "result without a reader"
    );
    pass()
}

/// Several polls of one file all get their event.
fn several(cx: &mut Context) -> Run {
    const N: usize = 10;
    let (reader, writer) = pipe()?;
    let mut aio = Aio::new(N as u32 + 1)?;
    for i in 0..N {
        let request = Request::poll(&reader, IN).with(|iocb| iocb.aio_data = i as u64);
        accepted(cx, aio.submit(&mut [request]))?;
    }
    ensure_eq!(aio.ready()?.len(), 0, "events before there is data");
    aio.submit(&mut [
        Request::write(&writer, Buffer::of(b"x")?, 0).with(|iocb| iocb.aio_data = 99)
    ])?;
    let mut got: Vec<_> = aio.wait(N + 1)?.iter().map(|event| event.data).collect();
    got.sort_unstable();
    let expected: Vec<_> = (0..N as u64).chain([99]).collect();
    ensure_eq!(got, expected, "data of the events");
    pass()
}

/// The request holds the file: closing the descriptor ends nothing, and a new file of that number changes nothing.
fn closed_meanwhile(cx: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut aio = Aio::new(2)?;
    accepted(cx, aio.submit(&mut [Request::poll(&reader, IN)]))?;
    drop(reader);
    let other = pattern_file(cx, "f", 16)?;
    ensure_eq!(aio.ready()?.len(), 0, "events after closing");
    aio.submit(
        &mut [Request::write(&writer, Buffer::of(b"x")?, 0).with(|iocb| iocb.aio_data = 1)],
    )?;
    let events = aio.wait(2)?;
    let written = events.iter().find(|event| event.data == 1);
    ensure_eq!(
        written.map(|event| event.res),
        Some(1),
        "result of the write"
    );
    drop(other);
    pass()
}

/// A regular file is always ready to be read and written; to wait for anything else there is refused.
fn regular_file(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    accepted(cx, aio.submit(&mut [Request::poll(&file, IN)]))?;
    ensure_eq!(aio.wait(1)?[0].res, i64::from(POLLIN), "result for POLLIN");
    for events in [POLLPRI as u64, 0] {
        let result = aio.submit(&mut [Request::poll(&file, events)]);
        ensure_eq!(result, Err(Errno(EINVAL)), "poll for {events:#x}");
    }
    pass()
}

/// A file on which readers and writers wait in different queues can be polled only when it is ready.
fn two_queues(cx: &mut Context) -> Run {
    // SAFETY: posix_openpt(3) takes a number.
    let fd = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
    ensure!(fd >= 0, "posix_openpt: {}", io::Error::last_os_error());
    // SAFETY: the descriptor is new, and nothing else knows it.
    let terminal = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the path is a C string; it is relative to the case's folder.
    let result = unsafe { libc::mkfifo(c"fifo".as_ptr(), 0o600) };
    ensure_eq!(result, 0, "mkfifo");
    let fifo = OwnedFd::from(OpenOptions::new().read(true).write(true).open("fifo")?);
    let mut aio = Aio::new(1)?;
    for file in [&terminal, &fifo] {
        let result = aio.submit(&mut [Request::poll(file, IN)]);
        ensure_eq!(result, Err(Errno(EINVAL)), "poll of {file:?}");
    }
    let res = aio.complete(Request::poll(&fifo, OUT))?;
    ensure_eq!(res, i64::from(POLLOUT), "result for POLLOUT of the fifo");
    cx.note("pty and fifo");
    pass()
}

/// The mask has 16 bits, and fields that have no meaning here must be 0.
fn fields_must_be_zero(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let fields: [(&str, Change); 4] = [
        ("aio_buf", |iocb| iocb.aio_buf = 0x10000),
        ("aio_nbytes", |iocb| iocb.aio_nbytes = 1),
        ("aio_offset", |iocb| iocb.aio_offset = 1),
        ("aio_rw_flags", |iocb| iocb.aio_rw_flags = 8),
    ];
    let aio = Aio::new(1)?;
    for (name, set) in fields {
        let result = aio.submit(&mut [Request::poll(&reader, IN).with(set)]);
        ensure_eq!(result, Err(Errno(EINVAL)), "{name}");
    }
    pass()
}

/// The descriptor must be open.
fn bad_descriptor(_: &mut Context) -> Run {
    let result = Aio::new(1)?.submit(&mut [Request::poll(&-1, IN)]);
    ensure_eq!(result, Err(Errno(EBADF)), "poll of -1");
    pass()
}
