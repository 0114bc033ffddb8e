//! Provided buffers, the older way; a registered buffer ring is faster.

use super::{address, entry};
use crate::uring::raw::sqe::Entry;

builder! {
    /// Adds buffers to a group, from which operations with
    /// [`Flags::BUFFER_SELECT`](crate::uring::raw::squeue::Flags::BUFFER_SELECT) take them. Since
    /// Linux 5.7.
    ///
    /// The memory must stay valid until each buffer has been used or removed. `-E2BIG` or `-EINVAL`
    /// for none or too many, `-EINVAL` or `-EEXIST` if the group is a buffer ring.
    ProvideBuffers -> Entry = IORING_OP_PROVIDE_BUFFERS {}
}

impl ProvideBuffers {
    /// The memory, the length of each buffer in bytes, how many there are one after the other,
    /// their group, and the id of the first.
    #[inline]
    pub fn new(addr: *mut u8, len: i32, nbufs: u16, bgid: u16, bid: u16) -> Self {
        Self(entry(Self::CODE, nbufs.into(), |sqe| {
            sqe.set_addr(address(addr));
            sqe.len = len as u32;
            sqe.set_off(bid.into());
            sqe.set_buf_group(bgid);
        }))
    }
}

builder! {
    /// Takes buffers out of a group; the result is how many. Since Linux 5.7.
    ///
    /// `-ENOENT` if there is no such group, `-EINVAL` if it is a buffer ring.
    RemoveBuffers -> Entry = IORING_OP_REMOVE_BUFFERS {}
}

impl RemoveBuffers {
    /// How many at most, and their group.
    #[inline]
    pub fn new(nbufs: u16, bgid: u16) -> Self {
        Self(entry(Self::CODE, nbufs.into(), |sqe| {
            sqe.set_buf_group(bgid)
        }))
    }
}
