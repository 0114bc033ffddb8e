//! `RWF_ATOMIC`: writes that are whole or not there, whatever happens meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use aio_sys::RWF_ATOMIC;
use libc::{EINVAL, EOPNOTSUPP};

use super::accepted;
use super::rwf::flagged;
use crate::aio_context::Aio;
use crate::aio_request::Request;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::requirement::Requirement;
use crate::support::files::{pattern, pattern_file};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/rwf/atomic", &["RWF_ATOMIC"], kernel(6, 11), atomic)
        .refused_by(&[EOPNOTSUPP])
        .requires(&[Requirement::DirectIo])
        .on_each_file_system(),
    Case::new(
        "aio/rwf/atomic_refused",
        &["RWF_ATOMIC"],
        kernel(4, 13),
        atomic_refused,
    )
    .on_each_file_system(),
];

/// The least length of an atomic write to a file, as statx(2) tells it; 0 where it cannot be promised.
fn atomic_unit(file: &File) -> io::Result<u32> {
    const STATX_WRITE_ATOMIC: u32 = 0x1_0000;
    let mut stat = MaybeUninit::<libc::statx>::zeroed();
    let (fd, mask) = (file.as_raw_fd(), STATX_WRITE_ATOMIC);
    // SAFETY: the name ends with NUL, and `stat` is writable memory of the size that statx(2) fills.
    // Not by its function, which older versions of musl lack.
    let result = unsafe {
        libc::syscall(
            libc::SYS_statx,
            fd,
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            mask,
            stat.as_mut_ptr(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all bytes were zeroed, and the struct is plain numbers.
    Ok(unsafe { stat.assume_init() }.stx_atomic_write_unit_min)
}

/// Where a file can promise it, a direct write of one unit is atomic; where it cannot, the write is refused at once.
fn atomic(cx: &mut Context) -> Run {
    const LEN: usize = 1 << 16;
    pattern_file(cx, "f", LEN)?.sync_all()?;
    let mut options = OpenOptions::new();
    let file = options.write(true).custom_flags(libc::O_DIRECT).open("f")?;
    let unit = atomic_unit(&file)? as usize;
    ensure!(unit <= LEN / 2, "a unit of {unit} bytes");
    cx.note(format_args!("least length: {unit}"));
    let len = unit.max(4096);
    let new = Buffer::of(&vec![b'x'; len])?;
    let mut aio = Aio::new(1)?;
    let result = aio.submit(&mut [flagged(Request::write(&file, new, 0), RWF_ATOMIC)]);
    let mut expected = pattern(0..LEN);
    if unit == 0 && cx.kernel() >= Version::new(6, 11, 0) {
        ensure_eq!(result, Err(Errno(EOPNOTSUPP)), "io_submit");
    } else {
        accepted(cx, result)?;
        ensure_eq!(aio.wait(1)?[0].res, len as i64, "result");
        expected[..len].fill(b'x');
    }
    ensure!(fs::read("f")? == expected, "other content");
    pass()
}

/// A read is never atomic, and is refused at once. A buffered write of an odd length is not either: it is refused at once
/// where the file cannot promise anything, and else by its event.
fn atomic_refused(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 4096)?;
    let mut aio = Aio::new(1)?;
    let read = flagged(Request::read(&file, Buffer::zeroed(4096)?, 0), RWF_ATOMIC);
    ensure_eq!(aio.submit(&mut [read]), Err(Errno(EOPNOTSUPP)), "read");
    let write = flagged(Request::write(&file, Buffer::zeroed(1000)?, 0), RWF_ATOMIC);
    match aio.submit(&mut [write]) {
        Err(errno) => ensure_eq!(errno, Errno(EOPNOTSUPP), "write"),
        Ok(_) => {
            ensure!(atomic_unit(&file)? != 0, "accepted by a file that cannot");
            let res = aio.wait(1)?[0].res;
            let refused = [EINVAL, EOPNOTSUPP].map(|errno| -i64::from(errno));
            ensure!(refused.contains(&res), "result of the write: {res}");
        }
    }
    ensure!(fs::read("f")? == pattern(0..4096), "the file was changed");
    pass()
}
