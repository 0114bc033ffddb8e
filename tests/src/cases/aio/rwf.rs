//! `aio_rw_flags`: the `RWF_*` of one request.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use aio_sys::*;
use libc::{EAGAIN, EINVAL, EOPNOTSUPP, EPIPE};

use super::accepted;
use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Place, Run, Stop, kernel, pass, skipped};
use crate::context::Context;
use crate::file_system::FileSystem;
use crate::kernel::Version;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "aio/rwf/append",
        &["RWF_APPEND", "IOCB_CMD_PWRITE"],
        kernel(4, 16),
        append,
    )
    .on_each_file_system(),
    Case::new(
        "aio/rwf/dontcache",
        &["RWF_DONTCACHE"],
        kernel(6, 14),
        dontcache,
    )
    .on_each_file_system()
    .refused_by(&[EOPNOTSUPP]),
    Case::new(
        "aio/rwf/durable",
        &["RWF_DSYNC", "RWF_SYNC"],
        kernel(4, 13),
        durable,
    )
    .on_each_file_system(),
    Case::new("aio/rwf/hipri", &["RWF_HIPRI"], kernel(4, 13), hipri).on_each_file_system(),
    Case::new(
        "aio/rwf/noappend",
        &["RWF_NOAPPEND", "RWF_APPEND"],
        kernel(6, 9),
        noappend,
    )
    .on_each_file_system()
    .refused_by(&[EOPNOTSUPP]),
    Case::new(
        "aio/rwf/nosignal",
        &["RWF_NOSIGNAL"],
        kernel(6, 18),
        nosignal,
    )
    .refused_by(&[EOPNOTSUPP]),
    Case::new(
        "aio/rwf/nowait_file",
        &["RWF_NOWAIT"],
        kernel(4, 14),
        nowait_file,
    )
    .on_each_file_system(),
    Case::new(
        "aio/rwf/nowait_pipe",
        &["RWF_NOWAIT"],
        kernel(6, 4),
        nowait_pipe,
    )
    .refused_by(&[EOPNOTSUPP]),
    Case::new(
        "aio/rwf/nowait_refused",
        &["RWF_NOWAIT"],
        kernel(4, 14),
        nowait_refused,
    ),
    Case::new(
        "aio/rwf/supported",
        &["RWF_SUPPORTED"],
        kernel(4, 13),
        supported,
    )
    .on_each_file_system(),
    Case::new(
        "aio/rwf/unknown",
        &["io_submit", "iocb"],
        kernel(4, 13),
        unknown,
    )
    .on_each_file_system(),
];

/// A request with `RWF_*` bits.
pub(super) fn flagged(request: Request, flags: i32) -> Request {
    request.with(|iocb| iocb.aio_rw_flags = flags)
}

/// Submits the first request with a flag that this kernel may lack, and returns the result in its event.
#[track_caller]
fn first(cx: &Context, aio: &mut Aio, request: Request) -> Result<i64, Stop> {
    accepted(cx, aio.submit(&mut [request]))?;
    Ok(accepted(cx, aio.wait(1))?[0].res)
}

/// One write goes to the end of a file that is not open for appending.
fn append(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let mut aio = Aio::new(1)?;
    let request = flagged(Request::write(&file, Buffer::of(b"end")?, 0), RWF_APPEND);
    ensure_eq!(aio.complete(request)?, 3, "result");
    ensure!(
        fs::read("f")? == [&pattern(0..100)[..], b"end"].concat(),
        "other content"
    );
    pass()
}

/// One write goes to its offset in a file that is open for appending. Both flags together are refused.
fn noappend(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 100)?;
    let file = OpenOptions::new().append(true).open("f")?;
    let mut aio = Aio::new(1)?;
    let request = flagged(
        Request::write(&file, Buffer::of(b"start")?, 0),
        RWF_NOAPPEND,
    );
    ensure_eq!(first(cx, &mut aio, request)?, 5, "result");
    ensure!(
        fs::read("f")? == [b"start", &pattern(5..100)[..]].concat(),
        "other content"
    );
    let both = flagged(
        Request::write(&file, Buffer::of(b"x")?, 0),
        RWF_APPEND | RWF_NOAPPEND,
    );
    ensure_eq!(
        aio.submit(&mut [both]),
        Err(Errno(EINVAL)),
        "RWF_APPEND | RWF_NOAPPEND"
    );
    pass()
}

/// Durable writes write.
fn durable(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let mut aio = Aio::new(1)?;
    for (flag, text) in [(RWF_DSYNC, b"dsync"), (RWF_SYNC, b"sync!")] {
        let request = flagged(Request::write(&file, Buffer::of(text)?, 10), flag);
        ensure_eq!(aio.complete(request)?, 5, "result with flag {flag}");
        ensure_eq!(fs::read("f")?[10..15], text[..], "content");
    }
    pass()
}

/// The flag for polling is accepted, though nobody polls.
fn hipri(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let buffer = Buffer::zeroed(100)?;
    let request = flagged(Request::read(&file, buffer, 0), RWF_HIPRI);
    ensure_eq!(Aio::new(1)?.complete(request)?, 100, "result");
    ensure!(buffer.bytes() == pattern(0..100), "other data");
    pass()
}

/// A read that would wait for the disk gives EAGAIN; one of cached data gives the data.
fn nowait_file(cx: &mut Context) -> Run {
    const LEN: usize = 1 << 16;
    let file = pattern_file(cx, "f", LEN)?;
    file.sync_all()?;
    let buffer = Buffer::zeroed(LEN)?;
    let nowait = || flagged(Request::read(&file, buffer, 0), RWF_NOWAIT);
    let mut aio = Aio::new(1)?;
    let submitted = aio.submit(&mut [nowait()]);
    if cx.place() == Place::On(FileSystem::Tmpfs) && submitted == Err(Errno(EOPNOTSUPP)) {
        // It never waits, and does not promise it either.
        return pass();
    }
    ensure_eq!(submitted, Ok(1), "io_submit");
    let cached = aio.wait(1)?[0].res;
    ensure_eq!(cached, LEN as i64, "result with all data in the cache");

    // The kernel drops pages if it can, and may have read some again: either answer is right, and no other.
    // SAFETY: posix_fadvise(2) takes numbers.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let uncached = aio.complete(nowait())?;
    cx.note(format_args!("after dropping the cache: {uncached}"));
    let part = uncached > 0 && uncached <= LEN as i64;
    ensure!(
        part || uncached == -i64::from(EAGAIN),
        "result after dropping the cache: {uncached}"
    );
    fs::read("f")?;
    ensure_eq!(
        aio.complete(nowait())?,
        LEN as i64,
        "result with all data read again"
    );
    ensure!(buffer.bytes() == pattern(0..LEN), "other data");
    pass()
}

/// An empty pipe gives EAGAIN in the event, and data when there is some.
fn nowait_pipe(cx: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let buffer = Buffer::zeroed(4)?;
    let nowait = || flagged(Request::read(&reader, buffer, 0), RWF_NOWAIT);
    let mut aio = Aio::new(1)?;
    let empty = first(cx, &mut aio, nowait())?;
    ensure_eq!(empty, -i64::from(EAGAIN), "result on an empty pipe");
    aio.complete(Request::write(&writer, Buffer::of(b"data")?, 0))?;
    ensure_eq!(aio.complete(nowait())?, 4, "result with data");
    ensure_eq!(buffer.bytes(), b"data", "data");
    pass()
}

/// A file that cannot promise not to wait is refused at once.
fn nowait_refused(_: &mut Context) -> Run {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"f".as_ptr(), libc::MFD_CLOEXEC) };
    ensure!(fd >= 0, "memfd_create: {}", io::Error::last_os_error());
    // SAFETY: the descriptor is new, and nothing else knows it.
    let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let request = flagged(Request::read(&file, Buffer::zeroed(1)?, 0), RWF_NOWAIT);
    ensure_eq!(
        Aio::new(1)?.submit(&mut [request]),
        Err(Errno(EOPNOTSUPP)),
        "a file in memory"
    );
    pass()
}

/// I/O that leaves nothing in the cache moves the same data.
fn dontcache(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let mut aio = Aio::new(1)?;
    let write = flagged(Request::write(&file, Buffer::of(b"new")?, 5), RWF_DONTCACHE);
    let result = aio.submit(&mut [write]);
    if result == Err(Errno(EOPNOTSUPP)) && cx.kernel() >= Version::new(6, 14, 0) {
        if cx.place() == Place::On(FileSystem::Tmpfs) {
            // It is the cache.
            return pass();
        }
        return skipped("a kernel whose file system has RWF_DONTCACHE (EOPNOTSUPP)");
    }
    accepted(cx, result)?;
    ensure_eq!(aio.wait(1)?[0].res, 3, "result of the write");
    let buffer = Buffer::zeroed(4096)?;
    let read = flagged(Request::read(&file, buffer, 0), RWF_DONTCACHE);
    ensure_eq!(aio.complete(read)?, 4096, "result of the read");
    let expected = [&pattern(0..5)[..], b"new", &pattern(8..4096)].concat();
    ensure!(buffer.bytes() == expected, "other data");
    pass()
}

/// A write to a broken pipe gives EPIPE alone.
fn nosignal(cx: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    drop(reader);
    signals::count(libc::SIGPIPE, 0)?;
    let mut aio = Aio::new(1)?;
    let request = flagged(Request::write(&writer, Buffer::of(b"x")?, 0), RWF_NOSIGNAL);
    ensure_eq!(first(cx, &mut aio, request)?, -i64::from(EPIPE), "result");
    ensure_eq!(signals::caught(), 0, "signals with the flag");
    let res = aio.complete(Request::write(&writer, Buffer::of(b"x")?, 0))?;
    ensure_eq!(res, -i64::from(EPIPE), "result without the flag");
    ensure_eq!(signals::caught(), 1, "signals without the flag");
    pass()
}

/// Unknown bits are refused at once.
fn unknown(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    for flags in [1 << 30, i32::MIN] {
        let request = flagged(Request::read(&file, Buffer::zeroed(16)?, 0), flags);
        ensure_eq!(
            aio.submit(&mut [request]),
            Err(Errno(EOPNOTSUPP)),
            "flags {flags:#x}"
        );
    }
    pass()
}

/// The header's mask has all flags that it defines; the kernel refuses each bit that it does not know, and no older one.
fn supported(cx: &mut Context) -> Run {
    let all = [
        RWF_HIPRI,
        RWF_DSYNC,
        RWF_SYNC,
        RWF_NOWAIT,
        RWF_APPEND,
        RWF_NOAPPEND,
        RWF_ATOMIC,
        RWF_DONTCACHE,
        RWF_NOSIGNAL,
    ];
    ensure_eq!(
        all.iter().fold(0, |mask, flag| mask | flag),
        RWF_SUPPORTED,
        "RWF_SUPPORTED"
    );
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    let mut known = 0;
    for bit in 0..31 {
        let request = flagged(Request::read(&file, Buffer::zeroed(16)?, 0), 1 << bit);
        match aio.submit(&mut [request]) {
            Ok(_) => {
                aio.wait(1)?;
                known |= 1 << bit;
            }
            Err(Errno(EOPNOTSUPP)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    cx.note(format_args!("accepted for a read: {known:#x}"));
    let oldest = RWF_HIPRI | RWF_DSYNC | RWF_SYNC;
    ensure_eq!(known & oldest, oldest, "the flags that every kernel knows");
    pass()
}
