//! A ring for tests that say the bytes of an entry.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use uring_sys::{io_uring_cqe, io_uring_sqe};

use crate::uring::raw::squeue::Entry;
use crate::uring::raw::{IoUring, Submitter, cqueue, squeue};

pub(super) struct Ring<C: cqueue::EntryMarker = cqueue::Entry>(
    pub(super) IoUring<squeue::Entry, C>,
);

impl Ring {
    pub(super) fn new(flags: u32) -> io::Result<Self> {
        Self::with(flags)
    }
}

impl<C: cqueue::EntryMarker> Ring<C> {
    /// A ring of these kinds of completions.
    pub(super) fn with(flags: u32) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        // SAFETY: the flags are those that the crate knows.
        unsafe { builder.setup_flags(flags) };
        builder.build(8).map(Self)
    }

    pub(super) fn submitter(&self) -> Submitter<'_> {
        self.0.submitter()
    }

    /// Submits an entry.
    pub(super) unsafe fn submit(&self, sqe: io_uring_sqe) -> io::Result<usize> {
        // SAFETY: the entry by the caller's promise. The ring is not shared with other threads, and no queue of it
        // outlives its statement.
        unsafe { self.0.submission_shared().push(&Entry(sqe)) }.expect("an empty queue has room");
        self.0.submit()
    }

    /// The next completion, if there is one.
    pub(super) fn reap(&self) -> Option<io_uring_cqe> {
        // SAFETY: the ring is not shared with other threads, and no queue of it outlives its statement.
        let next = unsafe { self.0.completion_shared().next() };
        next.map(|entry| entry.into().0)
    }

    /// The next completion, waiting for it.
    pub(super) fn wait(&self) -> io::Result<io_uring_cqe> {
        loop {
            if let Some(cqe) = self.reap() {
                return Ok(cqe);
            }
            self.0.submit_and_wait(1)?;
        }
    }

    /// Has the kernel do what it does when it is entered to wait.
    pub(super) fn flush(&self) -> io::Result<()> {
        let flags = uring_sys::IORING_ENTER_GETEVENTS;
        // SAFETY: no argument, and the queue is empty.
        unsafe { self.submitter().enter::<()>(0, 0, flags, None) }.map(drop)
    }

    /// Submits an entry and answers the result of its completion, or the error of the call.
    pub(super) unsafe fn run(&self, sqe: io_uring_sqe) -> io::Result<i32> {
        // SAFETY: by the caller's promise.
        unsafe { self.submit(sqe) }?;
        Ok(self.wait()?.res)
    }
}

impl<C: cqueue::EntryMarker> AsFd for Ring<C> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
