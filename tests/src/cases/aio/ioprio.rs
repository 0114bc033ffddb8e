//! `IOCB_FLAG_IOPRIO`: the I/O priority of one request.

use aio_sys::{IOCB_FLAG_IOPRIO, iocb};
use libc::{EINVAL, EPERM};

use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::support::files::{pattern, pattern_file};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/ioprio/bad_class", ITEMS, kernel(4, 18), bad_class),
    Case::new("aio/ioprio/best_effort", ITEMS, kernel(4, 18), best_effort),
    Case::new("aio/ioprio/no_flag", ITEMS, kernel(2, 6), no_flag),
    Case::new("aio/ioprio/real_time", ITEMS, kernel(4, 18), real_time)
        .requires(&[Requirement::Root]),
];

const ITEMS: &[&str] = &["IOCB_FLAG_IOPRIO", "iocb", "io_submit"];

/// The priority of class and level, as ioprio_set(2) has it.
const fn priority(class: i16, level: i16) -> i16 {
    class << 13 | level
}

const REAL_TIME: i16 = 1;
const BEST_EFFORT: i16 = 2;
const IDLE: i16 = 3;
/// All bits of the class, which name none.
const NO_CLASS: i16 = -1;

fn with_priority(priority: i16) -> impl FnOnce(&mut iocb) {
    move |iocb| {
        iocb.aio_flags = IOCB_FLAG_IOPRIO;
        iocb.aio_reqprio = priority;
    }
}

/// Ordinary and low priorities read the same data.
fn best_effort(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 512)?;
    let mut aio = Aio::new(1)?;
    for prio in [
        0,
        priority(BEST_EFFORT, 0),
        priority(BEST_EFFORT, 7),
        priority(IDLE, 0),
    ] {
        let buffer = Buffer::zeroed(512)?;
        let request = Request::read(&file, buffer, 0).with(with_priority(prio));
        ensure_eq!(
            aio.complete(request)?,
            512,
            "result with priority {prio:#x}"
        );
        ensure!(buffer.bytes() == pattern(0..512), "other data");
    }
    pass()
}

/// A class that does not exist is refused at once.
fn bad_class(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let request = Request::read(&file, Buffer::zeroed(16)?, 0).with(with_priority(NO_CLASS));
    ensure_eq!(
        Aio::new(1)?.submit(&mut [request]),
        Err(Errno(EINVAL)),
        "class 7"
    );
    pass()
}

/// Without the flag the priority is not looked at.
fn no_flag(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let request =
        Request::read(&file, Buffer::zeroed(16)?, 0).with(|iocb| iocb.aio_reqprio = NO_CLASS);
    ensure_eq!(Aio::new(1)?.complete(request)?, 16, "result");
    pass()
}

/// The real-time class is for the privileged.
fn real_time(cx: &mut Context) -> Run {
    const NOBODY: libc::uid_t = 65534;
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    let buffer = Buffer::zeroed(16)?;
    let request = || Request::read(&file, buffer, 0).with(with_priority(priority(REAL_TIME, 0)));
    ensure_eq!(aio.complete(request())?, 16, "result for root");
    // SAFETY: setresuid(2) takes numbers. It takes the capabilities away, from this process alone.
    let result = unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) };
    ensure_eq!(result, 0, "setresuid");
    ensure_eq!(
        aio.submit(&mut [request()]),
        Err(Errno(EPERM)),
        "for nobody"
    );
    pass()
}
