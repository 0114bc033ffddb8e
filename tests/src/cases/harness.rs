//! What every case may rely on.

use std::env;
use std::fs;
use std::io;
use std::mem::MaybeUninit;

use crate::case::{Case, Place, Run, Since, fail, pass};
use crate::context::Context;
use crate::file_system::FileSystem;
use crate::support::files::{pattern, pattern_file};
use crate::{ensure, ensure_eq};

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[CASES];

static CASES: &[Case] = &[
    Case::new("harness/descriptors", &["close"], Since::Libc, descriptors),
    Case::new("harness/file_system", &["statfs"], Since::Libc, file_system).on_each_file_system(),
    Case::new("harness/folder", &["mkdir"], Since::Libc, folder),
    Case::new("harness/session", &["setsid"], Since::Libc, session),
    Case::new("harness/signals", &["sigprocmask"], Since::Libc, signals),
];

/// Only the standard descriptors and the one for the answer are open: none of the parent or of other cases.
fn descriptors(cx: &mut Context) -> Run {
    let mut open = Vec::new();
    for fd in 0..1024 {
        // SAFETY: F_GETFD touches no memory, and any number may be asked about.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0 {
            open.push(fd);
        }
    }
    cx.note(format_args!("open: {open:?}"));
    ensure!(
        open.starts_with(&[0, 1, 2]),
        "standard descriptors: {open:?}"
    );
    ensure_eq!(open.len(), 4, "number of open descriptors");
    pass()
}

/// The folder is on the file system that was asked for, and is a new one there.
fn file_system(cx: &mut Context) -> Run {
    let Place::On(kind) = cx.place() else {
        return fail("the case is on no file system");
    };
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends with NUL, and `stat` is writable memory of the size that statfs(2) fills.
    if unsafe { libc::statfs(c".".as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    // SAFETY: all bytes were zeroed, and the struct is plain numbers.
    let magic = unsafe { stat.assume_init() }.f_type as u64 & 0xffff_ffff;
    let expected = match kind {
        FileSystem::Ext4 => 0xef53,
        FileSystem::Xfs => 0x5846_5342,
        FileSystem::Btrfs => 0x9123_683e,
        FileSystem::Tmpfs => 0x0102_1994,
    };
    ensure_eq!(magic, expected, "kind of {kind}");
    folder(cx)
}

/// The folder is empty, is the working directory, and keeps what is written.
fn folder(cx: &mut Context) -> Run {
    ensure_eq!(env::current_dir()?, cx.dir(), "working directory");
    ensure_eq!(fs::read_dir(cx.dir())?.count(), 0, "files in a new folder");
    pattern_file(cx, "f", 5000)?;
    ensure!(
        fs::read("f")? == pattern(0..5000),
        "other content than written"
    );
    pass()
}

/// The process leads its own session and group, so that all it starts can be ended with it.
fn session(_: &mut Context) -> Run {
    // SAFETY: these take numbers, return numbers and touch no memory.
    let (pid, sid, pgid) = unsafe { (libc::getpid(), libc::getsid(0), libc::getpgid(0)) };
    ensure_eq!(sid, pid, "session");
    ensure_eq!(pgid, pid, "process group");
    pass()
}

/// No signal is blocked.
fn signals(_: &mut Context) -> Run {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: with no new set, sigprocmask(2) only writes the present one into `set`, which is writable.
    if unsafe { libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    for signal in 1..32 {
        // SAFETY: sigprocmask(2) filled `set`, and 1 to 31 are signals.
        let blocked = unsafe { libc::sigismember(set.as_ptr(), signal) };
        ensure_eq!(blocked, 0, "signal {signal} blocked");
    }
    pass()
}
