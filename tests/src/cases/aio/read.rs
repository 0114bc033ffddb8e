//! `IOCB_CMD_PREAD`.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use aio_sys::IOCB_CMD_PREAD;
use libc::{EBADF, EFAULT, EINVAL};

use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::page_size;
use crate::support::files::{pattern, pattern_file};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/read/bad_buffer", ITEMS, kernel(2, 6), bad_buffer).on_each_file_system(),
    Case::new("aio/read/bad_offset", ITEMS, kernel(2, 6), bad_offset),
    Case::new("aio/read/direct", ITEMS, kernel(2, 6), direct)
        .on_each_file_system()
        .requires(&[Requirement::DirectIo]),
    Case::new("aio/read/end_of_file", ITEMS, kernel(2, 6), end_of_file).on_each_file_system(),
    Case::new(
        "aio/read/kernel_address",
        ITEMS,
        kernel(2, 6),
        kernel_address,
    ),
    Case::new("aio/read/no_reading", ITEMS, kernel(2, 6), no_reading),
    Case::new(
        "aio/read/not_open_for_it",
        ITEMS,
        kernel(2, 6),
        not_open_for_it,
    ),
    Case::new(
        "aio/read/position_stays",
        ITEMS,
        kernel(2, 6),
        position_stays,
    )
    .on_each_file_system(),
    Case::new("aio/read/too_long", ITEMS, kernel(2, 6), too_long),
    Case::new("aio/read/whole", ITEMS, kernel(2, 6), whole).on_each_file_system(),
];

const ITEMS: &[&str] = &["IOCB_CMD_PREAD", "io_submit"];

/// A read brings the bytes at its offset, and none beyond its length.
fn whole(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10_000)?;
    let mut aio = Aio::new(1)?;
    for (offset, len) in [(0, 10_000), (1, 1), (4095, 2), (5000, 0)] {
        let buffer = Buffer::zeroed(len + 1)?;
        let res = aio.complete(Request::read(&file, buffer.part(0..len), offset as i64))?;
        ensure_eq!(res, len as i64, "result of {len} bytes at {offset}");
        let mut expected = pattern(offset..offset + len);
        expected.push(0);
        ensure!(buffer.bytes() == expected, "other data at {offset}");
    }
    pass()
}

/// A read that reaches over the end is short, and one behind the end gives 0.
fn end_of_file(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let mut aio = Aio::new(1)?;
    for (offset, expected) in [(4092, 4), (4096, 0), (1 << 40, 0)] {
        let buffer = Buffer::zeroed(16)?;
        let res = aio.complete(Request::read(&file, buffer, offset))?;
        ensure_eq!(res, expected, "result at {offset}");
    }
    pass()
}

/// The position of the open file is neither used nor moved.
fn position_stays(cx: &mut Context) -> Run {
    let mut file = pattern_file(cx, "f", 4096)?;
    file.seek(SeekFrom::Start(100))?;
    let buffer = Buffer::zeroed(10)?;
    ensure_eq!(
        Aio::new(1)?.complete(Request::read(&file, buffer, 7))?,
        10,
        "result"
    );
    ensure!(
        buffer.bytes() == pattern(7..17),
        "other data than at the offset"
    );
    ensure_eq!(file.stream_position()?, 100, "position");
    pass()
}

/// Without the page cache the same data comes, into aligned memory; the event of a misaligned read may be an error.
fn direct(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 1 << 16)?.sync_all()?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open("f")?;
    let mut aio = Aio::new(1)?;
    let buffer = Buffer::zeroed(1 << 15)?;
    let res = aio.complete(Request::read(&file, buffer, 4096))?;
    ensure_eq!(res, 1 << 15, "result");
    ensure!(
        buffer.bytes() == pattern(4096..4096 + (1 << 15)),
        "other data than in the file"
    );

    // What alignment is needed is up to the file system and the device.
    for (what, offset, memory) in [
        ("memory", 0, 1..513),
        ("offset", 1, 0..512),
        ("length", 0, 0..511),
    ] {
        let part = buffer.part(memory);
        let res = aio.complete(Request::read(&file, part, offset as i64))?;
        cx.note(format_args!("misaligned {what}: {res}"));
        let whole =
            res == part.len() as i64 && part.bytes() == pattern(offset..offset + part.len());
        ensure!(
            whole || res == -i64::from(EINVAL),
            "result of misaligned {what}: {res}"
        );
    }
    pass()
}

/// What is not open for reading is refused at once.
fn not_open_for_it(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 16)?;
    let write_only = OpenOptions::new().write(true).open("f")?;
    // Not `OpenOptions`, which on musl takes this flag for an access mode and drops it.
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::open(c"f".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
    ensure!(fd >= 0, "open: {}", io::Error::last_os_error());
    // SAFETY: the descriptor is new, and nothing else knows it.
    let path_only = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let aio = Aio::new(1)?;
    for file in [write_only, path_only] {
        let result = aio.submit(&mut [Request::read(&file, Buffer::zeroed(16)?, 0)]);
        ensure_eq!(result, Err(Errno(EBADF)), "read of {file:?}");
    }
    pass()
}

/// What has no way to be read is refused at once.
fn no_reading(cx: &mut Context) -> Run {
    let folder = OwnedFd::from(File::open(cx.dir())?);
    // SAFETY: epoll_create1(2) takes a number.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    ensure!(fd >= 0, "epoll_create1: {}", io::Error::last_os_error());
    // SAFETY: the descriptor is new, and nothing else knows it.
    let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
    let aio = Aio::new(1)?;
    for (name, file) in [("folder", folder), ("epoll", epoll)] {
        let result = aio.submit(&mut [Request::read(&file, Buffer::zeroed(16)?, 0)]);
        ensure_eq!(result, Err(Errno(EINVAL)), "read of a {name}");
    }
    pass()
}

/// A negative offset is refused at once, and so is an end beyond what can be counted.
fn bad_offset(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    let buffer = Buffer::zeroed(16)?;
    for offset in [-1, i64::MIN, i64::MAX - 3] {
        let result = aio.submit(&mut [Request::read(&file, buffer, offset)]);
        ensure_eq!(result, Err(Errno(EINVAL)), "read at {offset}");
    }
    pass()
}

/// A length that is negative as a signed number is refused at once.
fn too_long(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    for len in [1 << 63, u64::MAX] {
        let mut iocb = *Request::new(IOCB_CMD_PREAD, &file).iocb();
        iocb.aio_nbytes = len;
        // SAFETY: nothing is ever mapped at address 0.
        let request = unsafe { Request::from_iocb(iocb) };
        ensure_eq!(
            aio.submit(&mut [request]),
            Err(Errno(EINVAL)),
            "{len:#x} bytes"
        );
    }
    pass()
}

/// Memory that cannot be written is told by the event.
fn bad_buffer(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let mut aio = Aio::new(1)?;
    for protection in [libc::PROT_NONE, libc::PROT_READ] {
        let buffer = Buffer::zeroed(4096)?.protected(protection)?;
        let res = aio.complete(Request::read(&file, buffer, 0))?;
        ensure_eq!(
            res,
            -i64::from(EFAULT),
            "result with protection {protection}"
        );
    }
    let res = aio.complete(at_address(0, &file))?;
    ensure_eq!(res, -i64::from(EFAULT), "result with address 0");

    // What can be written is.
    let page = page_size();
    let buffer = Buffer::zeroed(2 * page)?;
    buffer.part(page..2 * page).protected(libc::PROT_READ)?;
    let res = aio.complete(Request::read(&file, buffer.part(page - 96..page + 4000), 0))?;
    // riscv64 copies several words in a round, and after a fault counts only whole rounds.
    let least = if cfg!(target_arch = "riscv64") { 1 } else { 96 };
    ensure!(
        (least..=96).contains(&res),
        "result with a buffer that ends in protected memory: {res}"
    );
    let counted = res as usize;
    ensure!(
        buffer.part(page - 96..page - 96 + counted).bytes() == pattern(0..counted),
        "other data"
    );
    pass()
}

/// An address in the kernel's half is refused at once.
fn kernel_address(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let mut aio = Aio::new(1)?;
    // The field has 64 bits everywhere; a 32-bit address is one of a user to a 64-bit kernel.
    let request = at_address(!0xffff, &file);
    if cfg!(target_arch = "s390x") {
        // There the kernel's addresses are a space of their own: all numbers are user addresses.
        ensure_eq!(aio.complete(request)?, -i64::from(EFAULT), "result");
    } else {
        ensure_eq!(aio.submit(&mut [request]), Err(Errno(EFAULT)), "io_submit");
    }
    pass()
}

/// A read of a page at an address where no program has memory: 0, or the top of the address space.
fn at_address(address: u64, file: &impl AsRawFd) -> Request {
    assert!(address == 0 || address >> 63 == 1);
    let mut iocb = *Request::new(IOCB_CMD_PREAD, file).iocb();
    iocb.aio_buf = address;
    iocb.aio_nbytes = 4096;
    // SAFETY: as asserted, this process has nothing there that the read could change.
    unsafe { Request::from_iocb(iocb) }
}
