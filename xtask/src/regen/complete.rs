//! Whether everything that the headers name is in the bindings, and has a text.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use uapi_overlay::listing::Listing;
use uapi_overlay::{Bindings, Docs, Interface};

/// Fails if the headers have something that the bindings lack.
///
/// # Errors
///
/// Names what is missing.
pub(super) fn check(interface: &Interface, listing: &Listing, bindings: &Bindings) -> Result<()> {
    let missing = missing(interface, listing, bindings);
    if !missing.is_empty() {
        bail!("{} faults:\n  {}", missing.len(), missing.join("\n  "));
    }
    Ok(())
}

/// What a maintainer owes the bindings: rules for the types of constants, and texts. One line each.
///
/// # Errors
///
/// The table of texts is malformed.
pub(super) fn owed(interface: &Interface, bindings: &[&Bindings]) -> Result<BTreeSet<String>> {
    let mut owed = stale_texts(interface, bindings)?;
    for bindings in bindings {
        owed.extend(bindings.unruled.iter().map(|name| {
            format!("{name}: the table has no rule for its type (xtask/overlay/src/interfaces)")
        }));
        owed.extend(untold(interface, bindings)?);
    }
    Ok(owed)
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

fn untold(interface: &Interface, bindings: &Bindings) -> Result<Vec<String>> {
    let docs = Docs::parse(interface.docs)?;
    let mut faults = Vec::new();
    let constants = bindings
        .constants
        .iter()
        .map(|constant| constant.name.clone());
    let functions = bindings
        .functions
        .iter()
        .map(|function| function.name.clone());
    let records = bindings
        .records
        .iter()
        .map(|record| record.name.to_string());
    for name in constants.chain(functions).chain(records) {
        if docs.get(&name).is_none() {
            faults.push(format!("{name}: no text (xtask/overlay/docs)"));
        }
    }
    for record in &bindings.records {
        let name = record.name.to_string();
        for leaf in &record.leaves {
            if docs.field(&name, &leaf.name).is_none() {
                faults.push(format!(
                    "{name}.{}: no text (xtask/overlay/docs)",
                    leaf.name
                ));
            }
        }
    }
    Ok(faults)
}

/// Texts that are about nothing: they would mislead.
fn stale_texts(interface: &Interface, bindings: &[&Bindings]) -> Result<BTreeSet<String>> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for bindings in bindings {
        known.extend(
            bindings
                .constants
                .iter()
                .map(|constant| constant.name.clone()),
        );
        known.extend(bindings.typedefs.iter().map(|typedef| typedef.name.clone()));
        known.extend(
            bindings
                .functions
                .iter()
                .map(|function| function.name.clone()),
        );
        for record in &bindings.records {
            known.insert(record.name.to_string());
            known.extend(
                record
                    .leaves
                    .iter()
                    .map(|leaf| format!("{}.{}", record.name, leaf.name)),
            );
        }
    }
    let docs = Docs::parse(interface.docs)?;
    let names = docs.names().map(str::to_owned);
    let fields = docs.names().flat_map(|name| {
        let fields = docs
            .get(name)
            .map(|entry| entry.fields.keys())
            .into_iter()
            .flatten();
        fields.map(move |field| format!("{name}.{field}"))
    });
    let stale = names.chain(fields).filter(|name| !known.contains(name));
    Ok(stale
        .map(|name| format!("{name}: a text about nothing (xtask/overlay/docs)"))
        .collect())
}
