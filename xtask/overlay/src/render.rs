//! The model, written as Rust.

use anyhow::{Context, Result};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::docs::{Docs, is_reserved};
use crate::interface::Interface;
use crate::model::{Bindings, Constant, Function, Leaf, Record, Typedef};
use crate::rewrite::spell;

/// Which part of a crate an item belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Constants.
    Constants,
    /// Structs, unions and type names.
    Types,
    /// Functions.
    Functions,
}

/// One item of the generated text.
#[derive(Debug, Clone)]
pub struct Item {
    /// The name in C.
    pub name: String,
    /// Where it goes.
    pub section: Section,
    /// The Rust item, or for a function its declaration.
    pub tokens: TokenStream,
}

/// Every item of the bindings, each with its text.
///
/// # Errors
///
/// The table of texts is malformed.
pub fn items(interface: &Interface, bindings: &Bindings) -> Result<Vec<Item>> {
    let docs = Docs::parse(interface.docs)?;
    let constants = bindings.constants.iter().map(|constant| Item {
        name: constant.name.clone(),
        section: Section::Constants,
        tokens: constant_item(constant, &docs),
    });
    let typedefs = bindings.typedefs.iter().map(|typedef| Item {
        name: typedef.name.clone(),
        section: Section::Types,
        tokens: typedef_item(typedef, &docs),
    });
    let records = bindings.records.iter().map(|record| Item {
        name: record.name.to_string(),
        section: Section::Types,
        tokens: record_items(record, interface, &docs),
    });
    let functions = bindings.functions.iter().map(|function| Item {
        name: function.name.clone(),
        section: Section::Functions,
        tokens: function_item(function, &docs),
    });
    Ok(constants
        .chain(typedefs)
        .chain(records)
        .chain(functions)
        .collect())
}

/// The text of some items, formatted.
///
/// # Errors
///
/// The tokens are no Rust items, which is a mistake of this crate.
pub fn render<'a>(items: impl IntoIterator<Item = &'a Item>) -> Result<String> {
    let mut plain = TokenStream::new();
    let mut functions = TokenStream::new();
    for item in items {
        match item.section {
            Section::Functions => functions.extend(item.tokens.clone()),
            Section::Constants | Section::Types => plain.extend(item.tokens.clone()),
        }
    }
    if !functions.is_empty() {
        plain.extend(quote!(unsafe extern "C" { #functions }));
    }
    let file = syn::parse2(plain).context("the generated text does not parse")?;
    Ok(with_safety_comments(&prettyplease::unparse(&file)))
}

/// Puts the argument before each unsafe block; tokens cannot carry comments.
fn with_safety_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let code = line.trim_start();
        if code.contains("unsafe {") {
            let reason = if code.contains("zeroed") {
                "all bytes zero is a value of each field: they are integers, pointers and arrays of them."
            } else {
                "every byte of the union is initialised (see the module's text), and any bytes make an integer."
            };
            out.push_str(&line[..line.len() - code.len()]);
            out.push_str("// SAFETY: ");
            out.push_str(reason);
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn doc(text: Option<String>) -> TokenStream {
    text.map_or_else(TokenStream::new, |text| {
        let text = format!(" {text}");
        quote!(#[doc = #text])
    })
}

fn constant_item(constant: &Constant, docs: &Docs) -> TokenStream {
    let doc = doc(docs.item(&constant.name));
    let name = format_ident!("{}", constant.name);
    let (ty, value) = (tokens(constant.ty), tokens(&spell(constant)));
    quote!(#doc pub const #name: #ty = #value;)
}

fn typedef_item(typedef: &Typedef, docs: &Docs) -> TokenStream {
    let text = docs.item(&typedef.name);
    let common = if typedef.is_enum {
        format!("The type of the values of C's `enum {}`.", typedef.name)
    } else {
        format!("Another name for [`{}`].", typedef.ty)
    };
    let doc = doc(text.or(Some(common)));
    let (name, ty) = (format_ident!("{}", typedef.name), &typedef.ty);
    quote!(#doc pub type #name = #ty;)
}

fn function_item(function: &Function, docs: &Docs) -> TokenStream {
    let (doc, item) = (doc(docs.item(&function.name)), &function.item);
    quote!(#doc #item)
}

fn record_items(record: &Record, interface: &Interface, docs: &Docs) -> TokenStream {
    let mut items = definition(record, interface, docs);
    let accessors: TokenStream = record
        .leaves
        .iter()
        .map(|leaf| accessor(record, leaf, docs))
        .collect();
    if !accessors.is_empty() {
        let name = &record.name;
        items.extend(quote!(impl #name { #accessors }));
    }
    for inner in &record.inner {
        items.extend(transparent(inner));
    }
    items
}

/// The struct or union itself.
fn definition(record: &Record, interface: &Interface, docs: &Docs) -> TokenStream {
    let name = &record.name;
    let c_name = name.to_string();
    let doc = doc(docs.item(&c_name));
    let members = record.members.iter().map(|(member, ty)| {
        let inner = record
            .inner
            .iter()
            .find(|inner| inner.name == ty.to_string());
        let doc = self::doc(match inner {
            Some(inner) => Some(format!(
                "Overlapping fields, reached by methods: {}.",
                leaf_names(inner)
            )),
            None => docs.field(&c_name, &bare(member)),
        });
        quote!(#doc pub #member: #ty,)
    });
    let repr = if interface.aligned.contains(&c_name.as_str()) {
        quote!(#[repr(C, align(8))])
    } else {
        repr(record)
    };
    if record.is_union {
        let zeroed = zeroed_default(name);
        let debug = opaque_debug(name);
        return quote!(#doc #repr #[derive(Clone, Copy)] pub union #name { #(#members)* } #debug #zeroed);
    }
    // Raw pointers have no default of their own.
    let (default, zeroed) = if record.has_pointer {
        (TokenStream::new(), zeroed_default(name))
    } else {
        (quote!(, Default), TokenStream::new())
    };
    quote!(#doc #repr #[derive(Clone, Copy, Debug #default)] pub struct #name { #(#members)* } #zeroed)
}

/// An unnamed union or struct. Nobody outside the crate can name its fields, so a union is only ever
/// made by zeroing or copying a whole one: none of its bytes is uninitialised.
fn transparent(record: &Record) -> TokenStream {
    let name = &record.name;
    let repr = repr(record);
    let members = record
        .members
        .iter()
        .map(|(member, ty)| quote!(pub(crate) #member: #ty,));
    let text = format!(" Unnamed in C; overlapping fields: {}.", leaf_names(record));
    let mut items = if record.is_union {
        let zeroed = zeroed_default(name);
        let first = &record.members[0].0;
        let label = bare(first);
        let ident = name.to_string();
        quote! {
            #[doc = #text] #repr #[derive(Clone, Copy)] pub union #name { #(#members)* }
            impl ::core::fmt::Debug for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    let first = unsafe { self.#first };
                    f.debug_struct(#ident).field(#label, &first).finish_non_exhaustive()
                }
            }
            #zeroed
        }
    } else {
        quote!(#repr #[derive(Clone, Copy, Debug, Default)] pub(crate) struct #name { #(#members)* })
    };
    for inner in &record.inner {
        items.extend(transparent(inner));
    }
    items
}

fn leaf_names(record: &Record) -> String {
    let names: Vec<_> = record
        .leaves
        .iter()
        .map(|leaf| format!("`{}`", leaf.name))
        .collect();
    names.join(", ")
}

fn repr(record: &Record) -> TokenStream {
    if record.is_packed {
        quote!(#[repr(C, packed)])
    } else {
        quote!(#[repr(C)])
    }
}

fn zeroed_default(name: &Ident) -> TokenStream {
    quote! {
        impl Default for #name {
            fn default() -> Self {
                unsafe { ::core::mem::zeroed() }
            }
        }
    }
}

fn opaque_debug(name: &Ident) -> TokenStream {
    let ident = name.to_string();
    quote! {
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#ident).finish_non_exhaustive()
            }
        }
    }
}

/// The methods for a field that is not a plain member of its record.
fn accessor(record: &Record, leaf: &Leaf, docs: &Docs) -> TokenStream {
    let field = docs.field(&record.name.to_string(), &leaf.name);
    if let Some(element) = leaf.flexible.as_ref().filter(|_| !is_reserved(&leaf.name)) {
        return flexible_accessor(leaf, element, field);
    }
    if leaf.path.len() < 2 {
        return TokenStream::new();
    }
    let doc = doc(field);
    let name = accessor_ident(&leaf.name);
    let setter = format_ident!("set_{}", leaf.name.trim_start_matches('_'));
    let setter_doc = format!(" Sets [`{}`](Self::{}()).", leaf.name, leaf.name);
    let path = leaf.path.iter().map(|step| &step.member);
    let path = quote!(#(.#path)*);
    let ty = &leaf.ty;
    let in_union = leaf
        .path
        .iter()
        .any(|step| step.member.to_string().ends_with("_union"));
    let read = if in_union {
        quote!(unsafe { self #path })
    } else {
        quote!(self #path)
    };
    quote! {
        #doc
        #[inline]
        #[must_use]
        pub const fn #name(&self) -> #ty { #read }
        #[doc = #setter_doc]
        #[inline]
        pub const fn #setter(&mut self, value: #ty) { self #path = value; }
    }
}

/// Pointers to the elements of a flexible array: a reference to the record does not reach them.
fn flexible_accessor(leaf: &Leaf, element: &TokenStream, field: Option<String>) -> TokenStream {
    let doc = doc(field);
    let note = " A pointer to the first element. The record is passed by pointer, for a reference to it would not cover the elements.";
    let (get, get_mut) = (
        format_ident!("{}_ptr", leaf.name),
        format_ident!("{}_mut_ptr", leaf.name),
    );
    let offset = offset_expr(leaf);
    quote! {
        #doc
        #[doc = ""]
        #[doc = #note]
        #[inline]
        #[must_use]
        pub const fn #get(this: *const Self) -> *const #element {
            this.wrapping_byte_add(#offset).cast()
        }
        #doc
        #[doc = ""]
        #[doc = #note]
        #[inline]
        #[must_use]
        pub const fn #get_mut(this: *mut Self) -> *mut #element {
            this.wrapping_byte_add(#offset).cast()
        }
    }
}

fn accessor_ident(name: &str) -> Ident {
    syn::parse_str(name).unwrap_or_else(|_| Ident::new_raw(name, Span::call_site()))
}

/// Where a field lies in its record, as the compiler of the bindings has it.
fn offset_expr(leaf: &Leaf) -> TokenStream {
    let steps = leaf.path.iter().map(|step| {
        let (owner, member) = (&step.owner, &step.member);
        quote!(::core::mem::offset_of!(#owner, #member))
    });
    quote!(#(#steps)+*)
}

fn bare(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

fn tokens(text: &str) -> TokenStream {
    // The texts are the tables' types and the spelled values, which `rewrite` has parsed.
    text.parse().unwrap_or_default()
}

/// Compile-time assertions that some records are laid out as C lays them out; `layout` answers size
/// and alignment for a record (path in C), `field` offset and size for one of its fields.
///
/// # Errors
///
/// A record or field is unknown to `layout`.
pub fn layout_source(
    bindings: &Bindings,
    of: &[String],
    layout: &dyn Fn(&Record) -> Result<RecordLayout>,
) -> Result<String> {
    let mut assertions = TokenStream::new();
    for record in of
        .iter()
        .filter_map(|name| bindings.records.iter().find(|record| record.name == name))
    {
        let name = &record.name;
        let RecordLayout {
            size,
            align,
            fields,
        } = layout(record)?;
        let size = tokens(&size.to_string());
        let align = tokens(&align);
        assertions.extend(quote! {
            const_assert_eq!(size_of::<#name>(), #size);
            const_assert_eq!(align_of::<#name>(), #align);
        });
        for (leaf, (offset, size)) in record.leaves.iter().zip(fields) {
            let steps = leaf.path.iter().map(|step| {
                let (owner, member) = (&step.owner, &step.member);
                quote!(offset_of!(#owner, #member))
            });
            let (offset, size) = (tokens(&offset.to_string()), tokens(&size.to_string()));
            let ty = &leaf.ty;
            assertions.extend(quote! {
                const_assert_eq!(#(#steps)+*, #offset);
                const_assert_eq!(size_of::<#ty>(), #size);
            });
        }
        assertions.extend(record.inner.iter().map(unpadded).collect::<TokenStream>());
    }
    let file = syn::parse2(quote! {
        use core::mem::{align_of, size_of};
        use memoffset::offset_of;
        use static_assertions::const_assert_eq;
        use super::super::*;
        /// i686 aligns 64-bit integers to 4 bytes.
        #[allow(dead_code, reason = "a part may have no record whose alignment differs")]
        const EIGHT_OR_FOUR: usize = if cfg!(target_arch = "x86") { 4 } else { 8 };
        #assertions
    })?;
    // prettyplease leaves the insides of macros alone.
    let text = prettyplease::unparse(&file);
    Ok(text.replace(":: < ", "::<").replace(" > ()", ">()"))
}

/// How C lays out a record.
#[derive(Debug)]
pub struct RecordLayout {
    /// In bytes.
    pub size: u64,
    /// In bytes, as a Rust expression: it may depend on the target.
    pub align: String,
    /// Offset and size of each leaf, in their order.
    pub fields: Vec<(u64, u64)>,
}

/// Asserts that the unnamed structs of a record have no padding, which would be uninitialised after a
/// write of the whole struct.
fn unpadded(record: &Record) -> TokenStream {
    let mut assertions: TokenStream = record.inner.iter().map(unpadded).collect();
    if !record.is_union {
        let (name, types) = (&record.name, record.members.iter().map(|(_, ty)| ty));
        assertions.extend(quote!(const_assert_eq!(size_of::<#name>(), #(size_of::<#types>())+*);));
    }
    assertions
}

/// The items as data: what the feature `listing` of a crate adds.
///
/// # Errors
///
/// The table of texts is malformed.
pub fn listing_source(interface: &Interface, bindings: &Bindings, of: &[String]) -> Result<String> {
    let docs = Docs::parse(interface.docs)?;
    let since = |name: &str| match docs.get(name).and_then(|entry| entry.since.as_deref()) {
        Some(since) => quote!(Some(#since)),
        None => quote!(None),
    };
    let constants = of.iter().filter_map(|name| {
        bindings
            .constants
            .iter()
            .find(|constant| constant.name == *name)
    });
    let constants = constants.map(|constant| {
        let (name, ident, since) = (
            &constant.name,
            format_ident!("{}", constant.name),
            since(&constant.name),
        );
        quote!(Constant { name: #name, value: #ident as i128, since: #since },)
    });
    let records = of
        .iter()
        .filter_map(|name| bindings.records.iter().find(|record| record.name == name));
    let records = records.map(|record| {
        let (name, ident) = (record.name.to_string(), &record.name);
        let since = since(&name);
        let fields = record.leaves.iter().map(|leaf| {
            let (field, ty, offset) = (&leaf.name, &leaf.ty, offset_expr(leaf));
            quote!(Field { name: #field, offset: #offset, size: ::core::mem::size_of::<#ty>() },)
        });
        quote! {
            Record {
                name: #name,
                size: ::core::mem::size_of::<#ident>(),
                align: ::core::mem::align_of::<#ident>(),
                fields: &[#(#fields)*],
                since: #since,
            },
        }
    });
    let file = syn::parse2(quote! {
        #[allow(unused_imports, reason = "a part may have no constants, or no records")]
        use super::super::{*, listing::{Constant, Field, Record}};

        pub(crate) const CONSTANTS: &[Constant] = &[#(#constants)*];
        pub(crate) const RECORDS: &[Record] = &[#(#records)*];
    })?;
    Ok(prettyplease::unparse(&file))
}
