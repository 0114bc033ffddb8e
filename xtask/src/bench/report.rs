//! The figures, as JSON and as tables.

use std::fmt::{self, Display, Formatter};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::case::{BATCHES, Case, Implementation, OPERATIONS, Quantity, SITUATIONS};
use super::machine::Machine;
use super::timed::model::Line;
use super::timed::{Goal, goals, sheets};

/// What a case cost.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    #[serde(flatten)]
    case: Case,
    value: f64,
    /// Nothing if there is no goal.
    met: Option<bool>,
}

impl Figure {
    /// The figure, compared with the goal.
    pub(super) fn new(case: Case, value: f64) -> Self {
        let met = case.goal.map(|goal| value <= goal);
        Self { case, value, met }
    }
}

/// All figures, and what they are about.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    figures: Vec<Figure>,
    pub(super) lines: Vec<Line>,
    pub(super) goals: Vec<Goal>,
    /// Lines that went wrong, and how.
    pub(super) failed: Vec<String>,
    /// What could not be measured here, and why.
    pub(super) missing: Vec<String>,
}

/// A table, before it has a form.
pub(super) struct Sheet {
    /// What it is about.
    pub(super) title: String,
    /// The titles of the columns.
    pub(super) header: Vec<String>,
    /// A cell for each column.
    pub(super) rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Takes out the columns in which no row has anything.
    fn without_empty_columns(mut self) -> Self {
        for column in (0..self.header.len()).rev() {
            if self.rows.iter().all(|row| row[column].is_empty()) {
                self.header.remove(column);
                for row in &mut self.rows {
                    row.remove(column);
                }
            }
        }
        self
    }
}

impl Report {
    /// Adds what the figures depend on.
    pub(super) fn new(
        machine: Machine,
        figures: Vec<Figure>,
        lines: Vec<Line>,
        failed: Vec<String>,
        mut missing: Vec<String>,
    ) -> Self {
        for absent in lines.iter().flat_map(|line| &line.absent) {
            let text = format!("{}: {}", absent.name, absent.why);
            if !missing.contains(&text) {
                missing.push(text);
            }
        }
        Self {
            machine,
            figures,
            goals: lines.iter().flat_map(goals).collect(),
            lines,
            failed,
            missing,
        }
    }

    /// Whether nothing went wrong, and no counted goal is missed.
    pub(super) fn is_good(&self) -> bool {
        self.failed.is_empty() && self.missed() == 0
    }

    /// How many goals are missed that depend on nothing but the programs.
    fn missed(&self) -> usize {
        let figures = self
            .figures
            .iter()
            .filter(|figure| figure.met == Some(false));
        let goals = self.goals.iter().filter(|goal| goal.counted && !goal.met);
        figures.count() + goals.count()
    }

    /// What went wrong, and what could not be measured.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> {
        let failed = self.failed.iter().map(|text| format!("Failed: {text}"));
        let missing = self.missing.iter();
        failed.chain(missing.map(|text| format!("Not measured: {text}")))
    }

    /// The goals of lines as a table: those that are missed.
    pub(super) fn behind(&self) -> Sheet {
        let missed = self.goals.iter().filter(|goal| !goal.met);
        let rows =
            missed.map(|goal| vec![goal.name.clone(), goal.measured.clone(), goal.goal.clone()]);
        Sheet {
            title: format!(
                "Goals of lines: {} of {} are met; missed are",
                self.goals.iter().filter(|goal| goal.met).count(),
                self.goals.len(),
            ),
            header: ["line and engine", "measured", "goal"]
                .map(str::to_owned)
                .into(),
            rows: rows.collect(),
        }
    }

    /// The tables, without what would be empty.
    pub(super) fn sheets(&self) -> Vec<Sheet> {
        let mut sheets = vec![self.instructions(), self.situations(), self.goals()];
        sheets.retain(|sheet| !sheet.rows.is_empty());
        sheets
            .into_iter()
            .map(Sheet::without_empty_columns)
            .collect()
    }

    fn value(
        &self,
        quantity: Quantity,
        implementation: Implementation,
        operation: &str,
        batch: u32,
    ) -> Option<f64> {
        let wanted = (quantity, implementation, operation, batch);
        let same = |case: &Case| {
            (
                case.quantity,
                case.implementation,
                case.operation,
                case.batch,
            ) == wanted
        };
        let figure = self.figures.iter().find(|figure| same(&figure.case));
        figure.map(|figure| figure.value)
    }

    fn instructions(&self) -> Sheet {
        use Implementation::{Inplace, IoUring, Liburing, Push};
        let shown = [Push, Inplace, IoUring, Liburing];
        let ratios = [
            (Push, IoUring),
            (Inplace, IoUring),
            (Push, Liburing),
            (Inplace, Liburing),
        ];
        let mut rows = Vec::new();
        for operation in OPERATIONS {
            for batch in BATCHES {
                let value = |who| self.value(Quantity::Instructions, who, operation, batch);
                if shown.iter().all(|who| value(*who).is_none()) {
                    continue;
                }
                let mut row = vec![operation.to_owned(), batch.to_string()];
                row.extend(shown.map(|who| number(value(who))));
                row.extend(ratios.map(|(a, b)| number(value(a).zip(value(b)).map(|(a, b)| a / b))));
                rows.push(row);
            }
        }
        let mut header = vec!["operation".to_owned(), "batch".to_owned()];
        header.extend(shown.map(|who| who.word().to_owned()));
        header.extend(ratios.map(|(a, b)| format!("{} : {}", a.word(), b.word())));
        Sheet {
            title: "Instructions in user space, for each operation".to_owned(),
            header,
            rows,
        }
    }

    fn situations(&self) -> Sheet {
        let rows = SITUATIONS
            .iter()
            .filter_map(|&(situation, batch, _, what)| {
                let of = |quantity| self.value(quantity, Implementation::Push, situation, batch);
                let (calls, allocations) = (of(Quantity::Syscalls), of(Quantity::Allocations));
                calls.or(allocations)?;
                let text = format!("{situation}: {what}");
                Some(vec![text, number(calls), number(allocations)])
            });
        Sheet {
            title: "Situations".to_owned(),
            header: ["situation", "system calls", "allocations"]
                .map(str::to_owned)
                .into(),
            rows: rows.collect(),
        }
    }

    fn goals(&self) -> Sheet {
        let rows = self.figures.iter().filter_map(|figure| {
            let (goal, met) = (figure.case.goal?, figure.met?);
            let verdict = if met { "✔ met" } else { "✘ missed" };
            let name = figure.case.name();
            Some(vec![
                name,
                number(Some(figure.value)),
                format!("≤ {goal}"),
                verdict.to_owned(),
            ])
        });
        Sheet {
            title: "Goals".to_owned(),
            header: ["measurement", "measured", "goal", ""]
                .map(str::to_owned)
                .into(),
            rows: rows.collect(),
        }
    }
}

/// Two digits where there is a fraction; nothing where there is no figure.
fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        for sheet in self.sheets() {
            writeln!(f, "\n{}:\n\n{sheet}", sheet.title)?;
        }
        for (group, lines) in sheets::groups(&self.lines) {
            for sheet in sheets::of_group(&lines) {
                writeln!(f, "\n{group}: {}:\n\n{sheet}", sheet.title)?;
            }
        }
        if !self.lines.is_empty() {
            let behind = self.behind();
            writeln!(f, "\n{}:\n\n{behind}", behind.title)?;
        }
        for remark in self.remarks() {
            writeln!(f, "\n{remark}")?;
        }
        match self.missed() {
            0 => Ok(()),
            missed => writeln!(f, "\n{missed} counted goals missed."),
        }
    }
}

/// A table in Markdown.
impl Display for Sheet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table
            .load_preset(presets::ASCII_MARKDOWN)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(&self.header)
            .add_rows(&self.rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}
