//! Walks a tree of directories and adds up the sizes of its files. The names come from the standard library; what they
//! are is asked in batches, with many statx(2) in flight at once.
//!
//! `cargo run --example uring_walk -- DIRECTORY`

#![forbid(unsafe_code)]

use std::env;
use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use safe::uring::raw::types::AtFlags;
use safe::uring::{Ring, op};

const BATCH: usize = 64;

#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    files: u64,
    directories: u64,
    bytes: u64,
}

/// Adds up what lies under `top`, which is not counted itself.
fn walk(top: &Path) -> io::Result<Total> {
    let mut ring = Ring::new(BATCH as u32)?;
    let mut total = Total::default();
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
        let names: Vec<PathBuf> = names.collect::<io::Result<_>>()?;
        for batch in names.chunks(BATCH) {
            let tickets = batch.iter().map(|name| {
                let path: CString = op::path(name)?;
                Ok(ring.push(op::Statx::new(path).flags(AtFlags::SYMLINK_NOFOLLOW))?)
            });
            let tickets: Vec<_> = tickets.collect::<io::Result<_>>()?;
            for (name, ticket) in batch.iter().zip(tickets) {
                let status = ring.wait(ticket)??;
                if status.is_dir() {
                    total.directories += 1;
                    directories.push(name.clone());
                } else {
                    total.files += 1;
                    total.bytes += status.size().unwrap_or(0);
                }
            }
        }
    }
    Ok(total)
}

/// The same with one call after the other, to compare.
fn walk_slowly(top: &Path) -> io::Result<Total> {
    let mut total = Total::default();
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            let below = walk_slowly(&entry.path())?;
            total.directories += 1 + below.directories;
            total.files += below.files;
            total.bytes += below.bytes;
        } else {
            total.files += 1;
            total.bytes += metadata.len();
        }
    }
    Ok(total)
}

fn main() -> io::Result<()> {
    let top = env::args_os().nth(1);
    let top = top.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/src").into());
    let total = walk(top.as_ref())?;
    println!("{total:?}");
    assert_eq!(total, walk_slowly(top.as_ref())?);
    Ok(())
}
