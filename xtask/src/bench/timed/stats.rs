//! Medians, and how far figures spread.

use serde::Serialize;

use super::model::{Figure, Line, Owner, Ratio, Timed, Times};

/// The middle half of some figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub(in crate::bench) struct Quartiles {
    pub(in crate::bench) low: f64,
    pub(in crate::bench) median: f64,
    pub(in crate::bench) high: f64,
}

impl Quartiles {
    /// Of these figures. There is at least one.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (sorted.len() - 1) as f64;
            let (below, above) = (sorted[place as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Self {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        }
    }
}

/// Of two engines, round by round: what disturbs both at the same time cancels.
fn ratio(of: &Times, to: &Times) -> Ratio {
    let pairs = of.nanoseconds.iter().zip(&to.nanoseconds);
    Ratio {
        to: to.name.clone(),
        ratio: Quartiles::of(pairs.map(|(of, to)| of / to)),
    }
}

fn median(times: &Times) -> f64 {
    Quartiles::of(times.nanoseconds.iter().copied()).median
}

/// A line's figures.
pub(super) fn line(timed: Timed) -> Line {
    let all = &timed.engines;
    let engines = all.iter().map(|of| {
        let same = |times: &&Times| times.class == of.class;
        let peers = all.iter().filter(|times| times.owner == Owner::Peer);
        let best = peers
            .filter(same)
            .min_by(|a, b| median(a).total_cmp(&median(b)));
        let raw = all
            .iter()
            .find(|times| same(times) && times.name.starts_with("safe::uring::raw"));
        let call = all.iter().find(|times| times.name == "io_getevents");
        let ours = of.owner == Owner::Ours;
        let is_ring = of.name.starts_with("Ring, ");
        let faster = call.filter(|_| ours).map(|call| ratio(call, of));
        Figure {
            name: of.name.clone(),
            owner: of.owner,
            class: of.class.clone(),
            rounds: of.nanoseconds.len(),
            nanoseconds: Quartiles::of(of.nanoseconds.iter().copied()),
            to_peer: best.filter(|_| ours).map(|best| ratio(of, best)),
            to_raw: raw.filter(|_| is_ring).map(|raw| ratio(of, raw)),
            faster_than_call: faster.map(|ratio| Ratio {
                to: of.name.clone(),
                ..ratio
            }),
            system_calls: None,
            instructions: None,
            allocations: None,
        }
    });
    let engines = engines.collect();
    Line {
        name: timed.line,
        group: timed.group,
        place: timed.place,
        engines,
        absent: timed.absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_where_they_must_be() {
        let of = Quartiles::of([5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!((of.low, of.median, of.high), (2.0, 3.0, 4.0));
        let of = Quartiles::of([2.0, 1.0]);
        assert_eq!((of.low, of.median, of.high), (1.25, 1.5, 1.75));
    }

    #[test]
    fn ratios_are_of_the_same_rounds() {
        let times = |nanoseconds: &[f64]| Times {
            name: "x".into(),
            owner: Owner::Ours,
            class: "uring".into(),
            nanoseconds: nanoseconds.to_vec(),
        };
        // A disturbance of both, ten times as long as what is measured.
        let ratio = ratio(&times(&[2.0, 20.0, 2.0]), &times(&[1.0, 10.0, 1.0]));
        assert_eq!(ratio.ratio.low, 2.0);
        assert_eq!(ratio.ratio.high, 2.0);
    }
}
