//! Reading and writing with protection information (`IORING_RW_ATTR_FLAG_PI`), through the crate's raw layer.
//!
//! Each block of the device has eight bytes beside it: a checksum, a tag of the application's, and the block's number
//! (T10 protection information of type 1).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use safe::uring::raw::opcode::{
    Read, ReadFixed, Readv, ReadvFixed, Write, WriteFixed, Writev, WritevFixed,
};
use safe::uring::raw::squeue::Entry;
use safe::uring::raw::types::Fd;
use uring_sys::*;

use crate::case::{Case, Run, Stop, absent, kernel, pass};
use crate::context::Context;
use crate::kernel::Version;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::Ring;
use crate::ring::mem::{Mem, NOWHERE};
use crate::support::devices::{block_size, open_direct};
use crate::support::files::{pattern, pattern_file};
use crate::support::memory::Buffer;
use crate::support::names::{Errno, Res};
use crate::{ensure, ensure_eq};

/// A case about the attribute. Kernels without it take no notice of it, and say by a feature that they do not have it.
const fn case(id: &'static str, since: (u16, u16), run: fn(&mut Context) -> Run) -> Case {
    const ITEMS: &[&str] = &["IORING_RW_ATTR_FLAG_PI", "IORING_FEAT_RW_ATTR"];
    Case::new(id, ITEMS, kernel(since.0, since.1), run)
        .announced()
        .refused_by(&[libc::EINVAL])
        .requires(&[Requirement::Integrity])
        .alone()
}

pub(super) static CASES: &[Case] = &[
    case("uring/op/integrity/bad", (6, 14), bad),
    case("uring/op/integrity/checked", (6, 14), checked),
    case("uring/op/integrity/fixed", (6, 14), fixed),
    case("uring/op/integrity/fixed_vectored", (6, 15), fixed_vectored),
    case("uring/op/integrity/plain", (6, 14), plain),
    case("uring/op/integrity/vectored", (6, 14), vectored),
];

/// What to check, `IO_INTEGRITY_CHK_*` of `linux/fs.h`.
const GUARD: u16 = 1;
const REFTAG: u16 = 2;
const APPTAG: u16 = 4;

/// The tag of these tests.
const TAG: u16 = 0x1234;

/// How many blocks are transferred, and where.
const BLOCKS: usize = 4;
const FIRST: usize = 8;

/// The device, and what to transfer.
struct Disk {
    file: File,
    block: usize,
    data: Mem,
    /// The information for `data`.
    information: Mem,
}

impl Disk {
    #[track_caller]
    fn open(cx: &Context) -> Result<Disk, Stop> {
        if Ring::new(1, 0)?.params().features & IORING_FEAT_RW_ATTR == 0 {
            absent("IORING_FEAT_RW_ATTR is clear")?;
        }
        let path = cx.device(Requirement::Integrity)?;
        let file = open_direct(&path)?;
        let block = block_size(&file)?;
        // Blocks have no information before they are written to, and then cannot be read. Past the cache, in one
        // request: see `read_back`.
        direct(&file, Way::Out, Buffer::zeroed(64 << 10)?, 0)?;
        let data = pattern(0..BLOCKS * block);
        let tuples = data.chunks(block).zip(FIRST as u32..);
        let information: Vec<u8> = tuples.flat_map(|(data, at)| tuple(data, TAG, at)).collect();
        Ok(Disk {
            file,
            block,
            data: Mem::of(&data),
            information: Mem::of(&information),
        })
    }

    fn offset(&self) -> u64 {
        (FIRST * self.block) as u64
    }

    /// What is on it, which the kernel itself checks.
    fn read_back(&self) -> io::Result<Vec<u8>> {
        let buffer = Buffer::zeroed(self.block * BLOCKS)?;
        direct(&self.file, Way::In, buffer, self.offset())?;
        Ok(buffer.bytes())
    }

    fn fd(&self) -> Fd {
        Fd(self.file.as_raw_fd())
    }

    /// The attribute for information in `mem`, all of which is checked.
    fn attribute(&self, mem: Mem) -> io_uring_attr_pi {
        io_uring_attr_pi {
            flags: GUARD | REFTAG | APPTAG,
            app_tag: TAG,
            len: mem.len(),
            addr: mem.addr(),
            seed: FIRST as u64,
            rsvd: 0,
        }
    }

    /// Writes data and information, and reads both back into memory of their own.
    #[track_caller]
    fn transfers(
        &self,
        cx: &Context,
        ring: &mut RawRing,
        write: impl FnOnce(*const io_uring_attr_pi) -> Entry,
        read: impl FnOnce(*const io_uring_attr_pi) -> Entry,
        back: Mem,
    ) -> Run {
        let information = Mem::zeroed(self.information.len() as usize);
        let out = write(there(self.attribute(self.information)));
        let into = read(there(self.attribute(information)));
        for (what, entry) in [("write", out), ("read", into)] {
            let res = ring.run(kept(entry))?.res;
            ensure_eq!(
                Res(cx.accepted(res)?),
                Res(self.data.len() as i32),
                "{what}"
            );
        }
        ensure!(back.get() == self.data.get(), "other data than written");
        ensure!(
            information.get() == self.information.get(),
            "other information than written"
        );
        // The kernel itself finds the information right too.
        let read = self.read_back()?;
        ensure!(read == self.data.get(), "the block device has other data");
        pass()
    }
}

/// The way of a transfer.
enum Way {
    In,
    Out,
}

/// A transfer of all of `buffer` for which the kernel makes or checks the information, past the cache and so in one
/// request with one piece of information: what the cache writes block by block is merged, and such requests fail with
/// EIO on s390x (7.2).
fn direct(file: &File, way: Way, buffer: Buffer, at: u64) -> io::Result<()> {
    let (fd, at) = (file.as_raw_fd(), at as libc::off64_t);
    let (memory, len) = (buffer.pointer(), buffer.len());
    let done = match way {
        // SAFETY: the buffer has `len` bytes, to which there are no references.
        Way::In => unsafe { libc::pread64(fd, memory.cast(), len, at) },
        // SAFETY: as above.
        Way::Out => unsafe { libc::pwrite64(fd, memory.cast(), len, at) },
    };
    match done {
        -1 => Err(io::Error::last_os_error()),
        done if usize::try_from(done) == Ok(len) => Ok(()),
        done => Err(io::Error::other(format!("{done} bytes of {len}"))),
    }
}

/// An attribute that is never given back.
fn there(attribute: io_uring_attr_pi) -> *const io_uring_attr_pi {
    Mem::value(attribute).as_ptr().cast_const().cast()
}

fn kept(entry: Entry) -> Kept {
    // SAFETY: what it names is never given back and has the length told, or is not there.
    unsafe { Kept::new(entry) }
}

/// The information for a block: checksum, tag and number, each with its high byte first.
fn tuple(data: &[u8], tag: u16, number: u32) -> [u8; 8] {
    let (guard, tag, number) = (
        crc(data).to_be_bytes(),
        tag.to_be_bytes(),
        number.to_be_bytes(),
    );
    let mut tuple = [0; 8];
    tuple[..2].copy_from_slice(&guard);
    tuple[2..4].copy_from_slice(&tag);
    tuple[4..].copy_from_slice(&number);
    tuple
}

/// The checksum: the remainder by the polynomial 0x18bb7, high bits first.
fn crc(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            let subtract = if crc & 0x8000 != 0 { 0x8bb7 } else { 0 };
            crc << 1 ^ subtract
        })
    })
}

fn plain(cx: &mut Context) -> Run {
    let (disk, mut ring) = (Disk::open(cx)?, RawRing::plain()?);
    let (fd, at, len) = (disk.fd(), disk.offset(), disk.data.len());
    let back = Mem::zeroed(len as usize);
    let write = |pi| {
        Write::new(fd, disk.data.as_ptr(), len)
            .offset(at)
            .attr(pi)
            .build()
    };
    let read = |pi| {
        Read::new(fd, back.as_ptr(), len)
            .offset(at)
            .attr(pi)
            .build()
    };
    disk.transfers(cx, &mut ring, write, read, back)
}

/// The two halves of memory, as an array that is never given back.
fn halves(mem: Mem) -> *const libc::iovec {
    let half = mem.len() as usize / 2;
    let parts = [mem.part(0, half), mem.part(half, half)];
    Mem::iovecs(&parts).as_ptr().cast_const().cast()
}

fn vectored(cx: &mut Context) -> Run {
    let (disk, mut ring) = (Disk::open(cx)?, RawRing::plain()?);
    let (fd, at) = (disk.fd(), disk.offset());
    let back = Mem::zeroed(disk.data.len() as usize);
    let write = |pi| {
        Writev::new(fd, halves(disk.data), 2)
            .offset(at)
            .attr(pi)
            .build()
    };
    let read = |pi| Readv::new(fd, halves(back), 2).offset(at).attr(pi).build();
    disk.transfers(cx, &mut ring, write, read, back)
}

fn fixed(cx: &mut Context) -> Run {
    let (disk, mut ring) = (Disk::open(cx)?, RawRing::plain()?);
    let (fd, at, len) = (disk.fd(), disk.offset(), disk.data.len());
    let back = Mem::zeroed(len as usize);
    ring.register_buffers(&[disk.data, back])?;
    let write = |pi| {
        WriteFixed::new(fd, disk.data.as_ptr(), len, 0)
            .offset(at)
            .attr(pi)
            .build()
    };
    let read = |pi| {
        ReadFixed::new(fd, back.as_ptr(), len, 1)
            .offset(at)
            .attr(pi)
            .build()
    };
    disk.transfers(cx, &mut ring, write, read, back)
}

fn fixed_vectored(cx: &mut Context) -> Run {
    let (disk, mut ring) = (Disk::open(cx)?, RawRing::plain()?);
    let (fd, at) = (disk.fd(), disk.offset());
    let back = Mem::zeroed(disk.data.len() as usize);
    ring.register_buffers(&[disk.data, back])?;
    let write = |pi| {
        WritevFixed::new(fd, halves(disk.data), 2, 0)
            .offset(at)
            .attr(pi)
            .build()
    };
    let read = |pi| {
        ReadvFixed::new(fd, halves(back), 2, 1)
            .offset(at)
            .attr(pi)
            .build()
    };
    disk.transfers(cx, &mut ring, write, read, back)
}

/// The device refuses what does not fit together, as far as it is asked to check; so does the kernel when it reads.
fn checked(cx: &mut Context) -> Run {
    let (disk, mut ring) = (Disk::open(cx)?, RawRing::plain()?);
    let write = |pi: io_uring_attr_pi| {
        let (fd, data) = (disk.fd(), disk.data);
        let entry = Write::new(fd, data.as_ptr(), data.len()).offset(disk.offset());
        kept(entry.attr(there(pi)).build())
    };
    let good = disk.attribute(disk.information);
    let res = ring.run(write(good))?.res;
    ensure_eq!(Res(cx.accepted(res)?), Res(disk.data.len() as i32), "write");
    let wrong = Mem::of(&disk.information.get());
    wrong.set(8, &[!wrong.get()[8]]);
    let mismatch = io_uring_attr_pi {
        addr: wrong.addr(),
        ..good
    };
    let other_tag = io_uring_attr_pi {
        app_tag: !TAG,
        ..good
    };
    ring.refuses(&[
        ("a wrong checksum", write(mismatch), libc::EILSEQ),
        ("another tag", write(other_tag), libc::EILSEQ),
    ])?;
    let unchecked = io_uring_attr_pi {
        flags: 0,
        ..mismatch
    };
    let res = ring.run(write(unchecked))?.res;
    ensure_eq!(
        Res(res),
        Res(disk.data.len() as i32),
        "a write that is not checked"
    );
    let errno = disk
        .read_back()
        .err()
        .and_then(|e| e.raw_os_error())
        .map(Errno);
    ensure_eq!(
        errno,
        Some(Errno(libc::EILSEQ)),
        "a read by the kernel's own check"
    );
    let res = ring.run(write(good))?.res;
    ensure_eq!(
        Res(res),
        Res(disk.data.len() as i32),
        "a write that repairs it"
    );
    pass()
}

/// Attributes that are none, information that does not fit the data, and files that have none.
fn bad(cx: &mut Context) -> Run {
    let (disk, mut ring) = (Disk::open(cx)?, RawRing::plain()?);
    let good = disk.attribute(disk.information);
    let write = |file: &File, pi: *const io_uring_attr_pi| {
        let (fd, data) = (Fd(file.as_raw_fd()), disk.data);
        let entry = Write::new(fd, data.as_ptr(), data.len()).offset(disk.offset());
        entry.attr(pi).build()
    };
    let with = |pi| kept(write(&disk.file, there(pi)));
    let res = ring.run(with(good))?.res;
    cx.accepted(res)?;
    let file = pattern_file(cx, "f", 1)?;
    let nowhere = std::ptr::without_provenance(NOWHERE as usize);
    ring.refuses(&[
        (
            "no attribute there",
            kept(write(&disk.file, nowhere)),
            libc::EFAULT,
        ),
        (
            "unknown checks",
            with(io_uring_attr_pi {
                flags: 1 << 15,
                ..good
            }),
            libc::EINVAL,
        ),
        (
            "a reserved field",
            with(io_uring_attr_pi { rsvd: 1, ..good }),
            libc::EINVAL,
        ),
        (
            "too little information",
            with(io_uring_attr_pi { len: 8, ..good }),
            libc::EINVAL,
        ),
        (
            "a regular file",
            kept(write(&file, there(good))),
            libc::EINVAL,
        ),
    ])?;
    let newer = cx.kernel() >= Version::new(7, 2, 0);
    let errno = if newer { libc::EIO } else { libc::EFAULT };
    let nothing = with(io_uring_attr_pi {
        addr: NOWHERE,
        ..good
    });
    ring.refuses(&[("information that is not there", nothing, errno)])?;
    pass()
}
