//! Which file an operation is about, and from where a path starts.

use std::os::fd::{AsFd, AsRawFd};

use super::raw::types::Fd;
use super::raw::types::sealed::Target;
use super::{FixedFd, RingId};
use sealed::{Place, Sealed};

/// A file that an operation can own while it is in flight: whatever has a descriptor, and
/// [fixed files](FixedFd).
///
/// Owning it keeps the descriptor from being closed, and its number from meaning another file.
pub trait Handle: Sealed {}

/// A directory that an operation can own while it is in flight, from which a relative path starts: whatever has
/// a descriptor, and [`Cwd`].
pub trait Directory: Place {}

/// The current directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cwd;

pub(crate) mod sealed {
    use crate::uring::RingId;
    use crate::uring::raw::types::{Fd, sealed::Target};

    /// How the kernel is told of the file.
    pub trait Sealed {
        #[doc(hidden)]
        fn target(&self) -> Target;

        /// Whether the target means this file to that ring.
        #[doc(hidden)]
        #[inline]
        fn fits(&self, ring: RingId) -> bool {
            let _ = ring;
            true
        }
    }

    /// How the kernel is told of the directory.
    pub trait Place {
        #[doc(hidden)]
        fn number(&self) -> Fd;
    }
}

impl<T: AsFd> Handle for T {}

impl<T: AsFd> Sealed for T {
    #[inline]
    fn target(&self) -> Target {
        Target::Fd(self.as_fd().as_raw_fd())
    }
}

impl Handle for FixedFd {}

impl Sealed for FixedFd {
    #[inline]
    fn target(&self) -> Target {
        Target::Fixed(self.slot())
    }

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.is_of(ring)
    }
}

impl Handle for &FixedFd {}

impl Sealed for &FixedFd {
    #[inline]
    fn target(&self) -> Target {
        Target::Fixed(self.slot())
    }

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.is_of(ring)
    }
}

impl<T: AsFd> Directory for T {}

impl<T: AsFd> Place for T {
    #[inline]
    fn number(&self) -> Fd {
        Fd(self.as_fd().as_raw_fd())
    }
}

impl Directory for Cwd {}

impl Place for Cwd {
    #[inline]
    fn number(&self) -> Fd {
        Fd(libc::AT_FDCWD)
    }
}
