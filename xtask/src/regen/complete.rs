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

/// What a maintainer owes the bindings, one line each: rules for the types of constants, texts for
/// items and fields, and the removal of texts that no target has anything for.
///
/// # Errors
///
/// The table of texts is malformed.
pub(super) fn owed<'a>(
    interface: &Interface,
    bindings: impl Iterator<Item = &'a Bindings>,
) -> Result<Vec<String>> {
    let docs = Docs::parse(interface.docs)?;
    let (mut untold, mut known) = (BTreeSet::new(), BTreeSet::new());
    let mut unruled = BTreeSet::new();
    for bindings in bindings {
        unruled.extend(&bindings.unruled);
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
    Ok(unruled
        .iter()
        .map(|name| format!("{krate}::{name} has no rule for its type"))
        .chain(
            untold
                .iter()
                .map(|name| format!("{krate}::{name} has no text")),
        )
        .chain(stale.map(|name| format!("{krate}::{name} has a text and is in no header")))
        .collect())
}

#[cfg(all(test, feature = "generator"))]
mod tests {
    use uapi_overlay::URING;
    use uapi_overlay::targets::TARGETS;

    use super::*;
    use crate::headers::Headers;
    use crate::regen::generate;

    /// Both readings of the pinned headers of io_uring, for one target.
    fn model() -> (Listing, Bindings) {
        let cache = crate::workspace::root().join("target/headers");
        let headers = Headers::obtain(None, false, &cache, &|_| {}).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let input = generate::input(&URING, &headers, &TARGETS[0], false, scratch.path());
        let listing = Listing::read(&URING, &input).unwrap();
        let bindings = Bindings::generate(&URING, &listing, &input).unwrap();
        (listing, bindings)
    }

    #[test]
    fn what_the_model_lacks_is_named() {
        let (listing, whole) = model();
        check(&URING, &listing, &whole).unwrap();

        let (_, mut bindings) = model();
        bindings
            .constants
            .retain(|item| item.name != "IORING_OP_READV");
        bindings
            .typedefs
            .retain(|item| item.name != "io_uring_napi_op");
        bindings
            .records
            .retain(|item| item.name != "io_uring_getevents_arg");
        let mut lose = |record: &str, field: &str| {
            let found = bindings
                .records
                .iter_mut()
                .find(|item| item.name == record)
                .unwrap();
            let before = found.leaves.len();
            found.leaves.retain(|leaf| leaf.name != field);
            assert_eq!(found.leaves.len(), before - 1);
        };
        // A plain one, one in an unnamed struct in an unnamed union, one of a record without a tag.
        lose("io_uring_params", "features");
        lose("io_uring_sqe", "optname");
        lose("io_uring_bpf_ctx_socket", "family");

        let message = check(&URING, &listing, &bindings).unwrap_err().to_string();
        let mut named: Vec<_> = message
            .lines()
            .filter_map(|line| line.strip_suffix(" is in the headers and not in the bindings"))
            .map(str::trim)
            .collect();
        named.sort_unstable();
        assert_eq!(
            named,
            [
                "IORING_OP_READV",
                "io_uring_bpf_ctx.socket.family",
                "io_uring_getevents_arg",
                "io_uring_getevents_arg.min_wait_usec",
                "io_uring_getevents_arg.sigmask",
                "io_uring_getevents_arg.sigmask_sz",
                "io_uring_getevents_arg.ts",
                "io_uring_napi_op",
                "io_uring_params.features",
                "io_uring_sqe.optname",
            ]
        );
        assert!(message.starts_with("10 faults:"), "{message}");
    }

    #[test]
    fn missing_and_stale_texts_are_named() {
        let (_, bindings) = model();
        assert_eq!(owed(&URING, [&bindings].into_iter()).unwrap(), [""; 0]);

        // The headings change their names: what they were about has no text any more.
        let rename = |text: String, from: &str, to: &str| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replace(from, to)
        };
        let text = rename(
            URING.docs.to_owned(),
            "[IORING_OP_READV]",
            "[IORING_OP_GONE]",
        );
        let text = rename(text, "fields.wq_fd ", "fields.gone ");
        let interface = Interface {
            docs: text.leak(),
            ..URING
        };
        assert_eq!(
            owed(&interface, [&bindings].into_iter()).unwrap(),
            [
                "uring-sys::IORING_OP_READV has no text",
                "uring-sys::io_uring_params.wq_fd has no text",
                "uring-sys::IORING_OP_GONE has a text and is in no header",
                "uring-sys::io_uring_params.gone has a text and is in no header",
            ]
        );
    }
}
