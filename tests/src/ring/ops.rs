//! The operations that cases of several subjects need. Descriptors are numbers, which may be invalid on purpose.

use std::os::fd::AsRawFd;

use uring_sys::*;

use super::mem::Mem;
use super::op::Op;

/// Does nothing.
pub fn nop() -> Op {
    // SAFETY: it names no memory.
    unsafe { Op::new(IORING_OP_NOP, -1, |_| {}) }
}

/// Waits until `file` has one of `events`.
pub fn poll_add(file: &impl AsRawFd, events: i16) -> Op {
    let events = u32::from(events as u16);
    // The field's half-words are swapped on big endian.
    let events = if cfg!(target_endian = "big") {
        events.rotate_left(16)
    } else {
        events
    };
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_POLL_ADD, file.as_raw_fd(), |sqe| {
            sqe.set_poll32_events(events)
        })
    }
}

/// Reads into all of `mem` at `offset`, -1 for the file's position: READ, or READ_FIXED with [`Op::buf`].
pub fn read(opcode: u8, file: &impl AsRawFd, mem: Mem, offset: i64) -> Op {
    one_buffer(opcode, file, mem, offset as u64)
}

/// Writes all of `mem` at `offset`, -1 for the file's position: WRITE, or WRITE_FIXED with [`Op::buf`].
pub fn write(opcode: u8, file: &impl AsRawFd, mem: Mem, offset: i64) -> Op {
    one_buffer(opcode, file, mem, offset as u64)
}

/// READV, WRITEV, and their FIXED forms: `parts` at `offset`, -1 for the file's position.
pub fn vectored(opcode: u8, file: &impl AsRawFd, parts: &[Mem], offset: i64) -> Op {
    let (iovecs, count) = (Mem::iovecs(parts), parts.len() as u32);
    // SAFETY: the array is never given back, has `count` elements, and each names memory for which that is true.
    unsafe {
        Op::new(opcode, file.as_raw_fd(), |sqe| {
            sqe.set_addr(iovecs.addr());
            sqe.len = count;
            sqe.set_off(offset as u64);
        })
    }
}

/// Sends `mem`, with `MSG_*` flags.
pub fn send(file: &impl AsRawFd, mem: Mem, flags: i32) -> Op {
    one_buffer(IORING_OP_SEND, file, mem, 0).op_flags(flags as u32)
}

/// Receives into `mem`, with `MSG_*` flags.
pub fn recv(file: &impl AsRawFd, mem: Mem, flags: i32) -> Op {
    one_buffer(IORING_OP_RECV, file, mem, 0).op_flags(flags as u32)
}

fn one_buffer(opcode: u8, file: &impl AsRawFd, mem: Mem, offset: u64) -> Op {
    assert!(matches!(
        opcode,
        IORING_OP_READ
            | IORING_OP_WRITE
            | IORING_OP_READ_FIXED
            | IORING_OP_WRITE_FIXED
            | IORING_OP_SEND
            | IORING_OP_RECV
            | IORING_OP_SEND_ZC
    ));
    // SAFETY: these opcodes use `len` bytes at `addr`, which is memory of that size that is never given back.
    unsafe {
        Op::new(opcode, file.as_raw_fd(), |sqe| {
            sqe.set_addr(mem.addr());
            sqe.len = mem.len();
            sqe.set_off(offset);
        })
    }
}

/// Completes after a time, or after `count` other completions if that is not 0.
pub fn timeout(time: __kernel_timespec, count: u32, flags: u32) -> Op {
    timed(IORING_OP_TIMEOUT, time, flags, u64::from(count))
}

/// Cancels the operation before it in a chain after a time.
pub fn link_timeout(time: __kernel_timespec, flags: u32) -> Op {
    timed(IORING_OP_LINK_TIMEOUT, time, flags, 0)
}

fn timed(opcode: u8, time: __kernel_timespec, flags: u32, count: u64) -> Op {
    let time = Mem::value(time);
    // SAFETY: both opcodes read one timespec at `addr`, which is never given back.
    unsafe {
        Op::new(opcode, -1, |sqe| {
            sqe.set_addr(time.addr());
            sqe.len = 1;
            sqe.set_off(count);
            sqe.set_timeout_flags(flags);
        })
    }
}

/// Cancels by `user_data`, or as `IORING_ASYNC_CANCEL_*` flags say.
pub fn cancel(user_data: u64, flags: u32) -> Op {
    // SAFETY: it names no memory: `addr` is a number.
    unsafe {
        Op::new(IORING_OP_ASYNC_CANCEL, -1, |sqe| {
            sqe.set_addr(user_data);
            sqe.set_cancel_flags(flags);
        })
    }
}

/// A time span, or point in time.
pub fn seconds(tv_sec: i64) -> __kernel_timespec {
    __kernel_timespec { tv_sec, tv_nsec: 0 }
}

/// A time span that ends at once.
pub fn nanosecond() -> __kernel_timespec {
    __kernel_timespec {
        tv_sec: 0,
        tv_nsec: 1,
    }
}
