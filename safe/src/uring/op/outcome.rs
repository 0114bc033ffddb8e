//! What comes back from operations that are not about bytes in a buffer.

use super::Error;

/// What came of an operation on a file, and the file.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Outcome<T, F> {
    /// The result, or why there is none.
    pub result: Result<T, Error>,
    /// The file.
    pub file: F,
}

/// What came of an operation with a buffer and no file, and the buffer.
#[derive(Debug)]
#[must_use = "the result tells whether the operation succeeded"]
pub struct Buffered<T, B> {
    /// The result, or why there is none.
    pub result: Result<T, Error>,
    /// The buffer.
    pub buf: B,
}
