//! The queues themselves: how much they hold, and how long one waits for them.

use std::time::Duration;

use safe::uring::raw::IoUring;
use safe::uring::raw::types::{SubmitArgs, Timespec};

use crate::case::{Case, Run, absent, kernel, pass};
use crate::context::Context;
use crate::ring::ops::nop;
use crate::support::names::Errno;
use crate::typed::{Typed, entry, errno};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/queue/full",
        &["io_uring_enter"],
        kernel(5, 1),
        full,
    ),
    Case::new(
        "uring/setup/queue/min_timeout",
        &["IORING_FEAT_MIN_TIMEOUT", "IORING_ENTER_EXT_ARG"],
        kernel(6, 12),
        min_timeout,
    )
    .announced(),
    Case::new(
        "uring/setup/queue/overflow",
        &["IORING_FEAT_NODROP", "IORING_SQ_CQ_OVERFLOW"],
        kernel(5, 8),
        overflow,
    ),
    Case::new(
        "uring/setup/queue/sizes",
        &["io_uring_setup"],
        kernel(5, 1),
        sizes,
    ),
    Case::new(
        "uring/setup/queue/timeout",
        &["IORING_ENTER_EXT_ARG", "IORING_FEAT_EXT_ARG"],
        kernel(5, 11),
        timeout,
    )
    .announced(),
];

/// It is full after exactly as many entries as it has, and has room again for what was taken.
fn full(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    for round in 0..3 {
        let mut queue = ring.uring.submission();
        for n in 0..16 {
            ensure_eq!((queue.len(), queue.is_full()), (n, false), "round {round}");
            // SAFETY: a NOP names no memory.
            let pushed = unsafe { queue.push(&entry(nop())) };
            ensure!(pushed.is_ok(), "no room for {n}");
        }
        ensure!(queue.is_full(), "room for a seventeenth");
        // SAFETY: as above.
        let pushed = unsafe { queue.push(&entry(nop())) };
        ensure!(pushed.is_err(), "a seventeenth");
        drop(queue);
        // A part, by a bare call.
        // SAFETY: no argument, and the entries name no memory.
        let part = unsafe { ring.submitter().enter::<()>(5, 0, 0, None) }?;
        ensure_eq!(part, 5, "entries taken");
        ensure_eq!(ring.uring.submission().len(), 11, "entries left");
        ensure_eq!(ring.uring.submit()?, 11, "entries taken then");
        ensure!(ring.uring.submission().is_empty(), "entries left then");
        ensure_eq!(ring.finish(16)?.len(), 16, "completions");
    }
    pass()
}

/// Each size holds as many as it says, on both sides, and mixes nothing up.
fn sizes(cx: &mut Context) -> Run {
    for shift in 0..=15 {
        let entries = 1u64 << shift;
        let mut uring = IoUring::new(entries as u32)?;
        // Two rounds fill the completion queue, and the third wraps.
        for round in 0..3 {
            let first = round * entries;
            let mut queue = uring.submission();
            for n in first..first + entries {
                // SAFETY: a NOP names no memory.
                let pushed = unsafe { queue.push(&entry(nop().tag(n))) };
                ensure!(pushed.is_ok(), "entry {n} of {entries}");
            }
            drop(queue);
            ensure_eq!(
                uring.submit()?,
                entries as usize,
                "entries taken of {entries}"
            );
            if round == 0 {
                continue;
            }
            let from = if round == 1 { 0 } else { first };
            let mut next = from;
            for cqe in uring.completion() {
                ensure_eq!(
                    (cqe.user_data(), cqe.result()),
                    (next, 0),
                    "a completion of {entries}"
                );
                next += 1;
            }
            ensure_eq!(next, first + entries, "completions of {entries}");
        }
    }
    cx.note("1 to 32768 entries");
    pass()
}

/// Twice as many as there is room for: all are taken, and all complete, in order.
fn overflow(cx: &mut Context) -> Run {
    for deferred in [false, true] {
        if deferred && cx.kernel() < crate::kernel::Version::new(6, 1, 0) {
            break;
        }
        let mut builder = IoUring::builder();
        if deferred {
            builder.setup_single_issuer().setup_defer_taskrun();
        }
        let uring = builder.setup_cqsize(8).build(8)?;
        let mut ring = Typed { uring };
        for n in (0..16).step_by(8) {
            ring.start(&(n..n + 8).map(|n| nop().tag(n)).collect::<Vec<_>>())?;
        }
        let mut got = Vec::new();
        while got.len() < 16 {
            got.push(ring.wait()?.user_data);
        }
        ensure!(
            got.iter().copied().eq(0..16),
            "deferred {deferred}: {got:?}"
        );
        ensure!(ring.flushed()?.is_none(), "one completion too many");
        ensure_eq!(ring.uring.completion().overflow(), 0, "completions lost");
    }
    pass()
}

/// What is submitted hides how the wait ended; alone it ends with ETIME, after at least its time.
fn timeout(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    if !ring.uring.params().is_feature_ext_arg() {
        return absent("IORING_FEAT_EXT_ARG is clear");
    }
    let span = Duration::from_millis(30);
    let time = Timespec::from(span);
    let args = SubmitArgs::new().timespec(&time);
    let start = std::time::Instant::now();
    let alone = ring
        .submitter()
        .submit_with_args(1, &args)
        .map_err(|error| errno(&error));
    ensure_eq!(alone, Err(Errno(libc::ETIME)), "a wait alone");
    ensure!(start.elapsed() >= span, "ended after {:?}", start.elapsed());
    // One completion of the two that are waited for.
    ring.push(&[nop()]);
    let start = std::time::Instant::now();
    let taken = ring.submitter().submit_with_args(2, &args)?;
    let took = start.elapsed();
    ensure_eq!(taken, 1, "entries taken");
    ensure!(took >= span, "ended after {took:?}");
    cx.note(format_args!(
        "a wait of 30 ms for the second of two took {} ms",
        took.as_millis()
    ));
    // What is there already is not waited for.
    let there = ring.submitter().submit_with_args(1, &args)?;
    ensure_eq!(
        (there, ring.finish(1)?.len()),
        (0, 1),
        "with a completion there"
    );
    pass()
}

/// After the least time one completion is enough, however many are wanted; without any the whole time passes.
fn min_timeout(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    if !ring.uring.params().is_feature_min_timeout() {
        return absent("IORING_FEAT_MIN_TIMEOUT is clear");
    }
    // Far longer than a case may take.
    let long = Timespec::from(Duration::from_secs(1000));
    let args = SubmitArgs::new().timespec(&long).min_wait_usec(1000);
    let start = std::time::Instant::now();
    ring.push(&[nop(), nop()]);
    ensure_eq!(
        ring.submitter().submit_with_args(4, &args)?,
        2,
        "entries taken"
    );
    ensure!(
        start.elapsed() >= Duration::from_micros(1000),
        "after {:?}",
        start.elapsed()
    );
    ensure_eq!(ring.finish(2)?.len(), 2, "completions");
    let short = Timespec::from(Duration::from_millis(20));
    let args = SubmitArgs::new().timespec(&short).min_wait_usec(1000);
    let start = std::time::Instant::now();
    let none = ring
        .submitter()
        .submit_with_args(1, &args)
        .map_err(|error| errno(&error));
    ensure_eq!(none, Err(Errno(libc::ETIME)), "without completions");
    ensure!(
        start.elapsed() >= Duration::from_millis(20),
        "after {:?}",
        start.elapsed()
    );
    pass()
}
