//! `IOCB_CMD_FSYNC` and `IOCB_CMD_FDSYNC`.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use aio_sys::{IOCB_CMD_FDSYNC, IOCB_CMD_FSYNC};
use libc::{EBADF, EINVAL};

use super::accepted;
use crate::aio_context::Aio;
use crate::aio_request::{Change, Request};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;

pub(super) static CASES: &[Case] = &[
    Case::new("aio/sync/after_writes", ITEMS, kernel(4, 18), after_writes)
        .on_each_file_system()
        .refused_by(&[EINVAL]),
    Case::new(
        "aio/sync/bad_descriptor",
        ITEMS,
        kernel(2, 6),
        bad_descriptor,
    ),
    Case::new(
        "aio/sync/fields_must_be_zero",
        ITEMS,
        kernel(4, 18),
        fields_must_be_zero,
    )
    .on_each_file_system(),
    Case::new("aio/sync/no_sync", ITEMS, kernel(4, 18), no_sync),
    Case::new("aio/sync/read_only", ITEMS, kernel(4, 18), read_only)
        .on_each_file_system()
        .refused_by(&[EINVAL]),
];

const ITEMS: &[&str] = &["IOCB_CMD_FSYNC", "IOCB_CMD_FDSYNC", "io_submit"];
const COMMANDS: [u16; 2] = [IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC];

/// A file with new data is made durable, by either command and by both at once.
fn after_writes(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1 << 20)?;
    let mut aio = Aio::new(2)?;
    let write = Request::write(&file, Buffer::of(b"new")?, 1 << 20);
    ensure_eq!(aio.complete(write)?, 3, "result of the write");
    let mut both = COMMANDS.map(|command| Request::new(command, &file));
    ensure_eq!(accepted(cx, aio.submit(&mut both))?, 2, "accepted syncs");
    for event in aio.wait(2)? {
        ensure_eq!((event.res, event.res2), (0, 0), "results");
    }
    pass()
}

/// What is open for reading only, and folders, can be synced too.
fn read_only(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    for file in [File::open("f")?, File::open(cx.dir())?] {
        for command in COMMANDS {
            accepted(cx, aio.submit(&mut [Request::new(command, &file)]))?;
            ensure_eq!(aio.wait(1)?[0].res, 0, "command {command} on {file:?}");
        }
    }
    pass()
}

/// What cannot be synced is refused at once.
fn no_sync(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let (socket, _peer) = UnixStream::pair()?;
    let aio = Aio::new(1)?;
    for file in [reader, writer, OwnedFd::from(socket)] {
        for command in COMMANDS {
            let result = aio.submit(&mut [Request::new(command, &file)]);
            ensure_eq!(result, Err(Errno(EINVAL)), "command {command} on {file:?}");
        }
    }
    pass()
}

/// The descriptor must be open.
fn bad_descriptor(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    for command in COMMANDS {
        let result = aio.submit(&mut [Request::new(command, &-1)]);
        ensure_eq!(result, Err(Errno(EBADF)), "command {command}");
    }
    pass()
}

/// Fields that have no meaning here must be 0.
fn fields_must_be_zero(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let fields: [(&str, Change); 4] = [
        ("aio_buf", |iocb| iocb.aio_buf = 1),
        ("aio_nbytes", |iocb| iocb.aio_nbytes = 1),
        ("aio_offset", |iocb| iocb.aio_offset = 1),
        ("aio_rw_flags", |iocb| iocb.aio_rw_flags = 1),
    ];
    let aio = Aio::new(1)?;
    for command in COMMANDS {
        for (name, set) in fields {
            let result = aio.submit(&mut [Request::new(command, &file).with(set)]);
            ensure_eq!(
                result,
                Err(Errno(EINVAL)),
                "{name} = 1 with command {command}"
            );
        }
    }
    pass()
}
