//! The suite of another architecture that this system's own kernel runs: i686 on x86-64.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use conformance::kernel::Kernel;
use conformance::report::{CaseReport, Outcome, Report};
use conformance::vm::program_id;

use super::Args;
use super::machine::Heard;
use super::programs::Programs;

/// Whether the program can be started; an error says why not.
pub(super) fn runs(programs: &Programs) -> Result<()> {
    Command::new(&programs.init)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .context("this system's kernel does not run the architecture's programs")?;
    Ok(())
}

/// Runs the suite and the test programs.
pub(super) fn run(args: &Args, programs: &Programs, folder: &Path) -> Result<Heard> {
    let start = Instant::now();
    let kernel = Kernel::running().context("cannot tell the kernel's version")?;
    let mut report = Report {
        kernel: kernel.release,
        arch: String::new(),
        libc: String::new(),
        cases: Vec::new(),
    };
    if !args.no_cases {
        report = suite(args, programs, &folder.join("native.json"))?;
    }
    for (name, path) in &programs.tests {
        report.cases.push(program(name, path, args.test_limit)?);
    }
    Ok(Heard {
        report,
        version: Some(kernel.version.to_string()),
        troubles: Vec::new(),
        took: start.elapsed(),
    })
}

fn suite(args: &Args, programs: &Programs, json: &Path) -> Result<Report> {
    let mut command = Command::new(&programs.init);
    command
        .arg("--json")
        .arg(json)
        .arg("--time-limit")
        .arg(args.case_limit.to_string());
    if let Some(pattern) = &args.filter {
        command.arg("--filter").arg(pattern);
    }
    // The table has what the program prints.
    let status = command.stdout(Stdio::null()).status();
    match status.context("cannot run the suite")?.code() {
        Some(0 | 1) => {}
        code => bail!("the suite could not run: {code:?}"),
    }
    let text = fs::read(json).with_context(|| format!("cannot read {}", json.display()))?;
    serde_json::from_slice(&text).context("the results are unreadable")
}

/// Runs a test program, bounded in time by coreutils' `timeout`; it passes if it exits with 0.
fn program(name: &str, path: &Path, limit: u64) -> Result<CaseReport> {
    let start = Instant::now();
    let output = Command::new("timeout")
        .args(["--kill-after=1", &limit.to_string()])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .context("cannot run timeout: install the package `coreutils`")?;
    let (outcome, detail) = if output.status.success() {
        (Outcome::Pass, String::new())
    } else {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        (Outcome::Fail, format!("{}\n{said}", output.status))
    };
    Ok(CaseReport {
        id: program_id(name),
        item: "program".to_owned(),
        since: "-".to_owned(),
        outcome,
        detail,
        ms: Duration::as_millis(&start.elapsed())
            .try_into()
            .unwrap_or(u64::MAX),
    })
}
