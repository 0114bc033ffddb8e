//! Native AIO, its ends taken from the ring or by system call. Sockets are polled, then read and written.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::ptr;

use anyhow::{Result, ensure};
use safe::aio::raw::{Context, Event, Iocb, PollFlags, iocb};

use super::blocking::{Calls, Libc};
use crate::engine::Queue;
use crate::op::{Code, Done, Op};

/// A context, and what is submitted to it.
pub(crate) struct Native {
    context: Context,
    /// Whether the ring is looked at, or the kernel asked.
    ring: bool,
    /// The request of each slot, which the kernel copies when it is submitted.
    requests: Vec<Iocb>,
    list: Vec<*mut Iocb>,
    /// What is to be done when a socket is ready.
    waiting: Vec<Option<Op>>,
    events: Vec<MaybeUninit<Event>>,
}

impl Native {
    /// With room for so many operations.
    pub(crate) fn new(depth: usize, ring: bool) -> Result<Self> {
        let empty = iocb::Fdsync::new(-1).build();
        Ok(Self {
            context: Context::new(depth as u32)?,
            ring,
            requests: vec![empty; depth],
            list: Vec::with_capacity(depth),
            waiting: vec![None; depth],
            events: vec![MaybeUninit::uninit(); depth],
        })
    }
}

/// The request that an operation is, if native AIO has it.
pub(crate) fn request(op: &Op) -> Option<Iocb> {
    let (len, offset) = (op.len as usize, op.offset as i64);
    let request = match op.code {
        Code::Read => iocb::Pread::new(op.fd, op.memory, len)
            .offset(offset)
            .build(),
        Code::Write => iocb::Pwrite::new(op.fd, op.memory, len)
            .offset(offset)
            .build(),
        Code::Sync => iocb::Fdsync::new(op.fd).build(),
        Code::Recv => iocb::Poll::new(op.fd, PollFlags::IN).build(),
        _ => return None,
    };
    Some(request.data(op.slot.into()))
}

impl Queue for Native {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        self.list.clear();
        for op in ops {
            let slot = op.slot as usize;
            match request(op) {
                Some(request) => {
                    self.waiting[slot] = (op.code == Code::Recv).then_some(*op);
                    self.requests[slot] = request;
                    self.list.push(ptr::from_mut(&mut self.requests[slot]));
                }
                None => done.push(Done {
                    slot: op.slot,
                    result: Libc::call(op),
                }),
            }
        }
        let mut rest = &self.list[..];
        while !rest.is_empty() {
            // SAFETY: the requests are live, and each one's memory is its own until its event has come.
            let taken = unsafe { self.context.submit(rest) }?;
            ensure!(taken > 0, "nothing was taken");
            rest = &rest[taken..];
        }
        let min = usize::from(done.is_empty());
        if min == 0 && !self.ring {
            return Ok(());
        }
        let count = loop {
            let mut completions = self.context.completions();
            let events = if self.ring {
                completions.wait(min, &mut self.events, None, None)
            } else {
                completions.wait_in_kernel(min, &mut self.events, None, None)
            };
            match events {
                // Rings of other engines, which are of the same thread, may still have work for it.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                events => break events?.len(),
            }
        };
        for event in &self.events[..count] {
            // SAFETY: so many were written.
            let event = unsafe { event.assume_init_ref() };
            let slot = event.data() as usize;
            let result = match self.waiting[slot].take() {
                Some(op) => Libc::call(&op),
                None => event.res() as i32,
            };
            done.push(Done {
                slot: slot as u32,
                result,
            });
        }
        Ok(())
    }
}
