//! Shows which submissions block on a file system: those that leave nothing to wait for, since they carry the operation
//! out. As root also on fresh file systems of three kinds, on loop devices.
//!
//! `cargo run --example aio_blocking -- FOLDER...`

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;
#[path = "../tests/support/disk.rs"]
mod disk;
#[path = "support/timed.rs"]
mod timed;

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use claim::report;
use disk::Disk;
use rustix::fs::{Advice, fadvise};
use safe::aio::op;
use timed::{Times, timed};

const SIZE: usize = 8 << 20;
const ALIGNMENT: usize = 4096;

/// What was done, and how long it took or why it could not be.
type Row = (&'static str, io::Result<Times>);

/// Reads all of a file, which must be as it was written.
fn read(file: &File, memory: &mut [u8]) -> io::Result<Times> {
    memory.fill(0);
    let (times, done) = timed(op::Read::new(file, &mut *memory))?;
    assert!(done.result? == SIZE && memory.iter().all(|byte| *byte == b'A'));
    Ok(times)
}

fn write(file: &File, memory: &[u8], at: usize) -> io::Result<Times> {
    let (times, done) = timed(op::Write::new(file, memory).at(at as u64))?;
    assert_eq!(done.result?, SIZE);
    Ok(times)
}

fn fsync(file: &File) -> io::Result<Times> {
    let (times, done) = timed(op::Fsync::new(file))?;
    done.result?;
    Ok(times)
}

/// Does it a few times, until it goes on after its submission: the disk may be faster than this thread.
fn often(mut what: impl FnMut() -> io::Result<Times>) -> io::Result<Times> {
    let mut times = what();
    for _ in 0..4 {
        if times.as_ref().is_ok_and(|times| times.blocks) {
            times = what();
        }
    }
    times
}

/// What each operation does in a folder. A file that cannot be opened gives the error for all of its rows.
fn table(folder: &Path) -> io::Result<Vec<Row>> {
    let mut memory = vec![b'A'; SIZE + ALIGNMENT];
    let begin = memory.as_ptr().align_offset(ALIGNMENT);
    let memory = &mut memory[begin..begin + SIZE];
    let path = folder.join("aio_blocking.tmp");
    let buffered = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    let mut rows = vec![
        ("buffered write that extends", write(&buffered, memory, 0)),
        ("fsync of what was written", often(|| fsync(&buffered))),
    ];
    fadvise(&buffered, 0, None, Advice::DontNeed)?;
    rows.push(("buffered read, not in memory", read(&buffered, memory)));
    rows.push(("buffered read, in memory", read(&buffered, memory)));
    rows.push(("buffered overwrite", write(&buffered, memory, 0)));
    buffered.sync_all()?;
    let direct = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_DIRECT)
        .open(&path);
    match direct {
        Ok(direct) => {
            rows.push(("O_DIRECT read", often(|| read(&direct, memory))));
            rows.push(("O_DIRECT overwrite", often(|| write(&direct, memory, 0))));
            rows.push((
                "O_DIRECT write that extends",
                often(|| {
                    direct.set_len(SIZE as u64)?;
                    write(&direct, memory, SIZE)
                }),
            ));
        }
        Err(error) => rows.push(("O_DIRECT", Err(error))),
    }
    std::fs::remove_file(path)?;
    Ok(rows)
}

/// Whether an operation's submission blocks, on each file system that has it.
fn verdict(claim: &str, what: &str, expected: bool, tables: &[(String, Vec<Row>)]) {
    let find = |(name, rows): &'_ (String, Vec<Row>)| {
        let times = rows.iter().find(|row| row.0 == what)?.1.as_ref().ok()?;
        Some((name.clone(), times.blocks))
    };
    let found: Vec<(String, bool)> = tables.iter().filter_map(find).collect();
    let exceptions: Vec<_> = found
        .iter()
        .filter(|found| found.1 != expected)
        .map(|found| &found.0[..])
        .collect();
    report(
        claim,
        exceptions.is_empty(),
        format_args!("of {}, not on: {}", found.len(), exceptions.join(", ")),
    );
}

fn main() -> io::Result<()> {
    let mut folders: Vec<(String, PathBuf)> = std::env::args_os()
        .skip(1)
        .map(|folder| (folder.to_string_lossy().into_owned(), folder.into()))
        .collect();
    let mut disks = Vec::new();
    if folders.is_empty() {
        folders.push(("temporary folder".to_owned(), std::env::temp_dir()));
        folders.push(("/dev/shm".to_owned(), "/dev/shm".into()));
        for kind in ["ext4", "xfs", "btrfs"] {
            match disk::lacks(kind) {
                Some(lacking) => println!("{kind}: {lacking}"),
                None => {
                    disks.push(Disk::new(kind));
                    folders.push((kind.to_owned(), disks[disks.len() - 1].path()));
                }
            }
        }
    }
    let mut tables = Vec::new();
    for (name, folder) in folders {
        println!("{name}:");
        let rows = table(&folder)?;
        for (what, times) in &rows {
            match times {
                Ok(times) => println!(
                    "  {what:30} {:9} {times}",
                    if times.blocks { "blocks" } else { "goes on" }
                ),
                Err(error) => println!("  {what:30} {error}"),
            }
        }
        tables.push((name, rows));
    }
    verdict(
        "buffered reads of what is not in memory block",
        "buffered read, not in memory",
        true,
        &tables,
    );
    verdict("O_DIRECT reads do not", "O_DIRECT read", false, &tables);
    verdict(
        "nor do O_DIRECT writes",
        "O_DIRECT overwrite",
        false,
        &tables,
    );
    verdict(
        "nor if they extend the file",
        "O_DIRECT write that extends",
        false,
        &tables,
    );
    verdict("nor fsync", "fsync of what was written", false, &tables);
    Ok(())
}
