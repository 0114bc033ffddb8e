//! `aio.h`, as glibc and musl have it.

use super::number;
use crate::interface::{Interface, Source, Variant};

const TWIN: &str =
    "large-file twin: the same on 64-bit targets, and what the plain name means on 32-bit ones";
const METHOD: &str = "macro that names a member of a member: a method of `sigevent`";

/// POSIX AIO: the crate `posix-aio`.
pub const POSIX: Interface = Interface {
    krate: "posix-aio",
    wrapper: "
#define _GNU_SOURCE
#include <aio.h>
",
    libc: true,
    sources: &[
        Source {
            header: "/aio.h",
            only: &[],
        },
        Source {
            header: "bits/types/sigevent_t.h",
            only: &["sigevent"],
        },
        Source {
            header: "bits/types/__sigval_t.h",
            only: &["sigval"],
        },
        Source {
            header: "bits/sigevent-consts.h",
            only: &["SIGEV_"],
        },
        Source {
            header: "/signal.h",
            only: &["SIGEV_", "sigevent", "sigval"],
        },
    ],
    exceptions: &[
        ("_AIO_H", "include guard"),
        ("aiocb64", TWIN),
        ("aio_read64", TWIN),
        ("aio_write64", TWIN),
        ("aio_fsync64", TWIN),
        ("aio_error64", TWIN),
        ("aio_return64", TWIN),
        ("aio_suspend64", TWIN),
        ("aio_cancel64", TWIN),
        ("lio_listio64", TWIN),
        ("off64_t", "a plain i64"),
        (
            "aio_suspend",
            "written by hand: which symbol it is depends on the width of libc's time_t",
        ),
        ("sigev_notify_function", METHOD),
        ("sigev_notify_attributes", METHOD),
        ("sigev_notify_thread_id", METHOD),
    ],
    constants: &[
        number("AIO_", "::core::ffi::c_int"),
        number("LIO_", "::core::ffi::c_int"),
        number("SIGEV_", "::core::ffi::c_int"),
    ],
    types: &[
        ("size_t", "usize"),
        ("__ssize_t", "isize"),
        ("ssize_t", "isize"),
        ("__off_t", "i64"),
        ("__off64_t", "i64"),
        ("off_t", "i64"),
        ("__pid_t", "::libc::pid_t"),
        ("pid_t", "::libc::pid_t"),
        ("__sigval_t", "sigval"),
        ("sigval_t", "sigval"),
        ("timespec", "::libc::timespec"),
        ("pthread_attr_t", "::libc::pthread_attr_t"),
    ],
    aligned: &[],
    variants: &[
        Variant {
            name: "gnu_64",
            cfg: r#"all(target_env = "gnu", target_pointer_width = "64")"#,
            applies: |target| !target.is_32_bit,
            musl: false,
        },
        Variant {
            name: "gnu_32",
            cfg: r#"all(target_env = "gnu", target_pointer_width = "32")"#,
            applies: |target| target.is_32_bit,
            musl: false,
        },
        Variant {
            name: "musl_64",
            cfg: r#"all(target_env = "musl", target_pointer_width = "64")"#,
            applies: |target| !target.is_32_bit,
            musl: true,
        },
        Variant {
            name: "musl_32",
            cfg: r#"all(target_env = "musl", target_pointer_width = "32")"#,
            applies: |target| target.is_32_bit,
            musl: true,
        },
    ],
    docs: include_str!("../../docs/posix.toml"),
};
