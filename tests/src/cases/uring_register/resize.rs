//! Queues of another size, the clock of waits, while the ring is in use.

use std::time::Duration;

use safe::uring::raw::EnterFlags;
use safe::uring::raw::types::{SubmitArgs, Timespec};
use uring_sys::*;

use super::{case, with};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::ring::ops::nop;
use crate::support::names::Errno;
use crate::typed::{Typed, all_refused, errno, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/clock/bad",
        &["IORING_REGISTER_CLOCK"],
        (6, 12),
        clock_bad,
    ),
    case(
        "uring/register/clock/waits",
        &["IORING_REGISTER_CLOCK", "IORING_ENTER_ABS_TIMER"],
        (6, 12),
        clock,
    ),
    case(
        "uring/register/resize_rings/bad",
        &["IORING_REGISTER_RESIZE_RINGS"],
        (6, 13),
        bad,
    ),
    case(
        "uring/register/resize_rings/grow",
        &["IORING_REGISTER_RESIZE_RINGS"],
        (6, 13),
        grow,
    ),
    case(
        "uring/register/resize_rings/shrink",
        &["IORING_REGISTER_RESIZE_RINGS"],
        (6, 13),
        shrink,
    ),
];

/// A ring whose queues can be resized. Kernels without DEFER_TASKRUN lack that too, and refuse it in the same way.
#[track_caller]
fn resizable(cx: &Context) -> Result<Typed, Stop> {
    let ring = Typed::with(|builder| {
        builder
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_no_sqarray()
    });
    cx.accepted_call(ring)
}

/// NOPs with these numbers.
fn nops(numbers: std::ops::Range<u64>) -> Vec<crate::ring::op::Op> {
    numbers.map(|n| nop().tag(n)).collect()
}

/// The next completions have these numbers, in this order.
#[track_caller]
fn come(ring: &mut Typed, numbers: std::ops::Range<u64>) -> Run {
    for n in numbers {
        let cqe = ring.wait()?;
        ensure_eq!((cqe.user_data, cqe.res), (n, 0), "the completion");
    }
    ensure!(ring.flushed()?.is_none(), "one completion too many");
    pass()
}

/// Completions and entries that are in the queues stay, and there is room for more; the same size is one too.
fn grow(cx: &mut Context) -> Run {
    let mut ring = resizable(cx)?;
    ring.start(&nops(0..5))?;
    ring.push(&nops(5..15));
    cx.accepted_call(ring.uring.resize(64, None))?;
    ensure_eq!(ring.uring.params().sq_entries(), 64, "entries");
    ensure_eq!(ring.uring.params().cq_entries(), 128, "completions");
    ring.push(&nops(15..65));
    ensure_eq!(ring.uring.submit()?, 60, "entries taken");
    come(&mut ring, 0..65)?;
    ring.uring.resize(64, Some(128))?;
    for round in 0..10 {
        ring.start(&nops(round * 64..(round + 1) * 64))?;
        come(&mut ring, round * 64..(round + 1) * 64)?;
    }
    pass()
}

/// To less, as long as what is in the queues fits; if not, the ring is as it was.
fn shrink(cx: &mut Context) -> Run {
    let mut ring = resizable(cx)?;
    ring.push(&nops(0..9));
    let resized = ring.uring.resize(8, Some(16));
    if resized
        .as_ref()
        .is_err_and(|error| errno(error) == Errno(libc::EINVAL))
    {
        cx.accepted_call(resized)?;
    } else {
        refused("nine entries into eight", resized, libc::EOVERFLOW)?;
    }
    ensure_eq!(ring.uring.submit()?, 9, "entries taken");
    // They complete when the owner enters, and then lie in the queue.
    ring.submitter().submit_and_wait(9)?;
    refused(
        "nine completions into eight",
        ring.uring.resize(8, Some(8)),
        libc::EOVERFLOW,
    )?;
    ring.uring.resize(8, Some(16))?;
    come(&mut ring, 0..9)?;
    ring.uring.resize(1, Some(1))?;
    for n in 0..5 {
        ring.start(&nops(n..n + 1))?;
        come(&mut ring, n..n + 1)?;
    }
    pass()
}

/// Rings of other kinds, and sizes that no ring has.
fn bad(cx: &mut Context) -> Run {
    let mut ring = resizable(cx)?;
    cx.accepted_call(ring.uring.resize(32, None))?;
    let mut other = Typed::new()?;
    all_refused([
        ("no entries", ring.uring.resize(0, None), libc::EINVAL),
        ("too many", ring.uring.resize(1 << 16, None), libc::EINVAL),
        (
            "fewer completions than entries",
            ring.uring.resize(16, Some(8)),
            libc::EINVAL,
        ),
        (
            "a ring without DEFER_TASKRUN",
            other.uring.resize(32, None),
            libc::EINVAL,
        ),
    ])?;
    let unknown = io_uring_params {
        sq_entries: 8,
        flags: IORING_SETUP_IOPOLL,
        ..Default::default()
    };
    let opcode = IORING_REGISTER_RESIZE_RINGS;
    // SAFETY: the struct names no memory, and the call is refused, so that the ring's own memory stays.
    let table = unsafe {
        [
            (
                "another flag",
                with(&ring, opcode, unknown, 1),
                libc::EINVAL,
            ),
            ("two structs", with(&ring, opcode, unknown, 2), libc::EINVAL),
        ]
    };
    all_refused(table)?;
    ring.start(&nops(0..32))?;
    come(&mut ring, 0..32)
}

/// Points in time are of the registered clock.
fn clock(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    for clock in [libc::CLOCK_BOOTTIME, libc::CLOCK_MONOTONIC] {
        cx.accepted_call(ring.submitter().register_clock(clock))?;
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: a live struct.
        let told = unsafe { libc::clock_gettime(clock, &mut now) };
        ensure_eq!(told, 0, "the time");
        let past = Timespec::new().sec(now.tv_sec as u64);
        let submitter = ring.submitter();
        let waited = |until: &Timespec| {
            let args = SubmitArgs::new().timespec(until);
            submitter.submit_with_flags(1, &args, EnterFlags::ABS_TIMER)
        };
        refused("a time that has been", waited(&past), libc::ETIME)?;
        ensure_eq!(
            ring.timed_wait(Duration::from_nanos(1)),
            Err(Errno(libc::ETIME)),
            "a span"
        );
        // A far time does not end the wait before the completion does.
        let far = Timespec::new().sec(now.tv_sec as u64 + 100_000);
        ring.push(&[nop()]);
        let args = SubmitArgs::new().timespec(&far);
        let taken = ring
            .submitter()
            .submit_with_flags(1, &args, EnterFlags::ABS_TIMER)?;
        ensure_eq!(taken, 1, "entries taken");
        ensure!(ring.reap().is_some(), "no completion");
    }
    pass()
}

/// Other clocks, what is reserved.
fn clock_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let clock = |clock| ring.submitter().register_clock(clock);
    cx.accepted_call(clock(libc::CLOCK_MONOTONIC))?;
    all_refused([
        ("no clock", clock(-1), libc::EINVAL),
        ("the time of day", clock(libc::CLOCK_REALTIME), libc::EINVAL),
        (
            "the thread's time",
            clock(libc::CLOCK_THREAD_CPUTIME_ID),
            libc::EINVAL,
        ),
    ])?;
    let good = io_uring_clock_register {
        clockid: libc::CLOCK_MONOTONIC as u32,
        ..Default::default()
    };
    let mut reserved = good;
    reserved.__resv[0] = 1;
    let opcode = IORING_REGISTER_CLOCK;
    // SAFETY: the struct names no memory.
    let table = unsafe {
        [
            (
                "what is reserved",
                with(&ring, opcode, reserved, 0),
                libc::EINVAL,
            ),
            ("a count", with(&ring, opcode, good, 1), libc::EINVAL),
        ]
    };
    all_refused(table)
}
