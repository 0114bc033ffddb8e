//! Every operation against the running kernel: what it does, and what it refuses.

use std::fmt::Debug;
use std::io;

use uring_sys::io_uring_sqe;

use ring::Ring;

mod buffers;
mod events;
mod files;
mod limits;
mod network;
mod queues;
mod ring;

/// A ring without flags.
fn ring() -> Ring {
    Ring::new(0).expect("a ring")
}

/// An entry with an opcode and a descriptor.
fn entry(opcode: u8, fd: i32) -> io_uring_sqe {
    io_uring_sqe {
        opcode,
        fd,
        ..Default::default()
    }
}

/// The errno of a call that must fail.
#[track_caller]
fn errno<T: Debug>(result: io::Result<T>) -> i32 {
    result
        .expect_err("the kernel accepts it")
        .raw_os_error()
        .expect("an errno")
}

/// Asserts that the operation fails with this errno.
macro_rules! refused {
    ($result:expr, $errno:ident) => {
        assert_eq!(
            $crate::uring::raw::register::tests::errno($result),
            libc::$errno
        )
    };
}
use refused;

/// Whether the kernel has a registration, by its own count.
fn has(opcode: u32) -> bool {
    let mut answer = Default::default();
    super::query(&mut [super::Query::opcodes(&mut answer)]).expect("a kernel with QUERY");
    opcode < answer.nr_register_opcodes
}
