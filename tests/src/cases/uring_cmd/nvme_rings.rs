//! NVMe commands on rings that poll for completions, and on rings with entries of both sizes.

use std::os::fd::AsRawFd;

use safe::uring::raw::squeue::{Entry, Entry128, EntryMixed};
use safe::uring::raw::{cqueue, opcode, types};
use uring_sys::*;

use super::nvme::{on_disk, wide, writes_and_reads};
use super::nvme_disk::{Disk, READ, WRITE, command128};
use crate::case::{Case, Run, Stop, kernel, pass, skipped};
use crate::context::Context;
use crate::raw_ring::{Completion, Kept, RawRing};
use crate::ring::mem::{Mem, page_size};
use crate::support::devices::{is_on, overwrite};
use crate::support::files::pattern;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    on_disk(
        "uring/cmd/nvme_rings/hybrid",
        &["IORING_SETUP_HYBRID_IOPOLL", "NVME_URING_CMD_IO"],
        (6, 13),
        hybrid,
    ),
    on_disk(
        "uring/cmd/nvme_rings/iopoll",
        &["NVME_URING_CMD_IO", "IORING_SETUP_IOPOLL"],
        // The ring is there from 5.19 on, commands are polled for since 6.1.
        (6, 1),
        iopoll,
    ),
    on_disk(
        "uring/cmd/nvme_rings/mixed",
        &[
            "IORING_OP_URING_CMD128",
            "IORING_SETUP_SQE_MIXED",
            "NVME_URING_CMD_IO",
        ],
        (6, 19),
        mixed,
    ),
    on_disk(
        "uring/cmd/nvme_rings/mixed_both",
        &[
            "IORING_OP_URING_CMD128",
            "IORING_SETUP_CQE_MIXED",
            "NVME_URING_CMD_IO",
        ],
        (6, 19),
        mixed_both,
    ),
    Case::new(
        "uring/cmd/nvme_rings/plain",
        &["IORING_OP_URING_CMD128"],
        kernel(6, 19),
        plain,
    )
    .refused_by(&[libc::EINVAL]),
];

/// The namespace, if its driver polls.
#[track_caller]
fn polled(cx: &Context) -> Result<Disk, Stop> {
    let disk = Disk::open(cx)?;
    if !disk.is_polled()? {
        skipped("needs queues to poll: nvme.poll_queues=1")?;
    }
    Ok(disk)
}

fn iopoll(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |ring| _ = ring.setup_iopoll())?;
    writes_and_reads(cx, &mut ring, &polled(cx)?)
}

fn hybrid(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |ring| _ = ring.setup_iopoll().setup_hybrid_iopoll())?;
    writes_and_reads(cx, &mut ring, &polled(cx)?)
}

fn mixed(cx: &mut Context) -> Run {
    in_turn(cx, RawRing::<EntryMixed, cqueue::Entry32>::new(|_| ()))
}

fn mixed_both(cx: &mut Context) -> Run {
    in_turn(cx, RawRing::<EntryMixed, cqueue::EntryMixed>::new(|_| ()))
}

/// Large commands and small entries in turn, so that a large one meets the end of the queue: each works.
#[track_caller]
fn in_turn<C: Completion>(cx: &Context, ring: std::io::Result<RawRing<EntryMixed, C>>) -> Run {
    let mut ring = cx.accepted_call(ring)?;
    let disk = Disk::open(cx)?;
    let len = page_size().max(disk.block);
    for round in 0..9 {
        let at = (100 + round) * len;
        let (block, content) = ((at / disk.block) as u64, pattern(at..at + len));
        overwrite(&disk.path(), at, &vec![0; len])?;
        let back = Mem::zeroed(len);
        for (what, opcode, mem) in [("write", WRITE, Mem::of(&content)), ("read", READ, back)] {
            let transfer = disk.transfer(opcode, block, mem);
            let entry = command128(&disk.namespace, NVME_URING_CMD_IO, &transfer);
            // SAFETY: it names memory that is never given back, by its own length.
            let done = ring.run(unsafe { Kept::new(entry) })?;
            ensure_eq!(Res(cx.accepted(done.res)?), Res(0), "{what} {round}");
            ensure!(
                done.big.is_some(),
                "a completion without the device's second result"
            );
        }
        ensure!(
            back.get() == content,
            "other bytes than written in round {round}"
        );
        is_on(&disk.path(), at, &content)?;
        // SAFETY: it names no memory.
        let nop = unsafe { Kept::new(opcode::Nop::new().build()) };
        ensure_eq!(Res(ring.run(nop)?.res), Res(0), "NOP {round}");
    }
    pass()
}

/// The opcode goes with entries of 128 bytes, of a ring of mixed sizes or of large ones, and with what has commands.
fn plain(cx: &mut Context) -> Run {
    let file = std::fs::File::create(cx.dir().join("f"))?;
    let entry = opcode::UringCmd128::new(types::Fd(file.as_raw_fd()), 0).build();
    // SAFETY: it names no memory.
    let entry = unsafe { Kept::new(entry) };
    let regular = [("a regular file", entry, libc::EOPNOTSUPP)];
    cx.accepted_call(RawRing::<EntryMixed, cqueue::Entry32>::new(|_| ()))?
        .refuses(&regular)?;
    RawRing::<Entry128, cqueue::Entry32>::new(|_| ())?.refuses(&regular)?;
    let small = io_uring_sqe {
        opcode: IORING_OP_URING_CMD128,
        fd: file.as_raw_fd(),
        ..io_uring_sqe::default()
    };
    // SAFETY: as above.
    let small = unsafe { Kept::new(Entry::from_raw(small)) };
    RawRing::plain()?.refuses(&[("a ring of small entries", small, libc::EINVAL)])
}
