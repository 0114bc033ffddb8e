//! The system calls, as the man pages name them. Each returns what the kernel returned: a negative
//! value is a negated errno.

use core::ffi::{c_int, c_long, c_uint};

use linux_raw_sys::general as numbers;

use crate::{__aio_sigset, __kernel_timespec, aio_context_t, io_event, iocb};

/// The size of the kernel's signal set in bytes, for [`__aio_sigset::sigsetsize`]: not the C library's
/// `sizeof(sigset_t)`.
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

/// Makes a context for at least `nr_events` requests in flight and stores it in `*ctxp`.
///
/// `EINVAL` if `*ctxp` is not 0 or `nr_events` is 0 or too large; `EAGAIN` beyond
/// `/proc/sys/fs/aio-max-nr`. Since Linux 2.5; see io_setup(2).
///
/// # Safety
///
/// `ctxp` is valid for reads and writes.
#[inline]
pub unsafe fn io_setup(nr_events: c_uint, ctxp: *mut aio_context_t) -> c_int {
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe {
        libc::syscall(numbers::__NR_io_setup as c_long, nr_events as usize, ctxp)
    }) as c_int
}

/// Ends a context: cancels its polls, waits for every other request in flight, unmaps the ring.
///
/// `EINVAL` if there is no such context. Since Linux 2.5; see io_destroy(2).
///
/// # Safety
///
/// The context's completion ring is not touched any more.
#[inline]
pub unsafe fn io_destroy(ctx: aio_context_t) -> c_int {
    // SAFETY: by the caller's promise.
    kernel_result(unsafe { libc::syscall(numbers::__NR_io_destroy as c_long, ctx) }) as c_int
}

/// Submits up to `nr` requests, in order, and answers how many were accepted.
///
/// It stops at the first one refused; the errno is given only if that is the first. The `iocb`s and
/// their iovecs are copied; the data buffers are not. Since Linux 2.5; see io_submit(2).
///
/// # Safety
///
/// `iocbpp` is valid for reads of `nr` pointers, each to an `iocb` that is valid for reads and writes.
/// The data buffers are valid, and not otherwise used, until the requests' events have been reaped.
#[inline]
pub unsafe fn io_submit(ctx: aio_context_t, nr: c_long, iocbpp: *mut *mut iocb) -> c_int {
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe { libc::syscall(numbers::__NR_io_submit as c_long, ctx, nr, iocbpp) })
        as c_int
}

/// Asks for the cancellation of a request in flight.
///
/// Only polls can be cancelled. Then the answer is `EINPROGRESS` and the event arrives in the ring;
/// `result` is not written. Anything else gives `EINVAL`. Since Linux 2.5; see io_cancel(2), which
/// describes older kernels.
///
/// # Safety
///
/// `result` is valid for writes or null.
#[inline]
pub unsafe fn io_cancel(ctx: aio_context_t, iocb: *mut iocb, result: *mut io_event) -> c_int {
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe { libc::syscall(numbers::__NR_io_cancel as c_long, ctx, iocb, result) })
        as c_int
}

/// Takes up to `nr` events, waiting until there are `min_nr` or `timeout` (null: none) is over, and
/// answers how many.
///
/// The timeout must be normalised and not negative: the kernel does not check. Since Linux 2.5; see
/// io_getevents(2). On 32-bit targets this is `io_pgetevents_time64` without a signal mask, which
/// counts beyond 2038 (since Linux 5.1).
///
/// # Safety
///
/// `events` is valid for writes of `nr` events; `timeout` is null or valid for reads.
#[inline]
pub unsafe fn io_getevents(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut __kernel_timespec,
) -> c_int {
    #[cfg(target_pointer_width = "64")]
    {
        // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as
        // a register.
        kernel_result(unsafe {
            libc::syscall(
                numbers::__NR_io_getevents as c_long,
                ctx,
                min_nr,
                nr,
                events,
                timeout,
            )
        }) as c_int
    }
    #[cfg(target_pointer_width = "32")]
    {
        // SAFETY: by the caller's promise; a null mask is none.
        unsafe { io_pgetevents(ctx, min_nr, nr, events, timeout, core::ptr::null()) }
    }
}

/// As [`io_getevents`], with a signal mask that holds during the wait.
///
/// A null `usig`, or one whose `sigmask` is null, leaves the mask alone. Since Linux 4.18 (5.1 on
/// 32-bit targets, where this is `io_pgetevents_time64`).
///
/// # Safety
///
/// As for [`io_getevents`]; `usig` is null or valid for reads, and so is what its `sigmask` points to.
#[inline]
pub unsafe fn io_pgetevents(
    ctx: aio_context_t,
    min_nr: c_long,
    nr: c_long,
    events: *mut io_event,
    timeout: *mut __kernel_timespec,
    usig: *const __aio_sigset,
) -> c_int {
    #[cfg(target_pointer_width = "64")]
    let number = numbers::__NR_io_pgetevents as c_long;
    #[cfg(target_pointer_width = "32")]
    let number = numbers::__NR_io_pgetevents_time64 as c_long;
    // SAFETY: by the caller's promise; the arguments are those of the system call, each as wide as a
    // register.
    kernel_result(unsafe { libc::syscall(number, ctx, min_nr, nr, events, timeout, usig) }) as c_int
}

/// The C library turns a negative result into -1 and `errno`; this turns it back.
#[inline]
fn kernel_result(result: c_long) -> c_long {
    if result == -1 {
        // SAFETY: the function answers the address of this thread's `errno`.
        -c_long::from(unsafe { *libc::__errno_location() })
    } else {
        result
    }
}
