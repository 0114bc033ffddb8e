//! Completions that are lost: the queue is full, and there is no memory to keep them elsewhere.
//!
//! Where the memory of a completion is charged to a control group by force, as `GFP_ATOMIC` does, none is lost at the
//! group's limit. Linux 6.16 allocates without force on rings that defer their work (10f466abc404), 6.19 on all
//! (fc5ff2500976).

use std::time::Duration;

use safe::uring::raw::IoUring;

use crate::case::{Case, Run, Stop, absent, kernel, pass, skipped};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::ops::nop;
use crate::support::fork::answered;
use crate::support::memory_group::{Limit, MemoryGroup};
use crate::support::names::Errno;
use crate::typed::Typed;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/lost/deferred",
        &["io_uring_enter", "IORING_SETUP_DEFER_TASKRUN"],
        kernel(6, 16),
        |cx| lost(cx, true),
    )
    .refused_by(&[libc::EINVAL])
    .announced()
    .requires(&[Requirement::Root]),
    Case::new(
        "uring/setup/lost/plain",
        &["io_uring_enter", "IORING_FEAT_NODROP"],
        kernel(6, 19),
        |cx| lost(cx, false),
    )
    .announced()
    .requires(&[Requirement::Root]),
];

/// How many entries there are, and completions.
const ENTRIES: u64 = 8;

/// How far below the limit the process begins, and how far above it none need be lost any more, in bytes.
const ROOM: u64 = 64 << 10;
const FAR: u64 = 1 << 20;

/// More completions than there is room for in so much memory, where it counts at all.
const MANY: u64 = 200_000;

/// What the kernel cannot keep is counted; the rest comes in order, and the wait for more tells once.
fn lost(cx: &mut Context, deferred: bool) -> Run {
    let group = MemoryGroup::new()?;
    let seen = answered(|| in_group(cx, &group.enter()?, deferred))?;
    group.remove()?;
    match seen? {
        Seen::Lost { some, kept } => cx.note(format_args!("{some} lost, {kept} kept")),
        Seen::Forced { above } => {
            return absent(format_args!(
                "charged by force: {above} bytes above the limit"
            ));
        }
        Seen::Uncounted => return skipped("needs the memory of the kernel to count"),
    }
    pass()
}

/// What happened at the limit.
#[derive(serde::Serialize, serde::Deserialize)]
enum Seen {
    Lost { some: u64, kept: u64 },
    Forced { above: u64 },
    Uncounted,
}

fn in_group(cx: &Context, limit: &Limit, deferred: bool) -> Result<Seen, Stop> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(ENTRIES as u32);
    if deferred {
        builder.setup_single_issuer().setup_defer_taskrun();
    }
    let uring = cx.accepted_call(builder.build(ENTRIES as u32))?;
    let mut ring = Typed { uring };

    // Without a limit none is lost. This also touches all memory that is needed below, requests of the kernel too.
    let started = start(&mut ring, 0, |_, started| Ok(started >= 4096))?;
    let came = drain(&mut ring)?;
    ensure!(came.iter().copied().eq(0..started), "not all came in order");
    let (counted, waited) = (counted(&mut ring), ring.timed_wait(SHORT));
    ensure_eq!((counted, waited), (0, Err(Errno(libc::ETIME))), "none lost");

    let (first, before) = (started, limit.usage()?);
    let bound = before + ROOM;
    let limited = limit.set(bound)?;
    let mut above = 0;
    let end = start(&mut ring, first, |ring, started| {
        if started % 1024 == 0 {
            above = limit.usage()?.saturating_sub(bound);
        }
        Ok(self::counted(ring) > 0 || above > FAR || started - first > MANY)
    });
    drop(limited);
    let end = end?;
    let some = self::counted(&mut ring);
    let came = drain(&mut ring)?;
    ensure_eq!(
        came.len() as u64 + some,
        end - first,
        "completions that came or were counted as lost"
    );
    let ordered = came.is_sorted_by(|a, b| a < b);
    let these = came.iter().all(|tag| (first..end).contains(tag));
    ensure!(ordered && these, "out of order, or not asked for");
    ensure_eq!(
        self::counted(&mut ring),
        some,
        "completions lost when those that were kept came"
    );
    if some > 0 {
        let first = ring.timed_wait(SHORT);
        ensure_eq!(first, Err(Errno(libc::EBADR)), "a wait for what was lost");
    }
    let again = ring.timed_wait(SHORT);
    ensure_eq!(again, Err(Errno(libc::ETIME)), "a wait for more");
    let cqe = ring.run(nop().tag(7))?;
    ensure_eq!((cqe.user_data, cqe.res), (7, 0), "a NOP thereafter");
    Ok(match some {
        0 if above > FAR => Seen::Forced { above },
        0 => Seen::Uncounted,
        _ => Seen::Lost {
            some,
            kept: came.len() as u64,
        },
    })
}

/// Long enough to be a wait: nothing comes.
const SHORT: Duration = Duration::from_millis(10);

/// How many completions the kernel says are lost.
fn counted(ring: &mut Typed) -> u64 {
    ring.uring.completion().overflow().into()
}

/// Starts NOPs, the first with this `user_data`, the next with the next, until `enough`; returns the next.
fn start(
    ring: &mut Typed,
    first: u64,
    mut enough: impl FnMut(&mut Typed, u64) -> Result<bool, Stop>,
) -> Result<u64, Stop> {
    let mut next = first;
    while !enough(ring, next)? {
        let mut ops = [nop(); ENTRIES as usize];
        for op in &mut ops {
            *op = op.tag(next);
            next += 1;
        }
        ring.start(&ops)?;
    }
    Ok(next)
}

/// The `user_data` of all completions that are kept.
fn drain(ring: &mut Typed) -> Result<Vec<u64>, Stop> {
    let mut came = Vec::new();
    loop {
        while let Some(cqe) = ring.reap() {
            ensure_eq!(cqe.res, 0, "result of a NOP");
            came.push(cqe.user_data);
        }
        if !ring.uring.submission().cq_overflow() {
            return Ok(came);
        }
        if let Some(cqe) = ring.flushed()? {
            came.push(cqe.user_data);
        }
    }
}
