//! The developers' commands, one module each.

pub mod conformance;
pub mod headers;
pub mod progress;
pub mod regen;
pub mod workspace;
