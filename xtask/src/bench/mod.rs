//! `cargo xtask bench`: what an operation costs in user space, counted and not timed.
//!
//! Instructions, system calls and heap allocations are the same for every run of a program, on a busy
//! machine as on an idle one. The program is `safe/benches/instructions/main.rs`, for liburing
//! `safe/benches/liburing_peer.c`; each is run with two numbers of rounds, and the difference is the rounds'.
//! For time there is `cargo bench --package safe --bench throughput`.

mod case;
mod count;
mod html;
mod programs;
mod report;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::{progress, stdout};
use case::Case;
use report::{Figure, Report};

/// Count instructions, system calls and allocations of an operation, and compare with the goals
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Names of measurements are QUANTITY/IMPL/OP/BATCH, such as instructions/push/nop/32.
Needs valgrind and strace; with --peers also gcc, pkg-config and liburing-dev.
Exits with 1 if a goal is missed.")]
pub struct Args {
    /// Also measure liburing (the crate io-uring always is)
    #[arg(long)]
    peers: bool,
    /// Only what has this in its name, such as /nop/32 or syscalls
    #[arg(long, value_name = "PAT")]
    filter: Option<String>,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables to this file as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// A tool is missing, or a program could not be built or run.
pub fn run(args: &Args) -> Result<ExitCode> {
    let cases: Vec<Case> = case::all(args.peers)
        .into_iter()
        .filter(|case| {
            args.filter
                .as_ref()
                .is_none_or(|pattern| case.name().contains(pattern))
        })
        .collect();
    ensure!(!cases.is_empty(), "no measurement is called like that");

    let bar = progress::steps(cases.len() as u64);
    bar.set_message("building");
    let programs = programs::build(cases.iter().any(|case| case.implementation.is_liburing()))?;
    let mut figures = Vec::new();
    for case in cases {
        bar.set_message(case.name());
        let value = count::count(&case, &programs)
            .with_context(|| format!("cannot measure {}", case.name()))?;
        figures.push(Figure::new(case, value));
        bar.inc(1);
    }
    bar.finish_and_clear();

    let report = Report::new(figures, &programs)?;
    stdout::line(&report.to_string())?;
    if let Some(path) = &args.json {
        write(path, &(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if let Some(path) = &args.html {
        write(path, &html::page(&report))?;
    }
    Ok(if report.missed().count() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
