//! All targets' bindings of one interface, sorted into what they share and what they do not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use uapi_overlay::listing::{Input, Listing};
use uapi_overlay::targets::{TARGETS, Target};
use uapi_overlay::{
    Bindings, INTERFACES, Interface, Item, Record, RecordLayout, Section, items, layout_source,
    listing_source, render,
};

use super::complete;
use crate::headers::{Hashes, Headers, Libc, Pin};
use crate::packages::Package;

/// The text of every generated file, by its path in the workspace.
pub type Files = BTreeMap<PathBuf, String>;

/// All crates' bindings.
#[derive(Debug)]
pub struct Generated {
    /// The text of every file.
    pub files: Files,
    /// What a maintainer has yet to write before the files are whole: rules and texts, a line each.
    pub owed: Vec<String>,
}

/// Generates all crates' bindings for all targets.
///
/// # Errors
///
/// The headers do not compile, something in them is missing from the output, or targets differ in a
/// way that the table of variants does not know.
pub fn all(headers: &Headers, scratch: &Path, progress: &dyn Fn(&str)) -> Result<Generated> {
    let mut files = Files::new();
    let mut owed = Vec::new();
    for interface in INTERFACES {
        let runs = runs(interface, headers, scratch, progress)?;
        let bindings = runs.iter().map(|run| &run.bindings);
        owed.extend(complete::owed(interface, bindings)?);
        let texts = crate_files(interface, &runs, &headers.pin)
            .with_context(|| format!("the bindings of {}", interface.krate))?;
        let folder = Path::new(interface.krate).join("src/generated");
        files.extend(
            texts
                .into_iter()
                .map(|(name, text)| (folder.join(name), text)),
        );
    }
    Ok(Generated { files, owed })
}

/// The pinned headers of one target, as libclang is to read them; `musl` chooses between the C
/// libraries where the interface is theirs.
#[must_use]
pub fn input(
    interface: &Interface,
    headers: &Headers,
    target: &Target,
    musl: bool,
    scratch: &Path,
) -> Input {
    let mut include = Vec::new();
    if interface.libc {
        include.push(if musl {
            headers.musl(target)
        } else {
            headers.glibc(target)
        });
    }
    include.extend([headers.kernel.join(target.kernel), headers.kernel.clone()]);
    // The C libraries' 32-bit headers say what their 64-bit file offsets are only when asked.
    let large_files = interface.libc && !musl && target.is_32_bit;
    Input {
        target: Some(target.clang.to_owned()),
        include,
        define: if large_files {
            vec!["_FILE_OFFSET_BITS=64".to_owned()]
        } else {
            Vec::new()
        },
        scratch: scratch.join(interface.krate),
    }
}

/// What one target's headers gave.
struct Run {
    /// The target, and the C library where there are two.
    name: String,
    target: &'static Target,
    /// Which of the interface's variants it belongs to.
    variant: usize,
    listing: Listing,
    bindings: Bindings,
    items: Vec<Item>,
}

fn runs(
    interface: &'static Interface,
    headers: &Headers,
    scratch: &Path,
    progress: &dyn Fn(&str),
) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for target in TARGETS {
        for (variant, found) in interface.variants.iter().enumerate() {
            if !(found.applies)(target) {
                continue;
            }
            let libc = if interface.libc {
                if found.musl { "-musl" } else { "-gnu" }
            } else {
                ""
            };
            let name = format!("{}{libc}", target.rust);
            progress(&format!("{} for {name}", interface.krate));
            runs.push(
                run(interface, headers, target, variant, scratch, &name)
                    .with_context(|| format!("{} for {name}", interface.krate))?,
            );
        }
    }
    Ok(runs)
}

fn run(
    interface: &'static Interface,
    headers: &Headers,
    target: &'static Target,
    variant: usize,
    scratch: &Path,
    name: &str,
) -> Result<Run> {
    let musl = interface.variants[variant].musl;
    let input = input(interface, headers, target, musl, scratch);
    let listing = Listing::read(interface, &input)?;
    let bindings = Bindings::generate(interface, &listing, &input)?;
    complete::check(interface, &listing, &bindings)?;
    let items = items(interface, &bindings)?;
    Ok(Run {
        name: name.to_owned(),
        target,
        variant,
        listing,
        bindings,
        items,
    })
}

/// The files of one crate: `common/` and a folder for each variant.
fn crate_files(interface: &Interface, runs: &[Run], pin: &Pin) -> Result<Files> {
    let common = common_names(runs);
    let header = header(interface, pin);
    let mut files = Files::new();
    let everything: Vec<&Run> = runs.iter().collect();
    part(
        interface,
        "common",
        &everything,
        &|name| common.iter().any(|item| item == name),
        &header,
        &mut files,
    )?;
    for (index, variant) in interface.variants.iter().enumerate() {
        let own: Vec<&Run> = runs.iter().filter(|run| run.variant == index).collect();
        part(
            interface,
            variant.name,
            &own,
            &|name| common.iter().all(|item| item != name),
            &header,
            &mut files,
        )?;
    }
    files.insert(
        "mod.rs".into(),
        format!(
            "{header}{}{}",
            hashes(interface, pin),
            root(interface, runs)
        ),
    );
    Ok(files)
}

/// The items that every run has in the same words.
fn common_names(runs: &[Run]) -> Vec<String> {
    let texts = |run: &Run| -> BTreeMap<String, String> {
        run.items
            .iter()
            .map(|item| (item.name.clone(), item.tokens.to_string()))
            .collect()
    };
    let mut common = texts(&runs[0]);
    for run in &runs[1..] {
        let own = texts(run);
        common.retain(|name, text| own.get(name) == Some(text));
    }
    let mut names: Vec<String> = common.into_keys().collect();
    // A record that holds one of the differing records differs with it.
    names.retain(|name| !holds_variant(&runs[0], name, runs));
    names
}

/// Whether a record's layout differs between runs though its text does not.
fn holds_variant(run: &Run, name: &str, runs: &[Run]) -> bool {
    let places = |run: &Run| -> Option<Vec<(u64, u64)>> {
        let record = run.listing.record(name)?;
        Some(
            record
                .fields
                .iter()
                .map(|field| (field.offset, field.size))
                .collect(),
        )
    };
    let first = places(run);
    runs.iter().any(|other| places(other) != first)
}

/// Writes one folder, after checking that all its runs agree on it.
fn part(
    interface: &Interface,
    folder: &str,
    runs: &[&Run],
    belongs: &dyn Fn(&str) -> bool,
    header: &str,
    files: &mut Files,
) -> Result<()> {
    let mut agreed: Option<(&str, Files)> = None;
    for run in runs {
        let own = part_of_run(interface, run, runs, belongs)?;
        match &agreed {
            None => agreed = Some((&run.name, own)),
            Some((first, texts)) if *texts != own => {
                let file = texts
                    .iter()
                    .find(|(file, text)| own.get(*file) != Some(text));
                bail!(
                    "{first} and {} differ in {folder}/{}: the table of variants does not know why",
                    run.name,
                    file.map_or_else(|| "?".into(), |(file, _)| file.display().to_string()),
                );
            }
            Some(_) => {}
        }
    }
    let (_, texts) = agreed.context("a variant without a target")?;
    let mut modules = String::new();
    for (name, text) in texts {
        let module = name
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        modules.push_str(match module.as_str() {
            "layout" => "mod layout;\n",
            "listing" => "#[cfg(feature = \"listing\")]\npub(super) mod listing;\n",
            "constants" => "mod constants;\npub use constants::*;\n",
            "types" => "mod types;\npub use types::*;\n",
            "functions" => "mod functions;\npub use functions::*;\n",
            other => bail!("no such module: {other}"),
        });
        files.insert(Path::new(folder).join(&name), format!("{header}{text}"));
    }
    files.insert(
        Path::new(folder).join("mod.rs"),
        format!("{header}{modules}"),
    );
    Ok(())
}

fn part_of_run(
    interface: &Interface,
    run: &Run,
    peers: &[&Run],
    belongs: &dyn Fn(&str) -> bool,
) -> Result<Files> {
    // Headers name the same things in different order: that of the first target is everybody's.
    let order = peers.first().map_or(&run.items, |first| &first.items);
    let names: Vec<String> = order
        .iter()
        .filter(|item| belongs(&item.name))
        .map(|item| item.name.clone())
        .collect();
    let chosen: Vec<&Item> = names
        .iter()
        .filter_map(|name| run.items.iter().find(|item| item.name == *name))
        .collect();
    ensure!(
        chosen.len() == run.items.iter().filter(|item| belongs(&item.name)).count(),
        "{} and the first target of its file have different items",
        run.name
    );
    let of = |section| {
        chosen
            .iter()
            .copied()
            .filter(move |item| item.section == section)
    };
    let mut texts = Files::new();
    for (section, file) in [
        (Section::Constants, "constants.rs"),
        (Section::Types, "types.rs"),
        (Section::Functions, "functions.rs"),
    ] {
        if of(section).next().is_some() {
            let uses = match section {
                Section::Constants => "",
                Section::Types | Section::Functions => {
                    "#[allow(unused_imports, reason = \"which of them are needed differs between targets\")]\nuse super::super::*;\n\n"
                }
            };
            texts.insert(file.into(), format!("{uses}{}", render(of(section))?));
        }
    }
    let layout = layout_source(&run.bindings, &names, &|record| layout(record, run, peers))?;
    if run
        .bindings
        .records
        .iter()
        .any(|record| names.contains(&record.name.to_string()))
    {
        texts.insert("layout.rs".into(), layout);
    }
    texts.insert(
        "listing.rs".into(),
        listing_source(interface, &run.bindings, &names)?,
    );
    Ok(texts)
}

/// How C lays out a record, on all of the targets of a file.
fn layout(record: &Record, run: &Run, peers: &[&Run]) -> Result<RecordLayout> {
    let own = Shape::of(record, &run.listing)?;
    let (mut x86, mut others) = (None, None);
    for peer in peers {
        let theirs = Shape::of(record, &peer.listing)?;
        ensure!(
            (own.size, &own.fields) == (theirs.size, &theirs.fields),
            "{} and {} lay out {} differently",
            run.name,
            peer.name,
            record.name
        );
        let seen = if peer.target.rust == "i686" {
            &mut x86
        } else {
            &mut others
        };
        let align = *seen.get_or_insert(theirs.align);
        ensure!(
            align == theirs.align,
            "{} aligns {} to {}, others to {align}",
            peer.name,
            record.name,
            theirs.align
        );
    }
    let align = match (others, x86) {
        (Some(8), Some(4)) => "EIGHT_OR_FOUR".to_owned(),
        (Some(others), Some(x86)) if others != x86 => {
            bail!(
                "{} is aligned to {x86} on i686 and to {others} elsewhere",
                record.name
            )
        }
        (Some(align), _) | (None, Some(align)) => align.to_string(),
        (None, None) => bail!("no target lays out {}", record.name),
    };
    Ok(RecordLayout {
        size: own.size,
        align,
        fields: own.fields,
    })
}

/// One target's layout of a record, from the listing.
struct Shape {
    size: u64,
    align: u64,
    /// Offset and size of each leaf.
    fields: Vec<(u64, u64)>,
}

impl Shape {
    fn of(record: &Record, listing: &Listing) -> Result<Self> {
        let name = record.name.to_string();
        let (c_name, path) = match &record.within {
            Some((outer, path)) => (outer.as_str(), Some(path)),
            None => (name.as_str(), None),
        };
        let c_record = listing
            .record(c_name)
            .with_context(|| format!("C has no record {c_name}"))?;
        let field = |name: &str| {
            let found = c_record.fields.iter().find(|field| field.name == name);
            found.with_context(|| format!("{c_name} has no {name}"))
        };
        let (base, size, align, prefix) = match path {
            // A record without a tag is known by the field that it is.
            Some(path) => {
                let whole = field(path)?;
                (whole.offset, whole.size, whole.align, format!("{path}."))
            }
            None => (0, c_record.size, c_record.align, String::new()),
        };
        let fields = record.leaves.iter().map(|leaf| {
            let found = field(&format!("{prefix}{}", leaf.name))?;
            Ok((found.offset - base, found.size))
        });
        Ok(Self {
            size,
            align,
            fields: fields.collect::<Result<Vec<_>>>()?,
        })
    }
}

/// The first lines of every generated file: where it comes from.
fn header(interface: &Interface, pin: &Pin) -> String {
    let packages = if interface.libc {
        let of = |libc: &Libc| libc.packages.values().next().map(source);
        let sources = [of(&pin.glibc), of(&pin.musl)];
        sources
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" and ")
    } else {
        let package = pin
            .kernel
            .package
            .as_ref()
            .map(|package| format!(" ({})", source(package)));
        format!(
            "the headers of Linux {}{}",
            pin.kernel.version,
            package.unwrap_or_default()
        )
    };
    format!(
        "// Generated by `cargo xtask regen` from {packages}.\n// Edit xtask/overlay and run it again.\n\n"
    )
}

/// A package as people name it; those of the C libraries come once per architecture.
fn source(package: &Package) -> String {
    format!(
        "{} {}",
        package.name.replace("-amd64-cross", ""),
        package.version
    )
}

/// The SHA-256 of each header that the items come from.
fn hashes(interface: &Interface, pin: &Pin) -> String {
    let groups: &[&Hashes] = if interface.libc {
        &[&pin.glibc.headers, &pin.musl.headers]
    } else {
        &[&pin.kernel.headers]
    };
    let mut text = String::new();
    for (name, hash) in groups.iter().flat_map(|hashes| hashes.get("all")).flatten() {
        let is_source = interface
            .sources
            .iter()
            .any(|source| format!("/{name}").ends_with(source.header));
        if is_source {
            text.push_str(&format!("// {hash}  {name}\n"));
        }
    }
    text.push('\n');
    text
}

/// The module that brings the parts together.
fn root(interface: &Interface, runs: &[Run]) -> String {
    let mut text = String::from("mod common;\npub use common::*;\n\n");
    for (index, variant) in interface.variants.iter().enumerate() {
        let targets: Vec<_> = runs
            .iter()
            .filter(|run| run.variant == index)
            .map(|run| run.name.as_str())
            .collect();
        text.push_str(&format!(
            "// Compared for: {}.\n#[cfg({cfg})]\nmod {name};\n#[cfg({cfg})]\nuse {name} as variant;\n\n",
            targets.join(", "),
            cfg = variant.cfg,
            name = variant.name,
        ));
    }
    text.push_str("pub use variant::*;\n\n");
    text.push_str(LISTING);
    text
}

/// The items as data.
const LISTING: &str = r#"/// Every item of the headers as data: for tools that print names, compare bindings or count what they
/// cover.
#[cfg(feature = "listing")]
pub mod listing {
    /// A constant.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Constant {
        /// Its name in C.
        pub name: &'static str,
        /// Its value.
        pub value: i128,
        /// The first release that has it.
        pub since: Option<&'static str>,
    }

    /// A struct or union.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Record {
        /// Its name in C.
        pub name: &'static str,
        /// Its size in bytes.
        pub size: usize,
        /// Its alignment in bytes.
        pub align: usize,
        /// Its fields, those of unnamed members among them.
        pub fields: &'static [Field],
        /// The first release that has it.
        pub since: Option<&'static str>,
    }

    /// A field.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Field {
        /// Its name in C.
        pub name: &'static str,
        /// Its distance from the record's beginning, in bytes.
        pub offset: usize,
        /// Its size in bytes; 0 for a flexible array.
        pub size: usize,
    }

    /// All constants.
    pub fn constants() -> impl Iterator<Item = &'static Constant> {
        super::common::listing::CONSTANTS.iter().chain(super::variant::listing::CONSTANTS)
    }

    /// All structs and unions.
    pub fn records() -> impl Iterator<Item = &'static Record> {
        super::common::listing::RECORDS.iter().chain(super::variant::listing::RECORDS)
    }
}
"#;
