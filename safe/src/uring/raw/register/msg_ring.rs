//! A message to a ring from a thread that has none.

use std::io;

use super::Target;
use crate::uring::raw::squeue::Entry;

/// Posts a completion to another ring at once: `entry` is that of an
/// [`MsgRingData`](crate::uring::raw::opcode::MsgRingData), without flags.
///
/// `IORING_REGISTER_SEND_MSG_RING`, since Linux 6.13.
///
/// # Errors
///
/// `EINVAL`: another opcode, or flags. `EBADFD`: the target is not a ring, or a disabled one. `EBADF`: not
/// open. `EOVERFLOW`: its completion queue is full.
///
/// # Safety
///
/// Whoever reaps the target takes the completion for what it is, and not for that of an operation in flight
/// with the same `user_data`, whose memory it would then free.
pub unsafe fn send_msg_ring(entry: &Entry) -> io::Result<()> {
    let mut sqe = *entry.as_raw();
    let opcode = uring_sys::IORING_REGISTER_SEND_MSG_RING;
    // SAFETY: the operation takes one entry and reads it within the call. It accepts no opcode but that of a
    // message, which names no memory. What the message does is the caller's promise.
    unsafe { Target::Task.with(opcode, &mut sqe, 1) }.map(drop)
}
