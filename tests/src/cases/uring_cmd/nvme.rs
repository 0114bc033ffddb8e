//! NVMe commands on the rings that they need: large entries, large completions.

use std::os::fd::AsRawFd;

use safe::uring::raw::squeue::{Entry, Entry128, EntryMarker};
use safe::uring::raw::{Builder, cqueue, opcode, types};
use uring_sys::*;

use super::nvme_disk::{Disk, IDENTITY, READ, UNKNOWN, WRITE, attribute, command, identify};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::raw_ring::{Completion, Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::{Mem, NOWHERE, page_size};
use crate::support::devices::{is_on, overwrite};
use crate::support::files::pattern;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

/// A case about a command, the first of `items`: kernels without commands refuse the ring that they need.
pub(super) const fn on_disk(
    id: &'static str,
    items: &'static [&'static str],
    (major, minor): (u16, u16),
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(major, minor), run)
        .refused_by(&[libc::EINVAL])
        .requires(&[Requirement::Root, Requirement::Nvme])
        .alone()
}

pub(super) static CASES: &[Case] = &[
    on_disk(
        "uring/cmd/nvme/admin",
        &[
            "NVME_URING_CMD_ADMIN",
            "IORING_OP_URING_CMD",
            "IORING_SETUP_SQE128",
            "IORING_SETUP_CQE32",
        ],
        (5, 19),
        admin,
    ),
    on_disk(
        "uring/cmd/nvme/admin_vec",
        &["NVME_URING_CMD_ADMIN_VEC", "IORING_OP_URING_CMD"],
        (5, 19),
        admin_vec,
    ),
    on_disk(
        "uring/cmd/nvme/bad",
        &[
            "IORING_OP_URING_CMD",
            "NVME_URING_CMD_IO",
            "NVME_URING_CMD_ADMIN",
        ],
        (5, 19),
        bad,
    ),
    on_disk(
        "uring/cmd/nvme/fixed",
        &["IORING_URING_CMD_FIXED", "NVME_URING_CMD_IO"],
        (6, 1),
        fixed,
    ),
    on_disk(
        "uring/cmd/nvme/fixed_vec",
        &["IORING_URING_CMD_FIXED", "NVME_URING_CMD_IO_VEC"],
        (6, 15),
        fixed_vec,
    ),
    on_disk(
        "uring/cmd/nvme/io",
        &["NVME_URING_CMD_IO", "IORING_OP_URING_CMD"],
        (5, 19),
        io,
    ),
    on_disk(
        "uring/cmd/nvme/io_vec",
        &["NVME_URING_CMD_IO_VEC", "IORING_OP_URING_CMD"],
        (5, 19),
        io_vec,
    ),
    on_disk(
        "uring/cmd/nvme/small",
        &["IORING_OP_URING_CMD", "NVME_URING_CMD_IO"],
        (5, 19),
        small,
    ),
];

/// The ring that NVMe commands need.
pub(super) type Wide = RawRing<Entry128, cqueue::Entry32>;

#[track_caller]
pub(super) fn wide(
    cx: &Context,
    set_up: impl FnOnce(&mut Builder<Entry128, cqueue::Entry32>),
) -> Result<Wide, Stop> {
    cx.accepted_call(RawRing::new(set_up))
}

/// An entry of a command whose memory is [`Mem`].
pub(super) fn kept(entry: opcode::UringCmd80) -> Kept<Entry128> {
    // SAFETY: the commands of this area name memory that is never given back, by its own length, or that is not there.
    unsafe { Kept::new(entry.build()) }
}

/// Runs a command that must succeed.
#[track_caller]
fn succeeds(cx: &Context, ring: &mut Wide, what: &str, entry: Kept<Entry128>) -> Run {
    let res = ring.run(entry)?.res;
    ensure_eq!(Res(cx.accepted(res)?), Res(0), "{what}");
    pass()
}

/// The controller tells its serial number, as sysfs has it.
fn admin(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    let identity = Mem::zeroed(IDENTITY);
    let entry = command(&disk.controller, NVME_URING_CMD_ADMIN, &identify(identity));
    succeeds(cx, &mut ring, "identify", kept(entry))?;
    is_identity(&disk, &identity.get())
}

fn is_identity(disk: &Disk, identity: &[u8]) -> Run {
    let serial = String::from_utf8_lossy(&identity[4..24]).trim().to_owned();
    let expected = attribute(&format!("block/{}/device/serial", disk.name))?;
    ensure_eq!(serial, expected, "serial number");
    pass()
}

/// The same into two buffers.
fn admin_vec(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    let parts = [1024, IDENTITY - 1024].map(Mem::zeroed);
    let asked = nvme_uring_cmd {
        addr: Mem::iovecs(&parts).addr(),
        data_len: 2,
        ..identify(parts[0])
    };
    let entry = command(&disk.controller, NVME_URING_CMD_ADMIN_VEC, &asked);
    succeeds(cx, &mut ring, "identify", kept(entry))?;
    let identity = parts.map(Mem::get).concat();
    ensure!(
        identity[1024..].iter().any(|b| *b != 0),
        "nothing in the second buffer"
    );
    is_identity(&disk, &identity)
}

/// What is written by a command is read by one, and by the block device.
fn io(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    writes_and_reads(cx, &mut ring, &disk)
}

/// Writes pages and reads them back.
#[track_caller]
pub(super) fn writes_and_reads(cx: &Context, ring: &mut Wide, disk: &Disk) -> Run {
    let len = 2 * disk.block.max(page_size());
    let (at, content) = (16 * len, pattern(0..len));
    let block = (at / disk.block) as u64;
    let (out, back) = (Mem::of(&content), Mem::zeroed(len));
    overwrite(&disk.path(), at, &vec![0; len])?;
    for (what, opcode, mem) in [("write", WRITE, out), ("read", READ, back)] {
        let transfer = disk.transfer(opcode, block, mem);
        let entry = command(&disk.namespace, NVME_URING_CMD_IO, &transfer);
        succeeds(cx, ring, what, kept(entry))?;
    }
    ensure!(back.get() == content, "other bytes than written");
    is_on(&disk.path(), at, &content)
}

/// Into and out of several buffers.
fn io_vec(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    let (page, len) = (page_size(), 4 * page_size());
    let (at, content) = (32 * len, pattern(100..100 + len));
    let block = (at / disk.block) as u64;
    overwrite(&disk.path(), at, &vec![0; len])?;
    let out = [Mem::of(&content[..page]), Mem::of(&content[page..])];
    let back = [Mem::zeroed(3 * page), Mem::zeroed(page)];
    for (what, opcode, parts) in [("write", WRITE, out), ("read", READ, back)] {
        let transfer = disk.vectored(opcode, block, &parts);
        let entry = command(&disk.namespace, NVME_URING_CMD_IO_VEC, &transfer);
        succeeds(cx, &mut ring, what, kept(entry))?;
    }
    ensure!(
        back.map(Mem::get).concat() == content,
        "other bytes than written"
    );
    is_on(&disk.path(), at, &content)
}

/// Into and out of a registered buffer. Outside of it is -EFAULT.
fn fixed(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    let (page, at) = (page_size(), 64 * page_size());
    let (block, content) = ((at / disk.block) as u64, pattern(7..7 + page));
    let buffer = Mem::zeroed(4 * page);
    buffer.set(page, &content);
    ring.register_buffers(&[Mem::zeroed(page), buffer])?;
    overwrite(&disk.path(), at, &vec![0; page])?;
    let entry = |opcode, mem, index| {
        let transfer = disk.transfer(opcode, block, mem);
        let entry = command(&disk.namespace, NVME_URING_CMD_IO, &transfer);
        kept(entry.buf_index(Some(index)))
    };
    let (out, back) = (buffer.part(page, page), buffer.part(2 * page, page));
    succeeds(cx, &mut ring, "write", entry(WRITE, out, 1))?;
    succeeds(cx, &mut ring, "read", entry(READ, back, 1))?;
    ensure!(back.get() == content, "other bytes than written");
    is_on(&disk.path(), at, &content)?;
    ring.refuses(&[
        (
            "memory of another buffer",
            entry(READ, back, 0),
            libc::EFAULT,
        ),
        ("no such buffer", entry(READ, back, 2), libc::EFAULT),
    ])
}

/// Several parts of one registered buffer.
fn fixed_vec(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    let (page, at) = (page_size(), 72 * page_size());
    let (block, content) = ((at / disk.block) as u64, pattern(9..9 + 2 * page));
    let buffer = Mem::zeroed(8 * page);
    buffer.set(page, &content[..page]);
    buffer.set(3 * page, &content[page..]);
    ring.register_buffers(&[buffer])?;
    overwrite(&disk.path(), at, &vec![0; 2 * page])?;
    let out = [buffer.part(page, page), buffer.part(3 * page, page)];
    let back = [buffer.part(7 * page, page), buffer.part(5 * page, page)];
    for (what, opcode, parts) in [("write", WRITE, out), ("read", READ, back)] {
        let transfer = disk.vectored(opcode, block, &parts);
        let entry = command(&disk.namespace, NVME_URING_CMD_IO_VEC, &transfer);
        succeeds(cx, &mut ring, what, kept(entry.buf_index(Some(0))))?;
    }
    ensure!(
        back.map(Mem::get).concat() == content,
        "other bytes than written"
    );
    is_on(&disk.path(), at, &content)
}

/// What the kernel refuses is an errno, what the device refuses is its status.
fn bad(cx: &mut Context) -> Run {
    let mut ring = wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    let mem = Mem::zeroed(page_size());
    let good = disk.transfer(READ, 0, mem);
    let on = |file, number, changed: nvme_uring_cmd| kept(command(file, number, &changed));
    let io = |changed| on(&disk.namespace, NVME_URING_CMD_IO, changed);
    succeeds(cx, &mut ring, "read", io(good))?;
    let nowhere = nvme_uring_cmd {
        addr: NOWHERE,
        ..good
    };
    let other = nvme_uring_cmd {
        nsid: good.nsid + 1,
        ..good
    };
    let flags = nvme_uring_cmd { flags: 1, ..good };
    let admin = on(&disk.namespace, NVME_URING_CMD_ADMIN, identify(mem));
    let number = on(&disk.namespace, 9999, good);
    ring.refuses(&[
        ("an unknown number", number, libc::ENOTTY),
        ("a command for the controller", admin, libc::ENOTTY),
        ("another namespace", io(other), libc::EINVAL),
        ("flags of the device's", io(flags), libc::EINVAL),
        ("memory that is not there", io(nowhere), libc::EFAULT),
    ])?;
    // Without the bit that says that trying again is of no use: "Invalid Command Opcode", "LBA Out of Range".
    let unknown = nvme_uring_cmd {
        opcode: UNKNOWN,
        ..good
    };
    let outside = nvme_uring_cmd {
        cdw11: 1 << 16,
        ..good
    };
    for (what, changed, status) in [("opcode", unknown, 1), ("block", outside, 0x80)] {
        let res = ring.run(io(changed))?.res;
        ensure!(res > 0, "an impossible {what}: {}", Res(res));
        ensure_eq!(res & 0x3ff, status, "status of an impossible {what}");
    }
    pass()
}

/// A ring whose entries or completions are too small for a command.
fn small(cx: &mut Context) -> Run {
    wide(cx, |_| ())?;
    let disk = Disk::open(cx)?;
    refused_on::<Entry, cqueue::Entry>(&disk)?;
    refused_on::<Entry128, cqueue::Entry>(&disk)?;
    refused_on::<Entry, cqueue::Entry32>(&disk)
}

#[track_caller]
fn refused_on<S: EntryMarker, C: Completion>(disk: &Disk) -> Run {
    let fd = types::Fd(disk.namespace.as_raw_fd());
    // SAFETY: it names no memory.
    let entry = unsafe { Kept::new(opcode::UringCmd16::new(fd, NVME_URING_CMD_IO).build()) };
    RawRing::<S, C>::new(|_| ())?.refuses(&[("on a small ring", entry, libc::EOPNOTSUPP)])
}
