//! How many entries of which size, and where they lie.

use std::sync::atomic::Ordering;

use uring_sys::*;

use super::{flag, params, refuses, refuses_flags, ring, runs};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::op::Op;
use crate::ring::ops::nop;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/sizes/clamp",
        &["IORING_SETUP_CLAMP", "IORING_SETUP_CQSIZE"],
        kernel(5, 6),
        clamp,
    ),
    flag(
        "uring/setup/sizes/cqe32",
        &["IORING_SETUP_CQE32"],
        (5, 19),
        cqe32,
    ),
    flag(
        "uring/setup/sizes/cqe_mixed",
        &[
            "IORING_SETUP_CQE_MIXED",
            "IORING_NOP_CQE32",
            "IORING_CQE_F_32",
            "IORING_CQE_F_SKIP",
        ],
        (6, 18),
        cqe_mixed,
    ),
    Case::new(
        "uring/setup/sizes/cqsize",
        &["IORING_SETUP_CQSIZE"],
        kernel(5, 5),
        cqsize,
    ),
    flag(
        "uring/setup/sizes/no_sqarray",
        &["IORING_SETUP_NO_SQARRAY"],
        (6, 6),
        no_sqarray,
    ),
    flag(
        "uring/setup/sizes/sq_rewind",
        &["IORING_SETUP_SQ_REWIND", "IORING_SETUP_NO_SQARRAY"],
        (7, 0),
        sq_rewind,
    ),
    flag(
        "uring/setup/sizes/sqe128",
        &["IORING_SETUP_SQE128"],
        (5, 19),
        sqe128,
    ),
    flag(
        "uring/setup/sizes/sqe_mixed",
        &["IORING_SETUP_SQE_MIXED", "IORING_OP_NOP128"],
        (6, 19),
        sqe_mixed,
    ),
];

/// Too many entries become as many as there can be.
fn clamp(_: &mut Context) -> Run {
    let ring = Ring::new(32769, IORING_SETUP_CLAMP)?;
    let got = (ring.params().sq_entries, ring.params().cq_entries);
    ensure_eq!(got, (32768, 65536), "entries for 32769");
    drop(ring);
    let many = io_uring_params {
        cq_entries: 65537,
        ..params(IORING_SETUP_CQSIZE)
    };
    refuses("65537 completions", Ring::with(8, many), libc::EINVAL)?;
    let many = io_uring_params {
        flags: IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
        ..many
    };
    ensure_eq!(
        Ring::with(8, many)?.params().cq_entries,
        65536,
        "completions for 65537"
    );
    refuses("no entries", Ring::new(0, IORING_SETUP_CLAMP), libc::EINVAL)
}

/// Completions are 32 bytes apart.
fn cqe32(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_CQE32)?;
    runs(&mut ring)?;
    if cx.kernel() >= crate::kernel::Version::new(6, 18, 0) {
        refuses_flags(&[(
            "with CQE_MIXED",
            IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED,
        )])?;
    }
    pass()
}

/// A NOP that completes with 32 bytes: these two words in the second half.
fn wide_nop(words: [u64; 2]) -> Op {
    // SAFETY: the opcode takes `off` and `addr` as numbers.
    unsafe {
        Op::new(IORING_OP_NOP, -1, |sqe| {
            sqe.set_nop_flags(IORING_NOP_CQE32);
            sqe.set_off(words[0]);
            sqe.set_addr(words[1]);
        })
    }
}

/// Completions of 16 and of 32 bytes stand in one ring. One of 32 bytes takes two slots, and does not wrap: an entry to
/// skip fills the last slot.
fn cqe_mixed(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_CQE_MIXED)?;
    ensure_eq!(ring.params().cq_entries, 16, "completions");
    let tail = |ring: &Ring| {
        ring.cq_word(ring.params().cq_off.tail)
            .load(Ordering::Relaxed)
    };
    let cqe = ring.run(nop().tag(1))?;
    ensure_eq!(
        (cqe.flags, cqe.extra, tail(&ring)),
        (0, None, 1),
        "a completion of 16 bytes"
    );
    for i in 0..7 {
        let cqe = ring.run(wide_nop([i, !i]).tag(10 + i))?;
        ensure_eq!(cqe.flags, IORING_CQE_F_32, "flags of {i}");
        ensure_eq!(cqe.extra, Some([i, !i]), "second half of {i}");
    }
    ensure_eq!(tail(&ring), 15, "slots before the last");
    // One slot is left before the end.
    let cqe = ring.run(wide_nop([7, 8]).tag(99))?;
    ensure_eq!(cqe.extra, Some([7, 8]), "second half behind the end");
    ensure_eq!(tail(&ring), 18, "slots with the one to skip");
    ensure_eq!(
        ring.run(nop().tag(100))?.extra,
        None,
        "a completion of 16 bytes again"
    );
    refuses_flags(&[("with CQE32", IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)])
}

/// The completion ring has the size asked for, rounded up; none, and less than submissions, is refused.
fn cqsize(_: &mut Context) -> Run {
    let sized = |cq_entries| {
        Ring::with(
            8,
            io_uring_params {
                cq_entries,
                ..params(IORING_SETUP_CQSIZE)
            },
        )
    };
    for (asked, expected) in [(8, 8), (9, 16), (64, 64), (1000, 1024)] {
        let mut ring = sized(asked)?;
        ensure_eq!(
            ring.params().cq_entries,
            expected,
            "completions for {asked}"
        );
        let mask = ring
            .cq_word(ring.params().cq_off.ring_mask)
            .load(Ordering::Relaxed);
        ensure_eq!(mask, expected - 1, "mask for {asked}");
        runs(&mut ring)?;
    }
    for asked in [0, 4] {
        refuses(
            &format!("{asked} completions for 8 entries"),
            sized(asked),
            libc::EINVAL,
        )?;
    }
    pass()
}

/// There is no array between the ring and its entries.
fn no_sqarray(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_NO_SQARRAY)?;
    ensure_eq!(ring.params().sq_off.array, 0, "offset of the array");
    ensure!(
        Ring::new(8, 0)?.params().sq_off.array != 0,
        "no array without the flag either"
    );
    runs(&mut ring)
}

/// Each submission begins at the first entry again, and the words in the ring stay 0.
fn sq_rewind(cx: &mut Context) -> Run {
    let flags = IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY;
    let mut ring = ring(cx, flags)?;
    for round in 0..5 {
        let cqes = ring.run_all(&[nop(), nop(), nop()])?;
        ensure_eq!(cqes.len(), 3, "completions of round {round}");
    }
    for offset in [ring.params().sq_off.head, ring.params().sq_off.tail] {
        ensure_eq!(
            ring.sq_word(offset).load(Ordering::Relaxed),
            0,
            "the word at {offset}"
        );
    }
    refuses_flags(&[
        ("without NO_SQARRAY", IORING_SETUP_SQ_REWIND),
        ("with SQPOLL", flags | IORING_SETUP_SQPOLL),
    ])
}

/// Entries are 128 bytes apart.
fn sqe128(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_SQE128)?;
    runs(&mut ring)?;
    if cx.kernel() >= crate::kernel::Version::new(6, 19, 0) {
        refuses_flags(&[(
            "with SQE_MIXED",
            IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED,
        )])?;
    }
    pass()
}

/// Entries of 64 and of 128 bytes stand in one ring. One of 128 bytes takes two slots, and does not wrap.
fn sqe_mixed(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_SQE_MIXED)?;
    // SAFETY: it names no memory.
    let wide = unsafe { Op::new(IORING_OP_NOP128, -1, |_| {}) };
    // The slot behind it is its second half, whatever that looks like.
    ring.start(&[wide.tag(1), nop().tag(2), nop().tag(3)])?;
    let cqes: Vec<_> = ring
        .finish(2)?
        .iter()
        .map(|cqe| (cqe.user_data, cqe.res))
        .collect();
    ensure_eq!(cqes, [(1, 0), (3, 0)], "completions");
    // Three slots are used; the next five end with one of 128 bytes in the last slot.
    ring.start(&[nop(), nop(), nop(), nop()])?;
    ring.finish(4)?;
    ring.push(&[wide.tag(4), nop().tag(5)]);
    ring.submit();
    let cqe = ring.wait()?;
    ensure_eq!(
        (cqe.user_data, Res(cqe.res)),
        (4, Res(-libc::EINVAL)),
        "128 bytes in the last slot"
    );
    refuses_flags(&[("with SQE128", IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED)])
}
