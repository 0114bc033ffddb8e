//! `conformance`: asks the running kernel every question of the catalogue and prints the answers.

use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use conformance::case::Case;
use conformance::catalogue::{catalogue, filter};
use conformance::kernel::{Kernel, libc_name};
use conformance::report::merged::Merged;
use conformance::report::{Outcome, Report, html, table};
use conformance::runner::{Runner, TIME_LIMIT, default_jobs};
use indicatif::{ProgressBar, ProgressStyle};

/// Executes every item of the Linux asynchronous I/O interfaces on the running kernel.
///
/// Exits with 0 if nothing failed, 1 if something failed, 2 if it could not run.
#[derive(Parser)]
#[command(name = "conformance", version)]
struct Args {
    /// Only cases with this in their id or an item; with * or ?, the whole id or item must match
    #[arg(long, value_name = "PAT")]
    filter: Option<String>,
    /// Write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as a page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// List the cases instead of running them
    #[arg(long)]
    list: bool,
    /// How many cases to run at a time [default: one per processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// How long a case may run, in seconds
    #[arg(long, value_name = "S", default_value_t = TIME_LIMIT.as_secs())]
    time_limit: u64,
}

fn main() -> ExitCode {
    let cases = catalogue();
    conformance::child::enter(&cases);
    match run(&Args::parse(), cases) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does what the arguments say; tells whether nothing failed.
fn run(args: &Args, mut cases: Vec<&'static Case>) -> Result<bool> {
    if let Some(pattern) = &args.filter {
        cases = filter(cases, pattern)?;
    }
    if args.list {
        return list(&cases).map(|()| true);
    }
    let mut runner = Runner::new().context("cannot tell the kernel's version")?;
    runner.time_limit = Duration::from_secs(args.time_limit);
    let start = Instant::now();
    let progress = progress(cases.len())?;
    let results = runner.run_all(&cases, args.jobs.unwrap_or_else(default_jobs), |case| {
        progress.set_message(case.id.clone());
        progress.inc(1);
    });
    progress.finish_and_clear();
    let took = start.elapsed();
    let report = Report {
        kernel: Kernel::running()?.release,
        arch: std::env::consts::ARCH.to_owned(),
        libc: libc_name(),
        cases: results,
    };

    let mut text = String::new();
    table::write(&mut text, &report, table::Style::of_stdout())?;
    text.push_str(&report.summary(took).to_string());
    text.push('\n');
    print(&text)?;
    if let Some(path) = &args.json {
        save(path, &serde_json::to_string(&report)?)?;
    }
    if let Some(path) = &args.html {
        let mut page = String::new();
        let heading = html::Heading {
            title: &format!("Asynchronous I/O: conformance of {}", report.kernel),
            text: &[report.summary(took).to_string()],
        };
        html::write(&mut page, heading, &Merged::of(&report))?;
        save(path, &page)?;
    }
    Ok(report.count(Outcome::Fail) == 0)
}

/// Prints a case per line: id, since, items.
fn list(cases: &[&Case]) -> Result<()> {
    let line = |case: &&Case| format!("{}\t{}\t{}\n", case.id, case.since, case.items.join(" "));
    print(&cases.iter().map(line).collect::<String>())
}

/// A bar on standard error, if that is a terminal.
fn progress(cases: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?;
    let bar = ProgressBar::new(cases.try_into()?).with_style(style);
    Ok(bar)
}

/// Writes to standard output. A reader that closed it early, as `head` does, has read enough.
fn print(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
