//! Counting.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::case::{Case, Quantity};
use super::programs::{Programs, output};

/// The two numbers of rounds: what their counts differ by, the rounds between them cost.
const ROUNDS: [u32; 2] = [100, 600];

/// What the case costs: for each operation in instructions, for each round in the others.
pub(super) fn count(case: &Case, programs: &Programs) -> Result<f64> {
    let count = match case.quantity {
        Quantity::Instructions => instructions,
        Quantity::Syscalls => system_calls,
        Quantity::Allocations => allocations,
    };
    let [few, many] = ROUNDS;
    let more = count(&program(case, programs, many)?)?;
    let less = count(&program(case, programs, few)?)?;
    let per_round = (more as f64 - less as f64) / f64::from(many - few);
    Ok(match case.quantity {
        Quantity::Instructions => per_round / f64::from(case.batch),
        Quantity::Syscalls | Quantity::Allocations => per_round,
    })
}

/// A program and its arguments.
type Line = Vec<std::ffi::OsString>;

fn program(case: &Case, programs: &Programs, rounds: u32) -> Result<Line> {
    let mut line = match case.implementation.argument() {
        Some(name) => vec![programs.driver.clone().into(), name.into()],
        None => {
            let program = programs.liburing.as_ref().context("it was not built")?;
            vec![program.clone().into()]
        }
    };
    line.push(case.operation.into());
    line.push(case.batch.to_string().into());
    line.push(rounds.to_string().into());
    Ok(line)
}

/// The instructions of a whole run in user space, by valgrind's callgrind.
fn instructions(line: &Line) -> Result<u64> {
    let file = tempfile::NamedTempFile::new()?;
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(file.path());
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(out).args(line);
    output(&mut command, "valgrind")?;
    let text = fs::read_to_string(file.path())?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.context("callgrind wrote no total")?;
    Ok(total.trim().parse()?)
}

/// The system calls of a whole run, by strace.
fn system_calls(line: &Line) -> Result<u64> {
    let file = tempfile::NamedTempFile::new()?;
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-U", "calls,name", "-o"]);
    command.arg(file.path()).arg("--").args(line);
    output(&mut command, "strace")?;
    let text = fs::read_to_string(file.path())?;
    let total = text
        .lines()
        .find_map(|line| line.trim().strip_suffix(" total"));
    let total = total.context("strace wrote no total")?;
    Ok(total.trim().parse()?)
}

/// The allocations of the rounds, by the driver's allocator.
fn allocations(line: &Line) -> Result<u64> {
    let text = output(Command::new(&line[0]).args(&line[1..]), "safe")?;
    Ok(String::from_utf8(text)?.trim().parse()?)
}
