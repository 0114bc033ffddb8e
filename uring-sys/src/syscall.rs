//! The system calls, as the man pages name them. Each returns what the kernel returned: a negative
//! value is a negated errno.

use core::ffi::{c_int, c_long, c_uint, c_void};

use crate::io_uring_params;

/// The size of the kernel's signal set in bytes, which [`io_uring_enter`] passes along: not the C
/// library's `sizeof(sigset_t)`.
pub const KERNEL_SIGSET_SIZE: usize = if cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6"
)) {
    16
} else {
    8
};

/// Makes a ring of `entries` submission queue entries and answers its descriptor.
///
/// `params` says how, and is filled with what was made: sizes, features, and where the rings lie in
/// the mappings. Since Linux 5.1; see io_uring_setup(2).
///
/// # Safety
///
/// `params` is valid for reads and writes. With `IORING_SETUP_NO_MMAP` its `user_addr` fields name
/// memory that is large enough for the rings and stays mapped, and used for nothing else, as long as
/// the ring lives.
#[inline]
pub unsafe fn io_uring_setup(entries: c_uint, params: *mut io_uring_params) -> c_int {
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe { libc::syscall(libc::SYS_io_uring_setup, entries as usize, params) })
}

/// Submits up to `to_submit` entries and, with `IORING_ENTER_GETEVENTS`, waits for `min_complete`
/// completions.
///
/// `sig` is the signal mask during the wait, or null; its size is [`KERNEL_SIGSET_SIZE`]. Answers the
/// number of entries taken. Since Linux 5.1; see io_uring_enter(2).
///
/// # Safety
///
/// `sig` is null or valid for reads of a kernel signal set. What the submitted entries point to is
/// valid until their final completions have been reaped.
#[inline]
pub unsafe fn io_uring_enter(
    fd: c_int,
    to_submit: c_uint,
    min_complete: c_uint,
    flags: c_uint,
    sig: *const c_void,
) -> c_int {
    // SAFETY: by the caller's promise.
    unsafe { io_uring_enter2(fd, to_submit, min_complete, flags, sig, KERNEL_SIGSET_SIZE) }
}

/// As [`io_uring_enter`], with the last argument free: a signal mask, an `io_uring_getevents_arg`
/// (`IORING_ENTER_EXT_ARG`, `argsz` 24), or an offset into registered waits
/// (`IORING_ENTER_EXT_ARG_REG`, `argsz` 64).
///
/// Since Linux 5.11 where it differs from [`io_uring_enter`]; see io_uring_enter(2).
///
/// # Safety
///
/// `arg` is what `flags` say, of `argsz` bytes, with every pointer in it valid. What the submitted
/// entries point to is valid until their final completions have been reaped.
#[inline]
pub unsafe fn io_uring_enter2(
    fd: c_int,
    to_submit: c_uint,
    min_complete: c_uint,
    flags: c_uint,
    arg: *const c_void,
    argsz: usize,
) -> c_int {
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe {
        libc::syscall(
            libc::SYS_io_uring_enter,
            fd as c_long,
            to_submit as usize,
            min_complete as usize,
            flags as usize,
            arg,
            argsz,
        )
    })
}

/// Registers or unregisters something with a ring, or with the task (`fd` -1): one of
/// `IORING_REGISTER_*` and `IORING_UNREGISTER_*`.
///
/// What `arg` points to and what `nr_args` counts depends on `opcode`. Answers what that operation
/// answers. Since Linux 5.1; see io_uring_register(2).
///
/// # Safety
///
/// `arg` is what `opcode` takes, `nr_args` describes it, and it is valid for writes where the operation
/// writes. Memory that is registered stays mapped and is given to nobody else while it is.
#[inline]
pub unsafe fn io_uring_register(
    fd: c_int,
    opcode: c_uint,
    arg: *const c_void,
    nr_args: c_uint,
) -> c_int {
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            fd as c_long,
            opcode as usize,
            arg,
            nr_args as usize,
        )
    })
}

/// The C library turns a negative result into -1 and `errno`; this turns it back.
#[inline]
fn kernel_result(result: c_long) -> c_int {
    if result == -1 {
        // SAFETY: the function answers the address of this thread's `errno`.
        -unsafe { *libc::__errno_location() }
    } else {
        // The three calls answer an int: a descriptor, a count or an id.
        result as c_int
    }
}
