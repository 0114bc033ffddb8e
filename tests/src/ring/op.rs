//! An operation, ready to be submitted.

use std::os::fd::AsRawFd;

use uring_sys::io_uring_sqe;

use super::mem::NOWHERE;

/// A submission queue entry of which this holds: whatever memory it names is a [`Mem`](super::mem::Mem) and not smaller
/// than it says, or is not there at all. So any ring may run it at any time.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    sqe: io_uring_sqe,
}

impl Op {
    /// The entry with `opcode` and `fd` in it, and what `fill` adds.
    ///
    /// # Safety
    ///
    /// What `fill` adds keeps the promise of [`Op`].
    pub unsafe fn new(opcode: u8, fd: i32, fill: impl FnOnce(&mut io_uring_sqe)) -> Op {
        let mut sqe = io_uring_sqe {
            opcode,
            fd,
            ..io_uring_sqe::default()
        };
        fill(&mut sqe);
        Op { sqe }
    }

    /// The same with what `change` does to it.
    ///
    /// # Safety
    ///
    /// What `change` does keeps the promise of [`Op`].
    #[must_use]
    pub unsafe fn changed(mut self, change: impl FnOnce(&mut io_uring_sqe)) -> Op {
        change(&mut self.sqe);
        self
    }

    /// The entry itself.
    pub fn sqe(&self) -> io_uring_sqe {
        self.sqe
    }

    // What follows changes fields that are numbers for every opcode.

    /// With another descriptor, or slot of a fixed file.
    #[must_use]
    pub fn fd(mut self, fd: i32) -> Op {
        self.sqe.fd = fd;
        self
    }

    /// On another open file.
    #[must_use]
    pub fn on(self, file: &impl AsRawFd) -> Op {
        self.fd(file.as_raw_fd())
    }

    /// With these `IOSQE_*` bits too.
    #[must_use]
    pub fn with(mut self, flags: u8) -> Op {
        self.sqe.flags |= flags;
        self
    }

    /// With this `ioprio`.
    #[must_use]
    pub fn ioprio(mut self, ioprio: u16) -> Op {
        self.sqe.ioprio = ioprio;
        self
    }

    /// With these flags of its opcode, the field at offset 28.
    #[must_use]
    pub fn op_flags(mut self, flags: u32) -> Op {
        self.sqe.set_rw_flags(flags);
        self
    }

    /// With this registered buffer, or group of buffers.
    #[must_use]
    pub fn buf(mut self, index: u16) -> Op {
        self.sqe.set_buf_index(index);
        self
    }

    /// With this `file_index`.
    #[must_use]
    pub fn file_index(mut self, index: u32) -> Op {
        self.sqe.set_file_index(index);
        self
    }

    /// With the credentials of this registered personality.
    #[must_use]
    pub fn personality(mut self, id: u16) -> Op {
        self.sqe.personality = id;
        self
    }

    /// With this `user_data`.
    #[must_use]
    pub fn tag(mut self, user_data: u64) -> Op {
        self.sqe.user_data = user_data;
        self
    }

    /// With `addr` where no memory is.
    #[must_use]
    pub fn nowhere(mut self) -> Op {
        self.sqe.set_addr(NOWHERE);
        self
    }

    /// With `addr2` where no memory is.
    #[must_use]
    pub fn nowhere2(mut self) -> Op {
        self.sqe.set_addr2(NOWHERE);
        self
    }
}
