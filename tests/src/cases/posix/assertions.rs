//! What POSIX asserts of asynchronous I/O, and which case checks it.
//!
//! The assertions are those of POSIX.1-2017 on the page of each function and on the headers, in words of our own. A
//! test checks that each has a case or says why it has none, that the cases exist, and that no case of the area
//! checks nothing. Where a C library does something else than POSIX says, the assertion says so, and its cases
//! expect just that of this library, and what POSIX says of the other.

mod calls;
mod transfers;

/// One thing that POSIX promises.
#[derive(Clone, Copy, Debug)]
pub struct Assertion {
    /// The function or header on whose page it stands.
    pub of: &'static str,
    /// What it says.
    pub says: &'static str,
    /// The cases that check it.
    pub cases: &'static [&'static str],
    /// Why there is no case, or what the cases leave out.
    pub untested: Option<&'static str>,
    /// Where a C library does something else.
    pub deviations: &'static [Deviation],
}

/// What a C library does instead of what POSIX says.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    /// Which one.
    pub libc: Libc,
    /// What it does.
    pub does: &'static str,
}

/// A C library. Its behaviour is that of the version named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// 2.36.
    Glibc,
    /// 1.2.3.
    Musl,
}

/// All assertions, by function.
pub fn assertions() -> impl Iterator<Item = &'static Assertion> {
    [transfers::ASSERTIONS, calls::ASSERTIONS]
        .into_iter()
        .flatten()
}

/// An assertion that cases check.
const fn checked(
    of: &'static str,
    says: &'static str,
    cases: &'static [&'static str],
) -> Assertion {
    Assertion {
        of,
        says,
        cases,
        untested: None,
        deviations: &[],
    }
}

/// An assertion that nothing here can check.
const fn untested(of: &'static str, says: &'static str, reason: &'static str) -> Assertion {
    Assertion {
        of,
        says,
        cases: &[],
        untested: Some(reason),
        deviations: &[],
    }
}

impl Assertion {
    /// With what the C libraries do instead.
    const fn but(self, deviations: &'static [Deviation]) -> Assertion {
        Assertion { deviations, ..self }
    }

    /// With what the cases cannot see.
    const fn without(self, reason: &'static str) -> Assertion {
        Assertion {
            untested: Some(reason),
            ..self
        }
    }
}

const fn glibc(does: &'static str) -> Deviation {
    Deviation {
        libc: Libc::Glibc,
        does,
    }
}

const fn musl(does: &'static str) -> Deviation {
    Deviation {
        libc: Libc::Musl,
        does,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cases::posix::FILES;

    /// Cases that exist with glibc alone, as musl lacks the function, or hangs.
    const GLIBC_ONLY: &[&str] = &[
        "posix/aio_cancel/notifies",
        "posix/aio_cancel/queued",
        "posix/aio_suspend/abort",
        "posix/workers/init",
        "posix/workers/init_least",
        "posix/workers/starving",
    ];

    fn cases() -> BTreeSet<&'static str> {
        let all = FILES.iter().flat_map(|file| file.iter());
        all.map(|case| case.id).collect()
    }

    #[test]
    fn every_posix_assertion_has_a_case_or_a_reason() {
        for assertion in assertions() {
            let Assertion { of, says, .. } = assertion;
            let answered = !assertion.cases.is_empty() || assertion.untested.is_some();
            assert!(answered, "{of}: {says}");
            let deviates = !assertion.deviations.is_empty();
            assert!(
                !deviates || !assertion.cases.is_empty(),
                "{of}: {says}: nothing shows the deviation"
            );
        }
    }

    #[test]
    fn every_case_of_a_posix_assertion_exists() {
        let cases = cases();
        for assertion in assertions() {
            for case in assertion.cases {
                let elsewhere = cfg!(not(target_env = "gnu")) && GLIBC_ONLY.contains(case);
                assert!(
                    cases.contains(case) != elsewhere,
                    "{case}, of {}",
                    assertion.of
                );
            }
        }
    }

    #[test]
    fn every_posix_case_checks_an_assertion() {
        let named: BTreeSet<_> = assertions().flat_map(|assertion| assertion.cases).collect();
        for case in cases() {
            assert!(named.contains(&case), "{case} is not among the assertions");
        }
    }

    #[test]
    fn every_function_of_posix_aio_has_assertions() {
        let functions: BTreeSet<_> = assertions().map(|assertion| assertion.of).collect();
        let expected = [
            "aio.h",
            "aio_cancel",
            "aio_error",
            "aio_fsync",
            "aio_init",
            "aio_read",
            "aio_return",
            "aio_suspend",
            "aio_write",
            "limits.h",
            "lio_listio",
            "signal.h",
        ];
        assert!(functions.into_iter().eq(expected));
        let mut seen = BTreeSet::new();
        for assertion in assertions() {
            assert!(
                seen.insert((assertion.of, assertion.says)),
                "{}: {} is there twice",
                assertion.of,
                assertion.says
            );
        }
    }
}
