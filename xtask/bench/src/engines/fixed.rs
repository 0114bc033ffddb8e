//! The ring without `unsafe`, with registered memory and a registered file, for reads.

use std::mem;

use anyhow::{Context, Result, anyhow};
use safe::uring::{Event, FixedBuf, FixedFd, Ring, op};

use super::{ring, typed};
use crate::engine::{Engine, Room, drive};
use crate::job::Job;
use crate::memory::Slab;
use crate::op::{Done, Op};

type Read = op::ReadFixed<FixedFd>;

/// The memory is the ring's: it is the job's during a round.
pub(crate) struct Fixed {
    ring: Ring,
    slots: Slots,
    /// The memory.
    slab: Slab,
    room: Room,
}

/// The registered file and the memory of each slot; not while they are in flight.
struct Slots(Vec<Option<(FixedFd, FixedBuf)>>);

impl Fixed {
    /// On a ring of its own.
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let mut ring = ring::ring(job.depth)?;
        ring.register_files(1, 0)?;
        let file = ring.register_file(&job.files[0])?;
        let size = job.size as usize;
        // One buffer, of which each slot has a part.
        let buffers = ring.register_buffers(1, job.depth * size)?;
        let mut slots = Vec::new();
        for slot in 0..job.depth {
            let part = buffers.lease(0, slot * size..(slot + 1) * size)?;
            slots.push(Some((file.clone(), part)));
        }
        let first = slots[0].as_mut().context("there is a slot")?;
        // SAFETY: the parts lie side by side, and live as long as the ring, which is dropped with the slab. They are looked
        // at through the slab alone.
        let slab = unsafe { Slab::borrowed(first.1.as_mut_ptr(), job.depth, size) };
        Ok(Self {
            ring,
            slots: Slots(slots),
            slab,
            room: Room::new(job.depth),
        })
    }
}

impl Slots {
    #[inline]
    fn step(&mut self, ring: &mut Ring, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            let slot = self.0[op.slot as usize].take();
            let (file, part) = slot.context("the slot is busy")?;
            let read = Read::new(file, part).at(op.offset);
            let pushed = ring.push_tagged(read, op.slot.into());
            pushed.map_err(|rejected| anyhow!("the ring is full: {}", rejected.reason()))?;
        }
        self.note(ring.next_event()?, done)?;
        while let Some(event) = ring.try_next_event()? {
            self.note(event, done)?;
        }
        Ok(())
    }

    #[inline]
    fn note(&mut self, event: Event<'_>, done: &mut Vec<Done>) -> Result<()> {
        let slot = event.tag() as u32;
        let read = typed::output::<Read>(event)?;
        self.0[slot as usize] = Some((read.file, read.buf));
        let result = match read.result {
            Ok(bytes) => bytes as i32,
            Err(error) => -error.raw_os_error(),
        };
        done.push(Done { slot, result });
        Ok(())
    }
}

impl Engine for Fixed {
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
