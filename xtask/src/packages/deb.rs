//! Debian package files: what one says of itself, and what is in it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::Package;

/// The SHA-256 of `bytes`, in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The SHA-256 of a file's content.
pub(crate) fn sha256_of(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(sha256(&bytes))
}

/// Runs a command and returns what it wrote; `package` is the Debian package to install without it.
pub(crate) fn run(command: &mut Command, package: &str) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = match command.env("LC_ALL", "C").output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("{program} is missing: install the package `{package}`")
        }
        other => other.with_context(|| format!("cannot run {program}"))?,
    };
    ensure!(
        output.status.success(),
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads the package's name, version and place in an archive from its control file.
pub(crate) fn describe(file: &Path) -> Result<Package> {
    let sha256 = sha256_of(file)?;
    let field = |name: &str| -> Result<String> {
        let value = run(
            Command::new("dpkg-deb").arg("--field").arg(file).arg(name),
            "dpkg",
        )
        .with_context(|| format!("{} is no whole Debian package", file.display()))?;
        Ok(value.trim().to_string())
    };
    let (name, version) = (field("Package")?, field("Version")?);
    let (source, section) = (field("Source")?, field("Section")?);
    // "Source: cross-toolchain-base (66)": the version is there if it differs from the package's.
    let source = source.split(' ').next().filter(|source| !source.is_empty());
    let source = source.unwrap_or(&name);
    // "Section: contrib/devel": only the main component leaves its name out.
    let component = section.split_once('/').map_or("main", |(part, _)| part);
    let prefix = if source.starts_with("lib") { 4 } else { 1 };
    let prefix = source.get(..prefix).unwrap_or(source);
    // A file name leaves the version's epoch out.
    let upstream = version.split_once(':').map_or(&*version, |(_, rest)| rest);
    let arch = field("Architecture")?;
    Ok(Package {
        pool: format!("pool/{component}/{prefix}/{source}/{name}_{upstream}_{arch}.deb"),
        name,
        version,
        sha256,
    })
}

/// Unpacks the package's files into the folder `into`.
pub(crate) fn unpack(file: &Path, into: &Path) -> Result<()> {
    run(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(file)
            .arg(into),
        "dpkg",
    )
    .with_context(|| format!("cannot unpack {}", file.display()))?;
    Ok(())
}
