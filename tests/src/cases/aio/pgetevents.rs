//! io_pgetevents(2): io_getevents with a signal mask for the wait.

use std::ptr;

use aio_sys::{
    __aio_sigset, __kernel_timespec, KERNEL_SIGSET_SIZE, aio_context_t, io_event, io_pgetevents,
};
use libc::{EFAULT, EINTR, EINVAL, SIGALRM, SIGUSR1};

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
    Case::new(
        "aio/pgetevents/bad_context",
        ITEMS,
        kernel(4, 18),
        bad_context,
    ),
    Case::new("aio/pgetevents/bad_mask", ITEMS, kernel(4, 18), bad_mask),
    Case::new("aio/pgetevents/blocks", ITEMS, kernel(4, 18), blocks),
    Case::new(
        "aio/pgetevents/event_and_signal",
        ITEMS,
        kernel(4, 18),
        event_and_signal,
    ),
    Case::new("aio/pgetevents/mask_size", ITEMS, kernel(4, 18), mask_size),
    Case::new("aio/pgetevents/no_mask", ITEMS, kernel(4, 18), no_mask),
    Case::new("aio/pgetevents/unblocks", ITEMS, kernel(4, 18), unblocks),
];

const ITEMS: &[&str] = &["io_pgetevents", "__aio_sigset"];

/// The kernel's set of `signals`, as long as on any architecture.
fn set(signals: &[i32]) -> [u64; 2] {
    [signals::kernel_set(signals), 0]
}

/// A context with one event in it.
#[track_caller]
fn with_event(cx: &Context) -> Result<Aio, Stop> {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    aio.submit(&mut [Request::read(&file, Buffer::zeroed(16)?, 0)])?;
    Ok(aio)
}

/// Waits for one event.
fn get(
    context: aio_context_t,
    timeout: Option<__kernel_timespec>,
    mask: *const [u64; 2],
    size: usize,
) -> Result<usize, Errno> {
    let mut event = io_event::default();
    let mut timeout = timeout;
    let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let mask = __aio_sigset {
        sigmask: mask.cast(),
        sigsetsize: size,
    };
    // SAFETY: there is room for the event; the timeout is null or readable; the call checks whether it may read the
    // mask, and reads no more than any mask has.
    checked(unsafe { io_pgetevents(context, 1, 1, &mut event, timeout, &mask) })
}

/// No mask, and a null one whatever its size, are none: the call is io_getevents.
fn no_mask(cx: &mut Context) -> Run {
    let mut aio = with_event(cx)?;
    ensure_eq!(
        get(aio.context(), None, ptr::null(), 99),
        Ok(1),
        "with a null mask"
    );
    let mut event = io_event::default();
    let mut now = __kernel_timespec::default();
    // SAFETY: there is room for the event, the timeout is readable, and no mask is fine.
    let result =
        checked(unsafe { io_pgetevents(aio.context(), 1, 1, &mut event, &mut now, ptr::null()) });
    ensure_eq!(result, Ok(0), "with no mask");
    ensure_eq!(aio.ready()?.len(), 0, "events");
    pass()
}

/// The mask must have the kernel's size.
fn mask_size(cx: &mut Context) -> Run {
    let aio = with_event(cx)?;
    let mask = set(&[]);
    for size in [0, 1, KERNEL_SIGSET_SIZE * 2, size_of::<libc::sigset_t>()] {
        let result = get(aio.context(), None, &mask, size);
        ensure_eq!(result, Err(Errno(EINVAL)), "mask of {size} bytes");
    }
    ensure_eq!(
        get(aio.context(), None, &mask, KERNEL_SIGSET_SIZE),
        Ok(1),
        "the right size"
    );
    pass()
}

/// A mask, or the description of one, that cannot be read is refused.
fn bad_mask(cx: &mut Context) -> Run {
    let aio = with_event(cx)?;
    let no_access = Buffer::zeroed(16)?.protected(libc::PROT_NONE)?;
    let result = get(
        aio.context(),
        None,
        no_access.pointer().cast(),
        KERNEL_SIGSET_SIZE,
    );
    ensure_eq!(result, Err(Errno(EFAULT)), "bad mask");
    let mut event = io_event::default();
    let usig = no_access.pointer().cast();
    // SAFETY: there is room for the event; the call checks whether it may read the description.
    let result =
        checked(unsafe { io_pgetevents(aio.context(), 1, 1, &mut event, ptr::null_mut(), usig) });
    ensure_eq!(result, Err(Errno(EFAULT)), "bad description");
    pass()
}

/// What is no context is refused.
fn bad_context(_: &mut Context) -> Run {
    let mask = set(&[]);
    let result = get(0, None, &mask, KERNEL_SIGSET_SIZE);
    ensure_eq!(result, Err(Errno(EINVAL)), "io_pgetevents of no context");
    pass()
}

/// A signal that waits to be unblocked, and that the mask lets through, ends the wait; afterwards it is blocked again.
fn unblocks(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    signals::count(SIGUSR1, 0)?;
    signals::block(&[SIGUSR1])?;
    signals::raise(SIGUSR1)?;
    ensure_eq!(signals::caught(), 0, "signals before the call");
    let result = get(aio.context(), None, &set(&[]), KERNEL_SIGSET_SIZE);
    ensure_eq!(result, Err(Errno(EINTR)), "io_pgetevents");
    ensure_eq!(signals::caught(), 1, "signals during the call");
    ensure!(signals::is_blocked(SIGUSR1), "the mask was not restored");
    pass()
}

/// With an event there already, the signal is handled all the same, and the event is returned.
fn event_and_signal(cx: &mut Context) -> Run {
    let aio = with_event(cx)?;
    signals::count(SIGUSR1, 0)?;
    signals::block(&[SIGUSR1])?;
    signals::raise(SIGUSR1)?;
    let result = get(aio.context(), None, &set(&[]), KERNEL_SIGSET_SIZE);
    ensure_eq!(result, Ok(1), "io_pgetevents");
    ensure!(signals::is_blocked(SIGUSR1), "the mask was not restored");
    // A kernel may leave the signal for later, since the call was not interrupted.
    let (caught, pending) = (signals::caught(), signals::is_pending(SIGUSR1));
    cx.note(format_args!("handled {caught}, pending {pending}"));
    ensure!(
        (caught == 1) != pending,
        "the signal was lost, or came twice"
    );
    pass()
}

/// Signals in the mask do not end the wait; they are handled after it.
fn blocks(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    signals::count(SIGALRM, 0)?;
    let time = __kernel_timespec {
        tv_sec: 0,
        tv_nsec: 30_000_000,
    };
    let alarms = Alarms::start()?;
    let result = get(
        aio.context(),
        Some(time),
        &set(&[SIGALRM]),
        KERNEL_SIGSET_SIZE,
    );
    drop(alarms);
    ensure_eq!(result, Ok(0), "io_pgetevents");
    ensure!(!signals::is_blocked(SIGALRM), "the mask was not restored");
    ensure!(
        signals::caught() > 0,
        "no signal was handled after the call"
    );
    pass()
}
