//! RENAMEAT's flags, OPENAT2's, STATX's masks and the size of attributes.

use std::fs::{self, File};
use std::os::fd::FromRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::{give, result};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::support::files::{pattern, pattern_file};
use crate::typed::Typed;
use crate::typed::ops::{fgetxattr, fsetxattr, openat2, rename, statx};
use crate::{ensure, ensure_eq};

pub(in super::super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/fsetxattr/large",
        &["IORING_OP_FSETXATTR", "IORING_OP_FGETXATTR"],
        kernel(5, 19),
        large,
    )
    .refused_by(&[libc::EINVAL, libc::ENOSPC])
    .on_each_file_system(),
    Case::new(
        "uring/op/openat2/flags",
        &["IORING_OP_OPENAT2"],
        kernel(5, 6),
        open_flags,
    )
    .on_each_file_system(),
    Case::new(
        "uring/op/openat2/tmpfile",
        &["IORING_OP_OPENAT2"],
        kernel(5, 6),
        tmpfile,
    )
    .refused_by(&[libc::EOPNOTSUPP])
    .on_each_file_system(),
    rename_case("uring/op/renameat/exchange", exchange),
    rename_case("uring/op/renameat/noreplace", noreplace),
    rename_case("uring/op/renameat/whiteout", whiteout),
    Case::new(
        "uring/op/statx/btime",
        &["IORING_OP_STATX"],
        kernel(5, 6),
        btime,
    )
    .announced()
    .on_each_file_system(),
    Case::new(
        "uring/op/statx/masks",
        &["IORING_OP_STATX"],
        kernel(5, 6),
        masks,
    )
    .on_each_file_system(),
];

const fn rename_case(id: &'static str, run: fn(&mut Context) -> Run) -> Case {
    Case::new(id, &["IORING_OP_RENAMEAT"], kernel(5, 11), run)
        .refused_by(&[libc::EINVAL])
        .on_each_file_system()
}

/// Two names change places.
fn exchange(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("a", b"a")?;
    fs::create_dir("b")?;
    cx.accepted(result(&mut ring, rename("a", "b", libc::RENAME_EXCHANGE))?)?;
    ensure_eq!(fs::read("b")?, b"a", "content of the file");
    ensure!(fs::metadata("a")?.is_dir(), "the folder is none");
    let both = libc::RENAME_EXCHANGE | libc::RENAME_NOREPLACE;
    give(
        &mut ring,
        &[
            (
                "with none",
                rename("a", "c", libc::RENAME_EXCHANGE),
                -libc::ENOENT,
            ),
            ("with NOREPLACE", rename("a", "b", both), -libc::EINVAL),
        ],
    )
}

/// A name that is taken stays; another is given.
fn noreplace(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("a", b"a")?;
    fs::write("b", b"b")?;
    cx.accepted(result(&mut ring, rename("a", "c", libc::RENAME_NOREPLACE))?)?;
    give(
        &mut ring,
        &[(
            "a name that is taken",
            rename("b", "c", libc::RENAME_NOREPLACE),
            -libc::EEXIST,
        )],
    )?;
    ensure_eq!(fs::read("c")?, b"a", "content of the renamed file");
    ensure_eq!(fs::read("b")?, b"b", "content of the other");
    pass()
}

/// A device of number 0 takes the old name's place.
fn whiteout(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("a", b"a")?;
    cx.accepted(result(&mut ring, rename("a", "b", libc::RENAME_WHITEOUT))?)?;
    ensure_eq!(fs::read("b")?, b"a", "content of the renamed file");
    let left = fs::symlink_metadata("a")?;
    ensure!(left.file_type().is_char_device(), "{:?}", left.file_type());
    ensure_eq!(left.rdev(), 0, "device number");
    let both = libc::RENAME_WHITEOUT | libc::RENAME_EXCHANGE;
    give(
        &mut ring,
        &[("with EXCHANGE", rename("a", "b", both), -libc::EINVAL)],
    )
}

/// The file that an operation opened.
fn opened(fd: i32) -> File {
    // SAFETY: the kernel just opened it, and nobody else knows it.
    unsafe { File::from_raw_fd(fd) }
}

/// Each flag does what open(2) says, or is refused as it says.
fn open_flags(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    pattern_file(cx, "f", 100)?;
    fs::create_dir("d")?;
    std::os::unix::fs::symlink("f", "s")?;
    let open = |path, flags, mode| openat2(path, flags, mode, 0);
    let (create, write) = (libc::O_CREAT | libc::O_WRONLY, libc::O_WRONLY);
    give(
        &mut ring,
        &[
            (
                "O_EXCL",
                open("f", create | libc::O_EXCL, 0o600),
                -libc::EEXIST,
            ),
            (
                "O_DIRECTORY",
                open("f", libc::O_DIRECTORY, 0),
                -libc::ENOTDIR,
            ),
            ("O_NOFOLLOW", open("s", libc::O_NOFOLLOW, 0), -libc::ELOOP),
            ("a folder to write", open("d", write, 0), -libc::EISDIR),
            (
                "a mode that is not used",
                open("f", 0, 0o600),
                -libc::EINVAL,
            ),
            ("an unknown flag", open("f", 1 << 30, 0), -libc::EINVAL),
            (
                "O_PATH to write",
                open("f", libc::O_PATH | libc::O_APPEND, 0),
                -libc::EINVAL,
            ),
        ],
    )?;
    let synchronous = opened(result(&mut ring, open("f", write | libc::O_SYNC, 0))?);
    ensure_eq!(synchronous.metadata()?.len(), 100, "size");
    let truncated = opened(result(&mut ring, open("f", write | libc::O_TRUNC, 0))?);
    ensure_eq!(truncated.metadata()?.len(), 0, "size with O_TRUNC");
    let new = opened(result(&mut ring, open("g", create | libc::O_EXCL, 0o600))?);
    ensure_eq!(new.metadata()?.mode() & 0o777, 0o600, "mode");
    pass()
}

/// A file without a name takes what is written and leaves nothing; without a way to write it is refused.
fn tmpfile(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let flags = libc::O_TMPFILE | libc::O_RDWR;
    let fd = cx.accepted(result(&mut ring, openat2(".", flags, 0o600, 0))?)?;
    let file = opened(fd);
    std::os::unix::fs::FileExt::write_all_at(&file, b"abc", 0)?;
    ensure_eq!(file.metadata()?.nlink(), 0, "names");
    ensure_eq!(fs::read_dir(".")?.count(), 0, "files in the folder");
    let read_only = openat2(".", libc::O_TMPFILE, 0o600, 0);
    give(&mut ring, &[("to read", read_only, -libc::EINVAL)])
}

/// Asks for `mask` about a file of 1000 bytes.
fn ask(ring: &mut Typed, flags: i32, mask: u32) -> Result<libc::statx, crate::case::Stop> {
    let answer = Mem::zeroed(size_of::<libc::statx>());
    ensure_eq!(
        result(ring, statx("f", flags, mask, answer))?,
        0,
        "mask {mask:#x} with flags {flags:#x}"
    );
    Ok(answer.read())
}

/// The time of birth does not change with the file.
fn btime(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1000)?;
    let first = ask(&mut ring, 0, libc::STATX_BTIME)?;
    if first.stx_mask & libc::STATX_BTIME == 0 {
        return crate::case::absent("STATX_BTIME is clear");
    }
    file.set_len(5)?;
    let second = ask(&mut ring, 0, libc::STATX_BTIME)?;
    let time = |stat: libc::statx| (stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec);
    ensure_eq!(time(second), time(first), "time of birth");
    ensure!(first.stx_btime.tv_sec > 0, "no time of birth");
    pass()
}

/// What is asked for is answered, and the answer says so; how fresh it is to be does not matter here.
fn masks(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    pattern_file(cx, "f", 1000)?;
    let basic = [
        libc::STATX_TYPE,
        libc::STATX_MODE,
        libc::STATX_NLINK,
        libc::STATX_UID,
        libc::STATX_GID,
        libc::STATX_ATIME,
        libc::STATX_MTIME,
        libc::STATX_CTIME,
        libc::STATX_INO,
        libc::STATX_SIZE,
        libc::STATX_BLOCKS,
    ];
    for mask in basic {
        let got = ask(&mut ring, 0, mask)?.stx_mask;
        ensure!(got & mask != 0, "asked for {mask:#x}, got {got:#x}");
    }
    for flags in [libc::AT_STATX_FORCE_SYNC, libc::AT_STATX_DONT_SYNC] {
        let got = ask(&mut ring, flags, libc::STATX_BASIC_STATS)?;
        ensure_eq!(got.stx_size, 1000, "size with flags {flags:#x}");
    }
    let answer = Mem::zeroed(size_of::<libc::statx>());
    let both = libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC;
    let reserved = statx("f", 0, 1 << 31, answer);
    give(
        &mut ring,
        &[
            (
                "both ways to be fresh",
                statx("f", both, 1, answer),
                -libc::EINVAL,
            ),
            ("the reserved bit", reserved, -libc::EINVAL),
        ],
    )
}

/// A value of 20,000 bytes. Some file systems have room for as much as one block holds; more than 65536 has none.
fn large(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let file = pattern_file(cx, "f", 1)?;
    let name = "trusted.large";
    let too_large = fsetxattr(&file, name, Mem::zeroed(65537), 0);
    let res = result(&mut ring, too_large)?;
    if res == -libc::EINVAL {
        // No attributes at all.
        cx.accepted(res)?;
    }
    ensure_eq!(res, -libc::E2BIG, "65537 bytes");
    let value = Mem::of(&pattern(0..20_000));
    cx.accepted(result(&mut ring, fsetxattr(&file, name, value, 0))?)?;
    let got = Mem::zeroed(20_000);
    give(
        &mut ring,
        &[("the value", fgetxattr(&file, name, got), 20_000)],
    )?;
    ensure!(got.get() == value.get(), "value");
    pass()
}
