//! The table of all cases, by area.

use std::sync::LazyLock;

use anyhow::{Result, ensure};

use crate::case::{Case, Place};
use crate::cases;
use crate::file_system::FileSystem;

/// A part of the catalogue: all cases whose ids begin with its name.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// The beginning of the ids, without the slash: `uring/op`.
    pub name: &'static str,
    /// What it is about, for people.
    pub title: &'static str,
    /// The cases, a slice per file.
    pub cases: &'static [&'static [Case]],
}

/// All areas, in the order of the report.
pub static AREAS: &[Area] = &[
    Area {
        name: "uring/op",
        title: "io_uring: operations",
        cases: cases::uring_op::FILES,
    },
    Area {
        name: "uring/raw",
        title: "io_uring: every opcode through the typed ring",
        cases: cases::uring_raw::FILES,
    },
    Area {
        name: "uring/ring",
        title: "io_uring: every opcode through the ring without unsafe",
        cases: cases::uring_ring::FILES,
    },
    Area {
        name: "uring/flags",
        title: "io_uring: flags that are refused",
        cases: cases::uring_flags::FILES,
    },
    Area {
        name: "uring/cmd",
        title: "io_uring: commands to drivers",
        cases: cases::uring_cmd::FILES,
    },
    Area {
        name: "uring/setup",
        title: "io_uring: set-up and entering",
        cases: cases::uring_setup::FILES,
    },
    Area {
        name: "uring/register",
        title: "io_uring: registration",
        cases: cases::uring_register::FILES,
    },
    Area {
        name: "uring/query",
        title: "io_uring: probe and query",
        cases: cases::uring_query::FILES,
    },
    Area {
        name: "uring/filter",
        title: "io_uring: filters, and restrictions of tasks",
        cases: cases::uring_filter::FILES,
    },
    Area {
        name: "uring/zcrx",
        title: "io_uring: zero-copy receive",
        cases: cases::uring_zcrx::FILES,
    },
    Area {
        name: "aio",
        title: "Native AIO",
        cases: cases::aio::FILES,
    },
    Area {
        name: "posix",
        title: "POSIX AIO",
        cases: cases::posix::FILES,
    },
    Area {
        name: "harness",
        title: "What every case relies on",
        cases: cases::harness::FILES,
    },
];

/// The area of a case.
pub fn area_of(id: &str) -> Option<&'static Area> {
    AREAS.iter().find(|area| {
        let rest = id.strip_prefix(area.name);
        rest.is_some_and(|rest| rest.starts_with('/'))
    })
}

/// All cases in the order of the report.
pub fn catalogue() -> Vec<&'static Case> {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let files = AREAS.iter().flat_map(|area| area.cases);
        files.flat_map(|file| file.iter()).flat_map(each).collect()
    });
    ALL.iter().collect()
}

/// The case itself, or one on each file system.
fn each(case: &Case) -> Vec<Case> {
    if case.place != Place::EachFileSystem {
        return vec![*case];
    }
    let on = |kind: FileSystem| Case {
        // As long-lived as all other ids.
        id: format!("{}@{kind}", case.id).leak(),
        place: Place::On(kind),
        ..*case
    };
    FileSystem::ALL.map(on).to_vec()
}

/// The cases that `pattern` chooses, in order. Fails if there are none.
///
/// A pattern with `*` or `?` must match the whole id or a whole item; any other must be contained in one.
pub fn filter(cases: Vec<&'static Case>, pattern: &str) -> Result<Vec<&'static Case>> {
    let chosen: Vec<_> = cases
        .into_iter()
        .filter(|case| {
            let mut names = case.items.iter().chain([&case.id]);
            names.any(|name| matches(pattern, name))
        })
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no case has an id or an item like {pattern:?}"
    );
    Ok(chosen)
}

fn matches(pattern: &str, name: &str) -> bool {
    if pattern.contains(['*', '?']) {
        glob(pattern.as_bytes(), name.as_bytes())
    } else {
        name.contains(pattern)
    }
}

/// Whether `name` is what `pattern` says, with `*` for any bytes and `?` for one.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skip| glob(rest, &name[skip..])),
        (Some((p, pattern)), Some((n, name))) => (p == n || *p == b'?') && glob(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::case::Since;
    use crate::deviations::DEVIATIONS;
    use crate::kernel::Version;

    #[test]
    fn ids_are_unique_and_well_formed_and_in_their_area() {
        let mut seen = BTreeMap::new();
        for area in AREAS {
            for case in area.cases.iter().flat_map(|file| file.iter()) {
                let id = case.id;
                let rest = id.strip_prefix(area.name).and_then(|r| r.strip_prefix('/'));
                assert!(rest.is_some(), "{id} is not in area {}", area.name);
                for part in id.split('/') {
                    let plain =
                        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
                    assert!(!part.is_empty() && part.chars().all(plain), "{id}");
                }
                let other = seen.insert(id, area.name);
                assert_eq!(other, None, "{id} is there twice");
            }
        }
    }

    #[test]
    fn a_case_on_each_file_system_is_one_case_for_each() {
        let names = |case| each(&case).iter().map(|c| c.id).collect::<Vec<_>>();
        let case = Case::new("a/b", &["item"], Since::Libc, |_| crate::case::pass());
        assert_eq!(names(case), ["a/b"]);
        let on_each = case.on_each_file_system();
        assert_eq!(
            names(on_each),
            ["a/b@ext4", "a/b@xfs", "a/b@btrfs", "a/b@tmpfs"]
        );
        assert!(each(&on_each).iter().all(|case| case.base() == "a/b"));
    }

    #[test]
    fn ids_are_sorted_within_each_file() {
        for file in AREAS.iter().flat_map(|area| area.cases) {
            assert!(
                file.is_sorted_by_key(|case| case.id),
                "{:?}",
                file.first().map(|c| c.id)
            );
        }
    }

    #[test]
    fn every_case_names_an_item_and_how_older_kernels_refuse_it() {
        for case in catalogue() {
            assert!(!case.items.is_empty(), "{} names no item", case.id);
            let distinct: BTreeSet<_> = case.items.iter().collect();
            assert_eq!(
                distinct.len(),
                case.items.len(),
                "{} repeats an item",
                case.id
            );
            // 5.10 is the oldest kernel that anybody still maintains.
            let refused = matches!(case.since, Since::Kernel(v) if v > Version::new(5, 10, 0));
            let stated = case.announced || !case.refused_by.is_empty();
            assert!(
                stated || !refused,
                "{} does not say how kernels before {} refuse it",
                case.id,
                case.since
            );
        }
    }

    #[test]
    fn who_overwrites_a_device_is_alone() {
        for case in catalogue() {
            let overwrites = case.requires.iter().any(|r| r.variable().is_some());
            assert!(case.alone || !overwrites, "{}", case.id);
        }
    }

    #[test]
    fn every_deviation_is_about_the_catalogue() {
        for deviation in DEVIATIONS {
            let subject = deviation.subject;
            let known = catalogue()
                .iter()
                .any(|c| [c.id, c.base(), c.item()].contains(&subject));
            assert!(known, "{subject}");
            assert!(deviation.from < deviation.before, "{subject}");
        }
    }

    #[test]
    fn patterns() {
        let table = [
            ("read", "uring/op/read/eof", true),
            ("", "anything", true),
            ("READ", "uring/op/read/eof", false),
            ("uring/*/eof", "uring/op/read/eof", true),
            ("uring/*", "aio/uring/x", false),
            ("*eof", "uring/op/read/eof", true),
            ("*eo", "uring/op/read/eof", false),
            ("IORING_OP_READ?", "IORING_OP_READV", true),
            ("IORING_OP_READ?", "IORING_OP_READ", false),
            ("*", "", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_chooses_nothing_is_an_error() {
        assert!(filter(catalogue(), "no such case").is_err());
        assert_eq!(filter(catalogue(), "setsid").unwrap().len(), 1);
        assert_eq!(filter(catalogue(), "harness/*@xfs").unwrap().len(), 1);
        assert_eq!(filter(catalogue(), "harness/s*").unwrap().len(), 2);
    }
}
