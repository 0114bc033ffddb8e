//! POSIX AIO: the area `posix`, a file per subject.

use crate::case::Case;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[];
