//! io_destroy(2): it waits for what is in flight and ends what cannot end by itself.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;
use std::thread;

use aio_sys::{aio_context_t, io_destroy, io_event, io_getevents};
use libc::EINVAL;

use crate::aio_context::{Aio, checked};
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "aio/destroy/no_context",
        &["io_destroy"],
        kernel(2, 6),
        no_context,
    ),
    Case::new(
        "aio/destroy/poll_pending",
        &["io_destroy", "IOCB_CMD_POLL"],
        kernel(4, 19),
        poll_pending,
    ),
    Case::new(
        "aio/destroy/undelivered",
        &["io_destroy"],
        kernel(2, 6),
        undelivered,
    ),
    Case::new(
        "aio/destroy/waiter",
        &["io_destroy", "io_getevents"],
        kernel(2, 6),
        waiter,
    ),
    Case::new(
        "aio/destroy/waits",
        &["io_destroy", "IOCB_CMD_PREAD"],
        kernel(2, 6),
        waits,
    )
    .on_each_file_system()
    .requires(&[Requirement::DirectIo]),
];

/// What is no context, or no longer one, is refused.
fn no_context(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let gone = aio.context();
    aio.destroy()?;
    for context in [0, 0xdead_b000, aio_context_t::MAX, gone] {
        // SAFETY: there is no ring that somebody could use.
        let result = checked(unsafe { io_destroy(context) });
        ensure_eq!(result, Err(Errno(EINVAL)), "io_destroy({context:#x})");
    }
    pass()
}

/// Reads in flight are complete when the context is gone: their memory is the caller's again.
fn waits(cx: &mut Context) -> Run {
    const LEN: usize = 1 << 20;
    const READS: usize = 8;
    pattern_file(cx, "f", READS * LEN)?.sync_all()?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open("f")?;
    let aio = Aio::new(READS as u32)?;
    let buffer = Buffer::zeroed(READS * LEN)?;
    let mut requests: Vec<_> = (0..READS)
        .map(|i| Request::read(&file, buffer.part(i * LEN..(i + 1) * LEN), (i * LEN) as i64))
        .collect();
    ensure_eq!(aio.submit(&mut requests)?, READS, "accepted reads");
    aio.destroy()?;
    ensure!(
        buffer.bytes() == pattern(0..READS * LEN),
        "a read was not over"
    );
    pass()
}

/// A poll in flight is ended rather than waited for: nothing will ever come through the pipe.
fn poll_pending(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let mut aio = Aio::new(1)?;
    aio.submit(&mut [Request::poll(&reader, libc::POLLIN as u64)])?;
    ensure_eq!(aio.ready()?.len(), 0, "events of a poll that waits");
    aio.destroy()?;
    pass()
}

/// Events that nobody took go away with the context.
fn undelivered(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let aio = Aio::new(1)?;
    aio.submit(&mut [Request::read(&file, Buffer::zeroed(4096)?, 0)])?;
    aio.destroy()?;
    ensure_eq!(Aio::new(1)?.ready()?.len(), 0, "events in a new context");
    pass()
}

/// A thread that waits for events is told that the context is gone, whether or not it was waiting already.
fn waiter(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let context = aio.context();
    let waiter = thread::spawn(move || {
        let mut event = io_event::default();
        // SAFETY: there is room for the one event, and no limit in time.
        checked(unsafe { io_getevents(context, 1, 1, &mut event, ptr::null_mut()) })
    });
    aio.destroy()?;
    match waiter.join() {
        Ok(result) => ensure_eq!(result, Err(Errno(EINVAL)), "io_getevents"),
        Err(_) => ensure!(false, "the waiting thread panicked"),
    }
    pass()
}
