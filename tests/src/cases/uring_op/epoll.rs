//! EPOLL_CTL and EPOLL_WAIT.

use std::fs::File;
use std::io::Write;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::files::{pattern_file, pipe};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/epoll_ctl/bad",
        &["IORING_OP_EPOLL_CTL"],
        kernel(5, 6),
        ctl_bad,
    ),
    Case::new(
        "uring/op/epoll_ctl/set",
        &["IORING_OP_EPOLL_CTL"],
        kernel(5, 6),
        ctl_set,
    ),
    case(
        "uring/op/epoll_wait/bad",
        &["IORING_OP_EPOLL_WAIT"],
        (6, 15),
        wait_bad,
    ),
    case(
        "uring/op/epoll_wait/events",
        &["IORING_OP_EPOLL_WAIT"],
        (6, 15),
        wait_events,
    ),
];

const EVENT: usize = size_of::<libc::epoll_event>();
const DATA: usize = offset_of!(libc::epoll_event, u64);

fn epoll() -> Result<OwnedFd, Stop> {
    // SAFETY: epoll_create1(2) takes a number.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: the kernel just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds, changes or removes, by `op`, what the set says of `fd`.
fn ctl(set: &OwnedFd, op: i32, fd: i32, events: i32, data: u64) -> Op {
    let event = Mem::zeroed(EVENT);
    event.set(0, &(events as u32).to_ne_bytes());
    event.set(DATA, &data.to_ne_bytes());
    // SAFETY: the kernel reads one event at `addr`, which is never given back.
    unsafe {
        Op::new(IORING_OP_EPOLL_CTL, set.as_raw_fd(), |sqe| {
            sqe.set_addr(event.addr());
            sqe.len = op as u32;
            sqe.set_off(fd as u64);
        })
    }
}

/// Waits for events.
fn wait(set: &OwnedFd, events: Mem) -> Op {
    // SAFETY: the events have room for as many as `len` says, and are never given back.
    unsafe {
        Op::new(IORING_OP_EPOLL_WAIT, set.as_raw_fd(), |sqe| {
            sqe.set_addr(events.addr());
            sqe.len = events.len() / EVENT as u32;
        })
    }
}

/// What the set has now, by the system call: events and data.
fn ready(set: &OwnedFd) -> Result<Vec<(u32, u64)>, Stop> {
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
    // SAFETY: there is room for 8 events.
    let n = unsafe { libc::epoll_wait(set.as_raw_fd(), events.as_mut_ptr(), 8, 0) };
    ensure!(n >= 0, "epoll_wait: {}", std::io::Error::last_os_error());
    Ok(events[..n as usize]
        .iter()
        .map(|event| (event.events, event.u64))
        .collect())
}

/// Files that are wrong, changes that cannot be made.
fn ctl_bad(cx: &mut Context) -> Run {
    let set = epoll()?;
    let file = pattern_file(cx, "f", 1)?;
    let (reader, _writer) = pipe()?;
    let (add, modify, delete) = (
        libc::EPOLL_CTL_ADD,
        libc::EPOLL_CTL_MOD,
        libc::EPOLL_CTL_DEL,
    );
    let op = |op, fd| ctl(&set, op, fd, libc::EPOLLIN, 0);
    let good = op(add, reader.as_raw_fd());
    let mut ring = ring()?;
    refuses(
        &mut ring,
        &[
            ("set -1", good.fd(-1), libc::EBADF),
            ("a file as set", good.on(&file), libc::EINVAL),
            ("fd -1", op(add, -1), libc::EBADF),
            ("a regular file", op(add, file.as_raw_fd()), libc::EPERM),
            ("the set itself", op(add, set.as_raw_fd()), libc::EINVAL),
            (
                "a change of what is not there",
                op(modify, reader.as_raw_fd()),
                libc::ENOENT,
            ),
            (
                "removal of what is not there",
                op(delete, reader.as_raw_fd()),
                libc::ENOENT,
            ),
            ("an unknown change", op(9, reader.as_raw_fd()), libc::EINVAL),
            ("no event", good.nowhere(), libc::EFAULT),
        ],
    )?;
    ensure_eq!(Res(ring.run(good)?.res), Res(0), "a good one");
    refuses(&mut ring, &[("the same again", good, libc::EEXIST)])
}

/// What is added is waited for, as it was added and as it was changed; what is removed is not.
fn ctl_set(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let set = epoll()?;
    let (reader, writer) = pipe()?;
    File::from(writer).write_all(b"x")?;
    let fd = reader.as_raw_fd();
    for (what, op, data, expected) in [
        ("added", libc::EPOLL_CTL_ADD, 7, Some(7)),
        ("changed", libc::EPOLL_CTL_MOD, 1 << 40, Some(1 << 40)),
        ("removed", libc::EPOLL_CTL_DEL, 0, None),
    ] {
        ensure_eq!(
            Res(ring.run(ctl(&set, op, fd, libc::EPOLLIN, data))?.res),
            Res(0),
            "{what}"
        );
        let got: Vec<u64> = ready(&set)?.iter().map(|(_, data)| *data).collect();
        ensure_eq!(
            got,
            expected.into_iter().collect::<Vec<u64>>(),
            "ready when {what}"
        );
    }
    pass()
}

/// Files, counts and addresses that are wrong.
fn wait_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let set = epoll()?;
    let (reader, writer) = pipe()?;
    drop(writer);
    let file = pattern_file(cx, "f", 1)?;
    ensure_eq!(
        Res(ring
            .run(ctl(
                &set,
                libc::EPOLL_CTL_ADD,
                reader.as_raw_fd(),
                libc::EPOLLIN,
                0
            ))?
            .res),
        Res(0),
        "add"
    );
    let op = wait(&set, Mem::zeroed(EVENT));
    cx.accepted(ring.run(op)?.res)?;
    refuses(
        &mut ring,
        &[
            ("fd -1", op.fd(-1), libc::EBADF),
            ("a file", op.on(&file), libc::EINVAL),
            ("no room", op.nowhere(), libc::EFAULT),
            ("room for none", wait(&set, Mem::zeroed(0)), libc::EINVAL),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// An event that is there, and one that comes.
fn wait_events(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let set = epoll()?;
    let pipes = [pipe()?, pipe()?];
    for (i, (reader, _)) in pipes.iter().enumerate() {
        let add = ctl(
            &set,
            libc::EPOLL_CTL_ADD,
            reader.as_raw_fd(),
            libc::EPOLLIN,
            100 + i as u64,
        );
        ensure_eq!(Res(ring.run(add)?.res), Res(0), "add");
    }
    let events = Mem::zeroed(4 * EVENT);
    let data = |i: usize| events.part(i * EVENT + DATA, 8).read::<u64>();
    let [(_first, first_end), (_second, second_end)] = pipes;
    File::from(second_end).write_all(b"x")?;
    let res = ring.run(wait(&set, events))?.res;
    ensure_eq!(cx.accepted(res)?, 1, "events that were there");
    ensure_eq!(data(0), 101, "data of the event");
    File::from(first_end).write_all(b"x")?;
    ensure_eq!(
        Res(ring.run(wait(&set, events))?.res),
        Res(2),
        "events of both"
    );
    let mut got = [data(0), data(1)];
    got.sort_unstable();
    ensure_eq!(got, [100, 101], "data of both");

    let (set, (reader, writer)) = (epoll()?, pipe()?);
    let add = ctl(
        &set,
        libc::EPOLL_CTL_ADD,
        reader.as_raw_fd(),
        libc::EPOLLIN,
        55,
    );
    ensure_eq!(Res(ring.run(add)?.res), Res(0), "add");
    ring.start(&[wait(&set, events)])?;
    ensure!(ring.reap().is_none(), "completed without an event");
    File::from(writer).write_all(b"x")?;
    ensure_eq!(
        (Res(ring.wait()?.res), data(0)),
        (Res(1), 55),
        "an event that came"
    );
    pass()
}
