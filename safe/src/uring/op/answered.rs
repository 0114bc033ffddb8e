//! What comes back from an operation with a file and no buffer.

use super::Error;

/// What came of an operation with something that it owned, and that thing.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Answered<F, T> {
    /// What the operation answered, or why it failed.
    pub result: Result<T, Error>,
    /// The file, ring or word.
    pub file: F,
}
