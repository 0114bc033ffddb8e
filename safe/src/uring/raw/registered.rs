//! The ring's index among the registered rings of a thread.
//!
//! Those indexes are the thread's own: in another thread the same index may be another ring. So the
//! thread is remembered with it, by a number that no later thread gets.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::{mem, ptr};

use uring_sys::{
    IORING_REGISTER_USE_REGISTERED_RING, IORING_UNREGISTER_RING_FDS, io_uring_register,
    io_uring_rsrc_update,
};

thread_local! {
    static THREAD: u64 = {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    };
}

thread_local! {
    /// The indexes by which rings of this crate enter the kernel from this thread, a bit for each.
    static IN_USE: Cell<u32> = const { Cell::new(0) };
}

/// Whether a ring counts on being at this index in the calling thread's table. What else is put there would be taken
/// for that ring.
pub(crate) fn is_in_use(index: u32) -> bool {
    IN_USE.get() & bit(index) != 0
}

/// The kernel has 16 indexes.
fn bit(index: u32) -> u32 {
    1u32.checked_shl(index).unwrap_or(0)
}

/// The calling thread, by a number that no later thread gets.
#[inline]
pub(crate) fn this_thread() -> u64 {
    THREAD.with(|thread| *thread)
}

/// The index by which the kernel named a new ring that has no descriptor. It goes with the value.
pub(crate) struct OwnedIndex(u32);

impl OwnedIndex {
    /// # Safety
    ///
    /// The ring at `index` in the calling thread's table is nobody else's.
    pub(crate) unsafe fn new(index: u32) -> Self {
        Self(index)
    }

    fn release(self) -> u32 {
        let index = self.0;
        mem::forget(self);
        index
    }
}

impl Drop for OwnedIndex {
    fn drop(&mut self) {
        let update = io_uring_rsrc_update {
            offset: self.0,
            ..Default::default()
        };
        // SAFETY: one `io_uring_rsrc_update`, which the kernel reads. A new ring has nothing in it.
        unsafe {
            io_uring_register(
                self.0 as i32,
                IORING_UNREGISTER_RING_FDS | IORING_REGISTER_USE_REGISTERED_RING,
                ptr::from_ref(&update).cast(),
                1,
            )
        };
    }
}

/// An index that is valid in one thread, or none.
pub(crate) struct Registered {
    /// The thread, or 0.
    thread: AtomicU64,
    index: AtomicU32,
}

/// Taken while a thread registers.
const BUSY: u64 = u64::MAX;

impl Registered {
    pub(crate) fn none() -> Self {
        Self {
            thread: AtomicU64::new(0),
            index: AtomicU32::new(0),
        }
    }

    /// An index in the calling thread.
    pub(crate) fn here(index: OwnedIndex) -> Self {
        let registered = Self::none();
        registered.set(index.release());
        registered
    }

    /// The index, if the calling thread has one.
    #[inline]
    pub(crate) fn index(&self) -> Option<u32> {
        // Relaxed: a value that matters here was stored by this same thread.
        let thread = self.thread.load(Ordering::Relaxed);
        (thread != 0 && thread == this_thread()).then(|| self.index.load(Ordering::Relaxed))
    }

    /// Claims the place for an index, unless there is one, of whichever thread.
    pub(crate) fn claim(&self) -> bool {
        self.thread
            .compare_exchange(0, BUSY, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Fills the claimed place.
    pub(crate) fn set(&self, index: u32) {
        IN_USE.set(IN_USE.get() | bit(index));
        self.index.store(index, Ordering::Relaxed);
        self.thread.store(this_thread(), Ordering::Relaxed);
    }

    /// Empties the place: of the calling thread's index, or one that was claimed for it.
    pub(crate) fn clear(&self) {
        if let Some(index) = self.index() {
            IN_USE.set(IN_USE.get() & !bit(index));
        }
        self.thread.store(0, Ordering::Relaxed);
    }
}
