//! io_uring set-up and registration: the area `uring/setup`, a file per subject.

use crate::case::Case;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[];
