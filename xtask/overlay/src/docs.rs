//! The texts of the items, read from TOML.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// What is said of one item.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The first release that has it: a kernel's version, or a C library's.
    pub since: Option<String>,
    /// One line.
    pub doc: String,
    /// A record's fields.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// The texts of one interface.
#[derive(Debug, Clone)]
pub struct Docs(BTreeMap<String, Entry>);

impl Docs {
    /// Parses the table of an interface.
    ///
    /// # Errors
    ///
    /// It is not TOML of that shape.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text)
            .map(Self)
            .context("the table of texts is malformed")
    }

    /// What is said of an item.
    #[must_use]
    pub fn get(&self, item: &str) -> Option<&Entry> {
        self.0.get(item)
    }

    /// The names of all items that something is said of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The text for an item, its version at the end.
    #[must_use]
    pub fn item(&self, item: &str) -> Option<String> {
        let entry = self.get(item)?;
        Some(match &entry.since {
            // A C library's version comes with its name; `POSIX` says that it was always there.
            Some(since) if since.starts_with(|first: char| first.is_ascii_digit()) => {
                format!("{} Since Linux {since}.", entry.doc)
            }
            Some(since) if since.contains(' ') => format!("{} Since {since}.", entry.doc),
            Some(_) | None => entry.doc.clone(),
        })
    }

    /// The text for a record's field; reserved and internal ones have a common one.
    #[must_use]
    pub fn field(&self, record: &str, field: &str) -> Option<String> {
        let own = self.get(record).and_then(|entry| entry.fields.get(field));
        let common = if is_reserved(field) {
            Some("Reserved; must be zero.")
        } else if field.starts_with("__") {
            Some("Internal to the C library.")
        } else {
            None
        };
        own.map(String::as_str).or(common).map(str::to_owned)
    }
}

/// Whether a field's name says that it is padding.
#[must_use]
pub(crate) fn is_reserved(field: &str) -> bool {
    let name = field.trim_start_matches('_');
    ["pad", "resv", "rsvd", "glibc_reserved", "dummy"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}
