//! What waits: polls, timeouts, futexes, children; and what ends the wait.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use safe::uring::op::{self, Cancelled, Clock, Elapsed, Expiry, How, Wake};
use safe::uring::raw::types::PollFlags;

use super::{accepted, case, refused, ring, run};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::support::epoll::Epoll;
use crate::support::files::{pattern_file, pipe};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/ring/async_cancel",
        &["IORING_OP_ASYNC_CANCEL"],
        (5, 5),
        async_cancel,
    ),
    case(
        "uring/ring/epoll_ctl",
        &["IORING_OP_EPOLL_CTL"],
        (5, 6),
        epoll_ctl,
    ),
    case(
        "uring/ring/epoll_wait",
        &["IORING_OP_EPOLL_WAIT"],
        (6, 15),
        epoll_wait,
    ),
    case(
        "uring/ring/futex_wait",
        &["IORING_OP_FUTEX_WAIT"],
        (6, 7),
        futex_wait,
    ),
    case(
        "uring/ring/futex_waitv",
        &["IORING_OP_FUTEX_WAITV"],
        (6, 7),
        futex_waitv,
    ),
    case(
        "uring/ring/futex_wake",
        &["IORING_OP_FUTEX_WAKE"],
        (6, 7),
        futex_wait,
    ),
    case(
        "uring/ring/link_timeout",
        &["IORING_OP_LINK_TIMEOUT"],
        (5, 5),
        link_timeout,
    ),
    case(
        "uring/ring/poll_add",
        &["IORING_OP_POLL_ADD"],
        (5, 1),
        poll_add,
    ),
    case(
        "uring/ring/poll_remove",
        &["IORING_OP_POLL_REMOVE"],
        (5, 13),
        poll_update,
    ),
    case(
        "uring/ring/timeout",
        &["IORING_OP_TIMEOUT"],
        (5, 4),
        timeout,
    ),
    case(
        "uring/ring/timeout_remove",
        &["IORING_OP_TIMEOUT_REMOVE"],
        (5, 5),
        timeout_remove,
    ),
    case("uring/ring/waitid", &["IORING_OP_WAITID"], (6, 7), waitid),
];

/// Longer than any case lasts.
const LONG: Duration = Duration::from_secs(1000);

/// Puts an operation into the queue.
#[track_caller]
fn push<O: op::Operation + 'static>(
    ring: &mut safe::uring::Ring,
    operation: O,
) -> Result<safe::uring::Ticket<O>, Stop> {
    ring.push(operation).map_err(Stop::failed)
}

fn async_cancel(cx: &mut Context) -> Run {
    let (mut ring, (reader, _writer)) = (ring()?, pipe()?);
    let poll = push(&mut ring, op::Poll::new(reader, PollFlags::IN))?;
    let token = poll.token();
    let ended = accepted(cx, run(&mut ring, op::Cancel::new(token))?)?;
    ensure_eq!(ended, Cancelled::Cancelled, "the cancel");
    refused("the poll", ring.wait(poll)?.result, libc::ECANCELED)?;
    let none = run(&mut ring, op::Cancel::new(token))??;
    ensure_eq!(none, Cancelled::NotFound, "nothing to cancel");
    pass()
}

fn poll_add(cx: &mut Context) -> Run {
    let (mut ring, (near, mut far)) = (ring()?, UnixStream::pair()?);
    far.write_all(b"x")?;
    let done = run(&mut ring, op::Poll::new(near, PollFlags::IN))?;
    ensure_eq!(accepted(cx, done.result)?, PollFlags::IN, "events");
    let far = push(&mut ring, op::Poll::new(far, PollFlags::PRI))?;
    drop(done.file);
    let events = ring.wait(far)?.result?;
    ensure!(events.contains(PollFlags::HUP), "{events:?}");
    pass()
}

fn poll_update(cx: &mut Context) -> Run {
    let (mut ring, (near, far)) = (ring()?, UnixStream::pair()?);
    let poll = push(&mut ring, op::Poll::new(near, PollFlags::PRI))?;
    let token = poll.token();
    accepted(
        cx,
        run(&mut ring, op::PollUpdate::new(token, PollFlags::IN))?,
    )?;
    (&far).write_all(b"x")?;
    ensure_eq!(ring.wait(poll)?.result?, PollFlags::IN, "events");
    let none = run(&mut ring, op::PollUpdate::new(token, PollFlags::IN))?;
    refused("nothing to update", none, libc::ENOENT)
}

fn timeout(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let short = run(&mut ring, op::Timeout::after(Duration::from_nanos(1)))?;
    ensure_eq!(accepted(cx, short)?, Elapsed::Time, "a nanosecond");
    let counted = push(&mut ring, op::Timeout::after(LONG).count(1))?;
    run(&mut ring, op::Nop::new())??;
    ensure_eq!(ring.wait(counted)??, Elapsed::Count, "after one completion");
    let past = run(&mut ring, op::Timeout::at(Clock::Monotonic, Duration::ZERO))??;
    ensure_eq!(past, Elapsed::Time, "a time that is over");
    pass()
}

fn timeout_remove(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let long = push(&mut ring, op::Timeout::after(LONG))?;
    let token = long.token();
    accepted(cx, run(&mut ring, op::TimeoutRemove::new(token))?)?;
    refused("the timeout", ring.wait(long)?, libc::ECANCELED)?;
    let none = run(&mut ring, op::TimeoutRemove::new(token))?;
    refused("nothing to remove", none, libc::ENOENT)
}

fn link_timeout(cx: &mut Context) -> Run {
    let (mut ring, (reader, _writer)) = (ring()?, pipe()?);
    let chain = op::with_timeout(
        op::Poll::new(reader, PollFlags::IN),
        Duration::from_nanos(1),
    );
    let tickets = ring.push_chain(chain).map_err(Stop::failed)?;
    let (poll, expiry) = ring.wait_chain(tickets)?.outputs;
    ensure_eq!(accepted(cx, expiry)?, Expiry::Fired, "the timeout");
    refused("the poll", poll.result, libc::ECANCELED)?;
    let alone = run(&mut ring, op::LinkTimeout::after(LONG))?;
    refused("linked to nothing", alone, libc::EINVAL)
}

fn futex_wait(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let word = Arc::new(AtomicU32::new(7));
    let none = run(&mut ring, op::FutexWake::new(Arc::clone(&word), 1))?;
    ensure_eq!(accepted(cx, none.result)?, 0, "woken, of none");
    let wait = push(&mut ring, op::FutexWait::new(Arc::clone(&word), 7))?;
    let woken = run(&mut ring, op::FutexWake::new(Arc::clone(&word), 9))?;
    ensure_eq!(woken.result?, 1, "woken");
    ensure_eq!(ring.wait(wait)?.result?, Wake::Woken, "the wait");
    let changed = run(&mut ring, op::FutexWait::new(Arc::clone(&word), 8))?;
    ensure_eq!(changed.result?, Wake::Changed, "another value");
    let bad = run(&mut ring, op::FutexWait::new(word, 7).mask(0))?;
    refused("no bits", bad.result, libc::EINVAL)
}

fn futex_waitv(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let [a, b] = [7, 8].map(|value| Arc::new(AtomicU32::new(value)));
    let other = [(Arc::clone(&a), 7), (Arc::clone(&b), 9)];
    let changed = run(&mut ring, op::FutexWaitAny::new(other))?;
    ensure_eq!(accepted(cx, changed.result)?, None, "another value");
    let both = [(a, 7), (Arc::clone(&b), 8)];
    let wait = push(&mut ring, op::FutexWaitAny::new(both))?;
    ensure_eq!(
        run(&mut ring, op::FutexWake::new(b, 1))?.result?,
        1,
        "woken"
    );
    ensure_eq!(ring.wait(wait)?.result?, Some(1), "which");
    pass()
}

fn waitid(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let mut child = Command::new("/proc/self/exe");
    child.arg("--version").stdout(Stdio::null());
    let child = child.stderr(Stdio::null()).spawn()?;
    let wait = || op::WaitId::child(child.id());
    let status = accepted(cx, run(&mut ring, wait())?.result)?;
    // With what it exits is the program's affair.
    ensure_eq!(status.pid, child.id(), "child");
    ensure!(matches!(status.how, How::Exited(_)), "{:?}", status.how);
    refused(
        "no child any more",
        run(&mut ring, wait())?.result,
        libc::ECHILD,
    )
}

fn epoll_ctl(cx: &mut Context) -> Run {
    let (mut ring, set, (near, mut far)) = (ring()?, Epoll::new()?, UnixStream::pair()?);
    far.write_all(b"x")?;
    let add = op::EpollCtl::add(set, near, PollFlags::IN, 77);
    let done = run(&mut ring, add)?;
    accepted(cx, done.result)?;
    ensure_eq!(done.epoll.ready()?, Some(77), "what is ready");
    let again = op::EpollCtl::add(done.epoll, done.file, PollFlags::IN, 77);
    refused("again", run(&mut ring, again)?.result, libc::EEXIST)
}

fn epoll_wait(cx: &mut Context) -> Run {
    let (mut ring, set, (near, mut far)) = (ring()?, Epoll::new()?, UnixStream::pair()?);
    far.write_all(b"x")?;
    set.add(&near, 77)?;
    let done = run(&mut ring, op::EpollWait::<_, 2>::new(set))?;
    let events: Vec<_> = accepted(cx, done.result)?.iter().collect();
    ensure_eq!(events, [(PollFlags::IN, 77)], "events");
    let file = pattern_file(cx, "f", 1)?;
    let bad = run(&mut ring, op::EpollWait::<_, 2>::new(file))?;
    refused("no set", bad.result, libc::EINVAL)
}
