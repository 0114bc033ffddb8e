//! What is known of one interface that its header does not say.

use crate::targets::Target;

/// One header family and the crate made of it.
#[derive(Debug)]
pub struct Interface {
    /// The crate that holds the bindings.
    pub krate: &'static str,
    /// C text that includes every header of the interface.
    pub wrapper: &'static str,
    /// Whose headers: the kernel's, or a C library's.
    pub libc: bool,
    /// The headers that must be covered, and which of their names.
    pub sources: &'static [Source],
    /// Names that the headers have and the crate does not, each with the reason.
    pub exceptions: &'static [(&'static str, &'static str)],
    /// The right type of each constant: the longest prefix wins.
    pub constants: &'static [Rule],
    /// C types that are spelled otherwise in Rust; for all else the fixed-width names are used.
    pub types: &'static [(&'static str, &'static str)],
    /// Records that C aligns to 8 bytes where a 64-bit integer alone would not be (i686).
    pub aligned: &'static [&'static str],
    /// In what way the bindings differ between targets.
    pub variants: &'static [Variant],
    /// The texts and kernel versions of the items, as TOML.
    pub docs: &'static str,
}

/// One header and the names that are taken from it.
#[derive(Debug)]
pub struct Source {
    /// The end of the header's path.
    pub header: &'static str,
    /// Prefixes of the names that count; an empty list takes all.
    pub only: &'static [&'static str],
}

/// The type and spelling of all constants with one prefix.
#[derive(Debug)]
pub struct Rule {
    /// What the name begins with.
    pub prefix: &'static str,
    /// The Rust type: that of the field or argument that takes the constant.
    pub ty: &'static str,
    /// How its value is written.
    pub kind: Kind,
}

/// How a constant's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A decimal number.
    Number,
    /// A bit (`1 << n`) or, where it has several, a hexadecimal mask.
    Bits,
}

/// One side of a real difference between targets: the items that differ stand in a file of their own.
#[derive(Debug)]
pub struct Variant {
    /// The file's name, without ending.
    pub name: &'static str,
    /// The `cfg` predicate that selects it.
    pub cfg: &'static str,
    /// Which targets it is for.
    pub applies: fn(&Target) -> bool,
    /// Whether it is generated from musl's headers (of use only where [`Interface::libc`] is set).
    pub musl: bool,
}

impl Interface {
    /// The rule for a constant, if there is one.
    #[must_use]
    pub fn rule(&self, constant: &str) -> Option<&'static Rule> {
        self.constants
            .iter()
            .filter(|rule| constant.starts_with(rule.prefix))
            .max_by_key(|rule| rule.prefix.len())
    }

    /// Why a name of the headers is left out, if it is.
    #[must_use]
    pub fn exception(&self, name: &str) -> Option<&'static str> {
        self.exceptions
            .iter()
            .find(|(excepted, _)| *excepted == name)
            .map(|(_, reason)| *reason)
    }
}
