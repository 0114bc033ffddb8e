//! Complete raw bindings to Linux native AIO: every constant, struct and field of `linux/aio_abi.h`,
//! the `RWF_*` flags of `linux/fs.h`, the system calls, and two structs that the kernel uses and no
//! header has ([`aio_ring`], [`__aio_sigset`]).
//!
//! Each name is the C header's, at the root of the crate. A constant has the type of the field that
//! takes it: `IOCB_CMD_*` are `u16`, `RWF_*` are `i32`.
//!
//! ```
//! use aio_sys::*;
//!
//! let mut context: aio_context_t = 0;
//! // SAFETY: `context` is a live variable, zero as the call wants it.
//! let result = unsafe { io_setup(8, &mut context) };
//! if result < 0 {
//!     eprintln!("io_setup: errno {}", -result);
//! } else {
//!     // The context is the address of its completion ring.
//!     let ring = context as *const aio_ring;
//!     // SAFETY: the kernel has just mapped it, and nothing is in flight that would write to it.
//!     assert_eq!(unsafe { (*ring).magic }, AIO_RING_MAGIC);
//!     // SAFETY: nothing is in flight, and the ring is used no more.
//!     unsafe { io_destroy(context) };
//! }
//! ```
//!
//! # Features
//!
//! * `bindgen`: generate the bindings from this machine's own headers when building (needs libclang).
//!   What those headers lack, the crate lacks.
//! * `listing`: every item as data.

#![no_std]
// Headers newer than this crate have items that it has no text for.
#![cfg_attr(not(feature = "bindgen"), deny(missing_docs))]
#![allow(non_camel_case_types, reason = "the names are the C header's")]

#[cfg(all(target_arch = "x86_64", target_pointer_width = "32"))]
compile_error!("x32 is not supported: its aio_context_t is wider than a long");

#[cfg(feature = "bindgen")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
#[cfg(not(feature = "bindgen"))]
#[rustfmt::skip]
mod generated;
mod ring;
mod syscall;

pub use generated::*;
pub use ring::*;
pub use syscall::*;
