//! The emulator, with all that it needs, unpacked beside the kernels.
//!
//! It is the newest that bookworm-backports has, 10.0.2 at the time of writing: 7.2, which bookworm itself has, computes
//! wrongly in newer kernels. It runs by the C library of its own release, so that any system can run it.

use std::env;
use std::ffi::OsString;
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
    /// Downloads and unpacks what is not there yet of the emulator for `kind`.
    pub(super) fn prepare(
        kind: &MachineKind,
        archive: &Archive,
        store: &Store<'_>,
    ) -> Result<Emulator> {
        let wanted: Vec<String> = [kind.packages, SHARED]
            .concat()
            .iter()
            .map(|name| format!("{name}/{RELEASE}-backports"))
            .collect();
        let packages = archive
            .closure(RELEASE, &wanted)
            .context("cannot tell what the emulator needs")?;
        let trees: Result<_> = packages
            .iter()
            .map(|package| store.tree(package, None, false))
            .collect();
        Ok(Emulator {
            trees: trees?,
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
