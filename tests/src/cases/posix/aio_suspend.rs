//! aio_suspend(3).

use std::fs::File;
use std::io::Write;
use std::ptr;
use std::thread;

use libc::{EAGAIN, EINTR, EINVAL, SIGALRM};
use posix_aio::aio_suspend;

use super::GLIBC;
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::posix_request::{Request, suspend};
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals::{self, Alarms};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    #[cfg(target_env = "gnu")]
    Case::new(
        "posix/aio_suspend/abort",
        SUSPEND,
        Since::Libc,
        glibc::abort,
    ),
    Case::new("posix/aio_suspend/finished", SUSPEND, Since::Libc, finished),
    Case::new(
        "posix/aio_suspend/negative_count",
        SUSPEND,
        Since::Libc,
        negative_count,
    ),
    Case::new("posix/aio_suspend/nothing", SUSPEND, Since::Libc, nothing),
    Case::new(
        "posix/aio_suspend/one_of_several",
        SUSPEND,
        Since::Libc,
        one_of_several,
    ),
    Case::new("posix/aio_suspend/signal", SUSPEND, Since::Libc, signal),
    Case::new("posix/aio_suspend/timeout", SUSPEND, Since::Libc, timeout),
];

const SUSPEND: &[&str] = &["aio_suspend"];

const TWENTY_MS: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// With an operation that is over the call does not wait, however often it is asked.
fn finished(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0);
    request.read()?;
    ensure_eq!(request.wait(), Ok(16), "result");
    for _ in 0..3 {
        ensure_eq!(suspend(&[Some(&request)], None), Ok(()), "aio_suspend");
    }
    pass()
}

/// The call ends with the first operation that does; null entries do not count.
fn one_of_several(_: &mut Context) -> Run {
    let (idle, _silent) = pipe()?;
    let (reader, writer) = pipe()?;
    let mut waiting = Request::new(&idle, Buffer::zeroed(1)?, 0);
    let mut fed = Request::new(&reader, Buffer::zeroed(1)?, 0);
    waiting.read()?;
    fed.read()?;
    let feeder = thread::spawn(move || File::from(writer).write_all(b"x"));
    ensure_eq!(
        suspend(&[None, Some(&waiting), None, Some(&fed)], None),
        Ok(()),
        "aio_suspend"
    );
    ensure_eq!(fed.error(), Errno(0), "aio_error of the one with data");
    ensure_eq!(
        waiting.error(),
        Errno(libc::EINPROGRESS),
        "aio_error of the other one"
    );
    match feeder.join() {
        Ok(result) => result?,
        Err(_) => ensure!(false, "the feeding thread panicked"),
    }
    pass()
}

/// When the time is over the call says to try again.
fn timeout(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let mut request = Request::new(&reader, Buffer::zeroed(1)?, 0);
    request.read()?;
    for tv_nsec in [0, TWENTY_MS.tv_nsec] {
        let time = libc::timespec { tv_sec: 0, tv_nsec };
        let result = suspend(&[Some(&request)], Some(time));
        ensure_eq!(result, Err(Errno(EAGAIN)), "aio_suspend for {tv_nsec} ns");
    }
    pass()
}

/// A signal ends the wait.
fn signal(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let mut request = Request::new(&reader, Buffer::zeroed(1)?, 0);
    request.read()?;
    signals::count(SIGALRM, 0)?;
    let alarms = Alarms::start()?;
    let result = suspend(&[Some(&request)], None);
    drop(alarms);
    ensure_eq!(result, Err(Errno(EINTR)), "aio_suspend");
    ensure!(signals::caught() > 0, "no signal was handled");
    pass()
}

/// With nothing to wait for glibc returns at once, and musl waits for the time to be over.
fn nothing(_: &mut Context) -> Run {
    let expected = if GLIBC { Ok(()) } else { Err(Errno(EAGAIN)) };
    ensure_eq!(
        suspend(&[None, None], Some(TWENTY_MS)),
        expected,
        "aio_suspend of null entries"
    );
    ensure_eq!(
        suspend(&[], Some(TWENTY_MS)),
        expected,
        "aio_suspend of no entries"
    );
    pass()
}

/// A negative number of entries is refused.
fn negative_count(_: &mut Context) -> Run {
    // SAFETY: there is no entry to read, and no timeout.
    let result = unsafe { aio_suspend(ptr::null(), -1, ptr::null()) };
    ensure_eq!((result, Errno::last()), (-1, Errno(EINVAL)), "aio_suspend");
    pass()
}

#[cfg(target_env = "gnu")]
mod glibc {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::support::fork::forked;

    /// glibc aborts the process when the nanoseconds of the timeout are a second or more.
    pub(super) fn abort(_: &mut Context) -> Run {
        let (reader, _writer) = pipe()?;
        let buffer = Buffer::zeroed(1)?;
        let time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 2_000_000_000,
        };
        let status = forked(|| {
            let mut request = Request::new(&reader, buffer, 0);
            u8::from(request.read().is_ok() && suspend(&[Some(&request)], Some(time)).is_ok())
        })?;
        ensure_eq!(status.signal(), Some(libc::SIGABRT), "the child ({status})");
        pass()
    }
}
