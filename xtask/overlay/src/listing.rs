//! A second reading of the headers, by libclang itself and not through bindgen.
//!
//! It says which names an interface has and how each record is laid out. `regen` compares it with
//! what was generated, so that nothing is lost between the two.

#![expect(
    non_upper_case_globals,
    reason = "clang-sys spells the kinds of cursors as C does"
)]

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_int, c_uint, c_void};
use std::ptr;

use anyhow::{Context, Result, bail, ensure};
use clang_sys::*;

pub use crate::clang::Input;
use crate::interface::{Interface, Source};

/// Everything that the headers of one interface name, in their order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Enumerators and object-like macros with a body.
    pub constants: Vec<String>,
    /// Structs and named unions.
    pub records: Vec<CRecord>,
    /// Names of types that are integers: typedefs and the tags of enumerations.
    pub typedefs: Vec<String>,
    /// Functions.
    pub functions: Vec<String>,
}

/// The layout of a struct or union, as the C compiler has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CRecord {
    /// Its tag.
    pub name: String,
    /// Whether the tag is a union's.
    pub is_union: bool,
    /// Its size in bytes.
    pub size: u64,
    /// Its alignment in bytes.
    pub align: u64,
    /// Its fields, those of anonymous members among them.
    pub fields: Vec<CField>,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CField {
    /// The name, through which C reaches it (`inner.name` in a named anonymous record).
    pub name: String,
    /// The distance from the record's beginning, in bytes.
    pub offset: u64,
    /// Its size in bytes; 0 for a flexible array.
    pub size: u64,
    /// The alignment of its type in bytes.
    pub align: u64,
}

impl Listing {
    /// Reads the headers of `interface`.
    ///
    /// # Errors
    ///
    /// libclang is missing, or the headers do not compile.
    pub fn read(interface: &Interface, input: &Input) -> Result<Self> {
        crate::clang::load()?;
        let (header, args) = input.prepare(interface.wrapper)?;
        let header = CString::new(header.to_string_lossy().as_bytes())?;
        let args = args
            .into_iter()
            .map(CString::new)
            .collect::<Result<Vec<_>, _>>()?;
        let unit = Unit::parse(&header, &args)?;

        let mut visitor = Visitor {
            interface,
            listing: Self::default(),
            seen: BTreeSet::new(),
        };
        // SAFETY: `unit` is alive; the callback gets the address of `visitor`, which outlives the
        // call and is used by nothing else meanwhile.
        unsafe {
            clang_visitChildren(
                clang_getTranslationUnitCursor(unit.0.unit),
                visit,
                (&raw mut visitor).cast::<c_void>(),
            );
        }
        Ok(visitor.listing)
    }

    /// The record of that name.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&CRecord> {
        self.records.iter().find(|record| record.name == name)
    }
}

/// The major version of the libclang that is used.
///
/// # Errors
///
/// libclang is missing, or does not say its version.
pub fn clang_version() -> Result<u32> {
    crate::clang::load()?;
    // SAFETY: the function takes nothing and answers a string of libclang's.
    let version = unsafe { text(clang_getClangVersion()) };
    let numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .find(|part| !part.is_empty());
    numbers
        .and_then(|major| major.parse().ok())
        .with_context(|| format!("libclang calls itself {version:?}"))
}

struct Handles {
    index: CXIndex,
    unit: CXTranslationUnit,
}

/// A parsed translation unit.
struct Unit(Handles);

impl Unit {
    fn parse(header: &CStr, args: &[CString]) -> Result<Self> {
        let mut argv: Vec<_> = vec![c"-xc".as_ptr()];
        argv.extend(args.iter().map(|arg| arg.as_ptr()));
        // SAFETY: every pointer is to a live C string or a live array of `argv.len()` of them, and
        // the function only reads them.
        let unit = unsafe {
            let index = clang_createIndex(0, 0);
            let unit = clang_parseTranslationUnit(
                index,
                header.as_ptr(),
                argv.as_ptr(),
                c_int::try_from(argv.len())?,
                ptr::null_mut(),
                0,
                CXTranslationUnit_DetailedPreprocessingRecord
                    | CXTranslationUnit_SkipFunctionBodies,
            );
            Self(Handles { index, unit })
        };
        ensure!(
            !unit.0.unit.is_null(),
            "libclang cannot read {}",
            header.to_string_lossy()
        );
        let errors = unit.errors();
        if !errors.is_empty() {
            bail!("the headers do not compile:\n{}", errors.join("\n"));
        }
        Ok(unit)
    }

    fn errors(&self) -> Vec<String> {
        // SAFETY: the unit is alive; each diagnostic is disposed of once, after its last use.
        unsafe {
            (0..clang_getNumDiagnostics(self.0.unit))
                .filter_map(|i| {
                    let diagnostic = clang_getDiagnostic(self.0.unit, i);
                    let severe = clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error;
                    let text = text(clang_formatDiagnostic(
                        diagnostic,
                        clang_defaultDiagnosticDisplayOptions(),
                    ));
                    clang_disposeDiagnostic(diagnostic);
                    severe.then_some(text)
                })
                .collect()
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: both were created by `parse` and are disposed of only here.
        unsafe {
            if !self.0.unit.is_null() {
                clang_disposeTranslationUnit(self.0.unit);
            }
            clang_disposeIndex(self.0.index);
        }
    }
}

struct Visitor<'a> {
    interface: &'a Interface,
    listing: Listing,
    seen: BTreeSet<(c_int, String)>,
}

extern "C" fn visit(cursor: CXCursor, _: CXCursor, data: CXClientData) -> CXChildVisitResult {
    // SAFETY: `data` is the address of the `Visitor` of `Listing::read`, borrowed by nobody else.
    let visitor = unsafe { &mut *data.cast::<Visitor<'_>>() };
    visitor.item(cursor);
    CXChildVisit_Continue
}

impl Visitor<'_> {
    fn item(&mut self, cursor: CXCursor) {
        // SAFETY: `cursor` comes from libclang in this call, so its unit is alive.
        let (kind, name, file) =
            unsafe { (clang_getCursorKind(cursor), spelling(cursor), file(cursor)) };
        let Some(source) = self.source(&file) else {
            return;
        };
        if kind == CXCursor_EnumDecl {
            if is_named(cursor) && wanted(source, &name) && self.seen.insert((kind, name.clone())) {
                self.listing.typedefs.push(name);
            }
            for enumerator in children(cursor) {
                // SAFETY: as above.
                let name = unsafe { spelling(enumerator) };
                self.constant(source, name);
            }
            return;
        }
        if !wanted(source, &name) {
            return;
        }
        match kind {
            // SAFETY: as above.
            CXCursor_MacroDefinition if unsafe { is_constant_macro(cursor) } => {
                self.constant(source, name);
            }
            CXCursor_StructDecl | CXCursor_UnionDecl => {
                // SAFETY: as above.
                let defined = unsafe { clang_isCursorDefinition(cursor) != 0 };
                if defined && is_named(cursor) && self.seen.insert((kind, name.clone())) {
                    self.listing.records.push(record(cursor, name));
                }
            }
            CXCursor_TypedefDecl if self.seen.insert((kind, name.clone())) => {
                self.listing.typedefs.push(name);
            }
            CXCursor_FunctionDecl if self.seen.insert((kind, name.clone())) => {
                self.listing.functions.push(name);
            }
            _ => {}
        }
    }

    fn constant(&mut self, source: &Source, name: String) {
        if wanted(source, &name) && self.seen.insert((CXCursor_MacroDefinition, name.clone())) {
            self.listing.constants.push(name);
        }
    }

    fn source(&self, file: &str) -> Option<&'static Source> {
        self.interface
            .sources
            .iter()
            .find(|source| file.ends_with(source.header))
    }
}

fn wanted(source: &Source, name: &str) -> bool {
    source.only.is_empty() || source.only.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a macro takes no arguments and has a body: include guards have none.
///
/// # Safety
///
/// The cursor's unit is alive.
unsafe fn is_constant_macro(cursor: CXCursor) -> bool {
    // SAFETY: by this function's contract; the tokens are disposed of once.
    unsafe {
        if clang_Cursor_isMacroFunctionLike(cursor) != 0 {
            return false;
        }
        let unit = clang_Cursor_getTranslationUnit(cursor);
        let (mut tokens, mut count) = (ptr::null_mut(), 0);
        clang_tokenize(unit, clang_getCursorExtent(cursor), &mut tokens, &mut count);
        clang_disposeTokens(unit, tokens, count);
        count > 1
    }
}

/// Whether a record has a tag of its own.
fn is_named(cursor: CXCursor) -> bool {
    // SAFETY: the cursor was handed out by libclang during the visit, so its unit is alive.
    unsafe { clang_Cursor_isAnonymous(cursor) == 0 && !spelling(cursor).is_empty() }
}

fn record(cursor: CXCursor, name: String) -> CRecord {
    // SAFETY: the cursor was handed out by libclang during the visit, so its unit is alive.
    let (kind, ty) = unsafe { (clang_getCursorKind(cursor), clang_getCursorType(cursor)) };
    let mut fields = Vec::new();
    collect_fields(ty, "", 0, &mut fields);
    CRecord {
        name,
        is_union: kind == CXCursor_UnionDecl,
        size: size_of(ty),
        align: align_of(ty),
        fields,
    }
}

/// Appends the fields of a record type; those of anonymous members stand in their parent's place.
fn collect_fields(ty: CXType, prefix: &str, base: u64, fields: &mut Vec<CField>) {
    // SAFETY: `ty` and the cursors belong to the unit that is being visited.
    let declaration = unsafe { clang_getTypeDeclaration(ty) };
    for child in children(declaration) {
        // SAFETY: as above.
        let (kind, name, child_ty) = unsafe {
            (
                clang_getCursorKind(child),
                spelling(child),
                clang_getCursorType(child),
            )
        };
        match kind {
            // Part of how C writes a flexible array in a union; it has no size.
            CXCursor_FieldDecl if name.starts_with("__empty_") => {}
            CXCursor_FieldDecl => {
                // SAFETY: as above.
                let bits = unsafe { clang_Cursor_getOffsetOfField(child) };
                let offset = base + u64::try_from(bits).unwrap_or(0) / 8;
                fields.push(CField {
                    name: format!("{prefix}{name}"),
                    offset,
                    size: size_of(child_ty),
                    align: align_of(child_ty),
                });
                // SAFETY: as above.
                let inner = unsafe { clang_getTypeDeclaration(child_ty) };
                if is_record(inner) && !is_named(inner) {
                    collect_fields(child_ty, &format!("{prefix}{name}."), offset, fields);
                }
            }
            CXCursor_StructDecl | CXCursor_UnionDecl if is_transparent(child) => {
                collect_fields(
                    child_ty,
                    prefix,
                    base + transparent_offset(ty, child_ty),
                    fields,
                );
            }
            _ => {}
        }
    }
}

fn is_record(cursor: CXCursor) -> bool {
    // SAFETY: the cursor belongs to the unit that is being visited.
    let kind = unsafe { clang_getCursorKind(cursor) };
    kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl
}

/// Whether C reaches the record's fields through the parent's name.
fn is_transparent(cursor: CXCursor) -> bool {
    // SAFETY: the cursor belongs to the unit that is being visited.
    unsafe { clang_Cursor_isAnonymousRecordDecl(cursor) != 0 }
}

/// Where an anonymous member lies in its parent: that of its first field, less the field's own place.
fn transparent_offset(parent: CXType, member: CXType) -> u64 {
    let mut inner = Vec::new();
    collect_fields(member, "", 0, &mut inner);
    let Some(first) = inner.first() else { return 0 };
    let Ok(name) = CString::new(first.name.as_str()) else {
        return 0;
    };
    // SAFETY: `parent` belongs to the unit that is being visited and `name` is a live C string.
    let bits = unsafe { clang_Type_getOffsetOf(parent, name.as_ptr()) };
    u64::try_from(bits).unwrap_or(0) / 8 - first.offset
}

fn size_of(ty: CXType) -> u64 {
    // SAFETY: `ty` belongs to the unit that is being visited. A flexible array has no size.
    u64::try_from(unsafe { clang_Type_getSizeOf(ty) }).unwrap_or(0)
}

fn align_of(ty: CXType) -> u64 {
    // SAFETY: `ty` belongs to the unit that is being visited.
    u64::try_from(unsafe { clang_Type_getAlignOf(ty) }).unwrap_or(0)
}

fn children(cursor: CXCursor) -> Vec<CXCursor> {
    extern "C" fn push(child: CXCursor, _: CXCursor, data: CXClientData) -> CXChildVisitResult {
        // SAFETY: `data` is the address of the vector below, borrowed by nobody else.
        unsafe { (*data.cast::<Vec<CXCursor>>()).push(child) };
        CXChildVisit_Continue
    }
    let mut found: Vec<CXCursor> = Vec::new();
    // SAFETY: the cursor belongs to the unit that is being visited; `found` outlives the call.
    unsafe { clang_visitChildren(cursor, push, (&raw mut found).cast::<c_void>()) };
    found
}

/// # Safety
///
/// The cursor's unit is alive.
unsafe fn spelling(cursor: CXCursor) -> String {
    // SAFETY: by this function's contract.
    unsafe { text(clang_getCursorSpelling(cursor)) }
}

/// # Safety
///
/// The cursor's unit is alive.
unsafe fn file(cursor: CXCursor) -> String {
    let (mut file, mut line): (CXFile, c_uint) = (ptr::null_mut(), 0);
    // SAFETY: by this function's contract; the out-pointers are to live variables.
    unsafe {
        clang_getExpansionLocation(
            clang_getCursorLocation(cursor),
            &mut file,
            &mut line,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        if file.is_null() {
            String::new()
        } else {
            text(clang_getFileName(file))
        }
    }
}

/// # Safety
///
/// `string` has just been handed out by libclang.
unsafe fn text(string: CXString) -> String {
    // SAFETY: by this function's contract; it is disposed of once, after its last use.
    unsafe {
        let chars = clang_getCString(string);
        let text = if chars.is_null() {
            String::new()
        } else {
            CStr::from_ptr(chars).to_string_lossy().into_owned()
        };
        clang_disposeString(string);
        text
    }
}
