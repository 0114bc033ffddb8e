//! io_uring's probe and query: the area `uring/query`, a file per subject.

use crate::case::Case;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[];
