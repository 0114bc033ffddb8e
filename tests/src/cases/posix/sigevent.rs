//! How the end of an operation is told: `SIGEV_*`.

use std::mem::MaybeUninit;
use std::sync::{Condvar, Mutex, PoisonError};

use libc::EINVAL;
use posix_aio::{SIGEV_NONE, SIGEV_THREAD_ID, sigval};

use super::GLIBC;
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::posix_request::{Request, list, thread_event};
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/sigevent/bad_signal", SIGNAL, Since::Libc, bad_signal),
    Case::new(
        "posix/sigevent/list_by_thread",
        THREAD,
        Since::Libc,
        list_by_thread,
    ),
    Case::new(
        "posix/sigevent/none",
        &["SIGEV_NONE", "sigevent"],
        Since::Libc,
        none,
    ),
    Case::new("posix/sigevent/signal", SIGNAL, Since::Libc, signal),
    Case::new("posix/sigevent/thread", THREAD, Since::Libc, thread),
    Case::new(
        "posix/sigevent/thread_attributes",
        THREAD,
        Since::Libc,
        thread_attributes,
    ),
    Case::new(
        "posix/sigevent/thread_id",
        &["SIGEV_THREAD_ID", "sigevent"],
        Since::Libc,
        thread_id,
    ),
];

const SIGNAL: &[&str] = &["SIGEV_SIGNAL", "sigevent", "sigval"];
const THREAD: &[&str] = &[
    "SIGEV_THREAD",
    "sigevent",
    "sigval",
    // What the function stands in differs between the C libraries.
    #[cfg(target_env = "gnu")]
    "sigevent__sigev_un",
    #[cfg(target_env = "gnu")]
    "sigevent__sigev_un__sigev_thread",
    #[cfg(target_env = "musl")]
    "sigevent___sev_fields",
    #[cfg(target_env = "musl")]
    "sigevent___sev_fields___sev_thread",
];

/// What the calls of [`notified`] were told, and on which thread.
static CALLS: Mutex<Vec<(i32, libc::pid_t)>> = Mutex::new(Vec::new());
static CALLED: Condvar = Condvar::new();

extern "C" fn notified(value: sigval) {
    // SAFETY: the value was given as an integer, and any bits are one.
    let value = unsafe { value.sival_int };
    let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    calls.push((value, thread_number()));
    CALLED.notify_all();
}

/// Waits for a call of [`notified`], and takes it.
fn take_call() -> (i32, libc::pid_t) {
    let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match calls.pop() {
            Some(call) => return call,
            None => calls = CALLED.wait(calls).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

fn thread_number() -> libc::pid_t {
    // SAFETY: gettid(2) takes nothing and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

/// The signal tells that it is about I/O, and brings the value along.
fn signal(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for number in [libc::SIGUSR1, libc::SIGRTMIN(), libc::SIGRTMAX()] {
        signals::block(&[number])?;
        let mut request = Request::new(&file, Buffer::zeroed(16)?, 0).signal(number, -1234);
        request.read()?;
        let info = signals::take(&[number])?;
        ensure_eq!(info.si_signo, number, "signal");
        ensure_eq!(info.si_code, libc::SI_ASYNCIO, "code of signal {number}");
        ensure_eq!(signals::value(&info), -1234, "value of signal {number}");
        ensure_eq!(
            (request.error(), request.result()),
            (Errno(0), 16),
            "state at the signal"
        );
    }
    pass()
}

/// The function is called on another thread, once, with the value, when the operation is over.
fn thread(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut request = Request::new(&reader, Buffer::zeroed(16)?, 0).thread(notified, 77);
    request.read()?;
    ensure_eq!(request.error(), Errno(libc::EINPROGRESS), "aio_error");
    let early = CALLS.lock().unwrap_or_else(PoisonError::into_inner).len();
    ensure_eq!(early, 0, "calls before the end");
    drop(writer);
    let (value, thread) = take_call();
    ensure_eq!(value, 77, "value");
    ensure!(
        thread != thread_number(),
        "called on the thread of the case"
    );
    ensure_eq!(request.wait(), Ok(0), "result");
    pass()
}

/// A list calls its function when all its operations are over.
fn list_by_thread(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let mut operations = Vec::new();
    for i in 0..3 {
        let request = Request::new(&file, Buffer::zeroed(100)?, i * 100);
        operations.push(request.opcode(posix_aio::LIO_READ));
    }
    let mut requests: Vec<_> = operations.iter_mut().map(Some).collect();
    let event = Some(thread_event(notified, 5));
    ensure_eq!(
        list(posix_aio::LIO_NOWAIT, &mut requests, event),
        Ok(()),
        "lio_listio"
    );
    ensure_eq!(take_call().0, 5, "value");
    for operation in &operations {
        ensure_eq!(operation.error(), Errno(0), "aio_error at the call");
    }
    pass()
}

/// Nobody is told.
fn none(cx: &mut Context) -> Run {
    silent(cx, SIGEV_NONE)
}

/// The notification of one thread is taken, and nobody is told.
fn thread_id(cx: &mut Context) -> Run {
    silent(cx, SIGEV_THREAD_ID)
}

/// No signal comes, though one is named. A second operation of the same file, which tells, is over after the first.
fn silent(cx: &Context, kind: i32) -> Run {
    let (quiet, loud) = (libc::SIGRTMIN(), libc::SIGRTMIN() + 1);
    signals::block(&[quiet, loud])?;
    let file = pattern_file(cx, "f", 16)?;
    let mut first = Request::new(&file, Buffer::zeroed(16)?, 0)
        .signal(quiet, 1)
        .notify(kind);
    first.read()?;
    ensure_eq!(first.wait(), Ok(16), "result");
    let mut second = Request::new(&file, Buffer::zeroed(16)?, 0).signal(loud, 2);
    second.read()?;
    ensure_eq!(
        signals::value(&signals::take(&[loud])?),
        2,
        "value of the second one's signal"
    );
    ensure!(!signals::is_pending(quiet), "the first one sent its signal");
    pass()
}

/// A number that is no signal spoils the result on glibc, and is ignored on musl.
fn bad_signal(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0).signal(1000, 0);
    request.read()?;
    if GLIBC {
        // The errno comes after the result, so wait for the library to be done with the file.
        request.wait().ok();
        let mut next = Request::new(&file, Buffer::zeroed(16)?, 0);
        next.read()?;
        ensure_eq!(next.wait(), Ok(16), "result of the next one");
        ensure_eq!(
            (request.error(), request.result()),
            (Errno(EINVAL), -1),
            "state and result"
        );
    } else {
        ensure_eq!(request.wait(), Ok(16), "result");
    }
    pass()
}

/// The size of the stack of the last thread that [`measured`] ran on.
static STACK: Mutex<Option<usize>> = Mutex::new(None);

extern "C" fn measured(_: sigval) {
    let mut size = 0;
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the first call fills what the others read, and both are writable.
    unsafe {
        libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
        libc::pthread_attr_getstacksize(attributes.as_ptr(), &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    *STACK.lock().unwrap_or_else(PoisonError::into_inner) = Some(size);
    CALLED.notify_all();
}

/// The thread is made as the attributes say: here with more stack than either library gives by itself.
fn thread_attributes(cx: &mut Context) -> Run {
    const SIZE: usize = 48 << 20;
    let file = pattern_file(cx, "f", 16)?;
    let mut event = thread_event(measured, 0);
    let attributes =
        Box::leak(Box::new(MaybeUninit::<libc::pthread_attr_t>::uninit())).as_mut_ptr();
    // SAFETY: the first call fills what the second changes.
    let set = unsafe {
        libc::pthread_attr_init(attributes);
        libc::pthread_attr_setstacksize(attributes, SIZE)
    };
    ensure_eq!(set, 0, "pthread_attr_setstacksize");
    event.set_sigev_notify_function(Some(measured), attributes.cast());
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0).event(event);
    request.read()?;
    let mut stack = STACK.lock().unwrap_or_else(PoisonError::into_inner);
    let size = loop {
        match *stack {
            Some(size) => break size,
            None => stack = CALLED.wait(stack).unwrap_or_else(PoisonError::into_inner),
        }
    };
    ensure!((SIZE..2 * SIZE).contains(&size), "a stack of {size} bytes");
    ensure_eq!(request.wait(), Ok(16), "result");
    pass()
}
