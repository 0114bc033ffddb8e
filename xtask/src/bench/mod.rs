//! `cargo xtask bench`: which interface to use, and what these crates cost.
//!
//! Two kinds of figures. *Counted* ones, with goals: instructions, system calls and heap allocations of
//! `safe/benches/instructions/main.rs`, for liburing of `safe/benches/liburing_peer.c`, the same for every run of a
//! program; each is run with two numbers of rounds, and the difference is the rounds'. *Lines*: engines that do the
//! same work in turn, timed and counted; their program is `xtask/bench`.

mod advice;
mod case;
mod count;
mod docs;
mod html;
mod machine;
mod plot;
mod programs;
mod report;
mod timed;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;

use crate::{progress, stdout};
use case::Case;
use machine::Machine;
use report::{Figure, Report};
use timed::model::Line;
use timed::{Bench, Extent};

/// Measure interfaces, engines and peers at the same work, and count what they cost
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Counted figures are named QUANTITY/IMPL/OP/BATCH, such as instructions/push/nop/32; lines by their work
and its place, such as 'random reads, cached, depth 8'. Needs valgrind and strace; with --peers also gcc,
liburing-dev and libaio-dev; O_DIRECT needs root, mkfs.ext4 and mkfs.xfs. What is missing is said.
All of it takes about 12 minutes with --peers, a minute with --quick. Exits with 1 if something answers
wrong data or hangs, or if a counted goal is missed; times depend on the machine, and fail nothing.")]
pub struct Args {
    /// Also measure the crates io-uring, rustix, nix, compio, monoio and tokio-uring, and liburing and libaio
    #[arg(long)]
    peers: bool,
    /// Only what has this in its name, such as /nop/32, syscalls or 'TCP ping-pong'
    #[arg(long, value_name = "PAT")]
    filter: Option<String>,
    /// Fewer lines, fewer rounds: about a minute
    #[arg(long)]
    quick: bool,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write tables and pictures to this file as one HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write docs/bench.json, docs/bench.html and docs/bench.md
    #[arg(long)]
    docs: bool,
}

/// Runs the command.
///
/// # Errors
///
/// A tool is missing, a program could not be built or run, or data was wrong.
pub fn run(args: &Args) -> Result<ExitCode> {
    let extent = Extent {
        peers: args.peers,
        quick: args.quick,
    };
    let mut cases = case::all(args.peers);
    cases.retain(|case| args.wants(&case.name()) && (!args.quick || case.in_brief()));
    let bar = progress::spinner();
    bar.set_message("building");
    // A name with slashes is a counted figure's: nothing else need be built for it.
    let only_counted = !cases.is_empty() && args.filter.is_some();
    let bench = if only_counted {
        None
    } else {
        Some(Bench::new(extent)?)
    };
    let mut names = match &bench {
        Some(bench) => bench.lines()?,
        None => Vec::new(),
    };
    names.retain(|name| args.wants(name));
    bar.finish_and_clear();
    ensure!(
        !cases.is_empty() || !names.is_empty(),
        "no measurement is called like that"
    );

    let bar = progress::steps((cases.len() + names.len()) as u64);
    let figures = if cases.is_empty() {
        Vec::new()
    } else {
        count(cases, &bar)?
    };
    let mut lines: Vec<Line> = Vec::new();
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    if let Some(bench) = &bench {
        missing.clone_from(&bench.missing);
        for name in names {
            // The others need not be measured once more for it.
            match bench.measure(&name, &bar) {
                Ok(line) => lines.push(line),
                Err(error) => {
                    bar.println(format!("error: {name}: {error:#}"));
                    failed.push(format!("{name}: {error:#}"));
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();

    let report = Report::new(Machine::here()?, figures, lines, failed, missing);
    stdout::line(&report.to_string())?;
    if let Some(path) = &args.json {
        write(path, &json(&report)?)?;
    }
    if let Some(path) = &args.html {
        write(path, &html::page(&report)?)?;
    }
    if args.docs {
        docs::write(&report)?;
    }
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        let pattern = self.filter.as_ref();
        pattern.is_none_or(|pattern| name.contains(pattern))
    }
}

fn count(cases: Vec<Case>, bar: &ProgressBar) -> Result<Vec<Figure>> {
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
    Ok(figures)
}

fn json(report: &Report) -> Result<String> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
