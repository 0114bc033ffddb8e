//! Flags that are refused: the area `uring/flags`. Each flag of an operation, of set-up and of entering stands beside a bit
//! that no kernel knows, and some beside a flag that they cannot go with.

mod operations;
mod rings;

use uring_sys::io_uring_sqe;

use crate::case::{Case, Run, pass};
use crate::ensure_eq;
use crate::ring::Ring;
use crate::ring::op::Op;
use crate::support::names::Res;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[operations::CASES, rings::CASES];

/// Runs an operation with each of these flags, which `set` puts into its entry, and a bit beside it that no kernel knows.
/// Each must be refused with -EINVAL.
#[track_caller]
fn with_unknown<T: Copy + std::fmt::LowerHex + std::ops::BitOr<Output = T>>(
    op: Op,
    flags: &[T],
    unknown: T,
    set: impl Fn(&mut io_uring_sqe, T),
) -> Run {
    let mut ring = Ring::new(16, 0)?;
    for flag in flags {
        // SAFETY: flags are no addresses.
        let op = unsafe { op.changed(|sqe| set(sqe, *flag | unknown)) };
        let cqe = ring.run(op)?;
        ensure_eq!(
            Res(cqe.res),
            Res(-libc::EINVAL),
            "flag {flag:#x} with {unknown:#x}"
        );
    }
    pass()
}
