//! The features that each ring announces.

use uring_sys::*;

use super::opcodes;
use crate::case::{Case, Run, absent, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::Ring;

pub(super) static CASES: &[Case] = &[
    row::<{ IORING_FEAT_CQE_SKIP }>(
        "uring/query/feature/cqe_skip",
        &["IORING_FEAT_CQE_SKIP"],
        (5, 17),
    ),
    row::<{ IORING_FEAT_CUR_PERSONALITY }>(
        "uring/query/feature/cur_personality",
        &["IORING_FEAT_CUR_PERSONALITY"],
        (5, 6),
    ),
    row::<{ IORING_FEAT_EXT_ARG }>(
        "uring/query/feature/ext_arg",
        &["IORING_FEAT_EXT_ARG"],
        (5, 11),
    ),
    row::<{ IORING_FEAT_FAST_POLL }>(
        "uring/query/feature/fast_poll",
        &["IORING_FEAT_FAST_POLL"],
        (5, 7),
    ),
    row::<{ IORING_FEAT_LINKED_FILE }>(
        "uring/query/feature/linked_file",
        &["IORING_FEAT_LINKED_FILE"],
        (5, 18),
    ),
    row::<{ IORING_FEAT_MIN_TIMEOUT }>(
        "uring/query/feature/min_timeout",
        &["IORING_FEAT_MIN_TIMEOUT"],
        (6, 12),
    ),
    row::<{ IORING_FEAT_NATIVE_WORKERS }>(
        "uring/query/feature/native_workers",
        &["IORING_FEAT_NATIVE_WORKERS"],
        (5, 12),
    ),
    row::<{ IORING_FEAT_NO_IOWAIT }>(
        "uring/query/feature/no_iowait",
        &["IORING_FEAT_NO_IOWAIT"],
        (6, 15),
    ),
    row::<{ IORING_FEAT_NODROP }>(
        "uring/query/feature/nodrop",
        &["IORING_FEAT_NODROP"],
        (5, 5),
    ),
    row::<{ IORING_FEAT_POLL_32BITS }>(
        "uring/query/feature/poll_32bits",
        &["IORING_FEAT_POLL_32BITS"],
        (5, 9),
    ),
    row::<{ IORING_FEAT_RECVSEND_BUNDLE }>(
        "uring/query/feature/recvsend_bundle",
        &["IORING_FEAT_RECVSEND_BUNDLE"],
        (6, 10),
    ),
    row::<{ IORING_FEAT_REG_REG_RING }>(
        "uring/query/feature/reg_reg_ring",
        &["IORING_FEAT_REG_REG_RING"],
        (6, 3),
    ),
    row::<{ IORING_FEAT_RSRC_TAGS }>(
        "uring/query/feature/rsrc_tags",
        &["IORING_FEAT_RSRC_TAGS"],
        (5, 13),
    ),
    row::<{ IORING_FEAT_RW_ATTR }>(
        "uring/query/feature/rw_attr",
        &["IORING_FEAT_RW_ATTR"],
        (6, 14),
    ),
    row::<{ IORING_FEAT_RW_CUR_POS }>(
        "uring/query/feature/rw_cur_pos",
        &["IORING_FEAT_RW_CUR_POS"],
        (5, 6),
    ),
    row::<{ IORING_FEAT_SINGLE_MMAP }>(
        "uring/query/feature/single_mmap",
        &["IORING_FEAT_SINGLE_MMAP"],
        (5, 4),
    ),
    row::<{ IORING_FEAT_SQPOLL_NONFIXED }>(
        "uring/query/feature/sqpoll_nonfixed",
        &["IORING_FEAT_SQPOLL_NONFIXED"],
        (5, 11),
    ),
    row::<{ IORING_FEAT_SUBMIT_STABLE }>(
        "uring/query/feature/submit_stable",
        &["IORING_FEAT_SUBMIT_STABLE"],
        (5, 5),
    ),
];

const fn row<const FEATURE: u32>(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
) -> Case {
    Case::new(id, items, kernel(major, minor), announced::<FEATURE>).announced()
}

/// A new ring has the feature, and QUERY, where it is there, says the same.
fn announced<const FEATURE: u32>(_: &mut Context) -> Run {
    let features = Ring::new(4, 0)?.params().features;
    if let Some(query) = opcodes()? {
        ensure_eq!(
            query.feature_flags,
            u64::from(features),
            "feature_flags of QUERY against the ring"
        );
    }
    if features & FEATURE == 0 {
        return absent(format_args!("clear in {features:#x}"));
    }
    pass()
}
