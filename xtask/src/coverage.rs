//! `cargo xtask coverage`: which items of the interfaces no conformance case exercises.
//!
//! The items are those of the generated bindings, so a new header opens gaps by itself. The gaps that
//! are known stand in `tests/coverage-gaps.txt`: one that is not there fails the command, and so does one
//! that is there and closed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};

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
    let gaps: BTreeSet<&str> = all.difference(&exercised).copied().collect();
    stdout::line(&summary(&items, &gaps).to_string())?;

    let known_path = workspace::root().join("tests/coverage-gaps.txt");
    if args.accept {
        return accept(&known_path, &gaps);
    }
    let known = fs::read_to_string(&known_path)
        .with_context(|| format!("cannot read {}", known_path.display()))?;
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
    ];
    let mut failed = false;
    for (what, names) in faults {
        for name in names {
            stdout::line(&format!("{name}: {what}"))?;
            failed = true;
        }
    }
    if failed {
        bail!("the gaps are not the known ones");
    }
    Ok(())
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
    let cases = conformance::catalogue::catalogue();
    cases
        .into_iter()
        .flat_map(|case| case.items.iter().map(move |item| (case.id, *item)))
        .filter(|(id, item)| !(id.starts_with("uring/query/") && item.starts_with("IORING_OP_")))
        .map(|(_, item)| item)
        .collect()
}

fn summary(items: &BTreeMap<&str, BTreeSet<&str>>, gaps: &BTreeSet<&str>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::ASCII_MARKDOWN)
        .set_header(["crate", "items", "exercised", "gaps"]);
    let mut totals = [0; 2];
    for (krate, names) in items {
        let open = names.intersection(gaps).count();
        totals[0] += names.len();
        totals[1] += open;
        table.add_row([
            (*krate).to_owned(),
            names.len().to_string(),
            (names.len() - open).to_string(),
            open.to_string(),
        ]);
    }
    let [all, open] = totals;
    table.add_row([
        "all".to_owned(),
        all.to_string(),
        (all - open).to_string(),
        open.to_string(),
    ]);
    table
}
