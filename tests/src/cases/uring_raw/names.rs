//! Names, attributes, descriptors and pipes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd;
use std::os::unix::fs::MetadataExt;

use safe::uring::raw::opcode::*;
use safe::uring::raw::types::{Fd, Fixed, OpenHow, StatxMask};

use super::{case, fd, give, holds, run, text};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::support::files::{pattern_file, pipe};
use crate::typed::Typed;
use crate::typed::ops::HERE;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case("uring/raw/close", &["IORING_OP_CLOSE"], (5, 6), close),
    case(
        "uring/raw/fgetxattr",
        &["IORING_OP_FGETXATTR"],
        (5, 19),
        file_attribute,
    ),
    case(
        "uring/raw/files_update",
        &["IORING_OP_FILES_UPDATE"],
        (5, 6),
        files_update,
    ),
    case(
        "uring/raw/fixed_fd_install",
        &["IORING_OP_FIXED_FD_INSTALL"],
        (6, 8),
        fixed_fd_install,
    ),
    case(
        "uring/raw/fsetxattr",
        &["IORING_OP_FSETXATTR"],
        (5, 19),
        file_attribute,
    ),
    case(
        "uring/raw/getxattr",
        &["IORING_OP_GETXATTR"],
        (5, 19),
        path_attribute,
    ),
    case("uring/raw/linkat", &["IORING_OP_LINKAT"], (5, 15), linkat),
    case(
        "uring/raw/mkdirat",
        &["IORING_OP_MKDIRAT"],
        (5, 15),
        mkdirat,
    ),
    case("uring/raw/openat", &["IORING_OP_OPENAT"], (5, 6), openat),
    case("uring/raw/openat2", &["IORING_OP_OPENAT2"], (5, 6), openat2),
    case("uring/raw/pipe", &["IORING_OP_PIPE"], (6, 16), make_pipe),
    case(
        "uring/raw/renameat",
        &["IORING_OP_RENAMEAT"],
        (5, 11),
        renameat,
    ),
    case(
        "uring/raw/setxattr",
        &["IORING_OP_SETXATTR"],
        (5, 19),
        path_attribute,
    ),
    case("uring/raw/splice", &["IORING_OP_SPLICE"], (5, 7), splice),
    case("uring/raw/statx", &["IORING_OP_STATX"], (5, 6), statx),
    case(
        "uring/raw/symlinkat",
        &["IORING_OP_SYMLINKAT"],
        (5, 15),
        symlinkat,
    ),
    case("uring/raw/tee", &["IORING_OP_TEE"], (5, 8), tee),
    case(
        "uring/raw/unlinkat",
        &["IORING_OP_UNLINKAT"],
        (5, 11),
        unlinkat,
    ),
];

/// The file that an operation opened.
fn opened(fd: i32) -> File {
    // SAFETY: the kernel just opened it, and nobody else knows it.
    unsafe { File::from_raw_fd(fd) }
}

fn close(cx: &mut Context) -> Run {
    use std::os::fd::IntoRawFd;
    let mut ring = Typed::new()?;
    let open = pattern_file(cx, "f", 1)?.into_raw_fd();
    give(
        &mut ring,
        &[
            ("once", Close::new(Fd(open)).build(), 0),
            ("again", Close::new(Fd(open)).build(), -libc::EBADF),
        ],
    )
}

const NAME: &str = "trusted.conformance";

fn file_attribute(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 1)?);
    let (value, got) = (Mem::of(b"value"), Mem::zeroed(5));
    let set = || FSetXattr::new(fd(&file), text(NAME), value.as_ptr().cast(), 5);
    let get = |len| FGetXattr::new(fd(&file), text(NAME), got.as_ptr().cast(), len).build();
    let res = run(&mut ring, set().flags(libc::XATTR_CREATE).build())?;
    cx.accepted(res)?;
    give(
        &mut ring,
        &[
            ("get", get(5), 5),
            ("too little room", get(4), -libc::ERANGE),
            (
                "CREATE again",
                set().flags(libc::XATTR_CREATE).build(),
                -libc::EEXIST,
            ),
        ],
    )?;
    holds(got, b"value")
}

fn path_attribute(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    pattern_file(cx, "f", 1)?;
    let (value, got) = (Mem::of(b"value"), Mem::zeroed(5));
    let set = |path| SetXattr::new(text(NAME), value.as_ptr().cast(), text(path), 5).build();
    let get = |path| GetXattr::new(text(NAME), got.as_ptr().cast(), text(path), 5).build();
    cx.accepted(run(&mut ring, set("f"))?)?;
    give(
        &mut ring,
        &[
            ("get", get("f"), 5),
            ("get of none", get("g"), -libc::ENOENT),
            ("set of none", set("g"), -libc::ENOENT),
        ],
    )?;
    holds(got, b"value")
}

fn files_update(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 3)?);
    ring.submitter().register_files(&[-1, -1])?;
    let fds = Mem::value(fd(&file).0);
    let entry = |at| {
        FilesUpdate::new(fds.as_ptr().cast_const().cast(), 1)
            .offset(at)
            .build()
    };
    let got = Mem::zeroed(3);
    let read = Read::new(Fixed(1), got.as_ptr(), 3).build();
    give(
        &mut ring,
        &[
            ("before", read.clone(), -libc::EBADF),
            ("slot 1", entry(1), 1),
            ("after", read, 3),
            ("slot 2 of 2", entry(2), -libc::EINVAL),
        ],
    )
}

fn fixed_fd_install(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 3)?);
    ring.submitter().register_files(&[-1, fd(&file).0])?;
    let entry = |slot| FixedFdInstall::new(Fixed(slot), 0).build();
    let new = cx.accepted(run(&mut ring, entry(1))?)?;
    ensure_eq!(
        opened(new).metadata()?.ino(),
        file.metadata()?.ino(),
        "file"
    );
    give(&mut ring, &[("an empty slot", entry(0), -libc::EBADF)])
}

fn linkat(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("f", b"f")?;
    let entry = |from, to| LinkAt::new(HERE, text(from), HERE, text(to)).build();
    cx.accepted(run(&mut ring, entry("f", "g"))?)?;
    ensure_eq!(fs::metadata("g")?.ino(), fs::metadata("f")?.ino(), "inode");
    give(
        &mut ring,
        &[
            ("of none", entry("x", "y"), -libc::ENOENT),
            ("a name that is taken", entry("f", "g"), -libc::EEXIST),
        ],
    )
}

fn mkdirat(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let entry = |path| MkDirAt::new(HERE, text(path)).mode(0o700).build();
    cx.accepted(run(&mut ring, entry("d"))?)?;
    ensure_eq!(fs::metadata("d")?.mode() & 0o777, 0o700, "mode");
    give(&mut ring, &[("again", entry("d"), -libc::EEXIST)])
}

fn openat(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let entry = |flags| {
        OpenAt::new(HERE, text("f"))
            .flags(flags)
            .mode(0o640)
            .build()
    };
    let create = libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY;
    give(&mut ring, &[("none", entry(0), -libc::ENOENT)])?;
    let new = run(&mut ring, entry(create))?;
    ensure!(new > 2, "result {new}");
    opened(new).write_all(b"abc")?;
    ensure_eq!(fs::read("f")?, b"abc", "content");
    ensure_eq!(fs::metadata("f")?.mode() & 0o777, 0o640, "mode");
    give(&mut ring, &[("again", entry(create), -libc::EEXIST)])
}

fn openat2(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("f", b"abc")?;
    std::os::unix::fs::symlink("f", "s")?;
    let entry = |path, resolve| {
        // As long as the process.
        let how: &'static OpenHow = Box::leak(Box::new(OpenHow::new().resolve(resolve)));
        OpenAt2::new(HERE, text(path), how).build()
    };
    let open = run(&mut ring, entry("s", 0))?;
    ensure!(open > 2, "result {open}");
    let mut got = String::new();
    opened(open).read_to_string(&mut got)?;
    ensure_eq!(got, "abc", "content");
    give(
        &mut ring,
        &[
            (
                "a link",
                entry("s", libc::RESOLVE_NO_SYMLINKS),
                -libc::ELOOP,
            ),
            ("unknown flags", entry("s", 1 << 40), -libc::EINVAL),
        ],
    )
}

fn make_pipe(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let fds = Mem::zeroed(8);
    let entry = |flags| Pipe::new(fds.as_ptr().cast()).flags(flags).build();
    cx.accepted(run(&mut ring, entry(libc::O_CLOEXEC as u32))?)?;
    let [mut reader, mut writer] = fds.read::<[i32; 2]>().map(opened);
    writer.write_all(b"abc")?;
    let mut got = [0; 3];
    reader.read_exact(&mut got)?;
    ensure_eq!(&got, b"abc", "content");
    give(
        &mut ring,
        &[("unknown flags", entry(1 << 30), -libc::EINVAL)],
    )
}

fn renameat(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("f", b"f")?;
    fs::write("h", b"h")?;
    let entry = |from, to, flags| {
        RenameAt::new(HERE, text(from), HERE, text(to))
            .flags(flags)
            .build()
    };
    cx.accepted(run(&mut ring, entry("f", "g", 0))?)?;
    ensure_eq!(fs::read("g")?, b"f", "content");
    let keep = libc::RENAME_NOREPLACE;
    give(
        &mut ring,
        &[
            ("of none", entry("f", "g", 0), -libc::ENOENT),
            ("a name that is taken", entry("g", "h", keep), -libc::EEXIST),
        ],
    )
}

fn splice(cx: &mut Context) -> Run {
    let (mut ring, file) = (Typed::new()?, pattern_file(cx, "f", 100)?);
    let (reader, writer) = pipe()?;
    let entry = |from| Splice::new(Fd(from), 10, fd(&writer), -1, 5).build();
    give(
        &mut ring,
        &[
            ("from a file", entry(fd(&file).0), 5),
            ("from -1", entry(-1), -libc::EBADF),
        ],
    )?;
    let mut got = [0; 5];
    File::from(reader).read_exact(&mut got)?;
    ensure!(got[..] == crate::support::files::pattern(10..15), "content");
    pass()
}

fn tee(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (first, second) = (pipe()?, pipe()?);
    File::from(first.1).write_all(b"abcde")?;
    let entry = |from| Tee::new(Fd(from), fd(&second.1), 3).build();
    give(
        &mut ring,
        &[
            ("between pipes", entry(fd(&first.0).0), 3),
            ("from -1", entry(-1), -libc::EBADF),
        ],
    )?;
    let (mut kept, mut copied) = ([0; 5], [0; 3]);
    File::from(first.0).read_exact(&mut kept)?;
    File::from(second.0).read_exact(&mut copied)?;
    ensure_eq!((&kept, &copied), (b"abcde", b"abc"), "contents");
    pass()
}

fn statx(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    pattern_file(cx, "f", 123)?;
    let answer = Mem::zeroed(size_of::<libc::statx>());
    let entry = |path| {
        Statx::new(HERE, text(path), answer.as_ptr().cast())
            .with_mask(StatxMask::SIZE)
            .build()
    };
    give(
        &mut ring,
        &[
            ("a file", entry("f"), 0),
            ("none", entry("g"), -libc::ENOENT),
        ],
    )?;
    ensure_eq!(answer.read::<libc::statx>().stx_size, 123, "size");
    pass()
}

fn symlinkat(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let entry = |target, path| SymlinkAt::new(HERE, text(target), text(path)).build();
    cx.accepted(run(&mut ring, entry("target", "s"))?)?;
    ensure_eq!(fs::read_link("s")?.to_str(), Some("target"), "target");
    give(&mut ring, &[("again", entry("x", "s"), -libc::EEXIST)])
}

fn unlinkat(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    fs::write("f", b"f")?;
    fs::create_dir("d")?;
    let entry = |path, flags| UnlinkAt::new(HERE, text(path)).flags(flags).build();
    cx.accepted(run(&mut ring, entry("f", 0))?)?;
    give(
        &mut ring,
        &[
            ("again", entry("f", 0), -libc::ENOENT),
            ("a folder as file", entry("d", 0), -libc::EISDIR),
            ("a folder", entry("d", libc::AT_REMOVEDIR), 0),
        ],
    )?;
    ensure_eq!(fs::read_dir(".")?.count(), 0, "what is left");
    pass()
}
