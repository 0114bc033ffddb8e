//! OPENAT, OPENAT2 and CLOSE, FILES_UPDATE and FIXED_FD_INSTALL: descriptors and fixed files.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use uring_sys::*;

use super::{case, refuses, register_files, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::read;
use crate::support::files::{pattern, pattern_file};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const OPENAT: &[&str] = &["IORING_OP_OPENAT"];
const DIRECT: &[&str] = &[
    "IORING_OP_OPENAT",
    "IORING_OP_CLOSE",
    "IORING_OP_READ",
    "IOSQE_FIXED_FILE",
    "IORING_REGISTER_FILES",
];

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/close/bad",
        &["IORING_OP_CLOSE"],
        kernel(5, 6),
        close_bad,
    ),
    Case::new(
        "uring/op/close/file",
        &["IORING_OP_CLOSE"],
        kernel(5, 6),
        close_file,
    ),
    Case::new(
        "uring/op/files_update/bad",
        &["IORING_OP_FILES_UPDATE"],
        kernel(5, 6),
        update_bad,
    ),
    Case::new(
        "uring/op/files_update/slots",
        &["IORING_OP_FILES_UPDATE", "IORING_REGISTER_FILES_SKIP"],
        kernel(5, 12),
        update_slots,
    )
    .refused_by(&[libc::EBADF]),
    case(
        "uring/op/fixed_fd_install/bad",
        &["IORING_OP_FIXED_FD_INSTALL"],
        (6, 8),
        install_bad,
    ),
    case(
        "uring/op/fixed_fd_install/file",
        &["IORING_OP_FIXED_FD_INSTALL", "IORING_FIXED_FD_NO_CLOEXEC"],
        (6, 8),
        install,
    ),
    Case::new("uring/op/openat/bad", OPENAT, kernel(5, 6), openat_bad).on_each_file_system(),
    Case::new("uring/op/openat/create", OPENAT, kernel(5, 6), create).on_each_file_system(),
    Case::new("uring/op/openat/direct", DIRECT, kernel(5, 15), direct)
        .refused_by(&[libc::EINVAL])
        .announced(),
    Case::new(
        "uring/op/openat/direct-alloc",
        &[
            "IORING_FILE_INDEX_ALLOC",
            "IORING_OP_OPENAT",
            "IORING_OP_CLOSE",
        ],
        kernel(5, 19),
        direct_alloc,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new("uring/op/openat/folder", OPENAT, kernel(5, 6), folder).on_each_file_system(),
    Case::new(
        "uring/op/openat2/bad",
        &["IORING_OP_OPENAT2"],
        kernel(5, 6),
        openat2_bad,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/openat2/resolve",
        &["IORING_OP_OPENAT2"],
        kernel(5, 6),
        resolve,
    )
    .on_each_file_system(),
];

fn openat(dfd: i32, path: &str, flags: i32) -> Op {
    let path = Mem::name(path);
    // SAFETY: the path ends with a NUL and is never given back.
    unsafe {
        Op::new(IORING_OP_OPENAT, dfd, |sqe| {
            sqe.set_addr(path.addr());
            sqe.len = 0o640;
            sqe.set_open_flags(flags as u32);
        })
    }
}

/// `how` is flags, mode and resolve flags, and more.
fn openat2(dfd: i32, path: &str, how: &[u64]) -> Op {
    let path = Mem::name(path);
    let how = Mem::of(
        &how.iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect::<Vec<u8>>(),
    );
    // SAFETY: the path ends with a NUL, `len` is the size of `how`, and neither is ever given back.
    unsafe {
        Op::new(IORING_OP_OPENAT2, dfd, |sqe| {
            sqe.set_addr(path.addr());
            sqe.set_addr2(how.addr());
            sqe.len = how.len();
        })
    }
}

fn close(fd: i32) -> Op {
    // SAFETY: it names no memory. The cases close what they own.
    unsafe { Op::new(IORING_OP_CLOSE, fd, |_| {}) }
}

/// `F_GETFD` of a descriptor, -1 if it is not open.
fn fd_flags(fd: i32) -> i32 {
    // SAFETY: F_GETFD touches no memory, and any number may be asked about.
    unsafe { libc::fcntl(fd, libc::F_GETFD) }
}

/// The file that an operation opened.
fn opened(fd: i32) -> File {
    // SAFETY: the kernel just opened it, and nobody else knows it.
    unsafe { File::from_raw_fd(fd) }
}

/// A descriptor that is not open, a slot that is not there, a ring of the application's.
fn close_bad(_: &mut Context) -> Run {
    let mut ring = ring()?;
    let this = ring.as_raw_fd();
    refuses(
        &mut ring,
        &[
            ("fd -1", close(-1), libc::EBADF),
            ("fd 1000", close(1000), libc::EBADF),
            ("the ring itself", close(this), libc::EBADF),
            ("a fixed file", close(0).with(IOSQE_FIXED_FILE), libc::EBADF),
        ],
    )?;
    ensure!(fd_flags(this) >= 0, "the ring was closed");
    pass()
}

/// The descriptor is closed afterwards.
fn close_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let fd = pattern_file(cx, "f", 1)?.into_raw_fd();
    ensure!(fd_flags(fd) >= 0, "not open before");
    ensure_eq!(Res(ring.run(close(fd))?.res), Res(0), "result");
    ensure_eq!(fd_flags(fd), -1, "flags of the closed descriptor");
    refuses(&mut ring, &[("once more", close(fd), libc::EBADF)])
}

/// Puts descriptors into the slots from `offset` on.
fn files_update(fds: &[i32], offset: u64) -> Op {
    let mem = Mem::of(
        &fds.iter()
            .flat_map(|fd| fd.to_ne_bytes())
            .collect::<Vec<u8>>(),
    );
    // SAFETY: the array has `len` elements and is never given back.
    unsafe {
        Op::new(IORING_OP_FILES_UPDATE, -1, |sqe| {
            sqe.set_addr(mem.addr());
            sqe.len = fds.len() as u32;
            sqe.set_off(offset);
        })
    }
}

/// No table, slots that are not there, descriptors that are not open.
fn update_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1)?;
    refuses(
        &mut ring,
        &[(
            "no table",
            files_update(&[file.as_raw_fd()], 0),
            libc::ENXIO,
        )],
    )?;
    register_files(&ring, &[-1, -1])?;
    let op = files_update(&[file.as_raw_fd()], 0);
    refuses(
        &mut ring,
        &[
            (
                "slot 2 of 2",
                files_update(&[file.as_raw_fd()], 2),
                libc::EINVAL,
            ),
            (
                "a descriptor that is not open",
                files_update(&[1000], 0),
                libc::EBADF,
            ),
            ("no array", op.nowhere(), libc::EFAULT),
            ("none at all", files_update(&[], 0), libc::EINVAL),
            ("flags", op.op_flags(1), libc::EINVAL),
        ],
    )
}

/// Slots are filled, replaced, emptied and skipped.
fn update_slots(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (a, b) = (pattern_file(cx, "a", 100)?, pattern_file(cx, "b", 200)?);
    register_files(&ring, &[-1, -1, -1])?;
    let mem = Mem::zeroed(1000);
    let at = |slot: i32| read(IORING_OP_READ, &slot, mem, 0).with(IOSQE_FIXED_FILE);
    let empty = Res(-libc::EBADF);
    let table: [(&[i32], u64, [Res; 3]); 4] = [
        (
            &[a.as_raw_fd(), b.as_raw_fd()],
            1,
            [empty, Res(100), Res(200)],
        ),
        (&[b.as_raw_fd()], 1, [empty, Res(200), Res(200)]),
        (
            &[a.as_raw_fd(), IORING_REGISTER_FILES_SKIP, -1],
            0,
            [Res(100), Res(200), empty],
        ),
        (&[-1, -1, a.as_raw_fd()], 0, [empty, empty, Res(100)]),
    ];
    for (fds, offset, expected) in table {
        let res = ring.run(files_update(fds, offset))?.res;
        ensure_eq!(
            cx.accepted(res)?,
            fds.len() as i32,
            "slots updated with {fds:?}"
        );
        // One by one: 5.10 refuses an empty slot at submission, and ends it there.
        for (slot, expected) in (0..).zip(expected) {
            ensure_eq!(
                Res(ring.run(at(slot))?.res),
                expected,
                "read of slot {slot} after {fds:?}"
            );
        }
    }
    pass()
}

fn install_op(slot: i32, flags: u32) -> Op {
    // SAFETY: it names no memory.
    unsafe {
        Op::new(IORING_OP_FIXED_FD_INSTALL, slot, |sqe| {
            sqe.set_install_fd_flags(flags)
        })
    }
    .with(IOSQE_FIXED_FILE)
}

/// Slots and flags that are wrong, and a descriptor in place of a slot.
fn install_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 1)?;
    register_files(&ring, &[file.as_raw_fd(), -1])?;
    cx.accepted(ring.run(install_op(0, 0))?.res)?;
    // SAFETY: it names no memory.
    let plain = unsafe { Op::new(IORING_OP_FIXED_FD_INSTALL, file.as_raw_fd(), |_| {}) };
    refuses(
        &mut ring,
        &[
            ("an empty slot", install_op(1, 0), libc::EBADF),
            ("slot 2 of 2", install_op(2, 0), libc::EBADF),
            ("flags 2", install_op(0, 2), libc::EINVAL),
            ("a descriptor", plain, libc::EBADF),
        ],
    )
}

/// A fixed file becomes a descriptor, closed on exec unless told otherwise.
fn install(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    register_files(&ring, &[file.as_raw_fd()])?;
    drop(file);
    for (flags, expected) in [(0, libc::FD_CLOEXEC), (IORING_FIXED_FD_NO_CLOEXEC, 0)] {
        let res = ring.run(install_op(0, flags))?.res;
        let mut file = opened(cx.accepted(res)?);
        ensure_eq!(fd_flags(file.as_raw_fd()), expected, "descriptor flags");
        let mut content = Vec::new();
        std::io::Seek::rewind(&mut file)?;
        file.read_to_end(&mut content)?;
        ensure!(content == pattern(0..100), "content");
    }
    pass()
}

/// Paths, flags and folders that are wrong.
fn openat_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1)?;
    let here = libc::AT_FDCWD;
    let op = openat(here, "f", libc::O_RDONLY);
    refuses(
        &mut ring()?,
        &[
            (
                "a path that is not there",
                openat(here, "no/such", libc::O_RDONLY),
                libc::ENOENT,
            ),
            (
                "an empty path",
                openat(here, "", libc::O_RDONLY),
                libc::ENOENT,
            ),
            (
                "a file as folder",
                openat(here, "f/x", libc::O_RDONLY),
                libc::ENOTDIR,
            ),
            (
                "a file for folder's descriptor",
                openat(file.as_raw_fd(), "x", libc::O_RDONLY),
                libc::ENOTDIR,
            ),
            ("fd -1", openat(-1, "f", libc::O_RDONLY), libc::EBADF),
            ("no path", op.nowhere(), libc::EFAULT),
            (
                "a name too long",
                openat(here, &"x".repeat(300), libc::O_RDONLY),
                libc::ENAMETOOLONG,
            ),
            (
                "a folder to write",
                openat(here, ".", libc::O_WRONLY),
                libc::EISDIR,
            ),
            (
                "one that is there",
                openat(here, "f", libc::O_CREAT | libc::O_EXCL | libc::O_RDWR),
                libc::EEXIST,
            ),
            (
                "a fixed file for folder",
                op.with(IOSQE_FIXED_FILE),
                libc::EBADF,
            ),
        ],
    )
}

/// A file is made with its mode, emptied, and opened with the flags.
fn create(_: &mut Context) -> Run {
    let mut ring = ring()?;
    // SAFETY: umask(2) takes and gives a number.
    unsafe { libc::umask(0o022) };
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC;
    let file = opened(ring.run(openat(libc::AT_FDCWD, "f", flags))?.res);
    ensure_eq!(
        fd_flags(file.as_raw_fd()),
        libc::FD_CLOEXEC,
        "descriptor flags"
    );
    ensure_eq!(
        file.metadata()?.permissions().mode() & 0o7777,
        0o640,
        "mode"
    );
    fs::write("f", b"abc")?;
    let file = opened(ring.run(openat(libc::AT_FDCWD, "f", libc::O_RDWR))?.res);
    ensure_eq!(
        fd_flags(file.as_raw_fd()),
        0,
        "descriptor flags without O_CLOEXEC"
    );
    ensure_eq!(file.metadata()?.len(), 3, "size");
    let cqe = ring.run(openat(libc::AT_FDCWD, "f", libc::O_RDWR | libc::O_TRUNC))?;
    ensure_eq!(opened(cqe.res).metadata()?.len(), 0, "size after O_TRUNC");
    pass()
}

/// A file is opened into a slot, read there, and closed there, without a descriptor.
fn direct(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    pattern_file(cx, "f", 100)?;
    let op = openat(libc::AT_FDCWD, "f", libc::O_RDONLY);
    let cqe = ring.run(op.file_index(2))?;
    if cqe.res > 0 {
        return crate::case::absent("file_index is ignored: a descriptor was opened");
    }
    if cqe.res == -libc::EINVAL {
        cx.accepted(cqe.res)?;
    }
    ensure_eq!(Res(cqe.res), Res(-libc::ENXIO), "no table");
    register_files(&ring, &[-1, -1])?;
    let mem = Mem::zeroed(100);
    // Not as a chain: before IORING_FEAT_LINKED_FILE the slot is looked up at submission.
    let from_slot = read(IORING_OP_READ, &1, mem, 0).with(IOSQE_FIXED_FILE);
    for (what, op, expected) in [
        ("open", op.file_index(2), 0),
        ("read", from_slot, 100),
        ("close", close(0).file_index(2), 0),
    ] {
        ensure_eq!(Res(ring.run(op)?.res), Res(expected), "{what}");
    }
    ensure!(mem.get() == pattern(0..100), "content");
    refuses(
        &mut ring,
        &[
            ("a read after the close", from_slot, libc::EBADF),
            ("a second close", close(0).file_index(2), libc::EBADF),
            ("slot 3 of 2", op.file_index(3), libc::EINVAL),
            (
                "with O_CLOEXEC",
                openat(libc::AT_FDCWD, "f", libc::O_CLOEXEC).file_index(1),
                libc::EINVAL,
            ),
            (
                "close of a slot and a descriptor",
                close(5).file_index(1),
                libc::EINVAL,
            ),
        ],
    )
}

/// The kernel chooses a slot that is free, until there is none.
fn direct_alloc(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    register_files(&ring, &[-1, file.as_raw_fd(), -1])?;
    let op = openat(libc::AT_FDCWD, "f", libc::O_RDONLY).file_index(IORING_FILE_INDEX_ALLOC);
    for slot in [0, 2] {
        let res = ring.run(op)?.res;
        ensure_eq!(cx.accepted(res)?, slot, "slot");
    }
    refuses(&mut ring, &[("a full table", op, libc::ENFILE)])?;
    ensure_eq!(
        Res(ring.run(close(0).file_index(1))?.res),
        Res(0),
        "close of slot 0"
    );
    ensure_eq!(Res(ring.run(op)?.res), Res(0), "the slot that was freed");
    pass()
}

/// A path is relative to the folder's descriptor, and absolute if it begins with a slash.
fn folder(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::create_dir("d")?;
    fs::write("d/f", b"in d")?;
    let folder = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open("d")?;
    let absolute = cx.dir().join("d/f").to_string_lossy().into_owned();
    for (dfd, path) in [
        (folder.as_raw_fd(), "f"),
        (libc::AT_FDCWD, "d/f"),
        (-1, &absolute),
    ] {
        let res = ring.run(openat(dfd, path, libc::O_RDONLY))?.res;
        ensure!(res >= 0, "{path} at {dfd}: {}", Res(res));
        let mut content = String::new();
        opened(res).read_to_string(&mut content)?;
        ensure_eq!(content, "in d", "content of {path} at {dfd}");
    }
    pass()
}

/// Sizes and flags that are wrong.
fn openat2_bad(cx: &mut Context) -> Run {
    pattern_file(cx, "f", 1)?;
    let here = libc::AT_FDCWD;
    let op = openat2(here, "f", &[0, 0, 0]);
    refuses(
        &mut ring()?,
        &[
            ("too short", openat2(here, "f", &[0, 0]), libc::EINVAL),
            (
                "longer and not zero",
                openat2(here, "f", &[0, 0, 0, 1]),
                libc::E2BIG,
            ),
            (
                "unknown flags",
                openat2(here, "f", &[1 << 60, 0, 0]),
                libc::EINVAL,
            ),
            (
                "a mode without O_CREAT",
                openat2(here, "f", &[0, 0o600, 0]),
                libc::EINVAL,
            ),
            (
                "unknown resolve flags",
                openat2(here, "f", &[0, 0, 1 << 60]),
                libc::EINVAL,
            ),
            ("no struct", op.nowhere2(), libc::EFAULT),
            ("no path", op.nowhere(), libc::EFAULT),
            (
                "a path that is not there",
                openat2(here, "g", &[0, 0, 0]),
                libc::ENOENT,
            ),
        ],
    )
}

/// The resolve flags confine the path, and a longer struct of zeroes is taken.
fn resolve(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    pattern_file(cx, "f", 10)?;
    fs::create_dir("d")?;
    std::os::unix::fs::symlink("../f", "d/link")?;
    let folder = File::open("d")?;
    for (what, how) in [("plain", &[0, 0, 0][..]), ("longer", &[0, 0, 0, 0, 0])] {
        let res = ring.run(openat2(folder.as_raw_fd(), "link", how))?.res;
        ensure!(res >= 0, "{what}: {}", Res(res));
        ensure_eq!(opened(res).metadata()?.len(), 10, "size ({what})");
    }
    let (beneath, no_links) = (libc::RESOLVE_BENEATH, libc::RESOLVE_NO_SYMLINKS);
    let at = |path, resolve| openat2(folder.as_raw_fd(), path, &[0, 0, resolve]);
    refuses(
        &mut ring,
        &[
            ("a link out of the folder", at("link", beneath), libc::EXDEV),
            ("the folder above", at("../f", beneath), libc::EXDEV),
            (
                "a link where none may be",
                at("link", no_links),
                libc::ELOOP,
            ),
        ],
    )
}
