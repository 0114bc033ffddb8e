//! Making a ring.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;

use uring_sys::*;

use super::diagnose::diagnose;
use super::flags::ENTRY_SIZES;
use super::memory::{Provided, Sizes, ring_lengths};
use super::registered::OwnedIndex;
use super::ring::Handle;
use super::{IoUring, cqueue, squeue};
use crate::error::{FlagConflict, SetupError, SetupReason};

/// Where the memory of the rings comes from.
#[derive(Clone, Copy)]
enum Source {
    /// The kernel's, to be mapped.
    Kernel,
    /// Our own: of normal pages, or of huge ones.
    Ours { huge: bool },
    /// The caller's: for the rings, and for the entries.
    Callers(NonNull<[u8]>, NonNull<[u8]>),
}

/// Says how to make a ring, then makes it.
///
/// Methods are named after the `IORING_SETUP_*` flags. Flags for the size of entries (`SQE128`, `SQE_MIXED`,
/// `CQE32`, `CQE_MIXED`) come from the type parameters. Flags that the kernel would refuse together are
/// refused by [`build`](Self::build) with an error that names them.
pub struct Builder<S = squeue::Entry, C = cqueue::Entry>
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    params: io_uring_params,
    unchecked: bool,
    source: Source,
    entries: PhantomData<fn() -> (S, C)>,
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Clone for Builder<S, C> {
    fn clone(&self) -> Self {
        Self {
            params: self.params,
            unchecked: self.unchecked,
            source: self.source,
            entries: PhantomData,
        }
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Default for Builder<S, C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Builder<S, C> {
    pub(crate) fn new() -> Self {
        Self {
            params: io_uring_params {
                flags: S::BUILD_FLAGS | C::BUILD_FLAGS,
                ..Default::default()
            },
            unchecked: false,
            source: Source::Kernel,
            entries: PhantomData,
        }
    }

    /// Sets flags that this crate knows.
    pub(crate) fn ask(&mut self, flags: u32) -> &mut Self {
        self.set(flags)
    }

    fn set(&mut self, flag: u32) -> &mut Self {
        self.params.flags |= flag;
        self
    }

    /// Keeps the ring's memory out of forked children. It always is; this method is there for programs that
    /// call it.
    pub fn dontfork(&mut self) -> &mut Self {
        self
    }

    /// Polls for completions instead of waiting for interrupts. For files opened with `O_DIRECT` on devices
    /// that can be polled, and few operations besides. Since Linux 5.1.
    pub fn setup_iopoll(&mut self) -> &mut Self {
        self.set(IORING_SETUP_IOPOLL)
    }

    /// As [`setup_iopoll`](Self::setup_iopoll), sleeping for part of the expected time first. Needs it. Since
    /// Linux 6.13.
    pub fn setup_hybrid_iopoll(&mut self) -> &mut Self {
        self.set(IORING_SETUP_HYBRID_IOPOLL)
    }

    /// Has a kernel thread take entries, which sleeps after `idle` milliseconds without any (0: the default,
    /// one second). Excludes the three `TASKRUN` flags and `SQ_REWIND`. Since Linux 5.1.
    pub fn setup_sqpoll(&mut self, idle: u32) -> &mut Self {
        self.params.sq_thread_idle = idle;
        self.set(IORING_SETUP_SQPOLL)
    }

    /// Binds that thread to a CPU. Needs [`setup_sqpoll`](Self::setup_sqpoll). Since Linux 5.1.
    pub fn setup_sqpoll_cpu(&mut self, cpu: u32) -> &mut Self {
        self.params.sq_thread_cpu = cpu;
        self.set(IORING_SETUP_SQ_AFF)
    }

    /// Makes room for `entries` completions, rounded up to a power of two, instead of twice as many as
    /// submissions; not fewer than those. Since Linux 5.5.
    pub fn setup_cqsize(&mut self, entries: u32) -> &mut Self {
        self.params.cq_entries = entries;
        self.set(IORING_SETUP_CQSIZE)
    }

    /// Takes the most there can be where more entries are asked for. Since Linux 5.6.
    pub fn setup_clamp(&mut self) -> &mut Self {
        self.set(IORING_SETUP_CLAMP)
    }

    /// Shares the workers, and the thread of [`setup_sqpoll`](Self::setup_sqpoll), of the ring `fd`. `ENXIO` or
    /// `EINVAL` if that is none. Since Linux 5.6.
    pub fn setup_attach_wq(&mut self, fd: RawFd) -> &mut Self {
        self.params.wq_fd = fd as u32;
        self.set(IORING_SETUP_ATTACH_WQ)
    }

    /// Makes the ring disabled, until
    /// [`register_enable_rings`](super::Submitter::register_enable_rings). Since Linux 5.10.
    pub fn setup_r_disabled(&mut self) -> &mut Self {
        self.set(IORING_SETUP_R_DISABLED)
    }

    /// Goes on submitting behind an entry that is refused. Since Linux 5.18.
    pub fn setup_submit_all(&mut self) -> &mut Self {
        self.set(IORING_SETUP_SUBMIT_ALL)
    }

    /// Does not interrupt a running task for completion work; it runs when the task next enters the kernel.
    /// Since Linux 5.19.
    pub fn setup_coop_taskrun(&mut self) -> &mut Self {
        self.set(IORING_SETUP_COOP_TASKRUN)
    }

    /// Shows in the ring's flags when completion work waits. Needs one of
    /// [`setup_coop_taskrun`](Self::setup_coop_taskrun) and
    /// [`setup_defer_taskrun`](Self::setup_defer_taskrun). Since Linux 5.19.
    pub fn setup_taskrun_flag(&mut self) -> &mut Self {
        self.set(IORING_SETUP_TASKRUN_FLAG)
    }

    /// Promises that one thread submits: the one that makes the ring, or enables it. Others get
    /// [`WrongThread`](crate::error::RingError::WrongThread). Since Linux 6.0.
    pub fn setup_single_issuer(&mut self) -> &mut Self {
        self.set(IORING_SETUP_SINGLE_ISSUER)
    }

    /// Has completion work run only when the owner waits for completions or flushes them. Needs
    /// [`setup_single_issuer`](Self::setup_single_issuer). Since Linux 6.1.
    pub fn setup_defer_taskrun(&mut self) -> &mut Self {
        self.set(IORING_SETUP_DEFER_TASKRUN)
    }

    /// Does without the index array between the submission queue and its entries. Since Linux 6.6.
    pub fn setup_no_sqarray(&mut self) -> &mut Self {
        self.set(IORING_SETUP_NO_SQARRAY)
    }

    /// Begins each submission at the first slot, which keeps the cache warm. Needs
    /// [`setup_no_sqarray`](Self::setup_no_sqarray), and that the `SubmissionQueue` is dropped when
    /// submitting ([`QueueInUse`](crate::error::RingError::QueueInUse)). Since Linux 7.0.
    pub fn setup_sq_rewind(&mut self) -> &mut Self {
        self.set(IORING_SETUP_SQ_REWIND)
    }

    /// Puts the rings into memory of the process, of normal pages. Before about Linux 6.10 more than one page
    /// of them is refused. Since Linux 6.5.
    pub fn setup_no_mmap(&mut self) -> &mut Self {
        self.source = Source::Ours { huge: false };
        self.set(IORING_SETUP_NO_MMAP)
    }

    /// As [`setup_no_mmap`](Self::setup_no_mmap), of huge pages, which the administrator has to have reserved
    /// ([`NoHugePages`](SetupReason::NoHugePages)): of [`huge_page_size`](super::huge_page_size) bytes. Since
    /// Linux 6.5.
    pub fn setup_no_mmap_huge(&mut self) -> &mut Self {
        self.source = Source::Ours { huge: true };
        self.set(IORING_SETUP_NO_MMAP)
    }

    /// As [`setup_no_mmap`](Self::setup_no_mmap), in memory of the caller's: the rings in the first, the
    /// entries in the second. [`memory_sizes`](Self::memory_sizes) says how much is needed. Since Linux 6.5.
    ///
    /// # Safety
    ///
    /// When the ring is built, both begin at a page boundary, are mapped for reads and writes, and zeroed. From
    /// then on nobody else touches the whole pages that they begin in and reach into, as long as the ring
    /// lives. Nor are those pages used for anything afterwards, but unmapped: the kernel keeps them for itself
    /// until it is done with the ring, which may be long after, and may write to them. The builder makes one
    /// ring in them. They are kept out of forked children by the caller.
    pub unsafe fn setup_no_mmap_at(
        &mut self,
        rings: NonNull<[u8]>,
        sqes: NonNull<[u8]>,
    ) -> &mut Self {
        self.source = Source::Callers(rings, sqes);
        self.set(IORING_SETUP_NO_MMAP)
    }

    /// Makes a ring without a descriptor, known only to the calling thread by an index. Needs
    /// [`setup_no_mmap`](Self::setup_no_mmap). Other threads get
    /// [`NotRegisteredHere`](crate::error::RingError::NotRegisteredHere). Since Linux 6.5.
    pub fn setup_registered_fd_only(&mut self) -> &mut Self {
        self.set(IORING_SETUP_REGISTERED_FD_ONLY)
    }

    /// Sets more `IORING_SETUP_*` bits, such as those that this crate does not know. Combinations are then
    /// left to the kernel to check. Those for the size of entries are refused.
    ///
    /// # Safety
    ///
    /// Bits that this crate does not know change neither how the queues lie in memory nor how their indexes
    /// are exchanged.
    pub unsafe fn setup_flags(&mut self, bits: u32) -> &mut Self {
        self.unchecked = true;
        self.set(bits)
    }

    /// How much memory [`setup_no_mmap_at`](Self::setup_no_mmap_at) needs for a ring of so many entries. Call
    /// it when all flags are set.
    pub fn memory_sizes(&self, entries: u32) -> Sizes {
        Sizes::for_request(entries, &self.params)
    }

    /// Makes a ring for `entries` submissions (1 to 32768), rounded up to a power of two.
    ///
    /// The error is the bare errno: programs compare it, to go on without a ring or with other flags.
    /// [`build_explained`](Self::build_explained) says why. io_uring_setup(2), since Linux 5.1.
    pub fn build(&self, entries: u32) -> io::Result<IoUring<S, C>> {
        self.make(entries, |errno, _, _| io::Error::from_raw_os_error(errno))
            .map_err(bare)
    }

    /// As [`build`](Self::build), with a [`SetupError`] as the source of the error, for people to read:
    /// `raw_os_error` of the error itself is `None` then.
    ///
    /// What stands behind an errno is found out when it comes: by reading `/proc`, and by asking the kernel
    /// for other rings.
    pub fn build_explained(&self, entries: u32) -> io::Result<IoUring<S, C>> {
        self.make(entries, |errno, entries, asked| {
            diagnose(errno, entries, asked).into()
        })
    }

    fn make(&self, entries: u32, explain: Explain) -> io::Result<IoUring<S, C>> {
        let asked = self.params;
        if asked.flags & ENTRY_SIZES != S::BUILD_FLAGS | C::BUILD_FLAGS {
            return Err(SetupError::unasked(SetupReason::EntrySize).into());
        }
        if let Some(conflict) = FlagConflict::of(asked.flags).filter(|_| !self.unchecked) {
            return Err(SetupError::unasked(SetupReason::FlagConflict(conflict)).into());
        }
        let provided = self.provide(entries, explain)?;
        let mut params = asked;
        if let Some((rings, sqes)) = provided.as_ref().map(Provided::addresses) {
            params.cq_off.user_addr = rings.as_ptr().expose_provenance() as u64;
            params.sq_off.user_addr = sqes.as_ptr().expose_provenance() as u64;
        }
        // SAFETY: `params` is live. The memory that it names, if any, is large enough by `provide`, and
        // belongs to the ring: it is either unmapped with it, or the caller's promise in `setup_no_mmap_at`.
        let answer = unsafe { io_uring_setup(entries, &mut params) };
        let Ok(handle) = u32::try_from(answer) else {
            return Err(explain(-answer, entries, &asked));
        };
        let handle = if params.flags & IORING_SETUP_REGISTERED_FD_ONLY != 0 {
            // SAFETY: the kernel has just made it for us.
            Handle::Index(unsafe { OwnedIndex::new(handle) })
        } else {
            // SAFETY: the kernel has just made this descriptor for us.
            Handle::Fd(unsafe { OwnedFd::from_raw_fd(answer) })
        };
        if provided.is_some() {
            self.check_memory(entries, &params)?;
        }
        // SAFETY: the ring is new and ours, and its memory holds what `params` describe, as just checked.
        unsafe { IoUring::assemble(handle, params, provided.map(Provided::into_memory)) }
            .map_err(|error| explained(error, explain, entries, &asked))
    }

    /// The memory to make the ring in, unless it is the kernel's.
    fn provide(&self, entries: u32, explain: Explain) -> io::Result<Option<Provided>> {
        let sizes = self.memory_sizes(entries);
        match self.source {
            Source::Kernel => Ok(None),
            Source::Ours { huge } => {
                Provided::map(sizes, huge)
                    .map(Some)
                    .map_err(|error| match error.raw_os_error() {
                        Some(errno @ (libc::ENOMEM | libc::EINVAL)) if huge => {
                            SetupError::new(errno, SetupReason::NoHugePages).into()
                        }
                        _ => explained(error, explain, entries, &self.params),
                    })
            }
            Source::Callers(rings, sqes) => {
                if rings.len() < sizes.rings || sqes.len() < sizes.sqes {
                    return Err(too_small(sizes));
                }
                Ok(Some(Provided::Callers {
                    rings: rings.cast(),
                    sqes: sqes.cast(),
                }))
            }
        }
    }

    /// Compares the memory that was provided with what the kernel says it uses.
    fn check_memory(&self, entries: u32, params: &io_uring_params) -> io::Result<()> {
        let sizes = self.memory_sizes(entries);
        let (sq, cq) = ring_lengths::<C>(params);
        let sqes = params.sq_entries as usize * squeue::stride::<S>();
        if sq.max(cq) > sizes.rings_pages() || sqes > sizes.sqes_pages() {
            return Err(too_small(Sizes {
                rings: sq.max(cq),
                sqes,
            }));
        }
        Ok(())
    }
}

fn too_small(need: Sizes) -> io::Error {
    SetupError::unasked(SetupReason::MemoryTooSmall {
        need: (need.rings, need.sqes),
    })
    .into()
}

/// Makes an error of an errno, the number of entries and the parameters that were asked for.
type Explain = fn(i32, u32, &io_uring_params) -> io::Error;

/// An error of mapping memory, which the same limits may be behind.
fn explained(
    error: io::Error,
    explain: Explain,
    entries: u32,
    asked: &io_uring_params,
) -> io::Error {
    match error.raw_os_error() {
        Some(errno) => explain(errno, entries, asked),
        None => error,
    }
}

/// The errno alone, of an error that says more.
fn bare(error: io::Error) -> io::Error {
    let source = error.get_ref();
    let setup = source.and_then(|source| source.downcast_ref::<SetupError>());
    match setup.and_then(SetupError::raw_os_error) {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => error,
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> std::fmt::Debug for Builder<S, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("flags", &format_args!("{:#x}", self.params.flags))
            .finish_non_exhaustive()
    }
}

// SAFETY: the addresses of the caller's memory are only kept until the ring is made.
unsafe impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Send for Builder<S, C> {}
// SAFETY: as above; through a shared reference they are only read.
unsafe impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Sync for Builder<S, C> {}
