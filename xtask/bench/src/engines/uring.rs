// Included once for each crate, as `api`: the same rounds for `safe::uring::raw` and for the crate io-uring.

use std::hint;
use std::os::fd::AsRawFd;
use std::thread;

use anyhow::{Result, ensure};

use crate::engines::{Flavour, sqpoll};
use crate::engine::Queue;
use crate::job::Job;
use crate::op::{Code, Done, Op};
use api::{IoUring, opcode, squeue, types};

/// A ring.
pub(crate) struct Uring {
    ring: IoUring,
    flavour: Flavour,
}

impl Uring {
    /// A ring with room for all of the job's operations.
    pub(crate) fn new(job: &Job, flavour: Flavour) -> Result<Self> {
        let mut builder = IoUring::builder();
        match flavour {
            Flavour::Plain => {}
            Flavour::Defer | Flavour::Fixed => {
                builder.setup_single_issuer().setup_defer_taskrun();
            }
            Flavour::Sqpoll => {
                builder.setup_sqpoll(sqpoll::AWAKE);
                if let Some(cpu) = sqpoll::cpu() {
                    builder.setup_sqpoll_cpu(cpu);
                }
            }
        }
        // The kernel thread may free entries only after the operations are over.
        let room = if flavour == Flavour::Sqpoll { 2 } else { 1 };
        let ring = builder.build((room * job.depth).next_power_of_two() as u32)?;
        if flavour == Flavour::Fixed {
            let files: Vec<_> = job.files.iter().map(AsRawFd::as_raw_fd).collect();
            ring.submitter().register_files(&files)?;
            let (start, len) = job.slab.whole();
            let memory = libc::iovec {
                iov_base: start.cast(),
                iov_len: len,
            };
            // SAFETY: the job's memory outlives the engine.
            unsafe { ring.submitter().register_buffers(&[memory]) }?;
        }
        Ok(Self { ring, flavour })
    }

    /// Takes what completions there are.
    #[inline]
    fn reap(&mut self, done: &mut Vec<Done>) {
        // Without asking for room each time: there is enough.
        let mut taken = 0;
        for (end, completion) in done.spare_capacity_mut().iter_mut().zip(self.ring.completion()) {
            end.write(Done {
                slot: completion.user_data() as u32,
                result: completion.result(),
            });
            taken += 1;
        }
        // SAFETY: so many were written behind those that are there.
        unsafe { done.set_len(done.len() + taken) };
    }
}

impl Queue for Uring {
    #[inline]
    fn step(&mut self, ops: &[Op], done: &mut Vec<Done>) -> Result<()> {
        {
            let mut to = To {
                queue: &mut self.ring.submission(),
                flavour: self.flavour,
            };
            for op in ops {
                to.hand(op)?;
            }
        }
        if self.flavour == Flavour::Sqpoll {
            self.ring.submit()?;
            for _ in 0..sqpoll::LOOKS {
                self.reap(done);
                if !done.is_empty() {
                    return Ok(());
                }
                hint::spin_loop();
            }
        }
        self.ring.submit_and_wait(1)?;
        self.reap(done);
        Ok(())
    }

    fn prepare(&mut self) -> Result<()> {
        if self.flavour == Flavour::Sqpoll {
            sqpoll::make_way()?;
            // Wakes the thread.
            let nop = opcode::Nop::new().build();
            // SAFETY: a NOP names no memory.
            unsafe { self.ring.submission().push(&nop) }?;
            self.ring.submit_and_wait(1)?;
            ensure!(self.ring.completion().count() == 1, "one NOP has one end");
        }
        Ok(())
    }

    fn rest(&mut self) {
        if self.flavour == Flavour::Sqpoll {
            sqpoll::rest();
        }
    }
}

/// The queue of a ring that is set up like that.
struct To<'queue, 'ring> {
    queue: &'queue mut squeue::SubmissionQueue<'ring>,
    flavour: Flavour,
}

impl To<'_, '_> {
    /// Puts in what the operation is, where it is known which one it is: an entry that may be any of them would be put
    /// together in memory, and then copied.
    #[inline]
    fn hand(&mut self, op: &Op) -> Result<()> {
        let fd = types::Fd(op.fd);
        match op.code {
            Code::Nop => self.put(op, opcode::Nop::new().build()),
            Code::Open => {
                let open = opcode::OpenAt::new(fd, op.path).flags(libc::O_RDONLY);
                self.put(op, open.build())
            }
            Code::Statx => {
                let statx = opcode::Statx::new(fd, c"".as_ptr(), op.status().cast())
                    .flags(libc::AT_EMPTY_PATH)
                    .mask(libc::STATX_BASIC_STATS);
                self.put(op, statx.build())
            }
            Code::Close => self.put(op, opcode::Close::new(fd).build()),
            _ if self.flavour == Flavour::Fixed => self.hand_fixed(op),
            Code::Read => {
                let read = opcode::Read::new(fd, op.memory, op.len).offset(op.offset);
                self.put(op, read.build())
            }
            Code::Write => {
                let write = opcode::Write::new(fd, op.memory, op.len).offset(op.offset);
                self.put(op, write.build())
            }
            Code::Sync => {
                let sync = opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC);
                self.put(op, sync.build())
            }
            Code::Recv => self.put(op, opcode::Recv::new(fd, op.memory, op.len).build()),
            Code::Send => self.put(op, opcode::Send::new(fd, op.memory, op.len).build()),
        }
    }

    /// The same with registered files and memory, for what has them.
    #[inline]
    fn hand_fixed(&mut self, op: &Op) -> Result<()> {
        let file = types::Fixed(op.file);
        match op.code {
            Code::Read => {
                let read = opcode::ReadFixed::new(file, op.memory, op.len, 0).offset(op.offset);
                self.put(op, read.build())
            }
            Code::Write => {
                let write = opcode::WriteFixed::new(file, op.memory, op.len, 0).offset(op.offset);
                self.put(op, write.build())
            }
            Code::Recv => self.put(op, opcode::Recv::new(file, op.memory, op.len).build()),
            Code::Send => self.put(op, opcode::Send::new(file, op.memory, op.len).build()),
            _ => {
                let sync = opcode::Fsync::new(file).flags(types::FsyncFlags::DATASYNC);
                self.put(op, sync.build())
            }
        }
    }

    #[inline(always)]
    fn put(&mut self, op: &Op, entry: squeue::Entry) -> Result<()> {
        let entry = entry.user_data(op.slot.into());
        // SAFETY: files and memory are the job's until the operation is over, which the round waits for.
        while unsafe { self.queue.push(&entry) }.is_err() {
            // Only a kernel thread can be late.
            ensure!(self.flavour == Flavour::Sqpoll, "the queue is full");
            thread::yield_now();
            self.queue.sync();
        }
        Ok(())
    }
}
