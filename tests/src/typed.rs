//! The ring of `safe::uring::raw`, for cases: what goes wrong in that layer fails them too.
//!
//! Operations are the [`Op`]s of the bare [ring](crate::ring), and completions its [`Cqe`]s, so that a case may use
//! either ring for the same question.

pub mod buffers;
pub mod ops;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use safe::error::RingError;
use safe::uring::raw::types::{SubmitArgs, Timespec};
use safe::uring::raw::{Builder, IoUring, Submitter, opcode, squeue};
use uring_sys::IORING_ENTER_GETEVENTS;

use crate::case::{Run, Stop, pass};
use crate::ring::Cqe;
use crate::ring::op::Op;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

/// A ring of 16, through the typed layer.
#[derive(Debug)]
pub struct Typed {
    /// The ring itself.
    pub uring: IoUring,
}

impl Typed {
    /// A ring without flags.
    pub fn new() -> io::Result<Typed> {
        Typed::with(|builder| builder)
    }

    /// A ring with what `set` asks for.
    pub fn with(set: impl FnOnce(&mut Builder) -> &mut Builder) -> io::Result<Typed> {
        let mut builder = IoUring::builder();
        set(&mut builder);
        let uring = builder.build(16)?;
        Ok(Typed { uring })
    }

    /// What registers and enters.
    pub fn submitter(&self) -> Submitter<'_> {
        self.uring.submitter()
    }

    /// Puts operations into the queue. Panics if it is full.
    pub fn push(&mut self, ops: &[Op]) {
        let mut queue = self.uring.submission();
        for op in ops {
            // SAFETY: an `Op` names no memory but such as stays, or such as is not there.
            unsafe { queue.push(&entry(*op)) }.expect("room in the queue");
        }
    }

    /// Submits operations, all of which must be taken.
    #[track_caller]
    pub fn start(&mut self, ops: &[Op]) -> Run {
        self.push(ops);
        let taken = self.uring.submit()?;
        ensure_eq!(taken, ops.len(), "number of operations submitted");
        pass()
    }

    /// The next completion that is in the queue.
    pub fn reap(&mut self) -> Option<Cqe> {
        self.uring.completion().next().map(|cqe| Cqe {
            user_data: cqe.user_data(),
            res: cqe.result(),
            flags: cqe.flags(),
            extra: None,
        })
    }

    /// The next completion; waits for it, forever if need be: a case has a time limit.
    #[track_caller]
    pub fn wait(&mut self) -> Result<Cqe, Stop> {
        loop {
            if let Some(cqe) = self.reap() {
                return Ok(cqe);
            }
            match self.uring.submit_and_wait(1) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => drop(result?),
            }
        }
    }

    /// Has the kernel do what it does when it is entered to wait, and answers what is in the queue then.
    #[track_caller]
    pub fn flushed(&mut self) -> Result<Option<Cqe>, Stop> {
        // SAFETY: no argument; nothing is submitted.
        unsafe {
            self.submitter()
                .enter::<()>(0, 0, IORING_ENTER_GETEVENTS, None)
        }?;
        Ok(self.reap())
    }

    /// Runs one operation and returns its one completion.
    #[track_caller]
    pub fn run(&mut self, op: Op) -> Result<Cqe, Stop> {
        self.start(&[op])?;
        let cqe = self.wait()?;
        ensure_eq!(cqe.user_data, op.sqe().user_data, "user_data");
        Ok(cqe)
    }

    /// The completions until `count` operations have ended, in the order of their `user_data`.
    #[track_caller]
    pub fn finish(&mut self, mut count: usize) -> Result<Vec<Cqe>, Stop> {
        let mut cqes = Vec::new();
        while count > 0 {
            let cqe = self.wait()?;
            ensure!(cqes.len() < 1000, "no end of completions");
            count -= usize::from(!cqe.more());
            cqes.push(cqe);
        }
        cqes.sort_by_key(|cqe| cqe.user_data);
        Ok(cqes)
    }

    /// How a wait for one completion ends that none comes for, with a timeout.
    pub fn timed_wait(&self, timeout: Duration) -> Result<usize, Errno> {
        let timeout = Timespec::from(timeout);
        let args = SubmitArgs::new().timespec(&timeout);
        let waited = self.submitter().submit_with_args(1, &args);
        waited.map_err(|error| errno(&error))
    }
}

impl AsFd for Typed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.uring.as_fd()
    }
}

impl AsRawFd for Typed {
    fn as_raw_fd(&self) -> RawFd {
        self.uring.as_raw_fd()
    }
}

/// An operation as the entry of the typed layer.
pub fn entry(op: Op) -> squeue::Entry {
    let mut entry = opcode::Nop::new().build();
    *entry.as_raw_mut() = op.sqe();
    entry
}

/// The errno that the kernel gave, also of an error that says more. 0 if it was not the kernel.
pub fn errno(error: &io::Error) -> Errno {
    let of_ring = || error.get_ref()?.downcast_ref::<RingError>();
    let errno = error
        .raw_os_error()
        .or_else(|| of_ring().map(RingError::raw_os_error));
    Errno(errno.unwrap_or(0))
}

/// The call must fail with this errno.
#[track_caller]
pub fn refused<T>(what: &str, result: io::Result<T>, expected: i32) -> Run {
    let got = result.map_err(|error| errno(&error)).err();
    ensure_eq!(got, Some(Errno(expected)), "{what}");
    pass()
}

/// Each of these calls must fail with its errno.
#[track_caller]
pub fn all_refused<T>(table: impl IntoIterator<Item = (&'static str, io::Result<T>, i32)>) -> Run {
    for (what, result, errno) in table {
        refused(what, result, errno)?;
    }
    pass()
}
