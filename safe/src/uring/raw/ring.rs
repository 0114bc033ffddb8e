//! The ring itself: what its three parts share, and the type that owns them.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use uring_sys::*;

use super::index::{CqLocal, SqLocal};
use super::memory::Memory;
use super::registered::{OwnedIndex, Registered, this_thread};
use super::rewind::Rewind;
use super::{Builder, CompletionQueue, Parameters, SubmissionQueue, Submitter, cqueue, squeue};
use crate::error::{RingError, SetupError, SetupReason};
use crate::mmap;
use crate::sync::SharedWord;

mod resize;

/// The application's own state of a ring, in a page that a forked child finds zeroed.
///
/// The ring's memory is not mapped in a child, and its addresses may be something else's there. Because
/// whatever leads to an access of that memory is read from here first, a child accesses none of it.
#[derive(Default)]
#[repr(C)]
struct Local {
    /// 1, or 0 in a forked child.
    here: AtomicU32,
    sq: SqLocal,
    cq: CqLocal,
}

/// Owns a page with a [`Local`].
struct LocalPage(NonNull<Local>);

// SAFETY: the page belongs to the process. Who may use which part of it when is up to the queues.
unsafe impl Send for LocalPage {}
// SAFETY: as above.
unsafe impl Sync for LocalPage {}

impl LocalPage {
    fn new() -> io::Result<Self> {
        const { assert!(size_of::<Local>() <= 4096) };
        let page = mmap::wiped_on_fork()?.cast::<Local>();
        // SAFETY: the page is mapped, large enough, aligned, and nobody else's.
        unsafe { page.write(Local::default()) };
        Ok(Self(page))
    }

    #[inline]
    fn get(&self) -> &Local {
        // SAFETY: the page is mapped as long as this value lives, also in a child, and zero is a value of
        // each field. All fields are interior mutable.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for LocalPage {
    fn drop(&mut self) {
        // SAFETY: the page came from `wiped_on_fork`, and borrows of it have ended.
        unsafe { mmap::unmap_page(self.0.cast()) };
    }
}

/// What the queues and the submitter share.
pub(crate) struct Core {
    /// `None` with `IORING_SETUP_REGISTERED_FD_ONLY`.
    fd: Option<OwnedFd>,
    pub(crate) registered: Registered,
    /// The thread that made the ring, or enabled it.
    owner: AtomicU64,
    /// How often the kernel was entered.
    entered: AtomicU64,
    pub(crate) params: Parameters,
    pub(crate) sq_head: SharedWord,
    pub(crate) sq_tail: SharedWord,
    pub(crate) sq_flags: SharedWord,
    pub(crate) cq_head: SharedWord,
    pub(crate) cq_tail: SharedWord,
    pub(crate) rewind: Option<Rewind>,
    /// Whether the ring lost its memory in this process, by a resize that could not be mapped.
    unmapped: bool,
    local: LocalPage,
}

impl Core {
    /// Whether this is the process that made the ring, and not a child of it.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        // Relaxed: written before the ring was given out; only a fork changes it.
        self.local.get().here.load(Ordering::Relaxed) != 0
    }

    /// Why the ring cannot be used where [`is_here`](Self::is_here) denies it.
    #[cold]
    pub(crate) fn gone(&self) -> RingError {
        if self.unmapped {
            RingError::Unmapped
        } else {
            RingError::Forked
        }
    }

    /// The producer's state. Used by one thread at a time: the one with the `SubmissionQueue`.
    #[inline]
    pub(crate) fn sq_local(&self) -> &SqLocal {
        &self.local.get().sq
    }

    /// The consumer's state. Used by one thread at a time: the one with the `CompletionQueue`.
    #[inline]
    pub(crate) fn cq_local(&self) -> &CqLocal {
        &self.local.get().cq
    }

    /// Notes that the submission queue is being filled.
    #[inline]
    pub(crate) fn queue_opened(&self) {
        if let Some(rewind) = &self.rewind {
            rewind.open();
        }
    }

    /// Notes that the submission queue may be submitted.
    #[inline]
    pub(crate) fn queue_closed(&self) {
        if let Some(rewind) = &self.rewind {
            rewind.close();
        }
    }

    /// The descriptor, or -1 if the ring has none.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// By what to name the ring in a call of the process that made it, and whether that is an index.
    #[inline]
    fn name(&self) -> Result<(RawFd, bool), RingError> {
        if let Some(index) = self.registered.index() {
            return Ok((index as RawFd, true));
        }
        match &self.fd {
            Some(fd) => Ok((fd.as_raw_fd(), false)),
            None => Err(RingError::NotRegisteredHere),
        }
    }

    /// io_uring_enter(2). Answers how many entries were taken.
    ///
    /// # Safety
    ///
    /// `arg` and `size` are what `flags` say.
    #[inline]
    pub(crate) unsafe fn enter(
        &self,
        to_submit: u32,
        want: u32,
        flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> io::Result<usize> {
        if !self.is_here() {
            return Err(self.gone().into());
        }
        // SAFETY: by the caller's promise.
        unsafe { self.enter_here(to_submit, want, flags, arg, size) }
    }

    /// As [`enter`](Self::enter), for a caller that has looked which process this is.
    ///
    /// # Safety
    ///
    /// As for [`enter`](Self::enter), and [`is_here`](Self::is_here) holds.
    #[inline]
    pub(crate) unsafe fn enter_here(
        &self,
        to_submit: u32,
        want: u32,
        mut flags: u32,
        arg: *const c_void,
        size: usize,
    ) -> io::Result<usize> {
        let (fd, registered) = self.name()?;
        if registered {
            flags |= IORING_ENTER_REGISTERED_RING;
        }
        // Relaxed, and not as one step: a statistic, of which two threads at once may lose a call.
        let entered = self.entered.load(Ordering::Relaxed);
        self.entered.store(entered + 1, Ordering::Relaxed);
        // SAFETY: the argument by the caller's promise. What the entries point to is valid by the promise
        // made when they were pushed.
        let result = unsafe { io_uring_enter2(fd, to_submit, want, flags, arg, size) };
        usize::try_from(result).map_err(|_| enter_error(-result))
    }

    /// io_uring_register(2), by the registered index where the kernel takes it.
    ///
    /// # Safety
    ///
    /// `arg` and `nr_args` are what `opcode` takes, and what is registered stays valid while it is.
    pub(crate) unsafe fn register(
        &self,
        opcode: u32,
        arg: *const c_void,
        nr_args: u32,
    ) -> io::Result<u32> {
        if !self.is_here() {
            return Err(self.gone().into());
        }
        let (fd, opcode) = match self.name()? {
            (index, true) if self.params.is_feature_reg_reg_ring() || self.fd.is_none() => {
                (index, opcode | IORING_REGISTER_USE_REGISTERED_RING)
            }
            (_, true) => (self.raw_fd(), opcode),
            (fd, false) => (fd, opcode),
        };
        // SAFETY: by the caller's promise.
        let result = unsafe { io_uring_register(fd, opcode, arg, nr_args) };
        let result = u32::try_from(result).map_err(|_| self.register_error(-result))?;
        if opcode & !IORING_REGISTER_USE_REGISTERED_RING == IORING_REGISTER_ENABLE_RINGS {
            self.owner.store(this_thread(), Ordering::Relaxed);
        }
        Ok(result)
    }
}

/// The error for an errno of io_uring_enter(2).
#[cold]
fn enter_error(errno: i32) -> io::Error {
    match RingError::of_enter(errno) {
        Some(error) => error.into(),
        None => io::Error::from_raw_os_error(errno),
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // An index left behind would keep the ring alive until the thread ends.
        if self.is_here() {
            if let Some(index) = self.registered.index() {
                // An error changes nothing: the ring is going away.
                let _ = self.unregister_index(index);
            }
        }
    }
}

impl Core {
    /// The error for an errno of io_uring_register(2), where `EEXIST` mostly is about what is registered.
    #[cold]
    fn register_error(&self, errno: i32) -> io::Error {
        let foreign = self.owner.load(Ordering::Relaxed) != this_thread();
        if errno == libc::EEXIST && self.params.is_setup_single_issuer() && foreign {
            RingError::WrongThread.into()
        } else {
            io::Error::from_raw_os_error(errno)
        }
    }

    /// Takes the ring out of the thread's registered rings.
    pub(crate) fn unregister_index(&self, index: u32) -> io::Result<()> {
        let update = io_uring_rsrc_update {
            offset: index,
            ..Default::default()
        };
        let arg = ptr::from_ref(&update).cast();
        // SAFETY: one `io_uring_rsrc_update`, which the kernel reads.
        unsafe { self.register(IORING_UNREGISTER_RING_FDS, arg, 1) }?;
        self.registered.clear();
        Ok(())
    }
}

/// An io_uring: a submission queue, a completion queue, and the way into the kernel.
///
/// `S` and `C` are the types of their entries. A forked child cannot use its parent's ring: there the queues
/// are empty and have no room, and calls fail with [`RingError::Forked`].
///
/// Dropping a ring ends no operation: the kernel may go on using the memory of those in flight.
pub struct IoUring<S = squeue::Entry, C = cqueue::Entry>
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    sq: squeue::Inner<S>,
    cq: cqueue::Inner<C>,
    pub(super) core: Core,
    _memory: Memory,
}

impl IoUring {
    /// Makes a ring for `entries` submissions, rounded up to a power of two, and twice as many completions.
    ///
    /// The error is the bare errno, as that of [`Builder::build`]. io_uring_setup(2), since Linux 5.1.
    ///
    /// ```
    /// use safe::uring::raw::{IoUring, opcode};
    ///
    /// let mut ring = IoUring::new(8)?;
    /// let nop = opcode::Nop::new().build().user_data(42);
    /// // SAFETY: a NOP names no memory.
    /// unsafe { ring.submission().push(&nop) }.expect("a new ring has room");
    /// assert_eq!(ring.submit_and_wait(1)?, 1);
    /// let completion = ring.completion().next().expect("one was waited for");
    /// assert_eq!((completion.user_data(), completion.result()), (42, 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(entries: u32) -> io::Result<Self> {
        Self::builder().build(entries)
    }

    /// Takes over a ring that was made elsewhere.
    ///
    /// # Safety
    ///
    /// `fd` is a ring, owned by nobody else, of which `params` are the answer of io_uring_setup(2); nobody
    /// else uses its queues, now or later. Operations in it keep the promises of
    /// [`SubmissionQueue::push`].
    pub unsafe fn from_fd(fd: RawFd, params: Parameters) -> io::Result<Self> {
        // SAFETY: by the caller's promise.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: as above.
        unsafe { Self::assemble(Handle::Fd(fd), params.0, None) }
    }
}

/// By what a new ring is named.
pub(crate) enum Handle {
    Fd(OwnedFd),
    /// In this thread's table.
    Index(OwnedIndex),
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> IoUring<S, C> {
    /// Says how to make a ring. The types of the entries, where they are not inferred, are given as
    /// `IoUring::<squeue::Entry128, cqueue::Entry32>::builder()`.
    #[must_use]
    pub fn builder() -> Builder<S, C> {
        Builder::new()
    }

    /// Puts a ring together.
    ///
    /// # Safety
    ///
    /// `handle` names a ring that the kernel made and described by `params`; nobody else uses its queues.
    /// `memory` is the memory it was made in, if it was made with `IORING_SETUP_NO_MMAP`, and holds what
    /// `params` describe.
    pub(crate) unsafe fn assemble(
        handle: Handle,
        params: io_uring_params,
        memory: Option<Memory>,
    ) -> io::Result<Self> {
        if params.flags & super::flags::ENTRY_SIZES != S::BUILD_FLAGS | C::BUILD_FLAGS {
            return Err(SetupError::unasked(SetupReason::EntrySize).into());
        }
        let memory = match (memory, &handle) {
            (Some(memory), _) => memory,
            (None, Handle::Fd(fd)) => Memory::map::<S, C>(fd.as_fd(), &params)?,
            (None, Handle::Index(_)) => return Err(io::Error::from_raw_os_error(libc::EBADF)),
        };
        // SAFETY: by the caller's promise, and because what was mapped has the lengths that `params` give.
        let (mut sq, cq, sq_flags) = unsafe {
            (
                memory.submission::<S>(&params),
                memory.completion::<C>(&params),
                memory.sq_flags(&params),
            )
        };
        let rewind = (params.flags & IORING_SETUP_SQ_REWIND != 0)
            .then(|| Rewind::new(sq.sqes, squeue::stride::<S>()));
        if let Some(rewind) = &rewind {
            (sq.head, sq.tail) = rewind.words();
        }
        let local = LocalPage::new()?;
        local.get().sq.start(params.sq_entries, sq.head, sq.tail);
        local.get().cq.start(params.cq_entries, cq.head);
        local.get().here.store(1, Ordering::Relaxed);
        let (fd, registered) = match handle {
            Handle::Fd(fd) => (Some(fd), Registered::none()),
            Handle::Index(index) => (None, Registered::here(index)),
        };
        Ok(Self {
            core: Core {
                fd,
                registered,
                owner: AtomicU64::new(this_thread()),
                entered: AtomicU64::new(0),
                params: Parameters(params),
                sq_head: sq.head,
                sq_tail: sq.tail,
                sq_flags,
                cq_head: cq.head,
                cq_tail: cq.tail,
                rewind,
                unmapped: false,
                local,
            },
            sq,
            cq,
            _memory: memory,
        })
    }

    /// The way into the kernel: submitting, waiting, registering.
    #[inline]
    pub fn submitter(&self) -> Submitter<'_> {
        Submitter::new(&self.core)
    }

    /// How often io_uring_enter(2) was called for this ring: to submit, to wait, or to flush.
    pub fn times_entered(&self) -> u64 {
        self.core.entered.load(Ordering::Relaxed)
    }

    /// The kernel's answer when the ring was made.
    #[inline]
    pub fn params(&self) -> &Parameters {
        &self.core.params
    }

    /// As [`Submitter::submit`].
    #[inline]
    pub fn submit(&self) -> io::Result<usize> {
        self.submitter().submit()
    }

    /// As [`Submitter::submit_and_wait`].
    #[inline]
    pub fn submit_and_wait(&self, want: usize) -> io::Result<usize> {
        self.submitter().submit_and_wait(want)
    }

    /// The three parts, which may go to three threads.
    ///
    /// What was pushed is only submitted after a [`sync`](SubmissionQueue::sync) of the submission queue.
    #[inline]
    pub fn split(
        &mut self,
    ) -> (
        Submitter<'_>,
        SubmissionQueue<'_, S>,
        CompletionQueue<'_, C>,
    ) {
        // SAFETY: the queues are this ring's, and the ring is borrowed exclusively as long as they live.
        unsafe {
            (
                self.submitter(),
                self.submission_shared(),
                self.completion_shared(),
            )
        }
    }

    /// The submission queue.
    #[inline]
    pub fn submission(&mut self) -> SubmissionQueue<'_, S> {
        // SAFETY: the ring is borrowed exclusively as long as the queue lives.
        unsafe { self.submission_shared() }
    }

    /// Takes all completions out of the queue, gives each to `f`, and the slots back to the kernel.
    #[inline]
    pub(crate) fn take_all(&mut self, f: impl FnMut(&C)) {
        // SAFETY: the queue is this ring's, which is borrowed exclusively.
        unsafe { self.cq.take_all(self.core.cq_local(), f) };
    }

    /// Learns which completions the kernel has posted. Answers whether any are known that were not taken.
    #[inline]
    pub(crate) fn see(&mut self) -> bool {
        self.cq.see(self.core.cq_local())
    }

    /// Forgets the completions that are known and were not taken, until the next look.
    pub(crate) fn unsee(&mut self) {
        self.core.cq_local().unsee();
    }

    /// Takes the first completion out of the queue if it is known, and `f` gives an answer to it.
    #[inline]
    pub(crate) fn take_first_if<T>(
        &mut self,
        f: impl FnOnce(&cqueue::Filled<C>) -> Option<T>,
    ) -> Option<T> {
        // SAFETY: the queue is this ring's, which is borrowed exclusively.
        unsafe { self.cq.take_first_if(self.core.cq_local(), f) }
    }

    /// Writes one entry where it lies in the queue and shows it to the kernel, as
    /// [`SubmissionQueue::push_with`] does in a queue of its own, with less ado: `fill` gets the slot as it was
    /// left, and assigns all of the entry's first 64 bytes.
    ///
    /// Not for rings with `IORING_SETUP_SQ_REWIND`.
    ///
    /// # Safety
    ///
    /// As for [`SubmissionQueue::push_with`].
    #[inline]
    pub(crate) unsafe fn push_one(
        &mut self,
        fill: impl FnOnce(&mut squeue::Entry),
    ) -> Result<(), squeue::PushError> {
        // SAFETY: the queue is this ring's, which is borrowed exclusively; the rest by the caller's promise.
        unsafe { self.sq.push_one(self.core.sq_local(), fill) }
    }

    /// The position of the first free slot of the submission queue. There is none in a forked child.
    #[inline]
    pub(crate) fn room(&mut self) -> Option<u32> {
        self.sq.room(self.core.sq_local())
    }

    /// As [`push_one`](Self::push_one), where there is room.
    ///
    /// # Safety
    ///
    /// As there; [`room`](Self::room) answered this position, in this process, and nothing was pushed since.
    #[inline]
    pub(crate) unsafe fn push_reserved(
        &mut self,
        position: u32,
        fill: impl FnOnce(&mut squeue::Entry),
    ) {
        // SAFETY: the queue is this ring's, which is borrowed exclusively; the rest by the caller's promise.
        unsafe { self.sq.push_reserved(self.core.sq_local(), position, fill) }
    }

    /// The submission queue, of a ring that is borrowed elsewhere.
    ///
    /// # Safety
    ///
    /// As long as the result lives there is no other submission queue of this ring, and of a ring with
    /// `IORING_SETUP_SQ_REWIND` nobody submits when it is made.
    #[inline]
    pub unsafe fn submission_shared(&self) -> SubmissionQueue<'_, S> {
        // SAFETY: both belong to this ring; exclusive by the caller's promise.
        unsafe { SubmissionQueue::new(&self.sq, &self.core) }
    }

    /// The completion queue.
    #[inline]
    pub fn completion(&mut self) -> CompletionQueue<'_, C> {
        // SAFETY: the ring is borrowed exclusively as long as the queue lives.
        unsafe { self.completion_shared() }
    }

    /// The completion queue, of a ring that is borrowed elsewhere.
    ///
    /// # Safety
    ///
    /// As long as the result lives there is no other completion queue of this ring.
    #[inline]
    pub unsafe fn completion_shared(&self) -> CompletionQueue<'_, C> {
        // SAFETY: both belong to this ring; exclusive by the caller's promise.
        unsafe { CompletionQueue::new(&self.cq, &self.core) }
    }

    /// Takes the next completion without waiting, also one that the kernel still holds back.
    ///
    /// [`CompletionQueue`]'s own `next` takes no system call and sees only what has been posted. When that
    /// is nothing, this looks at the ring's flags, and enters the kernel if they say that completions wait
    /// there, as [`Submitter::flush_completions`] does.
    #[inline]
    pub fn peek(&mut self) -> io::Result<Option<C>> {
        if let Some(completion) = self.completion().next() {
            return Ok(Some(completion));
        }
        self.submitter().flush_completions()?;
        Ok(self.completion().next())
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> AsRawFd for IoUring<S, C> {
    /// The descriptor, or -1 for a ring made with `IORING_SETUP_REGISTERED_FD_ONLY`.
    fn as_raw_fd(&self) -> RawFd {
        self.core.raw_fd()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> AsFd for IoUring<S, C> {
    /// The descriptor: readable when completions are there.
    ///
    /// # Panics
    ///
    /// If the ring was made with `IORING_SETUP_REGISTERED_FD_ONLY` and has none.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.core.fd {
            Some(fd) => fd.as_fd(),
            None => panic!("the ring has no descriptor (IORING_SETUP_REGISTERED_FD_ONLY)"),
        }
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> std::fmt::Debug for IoUring<S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IoUring")
            .field("fd", &self.core.raw_fd())
            .field("params", &self.core.params)
            .finish_non_exhaustive()
    }
}
