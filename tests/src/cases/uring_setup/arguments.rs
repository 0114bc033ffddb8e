//! The arguments of `io_uring_setup` and `io_uring_register`, and what a ring's descriptor is.

use std::ffi::c_void;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use uring_sys::*;

use super::{params, refuses};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::ring::Ring;
use crate::ring::mem::NOWHERE;
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const SETUP: &[&str] = &["io_uring_setup"];

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/arguments/entries",
        &["io_uring_setup", "IORING_OFF_SQ_RING", "IORING_OFF_SQES"],
        kernel(5, 1),
        entries,
    ),
    Case::new("uring/setup/arguments/flags", SETUP, kernel(5, 1), flags),
    Case::new("uring/setup/arguments/params", SETUP, kernel(5, 1), pointer),
    Case::new(
        "uring/setup/arguments/read",
        SETUP,
        kernel(5, 1),
        read_the_ring,
    ),
    Case::new(
        "uring/setup/arguments/register",
        &["io_uring_register"],
        kernel(5, 1),
        register,
    ),
    Case::new("uring/setup/arguments/resv", SETUP, kernel(5, 1), resv),
];

/// The number of entries is rounded up to a power of two, with twice as many completions; 0 and more than 32768 are
/// refused.
fn entries(_: &mut Context) -> Run {
    for (asked, sq, cq) in [
        (1, 1, 2),
        (2, 2, 4),
        (3, 4, 8),
        (9, 16, 32),
        (1000, 1024, 2048),
    ] {
        let ring = Ring::new(asked, 0)?;
        let got = (ring.params().sq_entries, ring.params().cq_entries);
        ensure_eq!(got, (sq, cq), "entries for {asked}");
        for (kind, offset, expected) in [
            ("entries", ring.params().sq_off.ring_entries, sq),
            ("mask", ring.params().sq_off.ring_mask, sq - 1),
        ] {
            let got = ring
                .sq_word(offset)
                .load(std::sync::atomic::Ordering::Relaxed);
            ensure_eq!(got, expected, "{kind} in the submission ring for {asked}");
        }
    }
    for entries in [0, 32769, u32::MAX] {
        refuses(
            &format!("{entries} entries"),
            Ring::new(entries, 0),
            libc::EINVAL,
        )?;
    }
    pass()
}

/// Unknown flags are refused.
fn flags(_: &mut Context) -> Run {
    for flags in [1 << 31, !IORING_SETUP_NO_MMAP] {
        refuses(
            &format!("flags {flags:#x}"),
            Ring::new(8, flags),
            libc::EINVAL,
        )?;
    }
    pass()
}

/// Parameters that are not there give -EFAULT.
fn pointer(_: &mut Context) -> Run {
    for address in [0, NOWHERE as usize] {
        // SAFETY: there is no memory at the address, so nothing is read or written.
        let res = unsafe { io_uring_setup(8, ptr::without_provenance_mut(address)) };
        ensure_eq!(Res(res), Res(-libc::EFAULT), "params at {address}");
    }
    pass()
}

/// A ring's descriptor cannot be read or written, and is closed on exec.
fn read_the_ring(_: &mut Context) -> Run {
    let ring = Ring::new(8, 0)?;
    // SAFETY: F_GETFD touches no memory.
    let flags = unsafe { libc::fcntl(ring.as_raw_fd(), libc::F_GETFD) };
    ensure_eq!(flags, libc::FD_CLOEXEC, "descriptor flags");
    // SAFETY: the descriptor is open while `ring` lives, and the copy has its own number.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(ring.as_raw_fd()) };
    let mut file = File::from(fd.as_fd().try_clone_to_owned()?);
    let errno = file.read(&mut [0; 8]).err().and_then(|e| e.raw_os_error());
    ensure_eq!(errno, Some(libc::EINVAL), "read(2) on a ring");
    pass()
}

/// A ring that is none, and an operation that is none.
fn register(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1)?;
    let ring = Ring::new(8, 0)?;
    let register = |fd: i32, opcode: u32| {
        // SAFETY: no memory is passed.
        Res(unsafe { io_uring_register(fd, opcode, ptr::null::<c_void>(), 0) })
    };
    ensure_eq!(
        register(1000, IORING_REGISTER_PROBE),
        Res(-libc::EBADF),
        "a descriptor that is not open"
    );
    // Since 6.13 descriptor -1 is the task, for which most operations are invalid.
    let errno = if cx.kernel() < Version::new(6, 13, 0) {
        libc::EBADF
    } else {
        libc::EINVAL
    };
    ensure_eq!(register(-1, IORING_REGISTER_PROBE), Res(-errno), "fd -1");
    let errno = register(file.as_raw_fd(), IORING_REGISTER_PROBE);
    ensure_eq!(errno, Res(-libc::EOPNOTSUPP), "fd of a file");
    for opcode in [u32::MAX, IORING_REGISTER_USE_REGISTERED_RING - 1] {
        let errno = register(ring.as_raw_fd(), opcode);
        ensure!(errno == Res(-libc::EINVAL), "opcode {opcode:#x}: {errno}");
    }
    pass()
}

/// Reserved fields must be zero.
fn resv(_: &mut Context) -> Run {
    for i in 0..3 {
        let mut params = params(0);
        params.resv[i] = 1;
        refuses(&format!("resv[{i}]"), Ring::with(8, params), libc::EINVAL)?;
    }
    pass()
}
