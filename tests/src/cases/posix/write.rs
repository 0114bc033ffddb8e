//! aio_write(3).

use std::fs::{self, File, OpenOptions};

use libc::{EBADF, EFAULT, EPIPE};

use super::GLIBC;
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::posix_request::Request;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/write/appends", WRITE, Since::Libc, appends),
    Case::new("posix/write/bad_buffer", WRITE, Since::Libc, bad_buffer),
    Case::new(
        "posix/write/bad_descriptor",
        WRITE,
        Since::Libc,
        bad_descriptor,
    ),
    Case::new("posix/write/broken_pipe", WRITE, Since::Libc, broken_pipe),
    Case::new(
        "posix/write/not_open_for_it",
        WRITE,
        Since::Libc,
        not_open_for_it,
    ),
    Case::new("posix/write/whole", WRITE, Since::Libc, whole),
];

const WRITE: &[&str] = &["aio_write", "aio_error", "aio_return", "aiocb"];

/// Writes land at their offsets, also behind the end, and leave the rest alone.
fn whole(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let mut requests = Vec::new();
    for (offset, text) in [(10, "inside"), (98, "over the end"), (200, "behind")] {
        let mut request = Request::new(&file, Buffer::of(text.as_bytes())?, offset);
        request.write()?;
        requests.push((request, text.len()));
    }
    for (request, len) in requests {
        ensure_eq!(request.wait(), Ok(len as isize), "result");
    }
    let mut expected = pattern(0..100);
    expected.resize(206, 0);
    expected[10..16].copy_from_slice(b"inside");
    expected[98..110].copy_from_slice(b"over the end");
    expected[200..].copy_from_slice(b"behind");
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// A file opened for appending grows at its end by one write after the other, whatever the offset.
fn appends(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 100)?;
    let file = OpenOptions::new().append(true).open("f")?;
    let mut requests = Vec::new();
    for text in ["one", "two", "six"] {
        let mut request = Request::new(&file, Buffer::of(text.as_bytes())?, 0);
        request.write()?;
        requests.push(request);
    }
    for request in requests {
        ensure_eq!(request.wait(), Ok(3), "result");
    }
    ensure!(
        fs::read("f")? == [&pattern(0..100)[..], b"onetwosix"].concat(),
        "other content"
    );
    pass()
}

/// A file that is open for reading alone is told by aio_error.
fn not_open_for_it(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 16)?;
    let file = File::open("f")?;
    let mut request = Request::new(&file, Buffer::of(b"x")?, 0);
    request.write()?;
    ensure_eq!(request.wait(), Err(Errno(EBADF)), "result");
    pass()
}

/// A descriptor that is not open is told by aio_error on glibc, and by the call itself on musl.
fn bad_descriptor(_: &mut Context) -> Run {
    let mut request = Request::new(&-1, Buffer::of(b"x")?, 0);
    if GLIBC {
        request.write()?;
        ensure_eq!(request.wait(), Err(Errno(EBADF)), "result");
    } else {
        ensure_eq!(request.write(), Err(Errno(EBADF)), "aio_write");
    }
    pass()
}

/// Memory that cannot be read is told by aio_error, and the file stays as it is.
fn bad_buffer(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?.protected(libc::PROT_NONE)?, 0);
    request.write()?;
    ensure_eq!(request.wait(), Err(Errno(EFAULT)), "result");
    ensure!(fs::read("f")? == pattern(0..16), "the file was changed");
    pass()
}

/// A pipe that nobody reads is told by aio_error; the signal goes to the library's thread, which blocks it.
fn broken_pipe(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    drop(reader);
    signals::count(libc::SIGPIPE, 0)?;
    let mut request = Request::new(&writer, Buffer::of(b"x")?, 0);
    request.write()?;
    ensure_eq!(request.wait(), Err(Errno(EPIPE)), "result");
    ensure_eq!(signals::caught(), 0, "signals");
    pass()
}
