// Included once for each crate, as `api`: the same rounds for `safe::uring::raw` and for the crate io-uring.

use std::hint;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::engines::Flavour;
use crate::engine::Queue;
use crate::job::Job;
use crate::op::{Code, Done, Op};
use api::{IoUring, opcode, squeue, types};

/// How long a kernel thread that polls stays awake, in milliseconds.
const AWAKE: u32 = 2;

/// How often completions are looked for before the kernel is asked to wait.
const LOOKS: u32 = 200;

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
            Flavour::Plain | Flavour::Fixed => {}
            Flavour::Defer => {
                builder.setup_single_issuer().setup_defer_taskrun();
            }
            Flavour::Sqpoll => {
                builder.setup_sqpoll(AWAKE);
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
            let fixed = self.flavour == Flavour::Fixed;
            let mut queue = self.ring.submission();
            for op in ops {
                let entry = if fixed { fixed_entry(op) } else { entry(op) };
                let entry = entry.user_data(op.slot.into());
                // SAFETY: files and memory are the job's until the operation is over, which the round waits for.
                while unsafe { queue.push(&entry) }.is_err() {
                    // Only a kernel thread can be late.
                    ensure!(self.flavour == Flavour::Sqpoll, "the queue is full");
                    thread::yield_now();
                    queue.sync();
                }
            }
        }
        if self.flavour == Flavour::Sqpoll {
            self.ring.submit()?;
            for _ in 0..LOOKS {
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
            // Until the thread sleeps, so that others have its processor.
            thread::sleep(Duration::from_millis(2 * u64::from(AWAKE)));
        }
    }
}

#[inline]
fn entry(op: &Op) -> squeue::Entry {
    let fd = types::Fd(op.fd);
    match op.code {
        Code::Nop => opcode::Nop::new().build(),
        Code::Read => opcode::Read::new(fd, op.memory, op.len)
            .offset(op.offset)
            .build(),
        Code::Write => opcode::Write::new(fd, op.memory, op.len)
            .offset(op.offset)
            .build(),
        Code::Sync => opcode::Fsync::new(fd)
            .flags(types::FsyncFlags::DATASYNC)
            .build(),
        Code::Recv => opcode::Recv::new(fd, op.memory, op.len).build(),
        Code::Send => opcode::Send::new(fd, op.memory, op.len).build(),
        Code::Open => opcode::OpenAt::new(fd, op.path)
            .flags(libc::O_RDONLY)
            .build(),
        Code::Statx => opcode::Statx::new(fd, c"".as_ptr(), op.status().cast())
            .flags(libc::AT_EMPTY_PATH)
            .mask(libc::STATX_BASIC_STATS)
            .build(),
        Code::Close => opcode::Close::new(fd).build(),
    }
}

/// The same with registered files and memory, where there are any.
#[inline]
fn fixed_entry(op: &Op) -> squeue::Entry {
    let file = types::Fixed(op.file);
    match op.code {
        Code::Read => opcode::ReadFixed::new(file, op.memory, op.len, 0)
            .offset(op.offset)
            .build(),
        Code::Write => opcode::WriteFixed::new(file, op.memory, op.len, 0)
            .offset(op.offset)
            .build(),
        Code::Sync => opcode::Fsync::new(file)
            .flags(types::FsyncFlags::DATASYNC)
            .build(),
        Code::Recv => opcode::Recv::new(file, op.memory, op.len).build(),
        Code::Send => opcode::Send::new(file, op.memory, op.len).build(),
        _ => entry(op),
    }
}
