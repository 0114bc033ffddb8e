//! aio_read(3).

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;

use libc::{EAGAIN, EBADF, EFAULT, EINPROGRESS, EINVAL, EISDIR};
use posix_aio::{LIO_NOP, LIO_READ, LIO_WRITE};

use super::{GLIBC, TOO_LONG, without_memory};
use crate::case::{Case, Run, Since, Stop, pass};
use crate::context::Context;
use crate::posix_request::Request;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("posix/aio_read/bad_buffer", READ, Since::Libc, bad_buffer),
    Case::new(
        "posix/aio_read/bad_descriptor",
        READ,
        Since::Libc,
        bad_descriptor,
    ),
    Case::new("posix/aio_read/bad_length", READ, Since::Libc, bad_length),
    Case::new("posix/aio_read/bad_offset", READ, Since::Libc, bad_offset),
    Case::new(
        "posix/aio_read/bad_priority",
        READ,
        Since::Libc,
        bad_priority,
    ),
    Case::new("posix/aio_read/end_of_file", READ, Since::Libc, end_of_file),
    Case::new("posix/aio_read/folder", READ, Since::Libc, folder),
    Case::new("posix/aio_read/in_progress", READ, Since::Libc, in_progress),
    Case::new("posix/aio_read/no_memory", READ, Since::Libc, no_memory),
    Case::new(
        "posix/aio_read/opcode_ignored",
        READ,
        Since::Libc,
        opcode_ignored,
    ),
    Case::new(
        "posix/aio_read/position_stays",
        READ,
        Since::Libc,
        position_stays,
    ),
    Case::new("posix/aio_read/priority", READ, Since::Libc, priority),
    Case::new(
        "posix/aio_read/priority_order",
        READ,
        Since::Libc,
        priority_order,
    ),
    Case::new("posix/aio_read/several", READ, Since::Libc, several),
    Case::new("posix/aio_read/whole", READ, Since::Libc, whole),
];

const READ: &[&str] = &["aio_read", "aio_error", "aio_return", "aiocb"];

/// A read brings the bytes at its offset, and none beyond its length.
fn whole(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10_000)?;
    for (offset, len) in [(0, 10_000), (1, 1), (4095, 2), (5000, 0)] {
        let memory = Buffer::zeroed(len + 1)?;
        let mut request = Request::new(&file, memory.part(0..len), offset as i64);
        request.read()?;
        ensure_eq!(
            request.wait(),
            Ok(len as isize),
            "result of {len} bytes at {offset}"
        );
        let mut expected = pattern(offset..offset + len);
        expected.push(0);
        ensure!(memory.bytes() == expected, "other data at {offset}");
    }
    pass()
}

/// A read that reaches over the end is short, and one behind the end gives 0.
fn end_of_file(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    for (offset, expected) in [(4092, 4), (4096, 0), (1 << 40, 0)] {
        let mut request = Request::new(&file, Buffer::zeroed(16)?, offset);
        request.read()?;
        ensure_eq!(request.wait(), Ok(expected), "result at {offset}");
    }
    pass()
}

/// The position of the open file is neither used nor moved.
fn position_stays(cx: &mut Context) -> Run {
    let mut file = pattern_file(cx, "f", 4096)?;
    file.seek(SeekFrom::Start(100))?;
    let mut request = Request::new(&file, Buffer::zeroed(10)?, 7);
    request.read()?;
    ensure_eq!(request.wait(), Ok(10), "result");
    ensure!(
        request.buffer().bytes() == pattern(7..17),
        "other data than at the offset"
    );
    ensure_eq!(file.stream_position()?, 100, "position");
    pass()
}

/// Many reads of several files at a time all bring their own data.
fn several(cx: &mut Context) -> Run {
    let mut files = Vec::new();
    let mut requests = Vec::new();
    for name in ["a", "b", "c"] {
        let file = pattern_file(cx, name, 1 << 16)?;
        for i in 0..16 {
            let mut request = Request::new(&file, Buffer::zeroed(1000)?, i * 1000);
            request.read()?;
            requests.push((request, i as usize * 1000));
        }
        files.push(file);
    }
    for (request, offset) in requests {
        ensure_eq!(request.wait(), Ok(1000), "result at {offset}");
        let data = request.buffer().bytes();
        ensure!(
            data == pattern(offset..offset + 1000),
            "other data at {offset}"
        );
    }
    pass()
}

/// A read of an empty pipe is in progress until there is data; where there are no offsets the offset is ignored.
fn in_progress(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let mut request = Request::new(&reader, Buffer::zeroed(10)?, 77);
    request.read()?;
    ensure_eq!(
        request.error(),
        Errno(EINPROGRESS),
        "aio_error before there is data"
    );
    // No result yet: 0, or what glibc's worker got when it first tried pread(2), which a pipe refuses.
    let early = request.result();
    ensure!(
        early == 0 || early == -1,
        "aio_return before there is data: {early}"
    );
    File::from(writer).write_all(b"data")?;
    ensure_eq!(request.wait(), Ok(4), "result");
    ensure_eq!(request.error(), Errno(0), "aio_error afterwards");
    ensure_eq!(request.buffer().part(0..4).bytes(), b"data", "data");
    pass()
}

/// A descriptor that is not open is told by aio_error on glibc, and by the call itself on musl.
fn bad_descriptor(_: &mut Context) -> Run {
    let mut request = Request::new(&-1, Buffer::zeroed(16)?, 0);
    if GLIBC {
        request.read()?;
        ensure_eq!(request.wait(), Err(Errno(EBADF)), "result");
        ensure_eq!(request.result(), -1, "aio_return");
    } else {
        ensure_eq!(request.read(), Err(Errno(EBADF)), "aio_read");
    }
    pass()
}

/// A negative offset is told by aio_error.
fn bad_offset(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?, -1);
    request.read()?;
    ensure_eq!(request.wait(), Err(Errno(EINVAL)), "result");
    pass()
}

/// Memory that cannot be written is told by aio_error.
fn bad_buffer(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?.protected(libc::PROT_READ)?, 0);
    request.read()?;
    ensure_eq!(request.wait(), Err(Errno(EFAULT)), "result");
    ensure_eq!(request.result(), -1, "aio_return");
    pass()
}

/// So is a folder.
fn folder(cx: &mut Context) -> Run {
    let file = File::open(cx.dir())?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0);
    request.read()?;
    ensure_eq!(request.wait(), Err(Errno(EISDIR)), "result");
    pass()
}

/// Priorities in the range are taken.
fn priority(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for priority in [0, 1, 20] {
        let mut request = Request::new(&file, Buffer::zeroed(16)?, 0).priority(priority);
        request.read()?;
        ensure_eq!(request.wait(), Ok(16), "result with priority {priority}");
    }
    pass()
}

/// glibc refuses priorities out of range; musl does not look at them.
fn bad_priority(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for priority in [-1, 21] {
        let mut request = Request::new(&file, Buffer::zeroed(16)?, 0).priority(priority);
        if GLIBC {
            ensure_eq!(
                request.read(),
                Err(Errno(EINVAL)),
                "aio_read with priority {priority}"
            );
        } else {
            request.read()?;
            ensure_eq!(request.wait(), Ok(16), "result with priority {priority}");
        }
    }
    pass()
}

/// A length beyond what a result can tell is refused. To the kernel of
/// a 32-bit program, which has 64, it is none, and it transfers what there is.
fn bad_length(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let request = Request::new(&file, Buffer::zeroed(16)?, 0);
    // SAFETY: the file has no more bytes than the buffer. Where no address space is that large, the kernel refuses the
    // length before it looks at any memory.
    let mut request = unsafe { request.length(isize::MAX as usize + 1) };
    request.read()?;
    let expected = if cfg!(target_pointer_width = "32") {
        Ok(16)
    } else {
        Err(TOO_LONG)
    };
    ensure_eq!(request.wait(), expected, "result");
    pass()
}

/// The call fails at once when there is no memory for a thread.
fn no_memory(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0);
    let result = without_memory(|| request.read())?;
    ensure_eq!(result, Err(Errno(EAGAIN)), "aio_read");
    ensure_eq!(request.buffer().bytes(), [0; 16], "buffer");
    let mut request = Request::new(&file, Buffer::zeroed(16)?, 0);
    request.read()?;
    ensure_eq!(request.wait(), Ok(16), "result of the next one");
    pass()
}

/// The opcode in the block is for lists.
fn opcode_ignored(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    for opcode in [LIO_WRITE, LIO_NOP, 99] {
        let mut request = Request::new(&file, Buffer::zeroed(16)?, 0).opcode(opcode);
        request.read()?;
        ensure_eq!(request.wait(), Ok(16), "result with opcode {opcode}");
        ensure!(request.buffer().bytes() == pattern(0..16), "other data");
        ensure_eq!(
            request.opcode_and_priority().0,
            super::opcode_taken(LIO_READ, opcode),
            "opcode afterwards"
        );
    }
    pass()
}

/// Those that wait for their turn begin by priority on glibc; on musl none waits.
fn priority_order(_: &mut Context) -> Run {
    let (reader, mut writer) = UnixStream::pair()?;
    let reading = |priority| -> Result<Request, Stop> {
        let mut request = Request::new(&reader, Buffer::zeroed(1)?, 0).priority(priority);
        request.read()?;
        Ok(request)
    };
    // The first one has begun, or will before the others.
    let requests = [
        reading(0)?,
        reading(20)?,
        reading(5)?,
        reading(0)?,
        reading(5)?,
    ];
    writer.write_all(b"01234")?;
    let mut bytes = Vec::new();
    for request in &requests {
        ensure_eq!(request.wait(), Ok(1), "result");
        bytes.extend(request.buffer().bytes());
    }
    if GLIBC {
        ensure_eq!(bytes, b"04213", "what each has read");
    } else {
        bytes.sort_unstable();
        ensure_eq!(bytes, b"01234", "what all have read");
    }
    pass()
}
