//! Sound asynchronous I/O on Linux.
//!
//! [`uring`] is io_uring; [`error`] says why a set-up or a call failed.
//!
//! # Features
//!
//! * `uring` (default): io_uring.
//! * `aio` (default): native AIO.
//! * `posix` (default): POSIX AIO.

#![deny(missing_docs)]

#[cfg(feature = "uring")]
pub mod error;
#[cfg(feature = "uring")]
mod fork;
#[cfg(feature = "uring")]
mod mmap;
#[cfg(feature = "uring")]
mod sync;
#[cfg(feature = "uring")]
pub mod uring;
