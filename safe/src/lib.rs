//! Sound asynchronous I/O on Linux.
//!
//! `uring` is io_uring, `aio` is native AIO, `posix` is POSIX AIO; `error` says why a set-up or a call of a ring
//! failed, `buf` which buffers an operation may own.
//!
//! # Features
//!
//! * `uring` (default): io_uring.
//! * `aio` (default): native AIO.
//! * `posix` (default): POSIX AIO.

#![deny(missing_docs)]

#[cfg(feature = "aio")]
pub mod aio;
#[cfg(any(feature = "uring", feature = "aio"))]
mod broken;
pub mod buf;
#[cfg(feature = "uring")]
pub mod error;
mod fork;
#[cfg(any(feature = "uring", feature = "aio"))]
mod inflight;
#[cfg(any(feature = "uring", feature = "aio"))]
mod ioprio;
mod mmap;
#[cfg(feature = "posix")]
pub mod posix;
#[cfg(any(feature = "uring", feature = "aio"))]
mod rejected;
#[cfg(any(feature = "uring", feature = "aio"))]
mod sync;
#[cfg(feature = "uring")]
pub mod uring;
#[cfg(any(feature = "uring", feature = "aio"))]
mod wait_error;
