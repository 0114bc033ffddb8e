//! `cargo xtask matrix`: the conformance suite on other kernels, in virtual machines.
//!
//! Each kernel boots once, in an emulator, with everything to run in its initramfs.

mod archive;
mod initramfs;
mod kernels;
mod machine;
mod programs;
mod qemu;
mod table;

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::catalogue::{catalogue, filter};
use conformance::report::table::Style;
use conformance::report::{CaseReport, Outcome};
use conformance::vm::Job;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::packages::Store;
use crate::{progress, workspace};
use archive::Archive;
use machine::{Heard, Machine};
use qemu::Emulator;

/// Execute every item of the interfaces on other kernels, in virtual machines
///
/// Exits with 0 if nothing failed, 1 if something failed or a machine was lost. A series that the archive no longer has
/// is reported as missing, and is neither.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The series to run: 5.10,6.12 [default: all of them; none with --kernel]
    #[arg(long, value_name = "SERIES", value_delimiter = ',')]
    kernels: Vec<String>,
    /// A kernel image of your own (bzImage or vmlinux) to run too; may be repeated
    #[arg(long, value_name = "PATH")]
    kernel: Vec<PathBuf>,
    /// Only cases with this in their id or an item; with * or ?, the whole id or item must match
    #[arg(long, value_name = "PAT")]
    filter: Option<String>,
    /// No cases, only the programs of --test
    #[arg(long, conflicts_with = "filter", requires = "test")]
    no_cases: bool,
    /// Also run a test program: a test target of package safe (`safe`: its unit tests, `all`: every one), or the path
    /// of a static program; may be repeated
    #[arg(long, value_name = "BIN")]
    test: Vec<String>,
    /// Write the results of all kernels as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How long a case may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 30)]
    case_limit: u64,
    /// How long a test program may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 120)]
    test_limit: u64,
    /// How long a machine may run, in seconds
    #[arg(long, value_name = "S", default_value_t = 900)]
    limit: u64,
}

/// What is known of one kernel.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    /// The series, or the name of one's own image.
    series: String,
    /// The version that ran, with its point release.
    version: Option<String>,
    /// Why nothing ran, if nothing did.
    missing: Option<String>,
    /// What went wrong beside the cases.
    troubles: Vec<String>,
    /// From start to power-off.
    seconds: f64,
    /// What ran.
    report: Option<conformance::report::Report>,
}

impl Column {
    fn missing(series: String, why: String) -> Column {
        Column {
            series,
            version: None,
            missing: Some(why),
            troubles: Vec::new(),
            seconds: 0.0,
            report: None,
        }
    }

    fn ran(series: String, heard: Heard) -> Column {
        Column {
            series,
            version: heard.version,
            missing: None,
            troubles: heard.troubles,
            seconds: heard.took.as_secs_f64(),
            report: Some(heard.report),
        }
    }

    fn cases(&self) -> &[CaseReport] {
        self.report.as_ref().map_or(&[], |report| &report.cases)
    }

    fn failed(&self) -> bool {
        !self.troubles.is_empty() || self.cases().iter().any(|c| c.outcome == Outcome::Fail)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series = &self.series;
        let Some(report) = &self.report else {
            let why = self.missing.as_deref().unwrap_or_default();
            return write!(f, "{series}: MISSING: {why}");
        };
        let version = self.version.as_deref().unwrap_or("?");
        let counts = Outcome::ALL.map(|o| format!("{} {}", report.count(o), o.word()));
        let (counts, seconds) = (counts.join(", "), self.seconds);
        write!(f, "{series}: {counts} in {seconds:.1} s on {version}")?;
        for trouble in &self.troubles {
            write!(f, "\n{series}: TROUBLE: {trouble}")?;
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
///
/// The programs cannot be built, the emulator cannot be had, or no kernel at all.
pub fn run(args: &Args) -> Result<ExitCode> {
    let bar = progress::spinner();
    let say = |what: &str| bar.set_message(what.to_owned());
    let warn = |what: &str| bar.suspend(|| eprintln!("warning: {what}"));
    let folder = workspace::root().join("target/matrix");
    let results = folder.join("results");
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;

    let cases = match &args.filter {
        _ if args.no_cases => Vec::new(),
        Some(pattern) => filter(catalogue(), pattern)?,
        None => catalogue(),
    };
    let archive = Archive::open(&folder.join("apt"), &say, &warn)?;
    let cache = folder.join("packages");
    let store = Store {
        local: Vec::new(),
        cache: &cache,
        progress: &say,
    };
    let emulator = Emulator::prepare(&archive, &store)?;
    say("building the programs");
    let programs = programs::build(&folder.join("build"), &args.test)?;
    let job = Job {
        cases: cases.iter().map(|case| case.id.to_owned()).collect(),
        programs: programs
            .tests
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        case_limit: args.case_limit,
        program_limit: args.test_limit,
    };
    // A run's own, so that two of them do not mix.
    let scratch = tempfile::tempdir_in(&folder).context("no room for the initramfs")?;
    let initramfs = scratch.path().join("initramfs.cpio");
    initramfs::write(&initramfs, &programs, &job)?;

    let mut columns = Vec::new();
    for (series, image) in wanted(args) {
        say(&format!("{series}: looking for the kernel"));
        let image = match image {
            Some(image) => Some(image),
            None => kernels::newest(&archive, &store, &series, &warn)?,
        };
        let Some(image) = image else {
            let why = "the archive has no such kernel any more; nothing was run".to_owned();
            warn(&format!("{series}: {why}"));
            columns.push(Column::missing(series, why));
            continue;
        };
        let machine = Machine {
            emulator: &emulator,
            kernel: &image,
            initramfs: &initramfs,
            folder: &results,
            name: &series,
            limit: Duration::from_secs(args.limit),
        };
        let heard = machine.run(&job, &counted(&bar, &series, &job))?;
        let column = Column::ran(series, heard);
        bar.suspend(|| eprintln!("{column}"));
        save(
            &results.join(format!("{}.json", column.series)),
            &column.report,
        )?;
        columns.push(column);
    }
    bar.finish_and_clear();

    let mut text = String::new();
    table::write(&mut text, &columns, Style::of_stdout())?;
    print!("{text}");
    if let Some(path) = &args.json {
        save(path, &columns)?;
    }
    ensure!(
        columns.iter().any(|column| column.report.is_some()),
        "no kernel could be run"
    );
    Ok(if columns.iter().any(Column::failed) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What to run: series, and images that are given.
fn wanted(args: &Args) -> Vec<(String, Option<PathBuf>)> {
    let own = args.kernel.iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.into_owned(), Some(path.clone()))
    });
    let all = args.kernels.is_empty() && args.kernel.is_empty();
    let series = if all {
        kernels::SERIES.iter().map(ToString::to_string).collect()
    } else {
        args.kernels.clone()
    };
    series
        .into_iter()
        .map(|series| (series, None))
        .chain(own)
        .collect()
}

/// Shows how far a machine is.
fn counted<'a>(bar: &'a ProgressBar, series: &'a str, job: &Job) -> impl Fn(&CaseReport) + 'a {
    let (done, failed) = (Cell::new(0), Cell::new(0));
    let all = job.ids().count();
    bar.set_message(format!("{series}: booting"));
    move |case: &CaseReport| {
        done.set(done.get() + 1);
        if case.outcome == Outcome::Fail {
            failed.set(failed.get() + 1);
        }
        let (done, failed, id) = (done.get(), failed.get(), &case.id);
        bar.set_message(format!("{series}: {done}/{all}, {failed} failed, {id}"));
    }
}

fn save(path: &Path, what: &impl Serialize) -> Result<()> {
    fs::write(path, serde_json::to_vec(what)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
