//! What all reads and writes can be told.

use crate::aio::EventFd;
use crate::aio::raw::iocb::{Request, kind};
use crate::aio::raw::{IoPrio, Iocb, RwFlags};
use std::os::fd::{AsFd, AsRawFd};

/// How to read or write.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) offset: u64,
    pub(super) flags: RwFlags,
    pub(super) priority: Option<IoPrio>,
    pub(super) notify: Option<EventFd>,
}

impl Settings {
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            offset: 0,
            flags: RwFlags::empty(),
            priority: None,
            notify: None,
        }
    }

    /// The request, with all that was said.
    #[inline]
    pub(super) fn build<K: kind::Transfer>(&self, request: Request<K>) -> Iocb {
        // One that does not fit becomes negative, and the kernel refuses it.
        let mut request = request.offset(self.offset as i64).rw_flags(self.flags);
        if let Some(priority) = self.priority {
            request = request.priority(priority);
        }
        notifying(request, self.notify.as_ref()).build()
    }
}

/// The request, which tells the eventfd when it is over.
#[inline]
pub(super) fn notifying<K>(request: Request<K>, notify: Option<&EventFd>) -> Request<K> {
    match notify {
        Some(eventfd) => request.eventfd(eventfd.as_fd().as_raw_fd()),
        None => request,
    }
}
