//! A context and its completion ring, for those who write engines: everything native AIO has, typed, and out of
//! the way.
//!
//! A request is made with the types of [`iocb`], a batch of them is handed to the kernel by
//! [`Context::submit`], and [`Completions`] takes the events: from the ring that the kernel shares with the
//! process, without a system call, and with one only to sleep.
//!
//! ```
//! use std::fs::File;
//! use std::mem::MaybeUninit;
//! use std::os::fd::AsRawFd;
//!
//! use safe::aio::raw::{Context, iocb};
//!
//! let file = File::open("/proc/self/exe")?;
//! let mut magic = [0; 4];
//! let mut context = Context::new(8)?;
//! let mut read = iocb::Pread::new(file.as_raw_fd(), magic.as_mut_ptr(), 4).build().data(7);
//! // SAFETY: the request is live during the call, and `magic` is left alone until its event is there.
//! assert_eq!(unsafe { context.submit(&[&raw mut read]) }?, 1);
//!
//! let mut events = [const { MaybeUninit::uninit() }; 8];
//! let events = context.completions().wait(1, &mut events, None, None)?;
//! assert_eq!((events[0].data(), events[0].result()?), (7, 4));
//! assert_eq!(&magic, b"\x7fELF");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # One reaper
//!
//! Two threads that take events from one context at a time, at least one of them from the ring, get some of
//! them twice and lose others. So [`Completions`] borrows the context for itself: it comes from
//! `&mut` [`Context`], or from [`Context::split`], which leaves the other half to those who submit. To reap on
//! several threads put it behind a lock, which must be held while it waits as well.
//!
//! # fork, exec, mremap
//!
//! A forked child has no context: there each call fails with [`Forked`], and dropping does nothing. The ring
//! is kept out of the child (before Linux 7.0 the kernel shares it, and a child could take its parent's
//! events). execve(2) ends the context as io_destroy(2) does. The ring is the context's identity, and
//! must not be moved or unmapped.

mod completions;
mod context;
mod error;
mod event;
pub mod iocb;
mod ring;
mod types;

#[cfg(all(test, loom))]
mod loom;

pub use completions::Completions;
pub use context::{Cancel, Context};
pub use error::{Forked, Limits, SetupError, SetupReason};
pub use event::Event;
pub use iocb::Iocb;
pub use types::{IoPrio, PollFlags, RwFlags};
