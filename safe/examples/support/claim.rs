//! How a claim about the kernel is printed, and what was measured of it.

use std::fmt::Display;

/// Says whether a claim holds here. That it does not is a result, and no error.
pub(crate) fn report(claim: &str, holds: bool, measured: impl Display) {
    let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
    println!("{verdict} here: {claim}\n    {measured}");
}
