//! The program that `cargo xtask bench` counts the instructions, system calls and allocations of.
//!
//! `instructions IMPL OP BATCH ROUNDS` does that many rounds and answers how many allocations they made.
//! Counting two runs that differ in the number of rounds, and taking the difference, leaves the rounds.

mod allocations;
mod scenario;
#[path = "../workload/mod.rs"]
mod workload;

use std::env;
use std::process::ExitCode;

use workload::{Implementation, Pages, in_place::InPlace, ours, peer, safe_ring};

const USAGE: &str = "usage: instructions IMPL OP BATCH ROUNDS
  IMPL  push (entries are built and pushed), inplace (written in the queue), peer (the crate io-uring),
        owned, scoped, tagged (the ring without unsafe)
  OP    nop, read4k (cached reads of 4 KiB); also peek, submit, ready, sqpoll, aio, aiolook, aiopoll,
        held128 (NOPs of the ring without unsafe, with so many operations in flight; scenario.rs)
  BATCH operations in a round, at most 128
Measure with: cargo xtask bench";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some((name, op, batch, rounds)) = parse(&args) else {
        eprintln!("{USAGE}");
        // `cargo bench` starts every benchmark without arguments.
        return if args.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    };
    let allocations = match name {
        "push" => run::<ours::Push>(op, batch, rounds),
        "inplace" => run::<InPlace>(op, batch, rounds),
        "peer" => run::<peer::Push>(op, batch, rounds),
        "owned" => run::<safe_ring::Owned>(op, batch, rounds),
        "scoped" => run::<safe_ring::Scoped>(op, batch, rounds),
        "tagged" => run::<safe_ring::Tagged>(op, batch, rounds),
        _ => None,
    };
    match allocations {
        Some(allocations) => {
            println!("{allocations}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[String]) -> Option<(&str, &str, u32, u32)> {
    let [name, op, batch, rounds] = args else {
        return None;
    };
    let batch = batch.parse().ok().filter(|batch| (1..=128).contains(batch));
    Some((name, op, batch?, rounds.parse().ok()?))
}

/// The allocations that `rounds` made; `None` if there is no such operation.
fn run<I: Implementation>(op: &str, batch: u32, rounds: u32) -> Option<u64> {
    match op {
        "nop" => {
            let mut ring = I::new();
            Some(repeat(rounds, || ring.nops(batch)))
        }
        "read4k" => {
            let mut ring = I::new();
            let mut pages = Pages::new();
            Some(repeat(rounds, || ring.reads(batch, &mut pages)))
        }
        _ => {
            let mut round = scenario::named(op, batch)?;
            Some(repeat(rounds, &mut *round))
        }
    }
}

/// The allocations of `rounds` rounds.
#[inline(always)]
fn repeat(rounds: u32, mut round: impl FnMut()) -> u64 {
    allocations::during(|| (0..rounds).for_each(|_| round()))
}
