//! The cases, a module per area and in it a file per subject. A file has a slice of cases, and its area's `FILES` names it.

pub mod aio;
pub mod harness;
pub mod posix;
pub mod uring_cmd;
pub mod uring_filter;
pub mod uring_flags;
pub mod uring_op;
pub mod uring_query;
pub mod uring_raw;
pub mod uring_register;
pub mod uring_ring;
pub mod uring_setup;
pub mod uring_zcrx;
