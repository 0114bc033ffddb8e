//! epoll, and reading and writing what is ready.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Result, ensure};

use super::blocking::{Calls, Libc};
use crate::engine::Queue;
use crate::job::Job;
use crate::op::{Code, Done, Op};

/// Each connection stands in the interest list from the beginning.
pub(crate) struct Epoll {
    poll: OwnedFd,
    /// What waits for each connection to become ready.
    waiting: Vec<Option<Op>>,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    /// For the connections of this job.
    pub(crate) fn new(job: &Job) -> Result<Self> {
        // SAFETY: it takes no pointer.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        ensure!(fd >= 0, "epoll_create1: {}", io::Error::last_os_error());
        // SAFETY: it is new, and nobody else's.
        let poll = unsafe { OwnedFd::from_raw_fd(fd) };
        for (number, file) in (0..).zip(&job.files) {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: number,
            };
            // SAFETY: the event is live.
            let answer =
                unsafe { libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, file.as_raw_fd(), &mut event) };
            ensure!(answer == 0, "epoll_ctl: {}", io::Error::last_os_error());
        }
        Ok(Self {
            poll,
            waiting: vec![None; job.files.len()],
            events: vec![libc::epoll_event { events: 0, u64: 0 }; job.files.len()],
        })
    }
}

impl Queue for Epoll {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            if op.code == Code::Recv {
                self.waiting[op.slot as usize] = Some(*op);
            } else {
                done.push(Done {
                    slot: op.slot,
                    result: Libc::call(op),
                });
            }
        }
        while done.is_empty() {
            let room = self.events.len() as libc::c_int;
            // SAFETY: the array has room for that many.
            let count = unsafe {
                libc::epoll_wait(self.poll.as_raw_fd(), self.events.as_mut_ptr(), room, -1)
            };
            ensure!(count >= 0, "epoll_wait: {}", io::Error::last_os_error());
            for event in &self.events[..count as usize] {
                if let Some(op) = self.waiting[event.u64 as usize].take() {
                    done.push(Done {
                        slot: op.slot,
                        result: Libc::call(&op),
                    });
                }
            }
        }
        Ok(())
    }
}
