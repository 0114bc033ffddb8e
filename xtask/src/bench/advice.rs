//! Which interface to use: what follows from the figures.

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
     system, took at most 1.1 times as long as the fastest of all. Where blocking calls are among them, they are the simplest.";

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

/// Lines in which there is a choice.
fn choices(lines: &[Line]) -> impl Iterator<Item = &Line> {
    lines
        .iter()
        .filter(|line| !line.name.starts_with("native AIO, ") && fastest(line).len() > 2)
}

/// Each interface at each kind of work, by its fastest engine, as a multiple of the fastest of all.
pub(super) fn table(lines: &[Line]) -> Sheet {
    let rows = choices(lines).map(|line| {
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
    let mut parts: Vec<(String, Vec<&str>)> = Vec::new();
    for line in lines
        .iter()
        .filter(|line| choices(std::slice::from_ref(line)).count() > 0)
    {
        let found = fastest(line);
        let least = found[0].1.nanoseconds.median;
        let close = found
            .iter()
            .filter(|(_, figure)| figure.nanoseconds.median <= CLOSE * least);
        let names = close
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(" or ");
        match parts.iter_mut().find(|(found, _)| *found == names) {
            Some((_, places)) => places.push(&line.place),
            None => parts.push((names, vec![&line.place])),
        }
    }
    if parts.is_empty() {
        return None;
    }
    let parts = parts
        .iter()
        .map(|(names, places)| format!("{names} ({})", places.join("; ")));
    Some(format!(
        "{group}: {}.",
        parts.collect::<Vec<_>>().join(", ")
    ))
}
