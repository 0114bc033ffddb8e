//! The ring without `unsafe`, with registered memory and a registered file, for reads.

use anyhow::{Context, Result, anyhow, bail};
use safe::uring::{FixedBuf, FixedFd, Ring, op};

use crate::engine::Queue;
use crate::job::Job;
use crate::op::{Done, Op};

type Read = op::ReadFixed<FixedFd>;

/// The memory is the ring's: what was read is copied out of it, as far as it is looked at.
pub(crate) struct Fixed {
    ring: Ring,
    /// A registered file and memory for each slot; not while they are in flight.
    parts: Vec<Option<(FixedFd, FixedBuf)>>,
    ops: Vec<Option<Op>>,
    /// How many rounds have begun. In the first all of the memory is looked at.
    rounds: u64,
}

impl Fixed {
    /// On a ring of its own.
    pub(crate) fn new(job: &Job) -> Result<Self> {
        let mut ring = super::ring::ring(job.depth)?;
        ring.register_files(job.depth as u32, 0)?;
        let buffers = ring.register_buffers(job.depth as u16, job.size as usize)?;
        let mut parts = Vec::new();
        for _ in 0..job.depth {
            let buffer = buffers.take().context("a buffer for each slot")?;
            parts.push(Some((ring.register_file(&job.files[0])?, buffer)));
        }
        Ok(Self {
            ring,
            parts,
            ops: vec![None; job.depth],
            rounds: 0,
        })
    }
}

impl Queue for Fixed {
    fn prepare(&mut self) -> Result<()> {
        self.rounds += 1;
        Ok(())
    }

    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            let slot = op.slot as usize;
            self.ops[slot] = Some(*op);
            let (file, buffer) = self.parts[slot].take().context("the slot is busy")?;
            let read = Read::new(file, buffer).at(op.offset);
            let pushed = self.ring.push_tagged(read, op.slot.into());
            pushed.map_err(|rejected| anyhow!("the ring is full: {}", rejected.reason()))?;
        }
        let mut next = super::ring::Next::Wait;
        while let Some(event) = next.of(&mut self.ring)? {
            let slot = event.tag() as usize;
            let Ok(read) = event.take::<Read>() else {
                bail!("an event of another type");
            };
            let result = match read.result {
                Ok(bytes) => bytes as i32,
                Err(error) => -error.raw_os_error(),
            };
            let op = self.ops[slot].context("an event of nobody")?;
            // SAFETY: the operation is over, and the round does not look at the memory before it is told so.
            let memory = unsafe { op.bytes_mut() };
            if self.rounds == 1 {
                memory.copy_from_slice(&read.buf);
            } else {
                let last = memory.len() - 8;
                memory[..8].copy_from_slice(&read.buf[..8]);
                memory[last..].copy_from_slice(&read.buf[last..]);
            }
            self.parts[slot] = Some((read.file, read.buf));
            done.push(Done {
                slot: slot as u32,
                result,
            });
        }
        Ok(())
    }
}
