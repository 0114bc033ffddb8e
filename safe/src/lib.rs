//! Sound asynchronous I/O on Linux.
//!
//! [`uring`] is io_uring, [`posix`] is POSIX AIO; [`error`] says why a set-up or a call of a ring failed,
//! [`buf`] which buffers an operation may own.
//!
//! # Features
//!
//! * `uring` (default): io_uring.
//! * `aio` (default): native AIO.
//! * `posix` (default): POSIX AIO.

#![deny(missing_docs)]

#[cfg(feature = "uring")]
mod broken;
#[cfg(any(feature = "uring", feature = "posix"))]
pub mod buf;
#[cfg(feature = "uring")]
pub mod error;
#[cfg(any(feature = "uring", feature = "posix"))]
mod fork;
#[cfg(feature = "uring")]
mod inflight;
#[cfg(any(feature = "uring", feature = "posix"))]
mod mmap;
#[cfg(feature = "posix")]
pub mod posix;
#[cfg(feature = "uring")]
mod sync;
#[cfg(feature = "uring")]
pub mod uring;
