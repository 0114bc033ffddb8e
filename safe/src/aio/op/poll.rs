//! Waiting for a file to be ready.

use std::os::fd::{AsFd, AsRawFd};

use super::settings::notifying;
use super::{Cancellable, Completion, Error, Iocb, Operation};
use crate::aio::EventFd;
use crate::aio::raw::{PollFlags, iocb};

/// Waits, once, until a file is ready, as poll(2) does: sockets, pipes, eventfds and the like. Since Linux 4.19.
///
/// Of what the kernel reports only what was asked for comes back, and errors and hang-ups, which are reported
/// unasked. To wait again, push what [`Polled::again`] gives.
///
/// Closing the file elsewhere does not end it; [`Context::cancel`](crate::aio::Context::cancel) and dropping its
/// ticket do.
///
/// # Errors
///
/// `EINVAL`, as a refusal, for a file with more than one wait queue that is not ready yet (a terminal, a FIFO that is
/// open for both), and for one that never is what was asked for (a regular file and [`PollFlags::PRI`]).
/// `ECANCELED` after a cancel.
#[derive(Debug)]
pub struct Poll<F> {
    file: F,
    asked: PollFlags,
    notify: Option<EventFd>,
}

/// What a file is ready for, and the file.
#[derive(Debug)]
#[must_use = "the result tells what the file is ready for"]
pub struct Polled<F> {
    /// What it is ready for, never empty; or why nobody knows.
    pub result: Result<PollFlags, Error>,
    /// The file.
    pub file: F,
    /// What was asked for.
    pub asked: PollFlags,
    notify: Option<EventFd>,
}

impl<F: AsFd> Poll<F> {
    /// Which file, and what to wait for.
    #[inline]
    pub fn new(file: F, asked: PollFlags) -> Self {
        Self {
            file,
            asked,
            notify: None,
        }
    }

    /// Adds 1 to this eventfd when the file is ready or the poll in flight was cancelled; not if it is refused, or
    /// taken out of the queue.
    #[must_use]
    pub fn notify(mut self, eventfd: &EventFd) -> Self {
        self.notify = Some(eventfd.clone());
        self
    }
}

impl<F: AsFd> Polled<F> {
    /// The same poll again.
    pub fn again(self) -> Poll<F> {
        Poll {
            file: self.file,
            asked: self.asked,
            notify: self.notify,
        }
    }
}

// SAFETY: the request names no memory. The descriptor is that of a file that the value owns or borrows.
unsafe impl<F: AsFd> Operation for Poll<F> {
    const NAME: &'static str = "POLL";

    type Output = Polled<F>;

    #[inline]
    fn prepare(&mut self) -> Iocb {
        let request = iocb::Poll::new(self.file.as_fd().as_raw_fd(), self.asked);
        notifying(request, self.notify.as_ref()).build()
    }

    #[inline]
    unsafe fn complete(self, completion: Completion) -> Self::Output {
        // A poll that is cancelled in the kernel is ready for nothing, and no other is.
        let completion = if completion.res == 0 {
            Completion::CANCELLED
        } else {
            completion
        };
        let ready = Error::check::<Self>(completion);
        Polled {
            result: ready.map(|ready| {
                PollFlags::from_bits_retain(ready as u16) & (self.asked | PollFlags::ALWAYS)
            }),
            file: self.file,
            asked: self.asked,
            notify: self.notify,
        }
    }
}

impl<F: AsFd> Cancellable for Poll<F> {}
