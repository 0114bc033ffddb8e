//! The operations in flight, by descriptor.
//!
//! On musl this is for whoever cancels all of a descriptor's, as the library cannot be asked to. On glibc it is for
//! whoever cancels a single one. glibc's aio_cancel(3) of the first of a descriptor's queue makes the next one the
//! first, and forgets to give that to the workers: if the one that was cancelled had not begun, for want of a free
//! worker, all behind it never run, and cannot be waited for. Nobody can tell which is the first and whether it has
//! begun, so what something may stand behind is not cancelled.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::block::{Block, InFlight};
#[cfg(not(target_env = "gnu"))]
use super::cancel::Cancel;
use super::control::Control;
use super::error::Error;
use crate::fork::Generation;

/// What is in flight, and some that is over.
#[derive(Default)]
struct Blocks {
    /// By descriptor and address, so that each can be found again.
    by_key: BTreeMap<(i32, usize), Started>,
    /// How many were started, ever.
    #[cfg(target_env = "gnu")]
    started: u64,
}

/// An operation that was started.
struct Started {
    block: Weak<dyn InFlight>,
    /// The how manieth it was.
    #[cfg(target_env = "gnu")]
    number: u64,
    /// By how much its priority was lowered.
    #[cfg(target_env = "gnu")]
    lowered: i32,
}

impl Blocks {
    /// The operations of a descriptor.
    fn of(&self, fd: i32) -> impl Iterator<Item = (&(i32, usize), &Started)> {
        self.by_key.range((fd, 0)..=(fd, usize::MAX))
    }
}

#[cfg(target_env = "gnu")]
impl Started {
    /// Whether it stands before another in their descriptor's queue, whatever has come to its end meanwhile.
    fn is_before(&self, number: u64, lowered: i32) -> bool {
        self.number < number && self.lowered <= lowered
    }

    fn is_in_flight(&self) -> bool {
        let block = self.block.upgrade();
        block.is_some_and(|block| !block.control().is_over())
    }
}

/// The operations that one process started.
struct Known {
    process: Generation,
    blocks: Mutex<Blocks>,
}

/// Those of this process or, right after a fork, of its parent, whose lock may be held by a thread that is
/// not there. Never freed.
static KNOWN: AtomicPtr<Known> = AtomicPtr::new(ptr::null_mut());

/// The operations of this process. `None` if there is no memory to tell it from its parent: then nothing was
/// started either.
fn known() -> Option<MutexGuard<'static, Blocks>> {
    let process = Generation::current().ok()?;
    // Acquire, here and below: the value was written before the pointer was published.
    let mut known = KNOWN.load(Ordering::Acquire);
    loop {
        // SAFETY: the pointer is null or to a value that is never freed.
        if let Some(known) = unsafe { known.as_ref() } {
            if known.process == process {
                return Some(known.blocks.lock().unwrap_or_else(PoisonError::into_inner));
            }
        }
        let new = Box::into_raw(Box::new(Known {
            process,
            blocks: Mutex::default(),
        }));
        match KNOWN.compare_exchange(known, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => known = new,
            Err(other) => {
                // SAFETY: it came from a box just now, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                known = other;
            }
        }
    }
}

/// Starts an operation by `start` and remembers it, if that worked. Those who cancel wait meanwhile, and so do those
/// who start others: the order here is that of the library.
pub(super) fn add<F, B>(
    block: &Arc<Block<F, B>>,
    start: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(mut blocks) = known() else {
        return Err(Error::Os(libc::ENOMEM));
    };
    #[cfg(target_env = "gnu")]
    let lowered = block.control.lowered();
    start()?;
    let known_as: Arc<dyn InFlight + '_> = Arc::clone(block) as _;
    // SAFETY: nothing here calls `discard`.
    let known_as = unsafe { known_as.forget_lifetime() };
    #[cfg(target_env = "gnu")]
    {
        blocks.started += 1;
    }
    let started = Started {
        block: Arc::downgrade(&known_as),
        #[cfg(target_env = "gnu")]
        number: blocks.started,
        #[cfg(target_env = "gnu")]
        lowered,
    };
    blocks.by_key.insert(block.control.key(), started);
    Ok(())
}

/// Forgets an operation that is over.
pub(super) fn remove(control: &Control) {
    // A refused one is not known. What a child inherited is not known there.
    if let Some(mut blocks) = known() {
        blocks.by_key.remove(&control.key());
    }
}

/// Calls `cancel` unless something may stand behind the operation in its descriptor's queue; nothing is started
/// meanwhile.
#[cfg(target_env = "gnu")]
pub(super) fn cancel_last<T>(control: &Control, cancel: impl FnOnce() -> T) -> Option<T> {
    let mut blocks = known()?;
    let key = control.key();
    let (number, lowered) = blocks
        .by_key
        .get(&key)
        .map(|this| (this.number, this.lowered))?;
    let (mut is_last, mut over) = (true, Vec::new());
    for (&other_key, other) in blocks.of(key.0) {
        if other.number == number {
            continue;
        }
        if !other.is_in_flight() {
            over.push(other_key);
        } else if !other.is_before(number, lowered) {
            is_last = false;
            break;
        }
    }
    // What was forgotten, nobody else takes out.
    for key in over {
        blocks.by_key.remove(&key);
    }
    is_last.then(cancel)
}

/// Cancels all operations of a descriptor, one by one.
#[cfg(not(target_env = "gnu"))]
pub(super) fn cancel(fd: i32) -> Cancel {
    let blocks: Vec<Arc<dyn InFlight>> = known().map_or_else(Vec::new, |blocks| {
        blocks
            .of(fd)
            .filter_map(|(_, started)| started.block.upgrade())
            .collect()
    });
    let answers = blocks.iter().map(|block| block.control().cancel());
    answers.fold(Cancel::AllDone, |all, one| match (all, one) {
        (Cancel::NotCanceled, _) | (_, Cancel::NotCanceled) => Cancel::NotCanceled,
        (Cancel::Canceled, _) | (_, Cancel::Canceled) => Cancel::Canceled,
        (Cancel::AllDone, Cancel::AllDone) => Cancel::AllDone,
    })
}
