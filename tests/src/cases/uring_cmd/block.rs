//! Commands to block devices: discarding, and resetting zones.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

use safe::uring::raw::opcode::{BlockDiscard, BlockZoneResetAll, UringCmd16, Write};
use safe::uring::raw::types::Fd;

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::{Mem, page_size};
use crate::support::devices::{Loop, block_size, is_on, open_direct, overwrite, read_back};
use crate::support::files::{pattern, pattern_file};
use crate::support::names::{Errno, Res};
use crate::{ensure, ensure_eq};

/// A case about a command, the first of `items`: block devices of kernels before 6.12 have none, later ones do not know
/// it, and kernels before 5.19 have no commands.
const fn command(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    requires: &'static [Requirement],
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run)
        .refused_by(&[libc::EOPNOTSUPP, libc::EINVAL])
        .requires(requires)
        .alone()
}

const DISCARD: &[&str] = &["BLOCK_URING_CMD_DISCARD", "IORING_OP_URING_CMD"];
const RESET: &[&str] = &["BLOCK_URING_CMD_ZONE_RESET_ALL", "IORING_OP_URING_CMD"];

pub(super) static CASES: &[Case] = &[
    command(
        "uring/cmd/block/discard",
        DISCARD,
        (6, 12),
        &[Requirement::BlockDevice],
        discard,
    ),
    command(
        "uring/cmd/block/discard-4k",
        DISCARD,
        (6, 12),
        &[Requirement::LargeBlocks],
        discard_4k,
    ),
    command(
        "uring/cmd/block/discard-bad",
        DISCARD,
        (6, 12),
        &[Requirement::BlockDevice],
        discard_bad,
    ),
    command(
        "uring/cmd/block/discard-loop",
        DISCARD,
        (6, 12),
        &[Requirement::Root, Requirement::LoopDevice],
        discard_loop,
    ),
    command(
        "uring/cmd/block/zone_reset_all",
        RESET,
        (7, 3),
        &[Requirement::Zoned],
        zone_reset_all,
    ),
    command(
        "uring/cmd/block/zone_reset_all-bad",
        RESET,
        (7, 3),
        &[Requirement::Zoned, Requirement::BlockDevice],
        zone_reset_all_bad,
    ),
];

fn fd(file: &File) -> Fd {
    Fd(file.as_raw_fd())
}

/// Discards bytes.
fn discarded(device: &File, at: u64, len: usize) -> Kept {
    let entry = BlockDiscard::new(fd(device), at, len as u64).build();
    // SAFETY: it names no memory.
    unsafe { Kept::new(entry) }
}

/// Resets all zones.
fn reset(device: &File) -> Kept {
    // SAFETY: it names no memory.
    unsafe { Kept::new(BlockZoneResetAll::new(fd(device)).build()) }
}

/// What was discarded is not what it was, or all of it is: that is up to the device. What lies beside it stays.
fn discard(cx: &mut Context) -> Run {
    let path = cx.block_device()?;
    let (device, len) = (open_direct(&path)?, 1 << 20);
    let content = pattern(0..3 * len);
    overwrite(&path, 0, &content)?;
    let res = RawRing::plain()?
        .run(discarded(&device, len as u64, len))?
        .res;
    ensure_eq!(Res(cx.accepted(res)?), Res(0), "discard");
    is_on(&path, 0, &content[..len])?;
    is_on(&path, 2 * len, &content[2 * len..])?;
    let inside = read_back(&path, len, len)?;
    let zeros = inside.iter().all(|b| *b == 0);
    ensure!(
        zeros || inside == content[len..2 * len],
        "neither zeros nor what was there"
    );
    cx.note(if zeros {
        "reads as zeros"
    } else {
        "reads as before"
    });
    pass()
}

/// The unit is the logical block: 512 bytes of one of 4096 are refused.
fn discard_4k(cx: &mut Context) -> Run {
    let path = cx.device(Requirement::LargeBlocks)?;
    let device = open_direct(&path)?;
    ensure_eq!(block_size(&device)?, 4096, "size of a logical block");
    overwrite(&path, 0, &pattern(0..4 * 4096))?;
    let mut ring = RawRing::plain()?;
    let res = ring.run(discarded(&device, 4096, 2 * 4096))?.res;
    ensure_eq!(Res(cx.accepted(res)?), Res(0), "discard");
    is_on(&path, 0, &pattern(0..4096))?;
    is_on(&path, 3 * 4096, &pattern(3 * 4096..4 * 4096))?;
    ring.refuses(&[
        ("512 bytes", discarded(&device, 4096, 512), libc::EINVAL),
        ("from byte 512", discarded(&device, 512, 4096), libc::EINVAL),
    ])
}

/// Ranges that are not of the device, and descriptors that may not change it.
fn discard_bad(cx: &mut Context) -> Run {
    let path = cx.block_device()?;
    let device = open_direct(&path)?;
    let (block, read_only) = (block_size(&device)?, File::open(&path)?);
    let file = pattern_file(cx, "f", block)?;
    let mut ring = RawRing::plain()?;
    let res = ring.run(discarded(&device, 0, block))?.res;
    cx.accepted(res)?;
    // SAFETY: it names no memory.
    let unknown = unsafe { Kept::new(UringCmd16::new(fd(&device), 0x12ff).build()) };
    ring.refuses(&[
        ("nothing", discarded(&device, 0, 0), libc::EINVAL),
        (
            "half a block",
            discarded(&device, 0, block / 2),
            libc::EINVAL,
        ),
        (
            "from half a block",
            discarded(&device, block as u64 / 2, block),
            libc::EINVAL,
        ),
        (
            "behind the end",
            discarded(&device, 1 << 50, block),
            libc::EINVAL,
        ),
        (
            "for reading only",
            discarded(&read_only, 0, block),
            libc::EBADF,
        ),
        (
            "a regular file",
            discarded(&file, 0, block),
            libc::EOPNOTSUPP,
        ),
        ("an unknown command", unknown, libc::EINVAL),
    ])
}

/// A loop device makes a hole in its file.
fn discard_loop(cx: &mut Context) -> Run {
    let len = 1 << 20;
    let file = pattern_file(cx, "f", 3 * len)?;
    file.sync_all()?;
    let before = file.metadata()?.blocks();
    let disk = Loop::of(&file)?;
    let res = RawRing::plain()?
        .run(discarded(&disk.device, len as u64, len))?
        .res;
    ensure_eq!(Res(cx.accepted(res)?), Res(0), "discard");
    let mut expected = pattern(0..3 * len);
    expected[len..2 * len].fill(0);
    is_on(&disk.path, 0, &expected)?;
    let mut content = vec![0; 3 * len];
    file.read_exact_at(&mut content, 0)?;
    ensure!(content == expected, "the file holds other bytes");
    let blocks = (len / 512) as u64;
    ensure_eq!(
        file.metadata()?.blocks() + blocks,
        before,
        "blocks of the file"
    );
    pass()
}

/// Zones that have been written to can be written from their start again.
fn zone_reset_all(cx: &mut Context) -> Run {
    let device = open_direct(&cx.device(Requirement::Zoned)?)?;
    let mut ring = RawRing::plain()?;
    // By the older way, so that the case begins with empty zones on each kernel.
    reset_by_ioctl(&device)?;
    let page = Mem::of(&pattern(0..page_size()));
    let [first, second] = zones(&device)?;
    for zone in [first, second] {
        ensure_eq!(zone.pointer, zone.start, "write pointer of an empty zone");
        let write = Write::new(fd(&device), page.as_ptr(), page.len()).offset(zone.start * 512);
        // SAFETY: it names memory that is never given back, by its own length.
        let res = ring.run(unsafe { Kept::new(write.build()) })?.res;
        ensure_eq!(Res(res), Res(page.len() as i32), "write to an empty zone");
    }
    let written = zones(&device)?.map(|zone| zone.pointer - zone.start);
    ensure_eq!(written, [u64::from(page.len()) / 512; 2], "sectors written");
    let res = ring.run(reset(&device))?.res;
    ensure_eq!(Res(cx.accepted(res)?), Res(0), "reset");
    ensure_eq!(zones(&device)?, [first, second], "zones after the reset");
    pass()
}

/// A device without zones, and a descriptor that may not change one with zones.
fn zone_reset_all_bad(cx: &mut Context) -> Run {
    let path = cx.device(Requirement::Zoned)?;
    let (device, read_only) = (open_direct(&path)?, File::open(&path)?);
    let plain = open_direct(&cx.block_device()?)?;
    let mut ring = RawRing::plain()?;
    let res = ring.run(reset(&device))?.res;
    cx.accepted(res)?;
    ring.refuses(&[
        ("no zones", reset(&plain), libc::EOPNOTSUPP),
        ("for reading only", reset(&read_only), libc::EBADF),
    ])
}

/// Where a zone begins and where it is to be written to next, in sectors of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Zone {
    start: u64,
    pointer: u64,
}

/// `struct blk_zone_report` of `linux/blkzoned.h` with room for two zones.
#[repr(C)]
struct Zones {
    /// The sector to begin at.
    from: u64,
    /// How many zones there is room for.
    count: u32,
    flags: u32,
    /// Start, length and write pointer of each, and five words more.
    zones: [[u64; 8]; 2],
}

/// `struct blk_zone_range`: in sectors.
#[repr(C)]
struct Sectors {
    from: u64,
    count: u64,
}

// The sizes are those of `struct blk_zone_report` without its zones, and of `struct blk_zone_range`.
const BLKREPORTZONE: libc::Ioctl = libc::_IOWR::<[u64; 2]>(0x12, 130);
const BLKRESETZONE: libc::Ioctl = libc::_IOW::<Sectors>(0x12, 131);

/// The first two zones.
#[track_caller]
fn zones(device: &File) -> Result<[Zone; 2], Stop> {
    let mut report = Zones {
        from: 0,
        count: 2,
        flags: 0,
        zones: [[0; 8]; 2],
    };
    // SAFETY: `report` is what it reads and writes, with room for as many zones as it says.
    if unsafe { libc::ioctl(device.as_raw_fd(), BLKREPORTZONE, &raw mut report) } != 0 {
        return Err(Errno::last().into());
    }
    Ok(report
        .zones
        .map(|[start, _, pointer, ..]| Zone { start, pointer }))
}

#[track_caller]
fn reset_by_ioctl(device: &File) -> Run {
    let [first, second] = zones(device)?;
    let both = Sectors {
        from: 0,
        count: 2 * (second.start - first.start),
    };
    // SAFETY: `both` is what it reads.
    match unsafe { libc::ioctl(device.as_raw_fd(), BLKRESETZONE, &raw const both) } {
        0 => pass(),
        _ => Err(Errno::last().into()),
    }
}
