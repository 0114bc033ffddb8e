//! Complete raw bindings to Linux's io_uring: every constant, struct and field of the kernel's
//! headers (`linux/io_uring.h`, `linux/io_uring/*.h`, and what belongs to it in `linux/fs.h`,
//! `linux/blkdev.h`, `linux/nvme_ioctl.h`), and its three system calls.
//!
//! Each name is the C header's, at the root of the crate. What differs from C:
//!
//! * A constant has the type of the field or argument that takes it: `IOSQE_*` and `IORING_OP_*` are
//!   `u8`, the flags in `ioprio` are `u16`, `IORING_OFF_*` are `u64`.
//! * The fields of unnamed unions are reached by methods of the same name: `sqe.off()` and
//!   `sqe.set_off(4096)`. Such a union can only be made by zeroing or copying a whole one, so each of
//!   its bytes is always initialised and reading any of its fields is safe.
//! * A flexible array is reached by pointer: [`io_uring_probe::ops_ptr`],
//!   [`io_uring_buf_ring::bufs_mut_ptr`].
//! * No value that the kernel writes is a Rust enum: a newer kernel may write one that is not listed.
//!
//! All structs are `Copy`, and zero is a value of each (`Default`).
//!
//! ```
//! use uring_sys::*;
//!
//! let mut params = io_uring_params::default();
//! // SAFETY: `params` is a live `io_uring_params`, all zero but for what the call takes.
//! let ring = unsafe { io_uring_setup(8, &mut params) };
//! if ring < 0 {
//!     // A negative errno: a kernel without io_uring says -ENOSYS.
//!     eprintln!("io_uring_setup: errno {}", -ring);
//! } else {
//!     assert_eq!(params.sq_entries, 8);
//!     // SAFETY: the descriptor was just made and is used by nobody else.
//!     unsafe { libc::close(ring) };
//! }
//! ```
//!
//! # Features
//!
//! * `bindgen`: generate the bindings from this machine's own headers when building (needs libclang).
//!   What those headers lack, the crate lacks.
//! * `listing`: every item as data, in the module of that name.

#![cfg_attr(
    not(feature = "listing"),
    doc = "\n[`listing`]: https://docs.rs/uring-sys"
)]
#![no_std]
// Headers newer than this crate have items that it has no text for.
#![cfg_attr(not(feature = "bindgen"), deny(missing_docs))]
#![allow(non_camel_case_types, reason = "the names are the C header's")]

#[cfg(feature = "bindgen")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
#[cfg(not(feature = "bindgen"))]
#[rustfmt::skip]
mod generated;
mod syscall;

pub use generated::*;
pub use syscall::*;
