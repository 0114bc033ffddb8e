//! The results of several kernels in one table: cases down, kernels across, grouped by item.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{CaseReport, Outcome, Report};
use crate::catalogue::area_of;
use crate::kernel::Version;

/// The results of several kernels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The kernels.
    pub columns: Vec<Column>,
    /// The cases, each with an answer of each column.
    pub rows: Vec<Row>,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What it is called: the series of an x86-64 kernel, `6.12`, or an architecture, `s390x`.
    pub name: String,
    /// The version that ran, with its point release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The architecture and the C library of the programs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub programs: String,
    /// Why nothing ran, if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// What went wrong beside the cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The case's id.
    pub id: String,
    /// The item that it is mainly about.
    pub item: String,
    /// What brought the item: `5.6` or `libc`.
    pub since: String,
    /// The answer of each column; nothing where the case did not run.
    pub answers: Vec<Option<Answer>>,
}

/// What a kernel answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What came out.
    pub outcome: Outcome,
    /// The reason, the errno, the missing resource.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What a kernel answered to all cases of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It has the item.
    Whole,
    /// It has the item but refuses something of it, which came later.
    Part,
    /// It refuses the item, as documented.
    Refused,
    /// It does something else than its version owes.
    Wrong,
    /// Nothing could be asked.
    Skipped,
    /// Nothing was asked.
    Unknown,
}

impl Mark {
    /// All marks that stand for an answer, in the order of the legend.
    pub const ALL: [Mark; 5] = [
        Mark::Whole,
        Mark::Part,
        Mark::Refused,
        Mark::Wrong,
        Mark::Skipped,
    ];

    /// The mark of one answer.
    pub fn of(answer: Option<&Answer>) -> Mark {
        match answer.map(|answer| answer.outcome) {
            Some(Outcome::Pass) => Mark::Whole,
            Some(Outcome::Unsupported) => Mark::Refused,
            Some(Outcome::Fail) => Mark::Wrong,
            Some(Outcome::Skipped) => Mark::Skipped,
            None => Mark::Unknown,
        }
    }

    /// The mark of several answers.
    fn of_all(marks: impl Iterator<Item = Mark>) -> Mark {
        let marks: BTreeSet<Mark> = marks.collect();
        let has = |mark| marks.contains(&mark);
        if has(Mark::Wrong) {
            Mark::Wrong
        } else if has(Mark::Whole) && has(Mark::Refused) {
            Mark::Part
        } else {
            // What could not be asked does not count beside what could.
            marks.first().copied().unwrap_or(Mark::Unknown)
        }
    }

    /// A sign that tells it without colour.
    pub fn symbol(self) -> &'static str {
        match self {
            Mark::Whole => "✔",
            Mark::Part => "◐",
            Mark::Refused => "○",
            Mark::Wrong => "✘",
            Mark::Skipped => "↷",
            Mark::Unknown => "",
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Mark::Whole => "works",
            Mark::Part => "works in part, the rest is refused",
            Mark::Refused => "refused, as documented",
            Mark::Wrong => "not as it should be",
            Mark::Skipped => "could not be asked",
            Mark::Unknown => "not asked",
        }
    }
}

/// All cases about an item, in one area.
#[derive(Debug)]
pub struct Item<'a> {
    /// The area's title.
    pub area: &'static str,
    /// The item's name.
    pub name: &'a str,
    /// The cases.
    pub rows: Vec<&'a Row>,
}

impl<'a> Item<'a> {
    /// What brought the oldest part of it.
    pub fn since(&self) -> &'a str {
        let sinces = self.rows.iter().map(|row| row.since.as_str());
        sinces
            .min_by_key(|since| Version::parse(since))
            .unwrap_or_default()
    }

    /// What a column answered. What one file system lacks and another has is no part that the kernel refuses.
    pub fn mark(&self, column: usize) -> Mark {
        Mark::of_all(self.rows.iter().map(|row| match row.mark(column) {
            Mark::Refused if self.works_elsewhere(row, column) => Mark::Whole,
            mark => mark,
        }))
    }

    /// Whether the same case works on another file system.
    fn works_elsewhere(&self, row: &Row, column: usize) -> bool {
        let base = |row: &Row| Some(row.id.split_once('@')?.0.to_owned());
        let case = base(row);
        let mut others = self.rows.iter();
        case.is_some() && others.any(|o| base(o) == case && o.mark(column) == Mark::Whole)
    }

    /// The first kernel of a series from which on all of them have it, at least in part; nothing if the newest has not.
    pub fn works_from(&self, merged: &Merged) -> Option<Start> {
        let series = (0..merged.columns.len()).filter(|i| merged.columns[*i].is_series());
        // What nobody asked says nothing.
        let asked = series.filter(|i| !matches!(self.mark(*i), Mark::Skipped | Mark::Unknown));
        let asked: Vec<usize> = asked.collect();
        let works = |i: &&usize| matches!(self.mark(**i), Mark::Whole | Mark::Part);
        let column = *asked.iter().rev().take_while(works).last()?;
        Some(Start {
            column,
            oldest: asked.first() == Some(&column),
        })
    }

    /// The distinct reasons of all refusals.
    pub fn refusals(&self, merged: &Merged) -> Vec<&'a str> {
        let mut reasons = Vec::new();
        let refused = |i: &usize| matches!(self.mark(*i), Mark::Part | Mark::Refused);
        for detail in (0..merged.columns.len())
            .filter(refused)
            .flat_map(|i| self.details(i))
        {
            // The version is in the column beside it.
            let reason = detail.split(" (since ").next().unwrap_or(detail);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// The distinct reasons that a column gave.
    pub fn details(&self, column: usize) -> Vec<&'a str> {
        let mut details = Vec::new();
        for row in &self.rows {
            let answer = row.answers.get(column).and_then(Option::as_ref);
            let detail = answer.map_or("", |answer| answer.detail.as_str());
            if !detail.is_empty() && !details.contains(&detail) {
                details.push(detail);
            }
        }
        details
    }
}

/// From when on something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The first column.
    pub column: usize,
    /// Whether no older one was asked.
    pub oldest: bool,
}

impl Start {
    /// `6.12`, or `≤ 5.10` for the oldest that was asked.
    pub fn text(self, merged: &Merged) -> String {
        let name = &merged.columns[self.column].name;
        if self.oldest {
            format!("≤ {name}")
        } else {
            name.clone()
        }
    }
}

impl Column {
    /// Whether it is the kernel of a series on x86-64, whose columns are in order of age, and not another architecture.
    pub fn is_series(&self) -> bool {
        let series = |c: char| c.is_ascii_digit() || c == '.';
        self.name.chars().all(series) && Version::parse(&self.name).is_some()
    }
}

impl Row {
    /// What a column answered.
    pub fn mark(&self, column: usize) -> Mark {
        Mark::of(self.answers.get(column).and_then(Option::as_ref))
    }
}

impl From<&CaseReport> for Answer {
    /// Without the notes of a pass, which differ from run to run.
    fn from(case: &CaseReport) -> Answer {
        let detail = match case.outcome {
            Outcome::Pass => String::new(),
            _ => case.detail.clone(),
        };
        Answer {
            outcome: case.outcome,
            detail,
        }
    }
}

impl Merged {
    /// The table of one run.
    pub fn of(report: &Report) -> Merged {
        let mut merged = Merged::default();
        let column = Column {
            name: report.kernel.clone(),
            version: None,
            programs: format!("{} {}", report.arch, report.libc),
            missing: None,
            troubles: Vec::new(),
        };
        merged.add(column, &report.cases);
        merged
    }

    /// Adds a column; one of the same name is replaced.
    pub fn add(&mut self, column: Column, cases: &[CaseReport]) {
        let at = self
            .columns
            .iter()
            .position(|other| other.name == column.name);
        let at = match at {
            Some(at) => {
                self.columns[at] = column;
                self.rows.iter_mut().for_each(|row| row.answers[at] = None);
                at
            }
            None => {
                self.columns.push(column);
                self.rows.iter_mut().for_each(|row| row.answers.push(None));
                self.columns.len() - 1
            }
        };
        for case in cases {
            let row = match self.rows.iter().position(|row| row.id == case.id) {
                Some(row) => &mut self.rows[row],
                None => {
                    self.rows.push(Row {
                        id: case.id.clone(),
                        item: String::new(),
                        since: String::new(),
                        answers: vec![None; self.columns.len()],
                    });
                    let last = self.rows.len() - 1;
                    &mut self.rows[last]
                }
            };
            // A result that a machine has lost has neither.
            if !case.item.is_empty() {
                row.item.clone_from(&case.item);
                row.since.clone_from(&case.since);
            }
            row.answers[at] = Some(case.into());
        }
    }

    /// Puts the columns into the order of `names`; others follow.
    pub fn order_columns(&mut self, names: &[&str]) {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        let place = |i: &usize| {
            let name = &self.columns[*i].name;
            names
                .iter()
                .position(|other| other == name)
                .unwrap_or(names.len())
        };
        order.sort_by_key(place);
        self.columns = order.iter().map(|i| self.columns[*i].clone()).collect();
        for row in &mut self.rows {
            row.answers = order.iter().map(|i| row.answers[*i].clone()).collect();
        }
    }

    /// Puts the rows into the order of `ids`, and drops all others: cases that there are no more.
    pub fn order_rows(&mut self, ids: &[&str]) {
        let place = |row: &Row| ids.iter().position(|id| *id == row.id);
        self.rows.retain(|row| place(row).is_some());
        self.rows.sort_by_key(place);
    }

    /// The items, in the order of their first cases.
    pub fn items(&self) -> Vec<Item<'_>> {
        let mut items: Vec<Item<'_>> = Vec::new();
        for row in &self.rows {
            let area = area_of(&row.id).map_or("Test programs", |area| area.title);
            let same = |item: &&mut Item<'_>| item.area == area && item.name == row.item;
            match items.iter_mut().find(same) {
                Some(item) => item.rows.push(row),
                None => items.push(Item {
                    area,
                    name: &row.item,
                    rows: vec![row],
                }),
            }
        }
        items
    }

    /// How many cases a column answered so.
    pub fn count(&self, column: usize, mark: Mark) -> usize {
        self.rows
            .iter()
            .filter(|row| row.mark(column) == mark)
            .count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn case(id: &str, item: &str, since: &str, outcome: Outcome) -> CaseReport {
        CaseReport {
            id: id.into(),
            item: item.into(),
            since: since.into(),
            outcome,
            detail: format!("{} <{}>", outcome.word(), since),
            ms: 7,
        }
    }

    pub(crate) fn column(name: &str) -> Column {
        Column {
            name: name.into(),
            version: Some(format!("{name}.9")),
            programs: "x86_64 musl".into(),
            missing: None,
            troubles: Vec::new(),
        }
    }

    /// Two kernels, of which the older lacks a part of one item and all of another.
    pub(crate) fn sample() -> Merged {
        use Outcome::{Pass, Unsupported};
        let mut merged = Merged::default();
        let cases = |later| {
            [
                case("uring/op/read/eof", "IORING_OP_READ", "5.6", Pass),
                case("uring/op/read/later", "IORING_OP_READ", "5.19", later),
                case(
                    "uring/op/futex_wait/x",
                    "IORING_OP_FUTEX_WAIT",
                    "6.7",
                    later,
                ),
            ]
        };
        merged.add(column("5.10"), &cases(Unsupported));
        merged.add(column("6.12"), &cases(Pass));
        merged
    }

    #[test]
    fn items_sum_their_cases_up() {
        let merged = sample();
        let items = merged.items();
        let read = &items[0];
        assert_eq!(
            (read.name, read.since(), read.rows.len()),
            ("IORING_OP_READ", "5.6", 2)
        );
        assert_eq!([read.mark(0), read.mark(1)], [Mark::Part, Mark::Whole]);
        assert_eq!(
            [items[1].mark(0), items[1].mark(1)],
            [Mark::Refused, Mark::Whole]
        );
        assert_eq!(items[1].details(0), ["unsupported <6.7>"]);
        assert!(items[1].details(1).is_empty());
        assert_eq!(items[0].area, "io_uring: operations");
    }

    #[test]
    fn an_item_works_from_the_first_kernel_after_the_last_that_refuses_it() {
        use Outcome::{Pass, Skipped, Unsupported};
        let from = |outcomes: &[(&str, Outcome)]| {
            let mut merged = Merged::default();
            for (name, outcome) in outcomes {
                let case = case("uring/op/read/eof", "IORING_OP_READ", "5.6", *outcome);
                merged.add(column(name), &[case]);
            }
            let start = merged.items()[0].works_from(&merged);
            start.map(|start| start.text(&merged))
        };
        let old = ("5.10", Unsupported);
        let table: &[(&[_], _)] = &[
            (&[old, ("6.1", Pass), ("6.12", Pass)], Some("6.1")),
            (&[("6.1", Pass), ("6.12", Pass)], Some("≤ 6.1")),
            // Broken for a while.
            (
                &[("6.1", Pass), ("6.12", Unsupported), ("7.0", Pass)],
                Some("7.0"),
            ),
            (&[old, ("6.1", Skipped), ("6.12", Pass)], Some("6.12")),
            (&[old, ("6.1", Pass), ("s390x", Unsupported)], Some("6.1")),
            (&[("6.1", Pass), ("6.12", Unsupported)], None),
        ];
        for (outcomes, expected) in table {
            assert_eq!(from(outcomes).as_deref(), *expected, "{outcomes:?}");
        }
        let items = sample();
        let items = items.items()[0].works_from(&items).unwrap();
        assert_eq!((items.column, items.oldest), (0, true), "in part");
    }

    #[test]
    fn refusals_are_told_once_and_without_the_version() {
        let merged = sample();
        assert_eq!(merged.items()[0].refusals(&merged), ["unsupported <5.19>"]);
    }

    #[test]
    fn what_one_file_system_lacks_the_kernel_has() {
        use Outcome::{Pass, Unsupported};
        let on = |id, outcome| case(id, "IORING_OP_FALLOCATE", "5.6", outcome);
        let mut merged = Merged::default();
        let tmpfs = on("uring/op/fallocate/insert@tmpfs", Unsupported);
        merged.add(
            column("7.3"),
            &[on("uring/op/fallocate/insert@xfs", Pass), tmpfs.clone()],
        );
        merged.add(column("tmpfs"), &[tmpfs]);
        let items = merged.items();
        assert_eq!(items.len(), 1);
        assert_eq!(
            [items[0].mark(0), items[0].mark(1)],
            [Mark::Whole, Mark::Refused]
        );
    }

    #[test]
    fn one_wrong_answer_makes_an_item_wrong_and_a_skipped_one_does_not_hide_another() {
        let all = |marks: &[Mark]| Mark::of_all(marks.iter().copied());
        assert_eq!(all(&[Mark::Whole, Mark::Wrong, Mark::Refused]), Mark::Wrong);
        assert_eq!(all(&[Mark::Skipped, Mark::Refused]), Mark::Refused);
        assert_eq!(all(&[Mark::Skipped, Mark::Whole]), Mark::Whole);
        assert_eq!(all(&[Mark::Skipped, Mark::Unknown]), Mark::Skipped);
        assert_eq!(all(&[]), Mark::Unknown);
    }

    #[test]
    fn a_column_replaces_its_former_self() {
        let mut merged = sample();
        let new = [case("aio/x", "IOCB_CMD_PREAD", "4.18", Outcome::Fail)];
        merged.add(column("5.10"), &new);
        assert_eq!(merged.columns.len(), 2);
        assert_eq!(merged.rows[0].mark(0), Mark::Unknown);
        assert_eq!(merged.rows[0].mark(1), Mark::Whole);
        assert_eq!(merged.rows[3].mark(0), Mark::Wrong);
        assert_eq!(merged.rows[3].mark(1), Mark::Unknown);
        assert_eq!(merged.count(0, Mark::Wrong), 1);
    }

    #[test]
    fn columns_and_rows_are_put_in_order() {
        let mut merged = sample();
        merged.add(column("s390x"), &[]);
        merged.order_columns(&["s390x", "6.12"]);
        let names: Vec<_> = merged.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["s390x", "6.12", "5.10"]);
        assert_eq!(merged.rows[1].mark(1), Mark::Whole);
        assert_eq!(merged.rows[1].mark(2), Mark::Refused);
        merged.order_rows(&["uring/op/futex_wait/x", "uring/op/read/eof"]);
        let ids: Vec<_> = merged.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["uring/op/futex_wait/x", "uring/op/read/eof"]);
    }

    #[test]
    fn json_is_read_back() {
        let text = serde_json::to_string(&sample()).unwrap();
        assert!(text.contains(r#"{"outcome":"pass"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Merged>(&text).unwrap(), sample());
    }
}
