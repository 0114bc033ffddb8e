//! What a case is, and the words in which it answers.
//!
//! ```
//! use conformance::case::{Case, Run, kernel, pass};
//! use conformance::context::Context;
//! use conformance::{ensure, ensure_eq};
//!
//! pub static CASES: &[Case] = &[
//!     Case::new("aio/setup/zero", &["io_setup"], kernel(2, 6), zero),
//!     Case::new("uring/op/read/whole", &["IORING_OP_READ"], kernel(5, 6), whole).refused_by(&[libc::EINVAL]),
//! ];
//!
//! fn zero(cx: &mut Context) -> Run {
//!     let file = std::fs::File::create(cx.dir().join("f"))?; // an error of the system fails the case, with file and line
//!     ensure_eq!(file.metadata()?.len(), 0, "length of a new file");
//!     cx.note("shown in the report");
//!     pass()
//! }
//!
//! fn whole(cx: &mut Context) -> Run {
//!     let res = 4096; // what the kernel answered: a count or a negative errno
//!     let n = cx.accepted(res)?; // -EINVAL here would be "unsupported": judged by the version of this kernel
//!     ensure!(n == 4096, "read {n} bytes of 4096");
//!     pass()
//! }
//! ```
//!
//! A case runs in its own process, in its own session, in an empty temporary folder that is also its working directory.
//! It may leak, block, crash and change limits. A panic is a failure, so `assert_eq!` works too. What it prints is shown
//! when it fails. What it changes outside its process (a sysctl, say) it must restore, and it must be [`Case::alone`].

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::file_system::FileSystem;
use crate::kernel::Version;
use crate::requirement::Requirement;
use crate::support::names::Errno;

/// One question to the kernel, and what is needed to judge the answer.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Path-like name, `area/subject/aspect`: lower-case letters, digits, `-` and `_` between slashes.
    pub id: &'static str,
    /// The items of the UAPI that it exercises, named as in the header. The first is the one that `since` is about.
    pub items: &'static [&'static str],
    /// The first kernel on which it must pass.
    pub since: Since,
    /// The errnos with which kernels before `since` refuse the first item; any other refusal there is a failure.
    pub refused_by: &'static [i32],
    /// Whether kernels also say that they lack the item other than by an errno (a feature or probe bit): see [`absent`].
    pub announced: bool,
    /// What must be there to run it; the case is skipped, visibly, where it is not.
    pub requires: &'static [Requirement],
    /// Whether no other case may run at the same time, because it changes something that all share.
    pub alone: bool,
    /// Where its folder is.
    pub place: Place,
    /// The case itself.
    pub run: fn(&mut Context) -> Run,
}

impl Case {
    /// A case that needs nothing and that no kernel refuses; the methods below add to it.
    pub const fn new(
        id: &'static str,
        items: &'static [&'static str],
        since: Since,
        run: fn(&mut Context) -> Run,
    ) -> Case {
        Case {
            id,
            items,
            since,
            refused_by: &[],
            announced: false,
            requires: &[],
            alone: false,
            place: Place::Temporary,
            run,
        }
    }

    /// States the errnos with which older kernels refuse the item.
    pub const fn refused_by(self, errnos: &'static [i32]) -> Case {
        Case {
            refused_by: errnos,
            ..self
        }
    }

    /// States that older kernels show the lack of the item by a clear feature or probe bit: [`absent`] becomes valid.
    pub const fn announced(self) -> Case {
        Case {
            announced: true,
            ..self
        }
    }

    /// States what the case needs.
    pub const fn requires(self, requires: &'static [Requirement]) -> Case {
        Case { requires, ..self }
    }

    /// States that no other case may run at the same time.
    pub const fn alone(self) -> Case {
        Case {
            alone: true,
            ..self
        }
    }

    /// States that the case is one on each [file system](FileSystem::ALL), whose name then ends its id: `@xfs`.
    ///
    /// How they differ stands in [`deviations`](crate::deviations).
    pub const fn on_each_file_system(self) -> Case {
        Case {
            place: Place::EachFileSystem,
            ..self
        }
    }

    /// The id without the file system.
    pub fn base(&self) -> &'static str {
        self.id.split_once('@').map_or(self.id, |(base, _)| base)
    }

    /// Whether it feeds its items bad input, and does nothing else: the last part of its id has the word `bad`.
    pub fn is_bad(&self) -> bool {
        let last = self.base().rsplit('/').next().unwrap_or_default();
        last.split(['-', '_']).any(|word| word == "bad")
    }

    /// The item that the case is mainly about.
    pub fn item(&self) -> &'static str {
        self.items.first().copied().unwrap_or_default()
    }
}

/// Where a case's folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where temporary files are.
    Temporary,
    /// On each file system: the [catalogue](crate::catalogue::catalogue) has a case for each of them instead.
    EachFileSystem,
    /// On this one.
    On(FileSystem),
}

/// Where an item comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The kernel, from this mainline version on.
    Kernel(Version),
    /// The C library, in every version that matters.
    Libc,
}

/// The first mainline kernel with an item.
pub const fn kernel(major: u16, minor: u16) -> Since {
    Since::Kernel(Version::new(major, minor, 0))
}

impl Display for Since {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Since::Kernel(v) => write!(f, "{}.{}", v.major, v.minor),
            Since::Libc => f.write_str("libc"),
        }
    }
}

/// What a case returns: nothing if it passed, or why it stopped.
pub type Run = Result<(), Stop>;

/// Why a case did not pass. `?` makes a failure of any [`Error`], with the place of the `?`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// The kernel did something else than it should.
    Failed {
        /// What, and what it should have done.
        message: String,
        /// The file and line of the check.
        at: String,
    },
    /// The kernel said that it does not have the item.
    Unsupported {
        /// Its word.
        refusal: Refusal,
        /// The file and line where the case took it for a refusal.
        at: String,
    },
    /// Something that the case needs is not there.
    Skipped {
        /// What, in words.
        missing: String,
    },
}

/// The kernel's own word for "I do not have that".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// It answered with this errno, a positive number.
    Errno(i32),
    /// It does not announce the item: a feature word, probe or query says so.
    Unannounced(String),
}

impl Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Errno(errno) => Errno(*errno).fmt(f),
            Refusal::Unannounced(evidence) => f.write_str(evidence),
        }
    }
}

impl Stop {
    /// A failure of the check at the caller's place.
    #[track_caller]
    pub fn failed(message: impl Display) -> Stop {
        Stop::Failed {
            message: message.to_string(),
            at: here(),
        }
    }

    /// A refusal of the kernel, `errno` positive or, as completions have it, negative.
    #[track_caller]
    pub fn unsupported(errno: i32) -> Stop {
        Stop::Unsupported {
            refusal: Refusal::Errno(errno.saturating_abs()),
            at: here(),
        }
    }
}

impl<E: Error + 'static> From<E> for Stop {
    #[track_caller]
    fn from(error: E) -> Stop {
        let error: &(dyn Error + 'static) = &error;
        let errno = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        match errno {
            Some(errno) => Stop::failed(format_args!("{} ({error})", Errno(errno))),
            None => Stop::failed(error),
        }
    }
}

/// The kernel did what it should.
pub fn pass() -> Run {
    Ok(())
}

/// The kernel did something else than it should.
#[track_caller]
pub fn fail(message: impl Display) -> Run {
    Err(Stop::failed(message))
}

/// The kernel refused the item with `errno` (positive, or negative as in a completion).
///
/// Right only on kernels before [`Case::since`], and with an errno from [`Case::refused_by`]: all else is a failure.
#[track_caller]
pub fn unsupported(errno: i32) -> Run {
    Err(Stop::unsupported(errno))
}

/// The kernel says that it lacks the item, and `evidence` tells how: "IORING_FEAT_MIN_TIMEOUT is clear".
///
/// Right only on kernels before [`Case::since`], in a case that is [`Case::announced`].
#[track_caller]
pub fn absent(evidence: impl Display) -> Run {
    Err(Stop::Unsupported {
        refusal: Refusal::Unannounced(evidence.to_string()),
        at: here(),
    })
}

/// Something that the case needs is missing, found out while it runs. Prefer [`Case::requires`].
pub fn skipped(missing: impl Display) -> Run {
    Err(Stop::Skipped {
        missing: missing.to_string(),
    })
}

#[track_caller]
fn here() -> String {
    let caller = Location::caller();
    format!("{}:{}", caller.file(), caller.line())
}

/// Fails the case unless the condition holds: `ensure!(n == 0, "read {n} bytes at EOF")`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::case::Stop::failed(format_args!($($message)+)));
        }
    };
}

/// Fails the case unless both are equal, and shows both: `ensure_eq!(cqe.flags, 0, "flags of the completion")`.
#[macro_export]
macro_rules! ensure_eq {
    ($got:expr, $expected:expr, $($what:tt)+) => {
        match (&$got, &$expected) {
            (got, expected) => {
                if *got != *expected {
                    return Err($crate::case::Stop::failed(format_args!(
                        "{}: {got:?}, expected {expected:?}",
                        format_args!($($what)+)
                    )));
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(stop: Result<(), Stop>) -> (String, String) {
        match stop {
            Err(Stop::Failed { message, at }) => (message, at),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn question_mark_records_its_own_line() {
        const BEFORE: u32 = line!();
        fn case() -> Run {
            Err(io::Error::from_raw_os_error(libc::EBADF))?;
            pass()
        }
        let (message, at) = place(case());
        assert!(message.starts_with("EBADF ("), "{message}");
        assert_eq!(at, format!("{}:{}", file!(), BEFORE + 2));
    }

    #[test]
    fn ensure_records_its_own_line_and_both_values() {
        const BEFORE: u32 = line!();
        fn case(n: i32) -> Run {
            ensure!(n < 9, "{n} is too big");
            ensure_eq!(n, 7, "the number");
            pass()
        }
        let at = |line: u32| format!("{}:{line}", file!());
        assert_eq!(case(7), pass());
        assert_eq!(place(case(9)), ("9 is too big".into(), at(BEFORE + 2)));
        let both = "the number: 8, expected 7".into();
        assert_eq!(place(case(8)), (both, at(BEFORE + 3)));
    }

    #[test]
    fn refusals_take_either_sign() {
        assert_eq!(
            Stop::unsupported(-22).refusal(),
            Stop::unsupported(22).refusal()
        );
    }

    impl Stop {
        fn refusal(self) -> Refusal {
            match self {
                Stop::Unsupported { refusal, .. } => refusal,
                other => panic!("{other:?}"),
            }
        }
    }
}
