//! The bindings between reading and writing.

use proc_macro2::{Ident, TokenStream};

use crate::interface::Kind;

/// All that is generated for one interface and one target.
#[derive(Debug, Default)]
pub struct Bindings {
    /// Constants, in header order.
    pub constants: Vec<Constant>,
    /// Names for types.
    pub typedefs: Vec<Typedef>,
    /// Structs and unions that C names.
    pub records: Vec<Record>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Constants that the table has no rule for: their type is C's.
    pub unruled: Vec<String>,
}

/// A constant, its type put right.
#[derive(Debug, Clone)]
pub struct Constant {
    /// Its name in C.
    pub name: String,
    /// The Rust type.
    pub ty: &'static str,
    /// The value, as that type holds it.
    pub value: i128,
    /// How the value is written.
    pub kind: Kind,
}

/// A type's other name.
#[derive(Debug)]
pub struct Typedef {
    /// The name.
    pub name: String,
    /// The type.
    pub ty: TokenStream,
    /// Whether it is an enumeration's tag.
    pub is_enum: bool,
}

/// A struct or union, with the unnamed ones inside it.
#[derive(Debug)]
pub struct Record {
    /// Its name.
    pub name: Ident,
    /// Whether it is a union.
    pub is_union: bool,
    /// Whether C reaches it only through the record that it is part of.
    pub is_transparent: bool,
    /// Whether C packs it.
    pub is_packed: bool,
    /// For a record without a tag that is a named field: the record that C names, and the dotted path
    /// from there.
    pub within: Option<(String, String)>,
    /// Its own fields: name, type.
    pub members: Vec<(Ident, TokenStream)>,
    /// The unnamed unions and structs within; they are transparent.
    pub inner: Vec<Record>,
    /// The fields as C sees them.
    pub leaves: Vec<Leaf>,
    /// Whether a pointer is among its members.
    pub has_pointer: bool,
}

/// A field as C names it.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The name in C.
    pub name: String,
    /// Its type.
    pub ty: TokenStream,
    /// The element type, if it is a flexible array.
    pub flexible: Option<TokenStream>,
    /// From the record to the field: one step if it is a member of its own.
    pub path: Vec<Step>,
}

/// One member on the way to a field.
#[derive(Debug, Clone)]
pub struct Step {
    /// The record that has the member.
    pub owner: Ident,
    /// The member.
    pub member: Ident,
}

/// A function of a C library.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its declaration.
    pub item: TokenStream,
}
