//! Raw bindings to POSIX asynchronous I/O as glibc and musl have it: every constant, struct, field and
//! function of `aio.h`, and a [`sigevent`] that can ask for a thread.
//!
//! Each name is the C header's, at the root of the crate. On 32-bit glibc the structs and functions
//! are the large-file ones (`aiocb64`, `aio_read64`), so that offsets have 64 bits everywhere.
//!
//! The library's worker threads write to an [`aiocb`] and its buffer until aio_error(3) says something
//! other than `EINPROGRESS`: both must stay where they are until then. `safe::posix` takes care of that.
//!
//! ```
//! use std::os::fd::AsRawFd;
//!
//! use posix_aio::*;
//!
//! let file = std::fs::File::open("/proc/self/exe")?;
//! let mut magic = [0_u8; 4];
//! let mut request = aiocb::default();
//! request.aio_fildes = file.as_raw_fd();
//! request.aio_buf = magic.as_mut_ptr().cast();
//! request.aio_nbytes = magic.len();
//! request.aio_sigevent.sigev_notify = SIGEV_NONE;
//! // SAFETY: the control block, the buffer and the file outlive the operation: `aio_suspend` below
//! // returns only when it is over, for nothing interrupts it here.
//! unsafe {
//!     assert_eq!(aio_read(&mut request), 0);
//!     let list = [&raw const request];
//!     assert_eq!(aio_suspend(list.as_ptr(), 1, std::ptr::null()), 0);
//!     assert_eq!(aio_return(&mut request), 4);
//! }
//! assert_eq!(&magic, b"\x7fELF");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Features
//!
//! * `bindgen`: generate the bindings from this machine's own headers when building (needs libclang).
//! * `listing`: every item as data.

#![no_std]
// Headers newer than this crate have items that it has no text for.
#![cfg_attr(not(feature = "bindgen"), deny(missing_docs))]
#![allow(non_camel_case_types, reason = "the names are the C header's")]

#[cfg(not(all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
compile_error!("posix-aio knows the aio.h of glibc and of musl on Linux");

#[cfg(feature = "bindgen")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
#[cfg(not(feature = "bindgen"))]
#[rustfmt::skip]
mod generated;
mod notify;
mod suspend;

pub use generated::*;
pub use notify::NotifyFunction;
pub use suspend::aio_suspend;
