//! The figures of lines: engines that do the same work.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::stats::Quartiles;

/// Who an engine belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::bench) enum Owner {
    /// The operating system.
    System,
    /// This family of crates.
    Ours,
    /// Others.
    Peer,
}

/// A line: one kind of work at one place.
#[derive(Debug, Serialize)]
pub(in crate::bench) struct Line {
    pub(in crate::bench) name: String,
    pub(in crate::bench) group: String,
    pub(in crate::bench) place: String,
    pub(in crate::bench) engines: Vec<Figure>,
    /// What could not be measured.
    pub(in crate::bench) absent: Vec<Absent>,
}

/// What could not be measured, and why.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bench) struct Absent {
    pub(in crate::bench) name: String,
    pub(in crate::bench) why: String,
}

/// What an engine cost, for each unit of work.
#[derive(Debug, Serialize)]
pub(in crate::bench) struct Figure {
    pub(in crate::bench) name: String,
    pub(in crate::bench) owner: Owner,
    /// Engines of the same class are set up in the same way.
    pub(in crate::bench) class: String,
    pub(in crate::bench) rounds: usize,
    pub(in crate::bench) nanoseconds: Quartiles,
    /// Of ours, to the fastest peer of the same class.
    pub(in crate::bench) to_peer: Option<Ratio>,
    /// Of the ring without `unsafe`, to the raw one of the same class.
    pub(in crate::bench) to_raw: Option<Ratio>,
    /// Of taking events from the ring, to the system call.
    pub(in crate::bench) faster_than_call: Option<Ratio>,
    pub(in crate::bench) system_calls: Option<f64>,
    pub(in crate::bench) instructions: Option<f64>,
    pub(in crate::bench) allocations: Option<f64>,
}

/// A ratio of times of the same rounds.
#[derive(Clone, Debug, Serialize)]
pub(in crate::bench) struct Ratio {
    pub(in crate::bench) to: String,
    #[serde(flatten)]
    pub(in crate::bench) ratio: Quartiles,
}

/// What the program says about a line that was timed.
#[derive(Debug, Deserialize)]
pub(super) struct Timed {
    pub(super) line: String,
    pub(super) group: String,
    pub(super) place: String,
    pub(super) engines: Vec<Times>,
    pub(super) absent: Vec<Absent>,
}

/// The times of an engine, round by round.
#[derive(Debug, Deserialize)]
pub(super) struct Times {
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) class: String,
    pub(super) nanoseconds: Vec<f64>,
}

/// What the program says about a line that was counted.
#[derive(Debug, Deserialize)]
pub(super) struct Counted {
    pub(super) units: u64,
    pub(super) allocations: Vec<(String, u64)>,
}

impl Timed {
    /// Adds the rounds of another process.
    pub(super) fn join(&mut self, other: Self) -> Result<()> {
        let mut others = other.engines.into_iter();
        for engine in &mut self.engines {
            let other = others.next().filter(|other| other.name == engine.name);
            let other = other.with_context(|| format!("{} came and went", engine.name))?;
            engine.nanoseconds.extend(other.nanoseconds);
        }
        Ok(())
    }
}

impl Figure {
    /// Whether it is the raw ring of this family.
    pub(in crate::bench) fn is_raw(&self) -> bool {
        self.name.starts_with("safe::uring::raw")
    }

    /// Whether it is the ring without `unsafe`.
    pub(in crate::bench) fn is_ring(&self) -> bool {
        self.name.starts_with("Ring, ")
    }
}
