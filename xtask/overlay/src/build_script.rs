//! What a crate's build script does when it is asked for the machine's own headers.

use std::path::Path;

use anyhow::Result;

use crate::interface::Interface;
use crate::listing::{Input, Listing};
use crate::model::Bindings;
use crate::render::{items, render};

/// The bindings of the headers installed on this machine, in one text. What they lack, it lacks.
///
/// # Errors
///
/// libclang or the headers are missing, or they have something that the table does not know.
pub fn from_system_headers(interface: &Interface, scratch: &Path) -> Result<String> {
    let input = Input {
        scratch: scratch.to_owned(),
        ..Input::default()
    };
    let listing = Listing::read(interface, &input)?;
    let bindings = Bindings::generate(interface, &listing, &input)?;
    render(&items(interface, &bindings)?)
}
