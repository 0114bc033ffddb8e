//! What stands for an operation in the table: the part of a ticket that io_uring and native AIO share.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::{Key, Phase, Shared, Slot, Stored};

/// The right to an operation's result. Dropping it drops the result, or leaves the operation to the owner of the
/// table, to be cancelled.
pub(crate) struct Handle<O: Stored<R>, R: Copy + Default + 'static> {
    /// In use as long as this value lives, which keeps the table.
    slot: NonNull<Slot<R>>,
    operation: PhantomData<O>,
}

impl<O: Stored<R>, R: Copy + Default + 'static> Handle<O, R> {
    /// The handle of an operation that was committed to wait for one.
    ///
    /// # Safety
    ///
    /// The slot holds an `O`, in [`Phase::Awaited`], and this is the only handle to it.
    #[inline]
    pub(crate) unsafe fn new(slot: NonNull<Slot<R>>) -> Self {
        Self {
            slot,
            operation: PhantomData,
        }
    }

    #[inline]
    fn slot(&self) -> &Slot<R> {
        // SAFETY: the slot is in use as long as the handle lives, which keeps the table.
        unsafe { self.slot.as_ref() }
    }

    /// Whether the operation is in this table.
    #[inline]
    pub(crate) fn is_of(&self, table: Shared<R>) -> bool {
        Shared::of(self.slot()) == table
    }

    /// Whether the operation is over.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.slot().phase() == Phase::Done
    }

    /// What the kernel knows the operation by.
    pub(crate) fn key(&self) -> Key {
        self.slot().key()
    }

    /// The completion of an operation that is over.
    #[inline]
    pub(crate) fn completion(&self) -> R {
        debug_assert!(self.is_done());
        self.slot().completion()
    }

    /// Lets the operation go on; it is dropped with its result when it is over.
    pub(crate) fn detach(self) {
        // Not to be dropped, also if dropping the result panics.
        ManuallyDrop::new(self).let_go(false);
    }

    #[cold]
    fn let_go(&self, cancel: bool) {
        let slot = self.slot();
        slot.bring(O::VTABLE);
        let table = Shared::of(slot);
        // SAFETY: the handle ends here.
        unsafe { table.let_go(slot, cancel) };
    }

    /// Takes an operation that is over.
    ///
    /// # Safety
    ///
    /// The operation [is done](Self::is_done), and the owner of the table lives: freeing the slot does not free the
    /// table.
    #[inline]
    pub(crate) unsafe fn take(self) -> O {
        debug_assert!(self.is_done());
        let handle = ManuallyDrop::new(self);
        let slot = handle.slot();
        slot.end(Phase::Idle);
        // SAFETY: the slot in use keeps the table.
        let table = unsafe { Shared::of(slot).get() };
        // SAFETY: the final completion has come; the slot holds an `O`, and the handle was the only one to take it.
        unsafe { table.take::<O>(slot) }
    }
}

impl<O: Stored<R>, R: Copy + Default + 'static> Drop for Handle<O, R> {
    fn drop(&mut self) {
        self.let_go(true);
    }
}
