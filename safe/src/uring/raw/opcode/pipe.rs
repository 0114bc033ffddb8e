//! Pipes: making them, and moving data through them without copying it to the program.

use std::os::fd::RawFd;

use super::{address, entry, entry_on};
use crate::uring::raw::sqe::Entry;
use crate::uring::raw::types::sealed::{Target, UseFixed};
use crate::uring::raw::types::{OpenFlags, SpliceFlags};

builder! {
    /// Makes a pipe, like pipe2(2), and writes its two descriptors to `fds`. Since Linux 6.16.
    ///
    /// `fds` must have room for two, and stay valid until the final completion. With a slot, the
    /// read end goes into it and the write end into the next; automatic slots are written to `fds`.
    Pipe -> Entry = IORING_OP_PIPE { flags: OpenFlags as u32, file_index }
}

impl Pipe {
    /// Where to put the read end, then the write end.
    #[inline]
    pub fn new(fds: *mut RawFd) -> Self {
        Self(entry(Self::CODE, 0, |sqe| sqe.set_addr(address(fds))))
    }
}

builder! {
    /// Moves data from or to a pipe, like splice(2). Since Linux 5.7.
    Splice -> Entry = IORING_OP_SPLICE { flags: SpliceFlags as u32 | SpliceFlags::FD_IN_FIXED }
}

impl Splice {
    /// From where and at which offset, to where and at which offset, and how many bytes. One of the
    /// two is a pipe; the offset of a pipe is -1, and -1 for another file uses and moves its
    /// position.
    #[inline]
    pub fn new(
        fd_in: impl UseFixed,
        off_in: i64,
        fd_out: impl UseFixed,
        off_out: i64,
        len: u32,
    ) -> Self {
        Self(entry_on(Self::CODE, fd_out, |sqe| {
            set_input(sqe, fd_in.into());
            sqe.set_splice_off_in(off_in as u64);
            sqe.set_off(off_out as u64);
            sqe.len = len;
        }))
    }
}

builder! {
    /// Copies data from one pipe to another and leaves it in the first, like tee(2). Since Linux
    /// 5.8.
    Tee -> Entry = IORING_OP_TEE { flags: SpliceFlags as u32 | SpliceFlags::FD_IN_FIXED }
}

impl Tee {
    /// From which pipe, to which, and how many bytes.
    #[inline]
    pub fn new(fd_in: impl UseFixed, fd_out: impl UseFixed, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd_out, |sqe| {
            set_input(sqe, fd_in.into());
            sqe.len = len;
        }))
    }
}

/// The input has its own way to be a registered file: `FIXED_FILE` speaks of the output.
#[inline]
fn set_input(sqe: &mut uring_sys::io_uring_sqe, input: Target) {
    match input {
        Target::Fd(fd) => sqe.set_splice_fd_in(fd),
        Target::Fixed(slot) => {
            sqe.set_splice_fd_in(slot as i32);
            sqe.set_splice_flags(SpliceFlags::FD_IN_FIXED.bits());
        }
    }
}
