//! Native AIO: the area `aio`, a file per subject.

use crate::case::Case;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[];
