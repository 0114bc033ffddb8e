//! The programs that are measured.

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::workspace;

/// The programs, built.
pub(super) struct Programs {
    /// Of `safe/benches/instructions/main.rs`.
    pub(super) driver: PathBuf,
    /// Of `safe/benches/liburing_peer.c`.
    pub(super) liburing: Option<PathBuf>,
    _folder: TempDir,
}

/// Builds the programs: the driver with the bench profile, which has thin LTO, the other with `-O3`.
pub(super) fn build(liburing: bool) -> Result<Programs> {
    let folder = tempfile::tempdir()?;
    let liburing = if liburing {
        Some(build_liburing(folder.path().join("liburing_peer"))?)
    } else {
        None
    };
    Ok(Programs {
        driver: build_driver()?,
        liburing,
        _folder: folder,
    })
}

fn build_driver() -> Result<PathBuf> {
    let arguments = [
        "bench",
        "--package",
        "safe",
        "--bench",
        "instructions",
        "--no-run",
    ];
    built(&arguments, "instructions")
}

/// Runs cargo, and answers where the program is that it built.
pub(super) fn built(arguments: &[&str], target: &str) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace::root())
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"]);
    let output = output(&mut command, "cargo")?;
    String::from_utf8(output)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == target)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo names no program")
}

fn build_liburing(program: PathBuf) -> Result<PathBuf> {
    let missing = "liburing is needed: install the package liburing-dev";
    let source = workspace::root().join("safe/benches/liburing_peer.c");
    let mut command = Command::new("cc");
    command.args(["-O3", "-Wall", "-Wextra", "-Werror", "-o"]);
    command.arg(&program).arg(source).arg("-luring");
    output(&mut command, "gcc").context(missing)?;
    Ok(program)
}

/// What the command wrote to standard output. Fails with what it wrote to standard error, or with the
/// package that has it.
pub(super) fn output(command: &mut Command, package: &str) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output: Output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow!("{program} is not installed: install the package {package}")
        }
        _ => anyhow!(error).context(format!("cannot start {program}")),
    })?;
    // As timeout(1) says it.
    ensure!(output.status.code() != Some(124), "it hangs");
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed ({}):\n{}", output.status, text.trim_end());
    }
    Ok(output.stdout)
}

/// The version of a library in C, if pkg-config knows it.
pub(super) fn library_version(name: &str) -> Option<String> {
    let output = Command::new("pkg-config")
        .args(["--modversion", name])
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    (output.status.success()).then(|| version.trim().to_owned())
}

/// The version of a package in `Cargo.lock`.
pub(super) fn locked_version(package: &str) -> Result<String> {
    let path = workspace::root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let lock: toml::Value = toml::from_str(&text)?;
    let packages = lock["package"].as_array();
    let found = packages
        .into_iter()
        .flatten()
        .rfind(|entry| entry["name"].as_str() == Some(package));
    let version = found.and_then(|entry| entry["version"].as_str());
    ensure!(version.is_some(), "{package} is not in Cargo.lock");
    Ok(version.unwrap_or_default().to_owned())
}
