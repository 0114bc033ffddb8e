//! What the figures should be. Times depend on the machine and its other work: what is missed is told, and is no failure.

use serde::Serialize;

use super::model::{Line, Owner, Ratio};

/// A goal, and what came of it.
#[derive(Debug, Serialize)]
pub(in crate::bench) struct Goal {
    /// Of which line and engine.
    pub(in crate::bench) name: String,
    /// What was measured.
    pub(in crate::bench) measured: String,
    /// What it should be.
    pub(in crate::bench) goal: String,
    pub(in crate::bench) met: bool,
    /// Whether it depends on nothing but the program, so that missing it is a failure.
    pub(in crate::bench) counted: bool,
}

/// How much faster the ring is than the system call, by group and batch.
const REAPING: [(&str, &str, f64); 5] = [
    (TAKING, "batches of 1", 80.0),
    (TAKING, "batches of 8", 18.0),
    (TAKING, "batches of 32", 5.0),
    (TAKING, "batches of 256", 1.3),
    (
        "native AIO, looking where there is nothing",
        "batches of 1",
        240.0,
    ),
];
const TAKING: &str = "native AIO, taking events";

/// All goals of a line.
pub(in crate::bench) fn goals(line: &Line) -> Vec<Goal> {
    let mut goals = Vec::new();
    for figure in line
        .engines
        .iter()
        .filter(|figure| figure.owner == Owner::Ours)
    {
        let name = format!("{}: {}", line.name, figure.name);
        let mut at_most = |ratio: &Option<Ratio>, most: f64| {
            let Some(ratio) = ratio else { return };
            goals.push(Goal {
                name: name.clone(),
                measured: super::sheets::ratio(ratio),
                goal: format!("≤ {most:.2}"),
                // Within noise: a quarter of the rounds is no worse, to the digits that are printed.
                met: (ratio.ratio.low * 100.0).round() <= (most * 100.0).round(),
                counted: false,
            });
        };
        if figure.is_raw() {
            at_most(&figure.to_peer, 1.0);
        } else if figure.is_ring() {
            at_most(&figure.to_raw, 1.05);
        }
        let least = REAPING
            .iter()
            .find(|(group, place, _)| *group == line.group && *place == line.place);
        if let (Some((.., least)), Some(ratio)) = (least, &figure.faster_than_call) {
            goals.push(Goal {
                name: name.clone(),
                measured: format!("{:.0}×", ratio.ratio.median),
                goal: format!("≥ {least}×"),
                met: ratio.ratio.median >= *least,
                counted: false,
            });
        }
        // A request of POSIX AIO is a block of its own; a scope's tickets stand in a list that is the loop's.
        if let (false, Some(made)) = (figure.class == "posix", figure.allocations) {
            let most = if figure.name == "Ring, scoped" {
                0.1
            } else {
                0.0
            };
            goals.push(Goal {
                name: format!("{name}: allocations"),
                measured: format!("{made:.2}"),
                goal: format!("≤ {most}"),
                met: made <= most,
                counted: true,
            });
        }
    }
    goals
}
