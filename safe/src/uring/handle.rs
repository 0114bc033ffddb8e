//! Which file an operation is about.

use std::os::fd::{AsFd, AsRawFd};

use sealed::Sealed;

/// A file that an operation can own while it is in flight: whatever has a descriptor, and fixed files.
///
/// Owning it keeps the descriptor from being closed, and its number from meaning another file.
pub trait Handle: Sealed {}

pub(crate) mod sealed {
    use crate::uring::raw::types::sealed::Target;

    /// How the kernel is told of the file.
    pub trait Sealed {
        #[doc(hidden)]
        fn target(&self) -> Target;
    }
}

impl<T: AsFd> Handle for T {}

impl<T: AsFd> Sealed for T {
    #[inline]
    fn target(&self) -> super::raw::types::sealed::Target {
        super::raw::types::sealed::Target::Fd(self.as_fd().as_raw_fd())
    }
}
