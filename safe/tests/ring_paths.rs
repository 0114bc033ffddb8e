//! Operations on paths, against the kernel.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod run;
}

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use safe::uring::op::{self, Error};
use safe::uring::raw::types::{
    AtFlags, OpenFlags, RenameFlags, ResolveFlags, StatxMask, XattrFlags,
};
use support::run::{file, pattern, ring, run};
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn path(path: impl AsRef<Path>) -> CString {
    op::path(path.as_ref()).expect("no NUL byte")
}

#[track_caller]
fn errno<T>(result: Result<T, Error>) -> i32 {
    result.err().expect("an error").raw_os_error()
}

#[test]
fn a_file_is_opened_made_and_closed() {
    let mut ring = ring();
    let dir = dir();
    let name = path(dir.path().join("new"));
    assert_eq!(
        errno(run(&mut ring, op::Open::new(name.clone()))),
        libc::ENOENT
    );
    let flags = OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::EXCL;
    let open = || op::Open::new(name.clone()).flags(flags).mode(0o640);
    let opened = run(&mut ring, open()).expect("made");
    assert_eq!(errno(run(&mut ring, open())), libc::EEXIST);
    let mut file = File::from(opened);
    file.write_all(b"data").expect("written");
    assert_eq!(file.metadata().expect("a status").mode() & 0o777, 0o640);
    run(&mut ring, op::Close::new(file)).expect("closed");
    // From a directory, and by names of all kinds.
    let at = Rc::new(File::open(dir.path()).expect("the directory"));
    let by_static = run(&mut ring, op::Open::new(c"new").at(Rc::clone(&at)));
    let by_arc = run(
        &mut ring,
        op::Open::new(Arc::from(c"new")).at(Rc::clone(&at)),
    );
    let by_box = run(&mut ring, op::Open::new(Box::from(c"new")).at(at));
    for opened in [by_static, by_arc, by_box] {
        let mut text = String::new();
        File::from(opened.expect("opened"))
            .read_to_string(&mut text)
            .expect("read");
        assert_eq!(text, "data");
    }
    assert_eq!(
        errno(run(&mut ring, op::Open::new(c"new").at(file_as_dir()))),
        libc::ENOTDIR
    );
}

fn file_as_dir() -> OwnedFd {
    file(b"").into()
}

#[test]
fn descriptors_are_closed_by_execve() {
    let mut ring = ring();
    let opened: OwnedFd = run(&mut ring, op::Open::new(c"/proc/self/exe")).expect("opened");
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", number(&opened))).expect("info");
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .expect("flags");
    let flags = i32::from_str_radix(flags.trim(), 8).expect("a number");
    assert_ne!(flags & libc::O_CLOEXEC, 0);
}

fn number(fd: &OwnedFd) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(fd)
}

#[test]
fn a_path_is_bounded() {
    let mut ring = ring();
    let dir = dir();
    fs::write(dir.path().join("file"), "data").expect("written");
    std::os::unix::fs::symlink("file", dir.path().join("link")).expect("a link");
    let at = Rc::new(File::open(dir.path()).expect("the directory"));
    let open = |name: &'static std::ffi::CStr, resolve| {
        op::Open2::new(name).at(Rc::clone(&at)).resolve(resolve)
    };
    run(&mut ring, open(c"link", ResolveFlags::BENEATH)).expect("it stays below");
    let link = open(c"link", ResolveFlags::NO_SYMLINKS);
    assert_eq!(errno(run(&mut ring, link)), libc::ELOOP);
    let above = open(c"../x", ResolveFlags::BENEATH);
    assert_eq!(errno(run(&mut ring, above)), libc::EXDEV);
    let root = open(c"/file", ResolveFlags::IN_ROOT);
    run(&mut ring, root).expect("the directory is the root");
    let unknown = open(c"file", ResolveFlags::from_bits_retain(1 << 40));
    assert_eq!(errno(run(&mut ring, unknown)), libc::EINVAL);
    let mode = open(c"file", ResolveFlags::empty()).mode(0o600);
    assert_eq!(errno(run(&mut ring, mode)), libc::EINVAL);
    let made = open(c"made", ResolveFlags::empty())
        .flags(OpenFlags::WRONLY | OpenFlags::CREAT)
        .mode(0o600);
    run(&mut ring, made).expect("made");
    let status = fs::metadata(dir.path().join("made")).expect("a status");
    assert_eq!(status.mode() & 0o777, 0o600);
}

#[test]
fn a_path_with_a_nul_byte_is_none() {
    assert!(op::path("a\0b").is_err());
}

#[test]
fn a_status_is_that_of_the_file() {
    let mut ring = ring();
    let dir = dir();
    let name = dir.path().join("file");
    fs::write(&name, pattern(5000)).expect("written");
    fs::set_permissions(&name, fs::Permissions::from_mode(0o751)).expect("set");
    let known = fs::metadata(&name).expect("a status");
    let status = run(&mut ring, op::Statx::new(path(&name))).expect("a status");
    assert!(status.is_file() && !status.is_dir() && !status.is_symlink());
    assert_eq!(status.size(), Some(5000));
    assert_eq!(status.permissions(), Some(0o751));
    assert_eq!(status.inode(), Some(known.ino()));
    assert_eq!(status.links(), Some(1));
    assert_eq!(
        (status.uid(), status.gid()),
        (Some(known.uid()), Some(known.gid()))
    );
    assert_eq!(status.blocks(), Some(known.blocks()));
    assert_eq!(u64::from(status.block_size()), known.blksize());
    assert_eq!(status.modified(), known.modified().ok());
    assert_eq!(status.accessed(), known.accessed().ok());
    assert_eq!(status.created(), known.created().ok());
    assert!(status.changed().is_some());
    assert_eq!(status.device_number(), None);
    assert_eq!(status.as_raw().stx_size, 5000);

    // Of what is open, of a link itself, of a directory, of a device.
    let open = File::open(&name).expect("opened");
    let status = run(
        &mut ring,
        op::Statx::of(open).mask(StatxMask::SIZE | StatxMask::MNT_ID),
    );
    let status = status.expect("a status");
    assert_eq!(status.size(), Some(5000));
    assert!(status.mount_id().is_some());
    std::os::unix::fs::symlink("file", dir.path().join("link")).expect("a link");
    let at = File::open(dir.path()).expect("the directory");
    let link = op::Statx::new(c"link")
        .at(at)
        .flags(AtFlags::SYMLINK_NOFOLLOW);
    let status = run(&mut ring, link).expect("a status");
    assert!(status.is_symlink());
    assert_eq!(status.size(), Some(4));
    assert!(
        run(&mut ring, op::Statx::new(path(dir.path())))
            .expect("a status")
            .is_dir()
    );
    let null = run(&mut ring, op::Statx::new(c"/dev/null")).expect("a status");
    assert!(null.is_char_device());
    assert_eq!(null.device_number(), Some((1, 3)));
    assert_eq!(
        errno(run(
            &mut ring,
            op::Statx::new(path(dir.path().join("none")))
        )),
        libc::ENOENT
    );
}

#[test]
fn times_before_1970_are_told() {
    let mut ring = ring();
    let file = file(b"");
    let early = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1500);
    file.set_modified(early).expect("set");
    let status = run(&mut ring, op::Statx::of(file)).expect("a status");
    assert_eq!(status.modified(), Some(early));
}

#[test]
fn names_are_made_moved_and_removed() {
    let mut ring = ring();
    let dir = dir();
    let at = Rc::new(File::open(dir.path()).expect("the directory"));
    let here = || Rc::clone(&at);
    run(&mut ring, op::Mkdir::new(c"sub").at(here()).mode(0o700)).expect("made");
    assert_eq!(
        errno(run(&mut ring, op::Mkdir::new(c"sub").at(here()))),
        libc::EEXIST
    );
    let status = fs::metadata(dir.path().join("sub")).expect("a status");
    assert_eq!(status.mode() & 0o777, 0o700);
    fs::write(dir.path().join("a"), "a").expect("written");

    run(&mut ring, op::Link::new(c"a", c"sub/b").at(here(), here())).expect("linked");
    assert_eq!(fs::read(dir.path().join("sub/b")).expect("read"), b"a");
    assert_eq!(
        fs::metadata(dir.path().join("a"))
            .expect("a status")
            .nlink(),
        2
    );
    let link = op::Link::new(c"none", c"b").at(here(), here());
    assert_eq!(errno(run(&mut ring, link)), libc::ENOENT);

    run(&mut ring, op::Symlink::new(c"sub/b", c"soft").at(here())).expect("linked");
    assert_eq!(
        fs::read_link(dir.path().join("soft")).expect("a link"),
        Path::new("sub/b")
    );
    let again = op::Symlink::new(c"x", path(dir.path().join("soft")));
    assert_eq!(errno(run(&mut ring, again)), libc::EEXIST);

    let rename = || op::Rename::new(c"a", c"soft").at(here(), here());
    let refused = rename().flags(RenameFlags::NOREPLACE);
    assert_eq!(errno(run(&mut ring, refused)), libc::EEXIST);
    run(&mut ring, rename().flags(RenameFlags::EXCHANGE)).expect("exchanged");
    assert!(dir.path().join("a").is_symlink());
    run(&mut ring, rename()).expect("renamed");
    assert!(!dir.path().join("a").is_symlink());
    let rename = op::Rename::new(path(dir.path().join("soft")), path(dir.path().join("c")));
    run(&mut ring, rename).expect("renamed");

    assert_eq!(
        errno(run(&mut ring, op::Unlink::directory(c"sub").at(here()))),
        libc::ENOTEMPTY
    );
    assert_eq!(
        errno(run(&mut ring, op::Unlink::new(c"sub").at(here()))),
        libc::EISDIR
    );
    run(&mut ring, op::Unlink::new(c"sub/b").at(here())).expect("removed");
    run(&mut ring, op::Unlink::directory(c"sub").at(here())).expect("removed");
    run(&mut ring, op::Unlink::new(path(dir.path().join("c")))).expect("removed");
    assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 0);
}

#[test]
fn attributes_are_set_and_read() {
    let mut ring = ring();
    let dir = dir();
    let name = dir.path().join("file");
    let file = Rc::new(File::create(&name).expect("a file"));
    let name = path(&name);
    let set = |value: &'static str| op::SetXattr::new(name.clone(), c"user.one", value);
    assert_eq!(run(&mut ring, set("first")).result, Ok(()));
    let create = run(&mut ring, set("second").flags(XattrFlags::CREATE));
    assert_eq!(errno(create.result), libc::EEXIST);
    assert_eq!(create.buf, "second");
    let set = op::FSetXattr::new(Rc::clone(&file), c"user.two", vec![1, 2, 3]);
    let replace = run(&mut ring, set.flags(XattrFlags::REPLACE));
    assert_eq!(errno(replace.result), libc::ENODATA);
    let set = op::FSetXattr::new(Rc::clone(&file), c"user.two", vec![1, 2, 3]);
    assert_eq!(run(&mut ring, set).result, Ok(()));

    let get = |buf| op::GetXattr::new(name.clone(), c"user.one", buf);
    let got = run(&mut ring, get(Vec::with_capacity(100)));
    assert_eq!((got.result, &got.buf[..]), (Ok(5), &b"first"[..]));
    let got = run(&mut ring, get(vec![9; 4]));
    assert_eq!(
        (errno(got.result), &got.buf[..]),
        (libc::ERANGE, &[9; 4][..])
    );
    // No room: the length is told, and the buffer stays empty.
    let got = run(&mut ring, get(Vec::new()));
    assert_eq!((got.result, got.buf.len()), (Ok(5), 0));
    let get = |name, buf| op::FGetXattr::new(Rc::clone(&file), name, buf);
    let got = run(&mut ring, get(c"user.two", Vec::with_capacity(3)));
    assert_eq!((got.result, &got.buf[..]), (Ok(3), &[1, 2, 3][..]));
    let got = run(&mut ring, get(c"user.two", Vec::new()));
    assert_eq!((got.result, got.buf.len()), (Ok(3), 0));
    let got = run(&mut ring, get(c"user.none", Vec::with_capacity(3)));
    assert_eq!(errno(got.result), libc::ENODATA);
}

/// The descriptors of this process that lead to the path.
fn descriptors_of(path: &Path) -> usize {
    let all = fs::read_dir("/proc/self/fd").expect("descriptors");
    all.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target == path)
        .count()
}

#[test]
fn what_was_opened_for_nobody_is_closed() {
    let mut ring = ring();
    let dir = dir();
    let name = dir.path().join("file");
    fs::write(&name, "data").expect("written");
    let tickets: Vec<_> = (0..16)
        .map(|_| ring.push(op::Open::new(path(&name))).expect("room"))
        .collect();
    ring.submit().expect("submitted");
    // Some results are dropped when they are there, others come when nobody waits any more.
    while !tickets[0].is_done() {
        ring.poll().expect("polled");
    }
    assert!(descriptors_of(&name) > 0);
    for (at, ticket) in tickets.into_iter().enumerate() {
        if at % 2 == 0 {
            drop(ticket);
        } else {
            ticket.detach();
        }
    }
    while !ring.is_empty() {
        ring.submit().expect("submitted");
        ring.poll().expect("polled");
    }
    assert_eq!(descriptors_of(&name), 0);

    ring.push(op::Open::new(path(&name)))
        .expect("room")
        .detach();
    ring.push_tagged(op::Open::new(path(&name)), 1)
        .expect("room");
    let ticket = ring.push(op::Open::new(path(&name))).expect("room");
    ring.submit().expect("submitted");
    drop(ring);
    // The ticket has a result still; nobody has the others.
    assert_eq!(descriptors_of(&name), 1);
    drop(ticket);
    assert_eq!(descriptors_of(&name), 0);
}

#[test]
fn an_open_that_waits_is_cancelled_or_closes_what_it_opens() {
    let dir = dir();
    let name = dir.path().join("fifo");
    let mode = Mode::RUSR | Mode::WUSR;
    mknodat(CWD, &name, FileType::Fifo, mode, 0).expect("a FIFO");
    // The open waits for somebody who writes. Its ticket is dropped in flight, and the writer comes while
    // the cancellation is on its way.
    for _ in 0..20 {
        let mut ring = ring();
        let ticket = ring.push(op::Open::new(path(&name))).expect("room");
        ring.submit().expect("submitted");
        let writer = {
            let name = name.clone();
            thread::spawn(move || drop(File::options().read(true).write(true).open(name)))
        };
        drop(ticket);
        while !ring.is_empty() {
            run(&mut ring, op::Nop::new()).expect("nothing fails");
        }
        writer.join().expect("the writer ends");
        assert_eq!(descriptors_of(&name), 0);
    }
    // And with the ring dropped in flight, and nobody who writes.
    let mut ring = ring();
    let ticket = ring.push(op::Open::new(path(&name))).expect("room");
    ring.submit().expect("submitted");
    drop(ring);
    drop(ticket);
    assert_eq!(descriptors_of(&name), 0);
}

#[test]
fn a_close_that_nobody_waits_for_closes() {
    let mut ring = ring();
    let (mut reader, writer) = std::os::unix::net::UnixStream::pair().expect("sockets");
    ring.push(op::Close::new(writer)).expect("room").detach();
    // A rejected one closes when it is dropped, and one that was never submitted when the ring is.
    drop(ring);
    assert_eq!(reader.read(&mut [0]).expect("the end"), 0);
}
