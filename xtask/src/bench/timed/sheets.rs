//! The figures of a group of lines as tables: engines by places.

use super::Quartiles;
use super::model::{Figure, Line, Ratio};
use crate::bench::report::Sheet;

/// Three digits that count.
pub(in crate::bench) fn three(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v < 1.0 => format!("{v:.3}"),
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A time in a unit that suits it.
pub(in crate::bench) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        t if t < 1e4 => format!("{} ns", three(t)),
        t if t < 1e7 => format!("{} µs", three(t / 1e3)),
        t => format!("{} ms", three(t / 1e6)),
    }
}

fn spread(times: &Quartiles) -> String {
    let half = (times.high - times.low) / 2.0 / times.median * 100.0;
    format!("{} ±{half:.0}%", time(times.median))
}

/// A ratio and its spread.
pub(in crate::bench) fn ratio(ratio: &Ratio) -> String {
    let Quartiles { low, median, high } = ratio.ratio;
    format!("{median:.2} ({low:.2}–{high:.2}) of {}", ratio.to)
}

/// The groups, in order, each with its lines.
pub(in crate::bench) fn groups(lines: &[Line]) -> Vec<(&str, Vec<&Line>)> {
    let mut groups: Vec<(&str, Vec<&Line>)> = Vec::new();
    for line in lines {
        match groups.iter_mut().find(|(group, _)| *group == line.group) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((&line.group, vec![line])),
        }
    }
    groups
}

/// All names of engines of these lines, in order.
pub(in crate::bench) fn engines<'a>(lines: &[&'a Line]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for figure in lines.iter().flat_map(|line| &line.engines) {
        if !names.contains(&&*figure.name) {
            names.push(&figure.name);
        }
    }
    names
}

/// One figure of each engine at each place.
fn table(title: &str, lines: &[&Line], cell: impl Fn(&Figure) -> Option<String>) -> Sheet {
    let mut header = vec!["engine".to_owned()];
    header.extend(lines.iter().map(|line| line.place.clone()));
    let rows = engines(lines).into_iter().filter_map(|name| {
        let mut row = vec![name.to_owned()];
        row.extend(lines.iter().map(|line| {
            let figure = line.engines.iter().find(|figure| figure.name == name);
            figure.and_then(&cell).unwrap_or_default()
        }));
        row[1..].iter().any(|cell| !cell.is_empty()).then_some(row)
    });
    Sheet {
        title: title.to_owned(),
        header,
        rows: rows.collect(),
    }
}

/// The tables of a group.
pub(in crate::bench) fn of_group(lines: &[&Line]) -> Vec<Sheet> {
    let number = |value: Option<f64>| value.map(three);
    let mut sheets = vec![
        table("time", lines, |figure| Some(spread(&figure.nanoseconds))),
        table(
            "time, to the fastest peer that is set up in the same way",
            lines,
            |figure| figure.to_peer.as_ref().map(ratio),
        ),
        table(
            "time, to the raw ring that is set up in the same way",
            lines,
            |figure| figure.to_raw.as_ref().map(ratio),
        ),
        table(
            "how many times faster than the system call",
            lines,
            |figure| {
                figure
                    .faster_than_call
                    .as_ref()
                    .map(|ratio| three(ratio.ratio.median))
            },
        ),
        table("system calls", lines, |figure| number(figure.system_calls)),
        table(
            "instructions in user space, with those of the loop",
            lines,
            |figure| number(figure.instructions),
        ),
        table("heap allocations", lines, |figure| {
            number(figure.allocations)
        }),
    ];
    sheets.retain(|sheet| !sheet.rows.is_empty());
    sheets
}
