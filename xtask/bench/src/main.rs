//! The program that `cargo xtask bench` runs: it times and counts one line at a time, and prints JSON.

mod allocations;
mod client;
mod count;
mod engine;
mod engines;
mod job;
mod lines;
mod measure;
mod memory;
mod op;
mod pattern;
mod peers;
mod processors;
mod proxy;
mod reap;
mod threads;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use lines::{Line, Places};

/// Measures engines: use `cargo xtask bench`.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the names of all lines
    List {
        #[command(flatten)]
        places: Places,
        /// Only those that stand for their groups
        #[arg(long)]
        quick: bool,
    },
    /// Time a line, all engines in turn, and print the times
    Time {
        #[command(flatten)]
        which: Which,
        /// For about how long
        #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
        seconds: f64,
        /// At least so many rounds
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
    /// Do one round of each engine of a line, between marks that strace and callgrind see
    Count(Which),
    /// Be the other side of connections
    Client(client::Plan),
}

#[derive(clap::Args)]
struct Which {
    #[command(flatten)]
    places: Places,
    /// Only engines with this in their names
    #[arg(long, default_value = "")]
    engine: String,
    /// The name of the line
    line: String,
}

impl Which {
    fn line(&self) -> Result<Line> {
        let mut lines = lines::all(&self.places).into_iter();
        let found = lines.find(|line| line.name() == self.line);
        found.context("no line is called like that")
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::List { places, quick } => {
            for line in lines::all(places) {
                if line.quick || !quick {
                    println!("{}", line.name());
                }
            }
            Ok(())
        }
        Command::Time {
            which,
            seconds,
            rounds,
        } => {
            let budget = Duration::from_secs_f64(*seconds);
            let least = *rounds;
            let timed = measure::time(&which.line()?, &which.places, &which.engine, budget, least)?;
            print(&timed)
        }
        Command::Count(which) => print(&measure::count(
            &which.line()?,
            &which.places,
            &which.engine,
        )?),
        Command::Client(plan) => client::run(plan),
    }
}

fn print(value: &impl serde::Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}
