//! The programs that run in the machine: static, for it has no libraries.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::cross::Toolchain;
use crate::workspace;

/// The programs, on the host.
pub(super) struct Programs {
    /// The program with the catalogue: the machine's init, or the one for this system's own kernel.
    pub(super) init: PathBuf,
    /// Test programs, each with its name in the machine.
    pub(super) tests: Vec<(String, PathBuf)>,
}

/// What cargo says of a program that it has built.
#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
    target: Option<BuiltTarget>,
}

#[derive(Deserialize)]
struct BuiltTarget {
    name: String,
}

/// Builds the program `init` of the suite and the test programs that `tests` name: `all`, a test target of package
/// `safe` (`safe` itself for its unit tests), or the path of a static program.
pub(super) fn build(
    toolchain: &Toolchain,
    folder: &Path,
    init: &str,
    tests: &[String],
) -> Result<Programs> {
    let init = cargo(
        toolchain,
        folder,
        &[
            "build",
            "--release",
            "--package",
            "conformance",
            "--bin",
            init,
        ],
    )?;
    let Some((_, init)) = init.into_iter().next() else {
        bail!("cargo built no program");
    };
    let (paths, names): (Vec<&String>, Vec<&String>) =
        tests.iter().partition(|test| test.contains('/'));
    let mut programs = Programs {
        init,
        tests: Vec::new(),
    };
    if !names.is_empty() {
        let mut args = vec!["test", "--no-run", "--package", "safe"];
        if !names.iter().any(|name| *name == "all") {
            for name in names {
                match name.as_str() {
                    "safe" => args.push("--lib"),
                    name => args.extend(["--test", name]),
                }
            }
        }
        programs.tests = cargo(toolchain, folder, &args)?;
    }
    for path in paths {
        let path = PathBuf::from(path);
        ensure!(path.is_file(), "{} is no file", path.display());
        let name = path.file_name().context("a path without a name")?;
        programs
            .tests
            .push((name.to_string_lossy().into_owned(), path));
    }
    Ok(programs)
}

/// Runs cargo, and returns the programs that it built, by name.
fn cargo(toolchain: &Toolchain, folder: &Path, args: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace::root())
        .args(args)
        .args(toolchain.arguments)
        .args([
            "--quiet",
            "--target",
            toolchain.target,
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--target-dir")
        .arg(folder)
        .envs(
            toolchain
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo could not build: {args:?}");
    let messages = String::from_utf8(output.stdout)?;
    let mut programs = Vec::new();
    for line in messages.lines() {
        // Other messages have no executable.
        if let Ok(Built {
            executable: Some(program),
            target: Some(target),
        }) = serde_json::from_str(line)
        {
            programs.push((target.name, program));
        }
    }
    Ok(programs)
}
