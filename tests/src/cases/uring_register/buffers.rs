//! Tables of fixed buffers: made, filled, tagged and taken back.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use libc::iovec;
use uring_sys::*;

use super::{NO_BUFFER, bare, case, iov, read_fixed, register_buffers, with};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::{Mem, NOWHERE, page_size};
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, errno, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/register/buffers/bad",
        &["IORING_REGISTER_BUFFERS", "IORING_UNREGISTER_BUFFERS"],
        kernel(5, 1),
        bad,
    ),
    Case::new(
        "uring/register/buffers/file",
        &["IORING_REGISTER_BUFFERS"],
        kernel(5, 1),
        of_a_file,
    ),
    Case::new(
        "uring/register/buffers/table",
        &["IORING_UNREGISTER_BUFFERS", "IORING_REGISTER_BUFFERS"],
        kernel(5, 1),
        table,
    ),
    case(
        "uring/register/buffers2/bad",
        &["IORING_REGISTER_BUFFERS2"],
        (5, 13),
        bad2,
    ),
    case(
        "uring/register/buffers2/sparse",
        &["IORING_RSRC_REGISTER_SPARSE", "IORING_REGISTER_BUFFERS2"],
        (5, 19),
        sparse,
    ),
    case(
        "uring/register/buffers2/tags",
        &["IORING_REGISTER_BUFFERS2", "IORING_REGISTER_BUFFERS_UPDATE"],
        (5, 13),
        tags,
    ),
    case(
        "uring/register/buffers_update/bad",
        &["IORING_REGISTER_BUFFERS_UPDATE"],
        (5, 13),
        update_bad,
    ),
    case(
        "uring/register/buffers_update/replace",
        &["IORING_REGISTER_BUFFERS_UPDATE"],
        (5, 13),
        replace,
    ),
];

/// Where no memory is.
fn nowhere() -> iovec {
    iovec {
        iov_base: std::ptr::without_provenance_mut(NOWHERE as usize),
        iov_len: 64,
    }
}

/// Memory that is not there, and tables that are not there or there already.
fn bad(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let page = page_size();
    let mem = Mem::zeroed(page);
    let no_length = iovec {
        iov_len: 0,
        ..iov(mem)
    };
    let no_base = iovec {
        iov_len: 64,
        ..NO_BUFFER
    };
    let beyond = iovec {
        iov_len: 2 * page,
        ..iov(mem)
    };
    let register = |ring: &Typed, table: &[iovec]| {
        // SAFETY: the memory that is there is never given back, and all access to it is atomic.
        unsafe { ring.submitter().register_buffers(table) }
    };
    all_refused([
        ("no address", register(&ring, &[no_base]), libc::EFAULT),
        ("no length", register(&ring, &[no_length]), libc::EFAULT),
        ("no memory", register(&ring, &[nowhere()]), libc::EFAULT),
        ("past the mapping", register(&ring, &[beyond]), libc::EFAULT),
        ("no buffers", register(&ring, &[]), libc::EINVAL),
        (
            "a million buffers",
            register(&ring, &vec![iov(mem.part(0, 64)); 1_000_000]),
            libc::EINVAL,
        ),
        (
            "none there",
            ring.submitter().unregister_buffers(),
            libc::ENXIO,
        ),
    ])?;
    // SAFETY: there is no array at the address.
    let array = unsafe {
        let at = std::ptr::without_provenance(NOWHERE as usize);
        bare(&ring, IORING_REGISTER_BUFFERS, at, 1)
    };
    refused("an array that is not there", array, libc::EFAULT)?;
    // What was refused left nothing behind.
    register(&ring, &vec![iov(mem.part(0, 64)); 1024])?;
    refused("a second table", register(&ring, &[iov(mem)]), libc::EBUSY)?;
    let file = pattern_file(cx, "f", 64)?;
    for (what, part, index) in [
        ("an index behind the table", mem.part(0, 64), 1024),
        ("memory behind the buffer", mem.part(32, 64), 0),
        ("memory before the buffer", Mem::zeroed(64), 0),
    ] {
        let res = read_fixed(&mut ring, &file, part, index)?;
        ensure_eq!(res, Res(-libc::EFAULT), "{what}");
    }
    // SAFETY: the operation takes no memory.
    let counted = unsafe { bare(&ring, IORING_UNREGISTER_BUFFERS, std::ptr::null(), 1) };
    refused("unregistering a number", counted, libc::EINVAL)
}

/// Memory of a mapped file is refused, or (shared memory, or newer kernels' ordinary files) works.
fn of_a_file(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let file = pattern_file(cx, "mapped", page_size())?;
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    let fd = file.as_raw_fd();
    // SAFETY: a new mapping where the kernel likes touches no memory that is in use.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), page_size(), protection, flags, fd, 0) };
    ensure!(
        at != libc::MAP_FAILED,
        "mmap: {}",
        io::Error::last_os_error()
    );
    let mapped = iovec {
        iov_base: at,
        iov_len: page_size(),
    };
    // SAFETY: the mapping is never removed, and nothing else uses it.
    match unsafe { ring.submitter().register_buffers(&[mapped]) } {
        Ok(()) => cx.note("memory of a file is taken"),
        Err(error) => {
            let errno = errno(&error);
            ensure!(
                [libc::EFAULT, libc::EOPNOTSUPP].contains(&errno.0),
                "a buffer in a mapped file: {errno}"
            );
            cx.note(format_args!("memory of a file: {errno}"));
        }
    }
    pass()
}

/// What is in the table is read into, until the table is gone.
fn table(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 100)?;
    let buffers = [Mem::zeroed(100), Mem::zeroed(50)];
    let before = read_fixed(&mut ring, &file, buffers[0], 0)?;
    ensure_eq!(before, Res(-libc::EFAULT), "without a table");
    for round in 0..2 {
        register_buffers(&ring, &buffers)?;
        for (index, mem) in (0..).zip(buffers) {
            mem.set(0, &[0; 50]);
            let res = read_fixed(&mut ring, &file, mem, index)?;
            ensure_eq!(
                res,
                Res(mem.len() as i32),
                "read into {index}, round {round}"
            );
            ensure!(
                mem.get() == pattern(0..mem.len() as usize),
                "bytes in {index}"
            );
        }
        ring.submitter().unregister_buffers()?;
    }
    let after = read_fixed(&mut ring, &file, buffers[0], 0)?;
    ensure_eq!(after, Res(-libc::EFAULT), "when the table is gone");
    pass()
}

/// A struct of another size, with something in what is reserved, an unknown flag; tags for nothing.
fn bad2(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let mem = Mem::zeroed(64);
    let submitter = ring.submitter();
    // SAFETY: the memory that is there is never given back, and all access to it is atomic.
    let tagged =
        |table: &[iovec], tags: &[u64]| unsafe { submitter.register_buffers2(table, tags) };
    cx.accepted_call(tagged(&[iov(mem)], &[1]))?;
    submitter.unregister_buffers()?;
    all_refused([
        ("no memory", tagged(&[nowhere()], &[1]), libc::EFAULT),
        (
            "an empty slot with a tag",
            tagged(&[NO_BUFFER], &[1]),
            libc::EINVAL,
        ),
        ("no buffers", tagged(&[], &[]), libc::EINVAL),
    ])?;
    let array = Mem::iovecs(&[mem]);
    let good = io_uring_rsrc_register {
        nr: 1,
        data: array.addr(),
        ..Default::default()
    };
    let size = size_of_val(&good) as u32;
    let reserved = io_uring_rsrc_register { resv2: 1, ..good };
    let unknown = io_uring_rsrc_register {
        flags: 1 << 31,
        ..good
    };
    let opcode = IORING_REGISTER_BUFFERS2;
    // SAFETY: the memory that the structs name is never given back.
    let table = unsafe {
        [
            (
                "a shorter struct",
                with(&ring, opcode, good, size - 8),
                libc::EINVAL,
            ),
            ("a count", with(&ring, opcode, good, 1), libc::EINVAL),
            (
                "what is reserved",
                with(&ring, opcode, reserved, size),
                libc::EINVAL,
            ),
            (
                "an unknown flag",
                with(&ring, opcode, unknown, size),
                libc::EINVAL,
            ),
        ]
    };
    all_refused(table)
}

/// A table of empty slots is filled later.
fn sparse(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 64)?;
    let mem = Mem::zeroed(64);
    cx.accepted_call(ring.submitter().register_buffers_sparse(3))?;
    refused(
        "a second table",
        ring.submitter().register_buffers_sparse(3),
        libc::EBUSY,
    )?;
    ensure_eq!(
        read_fixed(&mut ring, &file, mem, 2)?,
        Res(-libc::EFAULT),
        "an empty slot"
    );
    // SAFETY: the memory is never given back, and all access to it is atomic.
    unsafe {
        ring.submitter()
            .register_buffers_update(2, &[iov(mem)], None)
    }?;
    ensure_eq!(
        read_fixed(&mut ring, &file, mem, 2)?,
        Res(64),
        "a filled slot"
    );
    ensure!(mem.get() == pattern(0..64), "bytes");
    let with_data = io_uring_rsrc_register {
        nr: 1,
        flags: IORING_RSRC_REGISTER_SPARSE,
        data: Mem::iovecs(&[mem]).addr(),
        ..Default::default()
    };
    let other = Typed::new()?;
    let size = size_of_val(&with_data) as u32;
    // SAFETY: the memory that the struct names is never given back.
    let both = unsafe { with(&other, IORING_REGISTER_BUFFERS2, with_data, size) };
    refused("empty slots and an array", both, libc::EINVAL)?;
    refused(
        "no slots",
        other.submitter().register_buffers_sparse(0),
        libc::EINVAL,
    )
}

/// A tag is posted once, when its buffer is replaced and no operation uses it.
fn tags(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let mem = Mem::zeroed(64);
    // SAFETY: the memory is never given back, and all access to it is atomic.
    let register = unsafe {
        ring.submitter()
            .register_buffers2(&[iov(mem), NO_BUFFER], &[77, 0])
    };
    cx.accepted_call(register)?;
    ensure!(ring.flushed()?.is_none(), "a tag before its buffer is gone");
    // SAFETY: as above.
    unsafe {
        let submitter = ring.submitter();
        submitter.register_buffers_update(0, &[iov(mem)], Some(&[78]))?;
    }
    let cqe = ring.wait()?;
    ensure_eq!((cqe.user_data, cqe.res, cqe.flags), (77, 0, 0), "the tag");
    // SAFETY: as above.
    unsafe {
        let submitter = ring.submitter();
        submitter.register_buffers_update(0, &[NO_BUFFER], Some(&[0]))?;
    }
    ensure_eq!(ring.wait()?.user_data, 78, "the second tag");
    ensure!(ring.flushed()?.is_none(), "a tag twice");
    pass()
}

/// Updates behind the table, of nothing, or with what is not there.
fn update_bad(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 64)?;
    let mem = Mem::zeroed(64);
    // SAFETY: the memory that is there is never given back, and all access to it is atomic.
    let update = |ring: &Typed, at, table: &[iovec], tags: Option<&[u64]>| unsafe {
        ring.submitter().register_buffers_update(at, table, tags)
    };
    register_buffers(&ring, &[mem, mem])?;
    cx.accepted_call(update(&ring, 0, &[iov(mem)], None))?;
    let without = Typed::new()?;
    all_refused([
        (
            "no table",
            update(&without, 0, &[iov(mem)], None),
            libc::ENXIO,
        ),
        (
            "behind the table",
            update(&ring, 2, &[iov(mem)], None),
            libc::EINVAL,
        ),
        (
            "across its end",
            update(&ring, 1, &[iov(mem); 2], None),
            libc::EINVAL,
        ),
        ("nothing", update(&ring, 0, &[], None), libc::EINVAL),
        (
            "an empty slot with a tag",
            update(&ring, 0, &[NO_BUFFER], Some(&[1])),
            libc::EINVAL,
        ),
        (
            "the second is not there",
            update(&ring, 0, &[iov(mem), nowhere()], None),
            libc::EFAULT,
        ),
    ])?;
    ensure_eq!(
        read_fixed(&mut ring, &file, mem, 0)?,
        Res(64),
        "what came before it"
    );
    let far = io_uring_rsrc_update2 {
        offset: u32::MAX,
        nr: 2,
        data: Mem::iovecs(&[mem, mem]).addr(),
        ..Default::default()
    };
    let (size, opcode) = (size_of_val(&far) as u32, IORING_REGISTER_BUFFERS_UPDATE);
    let reserved = io_uring_rsrc_update2 {
        offset: 0,
        resv2: 1,
        ..far
    };
    // SAFETY: the memory that the structs name is never given back.
    let table = unsafe {
        [
            (
                "past all numbers",
                with(&ring, opcode, far, size),
                libc::EOVERFLOW,
            ),
            (
                "what is reserved",
                with(&ring, opcode, reserved, size),
                libc::EINVAL,
            ),
            ("a count", with(&ring, opcode, far, 1), libc::EINVAL),
        ]
    };
    all_refused(table)
}

/// What is put into a slot takes the place of what was there.
fn replace(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file: File = pattern_file(cx, "f", 64)?;
    let (old, new) = (Mem::zeroed(64), Mem::zeroed(64));
    register_buffers(&ring, &[old, old])?;
    // SAFETY: the memory is never given back, and all access to it is atomic.
    let update = unsafe {
        ring.submitter()
            .register_buffers_update(1, &[iov(new)], None)
    };
    cx.accepted_call(update)?;
    ensure_eq!(
        read_fixed(&mut ring, &file, new, 1)?,
        Res(64),
        "the new one"
    );
    ensure!(new.get() == pattern(0..64), "bytes");
    ensure_eq!(
        read_fixed(&mut ring, &file, old, 1)?,
        Res(-libc::EFAULT),
        "the old one"
    );
    ensure_eq!(
        read_fixed(&mut ring, &file, old, 0)?,
        Res(64),
        "its neighbour"
    );
    pass()
}
