//! aio_fsync(3), which is also fdatasync.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use libc::{EAGAIN, EBADF, EINPROGRESS, EINVAL, O_DSYNC, O_SYNC};

use super::{GLIBC, without_memory};
use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::posix_request::Request;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "posix/aio_fsync/after_writes",
        FSYNC,
        Since::Libc,
        after_writes,
    ),
    Case::new(
        "posix/aio_fsync/bad_descriptor",
        FSYNC,
        Since::Libc,
        bad_descriptor,
    ),
    Case::new(
        "posix/aio_fsync/bad_operation",
        FSYNC,
        Since::Libc,
        bad_operation,
    ),
    Case::new(
        "posix/aio_fsync/in_progress",
        FSYNC,
        Since::Libc,
        in_progress,
    ),
    Case::new("posix/aio_fsync/no_memory", FSYNC, Since::Libc, no_memory),
    Case::new("posix/aio_fsync/no_sync", FSYNC, Since::Libc, no_sync),
    Case::new(
        "posix/aio_fsync/other_members",
        FSYNC,
        Since::Libc,
        other_members,
    ),
    Case::new("posix/aio_fsync/overtakes", FSYNC, Since::Libc, overtakes),
    Case::new("posix/aio_fsync/read_only", FSYNC, Since::Libc, read_only),
    Case::new("posix/aio_fsync/signal", FSYNC, Since::Libc, signal),
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

/// The call comes back while the sync waits for its turn.
fn in_progress(_: &mut Context) -> Run {
    const LEN: usize = 16 << 20;
    for operation in OPERATIONS {
        let (file, mut peer) = UnixStream::pair()?;
        let mut write = Request::new(&file, Buffer::zeroed(LEN)?, 0);
        write.write()?;
        let mut sync = empty(&file)?;
        sync.sync(operation)?;
        ensure_eq!(
            sync.error(),
            Errno(EINPROGRESS),
            "aio_error of {operation:#x}"
        );
        peer.read_exact(&mut vec![0; LEN])?;
        ensure_eq!(sync.wait(), Err(Errno(EINVAL)), "result on a socket");
        ensure_eq!(write.wait(), Ok(LEN as isize), "result of the write");
    }
    pass()
}

/// The call fails at once when there is no memory for a thread.
fn no_memory(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for operation in OPERATIONS {
        let mut sync = empty(&file)?;
        let result = without_memory(|| sync.sync(operation))?;
        ensure_eq!(result, Err(Errno(EAGAIN)), "aio_fsync({operation:#x})");
    }
    pass()
}

/// Of the block only the descriptor and the notification are used; glibc overwrites the priority.
fn other_members(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for operation in OPERATIONS {
        let nowhere = Buffer::zeroed(1)?.protected(libc::PROT_NONE)?;
        let sync = Request::new(&file, nowhere, -5).priority(-7).opcode(99);
        // SAFETY: a sync has no use for a buffer.
        let mut sync = unsafe { sync.length(usize::MAX) };
        sync.sync(operation)?;
        ensure_eq!(sync.wait(), Ok(0), "result of {operation:#x}");
        let expected = if GLIBC { 0 } else { -7 };
        ensure_eq!(
            sync.opcode_and_priority().1,
            expected,
            "priority afterwards"
        );
    }
    pass()
}

/// glibc begins a sync before the writes of a lower priority that were queued earlier; musl after all writes.
fn overtakes(_: &mut Context) -> Run {
    let signal = libc::SIGRTMIN();
    signals::block(&[signal])?;
    let (file, mut peer) = UnixStream::pair()?;
    let mut first = Request::new(&file, Buffer::zeroed(1)?, 0);
    first.read()?;
    let mut write = Request::new(&file, Buffer::of(b"w")?, 0)
        .priority(5)
        .signal(signal, 1);
    write.write()?;
    let mut sync = empty(&file)?.signal(signal, 2);
    sync.sync(O_SYNC)?;
    peer.write_all(b"x")?;
    ensure_eq!(sync.wait(), Err(Errno(EINVAL)), "result on a socket");
    if GLIBC {
        // One worker does all that a descriptor has, and sends each signal before it goes on.
        let order = [signals::take(&[signal])?, signals::take(&[signal])?];
        ensure_eq!(order.map(|info| signals::value(&info)), [2, 1], "order");
    } else {
        ensure_eq!(write.error(), Errno(0), "aio_error of the write");
    }
    ensure_eq!((first.wait(), write.wait()), (Ok(1), Ok(1)), "results");
    pass()
}

/// The end is told as the block says.
fn signal(cx: &mut Context) -> Run {
    let signal = libc::SIGRTMIN();
    signals::block(&[signal])?;
    let file = pattern_file(cx, "f", 16)?;
    for operation in OPERATIONS {
        let mut sync = empty(&file)?.signal(signal, operation);
        sync.sync(operation)?;
        let info = signals::take(&[signal])?;
        let told = (info.si_code, signals::value(&info));
        ensure_eq!(told, (libc::SI_ASYNCIO, operation), "the signal");
        ensure_eq!(sync.error(), Errno(0), "aio_error at the signal");
    }
    pass()
}
