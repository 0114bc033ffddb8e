//! io_uring.

pub mod raw;
