//! Completions that were taken from the kernel and not given out yet.

use std::cell::Cell;
use std::mem;

use super::slot::Key;

/// The index that ends a list.
pub(super) const NONE: u32 = u32::MAX;

/// The two ends of a list of completions that lie in a [`Pool`].
pub(super) struct List {
    pub(super) first: Cell<u32>,
    last: Cell<u32>,
}

impl List {
    pub(super) const fn new() -> Self {
        Self {
            first: Cell::new(NONE),
            last: Cell::new(NONE),
        }
    }
}

/// A completion that was taken from the kernel and not given out yet.
#[derive(Clone, Copy)]
pub(crate) struct Kept<R> {
    /// Of which operation.
    pub(crate) key: Key,
    pub(crate) completion: R,
    /// Whether it is the final one.
    pub(crate) last: bool,
}

/// Completions that are kept, in lists. It grows to what was once needed, and is not shrunk.
pub(super) struct Pool<R> {
    nodes: Vec<(Kept<R>, u32)>,
    free: u32,
}

impl<R: Copy> Pool<R> {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            free: NONE,
        }
    }

    pub(super) fn push(&mut self, list: &List, kept: Kept<R>) {
        let index = match self.nodes.get_mut(self.free as usize) {
            Some(node) => {
                let index = mem::replace(&mut self.free, node.1);
                *node = (kept, NONE);
                index
            }
            None => {
                self.nodes.push((kept, NONE));
                self.nodes.len() as u32 - 1
            }
        };
        match self.nodes.get_mut(list.last.get() as usize) {
            Some(last) => last.1 = index,
            None => list.first.set(index),
        }
        list.last.set(index);
    }

    #[inline]
    pub(super) fn pop(&mut self, list: &List) -> Option<Kept<R>> {
        let index = list.first.get();
        let (kept, next) = self.nodes.get_mut(index as usize)?;
        list.first.set(mem::replace(next, self.free));
        self.free = index;
        if list.first.get() == NONE {
            list.last.set(NONE);
        }
        Some(*kept)
    }
}
