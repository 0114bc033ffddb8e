//! One side's constants and records, and how two sides differ.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use anyhow::{Context, Result, bail};

/// What one side says of an interface.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Values by name. They are compared as numbers: a constant whose sign differs from C's differs.
    pub(crate) constants: BTreeMap<String, i128>,
    /// Records by name.
    pub(crate) records: BTreeMap<String, Record>,
}

/// A struct or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) size: usize,
    pub(crate) align: usize,
    /// Its fields by name.
    pub(crate) fields: BTreeMap<String, Place>,
}

/// Where a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    /// 0 for a flexible array.
    pub(crate) size: usize,
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "size {}, align {}", self.size, self.align)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}, size {}", self.offset, self.size)
    }
}

impl View {
    pub(crate) fn add_constant(&mut self, name: &str, value: i128) {
        let twice = self.constants.insert(name.to_owned(), value);
        assert_eq!(twice, None, "{name} is there twice");
    }

    pub(crate) fn add_record(&mut self, name: &str, size: usize, align: usize) {
        let record = Record {
            size,
            align,
            fields: BTreeMap::new(),
        };
        let twice = self.records.insert(name.to_owned(), record);
        assert_eq!(twice, None, "{name} is there twice");
    }

    pub(crate) fn add_field(&mut self, record: &str, name: &str, offset: usize, size: usize) {
        let record = self.records.get_mut(record).expect("a field has a record");
        let twice = record
            .fields
            .insert(name.to_owned(), Place { offset, size });
        assert_eq!(twice, None, "{name} is there twice");
    }

    /// Reads what the C program prints.
    ///
    /// A record without a tag that is a named field of another is known to the crates by the names of
    /// both: its fields, which C reaches as `outer.field.inner`, are those of `outer_field`.
    pub(crate) fn parse(output: &str) -> Result<Self> {
        let mut view = Self::default();
        let mut nested = Vec::new();
        for line in output.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| -> Result<usize> { word.parse().context("no number") };
            match *words {
                ["constant", name, value] => view.add_constant(name, value.parse()?),
                ["record", name, size, align] => {
                    view.add_record(name, number(size)?, number(align)?);
                }
                ["field", record, path, offset, size, align] => {
                    let (offset, size, align) = (number(offset)?, number(size)?, number(align)?);
                    let Some((parent, field)) = path.rsplit_once('.') else {
                        view.add_field(record, path, offset, size);
                        nested.push((format!("{record}_{path}"), offset, size, align));
                        continue;
                    };
                    let parent = format!("{record}_{}", parent.replace('.', "_"));
                    // The field that the record is has been printed before those in it.
                    let (_, base, whole, whole_align) = nested
                        .iter()
                        .find(|(name, ..)| *name == parent)
                        .with_context(|| format!("no {parent} before {line:?}"))?;
                    if !view.records.contains_key(&parent) {
                        view.add_record(&parent, *whole, *whole_align);
                    }
                    view.add_field(&parent, field, offset - base, size);
                    nested.push((format!("{parent}_{field}"), offset, size, align));
                }
                _ => bail!("the program printed {line:?}"),
            }
        }
        Ok(view)
    }

    /// How much there is, for people.
    pub(crate) fn counts(&self) -> String {
        let fields: usize = self
            .records
            .values()
            .map(|record| record.fields.len())
            .sum();
        format!(
            "{} constants, {} records, {fields} fields",
            self.constants.len(),
            self.records.len()
        )
    }
}

/// Everything that one side lacks or has otherwise.
pub(crate) fn differences(c: &View, ours: &View) -> Vec<String> {
    let mut found = Vec::new();
    each_difference("", &c.constants, &ours.constants, &mut found);
    let no_fields = |view: &View| -> BTreeMap<String, Record> {
        let bare = view.records.iter().map(|(name, record)| {
            let fields = BTreeMap::new();
            (name.clone(), Record { fields, ..*record })
        });
        bare.collect()
    };
    each_difference("", &no_fields(c), &no_fields(ours), &mut found);
    for (name, record) in &c.records {
        if let Some(own) = ours.records.get(name) {
            each_difference(&format!("{name}."), &record.fields, &own.fields, &mut found);
        }
    }
    found
}

fn each_difference<T: PartialEq + Display>(
    prefix: &str,
    c: &BTreeMap<String, T>,
    ours: &BTreeMap<String, T>,
    found: &mut Vec<String>,
) {
    let names: std::collections::BTreeSet<_> = c.keys().chain(ours.keys()).collect();
    for name in names {
        let (theirs, own) = (c.get(name), ours.get(name));
        if theirs != own {
            let text = |side: Option<&T>| side.map_or("nothing".to_owned(), T::to_string);
            found.push(format!(
                "{prefix}{name}: C has {}, the crate has {}",
                text(theirs),
                text(own)
            ));
        }
    }
}
