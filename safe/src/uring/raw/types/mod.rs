//! Arguments of operations and calls.

mod time;

pub use time::{SubmitArgs, Timespec};
