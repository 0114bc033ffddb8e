//! Whether everything that the headers name is in the bindings, and has a text.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use uapi_overlay::listing::Listing;
use uapi_overlay::{Bindings, Docs, Interface};

/// Compares the listing that libclang gave with what was generated.
///
/// # Errors
///
/// Names what is missing.
pub(super) fn check(interface: &Interface, listing: &Listing, bindings: &Bindings) -> Result<()> {
    let faults = missing(interface, listing, bindings);
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} faults:\n  {}", faults.len(), faults.join("\n  "));
}

fn missing(interface: &Interface, listing: &Listing, bindings: &Bindings) -> Vec<String> {
    let mut have: BTreeSet<String> = BTreeSet::new();
    have.extend(
        bindings
            .constants
            .iter()
            .map(|constant| constant.name.clone()),
    );
    have.extend(bindings.typedefs.iter().map(|typedef| typedef.name.clone()));
    have.extend(
        bindings
            .functions
            .iter()
            .map(|function| function.name.clone()),
    );
    for record in &bindings.records {
        let name = record.name.to_string();
        let (c_name, prefix) = match &record.within {
            Some((outer, path)) => (outer.clone(), format!("{path}.")),
            None => (name.clone(), String::new()),
        };
        have.insert(name);
        have.extend(
            record
                .leaves
                .iter()
                .map(|leaf| format!("{c_name}.{prefix}{}", leaf.name)),
        );
    }

    let fields = listing.records.iter().flat_map(|record| {
        record.fields.iter().map(move |field| {
            (
                record.name.as_str(),
                format!("{}.{}", record.name, field.name),
            )
        })
    });
    let plain = listing
        .constants
        .iter()
        .chain(&listing.typedefs)
        .chain(&listing.functions)
        .chain(listing.records.iter().map(|record| &record.name))
        .map(|name| (name.as_str(), name.clone()));
    plain
        .chain(fields)
        .filter(|(excepted, full)| interface.exception(excepted).is_none() && !have.contains(full))
        .map(|(_, full)| format!("{full} is in the headers and not in the bindings"))
        .collect()
}

/// Which items and fields of any target have no text, and which texts no target has an item or a
/// field for: those would mislead.
///
/// # Errors
///
/// The table of texts is malformed.
pub(super) fn text_faults<'a>(
    interface: &Interface,
    bindings: impl Iterator<Item = &'a Bindings>,
) -> Result<Vec<String>> {
    let docs = Docs::parse(interface.docs)?;
    let (mut untold, mut known) = (BTreeSet::new(), BTreeSet::new());
    for bindings in bindings {
        let constants = bindings.constants.iter().map(|item| item.name.clone());
        let functions = bindings.functions.iter().map(|item| item.name.clone());
        let records = bindings.records.iter().map(|item| item.name.to_string());
        for name in constants.chain(functions).chain(records) {
            if docs.get(&name).is_none() {
                untold.insert(name.clone());
            }
            known.insert(name);
        }
        // Names of types have a common text.
        known.extend(bindings.typedefs.iter().map(|item| item.name.clone()));
        for record in &bindings.records {
            let name = record.name.to_string();
            for leaf in &record.leaves {
                let full = format!("{name}.{}", leaf.name);
                if docs.field(&name, &leaf.name).is_none() {
                    untold.insert(full.clone());
                }
                known.insert(full);
            }
        }
    }
    let fields = docs.names().flat_map(|name| {
        let fields = docs
            .get(name)
            .map(|entry| entry.fields.keys())
            .into_iter()
            .flatten();
        fields.map(move |field| format!("{name}.{field}"))
    });
    let stale = docs
        .names()
        .map(str::to_owned)
        .chain(fields)
        .filter(|name| !known.contains(name));

    let krate = interface.krate;
    Ok(untold
        .iter()
        .map(|name| format!("{krate}::{name} has no text"))
        .chain(stale.map(|name| format!("{krate}::{name} has a text and is in no header")))
        .collect())
}
