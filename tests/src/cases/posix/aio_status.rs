//! aio_error(3) and aio_return(3).

use std::io::Read;
use std::os::unix::net::UnixStream;

use libc::{EBADF, ECANCELED, EINPROGRESS, EINVAL, O_SYNC};

use crate::case::{Case, Run, Since, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::posix_request::Request;
use crate::support::files::{pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "posix/aio_error/never_started",
        BOTH,
        Since::Libc,
        never_started,
    ),
    Case::new("posix/aio_error/states", BOTH, Since::Libc, states),
    Case::new("posix/aio_return/twice", RETURN, Since::Libc, twice),
];

const BOTH: &[&str] = &["aio_error", "aio_return"];
const RETURN: &[&str] = &["aio_return"];

/// A block that was never used for anything has no error and no result.
fn never_started(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let request = Request::new(&file, Buffer::zeroed(16)?, 0);
    ensure_eq!(
        (request.error(), request.result()),
        (Errno(0), 0),
        "aio_error and aio_return"
    );
    pass()
}

/// In progress, then 0 or the errno, of each of the three operations.
fn states(_: &mut Context) -> Run {
    const LEN: usize = 16 << 20;
    let (file, mut peer) = UnixStream::pair()?;
    let mut write = Request::new(&file, Buffer::zeroed(LEN)?, 0);
    write.write()?;
    let mut sync = Request::new(&file, Buffer::zeroed(0)?, 0);
    sync.sync(O_SYNC)?;
    let states = (write.error(), sync.error());
    ensure_eq!(
        states,
        (Errno(EINPROGRESS), Errno(EINPROGRESS)),
        "aio_error"
    );
    peer.read_exact(&mut vec![1; LEN])?;
    ensure_eq!(write.wait(), Ok(LEN as isize), "result of the write");
    // A socket cannot be synced.
    ensure_eq!(sync.wait(), Err(Errno(EINVAL)), "result of the sync");
    let states = (write.error(), sync.error(), sync.result());
    ensure_eq!(states, (Errno(0), Errno(EINVAL), -1), "states afterwards");

    let (_reader, writer) = pipe()?;
    let mut read = Request::new(&writer, Buffer::zeroed(1)?, 0);
    read.read()?;
    ensure_eq!(read.wait(), Err(Errno(EBADF)), "result of the read");
    let (idle, _silent) = pipe()?;
    let first = Request::new(&idle, Buffer::zeroed(1)?, 0);
    let second = Request::new(&idle, Buffer::zeroed(1)?, 0);
    let mut requests = [first, second];
    for request in &mut requests {
        request.read()?;
    }
    requests[1].cancel(&idle)?;
    let states = (requests[1].error(), requests[1].result());
    ensure_eq!(states, (Errno(ECANCELED), -1), "of a cancelled one");
    pass()
}

/// Once is what POSIX allows; a second time tells the same with either library.
fn twice(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 4);
    request.read()?;
    ensure_eq!(request.wait(), Ok(12), "result");
    ensure_eq!((request.result(), request.result()), (12, 12), "afterwards");
    pass()
}
