//! What waits: polls, timeouts, futexes, children; and what ends the wait.

use std::io::Write as _;
use std::process::Command;

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::{self, Timespec};
use uring_sys::IOSQE_IO_LINK;

use super::{case, fd, give, op, run, together};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::support::epoll::Epoll;
use crate::support::files::pipe;
use crate::support::names::Res;
use crate::typed::Typed;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/raw/async_cancel",
        &["IORING_OP_ASYNC_CANCEL"],
        (5, 5),
        async_cancel,
    ),
    case(
        "uring/raw/epoll_ctl",
        &["IORING_OP_EPOLL_CTL"],
        (5, 6),
        epoll_ctl,
    ),
    case(
        "uring/raw/epoll_wait",
        &["IORING_OP_EPOLL_WAIT"],
        (6, 15),
        epoll_wait,
    ),
    case(
        "uring/raw/futex_wait",
        &["IORING_OP_FUTEX_WAIT"],
        (6, 7),
        futex_wait,
    ),
    case(
        "uring/raw/futex_waitv",
        &["IORING_OP_FUTEX_WAITV"],
        (6, 7),
        futex_waitv,
    ),
    case(
        "uring/raw/futex_wake",
        &["IORING_OP_FUTEX_WAKE"],
        (6, 7),
        futex_wait,
    ),
    case(
        "uring/raw/link_timeout",
        &["IORING_OP_LINK_TIMEOUT"],
        (5, 5),
        link_timeout,
    ),
    case(
        "uring/raw/poll_add",
        &["IORING_OP_POLL_ADD"],
        (5, 1),
        poll_add,
    ),
    case(
        "uring/raw/poll_remove",
        &["IORING_OP_POLL_REMOVE"],
        (5, 1),
        poll_remove,
    ),
    case("uring/raw/timeout", &["IORING_OP_TIMEOUT"], (5, 4), timeout),
    case(
        "uring/raw/timeout_remove",
        &["IORING_OP_TIMEOUT_REMOVE"],
        (5, 5),
        timeout_remove,
    ),
    case("uring/raw/waitid", &["IORING_OP_WAITID"], (6, 7), waitid),
];

/// A time span, as long as the process.
fn span(seconds: u64, nanoseconds: u32) -> *const Timespec {
    Box::leak(Box::new(Timespec::new().sec(seconds).nsec(nanoseconds)))
}

/// Waits for `first`, which is tagged 0, with `ender` that is tagged 1, and gives both results.
#[track_caller]
fn ended(
    ring: &mut Typed,
    first: safe::uring::raw::squeue::Entry,
    ender: safe::uring::raw::squeue::Entry,
) -> Result<[Res; 2], crate::case::Stop> {
    let cqes = together(ring, &[first, ender])?;
    Ok([Res(cqes[0].res), Res(cqes[1].res)])
}

const READABLE: u32 = libc::POLLIN as u32;

fn async_cancel(_: &mut Context) -> Run {
    let (mut ring, (reader, _writer)) = (Typed::new()?, pipe()?);
    let poll = PollAdd::new(fd(&reader), READABLE).build();
    let got = ended(&mut ring, poll, AsyncCancel::new(0).build())?;
    ensure_eq!(got, [Res(-libc::ECANCELED), Res(0)], "poll and cancel");
    let none = AsyncCancel::new(55).build();
    give(&mut ring, &[("nothing to cancel", none, -libc::ENOENT)])
}

fn poll_remove(_: &mut Context) -> Run {
    let (mut ring, (reader, _writer)) = (Typed::new()?, pipe()?);
    let poll = PollAdd::new(fd(&reader), READABLE).build();
    let got = ended(&mut ring, poll, PollRemove::new(0).build())?;
    ensure_eq!(got, [Res(-libc::ECANCELED), Res(0)], "poll and removal");
    give(
        &mut ring,
        &[(
            "nothing to remove",
            PollRemove::new(55).build(),
            -libc::ENOENT,
        )],
    )
}

fn poll_add(_: &mut Context) -> Run {
    let (mut ring, (reader, writer)) = (Typed::new()?, pipe()?);
    std::fs::File::from(writer.try_clone()?).write_all(b"x")?;
    let entry = |file, events| PollAdd::new(file, events).build();
    give(
        &mut ring,
        &[
            (
                "readable",
                entry(fd(&reader), READABLE),
                libc::POLLIN.into(),
            ),
            (
                "writable",
                entry(fd(&writer), libc::POLLOUT as u32),
                libc::POLLOUT.into(),
            ),
            ("fd -1", entry(types::Fd(-1), READABLE), -libc::EBADF),
        ],
    )
}

fn timeout(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let counted = Timeout::new(span(1000, 0)).count(1).build();
    let got = ended(&mut ring, counted, Nop::new().build())?;
    ensure_eq!(got, [Res(0), Res(0)], "after one completion");
    let unknown = types::TimeoutFlags::from_bits_retain(1 << 20);
    give(
        &mut ring,
        &[
            (
                "a nanosecond",
                Timeout::new(span(0, 1)).build(),
                -libc::ETIME,
            ),
            (
                "unknown flags",
                Timeout::new(span(0, 1)).flags(unknown).build(),
                -libc::EINVAL,
            ),
        ],
    )
}

fn timeout_remove(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let long = Timeout::new(span(1000, 0)).build();
    let got = ended(&mut ring, long, TimeoutRemove::new(0).build())?;
    ensure_eq!(got, [Res(-libc::ECANCELED), Res(0)], "timeout and removal");
    give(
        &mut ring,
        &[(
            "nothing to remove",
            TimeoutRemove::new(55).build(),
            -libc::ENOENT,
        )],
    )
}

fn link_timeout(_: &mut Context) -> Run {
    let (mut ring, (reader, _writer)) = (Typed::new()?, pipe()?);
    let linked = |seconds, nanoseconds| {
        [
            op(PollAdd::new(fd(&reader), READABLE).build()).with(IOSQE_IO_LINK),
            op(LinkTimeout::new(span(seconds, nanoseconds)).build()).tag(1),
        ]
    };
    ring.start(&linked(0, 1))?;
    let cqes = ring.finish(2)?;
    ensure_eq!(
        [Res(cqes[0].res), Res(cqes[1].res)],
        [Res(-libc::ECANCELED), Res(-libc::ETIME)],
        "poll and timeout"
    );
    let alone = LinkTimeout::new(span(0, 1)).build();
    give(&mut ring, &[("linked to nothing", alone, -libc::EINVAL)])
}

fn futex_wait(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let word = Mem::value(7u32);
    let at = word.as_ptr().cast_const().cast();
    let (size, any) = (libc::FUTEX2_SIZE_U32 as u32, u64::from(u32::MAX));
    let wait = |value| FutexWait::new(at, value, any, size).build();
    let wake = |flags| FutexWake::new(at, 1, any, flags).build();
    cx.accepted(run(&mut ring, wake(size))?)?;
    ensure_eq!(
        ended(&mut ring, wait(7), wake(size))?,
        [Res(0), Res(1)],
        "wait and wake"
    );
    give(
        &mut ring,
        &[
            ("another value", wait(8), -libc::EAGAIN),
            ("unknown flags", wake(1 << 20), -libc::EINVAL),
        ],
    )
}

fn futex_waitv(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let words = Mem::value([7u32, 8]);
    let size = libc::FUTEX2_SIZE_U32 as u32;
    let second = words.part(4, 4).as_ptr().cast_const().cast();
    let wait = |expected: u64| {
        let one = |at: usize, value| {
            let address = words.part(at, 4).addr();
            types::FutexWaitV::new()
                .val(value)
                .uaddr(address)
                .flags(size)
        };
        let both: &'static [_; 2] = Box::leak(Box::new([one(0, 7), one(4, expected)]));
        FutexWaitV::new(both.as_ptr(), 2).build()
    };
    let wake = FutexWake::new(second, 1, u64::from(u32::MAX), size).build();
    cx.accepted(run(&mut ring, wake.clone())?)?;
    ensure_eq!(
        ended(&mut ring, wait(8), wake)?,
        [Res(1), Res(1)],
        "wait and wake"
    );
    let none = FutexWaitV::new(std::ptr::null(), 0).build();
    give(
        &mut ring,
        &[
            ("another value", wait(9), -libc::EAGAIN),
            ("no words", none, -libc::EINVAL),
        ],
    )
}

fn waitid(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let child = Command::new("/proc/self/exe")
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let info = Mem::zeroed(size_of::<libc::siginfo_t>());
    let entry = |pid, options| {
        WaitId::new(libc::P_PID, pid, options)
            .infop(info.as_ptr().cast_const().cast())
            .build()
    };
    cx.accepted(run(&mut ring, entry(child.id(), libc::WEXITED))?)?;
    ensure_eq!(info.part(0, 4).read::<i32>(), libc::SIGCHLD, "si_signo");
    give(
        &mut ring,
        &[
            (
                "no child any more",
                entry(child.id(), libc::WEXITED),
                -libc::ECHILD,
            ),
            ("unknown options", entry(child.id(), 1 << 10), -libc::EINVAL),
        ],
    )
}

fn epoll_ctl(_: &mut Context) -> Run {
    let (mut ring, set, (reader, writer)) = (Typed::new()?, Epoll::new()?, pipe()?);
    std::fs::File::from(writer).write_all(b"x")?;
    let event = Mem::zeroed(size_of::<libc::epoll_event>());
    event.set(0, &(libc::EPOLLIN as u32).to_ne_bytes());
    // The number comes last, with or without a gap before it.
    event.set(event.len() as usize - 8, &77u64.to_ne_bytes());
    let event = event.as_ptr().cast_const().cast();
    let entry = |what| EpollCtl::new(fd(&set), fd(&reader), what, event).build();
    give(
        &mut ring,
        &[
            ("modify none", entry(libc::EPOLL_CTL_MOD), -libc::ENOENT),
            ("add", entry(libc::EPOLL_CTL_ADD), 0),
            ("add again", entry(libc::EPOLL_CTL_ADD), -libc::EEXIST),
        ],
    )?;
    ensure_eq!(set.ready()?, Some(77), "what is ready");
    pass()
}

fn epoll_wait(cx: &mut Context) -> Run {
    let (mut ring, set, (reader, writer)) = (Typed::new()?, Epoll::new()?, pipe()?);
    std::fs::File::from(writer).write_all(b"x")?;
    set.add(&reader, 77)?;
    let room = Mem::zeroed(2 * size_of::<libc::epoll_event>());
    let entry = |most| EpollWait::new(fd(&set), room.as_ptr().cast(), most).build();
    ensure_eq!(cx.accepted(run(&mut ring, entry(2))?)?, 1, "events");
    let at = size_of::<libc::epoll_event>() - 8;
    ensure!(room.part(at, 8).get() == 77u64.to_ne_bytes(), "data");
    give(&mut ring, &[("no room", entry(0), -libc::EINVAL)])
}
