//! Rings that poll, on a device that can be polled. They go through the crate's raw layer.

use std::fs;
use std::os::fd::AsRawFd;

use safe::uring::raw::opcode::{Fsync, Read, Write};
use safe::uring::raw::types::Fd;
use safe::uring::raw::{Builder, cqueue, squeue};

use crate::case::{Case, Run, kernel, pass, skipped};
use crate::context::Context;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::{Mem, page_size};
use crate::support::devices::{is_on, open_direct, overwrite};
use crate::support::files::pattern;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const fn on_device(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run)
        .refused_by(&[libc::EINVAL])
        .requires(&[Requirement::BlockDevice])
        .alone()
}

pub(super) static CASES: &[Case] = &[
    on_device(
        "uring/setup/iopoll_device/hybrid",
        &["IORING_SETUP_HYBRID_IOPOLL", "IORING_SETUP_IOPOLL"],
        (6, 13),
        |cx| writes_and_reads(cx, |ring| _ = ring.setup_iopoll().setup_hybrid_iopoll()),
    ),
    on_device(
        "uring/setup/iopoll_device/plain",
        &["IORING_SETUP_IOPOLL"],
        (5, 1),
        |cx| writes_and_reads(cx, |ring| _ = ring.setup_iopoll()),
    ),
    on_device(
        "uring/setup/iopoll_device/sqpoll",
        &["IORING_SETUP_IOPOLL", "IORING_SETUP_SQPOLL"],
        // Before, a kernel thread that polls took registered files alone.
        (5, 11),
        |cx| writes_and_reads(cx, |ring| _ = ring.setup_iopoll().setup_sqpoll(50)),
    ),
];

/// Pages that are written past the cache are read back, several at once; what cannot be polled for is refused.
fn writes_and_reads(
    cx: &Context,
    set_up: impl FnOnce(&mut Builder<squeue::Entry, cqueue::Entry>),
) -> Run {
    let mut ring = cx.accepted_call(RawRing::new(set_up))?;
    let path = cx.block_device()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let polled = fs::read_to_string(format!("/sys/block/{name}/queue/io_poll"))?;
    if polled.trim() != "1" {
        return skipped("needs a driver with queues to poll: nvme.poll_queues=1");
    }
    let (device, page, count) = (open_direct(&path)?, page_size(), 8);
    let content = pattern(0..count * page);
    overwrite(&path, 0, &vec![0; count * page])?;
    let (out, back) = (Mem::of(&content), Mem::zeroed(content.len()));
    let fd = Fd(device.as_raw_fd());
    for (what, reads) in [("write", false), ("read", true)] {
        for at in (0..count * page).step_by(page) {
            let part = if reads { back } else { out }.part(at, page);
            let entry = if reads {
                Read::new(fd, part.as_ptr(), part.len())
                    .offset(at as u64)
                    .build()
            } else {
                Write::new(fd, part.as_ptr(), part.len())
                    .offset(at as u64)
                    .build()
            };
            // SAFETY: it names memory that is never given back, by its own length.
            ring.push(unsafe { Kept::new(entry) }, at as u64)?;
        }
        for _ in 0..count {
            let done = ring.wait()?;
            ensure_eq!(
                Res(done.res),
                Res(page as i32),
                "{what} at {}",
                done.user_data
            );
        }
    }
    ensure!(back.get() == content, "other bytes than written");
    is_on(&path, 0, &content)?;
    // SAFETY: it names no memory.
    let fsync = unsafe { Kept::new(Fsync::new(fd).build()) };
    ring.refuses(&[("fsync", fsync, libc::EINVAL)])?;
    pass()
}
