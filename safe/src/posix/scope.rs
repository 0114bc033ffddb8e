//! Operations that borrow: none outlives the scope.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::os::fd::AsFd;
use std::process;
use std::ptr;
use std::sync::Arc;

use super::block::{Block, InFlight};
use super::cancel::Cancel;
use super::list::{self, ListNotStarted};
use super::notify::Notification;
use super::operation::{Kind, Listed, NotStarted, Operation, kind};
use super::request::{Completed, broken};
use super::suspend::Pending;

/// Where operations with borrowed files and buffers are submitted; see [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    operations: Operations,
    /// Invariant in both, as in [`std::thread::Scope`]: neither lifetime may shrink.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The operations of a scope whose results were not taken. Their lifetimes are forgotten.
#[derive(Default)]
struct Operations {
    blocks: RefCell<BTreeMap<u64, Arc<dyn InFlight>>>,
    next: Cell<u64>,
}

/// Runs `f` with a [`Scope`], waits until all operations submitted to it are over, and gives what `f` gave.
///
/// It waits however `f` ends: also if it panics, and also for operations whose handles were forgotten. So
/// what they borrow may live on the stack. If it cannot wait it ends the process.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::fs::File;
///
/// use safe::posix::{self, Read};
///
/// let file = File::open("/proc/self/exe")?;
/// let (mut magic, mut class) = ([0; 4], [0; 1]);
/// posix::scope(|scope| {
///     let first = scope.submit(Read::new(&file, &mut magic[..]))?;
///     let second = scope.submit(Read::new(&file, &mut class[..]).at(4))?;
///     first.wait().result?;
///     second.wait().result
/// })?;
/// assert_eq!(&magic, b"\x7fELF");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        operations: Operations::default(),
        scope: PhantomData,
        env: PhantomData,
    };
    let _drain = Drain(&scope.operations);
    f(&scope)
}

/// Waits for what is in flight, when the closure has returned and when it unwinds.
struct Drain<'a>(&'a Operations);

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        /// Ends the process if it is dropped: with a panic under way nothing may go on here.
        struct Abort;
        impl Drop for Abort {
            fn drop(&mut self) {
                process::abort();
            }
        }
        let abort = Abort;
        let blocks = mem::take(&mut *self.0.blocks.borrow_mut());
        for block in blocks.into_values() {
            if !broken("scope") {
                block.control().wait();
            }
            // SAFETY: it is over. Its handle has not taken the payload, or the block would not be here, and will
            // not: the closure is through, and what operations own outlives 'scope, so no handle is among it. This
            // is the owner now.
            unsafe { block.discard() };
        }
        mem::forget(abort);
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Starts an operation, which may borrow whatever outlives the scope. It cannot own requests of the scope: what
    /// it owns may be dropped when the scope ends, and then their results are gone.
    ///
    /// # Errors
    ///
    /// As for [`Operation::submit`].
    pub fn submit<K: Kind, F: AsFd + 'env, B: 'env>(
        &'scope self,
        operation: Operation<K, F, B>,
    ) -> Result<ScopedRequest<'scope, K, F, B>, NotStarted<K, F, B>> {
        match Block::start(operation.setup) {
            Ok(block) => Ok(self.adopt(block)),
            Err((error, setup)) => Err(NotStarted {
                error,
                operation: Operation::of(setup),
            }),
        }
    }

    /// Starts every operation and comes back: [`submit_list`](super::submit_list) for operations that borrow.
    ///
    /// The notification's thread borrows nothing, and may come to its end after the scope.
    ///
    /// # Errors
    ///
    /// As for [`submit_list`](super::submit_list).
    pub fn submit_list<F: AsFd + 'env, B: 'env>(
        &'scope self,
        operations: impl IntoIterator<Item = Listed<F, B>>,
        notification: Notification,
    ) -> Result<Vec<ScopedMember<'scope, F, B>>, ListNotStarted<F, B>> {
        list::submit(operations, notification, |block| self.adopt(block))
    }

    /// Starts every operation and waits for all: [`run_list`](super::run_list) for operations that borrow.
    pub fn run_list<F: AsFd + 'env, B: 'env>(
        &'scope self,
        operations: impl IntoIterator<Item = Listed<F, B>>,
    ) -> Vec<Completed<usize, F, B>> {
        let members: Vec<ScopedMember<'scope, F, B>> = operations
            .into_iter()
            .map(|operation| self.adopt(Block::start_or_refuse(operation.setup)))
            .collect();
        members.into_iter().map(ScopedRequest::wait).collect()
    }

    /// Makes a request of a block that has no owner yet.
    fn adopt<K: Kind, F: 'scope, B: 'scope>(
        &'scope self,
        block: Arc<Block<F, B>>,
    ) -> ScopedRequest<'scope, K, F, B> {
        let number = self.operations.next.get();
        self.operations.next.set(number + 1);
        let known: Arc<dyn InFlight + 'scope> = Arc::clone(&block) as _;
        // SAFETY: the scope ends, with all of these gone, before 'scope does: `scope` drains it however its
        // closure ends, and nobody can forget that.
        let known = unsafe { known.forget_lifetime() };
        self.operations.blocks.borrow_mut().insert(number, known);
        ScopedRequest {
            block,
            number,
            operations: &self.operations,
            owns: PhantomData,
            kind: PhantomData,
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("operations", &self.operations.blocks.borrow().len())
            .finish_non_exhaustive()
    }
}

/// An operation of a scope. As [`Request`](super::Request), except that dropping it cancels the operation
/// without waiting, and forgetting it leaks a few hundred bytes, but neither file nor buffer: the scope waits for
/// all and then frees these.
#[must_use = "dropping a request cancels its operation"]
pub struct ScopedRequest<'scope, K, F, B> {
    block: Arc<Block<F, B>>,
    number: u64,
    operations: &'scope Operations,
    owns: PhantomData<(F, B)>,
    kind: PhantomData<fn() -> K>,
}

/// A member of a list that was submitted in a scope.
pub type ScopedMember<'scope, F, B> = ScopedRequest<'scope, kind::Listed, F, B>;

impl<K: Kind, F, B> ScopedRequest<'_, K, F, B> {
    /// Waits until the operation is over, whatever signals come, and gives the result.
    pub fn wait(self) -> Completed<K::Output, F, B> {
        self.block.control.wait();
        // SAFETY: it is over.
        unsafe { self.finish() }
    }

    /// Gives the result if the operation is over, or else the request.
    ///
    /// # Errors
    ///
    /// The request itself: it is still in progress.
    pub fn try_wait(self) -> Result<Completed<K::Output, F, B>, Self> {
        if self.is_over() {
            // SAFETY: it is over.
            Ok(unsafe { self.finish() })
        } else {
            Err(self)
        }
    }

    /// # Safety
    ///
    /// The operation is over.
    unsafe fn finish(self) -> Completed<K::Output, F, B> {
        let this = ManuallyDrop::new(self);
        // The scope no longer owns it in the end.
        this.operations.blocks.borrow_mut().remove(&this.number);
        // SAFETY: `this` is not dropped, so the `Arc` has one owner as before.
        let block = unsafe { ptr::read(&this.block) };
        // SAFETY: neither the request nor the scope can take the payload any more; the operation is over
        // by the caller's promise.
        let (result, file, buf) = unsafe { block.finish() };
        Completed {
            result: result.map(K::output),
            file,
            buf,
        }
    }
}

impl<K, F, B> ScopedRequest<'_, K, F, B> {
    /// Whether the operation is over, so that [`wait`](Self::wait) does not wait.
    pub fn is_over(&self) -> bool {
        self.block.control.is_over()
    }

    /// Tries to cancel the operation: aio_cancel(3). It stays a request: the result is to be had as ever.
    pub fn cancel(&self) -> Cancel {
        self.block.control.cancel()
    }

    /// For [`suspend`](super::suspend).
    pub fn pending(&self) -> Pending<'_> {
        Pending(&self.block.control)
    }
}

impl<K, F, B> Drop for ScopedRequest<'_, K, F, B> {
    fn drop(&mut self) {
        let _ = self.block.control.cancel();
        if self.block.control.is_over() {
            let known = self.operations.blocks.borrow_mut().remove(&self.number);
            if let Some(block) = known {
                // SAFETY: it is over. The handle ends here and the scope does not have it any more, so the
                // payload is taken once.
                unsafe { block.discard() };
            }
        }
    }
}

impl<K, F, B> fmt::Debug for ScopedRequest<'_, K, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedRequest")
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}
