//! Messages from ring to ring.

use super::entry_on;
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::{DestinationSlot, Fixed, MsgRingFlags, sealed::UseFixed};

builder! {
    /// Posts a completion to another ring. Since Linux 5.18.
    ///
    /// `-EBADFD` if it is no ring, or a disabled one; `-EOVERFLOW` if it has no room.
    MsgRingData -> Entry = IORING_OP_MSG_RING {}
}

impl MsgRingData {
    /// The ring, and what its completion says: result, user data, and since Linux 6.3 flags.
    #[inline]
    pub fn new(
        ring_fd: impl UseFixed,
        result: i32,
        user_data: u64,
        user_flags: Option<u32>,
    ) -> Self {
        Self(entry_on(Self::CODE, ring_fd, |sqe| {
            sqe.set_addr(uring_sys::IORING_MSG_DATA);
            sqe.len = result as u32;
            sqe.set_off(user_data);
            if let Some(flags) = user_flags {
                sqe.set_file_index(flags);
                sqe.set_msg_ring_flags(MsgRingFlags::FLAGS_PASS.bits());
            }
        }))
    }

    /// As [`with_opcode_flags`](Self::with_opcode_flags), by the kernel's numbers.
    #[inline]
    pub fn opcode_flags(self, opcode_flags: u32) -> Self {
        self.with_opcode_flags(opcode_flags.into())
    }

    /// Sets the flags, see [`MsgRingFlags`].
    #[inline]
    pub fn with_opcode_flags(mut self, opcode_flags: MsgRingFlags) -> Self {
        let kept = MsgRingFlags::FLAGS_PASS.bits();
        super::replace_flags(self.0.as_raw_mut(), opcode_flags.bits(), kept);
        self
    }
}

builder! {
    /// Puts a registered file into a slot of another ring, where a completion tells so. Since Linux
    /// 6.0.
    ///
    /// The result is 0, or the slot with [`DestinationSlot::auto_target`]. `-EINVAL` for one's own
    /// ring, `-EBADF` for an empty slot, else the errors of [`MsgRingData`].
    MsgRingSendFd -> Entry = IORING_OP_MSG_RING {}
}

impl MsgRingSendFd {
    /// The ring, the slot here, the slot there, and the user data of its completion.
    #[inline]
    pub fn new(
        ring_fd: impl UseFixed,
        fixed_slot_src: Fixed,
        dest_slot_index: DestinationSlot,
        user_data: u64,
    ) -> Self {
        Self(entry_on(Self::CODE, ring_fd, |sqe| {
            sqe.set_addr(uring_sys::IORING_MSG_SEND_FD);
            sqe.set_off(user_data);
            sqe.set_addr3(fixed_slot_src.0.into());
            sqe.set_file_index(dest_slot_index.kernel_index_arg());
        }))
    }

    /// As [`with_opcode_flags`](Self::with_opcode_flags), by the kernel's numbers.
    #[inline]
    pub fn opcode_flags(self, opcode_flags: u32) -> Self {
        self.with_opcode_flags(opcode_flags.into())
    }

    /// Sets the flags, see [`MsgRingFlags`].
    #[inline]
    pub fn with_opcode_flags(mut self, opcode_flags: MsgRingFlags) -> Self {
        super::replace_flags(self.0.as_raw_mut(), opcode_flags.bits(), 0);
        self
    }
}
