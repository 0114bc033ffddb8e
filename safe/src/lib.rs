//! Sound asynchronous I/O on Linux.

#![deny(missing_docs)]

pub mod uring;
