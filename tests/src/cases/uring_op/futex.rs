//! FUTEX_WAIT, FUTEX_WAKE and FUTEX_WAITV.

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::cancel;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/futex_wait/bad",
        &["IORING_OP_FUTEX_WAIT"],
        (6, 7),
        wait_bad,
    ),
    case(
        "uring/op/futex_wait/cancel",
        &["IORING_OP_FUTEX_WAIT", "IORING_OP_ASYNC_CANCEL"],
        (6, 7),
        wait_cancel,
    ),
    case(
        "uring/op/futex_wait/wake",
        &["IORING_OP_FUTEX_WAIT", "IORING_OP_FUTEX_WAKE"],
        (6, 7),
        wait_wake,
    ),
    case(
        "uring/op/futex_waitv/bad",
        &["IORING_OP_FUTEX_WAITV"],
        (6, 7),
        waitv_bad,
    ),
    case(
        "uring/op/futex_waitv/wake",
        &["IORING_OP_FUTEX_WAITV", "IORING_OP_FUTEX_WAKE"],
        (6, 7),
        waitv_wake,
    ),
    case(
        "uring/op/futex_wake/bad",
        &["IORING_OP_FUTEX_WAKE"],
        (6, 7),
        wake_bad,
    ),
    case(
        "uring/op/futex_wake/mask",
        &["IORING_OP_FUTEX_WAKE", "IORING_OP_FUTEX_WAIT"],
        (6, 7),
        wake_mask,
    ),
];

/// `FUTEX2_SIZE_U32` and `FUTEX2_PRIVATE` of linux/futex.h.
const FLAGS: i32 = 0x82;
/// Any waiter, any waker.
const MATCH: u64 = u32::MAX as u64;

/// Waits while `word` is `value`, or wakes `value` waiters, by the opcode.
fn futex(opcode: u8, word: Mem, value: u64, mask: u64) -> Op {
    assert!(matches!(
        opcode,
        IORING_OP_FUTEX_WAIT | IORING_OP_FUTEX_WAKE
    ));
    // SAFETY: the kernel reads one word at `addr`, which is never given back.
    unsafe {
        Op::new(opcode, FLAGS, |sqe| {
            sqe.set_addr(word.addr());
            sqe.set_off(value);
            sqe.set_addr3(mask);
        })
    }
}

fn wait(word: Mem, value: u64) -> Op {
    futex(IORING_OP_FUTEX_WAIT, word, value, MATCH)
}

fn wake(word: Mem, count: u64) -> Op {
    futex(IORING_OP_FUTEX_WAKE, word, count, MATCH)
}

/// Waits on several words, each while it has its value.
fn waitv(words: &[(Mem, u64)]) -> Op {
    let entries = words
        .iter()
        .flat_map(|(word, value)| [*value, word.addr(), u64::from_ne_bytes(flags_word())]);
    let array = Mem::of(&entries.flat_map(u64::to_ne_bytes).collect::<Vec<u8>>());
    // SAFETY: the array has `len` elements, and neither it nor the words are ever given back.
    unsafe {
        Op::new(IORING_OP_FUTEX_WAITV, 0, |sqe| {
            sqe.set_addr(array.addr());
            sqe.len = words.len() as u32;
        })
    }
}

/// The flags of an element, and its reserved field.
fn flags_word() -> [u8; 8] {
    let mut word = [0; 8];
    word[..4].copy_from_slice(&FLAGS.to_ne_bytes());
    word
}

/// A word with a value.
fn word(value: u32) -> Mem {
    Mem::value(value)
}

/// Values, flags and addresses that are wrong.
fn wait_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = wait(word(1), 2);
    let res = ring.run(op)?.res;
    cx.accepted(if res == -libc::EAGAIN { 0 } else { res })?;
    refuses(
        &mut ring,
        &[
            ("another value", op, libc::EAGAIN),
            ("unknown flags", op.fd(1 << 20), libc::EINVAL),
            ("no size", op.fd(0x80), libc::EINVAL),
            (
                "no mask",
                futex(IORING_OP_FUTEX_WAIT, word(1), 1, 0),
                libc::EINVAL,
            ),
            (
                "not aligned",
                wait(Mem::zeroed(8).part(2, 4), 0),
                libc::EINVAL,
            ),
            ("no word", op.nowhere(), libc::EFAULT),
            ("flags of the opcode", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// A wait is cancelled.
fn wait_cancel(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    ring.start(&[wait(word(1), 1).tag(1)])?;
    if let Some(cqe) = ring.reap() {
        cx.accepted(cqe.res)?;
    }
    ring.start(&[cancel(1, 0).tag(2)])?;
    let got = ring.finish(2)?;
    ensure_eq!(Res(got[0].res), Res(-libc::ECANCELED), "the wait");
    // Kernels count here what they cancelled, as they do not elsewhere.
    ensure!(
        [0, 1].contains(&got[1].res),
        "cancellation: {}",
        Res(got[1].res)
    );
    cx.note(format_args!("cancellation gives {}", got[1].res));
    pass()
}

/// A wake ends as many waits as it says, the oldest first, and counts them.
fn wait_wake(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let word = word(7);
    let res = ring.run(wake(word, 1))?.res;
    ensure_eq!(cx.accepted(res)?, 0, "woken of none");
    ring.start(&[
        wait(word, 7).tag(1),
        wait(word, 7).tag(2),
        wait(word, 7).tag(3),
    ])?;
    ensure!(ring.reap().is_none(), "completed without a wake");
    for (count, woken) in [(1, &[1][..]), (5, &[2, 3])] {
        ring.start(&[wake(word, count).tag(9)])?;
        let got: Vec<_> = ring
            .finish(woken.len() + 1)?
            .iter()
            .map(|cqe| (cqe.user_data, cqe.res))
            .collect();
        let mut expected: Vec<_> = woken.iter().map(|tag| (*tag, 0)).collect();
        expected.push((9, woken.len() as i32));
        ensure_eq!(got, expected, "completions of a wake of {count}");
    }
    pass()
}

/// Counts and arrays that are wrong, and a value that another word has.
fn waitv_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = waitv(&[(word(1), 1), (word(2), 3)]);
    let res = ring.run(op)?.res;
    cx.accepted(if res == -libc::EAGAIN { 0 } else { res })?;
    let many = vec![(word(1), 1); 129];
    refuses(
        &mut ring,
        &[
            ("another value", op, libc::EAGAIN),
            ("no words", waitv(&[]), libc::EINVAL),
            ("129 words", waitv(&many), libc::EINVAL),
            ("no array", op.nowhere(), libc::EFAULT),
            ("fd 1", op.fd(1), libc::EINVAL),
        ],
    )
}

/// The result is the index of the word that was woken.
fn waitv_wake(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let words = [word(1), word(2), word(3)];
    for (index, woken) in words.iter().enumerate() {
        ring.start(&[waitv(&[(words[0], 1), (words[1], 2), (words[2], 3)]).tag(1)])?;
        if let Some(cqe) = ring.reap() {
            cx.accepted(cqe.res)?;
        }
        ring.start(&[wake(*woken, 1).tag(2)])?;
        let got: Vec<_> = ring
            .finish(2)?
            .iter()
            .map(|cqe| (cqe.user_data, cqe.res))
            .collect();
        ensure_eq!(
            got,
            [(1, index as i32), (2, 1)],
            "completions for word {index}"
        );
    }
    pass()
}

/// Flags and addresses that are wrong.
fn wake_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = wake(word(1), 1);
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("unknown flags", op.fd(1 << 20), libc::EINVAL),
            (
                "no mask",
                futex(IORING_OP_FUTEX_WAKE, word(1), 1, 0),
                libc::EINVAL,
            ),
            (
                "not aligned",
                wake(Mem::zeroed(8).part(2, 4), 1),
                libc::EINVAL,
            ),
            ("flags of the opcode", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// Only waits whose mask has a bit in common are ended.
fn wake_mask(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let word = word(7);
    let op = |opcode, value, mask| futex(opcode, word, value, mask);
    ring.start(&[
        op(IORING_OP_FUTEX_WAIT, 7, 1).tag(1),
        op(IORING_OP_FUTEX_WAIT, 7, 2).tag(2),
    ])?;
    if let Some(cqe) = ring.reap() {
        cx.accepted(cqe.res)?;
    }
    for (mask, tag) in [(2, 2), (5, 1)] {
        ring.start(&[op(IORING_OP_FUTEX_WAKE, 9, mask).tag(9)])?;
        let got: Vec<_> = ring
            .finish(2)?
            .iter()
            .map(|cqe| (cqe.user_data, cqe.res))
            .collect();
        ensure_eq!(got, [(tag, 0), (9, 1)], "completions for mask {mask}");
    }
    pass()
}
