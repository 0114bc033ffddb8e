//! io_uring.
//!
//! [`raw`] is the ring for those who write runtimes.

pub mod raw;
