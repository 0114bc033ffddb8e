//! Kernels that differ from what their version number promises, each with the reason.
//!
//! A stable kernel may carry a backport, and a kernel may be built without an option. Nothing else may differ: an
//! entry here turns the expectation round, for the kernels that it names and no others.

mod file_systems;

use crate::kernel::Version;
use file_systems::FILE_SYSTEMS;

/// One difference between version number and kernel.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    /// The id of a case, or the item that cases are mainly about.
    pub subject: &'static str,
    /// The kernels, from the first version on...
    pub from: Version,
    /// ...and before this one.
    pub before: Version,
    /// What is to be expected there.
    pub kind: Kind,
    /// Why, with a source.
    pub reason: &'static str,
}

/// Before every kernel: where a deviation begins that has no first one.
pub const FIRST_OF_ALL: Version = Version::new(0, 0, 0);
/// After every kernel: where a deviation ends that no kernel does without.
pub const LAST_OF_ALL: Version = Version::new(u16::MAX, 0, 0);

/// How a kernel differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has the item although it is older than `since`.
    Backported,
    /// It lacks the item although it is not.
    Lacking,
}

impl Deviation {
    /// A backport in the stable series of `first`, from that point release on.
    pub const fn backport(
        subject: &'static str,
        first: Version,
        reason: &'static str,
    ) -> Deviation {
        Deviation {
            subject,
            from: first,
            before: Version::new(first.major, first.minor + 1, 0),
            kind: Kind::Backported,
            reason,
        }
    }
}

/// All known deviations. A test checks that each subject is in the catalogue.
pub static DEVIATIONS: &[Deviation] = &joined::<{ KERNELS.len() + FILE_SYSTEMS.len() }>();

/// Both lists.
const fn joined<const N: usize>() -> [Deviation; N] {
    let mut all = [KERNELS[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < KERNELS.len() {
            KERNELS[i]
        } else {
            FILE_SYSTEMS[i - KERNELS.len()]
        };
        i += 1;
    }
    all
}

/// What concerns a kernel, whatever the file system.
const KERNELS: &[Deviation] = &[
    in_5_10("IORING_ENTER_EXT_ARG"),
    in_5_10("IORING_FEAT_EXT_ARG"),
    in_5_10("IORING_FEAT_NATIVE_WORKERS"),
    in_5_10("IORING_FEAT_RSRC_TAGS"),
    in_5_10("IORING_FEAT_SQPOLL_NONFIXED"),
    in_5_10("IORING_LINK_TIMEOUT_UPDATE"),
    in_5_10("IORING_OP_RENAMEAT"),
    in_5_10("IORING_OP_SHUTDOWN"),
    in_5_10("IORING_OP_UNLINKAT"),
    in_5_10("IORING_POLL_ADD_MULTI"),
    in_5_10("IORING_POLL_UPDATE_EVENTS"),
    in_5_10("IORING_TIMEOUT_BOOTTIME"),
    in_5_10("IORING_TIMEOUT_UPDATE"),
    in_5_10("uring/op/files_update/slots"),
    in_5_10("uring/op/openat/direct"),
    in_5_10("uring/op/send/waitall"),
    in_5_10("uring/ring/poll_remove"),
    lacking(
        "uring/register/files2/tag-unregister",
        (5, 10, 162),
        (6, 13, 0),
        "the tags of a table that is unregistered are forgotten; seen on 5.10.262, 6.1.192 and 6.12.117",
    ),
    in_5_10("IORING_REGISTER_BUFFERS2"),
    in_5_10("IORING_REGISTER_BUFFERS_UPDATE"),
    in_5_10("IORING_REGISTER_FILES2"),
    in_5_10("IORING_REGISTER_FILES_SKIP"),
    in_5_10("IORING_REGISTER_FILES_UPDATE2"),
    in_5_10("IORING_REGISTER_IOWQ_AFF"),
    in_5_10("IORING_REGISTER_IOWQ_MAX_WORKERS"),
    lacking(
        "uring/op/async_cancel/userdata-fd",
        (6, 1, 0),
        (6, 2, 0),
        "6.1.192 takes the flags together and goes by the descriptor alone",
    ),
    in_5_10("uring/setup/iopoll_device/sqpoll"),
    Deviation::backport(
        "uring/setup/lost/plain",
        Version::new(6, 18, 10),
        "6.18.10 took over the allocation without force",
    ),
    in_6_1("IORING_ASYNC_CANCEL_USERDATA"),
    Deviation::backport(MIN_LEFT, Version::new(6, 12, 107), MIN_LEFT_HERE),
    Deviation::backport(MIN_LEFT, Version::new(6, 18, 44), MIN_LEFT_HERE),
    Deviation::backport(MIN_LEFT, Version::new(7, 0, 13), MIN_LEFT_HERE),
    in_6_1("IORING_SEND_ZC_REPORT_USAGE"),
    Deviation::backport("uring/op/nop/bad", Version::new(5, 10, 223), NOP_FLAGS),
    Deviation::backport("uring/op/nop/bad", Version::new(6, 1, 176), NOP_FLAGS),
    lacking(
        "BLOCK_URING_CMD_DISCARD",
        (7, 0, 0),
        (7, 1, 0),
        "7.0 refuses a discard that is tried without blocking; with IOSQE_ASYNC it works",
    ),
    lacking(
        "uring/op/async_cancel/userdata-fd",
        (6, 16, 0),
        (6, 18, 0),
        "6.16 and 6.17 find no poll by descriptor and user_data",
    ),
    lacking(
        "uring/op/poll_add/own_eventfd",
        (6, 1, 0),
        (6, 2, 0),
        "each completion starts the poll again on 6.1.192, until the queue overflows",
    ),
    lacking(
        "uring/register/bundle/received",
        (6, 16, 0),
        (6, 17, 0),
        "6.16.12 fills one buffer with each completion; so it has none of the faults of bundles that came with 6.17",
    ),
    lacking("uring/register/bundle/again", (6, 17, 0), FIXED, SHORTENED),
    lacking(
        "uring/register/incremental/bundle-flag",
        (6, 17, 0),
        FIXED,
        NO_BUF_MORE,
    ),
    lacking(
        "uring/register/incremental/file-flag",
        (6, 13, 0),
        FIXED,
        NO_BUF_MORE,
    ),
    lacking(
        "uring/register/bundle/again",
        (6, 19, 0),
        (7, 0, 0),
        SHORTENED,
    ),
    lacking(
        "uring/register/incremental/bundle-flag",
        (6, 19, 0),
        (7, 0, 0),
        NO_BUF_MORE,
    ),
    lacking("uring/op/nop/file", (6, 13, 0), FIXED, NOP_RESULT),
    lacking("uring/op/nop/file", (6, 19, 0), (7, 0, 0), NOP_RESULT),
    lacking("uring/op/nop/fixed_file", (6, 13, 0), FIXED, NOP_RESULT),
    lacking("uring/op/nop/fixed_file", (6, 19, 0), (7, 0, 0), NOP_RESULT),
    lacking(
        "uring/op/pipe/direct",
        (6, 16, 0),
        FIXED,
        "the slots that were asked for are told as 0, until 6.18.16 to 6.18.44 and 6.19",
    ),
    lacking(
        "uring/op/poll_remove/update",
        (6, 16, 0),
        (6, 18, 0),
        "an update to an event that is there does not end the poll in 6.16 and 6.17",
    ),
];

/// The first 6.18 after the last one seen with a bug; it is gone in 6.18.44, and nothing between has been seen.
const FIXED: (u16, u16, u16) = (6, 18, 16);

const NOP_RESULT: &str =
    "a NOP does not tell that it found no file, until 6.18.16 to 6.18.44 and 7.0";

/// A bug of the kernels from one version to before another, which hides the item.
const fn lacking(
    subject: &'static str,
    from: (u16, u16, u16),
    before: (u16, u16, u16),
    reason: &'static str,
) -> Deviation {
    Deviation {
        subject,
        from: Version::new(from.0, from.1, from.2),
        before: Version::new(before.0, before.1, before.2),
        kind: Kind::Lacking,
        reason,
    }
}

const SHORTENED: &str =
    "a bundle that finds no data leaves its length in the buffer, until 6.18.16 to 6.18.44 and 7.0";

const NO_BUF_MORE: &str = "the kernel goes on using the buffer without saying so, until 6.18.16 to 6.18.44; 6.19.14 still for bundles";

const MIN_LEFT: &str = "uring/register/incremental/min_left";
const MIN_LEFT_HERE: &str = "backported; the point release that brought it is not known";

const NOP_FLAGS: &str = "the refusal of unknown NOP flags was backported, the flags were not";

/// Something of 5.11 to 5.15 that does not need the file system's help.
const fn in_5_10(subject: &'static str) -> Deviation {
    let reason = "5.10.162 took over the io_uring of 5.15";
    Deviation::backport(subject, Version::new(5, 10, 162), reason)
}

/// Something of 6.2 to 6.6 that was seen on 6.1.192; the point release that brought it is not known.
const fn in_6_1(subject: &'static str) -> Deviation {
    let reason = "backported to 6.1, seen on 6.1.192";
    Deviation::backport(subject, Version::new(6, 1, 192), reason)
}
