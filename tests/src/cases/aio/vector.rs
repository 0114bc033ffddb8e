//! `IOCB_CMD_PREADV` and `IOCB_CMD_PWRITEV`.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;

use aio_sys::{IOCB_CMD_PREADV, IOCB_CMD_PWRITEV};
use libc::{EFAULT, EINVAL};

use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::support::files::{pattern, pattern_file};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "aio/vector/array_is_copied",
        READ,
        kernel(2, 6),
        array_is_copied,
    )
    .on_each_file_system()
    .requires(&[Requirement::DirectIo]),
    Case::new("aio/vector/bad_array", BOTH, kernel(2, 6), bad_array),
    Case::new("aio/vector/bad_buffer", READ, kernel(2, 6), bad_buffer).on_each_file_system(),
    Case::new("aio/vector/bad_length", BOTH, kernel(2, 6), bad_length),
    Case::new("aio/vector/count", BOTH, kernel(2, 6), count),
    Case::new("aio/vector/empty", BOTH, kernel(2, 6), empty),
    Case::new("aio/vector/read", READ, kernel(2, 6), read).on_each_file_system(),
    Case::new(
        "aio/vector/write",
        &["IOCB_CMD_PWRITEV", "io_submit"],
        kernel(2, 6),
        write,
    )
    .on_each_file_system(),
];

const READ: &[&str] = &["IOCB_CMD_PREADV", "io_submit"];
const BOTH: &[&str] = &["IOCB_CMD_PREADV", "IOCB_CMD_PWRITEV", "io_submit"];

/// A read is scattered over the buffers in their order, the empty one among them.
fn read(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10_000)?;
    let buffers = [
        Buffer::zeroed(5)?,
        Buffer::zeroed(0)?,
        Buffer::zeroed(8000)?,
    ];
    let request = Request::vector(IOCB_CMD_PREADV, &file, &buffers, 100);
    ensure_eq!(Aio::new(1)?.complete(request)?, 8005, "result");
    ensure!(
        buffers[0].bytes() == pattern(100..105),
        "other data in the first buffer"
    );
    ensure!(
        buffers[2].bytes() == pattern(105..8105),
        "other data in the last buffer"
    );
    pass()
}

/// A write gathers the buffers in their order.
fn write(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 20)?;
    let buffers = [Buffer::of(b"one")?, Buffer::of(b"")?, Buffer::of(b"three")?];
    let request = Request::vector(IOCB_CMD_PWRITEV, &file, &buffers, 4);
    ensure_eq!(Aio::new(1)?.complete(request)?, 8, "result");
    let expected = [&pattern(0..4)[..], b"onethree", &pattern(12..20)].concat();
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// 1024 buffers are taken, one more is refused at once.
fn count(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 2000)?;
    let memory = Buffer::of(&pattern(0..1025))?;
    let buffers: Vec<_> = (0..1025).map(|i| memory.part(i..i + 1)).collect();
    let mut aio = Aio::new(1)?;
    for command in [IOCB_CMD_PREADV, IOCB_CMD_PWRITEV] {
        let most = Request::vector(command, &file, &buffers[..1024], 0);
        ensure_eq!(aio.complete(most)?, 1024, "result of command {command}");
        let result = aio.submit(&mut [Request::vector(command, &file, &buffers, 0)]);
        ensure_eq!(
            result,
            Err(Errno(EINVAL)),
            "1025 buffers with command {command}"
        );
    }
    ensure!(memory.bytes() == pattern(0..1025), "other data");
    ensure!(fs::read("f")? == pattern(0..2000), "other content");
    pass()
}

/// No buffer at all moves nothing.
fn empty(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let mut aio = Aio::new(1)?;
    for command in [IOCB_CMD_PREADV, IOCB_CMD_PWRITEV] {
        let res = aio.complete(Request::vector(command, &file, &[], 0))?;
        ensure_eq!(res, 0, "result of command {command}");
    }
    pass()
}

/// An array that cannot be read is refused at once.
fn bad_array(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let no_access = Buffer::zeroed(16)?.protected(libc::PROT_NONE)?;
    let aio = Aio::new(1)?;
    for command in [IOCB_CMD_PREADV, IOCB_CMD_PWRITEV] {
        for address in [0, no_access.address()] {
            let mut iocb = *Request::new(command, &file).iocb();
            iocb.aio_buf = address;
            iocb.aio_nbytes = 1;
            // SAFETY: at neither address is an array that could name memory.
            let request = unsafe { Request::from_iocb(iocb) };
            let result = aio.submit(&mut [request]);
            ensure_eq!(
                result,
                Err(Errno(EFAULT)),
                "array at {address:#x} for command {command}"
            );
        }
    }
    pass()
}

/// A length that is negative as a signed number is refused at once.
fn bad_length(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let iovec = libc::iovec {
        iov_base: ptr::null_mut(),
        iov_len: usize::MAX,
    };
    let aio = Aio::new(1)?;
    for command in [IOCB_CMD_PREADV, IOCB_CMD_PWRITEV] {
        let mut iocb = *Request::new(command, &file).iocb();
        iocb.aio_buf = (&raw const iovec).addr() as u64;
        iocb.aio_nbytes = 1;
        // SAFETY: nothing is ever mapped at address 0, where the iovec begins.
        let request = unsafe { Request::from_iocb(iocb) };
        let result = aio.submit(&mut [request]);
        ensure_eq!(result, Err(Errno(EINVAL)), "command {command}");
    }
    pass()
}

/// Up to the buffer that cannot be written the data arrives; with the first one bad the event has the errno.
fn bad_buffer(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let good = Buffer::zeroed(10)?;
    let bad = Buffer::zeroed(10)?.protected(libc::PROT_READ)?;
    let mut aio = Aio::new(1)?;
    let res = aio.complete(Request::vector(IOCB_CMD_PREADV, &file, &[bad, good], 0))?;
    ensure_eq!(res, -i64::from(EFAULT), "result with the first buffer bad");
    let res = aio.complete(Request::vector(IOCB_CMD_PREADV, &file, &[good, bad], 0))?;
    ensure_eq!(res, 10, "result with the second buffer bad");
    ensure!(good.bytes() == pattern(0..10), "other data");
    pass()
}

/// The array is not needed any more once the request is submitted, even if the data comes later.
fn array_is_copied(cx: &mut Context) -> Run {
    const LEN: usize = 1 << 20;
    pattern_file(cx, "f", 2 * LEN)?.sync_all()?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open("f")?;
    let buffers = [Buffer::zeroed(LEN)?, Buffer::zeroed(LEN)?];
    let mut iovecs = buffers.map(|buffer| libc::iovec {
        iov_base: buffer.pointer().cast(),
        iov_len: LEN,
    });
    let mut iocb = *Request::new(IOCB_CMD_PREADV, &file).iocb();
    iocb.aio_buf = iovecs.as_mut_ptr().expose_provenance() as u64;
    iocb.aio_nbytes = iovecs.len() as u64;
    let mut aio = Aio::new(1)?;
    // SAFETY: the array lives during the call that reads it, and names memory that stays.
    aio.submit(&mut [unsafe { Request::from_iocb(iocb) }])?;
    for iovec in &mut iovecs {
        // SAFETY: nobody else uses the array, and zeroes are a value of an iovec.
        unsafe { ptr::from_mut(iovec).write_bytes(0, 1) };
    }
    std::hint::black_box(&iovecs);
    let res = aio.wait(1)?[0].res;
    ensure_eq!(res, 2 * LEN as i64, "result");
    ensure!(
        buffers[0].bytes() == pattern(0..LEN),
        "other data in the first buffer"
    );
    ensure!(
        buffers[1].bytes() == pattern(LEN..2 * LEN),
        "other data in the second buffer"
    );
    pass()
}
