//! An eventfd that tells of completions.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use uring_sys::*;

use super::bare;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::NOWHERE;
use crate::ring::ops::nop;
use crate::support::files::pattern_file;
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/register/eventfd/bad",
        &["IORING_REGISTER_EVENTFD", "IORING_UNREGISTER_EVENTFD"],
        kernel(5, 2),
        bad,
    ),
    Case::new(
        "uring/register/eventfd/counts",
        &["IORING_REGISTER_EVENTFD", "IORING_UNREGISTER_EVENTFD"],
        kernel(5, 2),
        counts,
    ),
    Case::new(
        "uring/register/eventfd/disabled",
        &["IORING_CQ_EVENTFD_DISABLED", "IORING_REGISTER_EVENTFD"],
        kernel(5, 8),
        disabled,
    ),
    Case::new(
        "uring/register/eventfd/shared",
        &["IORING_REGISTER_EVENTFD"],
        kernel(5, 2),
        shared,
    ),
    Case::new(
        "uring/register/eventfd_async/bad",
        &["IORING_REGISTER_EVENTFD_ASYNC"],
        kernel(5, 6),
        async_bad,
    ),
    Case::new(
        "uring/register/eventfd_async/workers",
        &["IORING_REGISTER_EVENTFD_ASYNC"],
        kernel(5, 6),
        workers,
    ),
];

/// A new eventfd, at 0.
fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no memory.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What it has counted since the last time.
fn counted(eventfd: &OwnedFd) -> u64 {
    let mut count = 0u64;
    // SAFETY: 8 bytes into a live integer.
    match unsafe { libc::read(eventfd.as_raw_fd(), (&raw mut count).cast(), 8) } {
        8 => count,
        _ => 0,
    }
}

/// Waits until it has counted, and answers how many.
fn counted_in_the_end(eventfd: &OwnedFd) -> u64 {
    let mut poll = libc::pollfd {
        fd: eventfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one live struct. No timeout: a case has a time limit.
    unsafe { libc::poll(&mut poll, 1, -1) };
    counted(eventfd)
}

/// It counts for each submission that completes something, at least once and at most for each completion.
fn counts(_: &mut Context) -> Run {
    let (mut ring, fd) = (Typed::new()?, eventfd()?);
    ring.submitter().register_eventfd(fd.as_fd())?;
    ensure_eq!(counted(&fd), 0, "counted before anything completed");
    for batch in [1usize, 5] {
        ring.start(&vec![nop(); batch])?;
        let count = counted(&fd);
        ensure!(
            (1..=batch as u64).contains(&count),
            "{batch} completions counted as {count}"
        );
        ring.finish(batch)?;
    }
    ring.submitter().unregister_eventfd()?;
    ring.run(nop())?;
    ensure_eq!(counted(&fd), 0, "counted when unregistered");
    // It may be registered again.
    ring.submitter().register_eventfd(fd.as_fd())?;
    ring.run(nop())?;
    ensure_eq!(counted(&fd), 1, "counted when registered again");
    pass()
}

/// What is no eventfd, and one too many or too few.
fn bad(cx: &mut Context) -> Run {
    let (ring, fd) = (Typed::new()?, eventfd()?);
    let file = pattern_file(cx, "f", 1)?;
    let submitter = ring.submitter();
    all_refused([
        ("none there", submitter.unregister_eventfd(), libc::ENXIO),
        ("not open", submitter.register_eventfd(-1), libc::EBADF),
        (
            "a file",
            submitter.register_eventfd(file.as_fd()),
            libc::EINVAL,
        ),
        (
            "the ring",
            submitter.register_eventfd(ring.as_fd()),
            libc::EINVAL,
        ),
    ])?;
    let nowhere = std::ptr::without_provenance(NOWHERE as usize);
    // SAFETY: there is no memory at the address.
    unsafe {
        let opcode = IORING_REGISTER_EVENTFD;
        refused("no address", bare(&ring, opcode, nowhere, 1), libc::EFAULT)?;
        refused("two of them", bare(&ring, opcode, nowhere, 2), libc::EINVAL)?;
    }
    submitter.register_eventfd(fd.as_fd())?;
    refused(
        "a second",
        submitter.register_eventfd(fd.as_fd()),
        libc::EBUSY,
    )
}

/// The application can switch it off and on in the ring.
fn disabled(_: &mut Context) -> Run {
    let (mut ring, fd) = (Typed::new()?, eventfd()?);
    ring.submitter().register_eventfd(fd.as_fd())?;
    for (disable, expected) in [(true, 0), (false, 1), (true, 0)] {
        let queue = ring.uring.completion();
        if disable {
            queue.disable_eventfd();
        } else {
            queue.enable_eventfd();
        }
        ensure_eq!(queue.eventfd_disabled(), disable, "the flag in the ring");
        drop(queue);
        ring.run(nop())?;
        ensure_eq!(counted(&fd), expected, "counted, with disabled {disable}");
    }
    pass()
}

/// One eventfd tells of several rings.
fn shared(_: &mut Context) -> Run {
    let (mut rings, fd) = ([Typed::new()?, Typed::new()?], eventfd()?);
    for ring in &rings {
        ring.submitter().register_eventfd(fd.as_fd())?;
    }
    for ring in &mut rings {
        ring.run(nop())?;
    }
    ensure_eq!(counted(&fd), 2, "counted");
    pass()
}

/// What completes within the submission does not count, what a worker does counts.
fn workers(_: &mut Context) -> Run {
    let (mut ring, fd) = (Typed::new()?, eventfd()?);
    ring.submitter().register_eventfd_async(fd.as_fd())?;
    ring.run(nop())?;
    ensure_eq!(counted(&fd), 0, "counted of what completed at once");
    ring.run(nop().with(IOSQE_ASYNC))?;
    // The worker completes first, and tells then.
    ensure_eq!(counted_in_the_end(&fd), 1, "counted of what a worker did");
    ring.submitter().unregister_eventfd()?;
    pass()
}

/// Either kind is in the way of the other.
fn async_bad(cx: &mut Context) -> Run {
    let (ring, fd) = (Typed::new()?, eventfd()?);
    let file = pattern_file(cx, "f", 1)?;
    let submitter = ring.submitter();
    all_refused([
        (
            "not open",
            submitter.register_eventfd_async(-1),
            libc::EBADF,
        ),
        (
            "a file",
            submitter.register_eventfd_async(file.as_fd()),
            libc::EINVAL,
        ),
    ])?;
    submitter.register_eventfd_async(fd.as_fd())?;
    all_refused([
        (
            "a second",
            submitter.register_eventfd_async(fd.as_fd()),
            libc::EBUSY,
        ),
        (
            "one of the other kind",
            submitter.register_eventfd(fd.as_fd()),
            libc::EBUSY,
        ),
    ])
}
