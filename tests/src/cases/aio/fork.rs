//! Contexts in forked children: there are none, though the ring may still be mapped.

use std::os::unix::process::ExitStatusExt;
use std::ptr;

use aio_sys::{AIO_RING_MAGIC, io_destroy, io_event, io_getevents};
use libc::{EINVAL, SIGSEGV};

use crate::aio_context::{Aio, checked};
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::support::files::pattern_file;
use crate::support::fork::forked;
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/fork/kept_out", &["aio_ring"], kernel(2, 6), kept_out),
    Case::new("aio/fork/no_context", ITEMS, kernel(2, 6), no_context),
    Case::new("aio/fork/own_context", ITEMS, kernel(2, 6), own_context),
    Case::new("aio/fork/ring", &["aio_ring"], kernel(2, 6), ring),
];

const ITEMS: &[&str] = &["io_submit", "io_getevents", "io_destroy", "io_setup"];

/// Every call of the child is refused, and the parent loses nothing.
fn no_context(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(2)?;
    aio.submit(&mut [Request::read(&file, Buffer::zeroed(16)?, 0)])?;
    let refused = Err(Errno(EINVAL));
    let status = forked(|| {
        let mut event = io_event::default();
        // SAFETY: there is room for the event.
        let got =
            checked(unsafe { io_getevents(aio.context(), 0, 1, &mut event, ptr::null_mut()) });
        // SAFETY: the child uses its ring no more.
        let destroyed = checked(unsafe { io_destroy(aio.context()) });
        let submitted = aio.submit(&mut []);
        let right = [got, destroyed, submitted].map(|result| result == refused);
        right.iter().filter(|right| !**right).count() as u8
    })?;
    ensure_eq!(
        status.code(),
        Some(0),
        "calls of the child that were not refused ({status})"
    );
    ensure_eq!(aio.wait(1)?[0].res, 16, "result in the parent's event");
    aio.destroy()?;
    pass()
}

/// The child can make contexts of its own.
fn own_context(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let parent = Aio::new(2)?;
    let buffer = Buffer::zeroed(16)?;
    let status = forked(|| {
        let own = Aio::new(2).map(|mut aio| aio.complete(Request::read(&file, buffer, 0)));
        u8::from(own != Ok(Ok(16)))
    })?;
    ensure_eq!(status.code(), Some(0), "the child ({status})");
    parent.destroy()?;
    pass()
}

/// The child either still sees the parent's ring, or is ended by touching it.
fn ring(cx: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let status = forked(|| u8::from(aio.header().magic != AIO_RING_MAGIC))?;
    let shared = status.code() == Some(0);
    cx.note(if shared {
        "shared with children"
    } else {
        "kept out of children"
    });
    ensure!(
        shared || status.signal() == Some(SIGSEGV),
        "the child: {status}"
    );
    pass()
}

/// A parent can keep the ring out of its children.
fn kept_out(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let ring = ptr::with_exposed_provenance_mut(aio.context() as usize);
    // SAFETY: that affects children alone.
    let result = unsafe { libc::madvise(ring, 4096, libc::MADV_DONTFORK) };
    ensure_eq!(result, 0, "madvise");
    let status = forked(|| u8::from(aio.header().magic != AIO_RING_MAGIC))?;
    ensure_eq!(status.signal(), Some(SIGSEGV), "the child ({status})");
    aio.destroy()?;
    pass()
}
