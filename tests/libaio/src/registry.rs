//! The contexts of the process, by the address that programs know them by.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use libc::EINVAL;
use safe::aio::raw::{Context, Event};

static CONTEXTS: RwLock<BTreeMap<usize, Arc<Entry>>> = RwLock::new(BTreeMap::new());

/// A context, for any number of threads.
pub(crate) struct Entry {
    /// Never dropped: [`remove`] destroys it while others may be waiting for its events.
    context: ManuallyDrop<Context>,
    /// Held for itself by a thread that reaps the ring, and shared by threads in system calls that reap. Nobody waits
    /// for it: where the ring is not to be had, the system call does.
    reaping: RwLock<()>,
    /// The context is destroyed, its ring unmapped.
    gone: AtomicBool,
}

/// What a C function answers for an error.
pub(crate) fn negated(error: &io::Error) -> c_int {
    // A forked child has no such context.
    -error.raw_os_error().unwrap_or(EINVAL)
}

/// Adds a context, and answers its address.
pub(crate) fn add(context: Context) -> usize {
    let at = context.as_raw() as usize;
    let entry = Entry {
        context: ManuallyDrop::new(context),
        reaping: RwLock::new(()),
        gone: AtomicBool::new(false),
    };
    let mut contexts = CONTEXTS.write().unwrap_or_else(PoisonError::into_inner);
    contexts.insert(at, Arc::new(entry));
    at
}

pub(crate) fn find(at: usize) -> Option<Arc<Entry>> {
    let contexts = CONTEXTS.read().unwrap_or_else(PoisonError::into_inner);
    contexts.get(&at).cloned()
}

/// Destroys a context.
pub(crate) fn remove(at: usize) -> c_int {
    let mut contexts = CONTEXTS.write().unwrap_or_else(PoisonError::into_inner);
    let removed = contexts.remove(&at);
    // The kernel may give the address to the next context as soon as this one is gone.
    drop(contexts);
    let Some(entry) = removed else {
        return -EINVAL;
    };
    // Keeps away those who reap the ring, and not those who wait in the kernel, which it wakes.
    let _turn = entry.reaping.read().unwrap_or_else(PoisonError::into_inner);
    entry.gone.store(true, Ordering::Relaxed);
    // SAFETY: nobody touches the ring any more: who takes the lock to do so sees that it is gone.
    unsafe { aio_sys::io_destroy(entry.context.as_raw()) }
}

impl Entry {
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Takes what the ring has, unless somebody else is reaping.
    pub(crate) fn take(&self, events: &mut [MaybeUninit<Event>]) -> io::Result<Option<usize>> {
        let Ok(_alone) = self.reaping.try_write() else {
            return Ok(None);
        };
        self.still_there()?;
        // SAFETY: the lock is held for this thread alone, and the ring is mapped.
        let mut completions = unsafe { self.context.completions_shared() };
        Ok(Some(completions.fill(events)?.len()))
    }

    /// Has the kernel take events.
    pub(crate) fn wait(
        &self,
        min: usize,
        events: &mut [MaybeUninit<Event>],
        timeout: Option<Duration>,
        sigmask: Option<&libc::sigset_t>,
    ) -> io::Result<usize> {
        let _turn = self.reaping.read().unwrap_or_else(PoisonError::into_inner);
        self.still_there()?;
        // SAFETY: the lock is held, so nobody reaps the ring; others who hold it wait in the kernel as well.
        let mut completions = unsafe { self.context.completions_shared() };
        Ok(completions
            .wait_in_kernel(min, events, timeout, sigmask)?
            .len())
    }

    fn still_there(&self) -> io::Result<()> {
        // Relaxed: for those who reap the ring the lock orders it; a wait that begins while the context ends is the
        // program's own race.
        if self.gone.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(EINVAL));
        }
        Ok(())
    }
}
