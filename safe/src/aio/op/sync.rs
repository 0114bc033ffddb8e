//! Making files durable.

use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};

use super::settings::notifying;
use super::{Completion, Error, Iocb, Operation, kind};
use crate::aio::EventFd;
use crate::aio::raw::iocb;

/// What came of an [`Fsync`] or [`Fdsync`], and its file.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Synced<F> {
    /// Why the file is not durable, if it is not.
    pub result: Result<(), Error>,
    /// The file.
    pub file: F,
}

/// An [`Fsync`] or [`Fdsync`].
///
/// What was written before it is submitted becomes durable; writes that are in flight may or may not. It runs in the
/// background on every file system. `EINVAL`, as a refusal, for what cannot be made durable, such as sockets.
#[derive(Debug)]
pub struct Sync<K, F> {
    file: F,
    notify: Option<EventFd>,
    kind: PhantomData<fn() -> K>,
}

/// Makes a file durable, as fsync(2) does. Since Linux 4.18.
pub type Fsync<F> = Sync<kind::Fsync, F>;

/// Makes a file's data durable, as fdatasync(2) does. Since Linux 4.18.
pub type Fdsync<F> = Sync<kind::Fdsync, F>;

impl<K, F: AsFd> Sync<K, F>
where
    Self: Operation,
{
    /// Of which file.
    pub fn new(file: F) -> Self {
        Self {
            file,
            notify: None,
            kind: PhantomData,
        }
    }

    /// Adds 1 to this eventfd when the operation is over; not if it is refused, or taken out of the queue. Since
    /// Linux 2.6.22.
    #[must_use]
    pub fn notify(mut self, eventfd: &EventFd) -> Self {
        self.notify = Some(eventfd.clone());
        self
    }
}

impl<K, F> Sync<K, F> {
    fn done(self, result: Result<usize, Error>) -> Synced<F> {
        Synced {
            result: result.map(drop),
            file: self.file,
        }
    }
}

// SAFETY: the request names no memory. The descriptor is that of a file that the value owns or borrows.
unsafe impl<F: AsFd> Operation for Fsync<F> {
    const NAME: &'static str = "FSYNC";

    type Output = Synced<F>;

    fn prepare(&mut self) -> Iocb {
        let request = iocb::Fsync::new(self.file.as_fd().as_raw_fd());
        notifying(request, self.notify.as_ref()).build()
    }

    unsafe fn complete(self, completion: Completion) -> Self::Output {
        self.done(Error::check::<Self>(completion))
    }
}

// SAFETY: as above.
unsafe impl<F: AsFd> Operation for Fdsync<F> {
    const NAME: &'static str = "FDSYNC";

    type Output = Synced<F>;

    fn prepare(&mut self) -> Iocb {
        let request = iocb::Fdsync::new(self.file.as_fd().as_raw_fd());
        notifying(request, self.notify.as_ref()).build()
    }

    unsafe fn complete(self, completion: Completion) -> Self::Output {
        self.done(Error::check::<Self>(completion))
    }
}
