//! The ring without `unsafe`, with registered memory and a registered file.

use std::marker::PhantomData;
use std::mem;

use anyhow::{Context, Result, bail};
use safe::uring::op::{Completed, Operation, ReadFixed, WriteFixed};
use safe::uring::{Event, FixedBuf, FixedFd, Ring};

use super::typed::Answer;
use super::{ring, typed};
use crate::engine::{Engine, Room, drive};
use crate::job::{Job, Kind};
use crate::memory::Slab;
use crate::op::{Done, Op};

/// The engine for a job that reads, or one that writes.
pub(crate) fn fixed(job: &Job) -> Result<Box<dyn Engine>> {
    Ok(match job.kind {
        Kind::Read => Box::new(Fixed::<ReadFixed<FixedFd>>::new(job)?),
        Kind::Write => Box::new(Fixed::<WriteFixed<FixedFd, FixedBuf>>::new(job)?),
        kind => bail!("{kind:?} is neither to read nor to write"),
    })
}

/// What moves bytes between the file and the memory.
trait Moves: Operation<Output = Completed<FixedFd, FixedBuf>> + 'static {
    /// So many bytes as the memory has, at this offset.
    fn of(file: FixedFd, memory: FixedBuf, offset: u64) -> Self;
}

impl Moves for ReadFixed<FixedFd> {
    #[inline]
    fn of(file: FixedFd, memory: FixedBuf, offset: u64) -> Self {
        Self::new(file, memory).at(offset)
    }
}

impl Moves for WriteFixed<FixedFd, FixedBuf> {
    #[inline]
    fn of(file: FixedFd, memory: FixedBuf, offset: u64) -> Self {
        Self::new(file, memory).at(offset)
    }
}

/// The memory is the ring's: it is the job's during a round.
struct Fixed<O> {
    ring: Ring,
    slots: Slots<O>,
    /// The memory.
    slab: Slab,
    room: Room,
}

/// The registered file and the memory of each slot; not while they are in flight.
struct Slots<O> {
    parts: Vec<Option<(FixedFd, FixedBuf)>>,
    moves: PhantomData<O>,
}

impl<O: Moves> Fixed<O> {
    /// On a ring of its own.
    fn new(job: &Job) -> Result<Self> {
        let mut ring = ring::ring(job.depth)?;
        ring.register_files(1, 0)?;
        let file = ring.register_file(&job.files[0])?;
        let size = job.size as usize;
        // One buffer, of which each slot has a part.
        let buffers = ring.register_buffers(1, job.depth * size)?;
        let mut parts = Vec::new();
        for slot in 0..job.depth {
            let part = buffers.lease(0, slot * size..(slot + 1) * size)?;
            parts.push(Some((file.clone(), part)));
        }
        let first = parts[0].as_mut().context("there is a slot")?;
        // SAFETY: the parts lie side by side, and live as long as the ring, which is dropped with the slab. They are looked
        // at through the slab alone.
        let slab = unsafe { Slab::borrowed(first.1.as_mut_ptr(), job.depth, size) };
        Ok(Self {
            ring,
            slots: Slots {
                parts,
                moves: PhantomData,
            },
            slab,
            room: Room::new(job.depth),
        })
    }
}

impl<O: Moves> Slots<O> {
    #[inline]
    fn step(&mut self, ring: &mut Ring, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            let slot = self.parts[op.slot as usize].take();
            let (file, part) = slot.context("the slot is busy")?;
            typed::push_tagged(ring, O::of(file, part, op.offset), op)?;
        }
        self.note(ring.next_event()?, done)?;
        while let Some(event) = ring.ready_event() {
            self.note(event, done)?;
        }
        Ok(())
    }

    #[inline]
    fn note(&mut self, event: Event<'_>, done: &mut Vec<Done>) -> Result<()> {
        let slot = event.tag() as u32;
        let moved = typed::output::<O>(event)?;
        self.parts[slot as usize] = Some((moved.file, moved.buf));
        let result = moved.result.answer();
        done.push(Done { slot, result });
        Ok(())
    }
}

impl<O: Moves> Engine for Fixed<O> {
    fn swap_memory(&mut self, slab: &mut Slab) {
        mem::swap(&mut self.slab, slab);
    }

    fn round(&mut self, job: &mut Job) -> Result<()> {
        let Self {
            ring, slots, room, ..
        } = self;
        drive(job, room, |ops, done| slots.step(ring, ops, done))
    }
}
