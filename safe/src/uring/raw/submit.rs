//! The way into the kernel.

use std::ffi::c_void;
use std::io;
use std::ptr;
use std::sync::atomic::Ordering;

use uring_sys::*;

use super::enter::EnterFlags;
use super::index::{AsDocumented, flags_after_publishing};
use super::rewind::Rewind;
use super::ring::Core;
use super::types::SubmitArgs;
use crate::sync::Word;

/// Submits what lies in the submission queue, waits for completions, and registers things with the ring.
///
/// All values for one ring are the same; they may be used by several threads at once.
#[derive(Clone, Copy)]
pub struct Submitter<'a> {
    core: &'a Core,
}

/// What completions the kernel holds back until it is entered for them.
const HELD_BACK: u32 = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;

impl<'a> Submitter<'a> {
    #[inline]
    pub(crate) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Calls io_uring_enter(2) with just these arguments. Answers how many entries were taken.
    ///
    /// Without [`EnterFlags::EXT_ARG`] the argument is a signal mask, with it [`SubmitArgs`]. In a ring with
    /// `IORING_SETUP_SQ_REWIND` entries that are not taken stay where they are, and would be lost.
    ///
    /// # Safety
    ///
    /// `arg` is what `flag` says, and what it names is valid. The entries in the queue keep the promises of
    /// [`SubmissionQueue::push`](super::SubmissionQueue::push).
    pub unsafe fn enter<T: Sized>(
        &self,
        to_submit: u32,
        min_complete: u32,
        flag: u32,
        arg: Option<&T>,
    ) -> io::Result<usize> {
        let size = if flag & IORING_ENTER_EXT_ARG == 0 {
            // Of the C library's set the kernel reads the beginning, and insists on its own size.
            KERNEL_SIGSET_SIZE
        } else {
            size_of::<T>()
        };
        let arg = arg.map_or(ptr::null(), |arg| ptr::from_ref(arg).cast());
        // SAFETY: by the caller's promise.
        unsafe { self.core.enter(to_submit, min_complete, flag, arg, size) }
    }

    /// Submits all entries that the submission queue has published. Answers how many the kernel took, which
    /// may be fewer: the others stay in the queue for the next submission.
    ///
    /// In a ring with `IORING_SETUP_SQPOLL` the answer is how many were there to take. Completions that the
    /// kernel holds back are flushed on the way. There is no system call where nothing is to be done.
    ///
    /// # Errors
    ///
    /// * [`RingError`](crate::error::RingError), as the source: another thread owns the ring, the ring is
    ///   disabled, or this is a forked child.
    /// * `EAGAIN`: no memory for requests, and nothing was taken; `EINTR`: a signal came while waiting, and
    ///   nothing was taken; `EBADR`: a completion was lost to lack of memory, said once.
    ///
    /// io_uring_enter(2), since Linux 5.1.
    #[inline]
    pub fn submit(&self) -> io::Result<usize> {
        self.submit_and_wait(0)
    }

    /// As [`submit`](Self::submit), then waits until `want` completions are in the completion queue.
    ///
    /// If fewer entries than all are taken, it does not wait. In a ring of mixed completions the kernel takes
    /// one of 32 bytes for two. There is no system call if there is nothing to submit, that many are in the
    /// queue already, and none is held back; those taken count until the
    /// [`CompletionQueue`](super::CompletionQueue) is synced or dropped.
    #[inline]
    pub fn submit_and_wait(&self, want: usize) -> io::Result<usize> {
        // SAFETY: no argument, thus no signal mask.
        unsafe { self.flush(want, 0, ptr::null(), KERNEL_SIGSET_SIZE) }
    }

    /// As [`submit_and_wait`](Self::submit_and_wait), with a timeout or a signal mask.
    ///
    /// The wait ends with `ETIME` or `EINTR` only if no entry was taken and no completion is there. Since
    /// Linux 5.11 ([`is_feature_ext_arg`](super::Parameters::is_feature_ext_arg)); `EINVAL` before.
    #[inline]
    pub fn submit_with_args(&self, want: usize, args: &SubmitArgs<'_, '_>) -> io::Result<usize> {
        self.submit_with_flags(want, args, EnterFlags::empty())
    }

    /// As [`submit_with_args`](Self::submit_with_args), with more flags: [`EnterFlags::ABS_TIMER`],
    /// [`EnterFlags::NO_IOWAIT`]. Only these two and `GETEVENTS` have an effect.
    #[inline]
    pub fn submit_with_flags(
        &self,
        want: usize,
        args: &SubmitArgs<'_, '_>,
        flags: EnterFlags,
    ) -> io::Result<usize> {
        let flags = IORING_ENTER_EXT_ARG | (flags & WAIT_FLAGS).bits();
        let arg = ptr::from_ref(&args.args).cast();
        // SAFETY: the argument is an `io_uring_getevents_arg`, whose pointers are null or borrowed.
        unsafe { self.flush(want, flags, arg, size_of::<io_uring_getevents_arg>()) }
    }

    /// As [`submit_with_flags`](Self::submit_with_flags), where the timeout and the signal mask are an
    /// `io_uring_reg_wait` that lies `offset` bytes into the memory registered for that
    /// (`IORING_REGISTER_MEM_REGION`).
    ///
    /// `EFAULT` if there is no such memory, or not at that offset. Since Linux 6.13; a wait in the last 64
    /// bytes of the memory is taken for the one in the first (seen on all kernels up to 7.3).
    ///
    /// # Safety
    ///
    /// The signal mask that the registered struct names, if any, is a valid one.
    #[inline]
    pub unsafe fn submit_and_wait_registered(
        &self,
        want: usize,
        offset: usize,
        flags: EnterFlags,
    ) -> io::Result<usize> {
        let flags = IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG | (flags & WAIT_FLAGS).bits();
        let arg = ptr::without_provenance(offset);
        // SAFETY: the argument is an offset, which the kernel checks; the rest by the caller's promise.
        unsafe { self.flush(want, flags, arg, size_of::<io_uring_reg_wait>()) }
    }

    /// Makes the kernel post the completions that it holds back: those that found the completion queue
    /// full, and those whose work waits for the task. Answers whether it had to be entered.
    ///
    /// There is no system call where the ring's flags say that nothing is held back. They cannot say so,
    /// and the kernel is always entered, with `IORING_SETUP_IOPOLL`, where this polls the devices, and
    /// with `IORING_SETUP_COOP_TASKRUN` or `IORING_SETUP_DEFER_TASKRUN` but no `IORING_SETUP_TASKRUN_FLAG`.
    #[inline]
    pub fn flush_completions(&self) -> io::Result<bool> {
        // In a child, entering says what is wrong.
        let needed = !self.core.is_here() || self.holds_back();
        if needed {
            // SAFETY: no argument.
            unsafe {
                self.core.enter(
                    0,
                    0,
                    IORING_ENTER_GETEVENTS,
                    ptr::null(),
                    KERNEL_SIGSET_SIZE,
                )?;
            }
        }
        Ok(needed)
    }

    /// Waits until the submission queue has room. For rings with `IORING_SETUP_SQPOLL`; others have room
    /// after each submission. Since Linux 5.10.
    pub fn squeue_wait(&self) -> io::Result<usize> {
        // SAFETY: no argument.
        unsafe {
            self.core
                .enter(0, 0, IORING_ENTER_SQ_WAIT, ptr::null(), KERNEL_SIGSET_SIZE)
        }
    }

    /// Whether completions are polled for by entering, not by a kernel thread.
    #[inline]
    fn polls_by_entering(&self) -> bool {
        self.core.params.flags() & (IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL)
            == IORING_SETUP_IOPOLL
    }

    /// Whether completion work waits for the task, by one of these flags, without a flag that tells.
    #[inline]
    fn hides_work(&self, by: u32) -> bool {
        let setup = self.core.params.flags();
        setup & by != 0 && setup & IORING_SETUP_TASKRUN_FLAG == 0
    }

    /// Whether entering the kernel is to get completions, though none is waited for. Not in a forked child.
    #[inline]
    fn has_events(&self) -> bool {
        // Relaxed: a hint; entering the kernel orders everything.
        self.core.sq_flags.load(Ordering::Relaxed) & HELD_BACK != 0 || self.polls_by_entering()
    }

    /// Whether completions wait, or may wait, in the kernel until it is entered. Not in a forked child.
    #[inline]
    fn holds_back(&self) -> bool {
        self.has_events() || self.hides_work(IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)
    }

    /// Whether to wait for `want` completions, but at least one, would return at once and do nothing else:
    /// they are in the queue, by the indexes that the kernel compares too, and none is held back. Not in a
    /// forked child.
    fn has_ready(self, want: u32) -> bool {
        // Acquire: pairs with the store by another thread that takes completions, so that the tail read next
        // is not behind this head. The tail relaxed: it is only a number, and who takes the completions
        // reads it again.
        let head = self.core.cq_head.load(Ordering::Acquire);
        let tail = self.core.cq_tail.load(Ordering::Relaxed);
        want > 0 && tail.wrapping_sub(head) >= want && !self.holds_back()
    }

    /// Enters the kernel with what is to be submitted, waited for and flushed, if there is anything.
    ///
    /// # Safety
    ///
    /// `arg` and `size` are what `flags` say.
    #[inline]
    unsafe fn flush(
        self,
        want: usize,
        flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> io::Result<usize> {
        let core = self.core;
        if !core.is_here() {
            return Err(core.gone().into());
        }
        if let Some(rewind) = &core.rewind {
            // SAFETY: by the caller's promise, and because this is the ring's process.
            return unsafe { self.flush_rewinding(rewind, want, flags, arg, size) };
        }
        // The head first, with acquire: then a tail that is read after it is not behind it, also where another
        // thread publishes and the kernel's takes meanwhile. Pairs with the release store of the SQ head in
        // the kernel's `io_commit_sqring`. The tail relaxed: this is only a number. The kernel reads it again,
        // with acquire, and takes no more than what that covers.
        let head = core.sq_head.load(Ordering::Acquire);
        let queued = core.sq_tail.load(Ordering::Relaxed).wrapping_sub(head);
        // SAFETY: by the caller's promise, and because this is the ring's process.
        unsafe { self.flush_queued(queued, want, flags, arg, size) }
    }

    /// As [`flush`](Self::flush), of a ring with `IORING_SETUP_SQ_REWIND`.
    ///
    /// # Safety
    ///
    /// As for [`Core::enter_here`].
    // Apart, so that others do not set up what its closure holds.
    #[cold]
    unsafe fn flush_rewinding(
        self,
        rewind: &Rewind,
        want: usize,
        flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> io::Result<usize> {
        rewind.submit(self.core.sq_local(), |queued| {
            // SAFETY: by the caller's promise.
            unsafe { self.flush_queued(queued, want, flags, arg, size) }
        })
    }

    /// As [`flush`](Self::flush), for `queued` entries.
    ///
    /// # Safety
    ///
    /// As for [`Core::enter_here`].
    #[inline]
    unsafe fn flush_queued(
        self,
        queued: u32,
        want: usize,
        mut flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> io::Result<usize> {
        let want = u32::try_from(want).unwrap_or(u32::MAX);
        if queued == 0 || self.core.params.flags() & IORING_SETUP_SQPOLL != 0 {
            // SAFETY: by the caller's promise.
            return unsafe { self.flush_otherwise(queued, want, flags, arg, size) };
        }
        if want > 0 || self.has_events() {
            flags |= IORING_ENTER_GETEVENTS;
        }
        // SAFETY: by the caller's promise.
        unsafe { self.core.enter_here(queued, want, flags, arg, size) }
    }

    /// Does the work of [`flush_queued`](Self::flush_queued) where the kernel need not be entered to submit:
    /// the queue is empty, or a kernel thread looks after it.
    ///
    /// # Safety
    ///
    /// As for [`Core::enter_here`].
    // Apart, so that those who submit do not pay for it.
    #[inline(never)]
    unsafe fn flush_otherwise(
        self,
        queued: u32,
        want: u32,
        mut flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> io::Result<usize> {
        let core = self.core;
        let sqpoll = core.params.flags() & IORING_SETUP_SQPOLL != 0;
        if sqpoll
            && queued > 0
            && flags_after_publishing::<AsDocumented>(&core.sq_flags) & IORING_SQ_NEED_WAKEUP != 0
        {
            flags |= IORING_ENTER_SQ_WAKEUP;
        }
        if want > 0 || self.has_events() {
            flags |= IORING_ENTER_GETEVENTS;
        }
        // Tasks that are not interrupted run their completion work at any entry, and programs count on that
        // where no flag tells them of it.
        let needed = flags & (IORING_ENTER_SQ_WAKEUP | IORING_ENTER_GETEVENTS) != 0
            || self.hides_work(IORING_SETUP_COOP_TASKRUN);
        let wakes = flags & IORING_ENTER_SQ_WAKEUP != 0;
        if !needed || !wakes && self.has_ready(want) {
            return Ok(queued as usize);
        }
        // SAFETY: by the caller's promise.
        unsafe { core.enter_here(queued, want, flags, arg, size) }
    }

    /// Calls io_uring_register(2). Answers what the operation answers.
    ///
    /// # Safety
    ///
    /// `arg` and `nr_args` are what `opcode` takes, and what is registered stays valid while it is.
    pub unsafe fn register(
        &self,
        opcode: u32,
        arg: *const c_void,
        nr_args: u32,
    ) -> io::Result<u32> {
        // SAFETY: by the caller's promise.
        unsafe { self.core.register(opcode, arg, nr_args) }
    }

    /// Maps `len` bytes of the ring's, from `offset`. `EBADF` if the ring has no descriptor.
    pub(crate) fn map(&self, offset: u64, len: usize) -> io::Result<crate::mmap::Mmap> {
        if !self.core.is_here() {
            return Err(self.core.gone().into());
        }
        match self.core.raw_fd() {
            -1 => Err(io::Error::from_raw_os_error(libc::EBADF)),
            // SAFETY: the descriptor is the ring's own, and the ring is borrowed.
            fd => crate::mmap::Mmap::of(
                unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) },
                offset,
                len,
            ),
        }
    }

    /// Enables a ring made with `IORING_SETUP_R_DISABLED`. With `IORING_SETUP_SINGLE_ISSUER` the calling
    /// thread becomes its owner. `EBADFD` if it is enabled. Since Linux 5.10.
    pub fn register_enable_rings(&self) -> io::Result<()> {
        // SAFETY: the operation takes no argument.
        unsafe { self.register(IORING_REGISTER_ENABLE_RINGS, ptr::null(), 0) }?;
        Ok(())
    }

    /// Registers the ring with the calling thread, which makes its calls cheaper from then on: the kernel
    /// need not look the descriptor up. Other threads go on using the descriptor.
    ///
    /// The ring remembers it, so that it holds for every `Submitter` of the ring, until
    /// [`unregister_ring_fd`](Self::unregister_ring_fd) or until the ring is dropped by this thread. `EEXIST`
    /// if the ring is registered with a thread; `EBUSY` if the thread has 16 rings. Since Linux 5.18.
    pub fn register_ring_fd(&mut self) -> io::Result<()> {
        let registered = &self.core.registered;
        if !registered.claim() {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let mut update = io_uring_rsrc_update {
            offset: u32::MAX,
            resv: 0,
            data: self.core.raw_fd() as u64,
        };
        let arg = ptr::from_mut(&mut update).cast_const().cast();
        // SAFETY: one `io_uring_rsrc_update`, in which the kernel writes the index.
        match unsafe { self.register(IORING_REGISTER_RING_FDS, arg, 1) } {
            Ok(_) => {
                registered.set(update.offset);
                Ok(())
            }
            Err(error) => {
                registered.clear();
                Err(error)
            }
        }
    }

    /// Undoes [`register_ring_fd`](Self::register_ring_fd). `EINVAL` if the ring is not registered with the
    /// calling thread, or has nothing but that. Since Linux 5.18.
    pub fn unregister_ring_fd(&mut self) -> io::Result<()> {
        match self.core.registered.index() {
            Some(index) if self.core.raw_fd() >= 0 => self.core.unregister_index(index),
            _ => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        }
    }
}

/// What a caller may say about a wait.
const WAIT_FLAGS: EnterFlags = EnterFlags::GETEVENTS
    .union(EnterFlags::ABS_TIMER)
    .union(EnterFlags::NO_IOWAIT);

impl std::fmt::Debug for Submitter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submitter")
            .field("fd", &self.core.raw_fd())
            .finish_non_exhaustive()
    }
}
