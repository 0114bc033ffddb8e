//! A ring for cases, straight over the system calls and the mappings. It serves one thread and checks little: what the
//! kernel answers is for the case to judge.

pub mod mem;
pub mod op;
pub mod ops;
mod setup;

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::thread;

use uring_sys::*;

use crate::case::Stop;
use crate::{ensure, ensure_eq};
use op::Op;
use setup::{Map, cqe_size, sqe_size};

/// A ring; closed and unmapped when dropped.
#[derive(Debug)]
pub struct Ring {
    fd: Fd,
    params: io_uring_params,
    /// What the offsets of the submission queue, and of the completion queue, count from.
    sq: *mut u8,
    cq: *mut u8,
    sqes: *mut u8,
    /// Next slot of the submission queue to fill. Ahead of the shared tail by what has not been submitted.
    tail: u32,
    _maps: Vec<Map>,
}

/// How the ring is named in calls.
#[derive(Debug)]
enum Fd {
    Open(OwnedFd),
    /// Its index among the registered rings of this task.
    Registered(c_int),
}

/// A completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cqe {
    /// That of the operation.
    pub user_data: u64,
    /// The result, or a negative errno.
    pub res: i32,
    /// `IORING_CQE_F_*`, and in the upper half a buffer's number.
    pub flags: u32,
    /// The second half of a 32-byte entry.
    pub extra: Option<[u64; 2]>,
}

impl Cqe {
    /// Whether more completions of the same operation follow.
    pub fn more(&self) -> bool {
        self.flags & IORING_CQE_F_MORE != 0
    }
}

impl Ring {
    /// What the kernel answered at set-up.
    pub fn params(&self) -> &io_uring_params {
        &self.params
    }

    /// The ring's descriptor. Panics if it has none.
    pub fn as_raw_fd(&self) -> RawFd {
        match &self.fd {
            Fd::Open(fd) => fd.as_raw_fd(),
            Fd::Registered(_) => panic!("the ring has no descriptor"),
        }
    }

    /// The word of the submission ring at an offset from [`io_uring_params::sq_off`].
    pub fn sq_word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the offset is one that the kernel gave, so it is aligned and within the mapping, which lives as long
        // as `self`; the kernel, too, accesses the word atomically.
        unsafe { AtomicU32::from_ptr(self.sq.add(offset as usize).cast()) }
    }

    /// The word of the completion ring at an offset from [`io_uring_params::cq_off`].
    pub fn cq_word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: as in `sq_word`.
        unsafe { AtomicU32::from_ptr(self.cq.add(offset as usize).cast()) }
    }

    /// Puts operations into the submission queue, not yet seen by the kernel. Panics if it is full;
    /// with a polling kernel thread it waits until that thread has taken what was published.
    pub fn push(&mut self, ops: &[Op]) {
        for op in ops {
            // Acquire: pairs with the kernel's release of the head once it has read an entry, needed with SQPOLL.
            while self.tail.wrapping_sub(
                self.sq_word(self.params.sq_off.head)
                    .load(Ordering::Acquire),
            ) == self.params.sq_entries
            {
                let polled = self.params.flags & IORING_SETUP_SQPOLL != 0;
                assert!(polled, "submission queue is full");
                // The kernel's thread posts completions before it moves the head.
                thread::yield_now();
            }
            let index = (self.tail & (self.params.sq_entries - 1)) as usize;
            let size = sqe_size(&self.params);
            // SAFETY: `index` is below the number of entries, each `size` bytes in the mapping. The slot is between the
            // head and the tail that the kernel can see, so the kernel does not read it.
            unsafe {
                let slot = self.sqes.add(index * size);
                slot.write_bytes(0, size);
                slot.cast::<io_uring_sqe>().write(op.sqe());
            }
            self.tail = self.tail.wrapping_add(1);
        }
    }

    /// Publishes what was pushed and tells the kernel. Returns what `io_uring_enter` returned, negative for an errno; with
    /// a polling kernel thread that is awake, the number published.
    pub fn submit(&mut self) -> i32 {
        let rewind = self.params.flags & IORING_SETUP_SQ_REWIND != 0;
        let tail = self.sq_word(self.params.sq_off.tail);
        // Relaxed: only this side writes it.
        let count = self.tail.wrapping_sub(tail.load(Ordering::Relaxed));
        if rewind {
            // The kernel takes the first `count` slots at each call, and nobody moves the shared words.
            self.tail = 0;
            return self.enter(count, 0, 0);
        }
        // Release: pairs with the kernel's acquire load of the tail, which orders its reads of the entries.
        tail.store(self.tail, Ordering::Release);
        if self.params.flags & IORING_SETUP_SQPOLL == 0 {
            // Relaxed: without a polling thread only calls of this thread move the head.
            let head = self
                .sq_word(self.params.sq_off.head)
                .load(Ordering::Relaxed);
            return self.enter(self.tail.wrapping_sub(head), 0, 0);
        }
        // Pairs with the kernel's full barrier between setting NEED_WAKEUP and its last look at the tail: one of the
        // two sees what the other wrote.
        fence(Ordering::SeqCst);
        let flags = self
            .sq_word(self.params.sq_off.flags)
            .load(Ordering::Relaxed);
        if flags & IORING_SQ_NEED_WAKEUP != 0 {
            return self.enter(count, 0, IORING_ENTER_SQ_WAKEUP);
        }
        count as i32
    }

    /// Calls `io_uring_enter` without a signal mask. Negative for an errno.
    pub fn enter(&self, to_submit: u32, min_complete: u32, flags: u32) -> i32 {
        let (fd, flags) = match &self.fd {
            Fd::Open(fd) => (fd.as_raw_fd(), flags),
            Fd::Registered(index) => (*index, flags | IORING_ENTER_REGISTERED_RING),
        };
        // SAFETY: no argument is passed, and the entries in the queue are `Op`s: all memory that they name stays.
        unsafe { io_uring_enter(fd, to_submit, min_complete, flags, ptr::null()) }
    }

    /// Calls `io_uring_register` on this ring. Negative for an errno.
    ///
    /// # Safety
    ///
    /// As [`io_uring_register`].
    pub unsafe fn register(&self, opcode: u32, arg: *const c_void, nr_args: u32) -> i32 {
        let (fd, opcode) = match &self.fd {
            Fd::Open(fd) => (fd.as_raw_fd(), opcode),
            Fd::Registered(index) => (*index, opcode | IORING_REGISTER_USE_REGISTERED_RING),
        };
        // SAFETY: by the caller's promise.
        unsafe { io_uring_register(fd, opcode, arg, nr_args) }
    }

    /// The next completion that is already there.
    pub fn reap(&mut self) -> Option<Cqe> {
        let off = self.params.cq_off;
        loop {
            // Relaxed: only this side writes the head.
            let head = self.cq_word(off.head).load(Ordering::Relaxed);
            // Acquire: pairs with the kernel's release store of the tail, which orders its writes of the entries.
            if head == self.cq_word(off.tail).load(Ordering::Acquire) {
                return None;
            }
            let wide = self.params.flags & IORING_SETUP_CQE32 != 0;
            let index = (head & (self.params.cq_entries - 1)) as usize;
            // SAFETY: `index` is below the number of entries, and the entry is before the tail, so that the kernel has
            // written it and does not touch it again before the head passes it. The second half is there with CQE32,
            // and after an entry with F_32, which never stands in the last slot.
            let (cqe, extra) = unsafe {
                let slot = self
                    .cq
                    .add(off.cqes as usize + index * cqe_size(&self.params));
                let cqe = slot.cast::<io_uring_cqe>().read();
                let whole = wide || cqe.flags & IORING_CQE_F_32 != 0;
                (
                    cqe,
                    whole.then(|| {
                        slot.add(size_of::<io_uring_cqe>())
                            .cast::<[u64; 2]>()
                            .read()
                    }),
                )
            };
            let slots = if extra.is_some() && !wide { 2 } else { 1 };
            // Release: pairs with the kernel's acquire of the head before it reuses the slots; the copy comes first.
            self.cq_word(off.head)
                .store(head.wrapping_add(slots), Ordering::Release);
            if cqe.flags & IORING_CQE_F_SKIP == 0 {
                return Some(Cqe {
                    user_data: cqe.user_data,
                    res: cqe.res,
                    flags: cqe.flags,
                    extra,
                });
            }
        }
    }

    /// The next completion; waits for it, forever if need be: a case has a time limit.
    #[track_caller]
    pub fn wait(&mut self) -> Result<Cqe, Stop> {
        loop {
            if let Some(cqe) = self.reap() {
                return Ok(cqe);
            }
            let res = self.enter(0, 1, IORING_ENTER_GETEVENTS);
            if res < 0 && res != -libc::EINTR {
                return Err(Stop::from(io::Error::from_raw_os_error(-res)));
            }
        }
    }

    /// Submits operations, all of which must be taken.
    #[track_caller]
    pub fn start(&mut self, ops: &[Op]) -> Result<(), Stop> {
        self.push(ops);
        ensure_eq!(
            self.submit(),
            ops.len() as i32,
            "number of operations submitted"
        );
        Ok(())
    }

    /// Runs one operation and returns its one completion.
    #[track_caller]
    pub fn run(&mut self, op: Op) -> Result<Cqe, Stop> {
        self.start(&[op])?;
        let cqe = self.wait()?;
        ensure_eq!(cqe.user_data, op.sqe().user_data, "user_data");
        Ok(cqe)
    }

    /// Runs operations together, with their position as `user_data`, until the last completion of each is there. Returns
    /// all completions in the order of the operations, and as they came within one.
    #[track_caller]
    pub fn run_all(&mut self, ops: &[Op]) -> Result<Vec<Cqe>, Stop> {
        let tagged: Vec<Op> = ops.iter().zip(0..).map(|(op, i)| op.tag(i)).collect();
        self.start(&tagged)?;
        self.finish(ops.len())
    }

    /// The completions until `count` operations have ended, in the order of their `user_data`.
    #[track_caller]
    pub fn finish(&mut self, mut count: usize) -> Result<Vec<Cqe>, Stop> {
        let mut cqes = Vec::new();
        while count > 0 {
            let cqe = self.wait()?;
            ensure!(cqes.len() < 1000, "no end of completions");
            count -= usize::from(!cqe.more());
            cqes.push(cqe);
        }
        cqes.sort_by_key(|cqe| cqe.user_data);
        Ok(cqes)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if let Fd::Registered(index) = self.fd {
            let update = io_uring_rsrc_update {
                offset: index as u32,
                ..io_uring_rsrc_update::default()
            };
            // SAFETY: `update` is one live `io_uring_rsrc_update`, which the kernel reads during the call.
            unsafe { self.register(IORING_UNREGISTER_RING_FDS, (&raw const update).cast(), 1) };
        }
    }
}

/// The result of a call, as the rest of Rust has it.
pub fn result(returned: c_int) -> io::Result<c_int> {
    if returned < 0 {
        Err(io::Error::from_raw_os_error(-returned))
    } else {
        Ok(returned)
    }
}
