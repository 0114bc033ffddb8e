//! aio_write(3).

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::net::UnixStream;

use libc::{EAGAIN, EBADF, EFAULT, EFBIG, EINPROGRESS, EINVAL, EPIPE};
use posix_aio::{LIO_NOP, LIO_READ, LIO_WRITE};

use super::{GLIBC, TOO_LONG, without_memory};
use crate::case::{Case, Run, Since, Stop, pass};
use crate::context::Context;
use crate::posix_request::Request;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::support::signals;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/aio_write/appends", WRITE, Since::Libc, appends),
    Case::new("posix/aio_write/bad_buffer", WRITE, Since::Libc, bad_buffer),
    Case::new(
        "posix/aio_write/bad_descriptor",
        WRITE,
        Since::Libc,
        bad_descriptor,
    ),
    Case::new("posix/aio_write/bad_length", WRITE, Since::Libc, bad_length),
    Case::new("posix/aio_write/bad_offset", WRITE, Since::Libc, bad_offset),
    Case::new(
        "posix/aio_write/bad_priority",
        WRITE,
        Since::Libc,
        bad_priority,
    ),
    Case::new(
        "posix/aio_write/broken_pipe",
        WRITE,
        Since::Libc,
        broken_pipe,
    ),
    Case::new(
        "posix/aio_write/in_progress",
        WRITE,
        Since::Libc,
        in_progress,
    ),
    Case::new("posix/aio_write/no_memory", WRITE, Since::Libc, no_memory),
    Case::new(
        "posix/aio_write/not_open_for_it",
        WRITE,
        Since::Libc,
        not_open_for_it,
    ),
    Case::new(
        "posix/aio_write/opcode_ignored",
        WRITE,
        Since::Libc,
        opcode_ignored,
    ),
    Case::new(
        "posix/aio_write/priority_order",
        WRITE,
        Since::Libc,
        priority_order,
    ),
    Case::new("posix/aio_write/size_limit", WRITE, Since::Libc, size_limit),
    Case::new("posix/aio_write/whole", WRITE, Since::Libc, whole),
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

/// A length beyond what a result can tell is refused. To the kernel of
/// a 32-bit program, which has 64, it is none, and it transfers what there is.
fn bad_length(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let request = Request::new(&file, Buffer::zeroed(16)?, 0);
    // SAFETY: the kernel reads what is mapped behind the buffer, if any; where no address space is that large it refuses
    // the length before it looks at any memory.
    let mut request = unsafe { request.length(isize::MAX as usize + 1) };
    request.write()?;
    let result = request.wait();
    if cfg!(target_pointer_width = "32") {
        ensure!(result.is_ok_and(|bytes| bytes >= 16), "result: {result:?}");
        return pass();
    }
    ensure_eq!(result, Err(TOO_LONG), "result");
    ensure!(fs::read("f")? == pattern(0..16), "the file was changed");
    pass()
}

/// A negative offset is told by aio_error, and so is one at which nothing fits.
fn bad_offset(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for offset in [-1, i64::MIN, i64::MAX] {
        let mut request = Request::new(&file, Buffer::of(b"x")?, offset);
        request.write()?;
        ensure_eq!(request.wait(), Err(Errno(EINVAL)), "result at {offset}");
    }
    ensure!(fs::read("f")? == pattern(0..16), "the file was changed");
    pass()
}

/// glibc refuses priorities out of range; musl does not look at them.
fn bad_priority(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for priority in [-1, 21] {
        let mut request = Request::new(&file, Buffer::of(b"x")?, 0).priority(priority);
        if GLIBC {
            ensure_eq!(request.write(), Err(Errno(EINVAL)), "priority {priority}");
        } else {
            request.write()?;
            ensure_eq!(request.wait(), Ok(1), "result with priority {priority}");
        }
    }
    pass()
}

/// The call comes back though a full socket takes no more; the result comes when all has been taken.
fn in_progress(_: &mut Context) -> Run {
    const LEN: usize = 16 << 20;
    let (file, mut peer) = UnixStream::pair()?;
    let data = pattern(0..LEN);
    let mut request = Request::new(&file, Buffer::of(&data)?, 77);
    request.write()?;
    ensure_eq!(request.error(), Errno(EINPROGRESS), "aio_error");
    let mut taken = vec![0; LEN];
    peer.read_exact(&mut taken)?;
    ensure_eq!(request.wait(), Ok(LEN as isize), "result");
    ensure!(taken == data, "other data");
    pass()
}

/// The call fails at once when there is no memory for a thread.
fn no_memory(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::of(b"x")?, 0);
    let result = without_memory(|| request.write())?;
    ensure_eq!(result, Err(Errno(EAGAIN)), "aio_write");
    ensure!(fs::read("f")? == pattern(0..16), "the file was changed");
    pass()
}

/// The opcode in the block is for lists.
fn opcode_ignored(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for opcode in [LIO_READ, LIO_NOP, 99] {
        let mut request = Request::new(&file, Buffer::of(b"new")?, 4).opcode(opcode);
        request.write()?;
        ensure_eq!(request.wait(), Ok(3), "result with opcode {opcode}");
        ensure_eq!(
            request.opcode_and_priority().0,
            super::opcode_taken(LIO_WRITE, opcode),
            "opcode afterwards"
        );
    }
    let expected = [&pattern(0..4)[..], b"new", &pattern(7..16)].concat();
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// Those that wait for their turn begin by priority on glibc, and in the order of the calls on musl.
fn priority_order(_: &mut Context) -> Run {
    const LEN: usize = 16 << 20;
    let (file, mut peer) = UnixStream::pair()?;
    let writing = |priority, bytes: &[u8]| -> Result<Request, Stop> {
        let mut request = Request::new(&file, Buffer::of(bytes)?, 0).priority(priority);
        request.write()?;
        Ok(request)
    };
    let first = writing(0, &vec![b'-'; LEN])?;
    peer.read_exact(&mut [0])?;
    let queued = [writing(20, b"a")?, writing(5, b"b")?, writing(0, b"c")?];
    let mut taken = vec![0; LEN - 1];
    peer.read_exact(&mut taken)?;
    ensure_eq!(first.wait(), Ok(LEN as isize), "result of the first one");
    for request in queued {
        ensure_eq!(request.wait(), Ok(1), "result");
    }
    let mut order = [0; 3];
    peer.read_exact(&mut order)?;
    let expected = if GLIBC { b"cba" } else { b"abc" };
    ensure_eq!(&order, expected, "order");
    pass()
}

/// What reaches over the limit on file sizes is cut off there, and what begins there fails, without a signal.
fn size_limit(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    signals::count(libc::SIGXFSZ, 0)?;
    let limit = libc::rlimit {
        rlim_cur: 200,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is readable. What it hinders besides ends with the process.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    ensure_eq!(set, 0, "setrlimit");
    for (offset, expected) in [(150, Ok(50)), (200, Err(Errno(EFBIG)))] {
        let mut request = Request::new(&file, Buffer::zeroed(100)?, offset);
        request.write()?;
        ensure_eq!(request.wait(), expected, "result at {offset}");
    }
    ensure_eq!(signals::caught(), 0, "signals");
    ensure_eq!(file.metadata()?.len(), 200, "length");
    pass()
}
