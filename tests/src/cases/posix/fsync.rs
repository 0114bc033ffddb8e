//! aio_fsync(3), which is also fdatasync.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;

use libc::{EBADF, EINPROGRESS, EINVAL, O_DSYNC, O_SYNC};

use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::posix_request::Request;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/fsync/after_writes", FSYNC, Since::Libc, after_writes),
    Case::new(
        "posix/fsync/bad_descriptor",
        FSYNC,
        Since::Libc,
        bad_descriptor,
    ),
    Case::new(
        "posix/fsync/bad_operation",
        FSYNC,
        Since::Libc,
        bad_operation,
    ),
    Case::new("posix/fsync/no_sync", FSYNC, Since::Libc, no_sync),
    Case::new("posix/fsync/read_only", FSYNC, Since::Libc, read_only),
];

const FSYNC: &[&str] = &["aio_fsync", "aio_error", "aio_return"];
const OPERATIONS: [i32; 2] = [O_SYNC, O_DSYNC];

fn empty(file: &impl AsRawFd) -> io::Result<Request> {
    Ok(Request::new(file, Buffer::zeroed(0)?, 0))
}

/// A sync is over only when the writes before it are.
fn after_writes(cx: &mut Context) -> Run {
    const LEN: usize = 1 << 20;
    for (name, operation) in ["a", "b"].into_iter().zip(OPERATIONS) {
        let file = pattern_file(cx, name, 0)?;
        let mut write = Request::new(&file, Buffer::of(&pattern(0..LEN))?, 0);
        write.write()?;
        let mut sync = empty(&file)?;
        sync.sync(operation)?;
        ensure_eq!(sync.wait(), Ok(0), "result of the sync");
        ensure!(
            write.error() != Errno(EINPROGRESS),
            "the write is still in progress"
        );
        ensure_eq!(write.wait(), Ok(LEN as isize), "result of the write");
        ensure!(fs::read(name)? == pattern(0..LEN), "other content");
    }
    pass()
}

/// A file that is open for reading alone can be synced too.
fn read_only(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 16)?;
    let file = File::open("f")?;
    for operation in OPERATIONS {
        let mut sync = empty(&file)?;
        sync.sync(operation)?;
        ensure_eq!(sync.wait(), Ok(0), "result of operation {operation:#x}");
    }
    pass()
}

/// What cannot be synced is told by aio_error.
fn no_sync(_: &mut Context) -> Run {
    let (_reader, writer) = pipe()?;
    for operation in OPERATIONS {
        let mut sync = empty(&writer)?;
        sync.sync(operation)?;
        ensure_eq!(
            sync.wait(),
            Err(Errno(EINVAL)),
            "result of operation {operation:#x}"
        );
        ensure_eq!(sync.result(), -1, "aio_return");
    }
    pass()
}

/// Another operation is refused by the call.
fn bad_operation(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for operation in [0, 1, -1] {
        let result = empty(&file)?.sync(operation);
        ensure_eq!(result, Err(Errno(EINVAL)), "aio_fsync({operation})");
    }
    pass()
}

/// So is a descriptor that is not open, with either C library.
fn bad_descriptor(_: &mut Context) -> Run {
    for operation in OPERATIONS {
        let result = empty(&-1)?.sync(operation);
        ensure_eq!(result, Err(Errno(EBADF)), "aio_fsync({operation:#x})");
    }
    pass()
}
