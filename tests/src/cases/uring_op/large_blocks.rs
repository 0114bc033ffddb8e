//! Reads and writes on a device with blocks of 4096 bytes, past the cache and through the crate's raw layer.

use std::fs::File;
use std::os::fd::AsRawFd;

use safe::uring::raw::opcode::{Read, Write};
use safe::uring::raw::types::{Fd, RwFlags};

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::support::devices::{block_size, is_on, open_direct, overwrite};
use crate::support::files::pattern;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

/// A case about `item`, which kernels without it refuse as an unknown flag.
const fn case(
    id: &'static str,
    item: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, item, kernel(major, minor), run)
        .refused_by(&[libc::EOPNOTSUPP])
        .requires(&[Requirement::LargeBlocks])
        .alone()
}

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/large_blocks/aligned",
        &["IORING_OP_WRITE", "IORING_OP_READ"],
        (5, 6),
        aligned,
    ),
    case(
        "uring/op/large_blocks/atomic",
        &["RWF_ATOMIC", "IORING_OP_WRITE"],
        (6, 11),
        atomic,
    ),
];

const BLOCK: usize = 4096;

/// The device, and that it is what it should be.
#[track_caller]
fn open(cx: &Context) -> Result<File, Stop> {
    let device = open_direct(&cx.device(Requirement::LargeBlocks)?)?;
    ensure_eq!(block_size(&device)?, BLOCK, "size of a logical block");
    Ok(device)
}

fn write(device: &File, at: usize, mem: Mem, flags: RwFlags) -> Kept {
    let entry = Write::new(Fd(device.as_raw_fd()), mem.as_ptr(), mem.len());
    // SAFETY: it names memory that is never given back, by its own length.
    unsafe { Kept::new(entry.offset(at as u64).with_rw_flags(flags).build()) }
}

fn read(device: &File, at: usize, mem: Mem) -> Kept {
    let entry = Read::new(Fd(device.as_raw_fd()), mem.as_ptr(), mem.len());
    // SAFETY: as above.
    unsafe { Kept::new(entry.offset(at as u64).build()) }
}

/// Whole blocks are transferred. Parts of one are refused, as are places within one.
fn aligned(cx: &mut Context) -> Run {
    let (device, mut ring) = (open(cx)?, RawRing::plain()?);
    let content = pattern(5..5 + 2 * BLOCK);
    let (out, back) = (Mem::of(&content), Mem::zeroed(2 * BLOCK));
    let (all, half) = (2 * BLOCK as i32, out.part(0, BLOCK / 2));
    let res = ring.run(write(&device, BLOCK, out, RwFlags::empty()))?.res;
    ensure_eq!(Res(res), Res(all), "write");
    let res = ring.run(read(&device, BLOCK, back))?.res;
    ensure_eq!(Res(res), Res(all), "read");
    ensure!(back.get() == content, "other bytes than written");
    let nothing = RwFlags::empty();
    ring.refuses(&[
        (
            "half a block",
            write(&device, 0, half, nothing),
            libc::EINVAL,
        ),
        (
            "from byte 512",
            write(&device, 512, out, nothing),
            libc::EINVAL,
        ),
        ("half a block to read", read(&device, 0, half), libc::EINVAL),
        (
            "to read from byte 512",
            read(&device, 512, back),
            libc::EINVAL,
        ),
    ])
}

/// A block is written as a whole or not at all; for more this device makes no such promise.
fn atomic(cx: &mut Context) -> Run {
    let (device, mut ring) = (open(cx)?, RawRing::plain()?);
    let path = cx.device(Requirement::LargeBlocks)?;
    overwrite(&path, 0, &[0; 2 * BLOCK])?;
    let content = pattern(11..11 + 4 * BLOCK);
    let out = Mem::of(&content);
    let flags = RwFlags::ATOMIC;
    let res = ring.run(write(&device, 0, out.part(0, BLOCK), flags))?.res;
    ensure_eq!(Res(cx.accepted(res)?), Res(BLOCK as i32), "write");
    is_on(&path, 0, &content[..BLOCK])?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let most = format!("/sys/block/{name}/queue/atomic_write_unit_max_bytes");
    let most: usize = std::fs::read_to_string(most)?.trim().parse()?;
    ensure!(
        most.is_power_of_two() && most >= BLOCK,
        "at most {most} bytes"
    );
    let too_much = Mem::zeroed(2 * most);
    let three = out.part(0, 3 * BLOCK);
    ring.refuses(&[
        (
            "more than the device can",
            write(&device, 0, too_much, flags),
            libc::EINVAL,
        ),
        (
            "three blocks",
            write(&device, 0, three, flags),
            libc::EINVAL,
        ),
    ])?;
    pass()
}
