//! The C texts, written from libclang's listing of the headers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use uapi_overlay::Interface;
use uapi_overlay::listing::{CField, CRecord, Listing};

/// A program that prints every constant and the layout of every record.
///
/// It declares what it uses of the C library itself: the headers are the pinned ones, and the kernel's
/// have no `printf`.
pub(crate) fn program(interface: &Interface, listing: &Listing) -> String {
    let mut text = headers(interface);
    // A value is printed as sign and magnitude, whatever its type: 64 bits of either sign fit.
    text.push_str(
        "
int printf(const char *, ...);
#define CONSTANT(name) \\
    printf(\"constant \" #name \" %s%llu\\n\", (name) < 0 ? \"-\" : \"\", \\
           (name) < 0 ? -(unsigned long long)(name) : (unsigned long long)(name))
#define RECORD(tag, name) \\
    printf(\"record \" #name \" %zu %zu\\n\", sizeof(tag name), _Alignof(tag name))
#define FIELD(tag, name, path, size, align) \\
    printf(\"field \" #name \" \" #path \" %zu %zu %zu\\n\", __builtin_offsetof(tag name, path), \\
           (__SIZE_TYPE__)(size), (__SIZE_TYPE__)(align))
int main(void)
{
",
    );
    for name in constants(interface, listing) {
        let _ = writeln!(text, "    CONSTANT({name});");
    }
    for record in records(interface, listing) {
        let (tag, name) = (tag(record), &record.name);
        let _ = writeln!(text, "    RECORD({tag}, {name});");
        for field in &record.fields {
            let (path, (size, align)) = (&field.name, size_and_align(record, field));
            let _ = writeln!(text, "    FIELD({tag}, {name}, {path}, {size}, {align});");
        }
    }
    text.push_str("    return 0;\n}\n");
    text
}

/// Declarations that compile only if the layouts are those of `listing` and the constants `values`.
pub(crate) fn assertions(
    interface: &Interface,
    listing: &Listing,
    values: &BTreeMap<String, i128>,
) -> String {
    let mut text = headers(interface);
    let mut assert = |left: String, right: &dyn std::fmt::Display, what: String| {
        let _ = writeln!(text, "_Static_assert({left} == {right}, \"{what}\");");
    };
    for name in constants(interface, listing) {
        let value = values.get(name).copied().unwrap_or_default();
        let suffix = if value < 0 { "LL" } else { "ULL" };
        // Signs are compared first: C would make a negative number a large one.
        let is_negative = i32::from(value < 0);
        assert(
            format!("(({name}) < 0)"),
            &is_negative,
            format!("{name}: sign"),
        );
        assert(
            format!("({name})"),
            &format!("{value}{suffix}"),
            format!("{name}: value"),
        );
    }
    for record in records(interface, listing) {
        let (tag, name) = (tag(record), &record.name);
        let ty = format!("{tag} {name}");
        assert(
            format!("sizeof({ty})"),
            &record.size,
            format!("{name}: size"),
        );
        assert(
            format!("_Alignof({ty})"),
            &record.align,
            format!("{name}: alignment"),
        );
        for field in &record.fields {
            let (path, full) = (&field.name, format!("{name}.{}", field.name));
            let (size, align) = size_and_align(record, field);
            assert(
                format!("__builtin_offsetof({ty}, {path})"),
                &field.offset,
                format!("{full}: offset"),
            );
            assert(size, &field.size, format!("{full}: size"));
            assert(align, &field.align, format!("{full}: alignment"));
        }
    }
    text
}

/// Includes the headers. Some excepted names are macros over the very members that they are named after,
/// which could not be named otherwise.
fn headers(interface: &Interface) -> String {
    let mut text = String::from(interface.wrapper);
    for (name, _) in interface.exceptions {
        let _ = writeln!(text, "#undef {name}");
    }
    text
}

fn constants<'a>(
    interface: &'a Interface,
    listing: &'a Listing,
) -> impl Iterator<Item = &'a String> {
    listing
        .constants
        .iter()
        .filter(|name| interface.exception(name).is_none())
}

fn records<'a>(
    interface: &'a Interface,
    listing: &'a Listing,
) -> impl Iterator<Item = &'a CRecord> {
    listing
        .records
        .iter()
        .filter(|record| interface.exception(&record.name).is_none())
}

fn tag(record: &CRecord) -> &'static str {
    if record.is_union { "union" } else { "struct" }
}

/// The size and the alignment of a field as C expressions. A flexible array has no size in C and
/// counts as 0; its alignment is that of an element.
fn size_and_align(record: &CRecord, field: &CField) -> (String, String) {
    let expr = format!("(({} {} *)0)->{}", tag(record), record.name, field.name);
    if field.size == 0 {
        (
            format!("0 * sizeof({expr}[0])"),
            format!("_Alignof(__typeof__({expr}[0]))"),
        )
    } else {
        (
            format!("sizeof({expr})"),
            format!("_Alignof(__typeof__({expr}))"),
        )
    }
}
