//! Completions seen from elsewhere: eventfd, messages, cancelling.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use uring_sys::*;

use super::super::send_msg_ring;
use super::{Ring, entry, refused, ring};
use crate::uring::raw::squeue::Entry;
use crate::uring::raw::types::{CancelBuilder, Fd, Timespec};

fn eventfd() -> OwnedFd {
    // SAFETY: the call takes no memory; what it answers is ours.
    unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)) }
}

/// What an eventfd has counted since the last time.
fn counted(eventfd: &OwnedFd) -> u64 {
    let mut count = 0u64;
    // SAFETY: 8 bytes into a live integer.
    match unsafe { libc::read(eventfd.as_raw_fd(), (&raw mut count).cast(), 8) } {
        8 => count,
        _ => 0,
    }
}

/// What an eventfd has counted, waiting until that is something: the worker signals after it has completed.
fn counted_soon(eventfd: &OwnedFd) -> u64 {
    let mut poll = libc::pollfd {
        fd: eventfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one live struct.
    unsafe { libc::poll(&mut poll, 1, 10_000) };
    counted(eventfd)
}

fn nop(ring: &Ring) {
    // SAFETY: the entry names no memory.
    assert_eq!(unsafe { ring.run(entry(IORING_OP_NOP, -1)) }.unwrap(), 0);
}

/// Waits for an eventfd that stays at 0: until it is cancelled.
fn poll(ring: &Ring, fd: &OwnedFd, user_data: u64) {
    let mut sqe = entry(IORING_OP_POLL_ADD, fd.as_raw_fd());
    sqe.set_poll32_events(libc::POLLIN as u32);
    sqe.user_data = user_data;
    // SAFETY: the entry names no memory.
    unsafe { ring.submit(sqe) }.unwrap();
}

#[test]
fn an_eventfd_counts_completions() {
    let (ring, fd) = (ring(), eventfd());
    let submitter = ring.submitter();
    submitter.register_eventfd(fd.as_fd()).unwrap();
    nop(&ring);
    assert_eq!(counted(&fd), 1);
    refused!(submitter.register_eventfd(fd.as_raw_fd()), EBUSY);
    submitter.unregister_eventfd().unwrap();
    nop(&ring);
    assert_eq!(counted(&fd), 0);
    refused!(submitter.unregister_eventfd(), ENXIO);
    refused!(submitter.register_eventfd(-1), EBADF);
    refused!(submitter.register_eventfd(ring.as_fd()), EINVAL);
}

#[test]
fn an_asynchronous_eventfd_counts_what_workers_complete() {
    let (ring, fd) = (ring(), eventfd());
    let submitter = ring.submitter();
    submitter.register_eventfd_async(fd.as_fd()).unwrap();
    nop(&ring);
    assert_eq!(counted(&fd), 0);
    let mut sqe = entry(IORING_OP_NOP, -1);
    sqe.flags = IOSQE_ASYNC;
    // SAFETY: the entry names no memory.
    assert_eq!(unsafe { ring.run(sqe) }.unwrap(), 0);
    assert_eq!(counted_soon(&fd), 1);
    refused!(submitter.register_eventfd_async(-1), EBUSY);
    submitter.unregister_eventfd().unwrap();
    refused!(submitter.register_eventfd_async(-1), EBADF);
}

#[test]
fn a_message_needs_no_ring_of_ones_own() {
    let ring = ring();
    let message = |fd| {
        let mut sqe = entry(IORING_OP_MSG_RING, fd);
        sqe.set_addr(IORING_MSG_DATA);
        sqe.len = 5;
        sqe.set_off(99);
        let mut message = sqe_entry();
        *message.as_raw_mut() = sqe;
        message
    };
    // SAFETY: the test reaps the ring itself.
    unsafe { send_msg_ring(&message(ring.as_fd().as_raw_fd())) }.unwrap();
    let cqe = ring.wait().unwrap();
    assert_eq!((cqe.user_data, cqe.res, cqe.flags), (99, 5, 0));
    let other = eventfd();
    // SAFETY: there is no target.
    unsafe {
        refused!(send_msg_ring(&message(-1)), EBADF);
        refused!(send_msg_ring(&message(other.as_raw_fd())), EBADFD);
        refused!(send_msg_ring(&sqe_entry()), EINVAL);
    }
}

fn sqe_entry() -> Entry {
    Entry(entry(IORING_OP_NOP, -1))
}

#[test]
fn a_poll_is_cancelled_before_the_call_returns() {
    let (ring, fd) = (ring(), eventfd());
    let submitter = ring.submitter();
    poll(&ring, &fd, 41);
    assert!(ring.reap().is_none());
    refused!(
        submitter.register_sync_cancel(None, CancelBuilder::user_data(40)),
        ENOENT
    );
    submitter
        .register_sync_cancel(None, CancelBuilder::user_data(41))
        .unwrap();
    let cqe = ring.wait().unwrap();
    assert_eq!((cqe.user_data, cqe.res), (41, -libc::ECANCELED));
    for user_data in 1..=3 {
        poll(&ring, &fd, user_data);
    }
    let on_the_file = CancelBuilder::fd(Fd(fd.as_raw_fd())).all();
    submitter
        .register_sync_cancel(Some(Timespec::new()), on_the_file)
        .unwrap();
    for _ in 1..=3 {
        assert_eq!(ring.wait().unwrap().res, -libc::ECANCELED);
    }
    refused!(
        submitter.register_sync_cancel(None, CancelBuilder::fd(Fd(-1))),
        EBADF
    );
}
