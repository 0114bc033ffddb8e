//! Operations: what to do, with which file and which memory. A value of one of these types does nothing until it
//! is given to a [`Context`](super::Context), which owns it until the operation is over.

mod error;
mod poll;
mod settings;
mod sync;
mod transfer;

pub use super::raw::Iocb;
pub use super::raw::iocb::kind;
pub use error::Error;
pub use poll::{Poll, Polled};
pub use sync::{Fdsync, Fsync, Sync, Synced};
pub use transfer::{Completed, Pieces, Read, Readv, Transfer, Write, Writev};

/// How an operation ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Completion {
    /// What the kernel answered: bytes, a poll mask or 0; or a negative errno.
    pub res: i64,
    /// 0 in all kernels so far.
    pub res2: i64,
    /// Whether the kernel refused the operation at its submission, so that it never began.
    pub refused: bool,
}

impl Completion {
    /// Of an operation that never got as far as the kernel, or whose event is lost with its context.
    pub(super) const CANCELLED: Self = Self {
        res: -(libc::ECANCELED as i64),
        res2: 0,
        refused: false,
    };

    /// Of an operation that io_submit(2) did not take.
    pub(super) fn refused(errno: i32) -> Self {
        Self {
            res: -i64::from(errno),
            res2: 0,
            refused: true,
        }
    }
}

/// An operation.
///
/// [`Context::push`](super::Context::push) moves the value to an address where it stays and calls
/// [`prepare`](Self::prepare) there. When the operation is over it is moved out again by
/// [`complete`](Self::complete). Others may implement it, for what has no type here.
///
/// # Safety
///
/// The request that `prepare` answers is sound to submit: all memory that it names lies in the value, or is kept by
/// it where it is however the value moves, until the operation is over. So is its descriptor kept open. That memory
/// may be written by the kernel, if the operation does that, although there is a value of the type.
pub unsafe trait Operation: Sized {
    /// The name that messages give it.
    const NAME: &'static str;

    /// What comes back when the operation is over.
    type Output;

    /// The request. Its data is not the operation's: it is overwritten.
    fn prepare(&mut self) -> Iocb;

    /// Turns the operation and what the kernel answered into the result.
    ///
    /// # Safety
    ///
    /// `completion` is of this very value, for which `prepare` was called.
    unsafe fn complete(self, completion: Completion) -> Self::Output;
}

/// An operation that the kernel can cancel: a poll, and nothing else.
pub trait Cancellable: Operation {}
