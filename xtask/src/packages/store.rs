//! The cache: package files as downloaded, and the folders that they are unpacked into.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{Package, deb, fetch};

/// The file in an unpacked tree that holds the SHA-256 of the package that it came from.
const STAMP: &str = ".deb-sha256";

/// Where packages are looked for and unpacked.
pub(crate) struct Store<'a> {
    /// Folders that may have the package files and are only read; they come before the cache.
    pub(crate) local: Vec<PathBuf>,
    /// The folder of downloaded package files and unpacked trees. Made when needed.
    pub(crate) cache: &'a Path,
    /// Hears of each download and unpacking.
    pub(crate) progress: &'a dyn Fn(&str),
}

impl Store<'_> {
    /// The folder that holds the unpacked `package`; unpacks again, though it is there, if `fresh`.
    ///
    /// `file` is the package's file, if the caller has it.
    pub(crate) fn tree(
        &self,
        package: &Package,
        file: Option<&Path>,
        fresh: bool,
    ) -> Result<PathBuf> {
        let tree = self.cache.join(package.folder_name());
        let is_there = || {
            let stamp = fs::read_to_string(tree.join(STAMP));
            !fresh && stamp.is_ok_and(|stamp| stamp == package.sha256)
        };
        if is_there() {
            return Ok(tree);
        }
        let file = match file {
            Some(file) => file.to_path_buf(),
            None => self.package_file(package)?,
        };
        (self.progress)(&format!("unpacking {}", package.file_name()));
        // The tree appears whole or not at all: an interrupted run leaves only a scratch folder.
        let part = self.scratch()?;
        let unpacked = part.path().join("tree");
        deb::unpack(&file, &unpacked)?;
        fs::write(unpacked.join(STAMP), &package.sha256)
            .with_context(|| format!("cannot write to {}", unpacked.display()))?;
        // A rename does not replace a folder that holds something. What holds it now may be what
        // another run has just put there, and reads.
        if fs::rename(&unpacked, &tree).is_err() && !is_there() {
            fs::rename(&tree, part.path().join("old"))
                .and_then(|()| fs::rename(&unpacked, &tree))
                .with_context(|| format!("cannot replace {}", tree.display()))?;
        }
        Ok(tree)
    }

    /// The verified package file, downloaded if it is nowhere.
    pub(crate) fn package_file(&self, package: &Package) -> Result<PathBuf> {
        let cached = self.cache.join(package.file_name());
        let here = self
            .local
            .iter()
            .map(|folder| folder.join(package.file_name()))
            .chain([cached.clone()])
            .find(|file| file.is_file());
        if let Some(file) = here {
            verify(&file, package)
                .context("remove the file to have the package downloaded again")?;
            return Ok(file);
        }
        (self.progress)(&format!("downloading {}", package.file_name()));
        let part = self.scratch()?;
        let file = part.path().join(package.file_name());
        fetch::download(package, &fetch::sites()?, &file).with_context(|| {
            let (name, cache) = (package.file_name(), self.cache.display());
            format!("cannot download {name}, which you may also put into {cache} yourself")
        })?;
        verify(&file, package)?;
        fs::rename(&file, &cached)
            .with_context(|| format!("cannot move {} into place", cached.display()))?;
        Ok(cached)
    }

    /// A folder for unfinished work, on the cache's file system so that a rename can finish it.
    fn scratch(&self) -> Result<TempDir> {
        fs::create_dir_all(self.cache)
            .and_then(|()| {
                tempfile::Builder::new()
                    .prefix(".part-")
                    .tempdir_in(self.cache)
            })
            .with_context(|| format!("cannot write to {}", self.cache.display()))
    }
}

fn verify(file: &Path, package: &Package) -> Result<()> {
    let found = deb::sha256_of(file)?;
    ensure!(
        found == package.sha256,
        "{} is not the pinned package: its SHA-256 is {found}, the pin wants {}",
        file.display(),
        package.sha256
    );
    Ok(())
}
