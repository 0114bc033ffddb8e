//! Processes.

use super::{address, entry};
use crate::uring::raw::sqe::Entry;

builder! {
    /// Waits for a child to change state, like waitid(2). Since Linux 6.7.
    ///
    /// `infop` must stay valid until the final completion. `-ECHILD` if there is no such child.
    WaitId -> Entry = IORING_OP_WAITID {}
}

impl WaitId {
    /// What `id` means (`P_PID`, `P_PGID`, `P_PIDFD`, `P_ALL`), the id, and what to wait for
    /// (`WEXITED`, ...).
    #[inline]
    pub fn new(idtype: libc::idtype_t, id: libc::id_t, options: libc::c_int) -> Self {
        Self(entry(Self::CODE, id as i32, |sqe| {
            sqe.len = idtype;
            sqe.set_file_index(options as u32);
        }))
    }

    /// Where to put what happened, or null. The kernel writes there: let the pointer be from a
    /// mutable place.
    #[inline]
    pub fn infop(mut self, infop: *const libc::siginfo_t) -> Self {
        self.0.as_raw_mut().set_addr2(address(infop));
        self
    }

    /// Must be 0: the kernel has no flags here yet.
    #[inline]
    pub fn flags(mut self, flags: libc::c_uint) -> Self {
        self.0.as_raw_mut().set_waitid_flags(flags);
        self
    }
}
