//! The results: what they are, as JSON, and in one line. For people: [table] and [html].

pub mod html;
pub mod merged;
pub mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::{AREAS, area_of};

/// What came out of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The kernel has the item and it does what it should.
    Pass,
    /// The kernel does something else than its version owes.
    Fail,
    /// The kernel is too old for the item, and said so as documented.
    Unsupported,
    /// Something that the case needs is missing here.
    Skipped,
}

impl Outcome {
    /// All outcomes, in the order of the summary.
    pub const ALL: [Outcome; 4] = [
        Outcome::Pass,
        Outcome::Fail,
        Outcome::Unsupported,
        Outcome::Skipped,
    ];

    /// The word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Unsupported => "unsupported",
            Outcome::Skipped => "skipped",
        }
    }

    /// A sign that tells it without colour.
    pub fn symbol(self) -> char {
        match self {
            Outcome::Pass => '✔',
            Outcome::Fail => '✘',
            Outcome::Unsupported => '○',
            Outcome::Skipped => '↷',
        }
    }

    /// The word that follows a number in the summary.
    fn counted(self) -> &'static str {
        match self {
            Outcome::Pass => "passed",
            Outcome::Fail => "failed",
            other => other.word(),
        }
    }
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case.
    pub id: String,
    /// The item that it is mainly about.
    pub item: String,
    /// What brought the item: `5.6` or `libc`.
    pub since: String,
    /// What came out.
    pub outcome: Outcome,
    /// The reason, the errno, the missing resource, or the notes of a pass. May have several lines.
    pub detail: String,
    /// How long it took, with its process, in milliseconds.
    pub ms: u64,
}

/// The results of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The release of the kernel, as `uname -r` has it.
    pub kernel: String,
    /// The architecture that the program was built for.
    pub arch: String,
    /// The C library: `glibc 2.36`, `musl`.
    pub libc: String,
    /// The results, in the order of the catalogue.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// How many cases came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.cases.iter().filter(|c| c.outcome == outcome).count()
    }

    /// The results by area, in the order of the catalogue; cases of no area come first, under no title.
    pub fn by_area(&self) -> Vec<(&'static str, Vec<&CaseReport>)> {
        let mut groups: BTreeMap<Option<usize>, Vec<&CaseReport>> = BTreeMap::new();
        for case in &self.cases {
            let area = area_of(&case.id).map(|area| area.name);
            let place = AREAS.iter().position(|other| Some(other.name) == area);
            groups.entry(place).or_default().push(case);
        }
        let title = |area: Option<usize>| area.map_or("", |i| AREAS[i].title);
        let groups = groups.into_iter();
        groups.map(|(area, cases)| (title(area), cases)).collect()
    }

    /// The line that says it all.
    pub fn summary(&self, took: Duration) -> Summary<'_> {
        Summary { report: self, took }
    }
}

/// `3 passed, 0 failed, 1 unsupported, 2 skipped in 1.2 s on 6.18.44 x86_64 glibc 2.36`
#[derive(Debug)]
pub struct Summary<'a> {
    report: &'a Report,
    took: Duration,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            kernel, arch, libc, ..
        } = self.report;
        let counts = Outcome::ALL.map(|o| format!("{} {}", self.report.count(o), o.counted()));
        let seconds = self.took.as_secs_f64();
        write!(
            f,
            "{} in {seconds:.1} s on {kernel} {arch} {libc}",
            counts.join(", ")
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Report {
        let case = |id: &str, outcome, detail: &str| CaseReport {
            id: id.into(),
            item: "IORING_OP_READ".into(),
            since: "5.6".into(),
            outcome,
            detail: detail.into(),
            ms: 7,
        };
        Report {
            kernel: "6.18.44-x".into(),
            arch: "x86_64".into(),
            libc: "musl".into(),
            cases: vec![
                case("uring/op/read/eof", Outcome::Pass, ""),
                case(
                    "uring/op/read/short",
                    Outcome::Fail,
                    "read <3> & \"4\" (a.rs:1)\noutput: x",
                ),
                case("aio/read/eof", Outcome::Unsupported, "EINVAL (since 5.6)"),
                case("other/x", Outcome::Skipped, "needs root"),
            ],
        }
    }

    #[test]
    fn json_has_exactly_the_documented_fields() {
        let mut report = sample();
        report.cases.truncate(1);
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"kernel":"6.18.44-x","arch":"x86_64","libc":"musl","cases":[{"id":"uring/op/read/eof","item":"IORING_OP_READ","since":"5.6","outcome":"pass","detail":"","ms":7}]}"#
        );
        let words = Outcome::ALL.map(|o| serde_json::to_value(o).unwrap());
        assert_eq!(
            words,
            Outcome::ALL.map(|o| serde_json::Value::from(o.word()))
        );
    }

    #[test]
    fn json_is_read_back() {
        let text = serde_json::to_string(&sample()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), sample());
    }

    #[test]
    fn summary_counts_every_outcome() {
        assert_eq!(
            sample().summary(Duration::from_millis(1250)).to_string(),
            "1 passed, 1 failed, 1 unsupported, 1 skipped in 1.2 s on 6.18.44-x x86_64 musl"
        );
    }

    #[test]
    fn areas_keep_the_order_of_the_catalogue() {
        let report = sample();
        let groups: Vec<_> = report
            .by_area()
            .into_iter()
            .map(|(title, cases)| (title, cases.len()))
            .collect();
        assert_eq!(
            groups,
            [("", 1), ("io_uring: operations", 2), ("Native AIO", 1)]
        );
    }
}
