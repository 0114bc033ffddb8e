//! `linux/aio_abi.h` and the per-operation flags of `linux/fs.h`.

use super::{bits, number};
use crate::interface::{Interface, Source, Variant};

/// Native AIO: the crate `aio-sys`.
pub const AIO: Interface = Interface {
    krate: "aio-sys",
    wrapper: "
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/time_types.h>
",
    libc: false,
    sources: &[
        Source {
            header: "linux/aio_abi.h",
            only: &[],
        },
        Source {
            header: "linux/fs.h",
            only: &["RWF_"],
        },
        Source {
            header: "linux/time_types.h",
            only: &["__kernel_timespec"],
        },
    ],
    exceptions: &[],
    constants: &[
        number("IOCB_CMD_", "u16"),
        bits("IOCB_FLAG_", "u32"),
        bits("RWF_", "i32"),
    ],
    types: &[("__kernel_ulong_t", "::core::ffi::c_ulong")],
    aligned: &[],
    variants: &[
        Variant {
            name: "little_endian",
            cfg: r#"target_endian = "little""#,
            applies: |target| !target.is_big_endian,
            musl: false,
        },
        Variant {
            name: "big_endian",
            cfg: r#"target_endian = "big""#,
            applies: |target| target.is_big_endian,
            musl: false,
        },
    ],
    docs: include_str!("../../docs/aio.toml"),
};
