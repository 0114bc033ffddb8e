//! What the suite must show beside the items of the headers: how rings, queues and requests behave, and which cases
//! show it.
//!
//! A list is a table of lines. Each says what it is about and names the cases; a test checks that they are there and
//! that no line is without one.

mod aio;
mod uring;

pub use aio::AIO;
pub use uring::URING;

/// A group of behaviours that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// What it is about.
    pub says: &'static str,
    /// The ids of the cases that show it.
    pub shown: &'static [&'static str],
}

/// A behaviour that these cases show.
const fn shown(says: &'static str, by: &'static [&'static str]) -> Behaviour {
    Behaviour { says, shown: by }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue::catalogue;

    #[test]
    fn each_behaviour_is_shown_by_cases_that_are_there() {
        let ids: BTreeSet<&str> = catalogue().iter().map(|case| case.base()).collect();
        for (list, behaviours) in [("io_uring", &URING[..]), ("native AIO", &AIO[..])] {
            for (line, behaviour) in (1..).zip(behaviours) {
                let by = behaviour.shown;
                assert!(!by.is_empty(), "{list} {line}: no case");
                for id in by {
                    assert!(ids.contains(id), "{list} {line}: no case {id}");
                }
            }
        }
    }

    /// A list that shrinks has lost something.
    #[test]
    fn the_lists_are_whole() {
        assert_eq!((URING.len(), AIO.len()), (65, 67));
    }
}
