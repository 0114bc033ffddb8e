//! What is known of the set-up flags: their names, since when they exist, and which go together.

use uring_sys::*;

/// A set-up flag.
#[derive(Debug)]
pub(crate) struct SetupFlag {
    pub(crate) bit: u32,
    pub(crate) name: &'static str,
    /// The kernel that first had it.
    pub(crate) since: (u16, u16),
}

const fn flag(bit: u32, name: &'static str, major: u16, minor: u16) -> SetupFlag {
    SetupFlag {
        bit,
        name,
        since: (major, minor),
    }
}

/// All flags, by bit number. Sources: io_uring_setup(2), `linux/io_uring.h`, and trials on kernels from 5.10.
pub(crate) static FLAGS: [SetupFlag; 21] = [
    flag(IORING_SETUP_IOPOLL, "IORING_SETUP_IOPOLL", 5, 1),
    flag(IORING_SETUP_SQPOLL, "IORING_SETUP_SQPOLL", 5, 1),
    flag(IORING_SETUP_SQ_AFF, "IORING_SETUP_SQ_AFF", 5, 1),
    flag(IORING_SETUP_CQSIZE, "IORING_SETUP_CQSIZE", 5, 5),
    flag(IORING_SETUP_CLAMP, "IORING_SETUP_CLAMP", 5, 6),
    flag(IORING_SETUP_ATTACH_WQ, "IORING_SETUP_ATTACH_WQ", 5, 6),
    flag(IORING_SETUP_R_DISABLED, "IORING_SETUP_R_DISABLED", 5, 10),
    flag(IORING_SETUP_SUBMIT_ALL, "IORING_SETUP_SUBMIT_ALL", 5, 18),
    flag(
        IORING_SETUP_COOP_TASKRUN,
        "IORING_SETUP_COOP_TASKRUN",
        5,
        19,
    ),
    flag(
        IORING_SETUP_TASKRUN_FLAG,
        "IORING_SETUP_TASKRUN_FLAG",
        5,
        19,
    ),
    flag(IORING_SETUP_SQE128, "IORING_SETUP_SQE128", 5, 19),
    flag(IORING_SETUP_CQE32, "IORING_SETUP_CQE32", 5, 19),
    flag(
        IORING_SETUP_SINGLE_ISSUER,
        "IORING_SETUP_SINGLE_ISSUER",
        6,
        0,
    ),
    flag(
        IORING_SETUP_DEFER_TASKRUN,
        "IORING_SETUP_DEFER_TASKRUN",
        6,
        1,
    ),
    flag(IORING_SETUP_NO_MMAP, "IORING_SETUP_NO_MMAP", 6, 5),
    flag(
        IORING_SETUP_REGISTERED_FD_ONLY,
        "IORING_SETUP_REGISTERED_FD_ONLY",
        6,
        5,
    ),
    flag(IORING_SETUP_NO_SQARRAY, "IORING_SETUP_NO_SQARRAY", 6, 6),
    flag(
        IORING_SETUP_HYBRID_IOPOLL,
        "IORING_SETUP_HYBRID_IOPOLL",
        6,
        13,
    ),
    flag(IORING_SETUP_CQE_MIXED, "IORING_SETUP_CQE_MIXED", 6, 18),
    flag(IORING_SETUP_SQE_MIXED, "IORING_SETUP_SQE_MIXED", 6, 19),
    flag(IORING_SETUP_SQ_REWIND, "IORING_SETUP_SQ_REWIND", 7, 0),
];

/// How two flags stand to each other. The kernel answers `EINVAL` where this is not kept.
#[derive(Debug)]
pub(crate) enum Rule {
    /// The first needs one of the others.
    Needs(u32, &'static [u32]),
    /// The first and the second exclude each other.
    Excludes(u32, u32),
}

/// The rules of io_uring_setup(2), each confirmed by a kernel.
pub(crate) static RULES: [Rule; 12] = [
    Rule::Needs(IORING_SETUP_SQ_AFF, &[IORING_SETUP_SQPOLL]),
    Rule::Excludes(IORING_SETUP_COOP_TASKRUN, IORING_SETUP_SQPOLL),
    Rule::Excludes(IORING_SETUP_TASKRUN_FLAG, IORING_SETUP_SQPOLL),
    Rule::Excludes(IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SQPOLL),
    Rule::Needs(
        IORING_SETUP_TASKRUN_FLAG,
        &[IORING_SETUP_COOP_TASKRUN, IORING_SETUP_DEFER_TASKRUN],
    ),
    Rule::Needs(IORING_SETUP_DEFER_TASKRUN, &[IORING_SETUP_SINGLE_ISSUER]),
    Rule::Needs(IORING_SETUP_REGISTERED_FD_ONLY, &[IORING_SETUP_NO_MMAP]),
    Rule::Needs(IORING_SETUP_HYBRID_IOPOLL, &[IORING_SETUP_IOPOLL]),
    Rule::Excludes(IORING_SETUP_CQE_MIXED, IORING_SETUP_CQE32),
    Rule::Excludes(IORING_SETUP_SQE_MIXED, IORING_SETUP_SQE128),
    Rule::Needs(IORING_SETUP_SQ_REWIND, &[IORING_SETUP_NO_SQARRAY]),
    Rule::Excludes(IORING_SETUP_SQ_REWIND, IORING_SETUP_SQPOLL),
];

/// The flags that say how large entries are. Types decide these.
pub(crate) const ENTRY_SIZES: u32 =
    IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED | IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED;

/// The first rule that `flags` break.
pub(crate) fn broken_rule(flags: u32) -> Option<&'static Rule> {
    RULES.iter().find(|rule| match rule {
        Rule::Needs(a, any) => flags & a != 0 && any.iter().all(|b| flags & b == 0),
        Rule::Excludes(a, b) => flags & a != 0 && flags & b != 0,
    })
}

/// `flags` with those that they need.
pub(crate) fn with_needs(mut flags: u32) -> u32 {
    while let Some(Rule::Needs(_, any)) = broken_rule(flags) {
        flags |= any[0];
    }
    flags
}

/// The flags in `bits` that are known, by bit number.
pub(crate) fn named(bits: u32) -> impl Iterator<Item = &'static SetupFlag> {
    FLAGS.iter().filter(move |flag| bits & flag.bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_complete() {
        for (number, flag) in FLAGS.iter().enumerate() {
            assert_eq!(flag.bit, 1 << number, "{}", flag.name);
        }
        assert!(FLAGS.windows(2).all(|pair| pair[0].since <= pair[1].since));
    }

    /// Each rule is the kernel's: it refuses what breaks it, and takes what keeps it, as far as it has the
    /// flags.
    #[test]
    fn the_kernel_has_the_same_rules() {
        let setup = |flags| {
            let mut params = uring_sys::io_uring_params {
                flags,
                wq_fd: 0,
                ..Default::default()
            };
            // SAFETY: `params` is live; with NO_MMAP its addresses are null, which the kernel refuses.
            let ring = unsafe { uring_sys::io_uring_setup(4, &mut params) };
            if ring >= 0 {
                // SAFETY: the descriptor was just made.
                unsafe { libc::close(ring) };
            }
            ring
        };
        let mut checked = 0;
        for rule in &RULES {
            let (broken, kept) = match *rule {
                Rule::Needs(a, any) => (
                    with_needs(a) & !any.iter().fold(0, |bits, b| bits | b),
                    with_needs(a),
                ),
                Rule::Excludes(a, b) => (with_needs(a | b), with_needs(a) & !b),
            };
            // What these flags need beyond flags: null memory gives EFAULT, which comes after the check.
            let accepted = |ring: i32| ring >= 0 || ring == -libc::EFAULT;
            if named(kept).all(|flag| accepted(setup(with_needs(flag.bit)))) {
                assert_eq!(setup(broken), -libc::EINVAL, "{rule:?}");
                assert!(accepted(setup(kept)), "{rule:?}");
                checked += 1;
            }
        }
        assert!(checked >= 8, "the kernel lacks too much: {checked} rules");
    }
}
