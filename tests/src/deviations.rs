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
pub static DEVIATIONS: &[Deviation] = &[];
