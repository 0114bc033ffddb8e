//! Sound asynchronous I/O on Linux.
//!
//! [`posix`] is POSIX AIO; [`buf`] says which buffers an operation may own.
//!
//! # Features
//!
//! * `uring` (default): io_uring.
//! * `aio` (default): native AIO.
//! * `posix` (default): POSIX AIO.

#![deny(missing_docs)]

#[cfg(feature = "posix")]
pub mod buf;
#[cfg(feature = "posix")]
mod fork;
#[cfg(feature = "posix")]
mod mmap;
#[cfg(feature = "posix")]
pub mod posix;
