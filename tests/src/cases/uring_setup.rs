//! io_uring set-up and entering: the area `uring/setup`, a file per subject.

mod arguments;
mod disabled;
mod enter;
mod iopoll;
mod iopoll_device;
mod limits;
mod lost;
mod memory;
mod process;
mod queue;
mod running;
mod sizes;
mod sqpoll;

use std::io;

use uring_sys::*;

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::op::Op;
use crate::ring::ops::nop;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    arguments::CASES,
    disabled::CASES,
    enter::CASES,
    iopoll::CASES,
    iopoll_device::CASES,
    limits::CASES,
    lost::CASES,
    memory::CASES,
    process::CASES,
    queue::CASES,
    running::CASES,
    sizes::CASES,
    sqpoll::CASES,
];

/// A case about a set-up flag, the first of `items`: kernels without it say -EINVAL.
const fn flag(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run).refused_by(&[libc::EINVAL])
}

/// A ring of 8 with these flags, or how the kernel refuses them.
#[track_caller]
fn ring(cx: &Context, flags: u32) -> Result<Ring, Stop> {
    cx.accepted_call(Ring::new(8, flags))
}

/// Parameters with these flags alone.
fn params(flags: u32) -> io_uring_params {
    io_uring_params {
        flags,
        ..io_uring_params::default()
    }
}

/// Set-up fails with `errno`.
#[track_caller]
fn refuses(what: &str, set_up: io::Result<Ring>, errno: i32) -> Run {
    let got = set_up.err().map(|e| Errno(e.raw_os_error().unwrap_or(0)));
    ensure_eq!(got, Some(Errno(errno)), "{what}: error of io_uring_setup");
    pass()
}

/// Set-up with each of these flags fails with -EINVAL.
#[track_caller]
fn refuses_flags(table: &[(&str, u32)]) -> Run {
    for (what, flags) in table {
        refuses(what, Ring::new(8, *flags), libc::EINVAL)?;
    }
    pass()
}

/// Operations that do nothing go through the whole ring several times, and each completes once.
#[track_caller]
fn runs(ring: &mut Ring) -> Run {
    let entries = u64::from(ring.params().sq_entries);
    for first in (0..5 * entries).step_by(entries as usize) {
        let ops: Vec<Op> = (first..first + entries)
            .map(|i| nop().tag(1000 + i))
            .collect();
        ring.start(&ops)?;
        for (i, cqe) in (first..).zip(ring.finish(ops.len())?) {
            ensure_eq!(cqe.user_data, 1000 + i, "user_data of a completion");
            ensure_eq!(cqe.res, 0, "result of a NOP");
        }
    }
    ensure!(ring.reap().is_none(), "one completion too many");
    pass()
}
