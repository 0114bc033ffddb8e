//! Why a buffer ring was not registered.

use std::fmt::{self, Display, Formatter};
use std::io;

use super::{Asked, MAX_ENTRIES, MAX_KERNEL_MEMORY_GROUP};

/// Why [`Builder::register`](super::Builder::register) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The number of entries is no power of two from 1 to [`MAX_ENTRIES`].
    Entries(u32),
    /// `min_left` means something only for incremental use.
    MinLeftWithoutIncremental,
    /// The ring of so large a group cannot be mapped from the kernel; see [`MAX_KERNEL_MEMORY_GROUP`].
    GroupNotMappable(u16),
    /// The group exists already, as a ring or as provided buffers of the old kind (`EEXIST`).
    GroupInUse(u16),
    /// The kernel answers `EINVAL`, and this is what it does not know.
    Unsupported(Feature),
    /// The ring's memory could not be mapped.
    Memory(io::Error),
    /// The kernel refuses for another reason: `ENOMEM` also when the memory exceeds `RLIMIT_MEMLOCK`,
    /// `EEXIST`, `EACCES` or `EBADFD` as for every registration.
    Register(io::Error),
}

/// What a kernel may not know of buffer rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Buffer rings at all.
    BufferRings,
    /// Memory that the kernel allocates.
    KernelMemory,
    /// Incremental use.
    Incremental,
    /// `min_left`.
    MinLeft,
}

impl Display for Feature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferRings => "buffer rings (since Linux 5.19)",
            Self::KernelMemory => "buffer rings in its own memory (since Linux 6.4)",
            Self::Incremental => "incremental use of buffers (since Linux 6.12)",
            Self::MinLeft => {
                "min_left of buffer rings (since Linux 7.1; also in 6.12.107, 6.18.44 and 7.0.13)"
            }
        })
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries(n) => write!(
                f,
                "a buffer ring has a power of two of entries from 1 to {MAX_ENTRIES}, not {n}"
            ),
            Self::MinLeftWithoutIncremental => {
                write!(f, "min_left needs a buffer ring of incremental use")
            }
            Self::GroupNotMappable(group) => write!(
                f,
                "a buffer ring in the kernel's memory has a group up to {MAX_KERNEL_MEMORY_GROUP}, not {group}"
            ),
            Self::GroupInUse(group) => write!(f, "buffer group {group} is registered already"),
            Self::Unsupported(feature) => write!(f, "this kernel does not know {feature}"),
            Self::Memory(_) => write!(f, "the buffer ring could not be mapped"),
            Self::Register(_) => write!(f, "the buffer ring could not be registered"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Memory(error) | Self::Register(error) => Some(error),
            _ => None,
        }
    }
}

/// What made the kernel refuse what was `asked`. `accepts` tries a registration that asks for less.
pub(super) fn refused(mut asked: Asked, mut accepts: impl FnMut(Asked) -> bool) -> Feature {
    // Youngest first: a kernel that knows one knows those before it.
    if asked.min_left != 0 {
        asked.min_left = 0;
        if accepts(asked) {
            return Feature::MinLeft;
        }
    }
    if asked.incremental {
        asked.incremental = false;
        if accepts(asked) {
            return Feature::Incremental;
        }
    }
    // To try without this takes other memory. A kernel without rings lacks it too.
    if asked.kernel_memory {
        Feature::KernelMemory
    } else {
        Feature::BufferRings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that knows what `knows` has, or no buffer rings at all.
    fn blame(asked: Asked, knows: Option<Asked>) -> Feature {
        refused(asked, |asked| {
            knows.is_some_and(|knows| {
                asked.kernel_memory <= knows.kernel_memory
                    && asked.incremental <= knows.incremental
                    && asked.min_left <= knows.min_left
            })
        })
    }

    #[test]
    fn the_youngest_unknown_feature_is_blamed() {
        let all = Asked {
            kernel_memory: true,
            incremental: true,
            min_left: 64,
        };
        let linux_6_12 = Asked { min_left: 0, ..all };
        let linux_6_4 = Asked {
            incremental: false,
            ..linux_6_12
        };
        let linux_5_19 = Asked::default();
        assert_eq!(blame(all, Some(linux_6_12)), Feature::MinLeft);
        assert_eq!(blame(all, Some(linux_6_4)), Feature::Incremental);
        assert_eq!(blame(linux_6_12, Some(linux_6_4)), Feature::Incremental);
        assert_eq!(blame(all, Some(linux_5_19)), Feature::KernelMemory);
        assert_eq!(blame(linux_6_4, None), Feature::KernelMemory);
        assert_eq!(blame(linux_5_19, None), Feature::BufferRings);
    }
}
