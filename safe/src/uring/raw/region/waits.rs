//! Registered waits: how long to wait, written once to shared memory, not copied in at each call.

use std::io;
use std::time::Duration;

use uring_sys::{__kernel_timespec, KERNEL_SIGSET_SIZE, io_uring_reg_wait};

use super::{Allocation, Region};
use crate::fork::Generation;
use crate::uring::raw::register::MemRegionFlags;
use crate::uring::raw::{EnterFlags, Submitter};

/// A table of [`Wait`]s in memory shared with the kernel (`IORING_MEM_REGION_REG_WAIT_ARG`).
///
/// io_uring_enter(2) with `IORING_ENTER_EXT_ARG_REG` takes a wait by its [`offset`](Self::offset). Since
/// Linux 6.13; `EINVAL` with `IORING_SETUP_IOPOLL`.
#[derive(Debug)]
pub struct RegisteredWaits {
    region: Region,
    process: Generation,
    count: usize,
}

/// How a wait ends, other than by completions.
#[derive(Clone, Copy, Default)]
pub struct Wait {
    timeout: Option<Duration>,
    min_wait_usec: u32,
    signals: Option<Signals>,
}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait")
            .field("timeout", &self.timeout)
            .field("min_wait_usec", &self.min_wait_usec)
            .field("signals", &self.signals)
            .finish()
    }
}

impl Wait {
    /// A wait without a timeout, with the thread's own signal mask.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends with `ETIME` after `timeout`; or, with `IORING_ENTER_ABS_TIMER`, when the ring's clock shows it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// After this many microseconds one completion is enough, however many are wanted.
    pub fn min_wait_usec(mut self, min_wait_usec: u32) -> Self {
        self.min_wait_usec = min_wait_usec;
        self
    }

    /// Blocks these signals instead of the thread's own mask. The set is copied.
    pub fn sigmask(mut self, signals: &libc::sigset_t) -> Self {
        const { assert!(size_of::<libc::sigset_t>() >= KERNEL_SIGSET_SIZE) }
        let set = std::ptr::from_ref(signals).cast();
        // SAFETY: the kernel's set is a prefix of the C library's, both arrays of words; any bytes are one.
        self.signals = Some(unsafe { std::ptr::read_unaligned(set) });
        self
    }
}

/// What the kernel reads. The waits lie first in the region, so that none straddles two cache lines.
type Slot = io_uring_reg_wait;

/// The signal mask of a wait, in the kernel's size. All of them lie behind the waits.
type Signals = [u8; KERNEL_SIGSET_SIZE];

/// What a wait takes of the region, in bytes.
const SIZE: usize = size_of::<Slot>() + size_of::<Signals>();

impl RegisteredWaits {
    /// Registers a table of at least `count` waits, all of them [`Wait::new`].
    ///
    /// The ring is one that is still disabled (`IORING_SETUP_R_DISABLED`).
    ///
    /// # Errors
    ///
    /// * `EINVAL`: the ring is enabled, `count` is 0, or the kernel is older than 6.13.
    /// * `EBUSY`: the ring has a region.
    /// * `ENOMEM`: no memory, or `RLIMIT_MEMLOCK` exceeded.
    pub fn register(ring: &Submitter<'_>, count: usize, by: Allocation) -> io::Result<Self> {
        let process = Generation::current()?;
        let len = count
            .checked_mul(SIZE)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let region = Region::with_flags(ring, len, by, MemRegionFlags::WAIT_ARG)?;
        let count = region.len() / SIZE;
        Ok(Self {
            region,
            process,
            count,
        })
    }

    /// The number of waits: what fits the pages that were registered.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Replaces the wait at `index`.
    ///
    /// A call that uses it meanwhile may see some of the old and some of the new. The kernel reads it once, when
    /// the call begins.
    ///
    /// # Panics
    ///
    /// If `index` is not less than [`len`](Self::len).
    pub fn set(&mut self, index: usize, wait: &Wait) {
        assert!(index < self.count, "wait {index} of {}", self.count);
        // In a forked child the memory is not there, and no ring to wait on.
        if !self.process.is_current() {
            return;
        }
        let at = self.region.as_ptr().as_ptr();
        // SAFETY: `count` waits and as many masks lie in the region, and `index` is less than that. No
        // reference is made: the kernel may read them.
        let (slot, signals) = unsafe {
            let masks = at.add(self.count * size_of::<Slot>());
            (
                at.cast::<Slot>().add(index),
                masks.cast::<Signals>().add(index),
            )
        };
        let set = wait.signals.map_or(0, |_| signals.expose_provenance());
        let timeout = wait.timeout.unwrap_or_default();
        let value = io_uring_reg_wait {
            ts: __kernel_timespec {
                // Later than any clock: what does not fit never comes.
                tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(timeout.subsec_nanos()),
            },
            min_wait_usec: wait.min_wait_usec,
            flags: match wait.timeout {
                Some(_) => uring_sys::IORING_REG_WAIT_TS,
                None => 0,
            },
            sigmask: set as u64,
            sigmask_sz: if set == 0 {
                0
            } else {
                KERNEL_SIGSET_SIZE as u32
            },
            ..Default::default()
        };
        // SAFETY: both places lie in the mapping and are aligned, and `&mut self` keeps others of this process
        // away. Volatile: the kernel reads them behind the compiler's back.
        unsafe {
            signals.write_volatile(wait.signals.unwrap_or_default());
            slot.write_volatile(value);
        }
    }

    /// Where the wait at `index` lies in the region, in bytes: the argument of io_uring_enter(2) with
    /// `IORING_ENTER_EXT_ARG_REG`. `None` if there is no such wait.
    pub fn offset(&self, index: usize) -> Option<usize> {
        (index < self.count).then(|| index * size_of::<Slot>())
    }

    /// Submits, and waits for `want` completions as the wait at `index` says:
    /// [`Submitter::submit_and_wait_registered`].
    ///
    /// # Errors
    ///
    /// As there. `EFAULT` also if there is no such wait.
    #[inline]
    pub fn submit_and_wait(
        &self,
        ring: &Submitter<'_>,
        want: usize,
        index: usize,
        flags: EnterFlags,
    ) -> io::Result<usize> {
        let offset = self
            .offset(index)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))?;
        // SAFETY: the waits of this table name masks that lie in the same memory, or none. In a region of
        // another ring there is what its owner wrote, who answers for it; the kernel only reads.
        unsafe { ring.submit_and_wait_registered(want, offset, flags) }
    }

    /// The memory.
    pub fn region(&self) -> &Region {
        &self.region
    }
}
