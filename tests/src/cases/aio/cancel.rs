//! io_cancel(2), which is for polls alone.

use std::os::fd::OwnedFd;
use std::ptr;

use aio_sys::{IOCB_CMD_FSYNC, aio_context_t, io_cancel, io_event, iocb};
use libc::{EFAULT, EINPROGRESS, EINVAL, POLLIN};

use crate::aio_context::{Aio, checked};
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;

pub(super) static CASES: &[Case] = &[
    Case::new("aio/cancel/bad_context", CANCEL, kernel(2, 6), bad_context),
    Case::new("aio/cancel/bad_key", BOTH, kernel(4, 19), bad_key),
    Case::new("aio/cancel/bad_pointer", CANCEL, kernel(2, 6), bad_pointer),
    Case::new("aio/cancel/finished", CANCEL, kernel(4, 19), finished),
    Case::new(
        "aio/cancel/not_submitted",
        BOTH,
        kernel(4, 19),
        not_submitted,
    ),
    Case::new("aio/cancel/one_of_two", BOTH, kernel(4, 19), one_of_two),
    Case::new("aio/cancel/poll", BOTH, kernel(4, 19), poll),
];

const CANCEL: &[&str] = &["io_cancel"];
const BOTH: &[&str] = &["io_cancel", "IOCB_CMD_POLL"];

/// io_cancel of the request at an address, without a place for a result.
fn cancel(context: aio_context_t, request: *mut iocb) -> Result<usize, Errno> {
    // SAFETY: the call reads the request's key, checking whether it may, and writes nothing.
    checked(unsafe { io_cancel(context, request, ptr::null_mut()) })
}

/// A poll that waits, in a vector so that its address stays.
fn pending(aio: &Aio, reader: &OwnedFd, data: u64) -> Result<Vec<Request>, Errno> {
    let mut requests = vec![Request::poll(reader, POLLIN as u64).with(|iocb| iocb.aio_data = data)];
    aio.submit(&mut requests)?;
    Ok(requests)
}

/// A poll that waits is cancelled: the call says "in progress", the event comes through the ring with result 0, and the
/// place for a result is not used. Afterwards there is nothing to cancel.
fn poll(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let mut aio = Aio::new(1)?;
    let mut requests = pending(&aio, &reader, 5)?;
    let address = requests[0].address();
    let untouched = io_event {
        data: 1,
        obj: 2,
        res: 3,
        res2: 4,
    };
    let mut result = untouched;
    // SAFETY: the request is readable, and the result writable.
    let answer = checked(unsafe { io_cancel(aio.context(), address, &mut result) });
    ensure_eq!(answer, Err(Errno(EINPROGRESS)), "io_cancel");
    let fields = |event: io_event| (event.data, event.obj, event.res, event.res2);
    let event = aio.wait(1)?[0];
    ensure_eq!(fields(event), (5, address.addr() as u64, 0, 0), "the event");
    ensure_eq!(fields(result), fields(untouched), "the place for a result");
    ensure_eq!(
        cancel(aio.context(), address),
        Err(Errno(EINVAL)),
        "io_cancel once more"
    );
    ensure_eq!(aio.ready()?.len(), 0, "further events");
    pass()
}

/// Only the request that is named ends; another one on the same pipe waits on.
fn one_of_two(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut aio = Aio::new(2)?;
    let mut first = pending(&aio, &reader, 1)?;
    let _second = pending(&aio, &reader, 2)?;
    let answer = cancel(aio.context(), first[0].address());
    ensure_eq!(answer, Err(Errno(EINPROGRESS)), "io_cancel");
    ensure_eq!(aio.wait(1)?[0].data, 1, "data of the first event");
    ensure_eq!(aio.ready()?.len(), 0, "further events");
    drop(writer);
    ensure_eq!(aio.wait(1)?[0].data, 2, "data of the second event");
    pass()
}

/// A request is named by its address: one that was not submitted, and a copy of one that was, are not found.
fn not_submitted(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let mut aio = Aio::new(1)?;
    let mut requests = pending(&aio, &reader, 0)?;
    let mut copy = *requests[0].iocb();
    let mut other = Request::poll(&reader, POLLIN as u64);
    for address in [&raw mut copy, other.address()] {
        ensure_eq!(
            cancel(aio.context(), address),
            Err(Errno(EINVAL)),
            "io_cancel"
        );
    }
    ensure_eq!(aio.ready()?.len(), 0, "events");
    let answer = cancel(aio.context(), requests[0].address());
    ensure_eq!(
        answer,
        Err(Errno(EINPROGRESS)),
        "io_cancel of the request itself"
    );
    pass()
}

/// The key in the request must still be 0.
fn bad_key(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let mut aio = Aio::new(1)?;
    let mut requests = pending(&aio, &reader, 0)?;
    let address = requests[0].address();
    for (key, errno) in [(1, EINVAL), (u32::MAX, EINVAL), (0, EINPROGRESS)] {
        // SAFETY: the request is there until the end, and the kernel does not write to it any more.
        unsafe { (*address).aio_key = key };
        let answer = cancel(aio.context(), address);
        ensure_eq!(answer, Err(Errno(errno)), "io_cancel with key {key}");
    }
    ensure_eq!(aio.wait(1)?[0].res, 0, "result");
    pass()
}

/// Reads and syncs cannot be cancelled, whether they are still in flight or not.
fn finished(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1 << 16)?;
    let mut aio = Aio::new(2)?;
    let mut requests = [
        Request::read(&file, Buffer::zeroed(16)?, 0),
        Request::new(IOCB_CMD_FSYNC, &file),
    ];
    ensure_eq!(aio.submit(&mut requests)?, 2, "accepted requests");
    for request in &mut requests {
        let answer = cancel(aio.context(), request.address());
        ensure_eq!(
            answer,
            Err(Errno(EINVAL)),
            "io_cancel of a request in flight or just over"
        );
    }
    let mut results: Vec<_> = aio.wait(2)?.iter().map(|event| event.res).collect();
    results.sort_unstable();
    ensure_eq!(results, [0, 16], "results");
    for request in &mut requests {
        let answer = cancel(aio.context(), request.address());
        ensure_eq!(
            answer,
            Err(Errno(EINVAL)),
            "io_cancel of a request that is over"
        );
    }
    pass()
}

/// The request must be readable; that is checked before the context.
fn bad_pointer(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let no_access = Buffer::zeroed(64)?.protected(libc::PROT_NONE)?;
    for context in [aio.context(), 0] {
        for request in [ptr::null_mut(), no_access.pointer().cast()] {
            ensure_eq!(
                cancel(context, request),
                Err(Errno(EFAULT)),
                "io_cancel({request:?})"
            );
        }
    }
    pass()
}

/// What is no context is refused.
fn bad_context(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let gone = aio.context();
    aio.destroy()?;
    let mut request = Request::new(IOCB_CMD_FSYNC, &-1);
    for context in [0, aio_context_t::MAX, gone] {
        let answer = cancel(context, request.address());
        ensure_eq!(
            answer,
            Err(Errno(EINVAL)),
            "io_cancel with context {context:#x}"
        );
    }
    pass()
}
