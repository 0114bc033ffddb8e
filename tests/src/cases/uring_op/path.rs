//! Names in folders: UNLINKAT, RENAMEAT, MKDIRAT, SYMLINKAT, LINKAT.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/linkat/bad",
        &["IORING_OP_LINKAT"],
        (5, 15),
        linkat_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/linkat/file",
        &["IORING_OP_LINKAT"],
        (5, 15),
        linkat_file,
    )
    .on_each_file_system(),
    case(
        "uring/op/mkdirat/bad",
        &["IORING_OP_MKDIRAT"],
        (5, 15),
        mkdirat_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/mkdirat/folder",
        &["IORING_OP_MKDIRAT"],
        (5, 15),
        mkdirat_folder,
    )
    .on_each_file_system(),
    case(
        "uring/op/renameat/bad",
        &["IORING_OP_RENAMEAT"],
        (5, 11),
        renameat_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/renameat/file",
        &["IORING_OP_RENAMEAT"],
        (5, 11),
        renameat_file,
    )
    .on_each_file_system(),
    case(
        "uring/op/symlinkat/bad",
        &["IORING_OP_SYMLINKAT"],
        (5, 15),
        symlinkat_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/symlinkat/file",
        &["IORING_OP_SYMLINKAT"],
        (5, 15),
        symlinkat_file,
    )
    .on_each_file_system(),
    case(
        "uring/op/unlinkat/bad",
        &["IORING_OP_UNLINKAT"],
        (5, 11),
        unlinkat_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/unlinkat/file",
        &["IORING_OP_UNLINKAT"],
        (5, 11),
        unlinkat_file,
    )
    .on_each_file_system(),
];

const HERE: i32 = libc::AT_FDCWD;

/// An operation on a path, or from one path to another. `len` is a mode, or the second folder.
fn at(opcode: u8, dfd: i32, path: &str, second: Option<&str>, len: i32, flags: i32) -> Op {
    assert!(matches!(
        opcode,
        IORING_OP_LINKAT
            | IORING_OP_MKDIRAT
            | IORING_OP_RENAMEAT
            | IORING_OP_SYMLINKAT
            | IORING_OP_UNLINKAT
    ));
    let (path, second) = (Mem::name(path), second.map(Mem::name));
    // SAFETY: the paths end with a NUL and are never given back. A mode, a folder and flags are no addresses.
    unsafe {
        Op::new(opcode, dfd, |sqe| {
            sqe.set_addr(path.addr());
            sqe.set_addr2(second.map_or(0, Mem::addr));
            sqe.len = len as u32;
            sqe.set_rw_flags(flags as u32);
        })
    }
}

fn unlink(path: &str, flags: i32) -> Op {
    at(IORING_OP_UNLINKAT, HERE, path, None, 0, flags)
}

fn rename(from: &str, to: &str, flags: u32) -> Op {
    at(IORING_OP_RENAMEAT, HERE, from, Some(to), HERE, flags as i32)
}

fn mkdir(path: &str, mode: i32) -> Op {
    at(IORING_OP_MKDIRAT, HERE, path, None, mode, 0)
}

fn symlink(target: &str, path: &str) -> Op {
    at(IORING_OP_SYMLINKAT, HERE, target, Some(path), 0, 0)
}

fn link(from: &str, to: &str, flags: i32) -> Op {
    at(IORING_OP_LINKAT, HERE, from, Some(to), HERE, flags)
}

fn linkat_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    cx.accepted(ring.run(link("f", "g", 0))?.res)?;
    refuses(
        &mut ring,
        &[
            ("a path that is not there", link("x", "y", 0), libc::ENOENT),
            ("a name that is taken", link("f", "g", 0), libc::EEXIST),
            ("a folder", link(".", "y", 0), libc::EPERM),
            ("unknown flags", link("f", "y", 1 << 30), libc::EINVAL),
            ("no path", link("f", "y", 0).nowhere(), libc::EFAULT),
            ("no second path", link("f", "y", 0).nowhere2(), libc::EFAULT),
            (
                "a fixed file",
                link("f", "y", 0).with(IOSQE_FIXED_FILE),
                libc::EBADF,
            ),
        ],
    )
}

/// A file gets a second name; of a symbolic link, the link or what it names.
fn linkat_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    std::os::unix::fs::symlink("f", "s")?;
    cx.accepted(ring.run(link("f", "g", 0))?.res)?;
    ensure_eq!(fs::metadata("g")?.ino(), fs::metadata("f")?.ino(), "inode");
    for (flags, name, links) in [(0, "s2", true), (libc::AT_SYMLINK_FOLLOW, "f2", false)] {
        ensure_eq!(Res(ring.run(link("s", name, flags))?.res), Res(0), "{name}");
        ensure_eq!(
            fs::symlink_metadata(name)?.is_symlink(),
            links,
            "{name} is a link"
        );
    }
    let folder = File::open(".")?;
    let op = at(
        IORING_OP_LINKAT,
        folder.as_raw_fd(),
        "f",
        Some("h"),
        folder.as_raw_fd(),
        0,
    );
    ensure_eq!(Res(ring.run(op)?.res), Res(0), "in an open folder");
    ensure_eq!(fs::metadata("h")?.nlink(), 4, "names of the file");
    pass()
}

fn mkdirat_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    cx.accepted(ring.run(mkdir("d", 0o700))?.res)?;
    refuses(
        &mut ring,
        &[
            ("a name that is taken", mkdir("d", 0o700), libc::EEXIST),
            (
                "a folder that is not there",
                mkdir("x/y", 0o700),
                libc::ENOENT,
            ),
            ("a file as folder", mkdir("f/y", 0o700), libc::ENOTDIR),
            ("fd -1", mkdir("y", 0o700).fd(-1), libc::EBADF),
            ("no path", mkdir("y", 0o700).nowhere(), libc::EFAULT),
            ("flags", mkdir("y", 0o700).op_flags(1), libc::EINVAL),
        ],
    )
}

/// A folder is made with its mode, also within an open one.
fn mkdirat_folder(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    // SAFETY: umask(2) takes and gives a number.
    unsafe { libc::umask(0o022) };
    cx.accepted(ring.run(mkdir("d", 0o777))?.res)?;
    ensure_eq!(
        fs::metadata("d")?.permissions().mode(),
        libc::S_IFDIR | 0o755,
        "mode"
    );
    let folder = File::open("d")?;
    ensure_eq!(
        Res(ring.run(mkdir("e", 0o700).on(&folder))?.res),
        Res(0),
        "in an open folder"
    );
    ensure_eq!(
        fs::metadata("d/e")?.permissions().mode(),
        libc::S_IFDIR | 0o700,
        "mode of the second"
    );
    pass()
}

fn renameat_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    fs::create_dir("d")?;
    cx.accepted(ring.run(rename("f", "g", 0))?.res)?;
    refuses(
        &mut ring,
        &[
            (
                "a path that is not there",
                rename("x", "y", 0),
                libc::ENOENT,
            ),
            ("a file over a folder", rename("g", "d", 0), libc::EISDIR),
            ("a folder over a file", rename("d", "g", 0), libc::ENOTDIR),
            ("a folder into itself", rename("d", "d/e", 0), libc::EINVAL),
            (
                "a name that is taken",
                rename("g", "d", libc::RENAME_NOREPLACE),
                libc::EEXIST,
            ),
            ("unknown flags", rename("g", "y", 1 << 30), libc::EINVAL),
            ("no path", rename("g", "y", 0).nowhere(), libc::EFAULT),
            (
                "no second path",
                rename("g", "y", 0).nowhere2(),
                libc::EFAULT,
            ),
            (
                "a fixed file",
                rename("g", "y", 0).with(IOSQE_FIXED_FILE),
                libc::EBADF,
            ),
        ],
    )
}

/// A file gets another name, replaces another, or changes places with it.
fn renameat_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    fs::write("g", b"g")?;
    cx.accepted(ring.run(rename("f", "h", 0))?.res)?;
    ensure!(!Path::new("f").exists(), "the old name is still there");
    ensure_eq!(
        Res(ring.run(rename("g", "h", libc::RENAME_EXCHANGE))?.res),
        Res(0),
        "exchange"
    );
    ensure_eq!(
        (fs::read("g")?, fs::read("h")?),
        (b"f".to_vec(), b"g".to_vec()),
        "content after the exchange"
    );
    ensure_eq!(Res(ring.run(rename("g", "h", 0))?.res), Res(0), "replace");
    ensure_eq!(fs::read("h")?, b"f", "content after the replacement");
    fs::create_dir("d")?;
    let folder = File::open("d")?;
    let op = at(
        IORING_OP_RENAMEAT,
        HERE,
        "h",
        Some("i"),
        folder.as_raw_fd(),
        0,
    );
    ensure_eq!(Res(ring.run(op)?.res), Res(0), "into an open folder");
    ensure_eq!(fs::read("d/i")?, b"f", "content in the folder");
    pass()
}

fn symlinkat_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    cx.accepted(ring.run(symlink("f", "s"))?.res)?;
    refuses(
        &mut ring,
        &[
            ("a name that is taken", symlink("f", "s"), libc::EEXIST),
            ("an empty target", symlink("", "t"), libc::ENOENT),
            (
                "a folder that is not there",
                symlink("f", "x/y"),
                libc::ENOENT,
            ),
            ("fd -1", symlink("f", "t").fd(-1), libc::EBADF),
            ("no target", symlink("f", "t").nowhere(), libc::EFAULT),
            ("no path", symlink("f", "t").nowhere2(), libc::EFAULT),
            ("flags", symlink("f", "t").op_flags(1), libc::EINVAL),
        ],
    )
}

/// The link names what it was told, there or not.
fn symlinkat_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    cx.accepted(ring.run(symlink("no/such", "s"))?.res)?;
    ensure_eq!(fs::read_link("s")?, Path::new("no/such"), "target");
    fs::create_dir("d")?;
    let folder = File::open("d")?;
    ensure_eq!(
        Res(ring.run(symlink("../s", "t").on(&folder))?.res),
        Res(0),
        "in an open folder"
    );
    ensure_eq!(
        fs::read_link("d/t")?,
        Path::new("../s"),
        "target of the second"
    );
    pass()
}

fn unlinkat_bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    fs::write("g", b"g")?;
    fs::create_dir_all("d/e")?;
    cx.accepted(ring.run(unlink("f", 0))?.res)?;
    refuses(
        &mut ring,
        &[
            ("a path that is not there", unlink("f", 0), libc::ENOENT),
            ("a folder as file", unlink("d", 0), libc::EISDIR),
            (
                "a file as folder",
                unlink("g", libc::AT_REMOVEDIR),
                libc::ENOTDIR,
            ),
            (
                "a folder that is not empty",
                unlink("d", libc::AT_REMOVEDIR),
                libc::ENOTEMPTY,
            ),
            ("fd -1", unlink("g", 0).fd(-1), libc::EBADF),
            ("no path", unlink("g", 0).nowhere(), libc::EFAULT),
            ("unknown flags", unlink("g", 1 << 30), libc::EINVAL),
            (
                "a fixed file",
                unlink("g", 0).with(IOSQE_FIXED_FILE),
                libc::EBADF,
            ),
        ],
    )?;
    ensure!(Path::new("g").exists(), "a file is gone all the same");
    pass()
}

/// A file and a folder are removed, also in an open folder.
fn unlinkat_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    fs::create_dir("d")?;
    fs::write("d/g", b"g")?;
    cx.accepted(ring.run(unlink("f", 0))?.res)?;
    ensure!(!Path::new("f").exists(), "the file is still there");
    let folder = File::open("d")?;
    ensure_eq!(
        Res(ring.run(unlink("g", 0).on(&folder))?.res),
        Res(0),
        "in an open folder"
    );
    ensure!(!Path::new("d/g").exists(), "the file is still there");
    ensure_eq!(
        Res(ring.run(unlink("d", libc::AT_REMOVEDIR))?.res),
        Res(0),
        "a folder"
    );
    ensure!(!Path::new("d").exists(), "the folder is still there");
    pass()
}
