//! Kernels that differ from what their version number promises, each with the reason.
//!
//! A stable kernel may carry a backport, and a kernel may be built without an option. Nothing else may differ: an
//! entry here turns the expectation round, for the kernels that it names and no others.

use crate::kernel::Version;

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
pub static DEVIATIONS: &[Deviation] = &[
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
    in_6_1("IORING_ASYNC_CANCEL_OP"),
    in_6_1("IORING_ASYNC_CANCEL_USERDATA"),
    in_6_1("IORING_SEND_ZC_REPORT_USAGE"),
];

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
