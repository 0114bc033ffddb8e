//! The developers' commands, one module each.

pub mod conformance;
pub mod coverage;
pub mod headers;
pub mod progress;
pub mod regen;
pub mod workspace;
