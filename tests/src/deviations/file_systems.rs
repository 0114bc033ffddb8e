//! What a file system lacks of what an operation can ask for, on the kernels that were seen.

use super::{Deviation, Kind};
use crate::kernel::Version;

pub(super) const FILE_SYSTEMS: &[Deviation] = &[
    never("uring/op/fallocate/collapse@btrfs", NO_SHIFT),
    never("uring/op/fallocate/collapse@tmpfs", NO_SHIFT),
    never("uring/op/fallocate/insert@btrfs", NO_SHIFT),
    never("uring/op/fallocate/insert@tmpfs", NO_SHIFT),
    never("uring/op/fallocate/unshare@btrfs", NO_UNSHARE),
    never("uring/op/fallocate/unshare@ext4", NO_UNSHARE),
    never("uring/op/fallocate/unshare@tmpfs", NO_UNSHARE),
    never(
        "uring/op/fallocate/zero@tmpfs",
        "tmpfs has no FALLOC_FL_ZERO_RANGE",
    ),
    never("uring/op/fsetxattr/large@btrfs", ONE_BLOCK),
    never("uring/op/fsetxattr/large@ext4", ONE_BLOCK),
    never("uring/op/read/direct_odd@ext4", ALIGNED),
    never("uring/op/read/direct_odd@xfs", ALIGNED),
    never("uring/op/read/dontcache@btrfs", CACHED),
    never("uring/op/read/dontcache@tmpfs", CACHED),
    never("uring/op/write/atomic@btrfs", NOT_ATOMIC),
    never(
        "uring/op/write/atomic@ext4",
        "ext4 writes atomically only what the device does, and loop devices and the emulator's disk write no block so",
    ),
    never("uring/op/write/atomic@tmpfs", NOT_ATOMIC),
    never("uring/op/write/direct_odd@ext4", ALIGNED),
    never("uring/op/write/direct_odd@xfs", ALIGNED),
    never("uring/op/write/dontcache@btrfs", CACHED),
    never("uring/op/write/dontcache@tmpfs", CACHED),
    never(
        "uring/op/write/nowait@tmpfs",
        "tmpfs has no RWF_NOWAIT to write",
    ),
];

const NO_SHIFT: &str = "the file system cannot shift the content of a file";
const NO_UNSHARE: &str = "the file system has no FALLOC_FL_UNSHARE_RANGE";
const ONE_BLOCK: &str = "an attribute must fit into a block of the file system's metadata";
const ALIGNED: &str = "past the cache only whole blocks can be read and written";
const CACHED: &str = "the file system has no RWF_DONTCACHE";
const NOT_ATOMIC: &str = "the file system has no RWF_ATOMIC";

const FIRST: Version = Version::new(0, 0, 0);
const LAST: Version = Version::new(u16::MAX, 0, 0);

/// What no kernel has that was seen.
const fn never(subject: &'static str, reason: &'static str) -> Deviation {
    lacking(subject, FIRST, LAST, reason)
}

/// What the kernels from one to before another lack.
const fn lacking(
    subject: &'static str,
    from: Version,
    before: Version,
    reason: &'static str,
) -> Deviation {
    Deviation {
        subject,
        from,
        before,
        kind: Kind::Lacking,
        reason,
    }
}
