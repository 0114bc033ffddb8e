//! Whether an answer is the one that this kernel owes.
//!
//! |                    | kernel should have it | kernel should not           |
//! |--------------------|-----------------------|-----------------------------|
//! | passed             | pass                  | **fail**                    |
//! | failed             | **fail**              | **fail**                    |
//! | refused, as stated | **fail**              | unsupported                 |
//! | refused otherwise  | **fail**              | **fail**                    |
//! | resource missing   | skipped               | skipped                     |

use std::fmt::Write;

use crate::case::{Case, Refusal, Run, Since, Stop};
use crate::deviations::{Deviation, Kind};
use crate::kernel::Version;
use crate::report::Outcome;
use crate::support::names::Errno;

/// The judgement of a case's answer, with the text for the report.
///
/// `notes` are what the case noted; they make the detail of a pass.
pub fn judge(
    case: &Case,
    kernel: Version,
    deviations: &[Deviation],
    answer: Run,
    notes: &[String],
) -> (Outcome, String) {
    let deviation = deviation(case, kernel, deviations);
    let owed = match (deviation, case.since) {
        (Some(d), _) => d.kind == Kind::Backported,
        (None, Since::Kernel(since)) => kernel >= since,
        (None, Since::Libc) => true,
    };
    let (outcome, mut detail) = match answer {
        Ok(()) if owed => (Outcome::Pass, String::new()),
        Ok(()) => (
            Outcome::Fail,
            format!(
                "passed, but {kernel} should not have it ({})",
                reason(case, deviation)
            ),
        ),
        Err(Stop::Failed { message, at }) => (Outcome::Fail, format!("{message} ({at})")),
        Err(Stop::Unsupported { refusal, at }) if owed => (
            Outcome::Fail,
            format!(
                "{kernel} should have it ({}), kernel said {refusal} ({at})",
                reason(case, deviation)
            ),
        ),
        Err(Stop::Unsupported { refusal, at }) => match undocumented(case, &refusal) {
            None => (
                Outcome::Unsupported,
                format!("{refusal} ({})", reason(case, deviation)),
            ),
            Some(documented) => (
                Outcome::Fail,
                format!("kernel refused with {refusal}, documented is {documented} ({at})"),
            ),
        },
        Err(Stop::Skipped { missing }) => (Outcome::Skipped, missing),
    };
    if outcome == Outcome::Pass {
        detail = deviation
            .map(|d| d.reason.to_owned())
            .into_iter()
            .chain(notes.iter().cloned())
            .collect::<Vec<_>>()
            .join("; ");
    }
    (outcome, detail)
}

/// What is to be expected instead of what the version promises: of several deviations that of the narrowest subject.
fn deviation<'a>(
    case: &Case,
    kernel: Version,
    deviations: &'a [Deviation],
) -> Option<&'a Deviation> {
    [case.id, case.base(), case.item()]
        .into_iter()
        .find_map(|subject| {
            deviations
                .iter()
                .find(|d| d.subject == subject && (d.from..d.before).contains(&kernel))
        })
}

/// Why the kernel should have the item, or should not.
fn reason(case: &Case, deviation: Option<&Deviation>) -> String {
    match (deviation, case.since) {
        (Some(d), _) => d.reason.to_owned(),
        (None, Since::Libc) => "part of libc".to_owned(),
        (None, since) => format!("since {since}"),
    }
}

/// What the case states as the refusal, if it is not this one.
fn undocumented(case: &Case, refusal: &Refusal) -> Option<String> {
    let stated = match refusal {
        Refusal::Errno(errno) => case.refused_by.contains(errno),
        Refusal::Unannounced(_) => case.announced,
    };
    if stated {
        return None;
    }
    let mut documented = String::new();
    for errno in case.refused_by {
        let _ = write!(documented, "{} or ", Errno(*errno));
    }
    documented.push_str(if case.announced {
        "that it is not announced"
    } else if case.refused_by.is_empty() {
        "no refusal"
    } else {
        "nothing else"
    });
    Some(documented.replace(" or nothing else", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{absent, fail, kernel, pass, skipped, unsupported};

    static CASE: Case = Case::new(
        "uring/op/read/eof",
        &["IORING_OP_READ"],
        kernel(5, 6),
        |_| pass(),
    )
    .refused_by(&[libc::EINVAL]);
    static ANNOUNCED: Case = CASE.announced();
    static LIBC: Case = Case::new("posix/read/eof", &["aio_read"], Since::Libc, |_| pass());

    const OLD: Version = Version::new(5, 5, 19);
    const FIRST: Version = Version::new(5, 6, 0);
    const NEW: Version = Version::new(6, 18, 44);

    #[test]
    fn every_answer_on_every_kernel() {
        use Outcome::{Fail, Pass, Skipped, Unsupported};
        let table: &[(&Case, Version, Run, Outcome, &str)] = &[
            (&CASE, FIRST, pass(), Pass, ""),
            (&CASE, NEW, pass(), Pass, ""),
            (
                &CASE,
                OLD,
                pass(),
                Fail,
                "passed, but 5.5.19 should not have it (since 5.6)",
            ),
            (&CASE, OLD, fail("wrong"), Fail, "wrong ("),
            (&CASE, NEW, fail("wrong"), Fail, "wrong ("),
            (
                &CASE,
                NEW,
                unsupported(libc::EINVAL),
                Fail,
                "6.18.44 should have it (since 5.6), kernel said EINVAL (",
            ),
            (
                &CASE,
                OLD,
                unsupported(libc::EINVAL),
                Unsupported,
                "EINVAL (since 5.6)",
            ),
            (
                &CASE,
                OLD,
                unsupported(-libc::EINVAL),
                Unsupported,
                "EINVAL (since 5.6)",
            ),
            (
                &CASE,
                OLD,
                unsupported(libc::ENOSYS),
                Fail,
                "kernel refused with ENOSYS, documented is EINVAL (",
            ),
            (
                &CASE,
                OLD,
                absent("bit clear"),
                Fail,
                "kernel refused with bit clear, documented is EINVAL (",
            ),
            (&CASE, OLD, skipped("needs root"), Skipped, "needs root"),
            (&CASE, NEW, skipped("needs root"), Skipped, "needs root"),
            (
                &ANNOUNCED,
                OLD,
                absent("bit clear"),
                Unsupported,
                "bit clear (since 5.6)",
            ),
            (
                &ANNOUNCED,
                NEW,
                absent("bit clear"),
                Fail,
                "6.18.44 should have it (since 5.6), kernel said bit clear (",
            ),
            (
                &ANNOUNCED,
                OLD,
                unsupported(libc::EPERM),
                Fail,
                "kernel refused with EPERM, documented is EINVAL or that it is not announced (",
            ),
            (&LIBC, OLD, pass(), Pass, ""),
            (
                &LIBC,
                OLD,
                unsupported(libc::ENOSYS),
                Fail,
                "5.5.19 should have it (part of libc), kernel said ENOSYS (",
            ),
        ];
        for (case, kernel, answer, outcome, detail) in table {
            let got = judge(case, *kernel, &[], answer.clone(), &[]);
            let place = format!("{} on {kernel}: {answer:?} gave {got:?}", case.id);
            assert_eq!(got.0, *outcome, "{place}");
            if detail.ends_with('(') {
                assert!(got.1.starts_with(detail), "{place}");
                assert!(got.1.contains("expectation.rs:"), "{place}");
            } else {
                assert_eq!(got.1, *detail, "{place}");
            }
        }
    }

    #[test]
    fn a_deviation_turns_the_expectation_round_for_its_kernels_only() {
        let backport = [Deviation::backport(
            "IORING_OP_READ",
            Version::new(5, 4, 100),
            "backported in 5.4.100",
        )];
        let on =
            |patch, answer: Run| judge(&CASE, Version::new(5, 4, patch), &backport, answer, &[]).0;
        assert_eq!(on(99, pass()), Outcome::Fail);
        assert_eq!(on(99, unsupported(libc::EINVAL)), Outcome::Unsupported);
        assert_eq!(on(100, pass()), Outcome::Pass);
        assert_eq!(on(100, unsupported(libc::EINVAL)), Outcome::Fail);
        assert_eq!(
            judge(&CASE, OLD, &backport, pass(), &[]).0,
            Outcome::Fail,
            "another series"
        );
        assert_eq!(
            judge(
                &LIBC,
                Version::new(5, 4, 100),
                &backport,
                unsupported(38),
                &[]
            )
            .0,
            Outcome::Fail,
            "another item"
        );

        let lacking = [Deviation {
            subject: CASE.id,
            from: NEW,
            before: Version::new(6, 19, 0),
            kind: Kind::Lacking,
            reason: "built without it",
        }];
        assert_eq!(
            judge(&CASE, NEW, &lacking, unsupported(libc::EINVAL), &[]),
            (Outcome::Unsupported, "EINVAL (built without it)".to_owned())
        );
        assert_eq!(judge(&CASE, NEW, &lacking, pass(), &[]).0, Outcome::Fail);
    }

    #[test]
    fn a_deviation_of_one_file_system_is_none_of_another() {
        let lacking = [Deviation {
            subject: "uring/op/read/eof@btrfs",
            from: FIRST,
            before: NEW,
            kind: Kind::Lacking,
            reason: "Btrfs has it not",
        }];
        let on = |id, answer: Run| judge(&Case { id, ..CASE }, FIRST, &lacking, answer, &[]).0;
        let refused = || unsupported(libc::EINVAL);
        let (btrfs, xfs) = ("uring/op/read/eof@btrfs", "uring/op/read/eof@xfs");
        assert_eq!(on(btrfs, refused()), Outcome::Unsupported);
        assert_eq!(on(btrfs, pass()), Outcome::Fail, "listed, and not there");
        assert_eq!(on(xfs, refused()), Outcome::Fail, "there, and not listed");
        assert_eq!(on(xfs, pass()), Outcome::Pass);
        assert_eq!(
            judge(&Case { id: btrfs, ..CASE }, NEW, &lacking, refused(), &[]).0,
            Outcome::Fail,
            "another kernel"
        );
    }

    #[test]
    fn the_narrowest_deviation_counts() {
        let of = |subject, kind| Deviation {
            subject,
            from: FIRST,
            before: NEW,
            kind,
            reason: "listed",
        };
        let both = [
            of("IORING_OP_READ", Kind::Lacking),
            of("uring/op/read/eof", Kind::Backported),
        ];
        assert_eq!(judge(&CASE, FIRST, &both, pass(), &[]).0, Outcome::Pass);
        let on_xfs = Case {
            id: "uring/op/read/eof@xfs",
            ..CASE
        };
        assert_eq!(judge(&on_xfs, FIRST, &both, pass(), &[]).0, Outcome::Pass);
    }

    #[test]
    fn a_pass_shows_its_notes_and_its_deviation() {
        let backport = [Deviation::backport("IORING_OP_READ", OLD, "backported")];
        let notes = ["one".to_owned(), "two".to_owned()];
        assert_eq!(
            judge(&CASE, OLD, &backport, pass(), &notes),
            (Outcome::Pass, "backported; one; two".to_owned())
        );
    }
}
