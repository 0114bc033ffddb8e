//! aio_cancel(3).

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use libc::{EBADF, ECANCELED, EINPROGRESS, EINVAL};
use posix_aio::{AIO_ALLDONE, AIO_CANCELED, AIO_NOTCANCELED};

use super::GLIBC;
use crate::case::{Case, Run, Since, Stop, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::posix_request::{Request, cancel_all};
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "posix/aio_cancel/all_of_a_file",
        &["aio_cancel", "AIO_NOTCANCELED", "AIO_CANCELED"],
        Since::Libc,
        all_of_a_file,
    ),
    Case::new(
        "posix/aio_cancel/bad_descriptor",
        &["aio_cancel"],
        Since::Libc,
        bad_descriptor,
    ),
    Case::new(
        "posix/aio_cancel/finished",
        &["aio_cancel", "AIO_ALLDONE"],
        Since::Libc,
        finished,
    ),
    #[cfg(target_env = "gnu")]
    Case::new(
        "posix/aio_cancel/notifies",
        &["aio_cancel", "SIGEV_SIGNAL"],
        Since::Libc,
        glibc::notifies,
    ),
    #[cfg(target_env = "gnu")]
    Case::new(
        "posix/aio_cancel/queued",
        &["aio_cancel", "AIO_CANCELED"],
        Since::Libc,
        glibc::queued,
    ),
    Case::new(
        "posix/aio_cancel/running",
        &["aio_cancel", "AIO_NOTCANCELED"],
        Since::Libc,
        running,
    ),
];

/// A read of a pipe that has no data.
fn reading(reader: &impl AsRawFd) -> Result<Request, Stop> {
    let mut request = Request::new(reader, Buffer::zeroed(4)?, 0);
    request.read()?;
    Ok(request)
}

/// glibc leaves alone what has begun; musl stops it.
fn running(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let request = reading(&reader)?;
    if GLIBC {
        ensure_eq!(request.cancel(&reader), Ok(AIO_NOTCANCELED), "aio_cancel");
        ensure_eq!(request.error(), Errno(EINPROGRESS), "aio_error");
        File::from(writer).write_all(b"data")?;
        ensure_eq!(request.wait(), Ok(4), "result");
    } else {
        ensure_eq!(request.cancel(&reader), Ok(AIO_CANCELED), "aio_cancel");
        ensure_eq!(request.wait(), Err(Errno(ECANCELED)), "result");
    }
    ensure_eq!(
        request.cancel(&reader),
        Ok(AIO_ALLDONE),
        "aio_cancel afterwards"
    );
    pass()
}

/// All operations of a file can be cancelled at once: with glibc those that have not begun.
fn all_of_a_file(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let (other, _other_writer) = pipe()?;
    let requests = [reading(&reader)?, reading(&reader)?, reading(&reader)?];
    let elsewhere = reading(&other)?;
    let expected = if GLIBC { AIO_NOTCANCELED } else { AIO_CANCELED };
    ensure_eq!(cancel_all(&reader), Ok(expected), "aio_cancel");
    for (i, request) in requests.iter().enumerate() {
        if GLIBC && i == 0 {
            ensure_eq!(
                request.error(),
                Errno(EINPROGRESS),
                "aio_error of the first one"
            );
        } else {
            ensure_eq!(
                request.wait(),
                Err(Errno(ECANCELED)),
                "result of request {i}"
            );
        }
    }
    ensure_eq!(
        elsewhere.error(),
        Errno(EINPROGRESS),
        "aio_error of the one elsewhere"
    );
    if GLIBC {
        File::from(writer).write_all(b"data")?;
        ensure_eq!(requests[0].wait(), Ok(4), "result of the first one");
    }
    ensure_eq!(
        cancel_all(&reader),
        Ok(AIO_ALLDONE),
        "aio_cancel afterwards"
    );
    pass()
}

/// Where everything is over, or nothing was begun, there is nothing to cancel.
fn finished(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    ensure_eq!(cancel_all(&file), Ok(AIO_ALLDONE), "aio_cancel before");
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0);
    request.read()?;
    ensure_eq!(request.wait(), Ok(16), "result");
    ensure_eq!(
        request.cancel(&file),
        Ok(AIO_ALLDONE),
        "aio_cancel of the operation"
    );
    ensure_eq!(cancel_all(&file), Ok(AIO_ALLDONE), "aio_cancel of the file");
    ensure_eq!(request.wait(), Ok(16), "result afterwards");
    pass()
}

/// A file that is not the operation's, or none, is refused; musl does not look whether it is open.
fn bad_descriptor(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let request = reading(&reader)?;
    ensure_eq!(
        request.cancel(&writer),
        Err(Errno(EINVAL)),
        "aio_cancel with another file"
    );
    if GLIBC {
        ensure_eq!(cancel_all(&-1), Err(Errno(EBADF)), "aio_cancel of -1");
    } else {
        ensure_eq!(cancel_all(&9999), Ok(AIO_ALLDONE), "aio_cancel of 9999");
    }
    ensure_eq!(request.error(), Errno(EINPROGRESS), "aio_error");
    pass()
}

#[cfg(target_env = "gnu")]
mod glibc {
    use super::*;
    use crate::support::signals;

    /// With glibc a file has one operation at a time; one that waits for its turn is cancelled.
    pub(super) fn queued(_: &mut Context) -> Run {
        let (reader, writer) = pipe()?;
        let first = reading(&reader)?;
        let second = reading(&reader)?;
        ensure_eq!(second.cancel(&reader), Ok(AIO_CANCELED), "aio_cancel");
        ensure_eq!(second.error(), Errno(ECANCELED), "aio_error");
        ensure_eq!(second.result(), -1, "aio_return");
        ensure_eq!(
            first.error(),
            Errno(EINPROGRESS),
            "aio_error of the first one"
        );
        File::from(writer).write_all(b"data")?;
        ensure_eq!(first.wait(), Ok(4), "result of the first one");
        ensure_eq!(
            second.buffer().bytes(),
            [0; 4],
            "buffer of the cancelled one"
        );
        pass()
    }

    /// A cancelled operation is over, and notifies.
    pub(super) fn notifies(_: &mut Context) -> Run {
        let signal = libc::SIGRTMIN();
        signals::block(&[signal])?;
        let (reader, _writer) = pipe()?;
        let _first = reading(&reader)?;
        let mut second = Request::new(&reader, Buffer::zeroed(4)?, 0).signal(signal, 5);
        second.read()?;
        ensure_eq!(second.cancel(&reader), Ok(AIO_CANCELED), "aio_cancel");
        ensure_eq!(
            signals::take(&[signal])?.si_code,
            libc::SI_ASYNCIO,
            "code of the signal"
        );
        ensure_eq!(second.error(), Errno(ECANCELED), "aio_error");
        pass()
    }
}
