//! The developers' commands, one module each.

pub mod bench;
pub mod conformance;
pub mod coverage;
pub mod headers;
pub mod matrix;
pub mod packages;
pub mod progress;
pub mod regen;
pub mod stdout;
pub mod targets;
pub mod workspace;
