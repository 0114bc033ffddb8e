//! What tests of `Ring` share.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use safe::uring::Ring;
use safe::uring::op::Operation;

/// A ring of a few operations.
pub(crate) fn ring() -> Ring {
    Ring::new(16).expect("a ring")
}

/// Pushes the operation, and waits for its result.
#[track_caller]
pub(crate) fn run<O: Operation + 'static>(ring: &mut Ring, operation: O) -> O::Output {
    let ticket = ring.push(operation).expect("room for an operation");
    ring.wait(ticket).expect("the kernel answers")
}

/// Bytes that tell their places.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|at| (at ^ at >> 8).wrapping_mul(31) as u8)
        .collect()
}

/// An unnamed file with these bytes, at its beginning.
pub(crate) fn file(data: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(data).expect("written");
    file.seek(SeekFrom::Start(0)).expect("a position");
    file
}
