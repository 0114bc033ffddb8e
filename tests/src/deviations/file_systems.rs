//! What a file system lacks of what an operation can ask for, on the kernels that were seen.

use super::{Deviation, FIRST_OF_ALL, Kind, LAST_OF_ALL};
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
    before("uring/op/read/direct@tmpfs", (6, 6), NO_DIRECT),
    before("uring/op/read/direct_odd@tmpfs", (6, 6), NO_DIRECT),
    never("uring/op/read/direct_odd@ext4", ALIGNED),
    never("uring/op/read/direct_odd@xfs", ALIGNED),
    never("uring/op/read/dontcache@btrfs", CACHED),
    before("uring/op/read/dontcache@ext4", (6, 17), CACHED),
    never("uring/op/read/dontcache@tmpfs", CACHED),
    never("uring/op/write/atomic@btrfs", NOT_ATOMIC),
    never(
        "uring/op/write/atomic@ext4",
        "ext4 writes atomically only what the device does, and loop devices and the emulator's disk write no block so",
    ),
    never("uring/op/write/atomic@tmpfs", NOT_ATOMIC),
    before(
        "uring/op/statx/btime@tmpfs",
        (5, 16),
        "tmpfs keeps no time of birth before 5.16",
    ),
    before("uring/op/write/direct@tmpfs", (6, 6), NO_DIRECT),
    before("uring/op/write/direct_odd@tmpfs", (6, 6), NO_DIRECT),
    before("uring/op/write/direct_odd@ext4", (6, 16), ALIGNED),
    lacking("uring/op/write/direct_odd@ext4", (6, 17), LAST, ALIGNED),
    never("uring/op/write/direct_odd@xfs", ALIGNED),
    never("uring/op/write/dontcache@btrfs", CACHED),
    before("uring/op/write/dontcache@ext4", (6, 17), CACHED),
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

const NO_DIRECT: &str = "tmpfs has no O_DIRECT before 6.6";

const FIRST: (u16, u16) = (FIRST_OF_ALL.major, 0);
const LAST: (u16, u16) = (LAST_OF_ALL.major, 0);

/// What no kernel has that was seen.
const fn never(subject: &'static str, reason: &'static str) -> Deviation {
    lacking(subject, FIRST, LAST, reason)
}

/// What the kernels before one lack.
const fn before(subject: &'static str, first: (u16, u16), reason: &'static str) -> Deviation {
    lacking(subject, FIRST, first, reason)
}

/// What the kernels from one to before another lack.
const fn lacking(
    subject: &'static str,
    from: (u16, u16),
    before: (u16, u16),
    reason: &'static str,
) -> Deviation {
    Deviation {
        subject,
        from: Version::new(from.0, from.1, 0),
        before: Version::new(before.0, before.1, 0),
        kind: Kind::Lacking,
        reason,
    }
}
