//! The parts of the developer commands.

pub mod headers;
