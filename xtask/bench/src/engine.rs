//! What an engine is: something that carries out operations.

use anyhow::Result;

use crate::job::Job;
use crate::memory::Slab;
use crate::op::{Done, Op};

/// Carries out a round of a job.
pub(crate) trait Engine {
    /// Before and after a round: puts the engine's own memory in place of the job's, and back, if it has any.
    fn swap_memory(&mut self, _slab: &mut Slab) {}

    /// Before a round: what takes no part in it, such as waking a thread.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// Does everything that the job has.
    fn round(&mut self, job: &mut Job) -> Result<()>;

    /// After a round: leaves the processor to others.
    fn rest(&mut self) {}
}

/// An engine that is handed operations and hands back their ends, many at a time.
pub(crate) trait Queue {
    /// Takes these operations, and adds at least one end to `done`, waiting if there is none yet. What it took before
    /// may be over, too.
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()>;

    /// As [`Engine::prepare`].
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// As [`Engine::rest`].
    fn rest(&mut self) {}
}

/// Lists of operations and ends, which are used again and again.
pub(crate) struct Room {
    ops: Vec<Op>,
    done: Vec<Done>,
}

impl Room {
    /// For so many operations at a time: nothing is allocated later.
    pub(crate) fn new(depth: usize) -> Self {
        let (ops, done) = (Vec::with_capacity(depth), Vec::with_capacity(2 * depth));
        Self { ops, done }
    }
}

/// Carries out a round: the same loop for every queue. `step` is [`Queue::step`].
#[inline]
pub(crate) fn drive(
    job: &mut Job,
    room: &mut Room,
    mut step: impl FnMut(&[Op], &mut Vec<Done>) -> Result<()>,
) -> Result<()> {
    let Room { ops, done } = room;
    ops.clear();
    ops.extend((0..job.depth).filter_map(|slot| job.next(slot)));
    let mut busy = ops.len();
    while busy > 0 {
        done.clear();
        step(ops, done)?;
        ops.clear();
        for end in &*done {
            let slot = end.slot as usize;
            job.done(slot, end.result)?;
            match job.next(slot) {
                Some(op) => ops.push(op),
                None => busy -= 1,
            }
        }
    }
    Ok(())
}

/// A queue that is driven so.
pub(crate) struct Driven<Q> {
    queue: Q,
    room: Room,
}

impl<Q: Queue> Driven<Q> {
    /// Drives this queue with so many operations at a time.
    pub(crate) fn new(queue: Q, depth: usize) -> Self {
        let room = Room::new(depth);
        Self { queue, room }
    }
}

impl<Q: Queue> Engine for Driven<Q> {
    fn prepare(&mut self) -> Result<()> {
        self.queue.prepare()
    }

    fn round(&mut self, job: &mut Job) -> Result<()> {
        let Self { queue, room } = self;
        drive(job, room, |ops, done| queue.step(ops, done))
    }

    fn rest(&mut self) {
        self.queue.rest();
    }
}
