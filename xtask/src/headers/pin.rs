//! The pin: its file, and the text of the next one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::packages::Package;
use crate::workspace;

/// The SHA-256 of headers: from an architecture's folder, or `all`, to name to hash.
pub type Hashes = BTreeMap<String, BTreeMap<String, String>>;

/// The key of [`Hashes`] for a header that has one text wherever it is found.
pub(super) const ALL: &str = "all";

const PREFACE: &str = "\
# The headers that the bindings are generated from. Written by `cargo xtask regen --repin`.
#
# A header whose text is one for all architectures is in `all`, any other in its architecture's folder.
# To move glibc or musl, change the packages by hand and run that command: it writes the hashes of the
# headers.
";

/// What `xtask/headers.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The kernel's headers.
    pub kernel: Kernel,
    /// glibc's headers.
    pub glibc: Libc,
    /// musl's headers.
    pub musl: Libc,
}

/// The kernel's headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// The version of Linux, such as `7.3.4`.
    pub version: String,
    /// The package that has them; none if they were pinned from an unpacked tree.
    pub package: Option<Package>,
    /// The headers, by the target's folder of `asm/`.
    #[serde(default)]
    pub headers: Hashes,
}

/// One C library's headers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Libc {
    /// The packages that have them, by Debian architecture.
    pub packages: BTreeMap<String, Package>,
    /// The headers, by the target's folder.
    #[serde(default)]
    pub headers: Hashes,
}

impl Pin {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read the pin {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is no pin", file.display()))
    }

    /// The text that [`Pin`] is read from: the same for the same pin, in sorted order.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = PREFACE.to_string();
        table_head("kernel", &mut text);
        pair("version", &self.kernel.version, &mut text);
        if let Some(package) = &self.kernel.package {
            write_package(package, "kernel.package", &mut text);
        }
        write_hashes("kernel", &self.kernel.headers, &mut text);
        for (name, libc) in [("glibc", &self.glibc), ("musl", &self.musl)] {
            for (arch, package) in &libc.packages {
                write_package(package, &format!("{name}.packages.{arch}"), &mut text);
            }
            write_hashes(name, &libc.headers, &mut text);
        }
        text
    }
}

fn write_package(package: &Package, table: &str, text: &mut String) {
    table_head(table, text);
    for (key, value) in [
        ("name", &package.name),
        ("version", &package.version),
        ("pool", &package.pool),
        ("sha256", &package.sha256),
    ] {
        pair(key, value, text);
    }
}

fn write_hashes(group: &str, hashes: &Hashes, text: &mut String) {
    let shared = hashes.get_key_value(ALL);
    let others = hashes.iter().filter(|(folder, _)| *folder != ALL);
    for (folder, headers) in shared.into_iter().chain(others) {
        table_head(&format!("{group}.headers.{folder}"), text);
        for (name, sha256) in headers {
            pair(&format!("{name:?}"), sha256, text);
        }
    }
}

fn table_head(name: &str, text: &mut String) {
    writeln!(text, "\n[{name}]").expect("a String takes any text");
}

fn pair(key: &str, value: &str, text: &mut String) {
    writeln!(text, "{key} = {value:?}").expect("a String takes any text");
}

/// Where the pin is: `xtask/headers.toml`.
#[must_use]
pub fn pin_path() -> PathBuf {
    workspace::root().join("xtask/headers.toml")
}
