//! The ABI of libaio, version 1, over [`safe::aio::raw`]: a check of it by programs that know nothing of it.
//!
//! `libaio.map` has the names and their versions. Errors are negated errnos. What differs from libaio: events
//! are taken from the ring where they are there; a timeout that is negative or not normalised is refused
//! (`EINVAL`); the versions LIBAIO_0.1 of `io_cancel`, `io_getevents` and `io_queue_wait`, with the arguments of
//! 2002, are missing.

mod registry;

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::slice;
use std::time::Duration;

use aio_sys::{io_event, iocb};
use libc::{EFAULT, EINPROGRESS, EINVAL, timespec};
use safe::aio::raw::{Cancel, Context, Event};

use registry::{Entry, negated};

/// `io_context_t`: the address of the ring, as programs that reap it themselves expect it.
type ContextPtr = *mut c_void;

/// `io_callback_t`: what `io_queue_run` calls.
type Callback = extern "C" fn(ContextPtr, *mut iocb, c_long, c_long);

/// Makes a context.
///
/// # Safety
///
/// `ctxp` is null or valid for reads and writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_setup(maxevents: c_int, ctxp: *mut ContextPtr) -> c_int {
    if ctxp.is_null() {
        return -EFAULT;
    }
    // SAFETY: by the caller's promise.
    if !unsafe { ctxp.read() }.is_null() {
        return -EINVAL;
    }
    match Context::new(maxevents as c_uint) {
        Ok(context) => {
            // SAFETY: by the caller's promise.
            unsafe { ctxp.write(ptr::without_provenance_mut(registry::add(context))) };
            0
        }
        Err(error) => -error.raw_os_error(),
    }
}

/// Ends a context. Threads that wait for its events are told `EINVAL`.
#[unsafe(no_mangle)]
pub extern "C" fn io_destroy(ctx: ContextPtr) -> c_int {
    registry::remove(ctx.addr())
}

/// Submits requests.
///
/// # Safety
///
/// That of [`Context::submit`], for the first `nr` pointers at `iocbpp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_submit(ctx: ContextPtr, nr: c_long, iocbpp: *mut *mut iocb) -> c_int {
    let Some(entry) = registry::find(ctx.addr()) else {
        return -EINVAL;
    };
    let requests = match usize::try_from(nr) {
        Err(_) => return -EINVAL,
        Ok(0) => &[],
        Ok(_) if iocbpp.is_null() => return -EFAULT,
        // SAFETY: by the caller's promise; `Iocb` is `repr(transparent)`.
        Ok(count) => unsafe { slice::from_raw_parts(iocbpp.cast(), count) },
    };
    // SAFETY: by the caller's promise.
    match unsafe { entry.context().submit(requests) } {
        Ok(count) => count as c_int,
        Err(error) => negated(&error),
    }
}

/// Cancels a poll: `-EINPROGRESS`, and its event follows. `_evt` is left alone, as by every kernel that has polls.
#[unsafe(no_mangle)]
pub extern "C" fn io_cancel(ctx: ContextPtr, iocb: *mut iocb, _evt: *mut io_event) -> c_int {
    let Some(entry) = registry::find(ctx.addr()) else {
        return -EINVAL;
    };
    match entry.context().cancel(iocb.cast()) {
        Ok(Cancel::EventFollows) => -EINPROGRESS,
        Ok(Cancel::NotCancelled) => -EINVAL,
        Err(error) => negated(&error),
    }
}

/// Takes events.
///
/// # Safety
///
/// That of [`io_pgetevents`], without a signal mask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_getevents(
    ctx: ContextPtr,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut timespec,
) -> c_int {
    // SAFETY: by the caller's promise.
    unsafe { io_pgetevents(ctx, min_nr, nr, events, timeout, ptr::null_mut()) }
}

/// Takes events, with a signal mask.
///
/// # Safety
///
/// `events` is null or valid for writes of `nr` events; `timeout` and `sigmask` are null or valid for reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_pgetevents(
    ctx: ContextPtr,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut timespec,
    sigmask: *mut libc::sigset_t,
) -> c_int {
    let (Ok(min), Ok(most)) = (usize::try_from(min_nr), usize::try_from(nr)) else {
        return -EINVAL;
    };
    // SAFETY: by the caller's promise.
    let (timeout, sigmask) = unsafe { (timeout.as_ref(), sigmask.as_ref()) };
    let timeout = match timeout.map(duration) {
        Some(None) => return -EINVAL,
        timeout => timeout.flatten(),
    };
    let Some(entry) = registry::find(ctx.addr()) else {
        return -EINVAL;
    };
    let events: &mut [MaybeUninit<Event>] = match most {
        0 => &mut [],
        _ if events.is_null() => return -EFAULT,
        // SAFETY: by the caller's promise; `Event` is `repr(transparent)`.
        _ => unsafe { slice::from_raw_parts_mut(events.cast(), most) },
    };
    match entry.events(min, events, timeout, sigmask) {
        Ok(count) => count as c_int,
        Err(error) => negated(&error),
    }
}

/// The time, if it is one.
fn duration(time: &timespec) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
}

/// As [`io_setup`], whatever `ctxp` has.
///
/// # Safety
///
/// `ctxp` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_init(maxevents: c_int, ctxp: *mut ContextPtr) -> c_int {
    if maxevents <= 0 {
        return -EINVAL;
    }
    if !ctxp.is_null() {
        // SAFETY: by the caller's promise.
        unsafe { ctxp.write(ptr::null_mut()) };
    }
    // SAFETY: by the caller's promise; it has just been written.
    unsafe { io_setup(maxevents, ctxp) }
}

/// As [`io_destroy`].
#[unsafe(no_mangle)]
pub extern "C" fn io_queue_release(ctx: ContextPtr) -> c_int {
    io_destroy(ctx)
}

/// Calls, for each event that is there, the function that the request carries as its data.
///
/// # Safety
///
/// Each request carries a [`Callback`], and may be called for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_run(ctx: ContextPtr) -> c_int {
    let mut now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    loop {
        let mut event = io_event::default();
        // SAFETY: both are live variables.
        match unsafe { io_getevents(ctx, 0, 1, &mut event, &mut now) } {
            1 => {
                let address: *const c_void = ptr::with_exposed_provenance(event.data as usize);
                // SAFETY: by the caller's promise.
                let callback: Callback = unsafe { std::mem::transmute(address) };
                let request = ptr::with_exposed_provenance_mut(event.obj as usize);
                callback(ctx, request, event.res as c_long, event.res2 as c_long);
            }
            ended => return ended,
        }
    }
}

/// Takes no events, and so waits for none.
///
/// # Safety
///
/// `timeout` is null or valid for reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn io_queue_wait(ctx: ContextPtr, timeout: *mut timespec) -> c_int {
    // SAFETY: by the caller's promise; no events are written.
    unsafe { io_getevents(ctx, 0, 0, ptr::null_mut(), timeout) }
}

impl Entry {
    /// Takes events: from the ring if nobody else reaps, the rest by a system call, of which several may run.
    fn events(
        &self,
        min: usize,
        events: &mut [MaybeUninit<Event>],
        timeout: Option<Duration>,
        sigmask: Option<&libc::sigset_t>,
    ) -> std::io::Result<usize> {
        if min > events.len() {
            return Err(std::io::Error::from_raw_os_error(EINVAL));
        }
        let taken = self.take(events)?;
        let done = taken.is_some_and(|taken| taken >= min || timeout == Some(Duration::ZERO));
        let taken = taken.unwrap_or(0);
        if done && sigmask.is_none() {
            return Ok(taken);
        }
        match self.wait(
            min.saturating_sub(taken),
            &mut events[taken..],
            timeout,
            sigmask,
        ) {
            Ok(more) => Ok(taken + more),
            Err(_) if taken > 0 => Ok(taken),
            Err(error) => Err(error),
        }
    }
}
