//! POSIX AIO: the area `posix`, a file per subject.

mod cancel;
mod fsync;
mod list;
mod notify;
mod read;
mod suspend;
mod threads;
mod write;

use std::fs;
use std::io;

use crate::case::Case;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[
    read::CASES,
    write::CASES,
    fsync::CASES,
    suspend::CASES,
    cancel::CASES,
    list::CASES,
    notify::CASES,
    threads::CASES,
];

/// Whether the C library is glibc; otherwise it is musl.
const GLIBC: bool = cfg!(target_env = "gnu");

/// The number of threads of this process.
fn thread_count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}
