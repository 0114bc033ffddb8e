//! What is known of one kernel.

use std::fmt;

use conformance::report::{CaseReport, Outcome, Report, merged};

use super::machine::Heard;

/// What is known of one kernel.
#[derive(Debug)]
pub(super) struct Column {
    /// The series, the architecture, or the name of one's own image.
    pub(super) name: String,
    /// The version that ran, with its point release.
    pub(super) version: Option<String>,
    /// Why nothing ran, if nothing did.
    pub(super) missing: Option<String>,
    /// What went wrong beside the cases.
    pub(super) troubles: Vec<String>,
    /// From start to power-off.
    pub(super) seconds: f64,
    /// What ran.
    pub(super) report: Option<Report>,
}

impl Column {
    /// Nothing could be run, for a reason that is not ours.
    pub(super) fn missing(name: String, why: String) -> Column {
        Column {
            name,
            version: None,
            missing: Some(why),
            troubles: Vec::new(),
            seconds: 0.0,
            report: None,
        }
    }

    /// Nothing could be run, which is a failure.
    pub(super) fn lost(name: String, why: String) -> Column {
        Column {
            troubles: vec![why],
            ..Column::missing(name, "the programs could not be built or run".to_owned())
        }
    }

    pub(super) fn ran(name: String, heard: Heard) -> Column {
        Column {
            name,
            version: heard.version,
            missing: None,
            troubles: heard.troubles,
            seconds: heard.took.as_secs_f64(),
            report: Some(heard.report),
        }
    }

    /// Its head in the merged table.
    pub(super) fn head(&self) -> merged::Column {
        let programs = self.report.as_ref();
        merged::Column {
            name: self.name.clone(),
            version: self.version.clone(),
            programs: programs.map_or_else(String::new, |r| format!("{} {}", r.arch, r.libc)),
            missing: self.missing.clone(),
            troubles: self.troubles.clone(),
        }
    }

    pub(super) fn cases(&self) -> &[CaseReport] {
        self.report.as_ref().map_or(&[], |report| &report.cases)
    }

    pub(super) fn failed(&self) -> bool {
        !self.troubles.is_empty() || self.cases().iter().any(|c| c.outcome == Outcome::Fail)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.report {
            None => {
                let why = self.missing.as_deref().unwrap_or_default();
                write!(f, "{name}: MISSING: {why}")?;
            }
            Some(report) => {
                let version = self.version.as_deref().unwrap_or("?");
                let counts = Outcome::ALL.map(|o| format!("{} {}", report.count(o), o.word()));
                let (counts, seconds, arch) = (counts.join(", "), self.seconds, &report.arch);
                write!(f, "{name}: {counts} in {seconds:.1} s on {version} {arch}")?;
            }
        }
        for trouble in &self.troubles {
            write!(f, "\n{name}: TROUBLE: {trouble}")?;
        }
        Ok(())
    }
}
