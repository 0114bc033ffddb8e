//! `cargo xtask conformance`: the conformance suite against the running kernel.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// Execute every item of the interfaces on the running kernel; `--help` lists the options
#[derive(clap::Args, Debug)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Passed on to the program `conformance`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Builds and runs the program, and ends as it ended: 0 nothing failed, 1 something failed, 2 it could not run.
pub fn run(args: &Args) -> Result<ExitCode> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "conformance",
            "--",
        ])
        .args(&args.args)
        .status()
        .with_context(|| format!("cannot start {}", cargo.to_string_lossy()))?;
    match status.code() {
        Some(code @ 0..=2) => Ok(ExitCode::from(u8::try_from(code)?)),
        // 101 is cargo's own: it could not build.
        _ => bail!("conformance could not be run: {status}"),
    }
}
