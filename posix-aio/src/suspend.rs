//! aio_suspend(3), whose symbol depends on the width of `time_t`.

use core::ffi::c_int;

use crate::aiocb;

/// Waits until one of `nent` operations is over, a signal is handled (`EINTR`) or `timeout` (null:
/// none) is over (`EAGAIN`); 0, or -1 and `errno`.
///
/// Null entries are skipped. glibc aborts the process if `tv_nsec` is 10⁹ or more, where musl spins for
/// ever; with no entry at all glibc returns at once and musl waits.
///
/// # Safety
///
/// `list` is valid for reads of `nent` pointers, each null or to the control block of an operation that
/// was started; `timeout` is null or valid for reads.
#[inline]
pub unsafe fn aio_suspend(
    list: *const *const aiocb,
    nent: c_int,
    timeout: *const libc::timespec,
) -> c_int {
    // SAFETY: by the caller's promise.
    unsafe { symbol::aio_suspend(list, nent, timeout) }
}

#[cfg(target_pointer_width = "64")]
mod symbol {
    use core::ffi::c_int;

    use crate::aiocb;

    unsafe extern "C" {
        pub(super) fn aio_suspend(
            list: *const *const aiocb,
            nent: c_int,
            timeout: *const libc::timespec,
        ) -> c_int;
    }
}

#[cfg(target_pointer_width = "32")]
mod symbol {
    use core::ffi::c_int;

    use crate::aiocb;

    mod by_width {
        use core::ffi::c_int;

        use crate::aiocb;

        unsafe extern "C" {
            // glibc's own name for the large-file twin is another alias of the same function.
            pub(super) fn aio_suspend(
                list: *const *const aiocb,
                nent: c_int,
                timeout: *const libc::timespec,
            ) -> c_int;
            pub(super) fn __aio_suspend_time64(
                list: *const *const aiocb,
                nent: c_int,
                timeout: *const libc::timespec,
            ) -> c_int;
        }
    }

    /// # Safety
    ///
    /// As for aio_suspend(3).
    pub(super) unsafe fn aio_suspend(
        list: *const *const aiocb,
        nent: c_int,
        timeout: *const libc::timespec,
    ) -> c_int {
        // The libc crate decides how wide time_t is; the function must read the same struct.
        if size_of::<libc::timespec>() == 16 {
            // SAFETY: by the caller's promise.
            unsafe { by_width::__aio_suspend_time64(list, nent, timeout) }
        } else {
            // SAFETY: by the caller's promise.
            unsafe { by_width::aio_suspend(list, nent, timeout) }
        }
    }
}
