//! What a new header brought, in plain words: the first thing that a maintainer reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::{ForeignItem, ImplItem, Item};

use super::generate::Files;

/// One item of the bindings, as a reader knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary {
    /// `constant`, `struct`, `union`, `type` or `function`.
    kind: &'static str,
    /// The value, type or signature.
    text: String,
    /// A record's fields and their types.
    fields: BTreeMap<String, String>,
}

/// Everything by name; an item that differs between targets by name and variant.
type Summaries = BTreeMap<String, Summary>;

/// Lists what was added, removed and changed between two generations.
///
/// # Errors
///
/// One of the files is not Rust.
pub fn describe(old: &Files, new: &Files) -> Result<String> {
    let (old, new) = (summarise(old)?, summarise(new)?);
    let mut text = String::new();
    let added: Vec<_> = new
        .iter()
        .filter(|(name, _)| !old.contains_key(*name))
        .collect();
    let removed: Vec<_> = old
        .iter()
        .filter(|(name, _)| !new.contains_key(*name))
        .collect();
    let changed: Vec<_> = new
        .iter()
        .filter_map(|(name, is)| Some((name, old.get(name).filter(|was| *was != is)?, is)))
        .collect();

    section(
        &mut text,
        "Added",
        added.iter().map(|(name, item)| introduce(name, item)),
    );
    section(
        &mut text,
        "Removed (a user's code may name it)",
        removed.iter().map(|(name, item)| introduce(name, item)),
    );
    section(
        &mut text,
        "Changed",
        changed
            .iter()
            .flat_map(|(name, was, is)| compare(name, was, is)),
    );
    if text.is_empty() {
        text.push_str("The headers differ in nothing that the bindings show.\n");
    }
    Ok(text)
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<_> = lines.collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "{title}: {}", lines.len());
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
}

fn introduce(name: &str, item: &Summary) -> String {
    match item.kind {
        "struct" | "union" => {
            let fields: Vec<_> = item
                .fields
                .iter()
                .map(|(field, ty)| format!("{field}: {ty}"))
                .collect();
            format!("{} {name} {{ {} }}", item.kind, fields.join(", "))
        }
        kind => {
            let equals = if kind == "type" { " =" } else { ":" };
            format!("{kind} {name}{equals} {}", item.text)
        }
    }
}

fn compare(name: &str, was: &Summary, is: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    // A record's text is empty: its fields tell how it changed.
    if (was.kind, &was.text) != (is.kind, &is.text) {
        let is_now = if was.kind == is.kind {
            is.text.clone()
        } else {
            introduce(name, is)
        };
        lines.push(format!("{} is now {is_now}", introduce(name, was)));
    }
    for (field, ty) in &is.fields {
        match was.fields.get(field) {
            None => lines.push(format!("{name}: new field {field}: {ty}")),
            Some(old) if old != ty => {
                lines.push(format!("{name}: field {field} was {old} and is {ty}"))
            }
            Some(_) => {}
        }
    }
    for (field, ty) in was
        .fields
        .iter()
        .filter(|(field, _)| !is.fields.contains_key(*field))
    {
        lines.push(format!("{name}: field {field}: {ty} is gone"));
    }
    lines
}

fn summarise(files: &Files) -> Result<Summaries> {
    let mut found = Summaries::new();
    for (path, text) in files {
        let krate = path
            .iter()
            .next()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let folder = path
            .parent()
            .and_then(|folder| folder.file_name())
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_items = ["constants.rs", "types.rs", "functions.rs"]
            .iter()
            .any(|name| path.ends_with(name));
        if !is_items {
            continue;
        }
        let file =
            syn::parse_file(text).with_context(|| format!("{} is not Rust", path.display()))?;
        let label = |name: &str| match folder.as_str() {
            "common" => format!("{krate}::{name}"),
            variant => format!("{krate}::{name} ({variant})"),
        };
        for item in file.items {
            summarise_item(item, &label, &mut found);
        }
    }
    Ok(found)
}

fn summarise_item(item: Item, label: &dyn Fn(&str) -> String, found: &mut Summaries) {
    let plain = |kind, text| Summary {
        kind,
        text,
        fields: BTreeMap::new(),
    };
    match item {
        Item::Const(item) if item.ident != "_" => {
            let text = format!("{} = {}", tokens(&item.ty), tokens(&item.expr));
            found.insert(label(&item.ident.to_string()), plain("constant", text));
        }
        Item::Type(item) => {
            found.insert(
                label(&item.ident.to_string()),
                plain("type", tokens(&item.ty)),
            );
        }
        Item::Struct(item) => record("struct", &item.ident, item.fields.iter(), label, found),
        Item::Union(item) => record("union", &item.ident, item.fields.named.iter(), label, found),
        // Fields of unnamed members are known by their accessors.
        Item::Impl(item) if item.trait_.is_none() => {
            let name = label(&tokens(&item.self_ty));
            let Some(summary) = found.get_mut(&name) else {
                return;
            };
            for item in item.items {
                let ImplItem::Fn(method) = item else { continue };
                let name = method.sig.ident.to_string();
                if let syn::ReturnType::Type(_, ty) = &method.sig.output {
                    summary
                        .fields
                        .insert(name.trim_start_matches("r#").to_owned(), tokens(ty));
                }
            }
        }
        Item::ForeignMod(block) => {
            for item in block.items {
                if let ForeignItem::Fn(function) = item {
                    let text = tokens(&function.sig);
                    found.insert(
                        label(&function.sig.ident.to_string()),
                        plain("function", text),
                    );
                }
            }
        }
        _ => {}
    }
}

fn record<'a>(
    kind: &'static str,
    ident: &syn::Ident,
    fields: impl Iterator<Item = &'a syn::Field>,
    label: &dyn Fn(&str) -> String,
    found: &mut Summaries,
) {
    let name = ident.to_string();
    // The unnamed members' own types are ours, not the header's.
    if name.ends_with("_union") || name.ends_with("_struct") {
        return;
    }
    let fields = fields
        .filter_map(|field| {
            let ty = tokens(&field.ty);
            let is_unnamed = ty.ends_with("_union") || ty.ends_with("_struct");
            Some((
                field
                    .ident
                    .as_ref()?
                    .to_string()
                    .trim_start_matches("r#")
                    .to_owned(),
                ty,
            ))
            .filter(|_| !is_unnamed)
        })
        .collect();
    found.insert(
        label(&name),
        Summary {
            kind,
            text: String::new(),
            fields,
        },
    );
}

fn tokens(item: &impl ToTokens) -> String {
    let mut text = item.to_token_stream().to_string();
    // Values are spelled without `<` but in `<<`, and without `>`.
    for (apart, together) in [
        (" :: ", "::"),
        (" : ", ": "),
        (" ;", ";"),
        (" ,", ","),
        ("[ ", "["),
        (" ]", "]"),
        (" (", "("),
        ("* ", "*"),
        (" < ", "<"),
        (" >", ">"),
    ] {
        text = text.replace(apart, together);
    }
    text.trim_start_matches(":: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<const N: usize>(texts: [(&str, &str); N]) -> Files {
        texts
            .map(|(path, text)| (path.into(), text.to_owned()))
            .into()
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let old = files([
            (
                "some-sys/src/generated/common/constants.rs",
                "pub const GONE: u32 = 1;
                 pub const SAME: u32 = 2;
                 pub const TYPED: u32 = 3;
                 pub const VALUED: u32 = 1 << 4;",
            ),
            (
                "some-sys/src/generated/common/types.rs",
                "pub type word = u32;
                 pub struct grown { pub a: u32, pub both: grown_both_union }
                 impl grown { pub const fn both(&self) -> u32 { 0 } }
                 pub struct lost { pub a: u32 }
                 pub struct shrunk { pub a: u32, pub b: [u64; 2] }
                 pub struct retyped { pub r#type: u32 }
                 pub union grown_both_union { both: u32 }",
            ),
            (
                "some-sys/src/generated/one/functions.rs",
                "unsafe extern \"C\" { pub fn call(a: *mut u32, b: Option<word>) -> i32; pub fn old(); }",
            ),
            // No items of the headers are in these.
            (
                "some-sys/src/generated/common/layout.rs",
                "const A: u32 = 1;",
            ),
            ("some-sys/src/generated/mod.rs", "mod common;"),
        ]);
        let new = files([
            (
                "some-sys/src/generated/common/constants.rs",
                "pub const ADDED: u8 = 7;
                 pub const SAME: u32 = 2;
                 pub const TYPED: u64 = 3;
                 pub const VALUED: u32 = 1 << 5;",
            ),
            (
                "some-sys/src/generated/common/types.rs",
                "pub type word = u64;
                 pub struct fresh { pub a: u32, pub b: *mut u8 }
                 pub struct grown { pub a: u32, pub both: grown_both_union, pub c: i64 }
                 impl grown {
                     pub const fn both(&self) -> u32 { 0 }
                     pub const fn other(&self) -> u16 { 0 }
                     pub const fn set_other(&mut self, value: u16) {}
                 }
                 pub struct shrunk { pub a: u32 }
                 pub struct retyped { pub r#type: u16 }
                 pub union grown_both_union { both: u32, other: u16 }",
            ),
            (
                "some-sys/src/generated/one/functions.rs",
                "unsafe extern \"C\" { pub fn call(a: *mut u64, b: Option<word>) -> i32; pub fn new(); }",
            ),
            (
                "some-sys/src/generated/common/layout.rs",
                "const A: u32 = 2;",
            ),
            ("some-sys/src/generated/mod.rs", "mod common; mod one;"),
        ]);
        assert_eq!(
            describe(&old, &new).unwrap(),
            "\
Added: 3
  constant some-sys::ADDED: u8 = 7
  struct some-sys::fresh { a: u32, b: *mut u8 }
  function some-sys::new (one): fn new()
Removed (a user's code may name it): 3
  constant some-sys::GONE: u32 = 1
  struct some-sys::lost { a: u32 }
  function some-sys::old (one): fn old()
Changed: 8
  constant some-sys::TYPED: u32 = 3 is now u64 = 3
  constant some-sys::VALUED: u32 = 1 << 4 is now u32 = 1 << 5
  function some-sys::call (one): fn call(a: *mut u32, b: Option<word>) -> i32 is now fn call(a: *mut u64, b: Option<word>) -> i32
  some-sys::grown: new field c: i64
  some-sys::grown: new field other: u16
  some-sys::retyped: field type was u32 and is u16
  some-sys::shrunk: field b: [u64; 2] is gone
  type some-sys::word = u32 is now u64
"
        );
    }

    #[test]
    fn nothing_is_told_of_the_same_files() {
        let text = "pub const SAME: u32 = 2;";
        let same = files([("some-sys/src/generated/common/constants.rs", text)]);
        assert_eq!(
            describe(&same, &same).unwrap(),
            "The headers differ in nothing that the bindings show.\n"
        );
        let broken = files([("some-sys/src/generated/common/constants.rs", "pub const")]);
        let error = describe(&same, &broken).unwrap_err().to_string();
        assert!(error.contains("common/constants.rs is not Rust"), "{error}");
    }
}
