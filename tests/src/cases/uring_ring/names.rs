//! Names, attributes, descriptors and pipes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt;

use safe::uring::op;
use safe::uring::raw::types::{OpenFlags, RenameFlags, ResolveFlags, StatxMask, XattrFlags};

use super::{accepted, case, refused, ring, run};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case("uring/ring/close", &["IORING_OP_CLOSE"], (5, 6), close),
    case(
        "uring/ring/fgetxattr",
        &["IORING_OP_FGETXATTR"],
        (5, 19),
        file_attribute,
    ),
    case(
        "uring/ring/files_update",
        &["IORING_OP_FILES_UPDATE"],
        (5, 19),
        files_update,
    ),
    case(
        "uring/ring/fixed_fd_install",
        &["IORING_OP_FIXED_FD_INSTALL"],
        (6, 8),
        fixed_fd_install,
    ),
    case(
        "uring/ring/fsetxattr",
        &["IORING_OP_FSETXATTR"],
        (5, 19),
        file_attribute,
    ),
    case(
        "uring/ring/getxattr",
        &["IORING_OP_GETXATTR"],
        (5, 19),
        path_attribute,
    ),
    case("uring/ring/linkat", &["IORING_OP_LINKAT"], (5, 15), linkat),
    case(
        "uring/ring/mkdirat",
        &["IORING_OP_MKDIRAT"],
        (5, 15),
        mkdirat,
    ),
    case("uring/ring/openat", &["IORING_OP_OPENAT"], (5, 6), openat),
    case(
        "uring/ring/openat2",
        &["IORING_OP_OPENAT2"],
        (5, 6),
        openat2,
    ),
    case("uring/ring/pipe", &["IORING_OP_PIPE"], (6, 16), make_pipe),
    case(
        "uring/ring/renameat",
        &["IORING_OP_RENAMEAT"],
        (5, 11),
        renameat,
    ),
    case(
        "uring/ring/setxattr",
        &["IORING_OP_SETXATTR"],
        (5, 19),
        path_attribute,
    ),
    case("uring/ring/splice", &["IORING_OP_SPLICE"], (5, 7), splice),
    case("uring/ring/statx", &["IORING_OP_STATX"], (5, 6), statx),
    case(
        "uring/ring/symlinkat",
        &["IORING_OP_SYMLINKAT"],
        (5, 15),
        symlinkat,
    ),
    case("uring/ring/tee", &["IORING_OP_TEE"], (5, 8), tee),
    case(
        "uring/ring/unlinkat",
        &["IORING_OP_UNLINKAT"],
        (5, 11),
        unlinkat,
    ),
];

/// What was open is closed: the other end of a pipe notices.
fn close(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    let closed = run(&mut ring, op::Close::new(writer))?;
    accepted(cx, closed.map_err(|unclosed| unclosed.error))?;
    ensure_eq!(
        File::from(reader).read(&mut [0])?,
        0,
        "bytes before the end"
    );
    pass()
}

const NAME: &std::ffi::CStr = c"trusted.conformance";

fn file_attribute(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 1)?);
    let done = run(&mut ring, op::FSetXattr::new(file, NAME, "value"))?;
    accepted(cx, done.result)?;
    let got = run(&mut ring, op::FGetXattr::new(done.file, NAME, vec![0; 9]))?;
    ensure_eq!((got.result?, &got.buf[..5]), (5, &b"value"[..]), "value");
    let again = op::FSetXattr::new(got.file, NAME, "x").flags(XattrFlags::CREATE);
    let again = run(&mut ring, again)?;
    refused("CREATE again", again.result, libc::EEXIST)?;
    let small = run(&mut ring, op::FGetXattr::new(again.file, NAME, vec![0; 4]))?;
    refused("too little room", small.result, libc::ERANGE)
}

fn path_attribute(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    pattern_file(cx, "f", 1)?;
    let set = |path| op::SetXattr::new(path, NAME, "value");
    accepted(cx, run(&mut ring, set(c"f"))?.result)?;
    let get = |path| op::GetXattr::new(path, NAME, vec![0; 9]);
    let got = run(&mut ring, get(c"f"))?;
    ensure_eq!((got.result?, &got.buf[..5]), (5, &b"value"[..]), "value");
    refused(
        "set of none",
        run(&mut ring, set(c"g"))?.result,
        libc::ENOENT,
    )?;
    refused(
        "get of none",
        run(&mut ring, get(c"g"))?.result,
        libc::ENOENT,
    )
}

/// The table of files has empty slots, which is since 5.19.
fn files_update(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 3)?);
    cx.accepted_call(ring.register_files(2, 0))?;
    let slot = ring.reserve_file()?;
    let empty = run(&mut ring, op::Read::new(slot, vec![0; 3]))?;
    refused("an empty slot", empty.result, libc::EBADF)?;
    let done = run(&mut ring, op::RegisterFile::new(file, empty.file))?;
    let slot = accepted(cx, done.result)?;
    let read = run(&mut ring, op::Read::new(slot, vec![0; 3]))?;
    ensure!(read.result? == 3 && read.buf == pattern(0..3), "content");
    pass()
}

fn fixed_fd_install(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 3)?);
    cx.accepted_call(ring.register_files(2, 0))?;
    let slot = ring.register_file(&file)?;
    let new = accepted(cx, run(&mut ring, op::InstallFixed::new(slot))?)?;
    ensure_eq!(
        File::from(new).metadata()?.ino(),
        file.metadata()?.ino(),
        "file"
    );
    let empty = ring.reserve_file()?;
    refused(
        "an empty slot",
        run(&mut ring, op::InstallFixed::new(empty))?,
        libc::EBADF,
    )
}

fn linkat(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    accepted(cx, run(&mut ring, op::Link::new(c"f", c"g"))?)?;
    ensure_eq!(fs::metadata("g")?.ino(), fs::metadata("f")?.ino(), "inode");
    let again = run(&mut ring, op::Link::new(c"f", c"g"))?;
    refused("a name that is taken", again, libc::EEXIST)
}

fn mkdirat(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let make = || op::Mkdir::new(c"d").mode(0o700);
    accepted(cx, run(&mut ring, make())?)?;
    ensure_eq!(fs::metadata("d")?.mode() & 0o777, 0o700, "mode");
    refused("again", run(&mut ring, make())?, libc::EEXIST)
}

fn openat(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let create = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::WRONLY;
    let open = || op::Open::new(c"f").flags(create).mode(0o640);
    let new = accepted(cx, run(&mut ring, open())?)?;
    File::from(new).write_all(b"abc")?;
    ensure_eq!(fs::read("f")?, b"abc", "content");
    ensure_eq!(fs::metadata("f")?.mode() & 0o777, 0o640, "mode");
    refused("again", run(&mut ring, open())?, libc::EEXIST)
}

fn openat2(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"abc")?;
    std::os::unix::fs::symlink("f", "s")?;
    let open = accepted(cx, run(&mut ring, op::Open2::new(c"s"))?)?;
    let mut got = String::new();
    File::from(open).read_to_string(&mut got)?;
    ensure_eq!(got, "abc", "content");
    let strict = op::Open2::new(c"s").resolve(ResolveFlags::NO_SYMLINKS);
    refused("a link", run(&mut ring, strict)?, libc::ELOOP)
}

fn make_pipe(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let ends = accepted(cx, run(&mut ring, op::Pipe::new())?)?;
    File::from(ends.writer).write_all(b"abc")?;
    let mut got = String::new();
    File::from(ends.reader).read_to_string(&mut got)?;
    ensure_eq!(got, "abc", "content");
    let unknown = op::Pipe::new().flags(OpenFlags::DIRECTORY);
    refused("flags of files", run(&mut ring, unknown)?, libc::EINVAL)
}

fn renameat(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    fs::write("h", b"h")?;
    accepted(cx, run(&mut ring, op::Rename::new(c"f", c"g"))?)?;
    ensure_eq!(fs::read("g")?, b"f", "content");
    let keep = op::Rename::new(c"g", c"h").flags(RenameFlags::NOREPLACE);
    refused("a name that is taken", run(&mut ring, keep)?, libc::EEXIST)
}

fn splice(cx: &mut Context) -> Run {
    let (mut ring, file) = (ring()?, pattern_file(cx, "f", 100)?);
    let (reader, writer) = pipe()?;
    let done = run(&mut ring, op::Splice::new(file, writer, 5).from_at(10))?;
    ensure_eq!(accepted(cx, done.result)?, 5, "bytes");
    let mut got = [0; 5];
    File::from(reader).read_exact(&mut got)?;
    ensure!(got[..] == pattern(10..15), "content");
    let other = pattern_file(cx, "g", 0)?;
    let bad = run(&mut ring, op::Splice::new(done.from, other, 5))?;
    refused("no pipe", bad.result, libc::EINVAL)
}

fn tee(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (first, second) = (pipe()?, pipe()?);
    File::from(first.1).write_all(b"abcde")?;
    let done = run(&mut ring, op::Tee::new(first.0, second.1, 3))?;
    ensure_eq!(accepted(cx, done.result)?, 3, "bytes");
    let (mut kept, mut copied) = ([0; 5], [0; 3]);
    File::from(done.from).read_exact(&mut kept)?;
    File::from(second.0).read_exact(&mut copied)?;
    ensure_eq!((&kept, &copied), (b"abcde", b"abc"), "contents");
    let file = pattern_file(cx, "f", 9)?;
    let bad = run(&mut ring, op::Tee::new(file, done.to, 3))?;
    refused("from a file", bad.result, libc::EINVAL)
}

fn statx(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    pattern_file(cx, "f", 123)?;
    let ask = |path| op::Statx::new(path).mask(StatxMask::SIZE);
    let status = accepted(cx, run(&mut ring, ask(c"f"))?)?;
    ensure_eq!(status.size(), Some(123), "size");
    refused("none", run(&mut ring, ask(c"g"))?, libc::ENOENT)
}

fn symlinkat(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let make = || op::Symlink::new(c"target", c"s");
    accepted(cx, run(&mut ring, make())?)?;
    ensure_eq!(fs::read_link("s")?.to_str(), Some("target"), "target");
    refused("again", run(&mut ring, make())?, libc::EEXIST)
}

fn unlinkat(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    fs::write("f", b"f")?;
    fs::create_dir("d")?;
    accepted(cx, run(&mut ring, op::Unlink::new(c"f"))?)?;
    refused(
        "again",
        run(&mut ring, op::Unlink::new(c"f"))?,
        libc::ENOENT,
    )?;
    refused(
        "a folder as file",
        run(&mut ring, op::Unlink::new(c"d"))?,
        libc::EISDIR,
    )?;
    run(&mut ring, op::Unlink::directory(c"d"))??;
    ensure_eq!(fs::read_dir(".")?.count(), 0, "what is left");
    pass()
}
