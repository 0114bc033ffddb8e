//! What a file system does with an operation: each case is one on each of them, through the typed layer.
//!
//! Where they differ the case says *unsupported* with the errno, and the table of
//! [deviations](crate::deviations) says on which, and on which kernels: it is checked both ways.

mod direct;
mod flags;
mod names;
mod room;

use safe::uring::raw::types::RwFlags;

use super::Res;
use crate::case::{Case, Run, Stop, pass};
use crate::ensure_eq;
use crate::ring::op::Op;
use crate::typed::Typed;

/// The cases, a slice per file.
pub(super) static FILES: [&[Case]; 4] = [direct::CASES, flags::CASES, names::CASES, room::CASES];

const PLAIN: RwFlags = RwFlags::empty();

/// Runs operations, each of which must have this result.
#[track_caller]
fn give(ring: &mut Typed, table: &[(&str, Op, i32)]) -> Run {
    for (what, op, expected) in table {
        ensure_eq!(Res(ring.run(*op)?.res), Res(*expected), "{what}");
    }
    pass()
}

/// The result of an operation.
#[track_caller]
fn result(ring: &mut Typed, op: Op) -> Result<i32, Stop> {
    Ok(ring.run(op)?.res)
}
