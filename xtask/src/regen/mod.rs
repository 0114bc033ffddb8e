//! `cargo xtask regen`: the bindings, generated from pinned headers.

pub mod changes;
mod complete;
pub mod generate;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use similar::TextDiff;
use uapi_overlay::INTERFACES;
use uapi_overlay::listing::clang_version;

use crate::headers::Headers;
use crate::{stdout, workspace};
use generate::{Files, Generated};

/// Generates the bindings of uring-sys, aio-sys and posix-aio from the pinned headers.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Compares with the committed bindings and writes nothing.
    #[arg(long)]
    check: bool,

    /// Kernel headers to use: a `linux-libc-dev` package, or a folder that holds every architecture's.
    #[arg(long, value_name = "DIR|DEB")]
    headers: Option<PathBuf>,

    /// Accepts other headers than the pinned ones, moves the pin to them and lists what changed.
    #[arg(long, conflicts_with = "check")]
    repin: bool,
}

/// The first libclang that knows LoongArch.
const OLDEST_CLANG: u32 = 16;

/// Runs the command.
///
/// # Errors
///
/// The headers cannot be had or are not the pinned ones, the bindings would lack something of them, or
/// (with `--check`) the committed bindings differ.
pub fn run(args: &Args) -> Result<()> {
    let bar = crate::progress::spinner();
    let progress = |what: &str| bar.set_message(what.to_owned());
    let cache = workspace::root().join("target/headers");
    let version = clang_version()?;
    ensure!(
        version >= OLDEST_CLANG,
        "libclang {version} does not know every architecture: {OLDEST_CLANG} does. \
         On Debian: apt-get install libclang1-19"
    );
    let headers = Headers::obtain(args.headers.as_deref(), args.repin, &cache, &progress)?;
    let scratch = tempfile::tempdir().context("no folder for scratch files")?;
    let Generated { files: new, owed } = generate::all(&headers, scratch.path(), &progress)?;
    let old = committed()?;
    bar.finish_and_clear();
    if args.repin {
        stdout::line(&format!(
            "The headers are those of Linux {}.",
            headers.kernel_version
        ))?;
        stdout::write(&changes::describe(&old, &new)?)?;
        if !owed.is_empty() {
            stdout::line(&format!(
                "To be written before the bindings are whole: {}\n  {}",
                owed.len(),
                owed.join("\n  ")
            ))?;
        }
    } else if !owed.is_empty() {
        bail!("{} faults:\n  {}", owed.len(), owed.join("\n  "));
    }
    if args.check {
        return check(&old, &new);
    }
    if args.repin {
        let pin = crate::headers::pin_path();
        fs::write(&pin, headers.pin_text())
            .with_context(|| format!("cannot write {}", pin.display()))?;
    }
    write(&old, &new)
}

/// The generated files that stand in the tree.
///
/// # Errors
///
/// One of them cannot be read.
pub fn committed() -> Result<Files> {
    let root = workspace::root();
    let mut files = BTreeMap::new();
    for interface in INTERFACES {
        let mut folders = vec![root.join(interface.krate).join("src/generated")];
        while let Some(folder) = folders.pop() {
            if !folder.exists() {
                continue;
            }
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    files.insert(path.strip_prefix(&root)?.to_owned(), text);
                }
            }
        }
    }
    Ok(files)
}

fn check(old: &Files, new: &Files) -> Result<()> {
    let mut stale = 0;
    for path in old
        .keys()
        .chain(new.keys().filter(|path| !old.contains_key(*path)))
    {
        let (was, is) = (text(old, path), text(new, path));
        if was == is {
            continue;
        }
        stale += 1;
        let diff = TextDiff::from_lines(was, is);
        let (committed, generated) = (
            format!("{} (committed)", path.display()),
            format!("{} (generated)", path.display()),
        );
        let diff = diff
            .unified_diff()
            .context_radius(2)
            .header(&committed, &generated)
            .to_string();
        stdout::write(&diff)?;
    }
    if stale > 0 {
        bail!("{stale} generated files are not what regen generates: run `cargo xtask regen`");
    }
    stdout::line(&format!("{} generated files are up to date", new.len()))
}

fn text<'a>(files: &'a Files, path: &Path) -> &'a str {
    files.get(path).map_or("", String::as_str)
}

fn write(old: &Files, new: &Files) -> Result<()> {
    let root = workspace::root();
    let mut written = 0;
    for (path, text) in new {
        if old.get(path) != Some(text) {
            let path = root.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            written += 1;
        }
    }
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        fs::remove_file(root.join(path))?;
        written += 1;
    }
    stdout::line(&format!(
        "{written} of {} generated files changed",
        new.len()
    ))
}
