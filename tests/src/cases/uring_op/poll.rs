//! POLL_ADD and POLL_REMOVE.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use uring_sys::*;

use super::{case, refuses, results, ring};
use crate::case::{Case, Run, Stop, absent, kernel, pass};
use crate::context::Context;
use crate::ring::op::Op;
use crate::ring::ops::{nop, poll_add};
use crate::ring::{Cqe, Ring};
use crate::support::files::pipe;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/poll_add/bad",
        &["IORING_OP_POLL_ADD"],
        kernel(5, 1),
        bad,
    ),
    Case::new(
        "uring/op/poll_add/events",
        &["IORING_OP_POLL_ADD"],
        kernel(5, 1),
        events,
    ),
    Case::new(
        "uring/op/poll_add/level",
        &[
            "IORING_POLL_ADD_LEVEL",
            "IORING_OP_POLL_ADD",
            "IORING_OP_POLL_REMOVE",
        ],
        kernel(5, 1),
        level,
    ),
    case(
        "uring/op/poll_add/multishot",
        &[
            "IORING_POLL_ADD_MULTI",
            "IORING_CQE_F_MORE",
            "IORING_OP_POLL_ADD",
        ],
        (5, 13),
        multishot,
    ),
    case(
        "uring/op/poll_add/multishot_overflow",
        &["IORING_POLL_ADD_MULTI", "IORING_CQE_F_MORE"],
        (5, 13),
        multishot_overflow,
    ),
    case(
        "uring/op/poll_add/own_eventfd",
        &["IORING_POLL_ADD_MULTI", "IORING_REGISTER_EVENTFD"],
        (5, 13),
        own_eventfd,
    )
    .announced(),
    Case::new(
        "uring/op/poll_add/ring",
        &["IORING_OP_POLL_ADD"],
        kernel(5, 1),
        another_ring,
    ),
    Case::new(
        "uring/op/poll_remove/bad",
        &["IORING_OP_POLL_REMOVE"],
        kernel(5, 1),
        remove_bad,
    ),
    Case::new(
        "uring/op/poll_remove/remove",
        &["IORING_OP_POLL_REMOVE"],
        kernel(5, 1),
        remove,
    ),
    case(
        "uring/op/poll_remove/update",
        &[
            "IORING_POLL_UPDATE_EVENTS",
            "IORING_POLL_UPDATE_USER_DATA",
            "IORING_OP_POLL_REMOVE",
        ],
        (5, 13),
        update,
    )
    .announced(),
];

const IN: i32 = libc::POLLIN as i32;
const OUT: i32 = libc::POLLOUT as i32;

/// A poll with `IORING_POLL_*` flags.
fn flagged(op: Op, flags: u32) -> Op {
    // SAFETY: `len` holds flags for these opcodes.
    unsafe { op.changed(|sqe| sqe.len = flags) }
}

/// Ends, or with `IORING_POLL_UPDATE_*` changes, the poll with this `user_data`.
fn removed(user_data: u64) -> Op {
    // SAFETY: it names no memory: `addr` is a number.
    unsafe { Op::new(IORING_OP_POLL_REMOVE, -1, |sqe| sqe.set_addr(user_data)) }
}

/// Descriptors and flags that are wrong.
fn bad(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let op = poll_add(&reader, libc::POLLIN);
    refuses(
        &mut ring()?,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("unknown flags", flagged(op, 1 << 30), libc::EINVAL),
        ],
    )
}

/// An event that is there already, one that comes, and those that nobody asks for.
fn events(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    ensure_eq!(
        Res(ring.run(poll_add(&writer, libc::POLLOUT))?.res),
        Res(OUT),
        "a pipe with room"
    );
    ring.start(&[poll_add(&reader, libc::POLLIN)])?;
    ensure!(ring.reap().is_none(), "completed without data");
    let mut file = File::from(writer.try_clone()?);
    file.write_all(b"x")?;
    ensure_eq!(Res(ring.wait()?.res), Res(IN), "a pipe with data");
    drop((writer, file));
    let hang_up = Res(IN | i32::from(libc::POLLHUP));
    ensure_eq!(
        Res(ring.run(poll_add(&reader, libc::POLLIN))?.res),
        hang_up,
        "a pipe without a writer"
    );
    let (reader, writer) = pipe()?;
    drop(reader);
    let error = Res(i32::from(libc::POLLERR));
    ensure_eq!(
        Res(ring.run(poll_add(&writer, 0))?.res),
        error,
        "a pipe without a reader"
    );
    pass()
}

/// The flag in the header has never worked: each kernel refuses it.
fn level(_: &mut Context) -> Run {
    let (reader, _writer) = pipe()?;
    let op = poll_add(&reader, libc::POLLIN);
    refuses(
        &mut ring()?,
        &[
            ("POLL_ADD", flagged(op, IORING_POLL_ADD_LEVEL), libc::EINVAL),
            (
                "POLL_ADD with MULTI",
                flagged(op, IORING_POLL_ADD_LEVEL | IORING_POLL_ADD_MULTI),
                libc::EINVAL,
            ),
            (
                "POLL_REMOVE",
                flagged(removed(99), IORING_POLL_ADD_LEVEL),
                libc::EINVAL,
            ),
        ],
    )
}

/// A ring's own eventfd is polled by it: what the poll completes does not start it again.
fn own_eventfd(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    // SAFETY: the call takes no memory.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    ensure!(fd >= 0, "no eventfd");
    // SAFETY: the descriptor was just made for us.
    let eventfd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the kernel reads one number during the call.
    let res = unsafe { ring.register(IORING_REGISTER_EVENTFD, (&raw const fd).cast(), 1) };
    ensure_eq!(Res(res), Res(0), "register the eventfd");
    let poll = flagged(poll_add(&eventfd, libc::POLLIN), IORING_POLL_ADD_MULTI);
    ring.start(&[poll.tag(1)])?;
    File::from(eventfd.try_clone()?).write_all(&1u64.to_ne_bytes())?;
    let first = ring.wait()?;
    cx.accepted(first.res)?;
    // Each completion may count once more in the eventfd; what matters is that this ends.
    let (mut count, mut more) = (1, first.more());
    for _ in 0..100 {
        ring.enter(0, 0, IORING_ENTER_GETEVENTS);
        while let Some(cqe) = ring.reap() {
            count += 1;
            more = cqe.more();
        }
    }
    if count >= 10 {
        return absent(format_args!("{count} completions of one event"));
    }
    cx.note(format_args!("{count} completions, goes on: {more}"));
    pass()
}

/// When completions overflow, a repeated poll goes on or ends with a completion that says so; none is lost.
fn multishot_overflow(cx: &mut Context) -> Run {
    let mut ring = Ring::with(
        1,
        io_uring_params {
            flags: IORING_SETUP_CQSIZE,
            cq_entries: 2,
            ..io_uring_params::default()
        },
    )?;
    let (reader, writer) = pipe()?;
    let (mut reader, mut writer) = (File::from(reader), File::from(writer));
    ring.start(&[flagged(poll_add(&reader, libc::POLLIN), IORING_POLL_ADD_MULTI).tag(1)])?;
    let refused = ring.reap();
    if let Some(cqe) = refused {
        cx.accepted(cqe.res)?;
    }
    for _ in 0..6 {
        writer.write_all(b"x")?;
        // Entering lets what waits be posted.
        ring.enter(0, 0, IORING_ENTER_GETEVENTS);
        reader.read_exact(&mut [0])?;
    }
    let mut events = 0;
    let mut ended = false;
    let mut take = |cqe: Cqe| -> Run {
        ensure!(!ended, "a completion after the last");
        ensure_eq!(Res(cqe.res), Res(libc::POLLIN.into()), "the event");
        events += 1;
        ended = !cqe.more();
        pass()
    };
    for _ in 0..8 {
        while let Some(cqe) = ring.reap() {
            take(cqe)?;
        }
        ring.enter(0, 0, IORING_ENTER_GETEVENTS);
    }
    cx.note(format_args!("{events} of 6 events, ended: {ended}"));
    ensure!(
        events > 2,
        "{events} events: those that overflowed are lost"
    );
    ring.start(&[removed(1).tag(2)])?;
    let last = ring.finish(if ended { 1 } else { 2 })?;
    let last: Vec<_> = last
        .iter()
        .map(|cqe| (cqe.user_data, Res(cqe.res)))
        .collect();
    let expected: &[_] = if ended {
        &[(2, Res(-libc::ENOENT))]
    } else {
        &[(1, Res(-libc::ECANCELED)), (2, Res(0))]
    };
    ensure_eq!(last, expected, "removing the poll");
    pass()
}

/// Each event posts a completion with F_MORE, until the poll is removed.
fn multishot(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    let (mut reader, mut writer) = (File::from(reader), File::from(writer));
    ring.start(&[flagged(poll_add(&reader, libc::POLLIN), IORING_POLL_ADD_MULTI).tag(1)])?;
    for i in 0..3 {
        writer.write_all(b"x")?;
        let cqe = ring.wait()?;
        cx.accepted(cqe.res)?;
        ensure_eq!(
            (cqe.user_data, cqe.res & IN, cqe.more()),
            (1, IN, true),
            "event {i}"
        );
        reader.read_exact(&mut [0])?;
    }
    ensure!(ring.reap().is_none(), "one completion too many");
    ring.start(&[removed(1).tag(2)])?;
    let mut got = [ring.wait()?, ring.wait()?];
    got.sort_by_key(|cqe| cqe.user_data);
    ensure_eq!(
        brief(&got[0]),
        (1, Res(-libc::ECANCELED), false),
        "the end of the poll"
    );
    ensure_eq!(brief(&got[1]), (2, Res(0), false), "the removal");
    pass()
}

fn brief(cqe: &Cqe) -> (u64, Res, bool) {
    (cqe.user_data, Res(cqe.res), cqe.more())
}

/// A ring can be polled too: it is readable when it has completions.
fn another_ring(_: &mut Context) -> Run {
    use std::os::fd::{AsRawFd, RawFd};
    struct Raw(RawFd);
    impl AsRawFd for Raw {
        fn as_raw_fd(&self) -> RawFd {
            self.0
        }
    }
    let (mut ring, mut other) = (ring()?, ring()?);
    let fd = Raw(other.as_raw_fd());
    ring.start(&[poll_add(&fd, libc::POLLIN)])?;
    ensure!(ring.reap().is_none(), "readable without completions");
    other.start(&[crate::ring::ops::nop()])?;
    ensure_eq!(Res(ring.wait()?.res & IN), Res(IN), "with a completion");
    pass()
}

/// A poll that is not there, and flags that are wrong.
fn remove_bad(_: &mut Context) -> Run {
    refuses(
        &mut ring()?,
        &[
            ("a poll that is not there", removed(99), libc::ENOENT),
            ("unknown flags", flagged(removed(99), 1 << 30), libc::EINVAL),
            ("a buffer", removed(99).buf(1), libc::EINVAL),
        ],
    )
}

/// A poll that is removed ends with -ECANCELED, and no other.
fn remove(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, _writer) = pipe()?;
    let op = poll_add(&reader, libc::POLLIN);
    ring.start(&[op.tag(8)])?;
    ensure_eq!(
        results(&mut ring, &[op, removed(0)])?,
        [Res(-libc::ECANCELED), Res(0)],
        "results"
    );
    ensure!(ring.reap().is_none(), "the other ended too");
    refuses(&mut ring, &[("once more", removed(0).tag(1), libc::ENOENT)])
}

/// The events and the `user_data` of a poll are changed, one or both.
fn update(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, mut b) = UnixStream::pair()?;
    // SAFETY: it names no memory: `off` is a number.
    let to = |user_data: u64| unsafe { removed(1).changed(|sqe| sqe.set_off(user_data)) };
    let events = |op: Op, events: i16| op.op_flags(poll_add(&a, events).sqe().poll32_events());
    let (event, data) = (IORING_POLL_UPDATE_EVENTS, IORING_POLL_UPDATE_USER_DATA);
    let mut pair = |ring: &mut Ring, update: Op, write: bool| -> Result<[(u64, i32); 2], Stop> {
        ring.start(&[poll_add(&a, libc::POLLIN).tag(1)])?;
        ring.start(&[update.tag(2)])?;
        if write {
            b.write_all(b"x")?;
        }
        let first = ring.wait()?;
        if first.user_data == 2 {
            cx.accepted(first.res)?;
        }
        if first.user_data == 2 && !write {
            // What is ready ends the poll with the update, before anything that is submitted behind it.
            ring.start(&[nop().tag(3)])?;
            let second = ring.wait()?;
            if second.user_data == 3 {
                absent("an update to an event that is there does not end the poll")?;
            }
            ensure_eq!(ring.wait()?.user_data, 3, "the NOP behind the update");
            let mut got = [first, second].map(|cqe| (cqe.user_data, cqe.res));
            got.sort_unstable();
            return Ok(got);
        }
        let mut got = [first, ring.wait()?].map(|cqe| (cqe.user_data, cqe.res));
        got.sort_unstable();
        if write {
            (&a).read_exact(&mut [0])?;
        }
        Ok(got)
    };
    let got = pair(
        &mut ring,
        events(flagged(removed(1), event), libc::POLLOUT),
        false,
    )?;
    ensure_eq!(got, [(1, OUT), (2, 0)], "events");
    let got = pair(&mut ring, flagged(to(7), data), true)?;
    ensure_eq!(got, [(2, 0), (7, IN)], "user_data");
    let got = pair(
        &mut ring,
        events(flagged(to(7), event | data), libc::POLLOUT),
        false,
    )?;
    ensure_eq!(got, [(2, 0), (7, OUT)], "both");
    refuses(
        &mut ring,
        &[(
            "a poll that is not there",
            events(flagged(removed(99), event), libc::POLLIN),
            libc::ENOENT,
        )],
    )
}
