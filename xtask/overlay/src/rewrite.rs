//! bindgen's output, put into the model: names, types and unions as a person would have them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bindgen::{Builder, Formatter, NonCopyUnionStyle};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Fields, ForeignItem, GenericArgument, Item, Lit, PathArguments, Type, UnOp};

use crate::interface::{Interface, Kind};
use crate::listing::{Input, Listing};
use crate::model::{Bindings, Constant, Function, Leaf, Record, Step, Typedef};

/// The marks of a name that bindgen has made up.
const MADE_UP_FIELD: &str = "__bindgen_anon_";
const MADE_UP_TYPE: &str = "__bindgen_ty_";
const MADE_UP_ENUM: &str = "_bindgen_ty_";

/// C's spellings of the fixed-width integers.
const INTEGERS: &[(&str, &str)] = &[
    ("__u8", "u8"),
    ("__u16", "u16"),
    ("__u32", "u32"),
    ("__u64", "u64"),
    ("__s8", "i8"),
    ("__s16", "i16"),
    ("__s32", "i32"),
    ("__s64", "i64"),
    ("__be16", "u16"),
    ("__be32", "u32"),
    ("__kernel_rwf_t", "i32"),
    ("__kernel_time64_t", "i64"),
    ("c_longlong", "i64"),
    ("c_ulonglong", "u64"),
];

impl Bindings {
    /// Runs bindgen over the headers of `interface` for exactly the names in `listing`, and rewrites
    /// what it prints.
    ///
    /// # Errors
    ///
    /// The headers do not compile, or bindgen prints something that the rewriting has no rule for.
    pub fn generate(interface: &Interface, listing: &Listing, input: &Input) -> Result<Self> {
        crate::clang::load()?;
        let text = run_bindgen(interface, listing, input)?;
        let file = syn::parse_file(&text).context("bindgen's output does not parse")?;
        Rewriter::new(interface, &file.items).bindings(&file.items)
    }
}

fn run_bindgen(interface: &Interface, listing: &Listing, input: &Input) -> Result<String> {
    let (header, args) = input.prepare(interface.wrapper)?;
    let mut builder = Builder::default()
        .header(header.to_string_lossy())
        .clang_args(args)
        .use_core()
        .ctypes_prefix("::core::ffi")
        .layout_tests(false)
        .generate_comments(false)
        .disable_header_comment()
        .prepend_enum_name(false)
        .default_non_copy_union_style(NonCopyUnionStyle::ManuallyDrop)
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(&input.scratch)
        .formatter(Formatter::None);
    let wanted = |name: &&String| interface.exception(name).is_none();
    for name in listing.constants.iter().filter(wanted) {
        builder = builder.allowlist_var(name);
    }
    let records = listing.records.iter().map(|record| &record.name);
    for name in records.chain(&listing.typedefs).filter(wanted) {
        builder = builder.allowlist_type(name);
    }
    for name in listing.functions.iter().filter(wanted) {
        builder = builder.allowlist_function(name);
    }
    Ok(builder
        .generate()
        .map_err(|error| anyhow!("bindgen: {error}"))?
        .to_string())
}

/// How C reaches a record.
enum Place {
    /// By its own tag.
    Named,
    /// Through the fields of the record of that name, as if they were its own.
    Transparent(String),
    /// As a named field of the record of that name, by that path.
    Within(String, String),
}

/// A struct or union as bindgen prints it.
struct Raw {
    is_union: bool,
    is_packed: bool,
    fields: Vec<(Ident, Type)>,
}

struct Rewriter<'a> {
    interface: &'a Interface,
    raw: BTreeMap<String, Raw>,
    /// The Rust type of each enumeration: that of its constants.
    enums: BTreeMap<String, &'static str>,
}

impl<'a> Rewriter<'a> {
    fn new(interface: &'a Interface, items: &[Item]) -> Self {
        let mut raw = BTreeMap::new();
        for item in items {
            let (name, attrs, is_union, fields) = match item {
                Item::Struct(item) => (&item.ident, &item.attrs, false, item.fields.clone()),
                Item::Union(item) => (
                    &item.ident,
                    &item.attrs,
                    true,
                    Fields::Named(item.fields.clone()),
                ),
                _ => continue,
            };
            let is_packed = attrs.iter().any(|attr| {
                attr.path().is_ident("repr")
                    && attr.to_token_stream().to_string().contains("packed")
            });
            let fields = fields
                .into_iter()
                .filter_map(|field| Some((unescape(&field.ident?), field.ty)))
                .collect();
            raw.insert(
                name.to_string(),
                Raw {
                    is_union,
                    is_packed,
                    fields,
                },
            );
        }
        Self {
            interface,
            raw,
            enums: BTreeMap::new(),
        }
    }

    fn bindings(mut self, items: &[Item]) -> Result<Bindings> {
        let mut bindings = Bindings::default();
        for item in items {
            if let Item::Const(item) = item {
                let name = item.ident.to_string();
                // glibc gives an enumerator a macro of the same name.
                let is_known = bindings.constants.iter().any(|known| known.name == name);
                if !is_known && self.interface.exception(&name).is_none() {
                    let constant = self.constant(item, &mut bindings.unruled)?;
                    bindings.constants.push(constant);
                }
            }
        }
        for item in items {
            match item {
                Item::Struct(item) => self.named_record(&item.ident, &mut bindings)?,
                Item::Union(item) => self.named_record(&item.ident, &mut bindings)?,
                Item::Type(item) => self.typedef(item, &mut bindings)?,
                Item::ForeignMod(block) => {
                    for item in &block.items {
                        if let ForeignItem::Fn(function) = item {
                            self.function(function, &mut bindings)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(bindings)
    }

    fn constant(&mut self, item: &syn::ItemConst, unruled: &mut Vec<String>) -> Result<Constant> {
        let name = item.ident.to_string();
        let value = literal(&item.expr).with_context(|| format!("{name} has no integer value"))?;
        let (ty, kind) = match self.interface.rule(&name) {
            Some(rule) => (rule.ty, rule.kind),
            None => {
                unruled.push(name.clone());
                (c_type(value), Kind::Number)
            }
        };
        if let Type::Path(path) = item.ty.as_ref() {
            if let Some(ident) = path.path.get_ident() {
                self.enums.entry(ident.to_string()).or_insert(ty);
            }
        }
        Ok(Constant {
            ty,
            value: fit(value, ty)?,
            kind,
            name,
        })
    }

    fn typedef(&self, item: &syn::ItemType, bindings: &mut Bindings) -> Result<()> {
        let name = item.ident.to_string();
        if name.starts_with(MADE_UP_ENUM) || self.interface.exception(&name).is_some() {
            return Ok(());
        }
        if let Some(ty) = self.enums.get(&name) {
            bindings.typedefs.push(Typedef {
                name,
                ty: parse_type(ty)?,
                is_enum: true,
            });
        } else if !self.is_spelled_out(&name) {
            bindings.typedefs.push(Typedef {
                name,
                ty: self.ty(&item.ty)?,
                is_enum: false,
            });
        }
        Ok(())
    }

    /// Whether a C type name is replaced wherever it is used.
    fn is_spelled_out(&self, name: &str) -> bool {
        self.spelling(name).is_some() || name.starts_with("__") || self.raw.contains_key(name)
    }

    fn spelling(&self, name: &str) -> Option<&'static str> {
        let own = self.interface.types.iter().chain(INTEGERS);
        own.copied().find(|(c, _)| *c == name).map(|(_, rust)| rust)
    }

    fn function(&self, item: &syn::ForeignItemFn, bindings: &mut Bindings) -> Result<()> {
        let name = item.sig.ident.to_string();
        if self.interface.exception(&name).is_some() {
            return Ok(());
        }
        let attrs = &item.attrs;
        let ident = &item.sig.ident;
        let mut inputs = Vec::new();
        for (i, input) in item.sig.inputs.iter().enumerate() {
            let syn::FnArg::Typed(input) = input else {
                bail!("{name} takes a receiver")
            };
            let given = input.pat.to_token_stream().to_string();
            let given = given.trim_start_matches('_');
            // musl's headers name no parameters, and bindgen calls them arg1, arg2.
            let parameter = Ident::new(
                if given.is_empty() {
                    format!("arg{i}")
                } else {
                    given.to_owned()
                }
                .as_str(),
                Span::call_site(),
            );
            let ty = self.ty(&input.ty)?;
            inputs.push(quote!(#parameter: #ty));
        }
        let output = match &item.sig.output {
            syn::ReturnType::Default => TokenStream::new(),
            syn::ReturnType::Type(_, ty) => {
                let ty = self.ty(ty)?;
                quote!(-> #ty)
            }
        };
        bindings.functions.push(Function {
            name,
            item: quote!(#(#attrs)* pub fn #ident(#(#inputs),*) #output;),
        });
        Ok(())
    }

    fn named_record(&self, ident: &Ident, bindings: &mut Bindings) -> Result<()> {
        let name = ident.to_string();
        let skipped = name.contains(MADE_UP_TYPE)
            || name == "__IncompleteArrayField"
            || self.spelling(&name).is_some()
            || self.interface.exception(&name).is_some();
        if skipped {
            return Ok(());
        }
        self.record(&name, ident.clone(), &Place::Named, &mut bindings.records)
    }

    /// Puts a record and, behind it, the named ones that it declares into `records`.
    fn record(
        &self,
        raw_name: &str,
        name: Ident,
        place: &Place,
        records: &mut Vec<Record>,
    ) -> Result<()> {
        let raw = self.raw(raw_name)?;
        let mut record = Record {
            is_union: raw.is_union,
            is_packed: raw.is_packed,
            is_transparent: matches!(place, Place::Transparent(_)),
            within: match place {
                Place::Within(record, path) => Some((record.clone(), path.clone())),
                Place::Named | Place::Transparent(_) => None,
            },
            members: Vec::new(),
            inner: Vec::new(),
            leaves: Vec::new(),
            has_pointer: false,
            name: name.clone(),
        };
        let root = match place {
            Place::Transparent(root) => root.clone(),
            Place::Named | Place::Within(..) => name.to_string(),
        };
        let mut named = Vec::new();
        for (field, ty) in &raw.fields {
            self.member(&mut record, &root, &mut named, field, ty)?;
        }
        records.push(record);
        records.extend(named);
        Ok(())
    }

    fn member(
        &self,
        record: &mut Record,
        root: &str,
        named: &mut Vec<Record>,
        field: &Ident,
        ty: &Type,
    ) -> Result<()> {
        let owner = record.name.clone();
        let anonymous = path_name(ty).filter(|name| name.contains(MADE_UP_TYPE));
        let is_nameless = field.to_string().starts_with(MADE_UP_FIELD);
        match anonymous {
            Some(inner) if is_nameless => {
                if let Some((array, array_ty)) = self.flexible_array_only(&inner)? {
                    return self.member(record, root, named, &array, &array_ty);
                }
                let is_union = self.raw(&inner)?.is_union;
                let kind = if is_union { "union" } else { "struct" };
                let first = self.first_leaf(&inner)?;
                let member = Ident::new(&format!("{first}_{kind}"), Span::call_site());
                let ident = Ident::new(&format!("{root}_{member}"), Span::call_site());
                let mut made = Vec::new();
                self.record(
                    &inner,
                    ident.clone(),
                    &Place::Transparent(root.to_owned()),
                    &mut made,
                )?;
                let mut made = made.into_iter();
                let child = made.next().context("a record was just made")?;
                named.extend(made);
                for leaf in &child.leaves {
                    let mut path = vec![Step {
                        owner: owner.clone(),
                        member: member.clone(),
                    }];
                    path.extend(leaf.path.iter().cloned());
                    record.leaves.push(Leaf {
                        path,
                        ..leaf.clone()
                    });
                }
                record.members.push((member, ident.to_token_stream()));
                record.has_pointer |= child.has_pointer;
                record.inner.push(child);
            }
            Some(inner) => {
                let ident = Ident::new(&format!("{root}_{}", bare(field)), Span::call_site());
                let place = match &record.within {
                    Some((outer, path)) => {
                        Place::Within(outer.clone(), format!("{path}.{}", bare(field)))
                    }
                    None => Place::Within(root.to_owned(), bare(field)),
                };
                self.record(&inner, ident.clone(), &place, named)?;
                self.plain_member(record, field, ident.to_token_stream(), None);
            }
            None => {
                let flexible = flexible_element(ty).map(|ty| self.ty(&ty)).transpose()?;
                record.has_pointer |= contains_pointer(ty);
                self.plain_member(record, field, self.ty(ty)?, flexible);
            }
        }
        Ok(())
    }

    fn plain_member(
        &self,
        record: &mut Record,
        field: &Ident,
        ty: TokenStream,
        flexible: Option<TokenStream>,
    ) {
        let path = vec![Step {
            owner: record.name.clone(),
            member: field.clone(),
        }];
        record.leaves.push(Leaf {
            name: bare(field),
            ty: ty.clone(),
            flexible,
            path,
        });
        record.members.push((field.clone(), ty));
    }

    fn raw(&self, name: &str) -> Result<&Raw> {
        self.raw
            .get(name)
            .with_context(|| format!("bindgen names {name} and does not define it"))
    }

    /// The field that an unnamed record begins with gives it its name: headers grow at the end.
    fn first_leaf(&self, name: &str) -> Result<String> {
        let (field, ty) = self.raw(name)?.fields.first().context("an empty record")?;
        match path_name(ty) {
            Some(inner) if bare(field).starts_with(MADE_UP_FIELD) => self.first_leaf(&inner),
            _ => Ok(bare(field)),
        }
    }

    /// The array, if a record is only C's wrapping of a flexible array in a union.
    fn flexible_array_only(&self, name: &str) -> Result<Option<(Ident, Type)>> {
        let raw = self.raw(name)?;
        let mut fields = raw
            .fields
            .iter()
            .filter(|(field, _)| !field.to_string().starts_with("__empty_"));
        Ok(match (fields.next(), fields.next()) {
            (Some((field, ty)), None) if flexible_element(ty).is_some() => {
                Some((field.clone(), ty.clone()))
            }
            _ => None,
        })
    }

    /// A type in the crate's spelling.
    fn ty(&self, ty: &Type) -> Result<TokenStream> {
        if let Some(element) = flexible_element(ty) {
            let element = self.ty(&element)?;
            return Ok(quote!([#element; 0]));
        }
        Ok(match ty {
            Type::Array(array) => {
                let element = self.ty(&array.elem)?;
                let length = literal(&array.len).context("an array of unknown length")?;
                let length = proc_macro2::Literal::usize_unsuffixed(usize::try_from(length)?);
                quote!([#element; #length])
            }
            Type::Ptr(pointer) => {
                let target = self.ty(&pointer.elem)?;
                let mutability = &pointer.mutability;
                quote!(* #mutability #target)
            }
            Type::Path(path) => {
                let last = path.path.segments.last().context("an empty path")?;
                let name = last.ident.to_string();
                if let Some(spelling) = self.spelling(&name) {
                    parse_type(spelling)?
                } else if name == "ManuallyDrop" || name == "Option" {
                    let inner = generic_argument(&last.arguments).context("a generic argument")?;
                    let inner = self.ty(&inner)?;
                    if name == "Option" {
                        quote!(Option<#inner>)
                    } else {
                        inner
                    }
                } else {
                    // C's own integer names stay where they are the interface's.
                    path.to_token_stream()
                }
            }
            Type::FnPtr(function) => {
                let inputs = function
                    .inputs
                    .iter()
                    .map(|input| self.ty(&input.ty))
                    .collect::<Result<Vec<_>>>()?;
                quote!(unsafe extern "C" fn(#(#inputs),*))
            }
            other => bail!("no rule for the type {}", other.to_token_stream()),
        })
    }
}

fn parse_type(text: &str) -> Result<TokenStream> {
    text.parse()
        .map_err(|error| anyhow!("the type {text}: {error}"))
}

/// bindgen writes `type_` for a name that Rust reserves; Rust can spell the name itself.
fn unescape(field: &Ident) -> Ident {
    let name = field.to_string();
    match name.strip_suffix('_') {
        Some(keyword) if syn::parse_str::<Ident>(keyword).is_err() => {
            Ident::new_raw(keyword, Span::call_site())
        }
        _ => field.clone(),
    }
}

/// A name as C has it.
fn bare(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

fn path_name(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident == "ManuallyDrop" {
        return path_name(&generic_argument(&last.arguments)?);
    }
    Some(last.ident.to_string())
}

fn generic_argument(arguments: &PathArguments) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    }
}

/// The element type of a flexible array, in either of bindgen's spellings.
fn flexible_element(ty: &Type) -> Option<Type> {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let inner = generic_argument(&last.arguments)?;
            match last.ident.to_string().as_str() {
                "__IncompleteArrayField" => Some(inner),
                "ManuallyDrop" => flexible_element(&inner),
                _ => None,
            }
        }
        Type::Array(array) if literal(&array.len) == Some(0) => Some((*array.elem).clone()),
        _ => None,
    }
}

fn contains_pointer(ty: &Type) -> bool {
    let text = ty.to_token_stream().to_string();
    text.contains('*') || text.contains("sigval")
}

fn literal(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(int) => int.base10_parse().ok(),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            literal(&unary.expr).map(|value| -value)
        }
        _ => None,
    }
}

/// The type that C gives to a constant of that value.
fn c_type(value: i128) -> &'static str {
    match value {
        0.. if u32::try_from(value).is_ok() => "u32",
        0.. => "u64",
        _ => "i32",
    }
}

/// The value as a constant of type `ty` holds it: C's `~0U` comes out of bindgen as -1.
fn fit(value: i128, ty: &str) -> Result<i128> {
    let (bits, signed) = match ty {
        "u8" => (8, false),
        "u16" => (16, false),
        "u32" => (32, false),
        "u64" => (64, false),
        "i32" | "::core::ffi::c_int" => (32, true),
        other => bail!("no constant has the type {other}"),
    };
    let modulus = 1_i128 << bits;
    let wrapped = value.rem_euclid(modulus);
    let wrapped = if signed && wrapped >= modulus / 2 {
        wrapped - modulus
    } else {
        wrapped
    };
    // A negative value may only be the same bits in an unsigned type, all of them sign.
    ensure!(
        wrapped == value || (value < 0 && value >= -modulus / 2),
        "the value {value} does not fit into {ty}"
    );
    Ok(wrapped)
}

/// How a constant's value is written.
pub(crate) fn spell(constant: &Constant) -> String {
    let value = constant.value;
    match constant.kind {
        Kind::Bits if value > 0 && value.count_ones() == 1 => {
            format!("1 << {}", value.trailing_zeros())
        }
        Kind::Bits if value > 9 => format!("{value:#x}"),
        _ => value.to_string(),
    }
}
