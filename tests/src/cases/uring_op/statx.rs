//! STATX.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use uring_sys::*;

use super::{refuses, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::files::pattern_file;
use crate::support::names::Res;

const ITEM: &[&str] = &["IORING_OP_STATX"];

pub(super) static CASES: &[Case] = &[
    Case::new("uring/op/statx/bad", ITEM, kernel(5, 6), bad).on_each_file_system(),
    Case::new("uring/op/statx/kinds", ITEM, kernel(5, 6), kinds).on_each_file_system(),
];

fn statx(dfd: i32, path: &str, flags: i32, answer: Mem) -> Op {
    let path = Mem::name(path);
    assert!(answer.len() as usize >= size_of::<libc::statx>());
    // SAFETY: the path ends with a NUL, the answer has room for a `struct statx`, and neither is ever given back.
    unsafe {
        Op::new(IORING_OP_STATX, dfd, |sqe| {
            sqe.set_addr(path.addr());
            sqe.set_addr2(answer.addr());
            sqe.len = libc::STATX_BASIC_STATS;
            sqe.set_statx_flags(flags as u32);
        })
    }
}

/// Paths, flags and addresses that are wrong.
fn bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 10)?;
    let answer = Mem::zeroed(size_of::<libc::statx>());
    let here = libc::AT_FDCWD;
    let op = statx(here, "f", 0, answer);
    // SAFETY: the mask is no address.
    let reserved = unsafe { op.changed(|sqe| sqe.len = 1 << 31) };
    refuses(
        &mut ring()?,
        &[
            (
                "a path that is not there",
                statx(here, "g", 0, answer),
                libc::ENOENT,
            ),
            (
                "an empty path",
                statx(file.as_raw_fd(), "", 0, answer),
                libc::ENOENT,
            ),
            (
                "a file as folder",
                statx(here, "f/x", 0, answer),
                libc::ENOTDIR,
            ),
            ("fd -1", statx(-1, "f", 0, answer), libc::EBADF),
            ("no path", op.nowhere(), libc::EFAULT),
            ("no room for the answer", op.nowhere2(), libc::EFAULT),
            ("unknown flags", op.op_flags(1 << 30), libc::EINVAL),
            ("the reserved bit of the mask", reserved, libc::EINVAL),
            ("a fixed file", op.with(IOSQE_FIXED_FILE), libc::EBADF),
        ],
    )
}

/// A file, a folder, a link and an open file have the attributes that stat(2) gives.
fn kinds(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 12345)?;
    fs::create_dir("d")?;
    fs::hard_link("f", "d/second")?;
    std::os::unix::fs::symlink("f", "link")?;
    let here = libc::AT_FDCWD;
    let folder = File::open("d")?;
    let table = [
        ("a file", here, "f", 0, fs::metadata("f")?),
        ("a folder", here, "d", 0, fs::metadata("d")?),
        (
            "a file in a folder",
            folder.as_raw_fd(),
            "second",
            0,
            fs::metadata("f")?,
        ),
        ("through a link", here, "link", 0, fs::metadata("f")?),
        (
            "a link",
            here,
            "link",
            libc::AT_SYMLINK_NOFOLLOW,
            fs::symlink_metadata("link")?,
        ),
        (
            "an open file",
            file.as_raw_fd(),
            "",
            libc::AT_EMPTY_PATH,
            file.metadata()?,
        ),
    ];
    for (what, dfd, path, flags, expected) in table {
        let answer = Mem::zeroed(size_of::<libc::statx>());
        ensure_eq!(
            Res(ring.run(statx(dfd, path, flags, answer))?.res),
            Res(0),
            "{what}"
        );
        let got: libc::statx = answer.read();
        ensure_eq!(
            got.stx_mask & libc::STATX_BASIC_STATS,
            libc::STATX_BASIC_STATS,
            "{what}: mask"
        );
        let times = |time: libc::statx_timestamp| (time.tv_sec, i64::from(time.tv_nsec));
        ensure_eq!(u32::from(got.stx_mode), expected.mode(), "{what}: mode");
        ensure_eq!(got.stx_size, expected.size(), "{what}: size");
        ensure_eq!(got.stx_ino, expected.ino(), "{what}: inode");
        ensure_eq!(u64::from(got.stx_nlink), expected.nlink(), "{what}: links");
        ensure_eq!(
            (got.stx_uid, got.stx_gid),
            (expected.uid(), expected.gid()),
            "{what}: owner"
        );
        ensure_eq!(got.stx_blocks, expected.blocks(), "{what}: blocks");
        ensure_eq!(
            times(got.stx_mtime),
            (expected.mtime(), expected.mtime_nsec()),
            "{what}: mtime"
        );
        ensure_eq!(
            times(got.stx_ctime),
            (expected.ctime(), expected.ctime_nsec()),
            "{what}: ctime"
        );
    }
    pass()
}
