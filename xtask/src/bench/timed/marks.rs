//! Counting between the marks that the program sets: system calls by strace, instructions by callgrind.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::bounded;
use crate::bench::programs::output;

/// The system calls between each pair of marks, in order, of all threads but the other side of connections.
pub(super) fn system_calls(program: &mut Command) -> Result<(Vec<u64>, Vec<u8>)> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let mut command = Command::new("strace");
    // The other side is a program of its own: it is let go.
    command.args(["-f", "-b", "execve", "-e", "signal=none", "-o"]);
    command
        .arg(&log)
        .arg("--")
        .arg(program.get_program())
        .args(program.get_args());
    let text = output(&mut bounded(&command), "strace")?;
    Ok((between(BufReader::new(File::open(log)?))?, text))
}

fn between(log: impl BufRead) -> Result<Vec<u64>> {
    let mut counts = Vec::new();
    let mut counting = false;
    for line in log.lines() {
        let line = line?;
        // The first word is the thread.
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if call.starts_with("write(-1, \"begin ") {
            ensure!(!counting, "a mark is missing");
            (counting, _) = (true, counts.push(0));
        } else if call.starts_with("write(-1, \"end\"") {
            counting = false;
        } else if counting && call.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // Ends of calls, exits and signals begin otherwise.
            *counts.last_mut().context("a mark is missing")? += 1;
        }
    }
    Ok(counts)
}

/// The instructions in user space between each pair of marks, in order, of all threads.
pub(super) fn instructions(program: &mut Command) -> Result<Vec<u64>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.args(["--zero-before=bench_begin", "--dump-before=bench_end"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(program.get_program()).args(program.get_args());
    output(&mut bounded(&command), "valgrind")?;
    (1..)
        .map(|number| out.with_extension(number.to_string()))
        .take_while(|path| path.exists())
        .filter_map(|path| dumped(&path).transpose())
        .collect()
}

/// What a dump at a mark counted. The last one is of the end of the program.
fn dumped(path: &Path) -> Result<Option<u64>> {
    let text = fs::read_to_string(path)?;
    if !text.contains("--dump-before=bench_end") {
        return Ok(None);
    }
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.context("callgrind wrote no total")?;
    Ok(Some(total.trim().parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_between_the_marks() {
        let log = "\
            7 read(3, \"x\", 1) = 1\n\
            7 write(-1, \"begin one\", 9) = -1 EBADF (Bad file descriptor)\n\
            7 read(3,  <unfinished ...>\n\
            8 futex(0x1, FUTEX_WAKE) = 1\n\
            7 <... read resumed> \"x\", 1) = 1\n\
            8 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
            7 write(-1, \"end\", 3) = -1 EBADF (Bad file descriptor)\n\
            7 close(3) = 0\n\
            7 write(-1, \"begin two\", 9) = -1 EBADF (Bad file descriptor)\n\
            7 write(-1, \"end\", 3) = -1 EBADF (Bad file descriptor)\n\
            8 +++ exited with 0 +++\n";
        assert_eq!(between(log.as_bytes()).unwrap(), [2, 0]);
    }
}
