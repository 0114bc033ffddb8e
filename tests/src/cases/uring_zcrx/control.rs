//! Controlling a queue.

use std::io;

use safe::uring::raw::cqueue;
use safe::uring::raw::zcrx::{Area, Ifq};
use uring_sys::*;

use super::{AREA, Receiver, area, case, errno, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::page_size;
use crate::support::files::pattern;
use crate::support::names::{Errno, Res};
use crate::{ensure, ensure_eq};

const NODEV: &[&str] = &[
    "ZCRX_REG_NODEV",
    "IORING_REGISTER_ZCRX_CTRL",
    "ZCRX_CTRL_FLUSH_RQ",
];

pub(super) static CASES: &[Case] = &[
    Case {
        // Kernels from 7.1 on have queues and not this, those before neither.
        refused_by: &[libc::EOPNOTSUPP, libc::EINVAL],
        ..case(
            "uring/zcrx/control/add_area",
            &[
                "ZCRX_CTRL_ADD_AREA",
                "IORING_REGISTER_ZCRX_CTRL",
                "ZCRX_REG_NODEV",
            ],
            (7, 3),
            add_area,
        )
    },
    case("uring/zcrx/control/flush", NODEV, (7, 1), flush),
    Case::new(
        "uring/zcrx/control/no_queue",
        &[
            "IORING_REGISTER_ZCRX_CTRL",
            "ZCRX_CTRL_FLUSH_RQ",
            "ZCRX_CTRL_EXPORT",
        ],
        kernel(6, 19),
        no_queue,
    )
    .refused_by(&[libc::EINVAL]),
];

/// What is not there is not controlled; nor is anything in a way that does not exist.
fn no_queue(cx: &mut Context) -> Run {
    let ring = ring::<cqueue::Entry32>(cx)?;
    let submitter = ring.submitter();
    let no_such = |result: io::Result<()>| match result {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(true),
        other => other.map(|()| false),
    };
    let flushed = cx.accepted_call(no_such(submitter.register_zcrx_flush(0)))?;
    ensure!(flushed, "flushed a queue that is not there");
    let exported = errno(submitter.register_zcrx_export(0));
    ensure_eq!(exported.map(Errno), Some(Errno(libc::ENXIO)), "export");
    pass()
}

/// What is given back is free again when the kernel is told, and not before. Unknown commands and reserved fields are
/// refused.
fn flush(cx: &mut Context) -> Run {
    let mut receiver: Receiver = Receiver::new(cx)?;
    let all = receiver.queue.refill_queue().capacity();
    receiver.start(0)?;
    receiver.send(0..100)?;
    let done = receiver.ring.wait()?;
    receiver.accept(&done)?;
    receiver.queue.refill_queue().publish();
    ensure_eq!(
        receiver.queue.refill_queue().room(),
        all - 1,
        "room before the flush"
    );
    receiver.give_back()?;
    // The queue looks at the kernel's index when it seems full. The area may have fewer pages than that.
    let pages = AREA / page_size();
    for (i, held) in (0..all).zip((1..pages).cycle()) {
        receiver.send(0..1)?;
        let done = receiver.ring.wait()?;
        ensure_eq!(Res(done.res), Res(1), "receive {i}");
        receiver.accept(&done)?;
        if held + 1 == pages {
            receiver.give_back()?;
        }
    }
    receiver.give_back()?;
    let id = receiver.queue.id();
    let submitter = receiver.ring.submitter();
    let good = zcrx_ctrl {
        zcrx_id: id,
        op: ZCRX_CTRL_FLUSH_RQ,
        ..Default::default()
    };
    for (what, changed, expected) in [
        (
            "no such queue",
            zcrx_ctrl {
                zcrx_id: id + 1,
                ..good
            },
            libc::ENXIO,
        ),
        (
            "no such command",
            zcrx_ctrl { op: 99, ..good },
            libc::EOPNOTSUPP,
        ),
        (
            "a reserved field",
            zcrx_ctrl {
                __resv: [1, 0],
                ..good
            },
            libc::EFAULT,
        ),
    ] {
        let mut changed = changed;
        // SAFETY: the command names no memory.
        let got = errno(unsafe { submitter.register_zcrx_ctrl(&mut changed) });
        ensure_eq!(got.map(Errno), Some(Errno(expected)), "{what}");
    }
    pass()
}

/// When the first area is full, data comes into the second.
fn add_area(cx: &mut Context) -> Run {
    // Nothing is given back until the end.
    let mut receiver: Receiver = Receiver::with(cx, Ifq::without_device(256))?;
    let ring = &receiver.ring;
    let id = cx.accepted_call(receiver.queue.add_area(&ring.submitter(), area(AREA)?))?;
    ensure_eq!(id, 1, "id of the second area");
    receiver.start(0)?;
    let (mut got, mut areas) = (Vec::new(), [0; 2]);
    for _ in 0..AREA * 3 / 2 / page_size() {
        receiver.send(got.len()..got.len() + page_size())?;
        let end = got.len() + page_size();
        while got.len() < end {
            let done = receiver.ring.wait()?;
            ensure!(done.more(), "ended with {} at {}", Res(done.res), got.len());
            let received = receiver
                .queue
                .received(done.res, &done.big.unwrap_or_default())?;
            areas[usize::from(received.area())] += 1;
            got.extend(receiver.accept(&done)?);
        }
    }
    cx.note(format_args!("completions in each area: {areas:?}"));
    ensure!(got == pattern(0..got.len()), "other bytes than sent");
    ensure!(
        areas.iter().all(|count| *count > 0),
        "in each area: {areas:?}"
    );
    receiver.give_back()?;
    // SAFETY: there is no memory there that could be registered.
    let nowhere = unsafe {
        let page = std::ptr::without_provenance_mut(page_size());
        Area::from_raw(std::ptr::NonNull::new_unchecked(page), page_size())
    };
    let refused = errno(receiver.queue.add_area(&receiver.ring.submitter(), nowhere));
    ensure_eq!(
        refused.map(Errno),
        Some(Errno(libc::EFAULT)),
        "memory that is not there"
    );
    pass()
}
