//! The results of all kernels in one table: cases down, kernels across.

use std::fmt::{self, Write};

use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};
use conformance::report::table::Style;
use conformance::report::{CaseReport, Outcome};

use super::column::Column;

/// Writes the table, the failures in full, and a line of counts for each kernel.
pub(super) fn write(out: &mut impl Write, columns: &[Column], style: Style) -> fmt::Result {
    writeln!(out, "{}\n", table(columns, style))?;
    let legend = Outcome::ALL.map(|o| format!("{} {}", sign(o, style), o.word()));
    writeln!(out, "{}\n", legend.join(", "))?;
    for column in columns {
        let failed = |case: &&CaseReport| case.outcome == Outcome::Fail;
        for case in column.cases().iter().filter(failed) {
            let detail = case.detail.replace('\n', "\n    ");
            writeln!(out, "{} {}: {detail}", column.name, case.id)?;
        }
    }
    writeln!(out)?;
    for column in columns {
        writeln!(out, "{column}")?;
    }
    Ok(())
}

fn table(columns: &[Column], style: Style) -> Table {
    let mut table = Table::new();
    if style.terminal {
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    } else {
        table.load_preset(presets::ASCII_MARKDOWN);
    }
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let mut header = vec!["case".to_owned(), "since".to_owned()];
    header.extend(columns.iter().map(|column| column.name.clone()));
    table.set_header(header);
    let first = columns.iter().find(|column| !column.cases().is_empty());
    for case in first.map(Column::cases).unwrap_or_default() {
        let mut row = vec![Cell::new(&case.id), Cell::new(&case.since)];
        for column in columns {
            let result = column.cases().iter().find(|other| other.id == case.id);
            row.push(result.map_or_else(|| Cell::new(""), |result| cell(result.outcome, style)));
        }
        table.add_row(row);
    }
    table
}

fn sign(outcome: Outcome, style: Style) -> String {
    match (style.terminal, outcome) {
        (true, _) => outcome.symbol().to_string(),
        (false, Outcome::Pass) => "+".to_owned(),
        (false, Outcome::Fail) => "FAIL".to_owned(),
        (false, Outcome::Unsupported) => "-".to_owned(),
        (false, Outcome::Skipped) => "skip".to_owned(),
    }
}

fn cell(outcome: Outcome, style: Style) -> Cell {
    let cell = Cell::new(sign(outcome, style)).set_alignment(CellAlignment::Center);
    match (style.colour, outcome) {
        (false, _) => cell,
        (true, Outcome::Pass) => cell.fg(Color::Green),
        (true, Outcome::Fail) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        (true, Outcome::Unsupported) => cell.fg(Color::Cyan),
        (true, Outcome::Skipped) => cell.fg(Color::Yellow),
    }
}
