//! Which interface to use: what follows from the figures.

use std::cmp::Reverse;

use super::report::Sheet;
use super::timed::model::{Figure, Line, Owner};
use super::timed::sheets::time;

/// A way that a reader may choose, and how to tell an engine that goes it.
type Interface = (&'static str, fn(&Figure) -> bool);

/// The ways that a reader chooses from.
const INTERFACES: [Interface; 7] = [
    ("blocking calls", |figure| {
        figure.name == "blocking calls" || figure.name == "read and write"
    }),
    ("thread pool", |figure| {
        figure.name.starts_with("thread pool")
    }),
    ("epoll", |figure| figure.class == "epoll"),
    ("POSIX AIO", |figure| figure.class == "posix"),
    ("native AIO", |figure| figure.class == "aio"),
    ("io_uring, raw", Figure::is_raw),
    ("io_uring, `Ring`", Figure::is_ring),
];

/// What the sentences mean.
pub(super) const INTRODUCTION: &str = "For each kind of work, the interfaces whose fastest engine of this family, or of the \
     system, took at most 1.1 times as long as the fastest of all; in brackets where, or where not. Where blocking calls are among them, \
     they are the simplest.";

/// How much slower is as good as the fastest.
const CLOSE: f64 = 1.1;

/// For one kind of work, the fastest engine of each interface.
fn fastest(line: &Line) -> Vec<(&'static str, &Figure)> {
    let ours = line
        .engines
        .iter()
        .filter(|figure| figure.owner != Owner::Peer);
    let ours: Vec<&Figure> = ours.collect();
    let best = |of: fn(&Figure) -> bool| {
        let figures = ours.iter().filter(|figure| of(figure));
        figures
            .min_by(|a, b| a.nanoseconds.median.total_cmp(&b.nanoseconds.median))
            .copied()
    };
    let found = INTERFACES
        .iter()
        .filter_map(|&(name, of)| Some((name, best(of)?)));
    let mut found: Vec<_> = found.collect();
    found.sort_by(|(_, a), (_, b)| a.nanoseconds.median.total_cmp(&b.nanoseconds.median));
    found
}

/// Whether there is a choice in a line.
fn is_choice(line: &Line) -> bool {
    !line.name.starts_with("native AIO, ") && fastest(line).len() > 2
}

/// Each interface at each kind of work, by its fastest engine, as a multiple of the fastest of all.
pub(super) fn table(lines: &[Line]) -> Sheet {
    let rows = lines.iter().filter(|line| is_choice(line)).map(|line| {
        let found = fastest(line);
        let least = found[0].1.nanoseconds.median;
        let mut row = vec![line.name.clone(), time(least)];
        row.extend(INTERFACES.iter().map(|(name, _)| {
            let figure = found.iter().find(|(found, _)| found == name);
            figure.map_or(String::new(), |(_, figure)| {
                format!("{:.2}", figure.nanoseconds.median / least)
            })
        }));
        row
    });
    let mut header = vec!["work".to_owned(), "fastest".to_owned()];
    header.extend(INTERFACES.map(|(name, _)| name.to_owned()));
    Sheet {
        title: "Each interface by its fastest engine, as a multiple of the fastest of all"
            .to_owned(),
        header,
        rows: rows.collect(),
    }
}

/// What to use for each kind of work, a sentence each.
pub(super) fn sentences(lines: &[Line]) -> Vec<String> {
    super::timed::sheets::groups(lines)
        .into_iter()
        .filter_map(|(group, lines)| sentence(group, &lines))
        .collect()
}

fn sentence(group: &str, lines: &[&Line]) -> Option<String> {
    let lines = lines.iter().filter(|line| is_choice(line));
    let lines: Vec<_> = lines.map(|line| (&*line.place, fastest(line))).collect();
    // Interfaces that are close at the same places stand together.
    let mut parts: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for (name, _) in INTERFACES {
        let close = lines.iter().filter(|(_, found)| {
            let least = found[0].1.nanoseconds.median;
            let is_close = |figure: &Figure| figure.nanoseconds.median <= CLOSE * least;
            found
                .iter()
                .any(|(found, figure)| *found == name && is_close(figure))
        });
        let places: Vec<&str> = close.map(|(place, _)| *place).collect();
        match parts.iter_mut().find(|(_, found)| *found == places) {
            Some((names, _)) => names.push(name),
            None => parts.push((vec![name], places)),
        }
    }
    parts.retain(|(_, places)| !places.is_empty());
    parts.sort_by_key(|(_, places)| Reverse(places.len()));
    let parts = parts.iter().map(|(names, places)| {
        let names = names.join(" or ");
        let others = lines.iter().map(|(place, _)| *place);
        let others: Vec<&str> = others.filter(|place| !places.contains(place)).collect();
        match others.len() {
            0 => names,
            // The shorter list.
            count if count < places.len() => format!("{names} (not {})", others.join("; ")),
            _ => format!("{names} ({})", places.join("; ")),
        }
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| format!("{group}: {}.", parts.join("; ")))
}
