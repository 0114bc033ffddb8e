//! Operations in flight, and their results.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

use super::block::Block;
use super::cancel::Cancel;
use super::error::Error;
use super::operation::Kind;
use super::suspend::Pending;

/// What came of an operation, and what it owned.
#[derive(Debug)]
#[must_use = "it holds the result"]
pub struct Completed<T, F, B> {
    /// The result: the number of bytes for a read or a write.
    pub result: Result<T, Error>,
    /// The file.
    pub file: F,
    /// The buffer.
    pub buf: B,
}

/// What a dropped request does if its operation runs on although it was cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnDrop {
    /// Wait until it is over, then free what it owned. That can take for ever: a read of a silent pipe.
    #[default]
    Wait,
    /// Do not wait: leak what it owned. It runs on.
    Leak,
}

/// An operation in flight, or over and not yet looked at. It owns what the operation uses.
///
/// [`wait`](Self::wait) and [`try_wait`](Self::try_wait) give the result, once, with the file and the buffer.
/// Dropping it cancels the operation and then does what [`OnDrop`] says; forgetting it leaks all that it owns.
///
/// It can go to another thread if what it owns can:
///
/// ```compile_fail,E0277
/// let file = std::rc::Rc::new(std::fs::File::open("/").unwrap());
/// let request = safe::posix::Read::new(file, vec![0; 1]).submit().unwrap();
/// std::thread::spawn(move || request.wait());
/// ```
#[must_use = "dropping a request cancels its operation"]
pub struct Request<K, F, B> {
    block: Arc<Block<F, B>>,
    on_drop: OnDrop,
    /// As `Send` and `Sync` as these are.
    owns: PhantomData<(F, B)>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind, F, B> Request<K, F, B> {
    /// The owner of a block that has none yet.
    pub(super) fn of(block: Arc<Block<F, B>>) -> Self {
        Self {
            block,
            on_drop: OnDrop::Wait,
            owns: PhantomData,
            kind: PhantomData,
        }
    }

    /// Waits until the operation is over, whatever signals come, and gives the result.
    ///
    /// In a child of the process that started it, the result is [`Error::Forked`] at once.
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
        if self.is_over() || broken("early") {
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
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the `Arc` has one owner as before.
        let block = unsafe { ptr::read(&this.block) };
        // SAFETY: the request was the owner and is gone, so the payload is taken once; the operation is
        // over by the caller's promise.
        let (result, file, buf) = unsafe { block.finish() };
        if broken("twice") {
            // SAFETY: not at all. Only a build made to be broken comes here, for the tests to notice.
            unsafe { ManuallyDrop::drop(&mut this) };
        }
        Completed {
            result: result.map(K::output),
            file,
            buf,
        }
    }
}

impl<K, F, B> Request<K, F, B> {
    /// Chooses what dropping it does.
    pub fn on_drop(mut self, on_drop: OnDrop) -> Self {
        self.on_drop = on_drop;
        self
    }

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

impl<K, F, B> Drop for Request<K, F, B> {
    fn drop(&mut self) {
        let control = &self.block.control;
        // What was cancelled is over, so the answer is not needed.
        let _ = control.cancel();
        match self.on_drop {
            OnDrop::Leak if !control.is_over() && !broken("leak") => {
                // One owner more than there are, so that the block is never freed.
                std::mem::forget(Arc::clone(&self.block));
                return;
            }
            OnDrop::Wait if !broken("free") => control.wait(),
            _ => {}
        }
        // SAFETY: it is over. The request is the owner and ends here, and `finish` disarms this.
        drop(unsafe { Arc::clone(&self.block).finish() });
    }
}

/// Whether a rule is to be broken, in a build that is made to show that the tests would notice.
pub(super) fn broken(rule: &str) -> bool {
    cfg!(posix_broken) && std::env::var_os("POSIX_BROKEN").is_some_and(|broken| broken == rule)
}

impl<K, F, B> fmt::Debug for Request<K, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("over", &self.is_over())
            .field("on_drop", &self.on_drop)
            .finish_non_exhaustive()
    }
}
