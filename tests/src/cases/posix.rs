//! POSIX AIO: the area `posix`, a file per subject.

mod aio_cancel;
mod aio_fsync;
mod aio_read;
mod aio_status;
mod aio_suspend;
mod aio_write;
pub mod assertions;
mod header;
mod lio_listio;
mod safe_layer;
mod sigevent;
mod workers;

use std::ffi::c_int;
use std::fs;
use std::io;

use crate::case::Case;
use crate::support::names::Errno;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    header::CASES,
    aio_read::CASES,
    aio_write::CASES,
    aio_fsync::CASES,
    aio_status::CASES,
    aio_cancel::CASES,
    aio_suspend::CASES,
    lio_listio::CASES,
    sigevent::CASES,
    workers::CASES,
    safe_layer::CASES,
];

/// Whether the C library is glibc; otherwise it is musl.
const GLIBC: bool = cfg!(target_env = "gnu");

/// How a kernel of as many bits as the program refuses a length that no result can tell. It looks first whether so much
/// memory can be the program's. On s390x all addresses are, and it is the length that is wrong.
const TOO_LONG: Errno = Errno(if cfg!(target_arch = "s390x") {
    libc::EINVAL
} else {
    libc::EFAULT
});

/// The opcode that a control block has once the library has taken it for a call of its own: glibc writes it there, and
/// marks offsets that are wider than a register.
fn opcode_taken(call: c_int, given: c_int) -> c_int {
    const WIDE_OFFSETS: c_int = 128;
    match (GLIBC, cfg!(target_pointer_width = "32")) {
        (true, true) => call | WIDE_OFFSETS,
        (true, false) => call,
        (false, _) => given,
    }
}

/// The number of threads of this process.
fn thread_count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Runs `call` while the process can get no more memory.
fn without_memory<T>(call: impl FnOnce() -> T) -> io::Result<T> {
    let limit = |limit: &libc::rlimit| {
        // SAFETY: the limit is readable.
        match unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    let mut before = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is writable.
    if unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut before) } < 0 {
        return Err(io::Error::last_os_error());
    }
    limit(&libc::rlimit {
        rlim_cur: 1,
        ..before
    })?;
    let result = call();
    limit(&before)?;
    Ok(result)
}
