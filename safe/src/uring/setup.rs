//! How a [`Ring`] is set up: the fastest way that the kernel has.

use std::fmt::{self, Debug, Formatter};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use uring_sys::*;

use super::Ring;
use super::raw::{Builder, IoUring, Parameters, cqueue, squeue};

/// The most operations that a ring can have in flight.
const MOST: u32 = 32768;

/// The most entries of a submission queue that nobody asked for in particular.
const USUAL_QUEUE: u32 = 256;

/// What to ask for, best first, and since which kernel there is each.
const STEPS: [u32; 6] = [
    // Linux 6.6.
    DEFERRED | IORING_SETUP_NO_SQARRAY,
    // Linux 6.1.
    DEFERRED,
    // Linux 6.0.
    COOPERATIVE | IORING_SETUP_SINGLE_ISSUER,
    // Linux 5.19.
    COOPERATIVE,
    // Linux 5.18.
    IORING_SETUP_SUBMIT_ALL,
    0,
];

const COOPERATIVE: u32 =
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL;
const DEFERRED: u32 = IORING_SETUP_SINGLE_ISSUER
    | IORING_SETUP_DEFER_TASKRUN
    | IORING_SETUP_TASKRUN_FLAG
    | IORING_SETUP_SUBMIT_ALL;
/// What a ring with a polling thread cannot have.
const NOT_WITH_SQPOLL: u32 =
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;

/// Sets up a [`Ring`]: other than usual, if asked to.
pub struct SetupBuilder<S = squeue::Entry, C = cqueue::Entry>
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    raw: Builder<S, C>,
    queue: Option<u32>,
    completions: Option<u32>,
    sqpoll: bool,
    workers: Option<OwnedFd>,
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> SetupBuilder<S, C> {
    /// The usual set-up, of a ring of these entries.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "as for every builder here, `new` says what is made"
    )]
    pub fn new() -> Self {
        Self {
            raw: IoUring::builder(),
            queue: None,
            completions: None,
            sqpoll: false,
            workers: None,
        }
    }

    /// The entries of the submission queue: how much can be pushed between two submissions. Usually as many as
    /// the ring can have in flight, but not more than 256.
    #[must_use]
    pub fn queue(mut self, entries: u32) -> Self {
        self.queue = Some(entries);
        self
    }

    /// The entries of the completion queue. Usually twice as many as the ring can have operations, so that it
    /// never overflows but for operations with many results; what overflows is late, and not lost.
    #[must_use]
    pub fn completions(mut self, entries: u32) -> Self {
        self.completions = Some(entries);
        self
    }

    /// Has a kernel thread take the entries, which sleeps after `idle` milliseconds without any (0: one
    /// second). Since Linux 5.1; for files that are not registered, since 5.11.
    #[must_use]
    pub fn sqpoll(mut self, idle: u32) -> Self {
        self.raw.setup_sqpoll(idle);
        self.sqpoll = true;
        self
    }

    /// Binds that thread to a CPU.
    #[must_use]
    pub fn sqpoll_cpu(mut self, cpu: u32) -> Self {
        self.raw.setup_sqpoll_cpu(cpu);
        self
    }

    /// Polls for completions instead of waiting for interrupts. For files opened with `O_DIRECT` on devices
    /// that can be polled; most other operations fail with `EINVAL` or `EOPNOTSUPP`. Since Linux 5.1.
    #[must_use]
    pub fn iopoll(mut self) -> Self {
        self.raw.setup_iopoll();
        self
    }

    /// Shares the worker threads, and the polling thread, of another ring. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// If its descriptor cannot be duplicated.
    pub fn share_workers(mut self, of: impl AsFd) -> io::Result<Self> {
        let fd = of.as_fd().try_clone_to_owned()?;
        self.raw.setup_attach_wq(fd.as_raw_fd());
        self.workers = Some(fd);
        Ok(self)
    }

    /// Makes a ring that can have `capacity` operations in flight (1 to 32768).
    ///
    /// It asks for the fastest set-up first and goes down step by step where the kernel is older;
    /// [`Ring::setup`] tells what came of it. The calling thread is the ring's from then on.
    ///
    /// # Errors
    ///
    /// An error whose source is a [`SetupError`](crate::error::SetupError), which says why.
    pub fn build(mut self, capacity: u32) -> io::Result<Ring<S, C>> {
        let capacity = capacity.clamp(1, MOST);
        let entries = self
            .queue
            .unwrap_or(capacity.min(USUAL_QUEUE))
            .clamp(1, MOST);
        let completions = self.completions.unwrap_or(2 * capacity).max(entries);
        self.raw.setup_cqsize(completions);
        self.raw.setup_clamp();
        let excluded = if self.sqpoll { NOT_WITH_SQPOLL } else { 0 };
        let mut steps = STEPS.map(|step| step & !excluded).to_vec();
        steps.dedup();
        for (number, step) in (1..).zip(&steps) {
            let mut builder = self.raw.clone();
            builder.ask(*step);
            let last = number == steps.len();
            let raw = match builder.build(entries) {
                Ok(raw) => raw,
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !last => continue,
                Err(_) => builder.build_explained(entries)?,
            };
            let registered = raw.submitter().register_ring_fd().is_ok();
            let setup = Setup {
                params: raw.params().clone(),
                wanted: steps[0],
                registered,
            };
            return Ok(Ring::assemble(raw, setup, capacity));
        }
        unreachable!("the last step returns");
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Debug for SetupBuilder<S, C> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupBuilder")
            .field("queue", &self.queue)
            .field("completions", &self.completions)
            .field("sqpoll", &self.sqpoll)
            .finish_non_exhaustive()
    }
}

/// How a ring was set up.
#[derive(Clone, Debug)]
pub struct Setup {
    params: Parameters,
    wanted: u32,
    registered: bool,
}

impl Setup {
    /// The sizes, flags and features that the kernel answered.
    pub fn params(&self) -> &Parameters {
        &self.params
    }

    /// The `IORING_SETUP_*` flags that a newer kernel would have given the ring.
    pub fn missing(&self) -> u32 {
        self.wanted & !self.params.flags()
    }

    /// Whether the ring is registered with its thread, which makes entering the kernel cheaper. Since Linux
    /// 5.18.
    pub fn is_registered(&self) -> bool {
        self.registered
    }
}
