//! From the headers of Linux's asynchronous I/O interfaces to bindings that a careful person would
//! have written by hand.
//!
//! bindgen reads the headers; what it prints is not an interface to live with: anonymous unions get
//! numbers that change when a header grows, flexible arrays cost a struct its `Copy`, constants get
//! the type of the C expression instead of that of the field they go into. This crate rewrites that
//! output by a small reviewed table per header ([`Interface`]) and says, from a second and
//! independent reading of the headers ([`listing`]), what must be in it.
//!
//! It is used twice: by the project's `cargo xtask regen`, on pinned headers and for every
//! architecture, and by the build scripts of the three crates when their feature `bindgen` asks for
//! the machine's own headers.

mod build_script;
mod clang;
mod docs;
mod interface;
mod interfaces;
pub mod listing;
mod model;
mod render;
mod rewrite;
pub mod targets;

pub use build_script::from_system_headers;
pub use docs::{Docs, Entry};
pub use interface::{Interface, Kind, Rule, Source, Variant};
pub use interfaces::{AIO, INTERFACES, POSIX, URING};
pub use model::{Bindings, Constant, Function, Leaf, Record, Step, Typedef};
pub use render::{Item, RecordLayout, Section, items, layout_source, listing_source, render};
