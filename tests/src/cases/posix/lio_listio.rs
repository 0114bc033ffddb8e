//! lio_listio(3).

use std::fs;
use std::io;
use std::os::fd::AsRawFd;

use libc::{EAGAIN, EBADF, EINPROGRESS, EINTR, EINVAL, EIO};
use posix_aio::{LIO_NOP, LIO_NOWAIT, LIO_READ, LIO_WAIT, LIO_WRITE};

use super::{GLIBC, without_memory};
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::posix_request::{Request, interruptible_list, list, signal_event, suspend};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/lio_listio/bad_member", WAIT, Since::Libc, bad_member),
    Case::new(
        "posix/lio_listio/bad_mode",
        &["lio_listio"],
        Since::Libc,
        bad_mode,
    ),
    Case::new(
        "posix/lio_listio/empty",
        &["lio_listio", "LIO_NOWAIT", "LIO_WAIT"],
        Since::Libc,
        empty,
    ),
    Case::new(
        "posix/lio_listio/failed_member",
        WAIT,
        Since::Libc,
        failed_member,
    ),
    Case::new(
        "posix/lio_listio/interrupted",
        WAIT,
        Since::Libc,
        interrupted,
    ),
    Case::new("posix/lio_listio/many", WAIT, Since::Libc, many),
    Case::new("posix/lio_listio/no_memory", WAIT, Since::Libc, no_memory),
    Case::new(
        "posix/lio_listio/no_operation",
        &["LIO_NOP", "lio_listio"],
        Since::Libc,
        no_operation,
    ),
    Case::new(
        "posix/lio_listio/nobody_told",
        &["LIO_NOWAIT", "SIGEV_NONE", "lio_listio"],
        Since::Libc,
        nobody_told,
    ),
    Case::new(
        "posix/lio_listio/nowait",
        &["LIO_NOWAIT", "LIO_READ", "lio_listio"],
        Since::Libc,
        nowait,
    ),
    Case::new(
        "posix/lio_listio/several_times",
        &["LIO_NOWAIT", "lio_listio"],
        Since::Libc,
        several_times,
    ),
    Case::new(
        "posix/lio_listio/signals",
        &["LIO_NOWAIT", "SIGEV_SIGNAL", "sigevent", "sigval"],
        Since::Libc,
        signals_of_all,
    ),
    Case::new(
        "posix/lio_listio/unknown_opcode",
        WAIT,
        Since::Libc,
        unknown_opcode,
    ),
    Case::new(
        "posix/lio_listio/wait",
        &["LIO_WAIT", "LIO_READ", "LIO_WRITE", "lio_listio"],
        Since::Libc,
        wait,
    ),
    Case::new(
        "posix/lio_listio/wait_ignores_event",
        WAIT,
        Since::Libc,
        wait_ignores_event,
    ),
];

const WAIT: &[&str] = &["lio_listio", "LIO_WAIT", "LIO_READ"];

fn reading(file: &impl AsRawFd, offset: i64) -> io::Result<Request> {
    Ok(Request::new(file, Buffer::zeroed(100)?, offset).opcode(LIO_READ))
}

/// With `LIO_WAIT` all is over when the call returns.
fn wait(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let target = pattern_file(cx, "g", 10)?;
    let (mut first, mut second) = (reading(&file, 0)?, reading(&file, 500)?);
    let mut written = Request::new(&target, Buffer::of(b"text")?, 3).opcode(LIO_WRITE);
    let mut requests = [Some(&mut first), Some(&mut written), Some(&mut second)];
    ensure_eq!(list(LIO_WAIT, &mut requests, None), Ok(()), "lio_listio");
    for (request, expected) in [(&first, 100), (&written, 4), (&second, 100)] {
        ensure_eq!(
            (request.error(), request.result()),
            (Errno(0), expected),
            "state and result"
        );
    }
    ensure!(
        first.buffer().bytes() == pattern(0..100),
        "other data in the first buffer"
    );
    ensure!(
        second.buffer().bytes() == pattern(500..600),
        "other data in the second buffer"
    );
    let expected = [&pattern(0..3)[..], b"text", &pattern(7..10)].concat();
    ensure!(fs::read("g")? == expected, "other content");
    pass()
}

/// With `LIO_NOWAIT` the call returns before the operations are over: here they are waiting for data.
fn nowait(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut request = reading(&reader, 0)?;
    ensure_eq!(
        list(LIO_NOWAIT, &mut [Some(&mut request)], None),
        Ok(()),
        "lio_listio"
    );
    ensure_eq!(request.error(), Errno(libc::EINPROGRESS), "aio_error");
    drop(writer);
    ensure_eq!(suspend(&[Some(&request)], None), Ok(()), "aio_suspend");
    ensure_eq!(request.wait(), Ok(0), "result");
    pass()
}

/// Each operation sends its signal, and the list one more when all are over.
fn signals_of_all(cx: &mut Context) -> Run {
    let signal = libc::SIGRTMIN();
    signals::block(&[signal])?;
    let file = pattern_file(cx, "f", 1000)?;
    let mut operations = Vec::new();
    for i in 0..3 {
        operations.push(reading(&file, i * 100)?.signal(signal, i as i32));
    }
    let mut requests: Vec<_> = operations.iter_mut().map(Some).collect();
    let event = Some(signal_event(signal, 99));
    ensure_eq!(list(LIO_NOWAIT, &mut requests, event), Ok(()), "lio_listio");
    let mut values = Vec::new();
    while values.len() < 4 {
        let info = signals::take(&[signal])?;
        ensure_eq!(info.si_code, libc::SI_ASYNCIO, "code of a signal");
        values.push(signals::value(&info));
        if values.last() == Some(&99) {
            for operation in &operations {
                ensure_eq!(
                    operation.error(),
                    Errno(0),
                    "aio_error at the list's signal"
                );
            }
        }
    }
    values.sort_unstable();
    ensure_eq!(values, [0, 1, 2, 99], "values of the signals");
    ensure!(!signals::is_pending(signal), "there are more signals");
    pass()
}

/// Null entries and those that say so are skipped.
fn no_operation(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let (mut first, mut last) = (reading(&file, 0)?, reading(&file, 100)?);
    let mut nop = reading(&file, 0)?.opcode(LIO_NOP);
    let mut requests = [Some(&mut first), None, Some(&mut nop), Some(&mut last)];
    ensure_eq!(list(LIO_WAIT, &mut requests, None), Ok(()), "lio_listio");
    ensure_eq!((first.wait(), last.wait()), (Ok(100), Ok(100)), "results");
    ensure_eq!(
        (nop.error(), nop.buffer().bytes()),
        (Errno(0), vec![0; 100]),
        "the skipped entry"
    );
    pass()
}

/// A list of nothing is done at once, and says so.
fn empty(_: &mut Context) -> Run {
    let signal = libc::SIGRTMIN();
    signals::block(&[signal])?;
    ensure_eq!(
        list(LIO_WAIT, &mut [], None),
        Ok(()),
        "lio_listio with LIO_WAIT"
    );
    let event = Some(signal_event(signal, 7));
    ensure_eq!(
        list(LIO_NOWAIT, &mut [], event),
        Ok(()),
        "lio_listio with LIO_NOWAIT"
    );
    let info = signals::take(&[signal])?;
    ensure_eq!(
        (info.si_code, signals::value(&info)),
        (libc::SI_ASYNCIO, 7),
        "the signal"
    );
    pass()
}

/// glibc refuses another mode; musl takes it for `LIO_NOWAIT`.
fn bad_mode(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let mut request = reading(&file, 0)?;
    let result = list(99, &mut [Some(&mut request)], None);
    if GLIBC {
        ensure_eq!(result, Err(Errno(EINVAL)), "lio_listio");
        ensure_eq!(
            request.buffer().bytes(),
            vec![0; 100],
            "buffer of the operation"
        );
    } else {
        ensure_eq!(result, Ok(()), "lio_listio");
        ensure_eq!(request.wait(), Ok(100), "result");
    }
    pass()
}

/// With one descriptor not open glibc still does the others, and musl stops there without waiting.
fn bad_member(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let (mut first, mut last) = (reading(&file, 0)?, reading(&file, 100)?);
    let mut bad = reading(&-1, 0)?;
    let mut requests = [Some(&mut first), Some(&mut bad), Some(&mut last)];
    let expected = Err(Errno(if GLIBC { EIO } else { EAGAIN }));
    ensure_eq!(list(LIO_WAIT, &mut requests, None), expected, "lio_listio");
    ensure_eq!(first.wait(), Ok(100), "result of the first one");
    if GLIBC {
        ensure_eq!(
            (bad.error(), bad.result()),
            (Errno(EBADF), -1),
            "the bad one"
        );
        ensure_eq!(last.wait(), Ok(100), "result of the last one");
    }
    pass()
}

/// With one operation that fails later the call says that something failed, and the others are done.
fn failed_member(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let (mut first, mut last) = (reading(&file, 0)?, reading(&file, 100)?);
    let mut bad = reading(&file, -1)?;
    let mut requests = [Some(&mut first), Some(&mut bad), Some(&mut last)];
    ensure_eq!(
        list(LIO_WAIT, &mut requests, None),
        Err(Errno(EIO)),
        "lio_listio"
    );
    ensure_eq!(bad.wait(), Err(Errno(EINVAL)), "result of the bad one");
    ensure_eq!(
        (first.wait(), last.wait()),
        (Ok(100), Ok(100)),
        "results of the others"
    );
    pass()
}

/// An unknown opcode is an error of its entry on glibc, and skipped on musl.
fn unknown_opcode(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let (mut good, mut bad) = (reading(&file, 0)?, reading(&file, 0)?.opcode(99));
    let result = list(LIO_WAIT, &mut [Some(&mut bad), Some(&mut good)], None);
    if GLIBC {
        ensure_eq!(result, Err(Errno(EIO)), "lio_listio");
        ensure_eq!(bad.error(), Errno(EINVAL), "aio_error of the bad one");
    } else {
        ensure_eq!(result, Ok(()), "lio_listio");
    }
    ensure_eq!(good.wait(), Ok(100), "result of the good one");
    pass()
}

/// A signal ends the wait, and the operation goes on.
fn interrupted(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    // Nobody ever writes, and the end stays open: the read lasts as long as the process.
    std::mem::forget(writer);
    let mut request = reading(&reader, 0)?;
    signals::count(libc::SIGALRM, 0)?;
    let alarms = signals::Alarms::start()?;
    // SAFETY: as just said.
    let result = unsafe { interruptible_list(&mut request) };
    drop(alarms);
    ensure_eq!(result, Err(Errno(EINTR)), "lio_listio");
    ensure_eq!(request.error(), Errno(EINPROGRESS), "aio_error");
    std::mem::forget(reader);
    pass()
}

/// More entries than any limit that the C libraries state.
fn many(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let mut operations = Vec::new();
    for i in 0..500 {
        operations.push(Request::new(&file, Buffer::zeroed(8)?, i * 8).opcode(LIO_READ));
    }
    let mut requests: Vec<_> = operations.iter_mut().map(Some).collect();
    ensure_eq!(list(LIO_WAIT, &mut requests, None), Ok(()), "lio_listio");
    for (i, operation) in operations.iter().enumerate() {
        ensure_eq!(operation.result(), 8, "result of entry {i}");
        let expected = pattern(i * 8..i * 8 + 8);
        ensure!(operation.buffer().bytes() == expected, "other data in {i}");
    }
    pass()
}

/// With no memory for a thread nothing is begun.
fn no_memory(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1000)?;
    let mut request = reading(&file, 0)?;
    let mut requests = [Some(&mut request)];
    let result = without_memory(|| list(LIO_WAIT, &mut requests, None))?;
    ensure_eq!(result, Err(Errno(EAGAIN)), "lio_listio");
    ensure_eq!(request.buffer().bytes(), [0; 100], "buffer");
    pass()
}

/// Without an event, and with one that tells nobody, no signal comes.
fn nobody_told(cx: &mut Context) -> Run {
    let (quiet, loud) = (libc::SIGRTMIN(), libc::SIGRTMIN() + 1);
    signals::block(&[quiet, loud])?;
    let file = pattern_file(cx, "f", 1000)?;
    let mut none = signal_event(quiet, 1);
    none.sigev_notify = posix_aio::SIGEV_NONE;
    for event in [None, Some(none)] {
        let mut request = reading(&file, 0)?;
        ensure_eq!(
            list(LIO_NOWAIT, &mut [Some(&mut request)], event),
            Ok(()),
            "lio_listio"
        );
        ensure_eq!(request.wait(), Ok(100), "result");
    }
    let mut last = reading(&file, 0)?.signal(loud, 2);
    last.read()?;
    ensure_eq!(
        signals::value(&signals::take(&[loud])?),
        2,
        "value of a later signal"
    );
    ensure!(!signals::is_pending(quiet), "a signal came");
    pass()
}

/// Lists can be in progress at the same time, also with operations of the same file.
fn several_times(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut operations = Vec::new();
    for _ in 0..4 {
        let mut request = reading(&reader, 0)?;
        ensure_eq!(
            list(LIO_NOWAIT, &mut [Some(&mut request)], None),
            Ok(()),
            "lio_listio"
        );
        operations.push(request);
    }
    for operation in &operations {
        ensure_eq!(operation.error(), Errno(EINPROGRESS), "aio_error");
    }
    drop(writer);
    for operation in &operations {
        ensure_eq!(operation.wait(), Ok(0), "result");
    }
    pass()
}

/// Who waits is not told besides.
fn wait_ignores_event(cx: &mut Context) -> Run {
    let signal = libc::SIGRTMIN();
    signals::block(&[signal])?;
    let file = pattern_file(cx, "f", 1000)?;
    let mut request = reading(&file, 0)?;
    let event = Some(signal_event(signal, 1));
    ensure_eq!(
        list(LIO_WAIT, &mut [Some(&mut request)], event),
        Ok(()),
        "lio_listio"
    );
    ensure_eq!(request.error(), Errno(0), "aio_error");
    ensure!(!signals::is_pending(signal), "a signal came");
    pass()
}
