//! TIMEOUT, TIMEOUT_REMOVE and LINK_TIMEOUT. No case depends on how long anything takes: a time has passed already, ends
//! at once, or does not end while the case runs.

use uring_sys::*;

use super::{case, refuses, results, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{link_timeout, nanosecond, nop, poll_add, seconds, timeout};
use crate::support::files::pipe;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const REMOVE: &[&str] = &["IORING_OP_TIMEOUT_REMOVE", "IORING_OP_TIMEOUT"];
const LINK: &[&str] = &["IORING_OP_LINK_TIMEOUT", "IOSQE_IO_LINK"];
const TIMEOUT: &[&str] = &["IORING_OP_TIMEOUT"];

pub(super) static CASES: &[Case] = &[
    Case::new("uring/op/link_timeout/bad", LINK, kernel(5, 5), link_bad),
    Case::new(
        "uring/op/link_timeout/expires",
        LINK,
        kernel(5, 5),
        link_expires,
    ),
    Case::new(
        "uring/op/link_timeout/in_time",
        LINK,
        kernel(5, 5),
        link_in_time,
    ),
    case(
        "uring/op/link_timeout/update",
        &[
            "IORING_LINK_TIMEOUT_UPDATE",
            "IORING_TIMEOUT_UPDATE_MASK",
            "IORING_OP_TIMEOUT_REMOVE",
            "IORING_OP_LINK_TIMEOUT",
        ],
        (5, 15),
        link_update,
    ),
    Case::new(
        "uring/op/timeout/abs",
        &["IORING_OP_TIMEOUT", "IORING_TIMEOUT_ABS"],
        kernel(5, 4),
        absolute,
    ),
    Case::new("uring/op/timeout/bad", TIMEOUT, kernel(5, 4), bad),
    case(
        "uring/op/timeout/clocks",
        &[
            "IORING_TIMEOUT_BOOTTIME",
            "IORING_TIMEOUT_REALTIME",
            "IORING_TIMEOUT_CLOCK_MASK",
            "IORING_OP_TIMEOUT",
        ],
        (5, 15),
        clocks,
    ),
    Case::new("uring/op/timeout/count", TIMEOUT, kernel(5, 4), count),
    case(
        "uring/op/timeout/etime_success",
        &["IORING_TIMEOUT_ETIME_SUCCESS", "IORING_OP_TIMEOUT"],
        (5, 16),
        etime_success,
    ),
    Case::new("uring/op/timeout/expires", TIMEOUT, kernel(5, 4), expires),
    case(
        "uring/op/timeout/immediate_arg",
        &["IORING_TIMEOUT_IMMEDIATE_ARG", "IORING_OP_TIMEOUT"],
        (7, 1),
        immediate,
    ),
    case(
        "uring/op/timeout/multishot",
        &[
            "IORING_TIMEOUT_MULTISHOT",
            "IORING_CQE_F_MORE",
            "IORING_OP_TIMEOUT",
        ],
        (6, 4),
        multishot,
    ),
    Case::new(
        "uring/op/timeout_remove/bad",
        REMOVE,
        kernel(5, 5),
        remove_bad,
    ),
    Case::new(
        "uring/op/timeout_remove/remove",
        REMOVE,
        kernel(5, 5),
        remove,
    ),
    case(
        "uring/op/timeout_remove/update",
        &["IORING_TIMEOUT_UPDATE", "IORING_OP_TIMEOUT_REMOVE"],
        (5, 11),
        update,
    ),
];

const ETIME: Res = Res(-libc::ETIME);
const ECANCELED: Res = Res(-libc::ECANCELED);

/// A timeout that does not end while the case runs.
fn never() -> Op {
    timeout(seconds(3600), 0, 0)
}

/// Alone, behind another, with a time that is none. The chain of a bad one is cancelled.
fn link_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    refuses(
        &mut ring,
        &[("alone", link_timeout(nanosecond(), 0), libc::EINVAL)],
    )?;
    let linked = nop().with(IOSQE_IO_LINK);
    let wrong = __kernel_timespec {
        tv_sec: -1,
        tv_nsec: 0,
    };
    for (what, op, errno) in [
        ("a time that is none", link_timeout(wrong, 0), libc::EINVAL),
        (
            "no time",
            link_timeout(seconds(1), 0).nowhere(),
            libc::EFAULT,
        ),
        (
            "unknown flags",
            link_timeout(seconds(1), 1 << 30),
            libc::EINVAL,
        ),
    ] {
        if what == "a time that is none" && !checks_times(cx) {
            continue;
        }
        // A bad entry ends the submission, so it comes last.
        ensure_eq!(
            results(&mut ring, &[linked, op])?,
            [ECANCELED, Res(-errno)],
            "{what}"
        );
    }
    pass()
}

/// The time is over first: the operation is cancelled, and so is what follows it.
fn link_expires(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, _writer) = pipe()?;
    let poll = poll_add(&reader, libc::POLLIN).with(IOSQE_IO_LINK);
    ensure_eq!(
        results(&mut ring, &[poll, link_timeout(nanosecond(), 0)])?,
        [ECANCELED, ETIME],
        "poll with a time limit"
    );
    let got = results(
        &mut ring,
        &[
            poll,
            link_timeout(nanosecond(), 0).with(IOSQE_IO_LINK),
            nop(),
        ],
    )?;
    ensure_eq!(got, [ECANCELED, ETIME, ECANCELED], "with a NOP behind");
    let past = link_timeout(nanosecond(), IORING_TIMEOUT_ABS);
    ensure_eq!(
        results(&mut ring, &[poll, past])?,
        [ECANCELED, ETIME],
        "a time in the past"
    );
    pass()
}

/// The operation ends first: its time limit is cancelled, and what follows runs.
fn link_in_time(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let limit = link_timeout(seconds(3600), 0);
    let linked = nop().with(IOSQE_IO_LINK);
    ensure_eq!(
        results(&mut ring, &[linked, limit])?,
        [Res(0), ECANCELED],
        "a NOP with a time limit"
    );
    let got = results(&mut ring, &[linked, limit.with(IOSQE_IO_LINK), nop()])?;
    ensure_eq!(got, [Res(0), ECANCELED, Res(0)], "with a NOP behind");
    pass()
}

/// The time limit of an operation is changed by its `user_data`. The flag goes with UPDATE; alone it would be a removal.
fn link_update(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, _writer) = pipe()?;
    ring.start(&[
        poll_add(&reader, libc::POLLIN).with(IOSQE_IO_LINK).tag(1),
        link_timeout(seconds(3600), 0).tag(2),
    ])?;
    ring.start(&[updated(2, nanosecond(), IORING_TIMEOUT_UPDATE_MASK).tag(3)])?;
    // A refused update comes first and alone.
    let first = ring.wait()?;
    if first.user_data == 3 {
        cx.accepted(first.res)?;
    }
    let mut got = vec![(first.user_data, Res(first.res))];
    got.extend(
        ring.finish(2)?
            .iter()
            .map(|cqe| (cqe.user_data, Res(cqe.res))),
    );
    got.sort_by_key(|(user_data, _)| *user_data);
    ensure_eq!(
        got,
        [(1, ECANCELED), (2, ETIME), (3, Res(0))],
        "completions"
    );
    let unknown = updated(99, nanosecond(), IORING_TIMEOUT_UPDATE_MASK);
    refuses(
        &mut ring,
        &[("a time limit that is not there", unknown, libc::ENOENT)],
    )
}

/// An absolute time that has passed is over at once.
fn absolute(_: &mut Context) -> Run {
    let mut ring = ring()?;
    ensure_eq!(
        Res(ring.run(timeout(nanosecond(), 0, IORING_TIMEOUT_ABS))?.res),
        ETIME,
        "a time in the past"
    );
    pass()
}

/// Times, lengths and flags that are wrong.
fn bad(cx: &mut Context) -> Run {
    let op = timeout(nanosecond(), 0, 0);
    let wrong = |tv_sec, tv_nsec| timeout(__kernel_timespec { tv_sec, tv_nsec }, 0, 0);
    // SAFETY: the opcode refuses any number of timespecs but one, before it reads them.
    let two = unsafe { op.changed(|sqe| sqe.len = 2) };
    refuses(
        &mut ring()?,
        &[
            ("no time", op.nowhere(), libc::EFAULT),
            ("two times", two, libc::EINVAL),
            ("unknown flags", op.op_flags(1 << 30), libc::EINVAL),
            (
                "an update",
                op.op_flags(IORING_TIMEOUT_UPDATE),
                libc::EINVAL,
            ),
        ],
    )?;
    if !checks_times(cx) {
        return pass();
    }
    refuses(&mut ring()?, &[("-1 second", wrong(-1, 0), libc::EINVAL)])?;
    if cfg!(target_pointer_width = "64") {
        return refuses(
            &mut ring()?,
            &[("-1 nanosecond", wrong(0, -1), libc::EINVAL)],
        );
    }
    // The upper half of the nanoseconds is padding of a 32-bit timespec, and is not read (get_timespec64).
    ensure_eq!(
        Res(ring()?.run(wrong(0, -1 << 32 | 1))?.res),
        ETIME,
        "1 nanosecond with padding that is not 0"
    );
    pass()
}

/// Whether the kernel refuses a negative time; the io_uring of 5.15, which 5.10 has too, takes it for one.
fn checks_times(cx: &Context) -> bool {
    cx.kernel() >= Version::new(5, 16, 0)
}

/// The time is told by other clocks, one at a time.
fn clocks(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    for clock in [IORING_TIMEOUT_BOOTTIME, IORING_TIMEOUT_REALTIME] {
        for abs in [0, IORING_TIMEOUT_ABS] {
            let res = ring.run(timeout(nanosecond(), 0, clock | abs))?.res;
            cx.accepted(if res == -libc::ETIME { 0 } else { res })?;
        }
    }
    refuses(
        &mut ring,
        &[(
            "two clocks",
            timeout(nanosecond(), 0, IORING_TIMEOUT_CLOCK_MASK),
            libc::EINVAL,
        )],
    )
}

/// After as many completions as it says a timeout ends with 0.
fn count(_: &mut Context) -> Run {
    let mut ring = ring()?;
    for count in [1, 3] {
        ring.start(&[timeout(seconds(3600), count, 0).tag(9)])?;
        for i in 0..u64::from(count) {
            ensure!(ring.reap().is_none(), "ended after {i} of {count}");
            ensure_eq!(ring.run(nop().tag(i))?.user_data, i, "user_data of a NOP");
        }
        let cqe = ring.wait()?;
        ensure_eq!(
            (cqe.user_data, Res(cqe.res)),
            (9, Res(0)),
            "the timeout of {count}"
        );
    }
    pass()
}

/// With the flag a timeout that is over does not break a chain.
fn etime_success(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = timeout(nanosecond(), 0, IORING_TIMEOUT_ETIME_SUCCESS).with(IOSQE_IO_LINK);
    let got = results(&mut ring, &[op, nop()])?;
    cx.accepted(if got[0] == ETIME { 0 } else { got[0].0 })?;
    ensure_eq!(got, [ETIME, Res(0)], "with the flag");
    let got = results(&mut ring, &[op.op_flags(0), nop()])?;
    ensure_eq!(got, [ETIME, ECANCELED], "without it");
    pass()
}

/// A time that is over gives -ETIME; none that is not.
fn expires(_: &mut Context) -> Run {
    let mut ring = ring()?;
    ensure_eq!(
        Res(ring.run(timeout(nanosecond(), 0, 0))?.res),
        ETIME,
        "a nanosecond"
    );
    ring.start(&[never().tag(1)])?;
    ensure_eq!(
        ring.run(timeout(nanosecond(), 0, 0).tag(2))?.user_data,
        2,
        "the short one of two"
    );
    ensure!(ring.reap().is_none(), "an hour is over");
    pass()
}

/// The time stands in the entry itself, in nanoseconds.
fn immediate(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    // SAFETY: with the flag `addr` is a number.
    let op = unsafe {
        timeout(seconds(1), 0, IORING_TIMEOUT_IMMEDIATE_ARG).changed(|sqe| sqe.set_addr(1))
    };
    let res = ring.run(op)?.res;
    cx.accepted(if res == -libc::ETIME { 0 } else { res })?;
    pass()
}

/// A timeout that repeats posts as many completions as it says, and F_MORE but for the last.
fn multishot(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let cqes = ring.run_all(&[timeout(nanosecond(), 3, IORING_TIMEOUT_MULTISHOT)])?;
    cx.accepted(if cqes[0].res == -libc::ETIME {
        0
    } else {
        cqes[0].res
    })?;
    let got: Vec<_> = cqes.iter().map(|cqe| (Res(cqe.res), cqe.more())).collect();
    ensure_eq!(
        got,
        [(ETIME, true), (ETIME, true), (ETIME, false)],
        "completions"
    );
    let both = IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS;
    refuses(
        &mut ring,
        &[("with ABS", timeout(nanosecond(), 3, both), libc::EINVAL)],
    )
}

/// Ends the timeout with this `user_data`.
fn removed(user_data: u64) -> Op {
    // SAFETY: it names no memory: `addr` is a number.
    unsafe { Op::new(IORING_OP_TIMEOUT_REMOVE, -1, |sqe| sqe.set_addr(user_data)) }
}

/// Changes the time of the timeout with this `user_data`.
fn updated(user_data: u64, time: __kernel_timespec, flags: u32) -> Op {
    let time = Mem::value(time);
    // SAFETY: with these flags the kernel reads one timespec at `addr2`, which is never given back.
    unsafe { removed(user_data).changed(|sqe| sqe.set_addr2(time.addr())) }.op_flags(flags)
}

/// One that is not there, and flags that are wrong.
fn remove_bad(_: &mut Context) -> Run {
    refuses(
        &mut ring()?,
        &[
            ("a timeout that is not there", removed(99), libc::ENOENT),
            (
                "flags ABS",
                removed(99).op_flags(IORING_TIMEOUT_ABS),
                libc::EINVAL,
            ),
            ("unknown flags", removed(99).op_flags(1 << 30), libc::EINVAL),
        ],
    )
}

/// A timeout that is removed ends with -ECANCELED, and no other.
fn remove(_: &mut Context) -> Run {
    let mut ring = ring()?;
    ring.start(&[never().tag(8)])?;
    let got = results(&mut ring, &[never(), removed(0)])?;
    ensure_eq!(got, [ECANCELED, Res(0)], "results");
    ensure!(ring.reap().is_none(), "the other ended too");
    refuses(&mut ring, &[("once more", removed(0).tag(1), libc::ENOENT)])
}

/// The time of a timeout is changed, to a span or to a time.
fn update(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    for abs in [0, IORING_TIMEOUT_ABS] {
        ring.start(&[never().tag(1)])?;
        ring.start(&[updated(1, nanosecond(), IORING_TIMEOUT_UPDATE | abs).tag(2)])?;
        let first = ring.wait()?;
        if first.user_data == 2 {
            cx.accepted(first.res)?;
        }
        let second = ring.wait()?;
        let mut got = [first, second].map(|cqe| (cqe.user_data, Res(cqe.res)));
        got.sort_by_key(|(user_data, _)| *user_data);
        ensure_eq!(got, [(1, ETIME), (2, Res(0))], "completions");
    }
    let flags = IORING_TIMEOUT_UPDATE;
    refuses(
        &mut ring,
        &[
            (
                "a timeout that is not there",
                updated(99, nanosecond(), flags),
                libc::ENOENT,
            ),
            (
                "no time",
                updated(99, nanosecond(), flags).nowhere2(),
                libc::EFAULT,
            ),
        ],
    )
}
