//! All of them.

use anyhow::Result;

use super::runtimes::{Compio, Monoio, Tasks, TokioUring};
use super::{c, io_uring, nix, rustix};
use crate::engine::Engine;
use crate::engines::blocking::Blocking as Calling;
use crate::engines::{Class, Entry, Flavour, Owner, any, boxed, files, registered};
use crate::job::{Job, Kind};
use crate::measure::Entrant;
use crate::reap::{self, Spec};

fn calls(kind: Kind) -> bool {
    kind != Kind::Nop
}

fn crate_ring(job: &Job, flavour: Flavour) -> Result<Box<dyn Engine>> {
    boxed(io_uring::Uring::new(job, flavour)?, job)
}

fn c_ring(job: &Job, flavour: Flavour) -> Result<Box<dyn Engine>> {
    boxed(c::liburing(job, flavour)?, job)
}

/// The engines of others.
#[rustfmt::skip]
pub(crate) const ALL: &[Entry] = {
    use Class::*;
    use Owner::Peer;
    &[
        Entry { name: "rustix", owner: Peer, class: Blocking, can: calls, make: |job| boxed(Calling::<rustix::Rustix>::new(job.kind), job) },
        Entry { name: "nix aio", owner: Peer, class: Posix, can: files, make: |job| boxed(nix::Nix::new(job.depth), job) },
        Entry { name: "libaio", owner: Peer, class: Aio, can: registered, make: |job| boxed(c::libaio(job.depth)?, job) },
        Entry { name: "io-uring", owner: Peer, class: Uring, can: any, make: |job| crate_ring(job, Flavour::Plain) },
        Entry { name: "io-uring, fixed", owner: Peer, class: Fixed, can: registered, make: |job| crate_ring(job, Flavour::Fixed) },
        Entry { name: "io-uring, DEFER_TASKRUN", owner: Peer, class: Defer, can: any, make: |job| crate_ring(job, Flavour::Defer) },
        Entry { name: "io-uring, SQPOLL", owner: Peer, class: Sqpoll, can: any, make: |job| crate_ring(job, Flavour::Sqpoll) },
        Entry { name: "liburing", owner: Peer, class: Uring, can: any, make: |job| c_ring(job, Flavour::Plain) },
        Entry { name: "liburing, fixed", owner: Peer, class: Fixed, can: registered, make: |job| c_ring(job, Flavour::Fixed) },
        Entry { name: "liburing, DEFER_TASKRUN", owner: Peer, class: Defer, can: any, make: |job| c_ring(job, Flavour::Defer) },
        Entry { name: "liburing, SQPOLL", owner: Peer, class: Sqpoll, can: any, make: |job| c_ring(job, Flavour::Sqpoll) },
        Entry { name: "compio", owner: Peer, class: Uring, can: calls, make: |job| Ok(Box::new(Tasks::<Compio>::new(job)?)) },
        Entry { name: "monoio", owner: Peer, class: Uring, can: calls, make: |job| Ok(Box::new(Tasks::<Monoio>::new(job)?)) },
        Entry { name: "tokio-uring", owner: Peer, class: Uring, can: calls, make: |job| Ok(Box::new(Tasks::<TokioUring>::new(job)?)) },
    ]
};

/// Who else takes events of native AIO.
pub(crate) fn reapers(spec: Spec, events: usize) -> Option<Entrant> {
    let libaio = move || c::libaio(events);
    Some(reap::entrant("libaio", Owner::Peer, spec, libaio))
}
