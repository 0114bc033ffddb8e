//! The ring without `unsafe`: results as events, by tickets, and in a scope.

use std::collections::VecDeque;
use std::hint;
use std::marker::PhantomData;

use anyhow::{Context, Result, anyhow};
use safe::uring::{Event, Ring, op};

use super::sqpoll;
use super::typed::{Any, Kinds, Line, Nop, One, Owning, Read, Taker, Tickets, Write};
use crate::engine::{Engine, Queue, Room, drive};
use crate::job::{Job, Kind};
use crate::op::{Done, Op};

/// A ring as it comes: with the fastest set-up that the kernel has.
pub(crate) fn ring(depth: usize) -> Result<Ring> {
    Ok(Ring::new(depth.max(2) as u32)?)
}

/// A way to use a ring, for any types of operations.
pub(super) trait Style {
    /// An engine for the job.
    fn engine<K: Kinds>(job: &Job) -> Result<Box<dyn Engine>>;
}

/// The engine of this style for a job: as a program would be that knows what it does.
pub(super) fn styled<S: Style>(job: &Job) -> Result<Box<dyn Engine>> {
    match job.kind {
        Kind::Nop => S::engine::<One<Nop>>(job),
        Kind::Read => S::engine::<One<Read>>(job),
        Kind::Write => S::engine::<One<Write>>(job),
        _ => S::engine::<Any>(job),
    }
}

/// Results come as events.
pub(super) struct Events;

impl Style for Events {
    fn engine<K: Kinds>(job: &Job) -> Result<Box<dyn Engine>> {
        Tagged::<K>::boxed(ring(job.depth)?, false, job)
    }
}

/// Results come as events; a kernel thread takes the entries.
pub(super) struct Polled;

impl Style for Polled {
    fn engine<K: Kinds>(job: &Job) -> Result<Box<dyn Engine>> {
        let mut builder = Ring::builder().sqpoll(sqpoll::AWAKE);
        if let Some(cpu) = sqpoll::cpu() {
            builder = builder.sqpoll_cpu(cpu);
        }
        // The kernel thread may free entries only after the operations are over.
        let ring = builder.build(2 * job.depth as u32)?;
        Tagged::<K>::boxed(ring, true, job)
    }
}

/// Files and buffers move into the ring, and come back for a ticket.
pub(super) struct Moved;

impl Style for Moved {
    fn engine<K: Kinds>(job: &Job) -> Result<Box<dyn Engine>> {
        let (ring, line) = (ring(job.depth)?, VecDeque::with_capacity(job.depth));
        super::boxed(Owned::<K> { ring, line }, job)
    }
}

/// A scope for each round, which files and buffers are borrowed for.
pub(super) struct Borrowed;

impl Style for Borrowed {
    fn engine<K: Kinds>(job: &Job) -> Result<Box<dyn Engine>> {
        let (ring, room) = (ring(job.depth)?, Room::new(job.depth));
        let kinds = PhantomData;
        Ok(Box::new(Scoped::<K> { ring, room, kinds }))
    }
}

struct Tagged<K: Kinds> {
    ring: Ring,
    /// Whether a kernel thread takes the entries.
    sqpoll: bool,
    /// What each slot asked for.
    asked: Vec<Option<K::Asked>>,
}

impl<K: Kinds> Tagged<K> {
    fn boxed(ring: Ring, sqpoll: bool, job: &Job) -> Result<Box<dyn Engine>> {
        let asked = vec![None; job.depth];
        let tagged = Self {
            ring,
            sqpoll,
            asked,
        };
        super::boxed(tagged, job)
    }

    /// Takes an event.
    #[inline(always)]
    fn note(asked: &[Option<K::Asked>], event: Event<'_>, done: &mut Vec<Done>) -> Result<()> {
        let slot = event.tag() as u32;
        let asked = asked[slot as usize].context("an event of nobody")?;
        let result = K::answer(event, asked)?;
        done.push(Done { slot, result });
        Ok(())
    }

    /// Takes the events that are there.
    #[inline]
    fn look(&mut self, done: &mut Vec<Done>) -> Result<()> {
        while let Some(event) = self.ring.ready_event() {
            Self::note(&self.asked, event, done)?;
        }
        Ok(())
    }
}

impl<K: Kinds> Queue for Tagged<K> {
    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            self.asked[op.slot as usize] = Some(K::asked(op));
            K::tag(&mut self.ring, op)?;
        }
        if self.sqpoll {
            self.ring.submit()?;
            for _ in 0..sqpoll::LOOKS {
                self.look(done)?;
                if !done.is_empty() {
                    return Ok(());
                }
                hint::spin_loop();
            }
        }
        Self::note(&self.asked, self.ring.next_event()?, done)?;
        self.look(done)
    }

    fn prepare(&mut self) -> Result<()> {
        if self.sqpoll {
            sqpoll::make_way()?;
            // Wakes the thread.
            let nop = self.ring.push(op::Nop::new());
            let nop = nop.map_err(|rejected| anyhow!("a NOP: {}", rejected.reason()))?;
            self.ring.wait(nop).map_err(|error| error.error)??;
        }
        Ok(())
    }

    fn rest(&mut self) {
        if self.sqpoll {
            sqpoll::rest();
        }
    }
}

/// Pushes, waits for the first, and takes those after it that are over, too.
#[inline]
fn step<K: Kinds, T: Tickets>(
    with: &mut impl Taker<T>,
    line: &mut Line<K, T>,
    ops: &[Op],
    done: &mut Vec<Done>,
) -> Result<()> {
    for op in ops {
        K::queue(with, op, line)?;
    }
    loop {
        let (slot, pending) = line.pop_front().context("nothing is in flight")?;
        let result = K::wait(pending, with)?;
        done.push(Done { slot, result });
        if line.front().is_none_or(|(_, pending)| !K::is_done(pending)) {
            return Ok(());
        }
    }
}

struct Owned<K: Kinds> {
    ring: Ring,
    line: Line<K, Owning>,
}

impl<K: Kinds> Queue for Owned<K> {
    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        step::<K, _>(&mut self.ring, &mut self.line, ops, done)
    }
}

struct Scoped<K> {
    ring: Ring,
    room: Room,
    kinds: PhantomData<K>,
}

impl<K: Kinds> Engine for Scoped<K> {
    fn round(&mut self, job: &mut Job) -> Result<()> {
        let room = &mut self.room;
        self.ring.scope(|scope| {
            let mut line = VecDeque::with_capacity(job.depth);
            drive(job, room, |ops, done| {
                step::<K, _>(scope, &mut line, ops, done)
            })
        })
    }
}
