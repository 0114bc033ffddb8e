//! The published results as Markdown: a table of items for each area, and what is known to differ.

use std::fmt::{self, Write};

use conformance::deviations::{DEVIATIONS, FIRST_OF_ALL, Kind, LAST_OF_ALL};
use conformance::kernel::Version;
use conformance::report::html::Heading;
use conformance::report::merged::{Item, Mark, Merged};

/// The page.
pub(super) fn page(heading: Heading<'_>, merged: &Merged) -> Result<String, fmt::Error> {
    let mut page = String::new();
    let out = &mut page;
    writeln!(out, "# {}\n", heading.title)?;
    for paragraph in heading.text {
        writeln!(out, "{paragraph}\n")?;
    }
    writeln!(
        out,
        "[`kernels.html`](kernels.html) has each case, and can be sorted and filtered; [`kernels.json`](kernels.json) \
         has all of it.\n"
    )?;
    let legend = Mark::ALL.map(|mark| format!("{} {}", mark.symbol(), mark.meaning()));
    writeln!(out, "{}\n", legend.join(", "))?;
    kernels(out, merged)?;
    let items = merged.items();
    for area in items.chunk_by(|a, b| a.area == b.area) {
        areas_table(out, area, merged)?;
    }
    deviations(out)?;
    Ok(page)
}

/// What ran.
fn kernels(out: &mut String, merged: &Merged) -> fmt::Result {
    writeln!(out, "## Kernels\n")?;
    let marks = [Mark::Whole, Mark::Refused, Mark::Wrong, Mark::Skipped];
    let signs = marks.map(Mark::symbol).join(" | ");
    writeln!(out, "| kernel | version | programs | {signs} | |")?;
    writeln!(out, "|---|---|---|{}---|", "---:|".repeat(marks.len()))?;
    for (i, column) in merged.columns.iter().enumerate() {
        let counts = marks
            .map(|mark| merged.count(i, mark).to_string())
            .join(" | ");
        let mut remarks: Vec<String> = Vec::new();
        remarks.extend(
            column
                .missing
                .iter()
                .map(|why| format!("**missing**: {why}")),
        );
        remarks.extend(
            column
                .troubles
                .iter()
                .map(|text| format!("**trouble**: {text}")),
        );
        writeln!(
            out,
            "| {} | {} | {} | {counts} | {} |",
            column.name,
            column.version.as_deref().unwrap_or_default(),
            column.programs,
            cell(&remarks.join("; "))
        )?;
    }
    writeln!(out)
}

/// The items of one area.
fn areas_table(out: &mut String, items: &[Item<'_>], merged: &Merged) -> fmt::Result {
    let Some(first) = items.first() else {
        return Ok(());
    };
    writeln!(out, "## {}\n", first.area)?;
    let names: Vec<&str> = merged
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    writeln!(
        out,
        "| item | since | works from | refused with | {} |",
        names.join(" | ")
    )?;
    writeln!(out, "|---|---|---|---|{}", ":-:|".repeat(names.len()))?;
    for item in items {
        let marks: Vec<&str> = (0..names.len()).map(|i| item.mark(i).symbol()).collect();
        let start = item.works_from(merged);
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            name(item.name),
            item.since(),
            start.map_or_else(|| "–".to_owned(), |start| start.text(merged)),
            cell(&item.refusals(merged).join("; ")),
            marks.join(" | ")
        )?;
    }
    writeln!(out)
}

/// What version numbers do not tell.
fn deviations(out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "## Where a kernel is not what its version says\n\n\
         | item or case | from | before | | why |\n|---|---|---|---|---|"
    )?;
    for deviation in DEVIATIONS {
        let kind = match deviation.kind {
            Kind::Backported => "has it all the same",
            Kind::Lacking => "lacks it",
        };
        let bound = |version: Version, none| match version == none {
            true => String::new(),
            false => version.to_string(),
        };
        let from = bound(deviation.from, FIRST_OF_ALL);
        let before = bound(deviation.before, LAST_OF_ALL);
        writeln!(
            out,
            "| {} | {from} | {before} | {kind} | {} |",
            name(deviation.subject),
            cell(deviation.reason)
        )?;
    }
    Ok(())
}

fn name(text: &str) -> String {
    format!("`{text}`")
}

/// Text that a table's cell can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::report::merged::Column;
    use conformance::report::{CaseReport, Outcome};

    #[test]
    fn a_line_says_from_when_and_what_happens_before() {
        let mut merged = Merged::default();
        let outcomes = [
            ("5.10", Outcome::Unsupported, "EINVAL (since 6.7)"),
            ("6.12", Outcome::Pass, ""),
        ];
        for (kernel, outcome, detail) in outcomes {
            let column = Column {
                name: kernel.to_owned(),
                version: Some(format!("{kernel}.1")),
                programs: "x86_64".to_owned(),
                missing: None,
                troubles: vec!["a|b".to_owned()],
            };
            let case = CaseReport {
                id: "uring/op/futex_wait/x".to_owned(),
                item: "IORING_OP_FUTEX_WAIT".to_owned(),
                since: "6.7".to_owned(),
                outcome,
                detail: detail.to_owned(),
                ms: 1,
            };
            merged.add(column, &[case]);
        }
        let heading = Heading {
            title: "T",
            text: &[],
        };
        let page = page(heading, &merged).unwrap();
        for line in [
            "| `IORING_OP_FUTEX_WAIT` | 6.7 | 6.12 | EINVAL | ○ | ✔ |",
            "| 5.10 | 5.10.1 | x86_64 | 0 | 1 | 0 | 0 | **trouble**: a\\|b |",
        ] {
            assert!(page.lines().any(|other| other == line), "{line}\n{page}");
        }
    }
}
