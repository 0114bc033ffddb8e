//! What carries out operations: one file for each interface, and a table of all of them.

pub(crate) mod blocking;
mod context;
mod epoll;
mod fixed;
pub(crate) mod native;
mod pool;
mod posix;
pub(crate) mod ring;
pub(crate) mod sqpoll;
mod typed;

/// `safe::uring::raw`.
pub(crate) mod raw {
    use safe::uring::raw as api;
    include!("uring.rs");
}

use anyhow::Result;
use serde::Serialize;

use crate::engine::{Driven, Engine, Queue};
use crate::job::{Job, Kind};

/// How a ring is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Without any flag.
    Plain,
    /// `SINGLE_ISSUER` and `DEFER_TASKRUN`.
    Defer,
    /// The same, with registered files and memory.
    Fixed,
    /// With a kernel thread that takes the entries.
    Sqpoll,
}

/// Who an engine belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Owner {
    /// The operating system.
    System,
    /// This family of crates.
    Ours,
    /// Others.
    #[cfg(feature = "peers")]
    Peer,
}

/// What engines must have in common to be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// Calls that block.
    Blocking,
    /// Readiness, and calls that do not block.
    Epoll,
    /// POSIX AIO.
    Posix,
    /// Native AIO.
    Aio,
    /// A ring without flags.
    Uring,
    /// A ring with `DEFER_TASKRUN`.
    Defer,
    /// The same, with registered files and memory.
    Fixed,
    /// A ring with a kernel thread.
    Sqpoll,
}

/// An engine, by name.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) owner: Owner,
    pub(crate) class: Class,
    /// Whether it can do this.
    pub(crate) can: fn(Kind) -> bool,
    /// Makes one for this job.
    pub(crate) make: fn(&Job) -> Result<Box<dyn Engine>>,
}

/// A driven queue.
pub(crate) fn boxed<Q: Queue + 'static>(queue: Q, job: &Job) -> Result<Box<dyn Engine>> {
    Ok(Box::new(Driven::new(queue, job.depth)))
}

/// Anything.
pub(crate) fn any(_: Kind) -> bool {
    true
}

/// What goes through one file.
pub(crate) fn files(kind: Kind) -> bool {
    matches!(kind, Kind::Read | Kind::Write | Kind::Synced)
}

/// What has files or connections that can be registered.
pub(crate) fn registered(kind: Kind) -> bool {
    files(kind) || sockets(kind)
}

/// What goes over connections.
pub(crate) fn sockets(kind: Kind) -> bool {
    matches!(kind, Kind::PingPong | Kind::Stream)
}

fn calls(kind: Kind) -> bool {
    kind != Kind::Nop
}

fn raw(job: &Job, flavour: Flavour) -> Result<Box<dyn Engine>> {
    boxed(raw::Uring::new(job, flavour)?, job)
}

/// All engines that need nothing but this family and the system.
#[rustfmt::skip]
pub(crate) const OWN: &[Entry] = {
    use Class::*;
    use Owner::*;
    &[
        Entry { name: "nothing: the loop alone", owner: System, class: Blocking, can: |kind| kind == Kind::Nop, make: |job| boxed(blocking::Blocking::<blocking::Libc>::new(job.kind), job) },
        Entry { name: "blocking calls", owner: System, class: Blocking, can: calls, make: |job| boxed(blocking::Blocking::<blocking::Libc>::new(job.kind), job) },
        Entry { name: "thread pool (rayon)", owner: System, class: Blocking, can: calls, make: |job| boxed(pool::Pool::new(job)?, job) },
        Entry { name: "epoll", owner: System, class: Epoll, can: sockets, make: |job| boxed(epoll::Epoll::new(job)?, job) },
        Entry { name: "safe::posix", owner: Ours, class: Posix, can: files, make: |job| boxed(posix::Posix::new(job.depth), job) },
        Entry { name: "safe::aio::raw, io_getevents", owner: Ours, class: Aio, can: registered, make: |job| boxed(native::Native::new(job.depth, false)?, job) },
        Entry { name: "safe::aio::raw, ring", owner: Ours, class: Aio, can: registered, make: |job| boxed(native::Native::new(job.depth, true)?, job) },
        Entry { name: "safe::aio::Context", owner: Ours, class: Aio, can: files, make: |job| boxed(context::Owned::new(job.depth)?, job) },
        Entry { name: "safe::uring::raw", owner: Ours, class: Uring, can: any, make: |job| raw(job, Flavour::Plain) },
        Entry { name: "safe::uring::raw, fixed", owner: Ours, class: Fixed, can: registered, make: |job| raw(job, Flavour::Fixed) },
        Entry { name: "safe::uring::raw, DEFER_TASKRUN", owner: Ours, class: Defer, can: any, make: |job| raw(job, Flavour::Defer) },
        Entry { name: "safe::uring::raw, SQPOLL", owner: Ours, class: Sqpoll, can: any, make: |job| raw(job, Flavour::Sqpoll) },
        Entry { name: "Ring, events", owner: Ours, class: Defer, can: any, make: ring::styled::<ring::Events> },
        Entry { name: "Ring, owned", owner: Ours, class: Defer, can: any, make: ring::styled::<ring::Moved> },
        Entry { name: "Ring, scoped", owner: Ours, class: Defer, can: any, make: ring::styled::<ring::Borrowed> },
        Entry { name: "Ring, fixed", owner: Ours, class: Fixed, can: |kind| matches!(kind, Kind::Read | Kind::Write), make: fixed::fixed },
        Entry { name: "Ring, SQPOLL", owner: Ours, class: Sqpoll, can: any, make: ring::styled::<ring::Polled> },
    ]
};

/// All engines of this build.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    OWN.iter().chain(crate::peers::ALL)
}
