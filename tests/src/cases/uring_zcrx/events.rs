//! What a queue tells besides data.

use safe::uring::raw::zcrx::{Event, Events, Ifq};
use uring_sys::*;

use super::{AREA, Receiver, area, case, errno};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::raw_ring::Done;
use crate::ring::mem::page_size;
use crate::support::names::{Errno, Res};
use crate::{ensure, ensure_eq};

const ARM: &str = "ZCRX_CTRL_ARM_EVENT";

pub(super) static CASES: &[Case] = &[
    case(
        "uring/zcrx/events/alloc_fail",
        &["ZCRX_EVENT_ALLOC_FAIL", ARM, "ZCRX_FEATURE_EVENT"],
        (7, 2),
        alloc_fail,
    ),
    case(
        "uring/zcrx/events/copy",
        &[
            "ZCRX_EVENT_COPY",
            ARM,
            "ZCRX_FEATURE_EVENT",
            "ZCRX_REG_NODEV",
        ],
        (7, 2),
        copy,
    ),
    case(
        "uring/zcrx/events/stats",
        &["ZCRX_EVENT_DESC_FLAG_STATS", "ZCRX_REG_NODEV"],
        (7, 2),
        stats,
    ),
];

/// The `user_data` of events.
const TOLD: u64 = 99;

/// Completions until the operation has received `len` bytes more or has ended, and the events among them.
#[track_caller]
fn take(receiver: &mut Receiver, len: usize) -> Result<Vec<Done>, Stop> {
    let (mut events, mut got) = (Vec::new(), 0);
    while got < len {
        let done = receiver.ring.wait()?;
        if done.user_data == TOLD {
            events.push(done);
        } else if done.more() {
            got += receiver.accept(&done)?.len();
        } else if done.res == -libc::ENOSPC {
            // The completion queue is full: the rest comes with the next operation.
            receiver.start(0)?;
        } else {
            ensure_eq!(Res(done.res), Res(-libc::ENOMEM), "the end");
            break;
        }
    }
    while let Some(done) = receiver.ring.peek()? {
        ensure_eq!(done.user_data, TOLD, "user_data");
        events.push(done);
    }
    receiver.give_back()?;
    Ok(events)
}

/// The first copy is told, and the next ones are not until the event is armed again.
fn copy(cx: &mut Context) -> Run {
    let queue = Ifq::without_device(64).events(Events::COPY, TOLD);
    let mut receiver: Receiver = Receiver::with(cx, queue)?;
    receiver.start(0)?;
    for (round, expected) in [(0, 1), (1, 0), (2, 0), (3, 1), (4, 0)] {
        if round == 3 {
            receiver
                .queue
                .arm_event(&receiver.ring.submitter(), Event::Copy)?;
        }
        receiver.send(0..100)?;
        let told = take(&mut receiver, 100)?;
        ensure_eq!(told.len(), expected, "events in round {round}");
        for done in told {
            ensure_eq!(Res(done.res), Res(ZCRX_EVENT_COPY as i32), "event");
        }
    }
    let submitter = receiver.ring.submitter();
    let armed = errno(receiver.queue.arm_event(&submitter, Event::AllocFail));
    ensure_eq!(
        armed.map(Errno),
        Some(Errno(libc::EINVAL)),
        "an event that was not asked for"
    );
    let armed = errno(submitter.register_zcrx_arm_event(receiver.queue.id(), 77));
    ensure_eq!(armed.map(Errno), Some(Errno(libc::EINVAL)), "no such event");
    pass()
}

/// The event of a device that finds no memory can be asked for, and is then armed. A copy that finds none ends the operation and
/// is no such event.
fn alloc_fail(cx: &mut Context) -> Run {
    let queue = Ifq::without_device(128).events(Events::ALLOC_FAIL, TOLD);
    let mut receiver: Receiver = Receiver::with(cx, queue)?;
    receiver.start(0)?;
    receiver.send(0..AREA + page_size())?;
    let told = take(&mut receiver, usize::MAX)?;
    ensure_eq!(told, [], "events of a queue without a device");
    let armed = receiver
        .queue
        .arm_event(&receiver.ring.submitter(), Event::AllocFail);
    let armed = errno(armed).map(Errno);
    ensure_eq!(armed, Some(Errno(libc::EINVAL)), "arming what is armed");
    let unknown = Ifq::without_device(8).events(Events::from_bits_retain(1 << 31), TOLD);
    let refused = unknown.register(&receiver.ring.submitter(), area(AREA)?);
    ensure_eq!(
        errno(refused).map(Errno),
        Some(Errno(libc::EINVAL)),
        "no such event"
    );
    pass()
}

/// Copies and their bytes are counted.
fn stats(cx: &mut Context) -> Run {
    let queue = Ifq::without_device(64).stats();
    let mut receiver: Receiver = Receiver::with(cx, queue)?;
    let now = |receiver: &Receiver| receiver.queue.stats().map(|s| (s.copy_count, s.copy_bytes));
    ensure_eq!(now(&receiver), Some((0, 0)), "before any came");
    receiver.start(0)?;
    for round in 1..4 {
        receiver.send(0..1000)?;
        receiver.take(0, 1000)?;
        let (count, bytes) = now(&receiver).unwrap_or_default();
        ensure_eq!(bytes, round * 1000, "bytes");
        ensure!(count >= round, "{count} copies in {round} rounds");
    }
    pass()
}
