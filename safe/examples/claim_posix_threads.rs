//! Claim: POSIX AIO is a pool of threads inside of the process, and what they are stuck with keeps others waiting.

#![forbid(unsafe_code)]

#[path = "support/claim.rs"]
mod claim;

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;

use claim::report;
use safe::posix::Read;

const PIPES: usize = 40;

/// The threads of this process, as the kernel knows them.
fn threads() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

fn main() -> io::Result<()> {
    let before = threads()?;
    let mut writers: Vec<OwnedFd> = Vec::new();
    let mut counts = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..PIPES {
        let (reader, writer) = rustix::pipe::pipe()?;
        writers.push(writer);
        requests.push(Read::new(reader, Vec::with_capacity(1)).submit()?);
        counts.push(threads()? - before);
    }
    report(
        "each read of a descriptor of its own takes a thread that the program did not make",
        counts[0] == 1 && counts[9] == 10,
        format_args!(
            "{before} before, then one more for the first, {} for ten",
            counts[9]
        ),
    );
    let most = counts[PIPES - 1];
    report(
        "there are at most 20 of them (glibc's default; musl makes one for each)",
        most == if cfg!(target_env = "musl") { PIPES } else { 20 },
        format_args!("{most} for {PIPES} reads of silent pipes"),
    );
    // A file that is in memory.
    let file = Read::new(File::open("/proc/self/exe")?, Vec::with_capacity(4))
        .at(0)
        .submit()?;
    let waits = !file.is_over();
    // Each worker but one stays stuck.
    for writer in writers.split_off(1) {
        drop(writer);
    }
    let late = file.wait();
    assert_eq!((late.result?, &late.buf[..]), (4, &b"\x7fELF"[..]));
    report(
        "with all of them stuck a read of a file does not get its turn",
        waits,
        "it was over only when pipes had been closed",
    );
    drop(writers);
    for request in requests {
        // The end of its pipe.
        assert_eq!(request.wait().result?, 0);
    }
    Ok(())
}
