//! Cancelling.

use super::entry;
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::CancelBuilder;

builder! {
    /// Cancels one operation, the first with this `user_data`. Since Linux 5.5.
    ///
    /// 0 if it was cancelled, which its own completion then tells too (`-ECANCELED`, or `-EINTR`
    /// from a worker); `-ENOENT` if there is none; `-EALREADY` if it can no longer be stopped, and
    /// will complete with its result.
    AsyncCancel -> Entry = IORING_OP_ASYNC_CANCEL {}
}

impl AsyncCancel {
    /// The `user_data` of the operation.
    #[inline]
    pub fn new(user_data: u64) -> Self {
        Self(entry(Self::CODE, -1, |sqe| sqe.set_addr(user_data)))
    }
}

builder! {
    /// Cancels the operations that match. Since Linux 5.19.
    ///
    /// With [`CancelBuilder::all`] and [`CancelBuilder::any`] the result is how many were found;
    /// else as with [`AsyncCancel`].
    AsyncCancel2 -> Entry = IORING_OP_ASYNC_CANCEL {}
}

impl AsyncCancel2 {
    /// Which operations.
    #[inline]
    pub fn new(builder: CancelBuilder) -> Self {
        Self(entry(Self::CODE, builder.to_fd(), |sqe| {
            sqe.set_addr(builder.to_user_data());
            sqe.len = builder.to_opcode().into();
            sqe.set_cancel_flags(builder.flags().bits());
        }))
    }
}
