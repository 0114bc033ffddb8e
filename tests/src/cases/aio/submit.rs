//! io_submit(2): in which order it checks, where it stops, and what it writes back.

use std::ffi::c_long;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr;

use aio_sys::*;
use libc::{EAGAIN, EBADF, EFAULT, EINVAL};

use crate::aio_context::{Aio, checked};
use crate::aio_request::Request;
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::support::cpus;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/submit/bad_context", SUBMIT, kernel(2, 6), bad_context),
    Case::new("aio/submit/bad_pointer", SUBMIT, kernel(2, 6), bad_pointer),
    Case::new(
        "aio/submit/descriptor_before_command",
        SUBMIT,
        kernel(2, 6),
        descriptor_before_command,
    ),
    Case::new("aio/submit/full", SUBMIT, kernel(4, 19), full),
    Case::new(
        "aio/submit/in_order",
        &["io_submit", "io_event"],
        kernel(2, 6),
        in_order,
    ),
    Case::new(
        "aio/submit/key_is_cleared",
        IOCB,
        kernel(2, 6),
        key_is_cleared,
    ),
    Case::new(
        "aio/submit/negative_count",
        SUBMIT,
        kernel(2, 6),
        negative_count,
    ),
    Case::new("aio/submit/nothing", SUBMIT, kernel(2, 6), nothing),
    Case::new(
        "aio/submit/read_only_iocb",
        IOCB,
        kernel(2, 6),
        read_only_iocb,
    ),
    Case::new("aio/submit/reserved", IOCB, kernel(2, 6), reserved),
    Case::new(
        "aio/submit/stops_at_bad_descriptor",
        SUBMIT,
        kernel(2, 6),
        stops_at_bad_descriptor,
    ),
    Case::new(
        "aio/submit/stops_at_bad_pointer",
        SUBMIT,
        kernel(2, 6),
        stops_at_bad_pointer,
    ),
    Case::new("aio/submit/twice", IOCB, kernel(2, 6), twice),
    Case::new(
        "aio/submit/unknown_command",
        &["io_submit", "IOCB_CMD_NOOP"],
        kernel(2, 6),
        unknown_command,
    ),
    Case::new(
        "aio/submit/unknown_flags",
        IOCB,
        kernel(2, 6),
        unknown_flags,
    ),
];

const SUBMIT: &[&str] = &["io_submit"];
const IOCB: &[&str] = &["io_submit", "iocb"];

/// A request that needs no memory and is accepted: a sync.
fn sync(file: &impl AsRawFd) -> Request {
    Request::new(IOCB_CMD_FSYNC, file)
}

/// A negative number of requests is refused.
fn negative_count(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    for nr in [-1, c_long::MIN] {
        // SAFETY: there is no request to read or write.
        let result = checked(unsafe { io_submit(aio.context(), nr, ptr::null_mut()) });
        ensure_eq!(result, Err(Errno(EINVAL)), "io_submit of {nr}");
    }
    pass()
}

/// No request at all is fine, and the list is not looked at.
fn nothing(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    // SAFETY: there is no request to read or write.
    let result = checked(unsafe { io_submit(aio.context(), 0, ptr::null_mut()) });
    ensure_eq!(result, Ok(0), "io_submit of nothing");
    pass()
}

/// The context is looked up first, also for no request.
fn bad_context(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let gone = aio.context();
    aio.destroy()?;
    for context in [0, aio_context_t::MAX, gone] {
        // SAFETY: there is no request to read or write.
        let result = checked(unsafe { io_submit(context, 0, ptr::null_mut()) });
        ensure_eq!(result, Err(Errno(EINVAL)), "io_submit to {context:#x}");
    }
    pass()
}

/// A list, or a request in it, that cannot be read is refused.
fn bad_pointer(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let no_access = Buffer::zeroed(64)?.protected(libc::PROT_NONE)?;
    let mut nowhere = [ptr::null_mut()];
    let mut protected = [no_access.pointer().cast()];
    let lists = [
        ptr::null_mut(),
        ptr::without_provenance_mut(usize::MAX),
        no_access.pointer().cast(),
        nowhere.as_mut_ptr(),
        protected.as_mut_ptr(),
    ];
    for list in lists {
        // SAFETY: nobody else uses these addresses; the call itself checks whether it may read them.
        let result = checked(unsafe { io_submit(aio.context(), 1, list) });
        ensure_eq!(result, Err(Errno(EFAULT)), "io_submit of {list:?}");
    }
    pass()
}

/// Behind an accepted request, a bad pointer only ends the batch.
fn stops_at_bad_pointer(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(4)?;
    let mut good = sync(&file);
    let mut list = [good.address(), ptr::null_mut()];
    // SAFETY: the first pointer is to a request, which uses no memory; the other one is for the call to refuse.
    let result = checked(unsafe { io_submit(aio.context(), 2, list.as_mut_ptr()) });
    ensure_eq!(result, Ok(1), "accepted requests");
    ensure_eq!(aio.wait(1)?[0].res, 0, "result of the accepted one");
    ensure_eq!(aio.ready()?.len(), 0, "further events");
    pass()
}

/// A refused request ends the batch; what is behind it was not submitted, and the errno comes when it is the first.
fn stops_at_bad_descriptor(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(4)?;
    let mut requests = [sync(&file), sync(&-1), sync(&file)];
    ensure_eq!(aio.submit(&mut requests), Ok(1), "accepted requests");
    let event = aio.wait(1)?[0];
    ensure_eq!(
        event.obj,
        requests[0].address().addr() as u64,
        "the request of the event"
    );
    ensure_eq!(
        aio.submit(&mut requests[1..]),
        Err(Errno(EBADF)),
        "the rest once more"
    );
    ensure_eq!(aio.ready()?.len(), 0, "further events");
    pass()
}

/// The kernel writes to the request, so it must be writable.
fn read_only_iocb(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    let memory = Buffer::zeroed(size_of::<iocb>())?;
    // SAFETY: the buffer is writable, aligned to a page and as long as an iocb.
    unsafe { memory.pointer().cast::<iocb>().write(*sync(&file).iocb()) };
    let mut list = [memory.protected(libc::PROT_READ)?.pointer().cast()];
    // SAFETY: nobody else uses the request, which names no memory; the call checks whether it may write to it.
    let result = checked(unsafe { io_submit(aio.context(), 1, list.as_mut_ptr()) });
    ensure_eq!(result, Err(Errno(EFAULT)), "io_submit");
    pass()
}

/// The key is set to 0, whatever it was, and nothing else is changed.
fn key_is_cleared(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    let mut requests = [sync(&file).with(|iocb| {
        iocb.aio_key = 77;
        iocb.aio_data = 5;
    })];
    aio.submit(&mut requests)?;
    let iocb = requests[0].iocb();
    ensure_eq!(iocb.aio_key, 0, "key");
    ensure_eq!(
        (iocb.aio_data, iocb.aio_lio_opcode),
        (5, IOCB_CMD_FSYNC),
        "data and command"
    );
    ensure_eq!(aio.wait(1)?[0].data, 5, "data of the event");
    pass()
}

/// The reserved field must be 0, also with a bad descriptor: it is checked before.
fn reserved(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    for fd in [file.as_raw_fd(), -1] {
        let request = sync(&fd).with(|iocb| iocb.aio_reserved2 = 1);
        ensure_eq!(
            aio.submit(&mut [request]),
            Err(Errno(EINVAL)),
            "aio_reserved2 = 1, fd {fd}"
        );
    }
    pass()
}

/// Unknown bits of `aio_flags` are ignored.
fn unknown_flags(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    let request = sync(&file).with(|iocb| iocb.aio_flags = !(IOCB_FLAG_RESFD | IOCB_FLAG_IOPRIO));
    ensure_eq!(aio.complete(request)?, 0, "result");
    pass()
}

/// Commands that were never released, or that only the header has, are refused.
fn unknown_command(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    for command in [4, IOCB_CMD_NOOP, 9, 0xffff] {
        let request = Request::new(command, &file);
        ensure_eq!(
            aio.submit(&mut [request]),
            Err(Errno(EINVAL)),
            "command {command}"
        );
    }
    ensure_eq!(aio.ready()?.len(), 0, "events");
    pass()
}

/// The descriptor is looked at before the command.
fn descriptor_before_command(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    for fd in [-1, i32::MAX] {
        let result = aio.submit(&mut [Request::new(99, &fd)]);
        ensure_eq!(result, Err(Errno(EBADF)), "command 99 on fd {fd}");
    }
    pass()
}

/// Operations that end at once give their events in the order of submission, each with its own data and request.
fn in_order(cx: &mut Context) -> Run {
    const N: usize = 32;
    let file = pattern_file(cx, "f", N * 16)?;
    let mut aio = Aio::new(N as u32)?;
    let buffer = Buffer::zeroed(N * 16)?;
    let mut requests: Vec<_> = (0..N).map(|i| numbered_read(&file, buffer, i)).collect();
    ensure_eq!(aio.submit(&mut requests)?, N, "accepted reads");
    let events = aio.wait(N)?;
    for (i, event) in events.iter().enumerate() {
        let expected = (i as u64, requests[i].address().addr() as u64, 16, 0);
        let got = (event.data, event.obj, event.res, event.res2);
        ensure_eq!(got, expected, "event {i}");
    }
    ensure!(
        buffer.bytes() == pattern(0..N * 16),
        "other data than in the file"
    );
    pass()
}

fn numbered_read(file: &File, buffer: Buffer, i: usize) -> Request {
    let part = buffer.part(i * 16..(i + 1) * 16);
    Request::read(file, part, (i * 16) as i64).with(|iocb| iocb.aio_data = i as u64)
}

/// One request submitted twice is two operations, with two events for the same address.
fn twice(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(2)?;
    let mut request = sync(&file);
    let mut list = [request.address(); 2];
    // SAFETY: both pointers are to a request that nobody else uses meanwhile, and that names no memory.
    let result = checked(unsafe { io_submit(aio.context(), 2, list.as_mut_ptr()) });
    ensure_eq!(result, Ok(2), "accepted requests");
    let address = request.address().addr() as u64;
    for event in aio.wait(2)? {
        ensure_eq!((event.obj, event.res), (address, 0), "request and result");
    }
    pass()
}

/// At least as many as were asked for fit in; beyond what fits the call says to try again.
fn full(cx: &mut Context) -> Run {
    const ASKED: usize = 128;
    // Each processor sets slots aside for itself: how many fit depends on how often the thread has moved.
    cpus::stay()?;
    let (reader, _writer) = pipe()?;
    let mut aio = Aio::new(ASKED as u32)?;
    let slots = aio.header().nr as usize;
    let (fitted, errno) = fill(&aio, &reader)?;
    cx.note(format_args!("{fitted} of {slots} slots used"));
    ensure_eq!(errno, Errno(EAGAIN), "submitting to a full context");
    ensure!(
        (ASKED..slots).contains(&fitted),
        "{fitted} fit into {slots} slots"
    );

    // No poll of the pipe is over. Destroying the context ends them; a new one takes as many.
    let nr = aio.ready()?.len();
    ensure_eq!(nr, 0, "events");
    aio.destroy()?;
    let again = fill(&Aio::new(ASKED as u32)?, &reader)?;
    ensure_eq!(again, (fitted, errno), "the same with a new context");
    pass()
}

/// Submits polls that do not end, one by one, until one is refused.
fn fill(aio: &Aio, reader: &impl AsRawFd) -> Result<(usize, Errno), Stop> {
    for n in 0..100_000 {
        if let Err(errno) = aio.submit(&mut [Request::poll(reader, libc::POLLIN as u64)]) {
            return Ok((n, errno));
        }
    }
    Err(Stop::failed("a context without end"))
}
