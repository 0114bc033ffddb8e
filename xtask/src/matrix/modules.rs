//! The modules that a machine's kernel needs before it has a disk, in the order in which they can be loaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A module to load.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// The modules `wanted` and all that they depend on. One that is not in `folder` is built in, or does not exist.
pub(super) fn with_dependencies(folder: &Path, wanted: &[&str]) -> Result<Vec<Module>> {
    let mut files = BTreeMap::new();
    collect(folder, &mut files)?;
    let mut modules = Vec::new();
    for name in wanted {
        add(name, &files, &mut modules)?;
    }
    Ok(modules)
}

/// Finds all modules below a folder, by name.
fn collect(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if let Some((name, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            files.insert(normal(name), entry.path());
        }
    }
    Ok(())
}

/// A module's name has `_` for the `-` of its file's name.
fn normal(name: &str) -> String {
    name.replace('-', "_")
}

fn add(name: &str, files: &BTreeMap<String, PathBuf>, modules: &mut Vec<Module>) -> Result<()> {
    let name = normal(name);
    let Some(file) = files.get(&name) else {
        return Ok(());
    };
    if modules.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let content = content(file)?;
    for needed in dependencies(&content) {
        add(&needed, files, modules)?;
    }
    modules.push(Module { name, content });
    Ok(())
}

/// The module itself; files are compressed since 6.12.
fn content(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    }
    let output = Command::new("xz")
        .arg("-dc")
        .arg(file)
        .output()
        .context("cannot run xz: install the package `xz-utils`")?;
    ensure!(output.status.success(), "cannot unpack {}", file.display());
    Ok(output.stdout)
}

/// What a module says that it depends on: the text `depends=A,B`, with a NUL at both ends.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"depends=";
    let texts = module.split(|byte| *byte == 0);
    let list = texts.filter_map(|text| text.strip_prefix(KEY)).next();
    let list = String::from_utf8_lossy(list.unwrap_or_default());
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_needs_comes_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("fs");
        fs::create_dir(&below).unwrap();
        let write = |name: &str, depends: &str| {
            let content = format!("\x7fELF\0license=GPL\0depends={depends}\0name=x\0");
            fs::write(below.join(name), content).unwrap();
        };
        write("nvme.ko", "nvme-core");
        write("nvme-core.ko", "nvme-auth,built-in");
        write("nvme-auth.ko", "");
        write("other.ko", "");
        let names: Vec<String> =
            with_dependencies(folder.path(), &["nvme", "missing", "nvme_core"])
                .unwrap()
                .into_iter()
                .map(|module| module.name)
                .collect();
        assert_eq!(names, ["nvme_auth", "nvme_core", "nvme"]);
    }
}
