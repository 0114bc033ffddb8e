//! io_getevents(2).

use std::ffi::c_long;
use std::ptr;

use aio_sys::{__kernel_timespec, aio_context_t, io_event, io_getevents};
use libc::{EFAULT, EINTR, EINVAL, SIGALRM};

use crate::aio_context::{Aio, checked};
use crate::aio_request::Request;
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::support::files::pattern_file;
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals::{self, Alarms};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/getevents/bad_context", GET, kernel(2, 6), bad_context),
    Case::new("aio/getevents/bad_events", GET, kernel(2, 6), bad_events),
    Case::new("aio/getevents/bad_numbers", GET, kernel(2, 6), bad_numbers),
    Case::new(
        "aio/getevents/bad_timeout",
        TIMED,
        kernel(2, 6),
        bad_timeout,
    ),
    Case::new("aio/getevents/no_waiting", GET, kernel(2, 6), no_waiting),
    Case::new("aio/getevents/signal", GET, kernel(2, 6), signal),
    Case::new(
        "aio/getevents/signal_with_events",
        GET,
        kernel(2, 6),
        signal_with_events,
    ),
    Case::new("aio/getevents/timeout", TIMED, kernel(2, 6), timeout),
    Case::new(
        "aio/getevents/timeout_with_events",
        TIMED,
        kernel(2, 6),
        timeout_with_events,
    ),
];

const GET: &[&str] = &["io_getevents"];
const TIMED: &[&str] = &["io_getevents", "__kernel_timespec"];

const TWENTY_MS: __kernel_timespec = __kernel_timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// A context with `n` events in it.
#[track_caller]
fn with_events(cx: &Context, n: usize) -> Result<Aio, Stop> {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(8)?;
    for i in 0..n {
        let request = Request::read(&file, Buffer::zeroed(16)?, 0);
        aio.submit(&mut [request.with(|iocb| iocb.aio_data = i as u64)])?;
    }
    Ok(aio)
}

/// io_getevents into nothing, without a timeout.
fn get_none(context: aio_context_t, min: c_long, nr: c_long) -> Result<usize, Errno> {
    // SAFETY: the call checks whether it may write to address 0.
    checked(unsafe { io_getevents(context, min, nr, ptr::null_mut(), ptr::null_mut()) })
}

/// Negative numbers, and more as the least than as the most, are refused.
fn bad_numbers(cx: &mut Context) -> Run {
    let aio = with_events(cx, 1)?;
    for (min, nr) in [
        (-1, 1),
        (-1, -1),
        (0, -1),
        (2, 1),
        (c_long::MAX, 1),
        (1, c_long::MIN),
    ] {
        let result = get_none(aio.context(), min, nr);
        ensure_eq!(result, Err(Errno(EINVAL)), "io_getevents of {min} to {nr}");
    }
    pass()
}

/// What is no context is refused.
fn bad_context(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let gone = aio.context();
    aio.destroy()?;
    for context in [0, aio_context_t::MAX, gone] {
        let result = get_none(context, 0, 1);
        ensure_eq!(result, Err(Errno(EINVAL)), "io_getevents of {context:#x}");
    }
    pass()
}

/// With no event as the least the call does not wait, whatever there is.
fn no_waiting(cx: &mut Context) -> Run {
    let mut aio = with_events(cx, 3)?;
    ensure_eq!(
        get_none(aio.context(), 0, 0),
        Ok(0),
        "io_getevents of 0 to 0"
    );
    ensure_eq!(aio.get(0, 2, None)?.len(), 2, "events, at most two");
    let rest = aio.get(0, 2, None)?;
    ensure_eq!(rest.len(), 1, "the rest");
    ensure_eq!(rest[0].data, 2, "data of the last event");
    ensure_eq!(aio.get(0, 2, None)?.len(), 0, "events when there is none");
    ensure_eq!(
        get_none(aio.context(), 0, 1),
        Ok(0),
        "none, and no memory to write to"
    );
    pass()
}

/// An event that cannot be written stays, and comes the next time.
fn bad_events(cx: &mut Context) -> Run {
    let mut aio = with_events(cx, 1)?;
    let read_only = Buffer::zeroed(size_of::<io_event>())?.protected(libc::PROT_READ)?;
    for place in [ptr::null_mut(), read_only.pointer().cast()] {
        // SAFETY: nobody else uses these addresses; the call checks whether it may write to them.
        let result = checked(unsafe { io_getevents(aio.context(), 1, 1, place, ptr::null_mut()) });
        ensure_eq!(result, Err(Errno(EFAULT)), "io_getevents to {place:?}");
    }
    ensure_eq!(aio.wait(1)?[0].res, 16, "result in the event that stayed");
    pass()
}

/// When the time is over the call answers 0, and the timeout is not written to.
fn timeout(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let (mut event, mut time) = (io_event::default(), TWENTY_MS);
    // SAFETY: there is room for the event; the timeout is readable.
    let result = checked(unsafe { io_getevents(aio.context(), 1, 1, &mut event, &mut time) });
    ensure_eq!(result, Ok(0), "io_getevents");
    ensure_eq!(
        (time.tv_sec, time.tv_nsec),
        (0, TWENTY_MS.tv_nsec),
        "the timeout afterwards"
    );
    pass()
}

/// When the time is over the call answers with the events that there are, though they are too few.
fn timeout_with_events(cx: &mut Context) -> Run {
    let mut aio = with_events(cx, 2)?;
    let events = aio.get(5, 8, Some(TWENTY_MS))?;
    ensure_eq!(events.len(), 2, "events");
    ensure_eq!(
        (events[0].data, events[1].data),
        (0, 1),
        "data of the events"
    );
    pass()
}

/// A timeout that cannot be read is refused.
fn bad_timeout(cx: &mut Context) -> Run {
    let mut aio = with_events(cx, 1)?;
    let no_access = Buffer::zeroed(16)?.protected(libc::PROT_NONE)?;
    let mut event = io_event::default();
    let time = no_access.pointer().cast();
    // SAFETY: there is room for the event; the call checks whether it may read the timeout.
    let result = checked(unsafe { io_getevents(aio.context(), 1, 1, &mut event, time) });
    ensure_eq!(result, Err(Errno(EFAULT)), "io_getevents");
    ensure_eq!(aio.ready()?.len(), 1, "events afterwards");
    pass()
}

/// A signal ends the wait, even if its handler asks for calls to be restarted.
fn signal(_: &mut Context) -> Run {
    let mut aio = Aio::new(1)?;
    signals::count(SIGALRM, libc::SA_RESTART)?;
    let alarms = Alarms::start()?;
    let errno = aio.get(1, 1, None).err();
    drop(alarms);
    ensure_eq!(errno, Some(Errno(EINTR)), "io_getevents");
    ensure!(signals::caught() > 0, "no signal was handled");
    pass()
}

/// A signal ends the wait with the events that there are.
fn signal_with_events(cx: &mut Context) -> Run {
    let mut aio = with_events(cx, 1)?;
    signals::count(SIGALRM, libc::SA_RESTART)?;
    let alarms = Alarms::start()?;
    let events = aio.get(2, 2, None);
    drop(alarms);
    ensure_eq!(events?.len(), 1, "events");
    ensure!(signals::caught() > 0, "no signal was handled");
    pass()
}
