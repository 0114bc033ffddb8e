//! `IOCB_CMD_PWRITE`.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;

use libc::{EBADF, EFAULT, EFBIG, EINVAL, ENOSPC, EPIPE};

use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::page_size;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/write/appends", ITEMS, kernel(2, 6), appends).on_each_file_system(),
    Case::new("aio/write/bad_buffer", ITEMS, kernel(2, 6), bad_buffer).on_each_file_system(),
    Case::new("aio/write/bad_offset", ITEMS, kernel(2, 6), bad_offset),
    Case::new("aio/write/broken_pipe", ITEMS, kernel(2, 6), broken_pipe),
    Case::new("aio/write/direct", ITEMS, kernel(2, 6), direct)
        .on_each_file_system()
        .requires(&[Requirement::DirectIo]),
    Case::new("aio/write/longest", ITEMS, kernel(2, 6), longest),
    Case::new("aio/write/no_space", ITEMS, kernel(2, 6), no_space).requires(&[Requirement::Root]),
    Case::new("aio/write/no_writing", ITEMS, kernel(2, 6), no_writing),
    Case::new(
        "aio/write/not_open_for_it",
        ITEMS,
        kernel(2, 6),
        not_open_for_it,
    ),
    Case::new("aio/write/size_limit", ITEMS, kernel(2, 6), size_limit).on_each_file_system(),
    Case::new("aio/write/whole", ITEMS, kernel(2, 6), whole).on_each_file_system(),
];

const ITEMS: &[&str] = &["IOCB_CMD_PWRITE", "io_submit"];

/// Writes land at their offsets, also behind the end, and leave the rest alone.
fn whole(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 100)?;
    let mut aio = Aio::new(1)?;
    for (offset, text) in [(10, "inside"), (98, "over the end"), (200, "behind")] {
        let res = aio.complete(Request::write(&file, Buffer::of(text.as_bytes())?, offset))?;
        ensure_eq!(res, text.len() as i64, "result at {offset}");
    }
    let mut expected = pattern(0..100);
    expected.resize(206, 0);
    expected[10..16].copy_from_slice(b"inside");
    expected[98..110].copy_from_slice(b"over the end");
    expected[200..].copy_from_slice(b"behind");
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// A file opened for appending grows at its end, whatever the offset.
fn appends(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 100)?;
    let file = OpenOptions::new().append(true).open("f")?;
    let res = Aio::new(1)?.complete(Request::write(&file, Buffer::of(b"end")?, 0))?;
    ensure_eq!(res, 3, "result");
    ensure!(
        fs::read("f")? == [&pattern(0..100)[..], b"end"].concat(),
        "other content"
    );
    pass()
}

/// Past the page cache the same data arrives.
fn direct(_: &mut Context) -> Run {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_DIRECT)
        .open("f")?;
    let buffer = Buffer::of(&pattern(0..1 << 16))?;
    let res = Aio::new(1)?.complete(Request::write(&file, buffer, 0))?;
    ensure_eq!(res, 1 << 16, "result");
    ensure!(fs::read("f")? == pattern(0..1 << 16), "other content");
    pass()
}

/// What is not open for writing is refused at once.
fn not_open_for_it(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 16)?;
    let file = File::open("f")?;
    let result = Aio::new(1)?.submit(&mut [Request::write(&file, Buffer::of(b"x")?, 0)]);
    ensure_eq!(
        result,
        Err(Errno(EBADF)),
        "write to a file open for reading"
    );
    pass()
}

/// A negative offset is refused at once.
fn bad_offset(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let result = Aio::new(1)?.submit(&mut [Request::write(&file, Buffer::of(b"x")?, -1)]);
    ensure_eq!(result, Err(Errno(EINVAL)), "write at -1");
    pass()
}

/// Memory that cannot be read is told by the event, and the file stays as it is.
fn bad_buffer(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let buffer = Buffer::zeroed(16)?.protected(libc::PROT_NONE)?;
    let res = Aio::new(1)?.complete(Request::write(&file, buffer, 0))?;
    ensure_eq!(res, -i64::from(EFAULT), "result");
    ensure!(fs::read("f")? == pattern(0..16), "the file was changed");
    pass()
}

/// A full file system takes what fits, and then says so in the event.
fn no_space(_: &mut Context) -> Run {
    // Of its own, so that the mount goes away with this process.
    // SAFETY: unshare(2) takes a number.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    ensure_eq!(result, 0, "unshare");
    mount(c"none", c"/", None, libc::MS_REC | libc::MS_PRIVATE)?;
    fs::create_dir("m")?;
    mount(c"none", c"m", Some((c"tmpfs", c"size=64k")), 0)?;
    let file = File::create_new("m/f")?;
    let mut aio = Aio::new(1)?;
    let buffer = Buffer::of(&pattern(0..1 << 20))?;
    let fits = aio.complete(Request::write(&file, buffer, 0))?;
    ensure!(0 < fits && fits <= 1 << 16, "{fits} bytes fit");
    let full = aio.complete(Request::write(&file, buffer, fits))?;
    ensure_eq!(full, -i64::from(ENOSPC), "result");
    let expected = pattern(0..usize::try_from(fits)?);
    ensure!(fs::read("m/f")? == expected, "other content");
    pass()
}

/// mount(2): of a type with options, or to change what is mounted.
fn mount(
    source: &CStr,
    target: &CStr,
    new: Option<(&CStr, &CStr)>,
    flags: libc::c_ulong,
) -> io::Result<()> {
    let (kind, options) = new.map_or((ptr::null(), ptr::null()), |(kind, options)| {
        (kind.as_ptr(), options.as_ptr())
    });
    // SAFETY: all are C strings or null.
    match unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind,
            flags,
            options.cast(),
        )
    } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A file without the way to write that native AIO uses is refused at once.
fn no_writing(_: &mut Context) -> Run {
    // It knows write(2) alone.
    let file = OpenOptions::new().write(true).open("/dev/full")?;
    let result = Aio::new(1)?.submit(&mut [Request::write(&file, Buffer::of(b"x")?, 0)]);
    ensure_eq!(result, Err(Errno(EINVAL)), "write to /dev/full");
    pass()
}

/// One request moves at most the whole pages of 0x7fffffff bytes; a longer one is cut off.
fn longest(_: &mut Context) -> Run {
    let file = OpenOptions::new().write(true).open("/dev/null")?;
    let buffer = Buffer::zeroed(0x7fff_ffff)?;
    let res = Aio::new(1)?.complete(Request::write(&file, buffer, 0))?;
    let pages = 0x7fff_ffff / page_size() * page_size();
    ensure_eq!(res, i64::try_from(pages)?, "result");
    pass()
}

/// Up to the limit on file sizes a write is short; beyond it fails and the process gets SIGXFSZ.
fn size_limit(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    signals::count(libc::SIGXFSZ, 0)?;
    let limit = libc::rlimit {
        rlim_cur: 12,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is readable.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    ensure_eq!(result, 0, "setrlimit");
    let mut aio = Aio::new(1)?;
    let (over, beyond) = (
        aio.complete(Request::write(&file, Buffer::of(b"abcd")?, 10))?,
        aio.complete(Request::write(&file, Buffer::of(b"efgh")?, 12))?,
    );
    // The answer of this case is written to a file as well.
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: `limit` is readable.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    ensure_eq!(result, 0, "setrlimit");
    ensure_eq!(over, 2, "result of a write over the limit");
    ensure_eq!(
        beyond,
        -i64::from(EFBIG),
        "result of a write beyond the limit"
    );
    ensure_eq!(signals::caught(), 1, "signals");
    ensure!(
        fs::read("f")? == [&pattern(0..10)[..], b"ab"].concat(),
        "other content"
    );
    pass()
}

/// A pipe that nobody reads gives EPIPE in the event, and SIGPIPE.
fn broken_pipe(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    drop(reader);
    signals::count(libc::SIGPIPE, 0)?;
    let res = Aio::new(1)?.complete(Request::write(&writer, Buffer::of(b"x")?, 0))?;
    ensure_eq!(res, -i64::from(EPIPE), "result");
    ensure_eq!(signals::caught(), 1, "signals");
    pass()
}
