//! Tables of buffers that are taken over from another ring.

use std::os::fd::{AsFd, AsRawFd};

use safe::uring::raw::register::RingSlot;
use safe::uring::raw::types::CloneBuffersFlags;
use uring_sys::*;

use super::{case, read_fixed, register_buffers, with};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/clone_buffers/bad",
        &["IORING_REGISTER_CLONE_BUFFERS"],
        (6, 12),
        bad,
    ),
    case(
        "uring/register/clone_buffers/dst_replace",
        &[
            "IORING_REGISTER_DST_REPLACE",
            "IORING_REGISTER_CLONE_BUFFERS",
        ],
        (6, 13),
        dst_replace,
    )
    // 6.12 looks at the table before it looks at the flags.
    .refused_by(&[libc::EINVAL, libc::EBUSY]),
    case(
        "uring/register/clone_buffers/src_registered",
        &[
            "IORING_REGISTER_SRC_REGISTERED",
            "IORING_REGISTER_CLONE_BUFFERS",
        ],
        (6, 12),
        src_registered,
    ),
    case(
        "uring/register/clone_buffers/table",
        &["IORING_REGISTER_CLONE_BUFFERS"],
        (6, 12),
        table,
    ),
];

/// The clone reads into the same memory, also when its source has no table any more.
fn table(cx: &mut Context) -> Run {
    let (source, mut target) = (Typed::new()?, Typed::new()?);
    let file = pattern_file(cx, "f", 64)?;
    let buffers = [Mem::zeroed(64), Mem::zeroed(64)];
    register_buffers(&source, &buffers)?;
    cx.accepted_call(target.submitter().register_buffers_clone(source.as_fd()))?;
    source.submitter().unregister_buffers()?;
    drop(source);
    for (index, mem) in (0..).zip(buffers) {
        ensure_eq!(read_fixed(&mut target, &file, mem, index)?, Res(64), "read");
        ensure!(mem.get() == pattern(0..64), "bytes in {index}");
    }
    target.submitter().unregister_buffers()?;
    let gone = read_fixed(&mut target, &file, buffers[0], 0)?;
    ensure_eq!(gone, Res(-libc::EFAULT), "when the clone is gone");
    pass()
}

/// Sources that are none or have none, and targets that have a table.
fn bad(cx: &mut Context) -> Run {
    let (source, target) = (Typed::new()?, Typed::new()?);
    let file = pattern_file(cx, "f", 1)?;
    register_buffers(&source, &[Mem::zeroed(64)])?;
    let (none, mem) = (Typed::new()?, Mem::zeroed(64));
    let clone = |fd| target.submitter().register_buffers_clone(fd);
    cx.accepted_call(clone(source.as_raw_fd()))?;
    let fresh = Typed::new()?;
    all_refused([
        ("a table is there", clone(source.as_raw_fd()), libc::EBUSY),
        (
            "no table in the source",
            fresh.submitter().register_buffers_clone(none.as_fd()),
            libc::ENXIO,
        ),
        (
            "no descriptor",
            fresh.submitter().register_buffers_clone(-1),
            libc::EBADF,
        ),
        (
            "a file",
            fresh.submitter().register_buffers_clone(file.as_fd()),
            libc::EOPNOTSUPP,
        ),
    ])?;
    register_buffers(&none, &[mem])?;
    let good = io_uring_clone_buffers {
        src_fd: source.as_raw_fd() as u32,
        ..Default::default()
    };
    let unknown = io_uring_clone_buffers {
        flags: 1 << 31,
        ..good
    };
    let mut reserved = good;
    reserved.pad[0] = 1;
    let opcode = IORING_REGISTER_CLONE_BUFFERS;
    // SAFETY: the struct names no memory.
    let table = unsafe {
        [
            (
                "an unknown flag",
                with(&fresh, opcode, unknown, 1),
                libc::EINVAL,
            ),
            (
                "what is reserved",
                with(&fresh, opcode, reserved, 1),
                libc::EINVAL,
            ),
            ("two structs", with(&fresh, opcode, good, 2), libc::EINVAL),
        ]
    };
    all_refused(table)
}

/// Some of the buffers, to another place, and in place of what is there.
fn dst_replace(cx: &mut Context) -> Run {
    let (source, mut target) = (Typed::new()?, Typed::new()?);
    let file = pattern_file(cx, "f", 64)?;
    let buffers = [Mem::zeroed(64), Mem::zeroed(64)];
    register_buffers(&source, &buffers)?;
    cx.accepted_call(target.submitter().register_buffers_sparse(4))?;
    let (none, replace) = (CloneBuffersFlags::empty(), CloneBuffersFlags::DST_REPLACE);
    let clone = |target: &Typed, from, to, nr, flags| {
        let submitter = target.submitter();
        submitter.register_buffers_clone_offset(source.as_fd(), from, to, nr, flags)
    };
    cx.accepted_call(clone(&target, 1, 3, 1, replace))?;
    ensure_eq!(
        read_fixed(&mut target, &file, buffers[1], 3)?,
        Res(64),
        "read"
    );
    ensure!(buffers[1].get() == pattern(0..64), "bytes");
    let other = read_fixed(&mut target, &file, buffers[0], 0)?;
    ensure_eq!(other, Res(-libc::EFAULT), "a slot that was not cloned to");
    // The table grows where it must.
    clone(&target, 0, 5, 2, replace)?;
    ensure_eq!(
        read_fixed(&mut target, &file, buffers[0], 5)?,
        Res(64),
        "read behind the old table"
    );
    ensure_eq!(
        read_fixed(&mut target, &file, buffers[1], 3)?,
        Res(64),
        "read in the old table"
    );
    all_refused([
        ("not to replace", clone(&target, 1, 3, 1, none), libc::EBUSY),
        (
            "behind the source",
            clone(&target, 2, 0, 1, replace),
            libc::EOVERFLOW,
        ),
        (
            "more than the source has",
            clone(&target, 1, 0, 2, replace),
            libc::EOVERFLOW,
        ),
        (
            "past all numbers",
            clone(&target, 1, u32::MAX, 1, replace),
            libc::EOVERFLOW,
        ),
        (
            "too large a table",
            clone(&target, 0, 1 << 20, 1, replace),
            libc::EINVAL,
        ),
    ])
}

/// The source is named by its index among the registered rings.
fn src_registered(cx: &mut Context) -> Run {
    let (source, mut target) = (Typed::new()?, Typed::new()?);
    let file = pattern_file(cx, "f", 64)?;
    let mem = Mem::zeroed(64);
    register_buffers(&source, &[mem])?;
    let mut slot = [RingSlot::free(source.as_fd())];
    target
        .submitter()
        .register_ring_fds(&mut slot)
        .or_else(|error| {
            // Before 5.18 there are no registered rings, and no clones either.
            if cx.kernel() < crate::kernel::Version::new(5, 18, 0) {
                Ok(0)
            } else {
                Err(error)
            }
        })?;
    let index = slot[0].index() as i32;
    let flags = CloneBuffersFlags::SRC_REGISTERED;
    let clone = |index| {
        target
            .submitter()
            .register_buffers_clone_offset(index, 0, 0, 0, flags)
    };
    cx.accepted_call(clone(index))?;
    let elsewhere = Typed::new()?;
    refused(
        "an index that is not registered",
        elsewhere
            .submitter()
            .register_buffers_clone_offset(15, 0, 0, 0, flags),
        libc::EBADF,
    )?;
    ensure_eq!(read_fixed(&mut target, &file, mem, 0)?, Res(64), "read");
    ensure!(mem.get() == pattern(0..64), "bytes");
    target
        .submitter()
        .unregister_ring_fds(&mut [RingSlot::empty(index as u32)])?;
    pass()
}
