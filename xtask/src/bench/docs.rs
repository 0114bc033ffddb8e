//! The published figures: `docs/bench.json`, `docs/bench.html` and `docs/bench.md`.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::report::Report;
use super::timed::sheets;
use super::{advice, html, json};
use crate::workspace;

/// How it was measured.
pub(super) const METHOD: [&str; 4] = [
    "Each line is one kind of work, which all engines do in turn, two rounds each, of which the second one is timed, in \
     one process: what disturbs the machine disturbs all of them. The rounds are of three processes (of one in a quick run), since where memory lies \
     makes some percent. A time is the median of the rounds, with half of the width of their middle half; a ratio is the \
     median of the ratios of rounds that follow each other, with its middle half. Every result is checked: the ends of all \
     data in each round, all of it in the first one.",
    "System calls are counted by strace, instructions by callgrind, heap allocations by the allocator (of Rust: what \
     libraries in C allocate is not seen), all in one round after one to warm up, of each engine alone. The other side of \
     connections has a processor of its own, and so has the kernel thread of SQPOLL: the same one, which they have to \
     share. A ring without `unsafe` sets up DEFER_TASKRUN by itself, \
     and those with fixed files and memory do so, too. Files of O_DIRECT are on file systems of their own, on \
     loop devices, whose images are cached: they show the way through the kernel, and no disk.",
    "A goal of a ratio is met if the middle half of the ratios reaches it. Where one is missed for a reason, and not by \
     chance: what a ring without `unsafe` does for itself takes some nanoseconds for each operation, which is more than 5 % \
     of a NOP, and less of anything that does something; tickets are waited for in order, so that what is over meanwhile \
     waits for the oldest; whoever asks a stream later finds more in it, so that an engine that takes longer, or asks epoll \
     first, may read it faster; and SQPOLL has two processors to share with a client or a loop device that are busy, too.",
    "To repeat it: `cargo xtask bench --peers --docs`, as root, on a machine that does nothing else; about 12 minutes.",
];

/// Writes all three.
pub(super) fn write(report: &Report) -> Result<()> {
    let folder = workspace::root().join("docs");
    for (name, text) in [
        ("bench.json", json(report)?),
        ("bench.html", html::page(report)?),
        ("bench.md", markdown(report)?),
    ] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn markdown(report: &Report) -> Result<String> {
    let mut page = String::from("# What asynchronous I/O costs\n\n");
    writeln!(page, "{}\n", report.machine)?;
    for text in METHOD {
        writeln!(page, "{text}\n")?;
    }
    writeln!(
        page,
        "[The same with pictures](bench.html), [and for programs](bench.json).\n"
    )?;
    if !report.lines.is_empty() {
        writeln!(
            page,
            "## Which interface should I use\n\n{}\n",
            advice::INTRODUCTION
        )?;
        for sentence in advice::sentences(&report.lines) {
            writeln!(page, "* {sentence}")?;
        }
        let table = advice::table(&report.lines);
        writeln!(page, "\n{}:\n\n{table}\n", table.title)?;
    }
    for sheet in report.sheets() {
        writeln!(page, "## {}\n\n{sheet}\n", sheet.title)?;
    }
    for (group, lines) in sheets::groups(&report.lines) {
        writeln!(page, "## {group}\n")?;
        for sheet in sheets::of_group(&lines) {
            writeln!(page, "{}:\n\n{sheet}\n", sheet.title)?;
        }
    }
    if !report.lines.is_empty() {
        let behind = report.behind();
        writeln!(page, "## Goals\n\n{}:\n\n{behind}\n", behind.title)?;
    }
    for remark in report.remarks() {
        writeln!(page, "{remark}\n")?;
    }
    Ok(page.trim_end().to_owned() + "\n")
}
