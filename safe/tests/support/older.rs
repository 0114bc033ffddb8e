//! Older kernels: what they lack is said, past what captures the output of tests, and must be what is known of them.
//!
//! `here` is for what is refused, `differs` for what is done in another way.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// The release that runs: 6.18 as (6, 18).
pub(crate) fn kernel() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split(['.', '-']).map(|number| number.parse());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => panic!("{release} is no release"),
    }
}

fn say(what: &str, (major, minor): (u32, u32), why: impl Display) {
    // Not `eprintln!`, which is captured.
    let _ = writeln!(
        io::stderr(),
        "not here: {what}, which came with Linux {major}.{minor}: {why}"
    );
}

/// What was asked for; or `None` from a kernel older than `since`, which may refuse it, and not in any way.
#[track_caller]
pub(crate) fn here<T, E: Into<io::Error>>(
    what: &str,
    since: (u32, u32),
    answer: Result<T, E>,
) -> Option<T> {
    let error: io::Error = match answer {
        Ok(answer) => return Some(answer),
        Err(error) => error.into(),
    };
    let refused = matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::Unsupported
    );
    assert!(refused && kernel() < since, "{what}: {error}");
    say(what, since, error);
    None
}

/// Whether the kernel is older than that, and does otherwise, without refusing anything.
pub(crate) fn differs(what: &str, since: (u32, u32)) -> bool {
    let older = kernel() < since;
    if older {
        say(what, since, "this one does otherwise");
    }
    older
}
