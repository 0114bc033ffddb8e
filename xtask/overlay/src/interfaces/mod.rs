//! The three tables that a maintainer reviews when a header grows.

mod aio;
mod posix;
mod uring;

pub use aio::AIO;
pub use posix::POSIX;
pub use uring::URING;

use crate::interface::{Interface, Kind, Rule};

/// All interfaces, oldest crate last.
pub const INTERFACES: &[&Interface] = &[&URING, &AIO, &POSIX];

const fn number(prefix: &'static str, ty: &'static str) -> Rule {
    Rule {
        prefix,
        ty,
        kind: Kind::Number,
    }
}

const fn bits(prefix: &'static str, ty: &'static str) -> Rule {
    Rule {
        prefix,
        ty,
        kind: Kind::Bits,
    }
}
