//! Shows which submissions block on a file system: those that take longer than the wait after them.
//!
//! `cargo run --example aio_blocking -- FOLDER...`

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use safe::aio::{Context, op};

const SIZE: usize = 8 << 20;
const ALIGNMENT: usize = 4096;

/// Does one operation; answers whether the submission took longer than the wait.
fn blocks<O: op::Operation>(operation: O) -> io::Result<(bool, O::Output)> {
    let mut context = Context::new(1)?;
    context.scope(|scope| {
        let ticket = scope.push(operation)?;
        let begun = Instant::now();
        let _ = scope.submit()?;
        let submitted = begun.elapsed();
        let output = scope.wait(ticket)?;
        Ok((submitted > begun.elapsed() - submitted, output))
    })
}

/// A row of the table.
fn row(name: &str, done: io::Result<bool>) {
    match done {
        Ok(true) => println!("  {name:28} blocks"),
        Ok(false) => println!("  {name:28} goes on in the background"),
        Err(error) => println!("  {name:28} {error}"),
    }
}

fn table(folder: &Path) -> io::Result<()> {
    println!("{}:", folder.display());
    let path = folder.join("aio_blocking.tmp");
    let mut memory = vec![b'A'; SIZE + ALIGNMENT];
    let begin = memory.as_ptr().align_offset(ALIGNMENT);
    let memory = &mut memory[begin..begin + SIZE];
    let buffered = File::create(&path)?;
    let (_, done) = blocks(op::Write::new(&buffered, &*memory))?;
    assert_eq!(done.result?, SIZE);
    let (slow, synced) = blocks(op::Fsync::new(&buffered))?;
    synced.result?;
    row("fsync", Ok(slow));

    let open = |flags| {
        let mut options = File::options();
        options
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(&path)
    };
    let files = [("buffered", open(0)), ("O_DIRECT", open(libc::O_DIRECT))];
    for (kind, file) in files {
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                row(kind, Err(error));
                continue;
            }
        };
        memory.fill(0);
        let (slow, done) = blocks(op::Read::new(&file, &mut *memory))?;
        row(
            &format!("{kind} read"),
            done.result.map(|_| slow).map_err(Into::into),
        );
        assert!(done.result.is_err() || memory.iter().all(|byte| *byte == b'A'));
        memory.fill(b'A');
        for (what, at) in [("overwrite", 0), ("extending write", SIZE as u64)] {
            let (slow, done) = blocks(op::Write::new(&file, &*memory).at(at))?;
            row(
                &format!("{kind} {what}"),
                done.result.map(|_| slow).map_err(Into::into),
            );
        }
        // The next kind extends it again.
        file.set_len(SIZE as u64)?;
    }
    std::fs::remove_file(path)
}

fn main() -> io::Result<()> {
    let mut folders: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    if folders.is_empty() {
        folders = vec![std::env::temp_dir(), "/dev/shm".into()];
    }
    folders.iter().try_for_each(|folder| table(folder))
}
