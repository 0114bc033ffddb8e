//! The emulator, with all that it needs, unpacked beside the kernels.
//!
//! It is the newest that bookworm-backports has, 10.0.2 at the time of writing: 7.2, which bookworm itself has, computes
//! wrongly in newer kernels. It runs by the C library of its own release, so that any system can run it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::arch::MachineKind;
use super::archive::Archive;
use crate::packages::Store;

const RELEASE: &str = "bookworm";

/// What every emulator needs, beside its own packages.
const SHARED: &[&str] = &["qemu-system-common", "qemu-system-data"];

/// The unpacked emulator.
pub(super) struct Emulator {
    trees: Vec<PathBuf>,
    program: &'static str,
}

impl Emulator {
    /// Downloads and unpacks what is not there yet of the emulator for `kind`. `warn` hears if it may be an old one.
    pub(super) fn prepare(
        kind: &MachineKind,
        archive: &Archive,
        store: &Store<'_>,
        warn: &dyn Fn(&str),
    ) -> Result<Emulator> {
        let trees = match listed(kind, archive, store) {
            Ok(trees) => {
                remember(kind, store, &trees)?;
                trees
            }
            Err(error) => {
                let trees = remembered(kind, store).ok_or(error)?;
                warn("the archive could not be read; the emulator of an earlier run is used");
                trees
            }
        };
        Ok(Emulator {
            trees,
            program: kind.emulator,
        })
    }

    /// The emulator's command, without arguments that say what to run.
    pub(super) fn command(&self) -> Result<Command> {
        const LIBRARIES: &[&str] = &["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
        let folders = LIBRARIES
            .iter()
            .flat_map(|inner| self.trees.iter().map(move |tree| tree.join(inner)))
            .filter(|folder| folder.is_dir());
        let libraries: OsString = env::join_paths(folders).context("the path has a colon")?;
        let mut command =
            Command::new(self.file("lib/x86_64-linux-gnu/ld-linux-x86-64.so.2".as_ref())?);
        command
            .arg("--library-path")
            .arg(libraries)
            .arg(self.file(&Path::new("usr/bin").join(self.program))?)
            .env(
                "QEMU_MODULE_DIR",
                self.file("usr/lib/x86_64-linux-gnu/qemu".as_ref())?,
            );
        for data in ["usr/share/qemu", "usr/share/seabios"] {
            for tree in self.trees.iter().filter(|tree| tree.join(data).is_dir()) {
                command.arg("-L").arg(tree.join(data));
            }
        }
        Ok(command)
    }

    /// A file of one of the packages.
    pub(super) fn file(&self, path: &Path) -> Result<PathBuf> {
        let mut places = self.trees.iter().map(|tree| tree.join(path));
        places
            .find(|place| place.exists())
            .with_context(|| format!("no package of the emulator has {}", path.display()))
    }
}

/// The trees of all packages that the emulator needs.
fn listed(kind: &MachineKind, archive: &Archive, store: &Store<'_>) -> Result<Vec<PathBuf>> {
    let wanted: Vec<String> = [kind.packages, SHARED]
        .concat()
        .iter()
        .map(|name| match name.contains('/') {
            true => (*name).to_owned(),
            false => format!("{name}/{RELEASE}-backports"),
        })
        .collect();
    let packages = archive
        .closure(RELEASE, &wanted)
        .context("cannot tell what the emulator needs")?;
    let trees = packages
        .iter()
        .map(|package| store.tree(package, None, false));
    trees.collect()
}

/// Where the names of the trees are written down.
fn memory(kind: &MachineKind, store: &Store<'_>) -> PathBuf {
    store.cache.join(format!("{}.trees", kind.emulator))
}

fn remember(kind: &MachineKind, store: &Store<'_>, trees: &[PathBuf]) -> Result<()> {
    let names = trees.iter().filter_map(|tree| tree.file_name()?.to_str());
    let names: String = names.map(|name| format!("{name}\n")).collect();
    let file = memory(kind, store);
    fs::write(&file, names).with_context(|| format!("cannot write {}", file.display()))
}

/// The trees of an earlier run, if all of them are still there.
fn remembered(kind: &MachineKind, store: &Store<'_>) -> Option<Vec<PathBuf>> {
    let names = fs::read_to_string(memory(kind, store)).ok()?;
    let trees = names.lines().map(|name| store.cache.join(name));
    trees.map(|tree| tree.is_dir().then_some(tree)).collect()
}
