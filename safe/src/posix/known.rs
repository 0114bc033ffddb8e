//! The operations in flight, by descriptor, for whoever cancels all of one: only where the library cannot be
//! asked to.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::block::{Block, InFlight};
use super::cancel::Cancel;
use super::control::Control;
use crate::fork::Generation;

/// By descriptor and address, so that each can be found again.
type Blocks = BTreeMap<(i32, usize), Weak<dyn InFlight>>;

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

/// Remembers an operation that has started.
pub(super) fn add<F, B>(block: &Arc<Block<F, B>>) {
    let key = block.control.key();
    let known_as: Arc<dyn InFlight + '_> = Arc::clone(block) as _;
    // SAFETY: nothing here calls `discard`.
    let known_as = unsafe { known_as.forget_lifetime() };
    if let Some(mut blocks) = known() {
        blocks.insert(key, Arc::downgrade(&known_as));
    }
}

/// Forgets an operation that is over.
pub(super) fn remove(control: &Control) {
    // A refused one is not known. What a child inherited is not known there.
    if let Some(mut blocks) = known() {
        blocks.remove(&control.key());
    }
}

/// Cancels all operations of a descriptor, one by one.
pub(super) fn cancel(fd: i32) -> Cancel {
    let blocks: Vec<Arc<dyn InFlight>> = known().map_or_else(Vec::new, |blocks| {
        blocks
            .range((fd, 0)..=(fd, usize::MAX))
            .filter_map(|(_, block)| block.upgrade())
            .collect()
    });
    let answers = blocks.iter().map(|block| block.control().cancel());
    answers.fold(Cancel::AllDone, |all, one| match (all, one) {
        (Cancel::NotCanceled, _) | (_, Cancel::NotCanceled) => Cancel::NotCanceled,
        (Cancel::Canceled, _) | (_, Cancel::Canceled) => Cancel::Canceled,
        (Cancel::AllDone, Cancel::AllDone) => Cancel::AllDone,
    })
}
