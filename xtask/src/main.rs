//! `cargo xtask`: the developers' commands.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Developer commands of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Regen(xtask::regen::Args),
    Conformance(xtask::conformance::Args),
    Coverage(xtask::coverage::Args),
    Matrix(xtask::matrix::Args),
    Targets(xtask::targets::Args),
    Bench(xtask::bench::Args),
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Regen(args) => xtask::regen::run(args).map(|()| ExitCode::SUCCESS),
        Command::Conformance(args) => xtask::conformance::run(args),
        Command::Coverage(args) => xtask::coverage::run(args).map(|()| ExitCode::SUCCESS),
        Command::Matrix(args) => xtask::matrix::run(args),
        Command::Bench(args) => xtask::bench::run(args),
        Command::Targets(args) => xtask::targets::run(args).map(|()| ExitCode::SUCCESS),
    }
}
