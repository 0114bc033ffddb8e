//! `cargo xtask coverage`: which items of the interfaces no conformance case exercises.
//!
//! The items are those of the generated bindings, so a new header opens gaps by itself. The gaps that
//! are known stand in `tests/coverage-gaps.txt`: one that is not there fails the command, and so does one
//! that is there and closed. What no kernel that can be booted lets a case exercise stands, each with its reason, in
//! `tests/coverage-unreachable.txt`.
//!
//! An item must work on real data in one case and be fed bad input in another; how those without a case for bad input are
//! dealt with stands in `tests/coverage-bad.txt`. An opcode must also go through each of the crates' layers.

mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use conformance::behaviours::{AIO, URING};
use conformance::case::Case;
use conformance::catalogue::catalogue;

use crate::{stdout, workspace};

/// Compares the conformance catalogue with the constants, system calls and functions of the bindings.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Takes the gaps that are found as the known ones (writes tests/coverage-gaps.txt).
    #[arg(long)]
    accept: bool,
}

/// System calls and functions, which the generated constants do not name.
const FUNCTIONS: &[(&str, &[&str])] = &[
    (
        "uring-sys",
        &["io_uring_enter", "io_uring_register", "io_uring_setup"],
    ),
    (
        "aio-sys",
        &[
            "io_cancel",
            "io_destroy",
            "io_getevents",
            "io_pgetevents",
            "io_setup",
            "io_submit",
        ],
    ),
    (
        "posix-aio",
        &[
            "aio_cancel",
            "aio_error",
            "aio_fsync",
            "aio_init",
            "aio_read",
            "aio_return",
            "aio_suspend",
            "aio_write",
            "lio_listio",
        ],
    ),
];

/// Constants that there is nothing to do with, by how their names end.
const NOT_ITEMS: &[(&str, &str)] = &[
    ("_LAST", "end of an enumeration"),
    ("_MAX", "end of an enumeration"),
    ("_FEAT_END", "end of an enumeration"),
    ("_BIT", "a flag's number; the flag counts"),
    ("_MASK", "several flags; each counts"),
    ("_SHIFT", "a place in a word; what stands there counts"),
    ("RWF_SUPPORTED", "several flags; each counts"),
];

/// Runs the command.
///
/// # Errors
///
/// The gaps are not the known ones, or a case names something that no header has.
pub fn run(args: &Args) -> Result<()> {
    let items = items();
    let exercised = exercised();
    let all: BTreeSet<&str> = items.values().flatten().copied().collect();
    let open: BTreeSet<&str> = all.difference(&exercised).copied().collect();
    let text = read("tests/coverage-unreachable.txt")?;
    let unreachable = unreachable(&text)?;
    let (excused, gaps): (BTreeSet<&str>, BTreeSet<&str>) = open.iter().partition(|item| {
        unreachable
            .iter()
            .any(|(pattern, _)| matches(pattern, item))
    });
    stdout::line(&summary(&items, &gaps, &excused).to_string())?;
    for (pattern, reason) in &unreachable {
        stdout::line(&format!("{pattern}: {reason}"))?;
    }
    for (list, behaviours) in [("io_uring", &URING[..]), ("AIO", &AIO[..])] {
        stdout::line(&format!("{list}: {} behaviours shown", behaviours.len()))?;
    }

    if args.accept {
        return accept(&workspace::root().join(GAPS), &gaps);
    }
    let known = read(GAPS)?;
    let known: BTreeSet<&str> = known
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let faults = [
        (
            "no case exercises it, and it is no known gap",
            gaps.difference(&known).collect::<Vec<_>>(),
        ),
        (
            "a known gap that is closed: take it off tests/coverage-gaps.txt",
            known.difference(&gaps).collect(),
        ),
        (
            "said to be out of reach, but exercised or not in the headers",
            unreachable
                .iter()
                .map(|(pattern, _)| pattern)
                .filter(|pattern| !idle(pattern, &all, &exercised))
                .collect(),
        ),
    ];
    let mut failed = false;
    let cases = catalogue();
    let rules = read("tests/coverage-bad.txt")?;
    let must: BTreeSet<&str> = all.intersection(&exercised).copied().collect();
    let opcodes = must.iter().filter(|item| item.starts_with("IORING_OP_"));
    let evidence = evidence::faults(&cases, &must, &evidence::rules(&rules)?);
    let layers = evidence::layers(&cases, &opcodes.copied().collect());
    for (name, what) in evidence.iter().chain(&layers) {
        stdout::line(&format!("{name}: {what}"))?;
        failed = true;
    }
    for (what, names) in faults {
        for name in names {
            stdout::line(&format!("{name}: {what}"))?;
            failed = true;
        }
    }
    if failed {
        bail!("the gaps are not the known ones, or there is evidence of one kind alone");
    }
    Ok(())
}

/// The known gaps.
const GAPS: &str = "tests/coverage-gaps.txt";

fn read(name: &str) -> Result<String> {
    let path = workspace::root().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The lines `ITEM: reason`, where the item may end in `*`.
fn unreachable(text: &str) -> Result<Vec<(&str, &str)>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.split_once(": ") {
            Some((pattern, reason)) if !reason.trim().is_empty() => Ok((pattern, reason)),
            _ => bail!("no item with a reason: {line:?}"),
        })
        .collect()
}

fn matches(pattern: &str, item: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => item.starts_with(start),
        None => pattern == item,
    }
}

/// Whether a pattern is about something, none of which any case exercises.
fn idle(pattern: &str, all: &BTreeSet<&str>, exercised: &BTreeSet<&str>) -> bool {
    let mut about = all.iter().filter(|item| matches(pattern, item)).peekable();
    about.peek().is_some() && about.all(|item| !exercised.contains(item))
}

fn accept(path: &PathBuf, gaps: &BTreeSet<&str>) -> Result<()> {
    let mut text = String::from(
        "# Items of the headers that no conformance case exercises yet. `cargo xtask coverage` fails on any other.\n",
    );
    for gap in gaps {
        text.push_str(gap);
        text.push('\n');
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// What there is to exercise, by crate. `RWF_*` are in two crates and count in the first.
fn items() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let constants = [
        (
            "uring-sys",
            uring_sys::listing::constants()
                .map(|item| item.name)
                .collect::<Vec<_>>(),
        ),
        (
            "aio-sys",
            aio_sys::listing::constants()
                .map(|item| item.name)
                .collect(),
        ),
        (
            "posix-aio",
            posix_aio::listing::constants()
                .map(|item| item.name)
                .collect(),
        ),
    ];
    let mut items: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (krate, names) in constants {
        let functions = FUNCTIONS
            .iter()
            .filter(|(of, _)| *of == krate)
            .flat_map(|(_, names)| *names);
        let wanted = names
            .into_iter()
            .filter(|name| !NOT_ITEMS.iter().any(|(end, _)| name.ends_with(end)))
            .chain(functions.copied())
            .filter(|name| seen.insert(*name));
        items.entry(krate).or_default().extend(wanted);
    }
    items
}

/// What the cases exercise. That a kernel says it has an operation is not that the operation works.
fn exercised() -> BTreeSet<&'static str> {
    let cases = catalogue();
    let exercise = cases.into_iter().filter(|case| !is_announcement(case));
    exercise.flat_map(|case| case.items).copied().collect()
}

/// Whether a case only asks what the kernel says of an opcode.
fn is_announcement(case: &Case) -> bool {
    case.id.starts_with("uring/query/") && case.item().starts_with("IORING_OP_")
}

fn summary(
    items: &BTreeMap<&str, BTreeSet<&str>>,
    gaps: &BTreeSet<&str>,
    unreachable: &BTreeSet<&str>,
) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "crate",
        "items",
        "exercised",
        "out of reach",
        "gaps",
    ]);
    let everything = items.values().flatten().copied().collect();
    let rows = items.iter().map(|(krate, names)| (*krate, names));
    for (name, names) in rows.chain([("all", &everything)]) {
        let (open, excused) = (
            names.intersection(gaps).count(),
            names.intersection(unreachable).count(),
        );
        table.add_row([
            name.to_owned(),
            names.len().to_string(),
            (names.len() - open - excused).to_string(),
            excused.to_string(),
            open.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_an_item_and_a_reason() {
        let lines = unreachable("# about\nA_*: no driver\nB: no device").unwrap();
        assert_eq!(lines, [("A_*", "no driver"), ("B", "no device")]);
        assert!(unreachable("A").is_err());
        assert!(unreachable("A: ").is_err());
    }

    #[test]
    fn what_is_out_of_reach_is_an_item_and_is_not_exercised() {
        let all = BTreeSet::from(["A_1", "A_2", "B"]);
        let exercised = BTreeSet::from(["A_2"]);
        let table = [
            ("A_1", true),
            ("A_2", false),
            ("A_*", false),
            ("B", true),
            ("C", false),
        ];
        for (pattern, expected) in table {
            assert_eq!(idle(pattern, &all, &exercised), expected, "{pattern}");
        }
    }
}
