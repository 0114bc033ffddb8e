//! `IOCB_FLAG_RESFD`: completions counted by an eventfd.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use aio_sys::{IOCB_CMD_FSYNC, IOCB_FLAG_RESFD};
use libc::{EAGAIN, EBADF, EINVAL, POLLIN};

use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "aio/eventfd/bad_descriptor",
        RESFD,
        kernel(2, 6),
        bad_descriptor,
    ),
    Case::new("aio/eventfd/counts", RESFD, kernel(2, 6), counts),
    Case::new("aio/eventfd/event_first", RESFD, kernel(4, 19), event_first),
    Case::new("aio/eventfd/no_flag", RESFD, kernel(2, 6), no_flag),
    Case::new(
        "aio/eventfd/refused_request",
        RESFD,
        kernel(2, 6),
        refused_request,
    ),
];

const RESFD: &[&str] = &["IOCB_FLAG_RESFD", "iocb", "io_submit"];

fn eventfd(flags: i32) -> io::Result<File> {
    // SAFETY: eventfd(2) takes numbers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nothing else knows it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// What the eventfd counted; it waits while that is nothing, unless it is non-blocking.
fn counted(mut eventfd: &File) -> io::Result<u64> {
    let mut count = [0; 8];
    eventfd.read_exact(&mut count)?;
    Ok(u64::from_ne_bytes(count))
}

fn signalling(request: Request, eventfd: &impl AsRawFd) -> Request {
    let fd = eventfd.as_raw_fd() as u32;
    request.with(|iocb| {
        iocb.aio_flags = IOCB_FLAG_RESFD;
        iocb.aio_resfd = fd;
    })
}

/// Each completion counts one, of any kind of request.
fn counts(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let eventfd = eventfd(libc::EFD_NONBLOCK)?;
    let mut aio = Aio::new(4)?;
    let mut requests = [
        signalling(Request::read(&file, Buffer::zeroed(16)?, 0), &eventfd),
        signalling(Request::write(&file, Buffer::of(b"x")?, 0), &eventfd),
        signalling(Request::new(IOCB_CMD_FSYNC, &file), &eventfd),
        // One that fails later counts as well.
        signalling(
            Request::read(&file, Buffer::zeroed(8)?.protected(libc::PROT_NONE)?, 0),
            &eventfd,
        ),
    ];
    ensure_eq!(aio.submit(&mut requests)?, 4, "accepted requests");
    let mut count = 0;
    while count < 4 {
        match counted(&eventfd) {
            Ok(more) => count += more,
            Err(error) if error.raw_os_error() == Some(EAGAIN) => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
    ensure_eq!(count, 4, "count");
    ensure_eq!(aio.ready()?.len(), 4, "events");
    pass()
}

/// Whoever is woken by the eventfd finds the event in the ring.
fn event_first(_: &mut Context) -> Run {
    let eventfd = eventfd(0)?;
    let mut aio = Aio::new(2)?;
    for i in 0..100 {
        let (reader, writer) = pipe()?;
        let request = signalling(Request::poll(&reader, POLLIN as u64), &eventfd);
        aio.submit(&mut [request.with(|iocb| iocb.aio_data = i)])?;
        let closer = std::thread::spawn(move || drop(writer));
        ensure_eq!(counted(&eventfd)?, 1, "count {i}");
        let events = aio.reap(2);
        ensure_eq!(events.len(), 1, "events with count {i}");
        ensure_eq!(events[0].data, i, "data of the event");
        ensure_eq!(closer.join().is_ok(), true, "closing the pipe");
    }
    pass()
}

/// Without the flag the descriptor is not looked at.
fn no_flag(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let eventfd = eventfd(libc::EFD_NONBLOCK)?;
    let mut aio = Aio::new(1)?;
    for fd in [eventfd.as_raw_fd() as u32, u32::MAX] {
        let request = Request::read(&file, Buffer::zeroed(16)?, 0).with(|iocb| iocb.aio_resfd = fd);
        ensure_eq!(aio.complete(request)?, 16, "result");
    }
    let errno = counted(&eventfd)
        .err()
        .and_then(|error| error.raw_os_error());
    ensure_eq!(errno.map(Errno), Some(Errno(EAGAIN)), "reading the eventfd");
    pass()
}

/// What is no eventfd, or not open, is refused at once.
fn bad_descriptor(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    for (fd, errno) in [(file.as_raw_fd(), EINVAL), (-1, EBADF)] {
        let request = signalling(Request::read(&file, Buffer::zeroed(16)?, 0), &fd);
        ensure_eq!(
            aio.submit(&mut [request]),
            Err(Errno(errno)),
            "eventfd {fd}"
        );
    }
    pass()
}

/// A request that is refused is not counted: there is no event.
fn refused_request(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let eventfd = eventfd(libc::EFD_NONBLOCK)?;
    let mut aio = Aio::new(1)?;
    let request = signalling(Request::new(99, &file), &eventfd);
    ensure_eq!(aio.submit(&mut [request]), Err(Errno(EINVAL)), "command 99");
    let errno = counted(&eventfd)
        .err()
        .and_then(|error| error.raw_os_error());
    ensure_eq!(errno.map(Errno), Some(Errno(EAGAIN)), "reading the eventfd");
    ensure_eq!(aio.ready()?.len(), 0, "events");
    pass()
}
