//! A pool of threads that make blocking calls: the crate rayon's.

use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Result, ensure};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::blocking::{Calls, Libc};
use super::sockets;
use crate::engine::Queue;
use crate::job::Job;
use crate::op::{Done, Op};

/// More threads do not help with files, and cost.
const THREADS: usize = 16;

/// Nobody has a thread for each of more connections.
const MOST: usize = 128;

/// The pool, and how its threads answer.
pub(crate) struct Pool {
    pool: ThreadPool,
    answers: Receiver<Done>,
    answer: Sender<Done>,
}

/// An operation on its way to another thread.
struct Sent(Op);

// SAFETY: the memory that it points to is the operation's alone until it is over.
unsafe impl Send for Sent {}

impl Sent {
    fn call(self) -> Done {
        Done {
            slot: self.0.slot,
            result: Libc::call(&self.0),
        }
    }
}

impl Pool {
    /// As many threads as the job has operations at a time; for files no more than 16. Threads that wait for
    /// messages must not keep others from answering.
    pub(crate) fn new(job: &Job) -> Result<Self> {
        ensure!(
            !sockets(job.kind) || job.depth <= MOST,
            "it would need a thread for each of {} connections",
            job.depth
        );
        let threads = match sockets(job.kind) {
            true => job.depth,
            false => job.depth.min(THREADS),
        };
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        let (answer, answers) = channel();
        Ok(Self {
            pool,
            answers,
            answer,
        })
    }
}

impl Queue for Pool {
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        for op in ops {
            let (sent, answer) = (Sent(*op), self.answer.clone());
            self.pool.spawn(move || {
                // It is received as long as there are operations.
                let _ = answer.send(sent.call());
            });
        }
        done.push(self.answers.recv()?);
        done.extend(self.answers.try_iter());
        Ok(())
    }
}
