//! The programs that run in the machine: static, for it has no libraries.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::workspace;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The programs, on the host.
pub(super) struct Programs {
    /// The machine's init, which has the catalogue.
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

/// Builds init and the test programs that `tests` name: `all`, a test target of package `safe` (`safe` itself for its
/// unit tests), or the path of a static program.
pub(super) fn build(folder: &Path, tests: &[String]) -> Result<Programs> {
    let init = cargo(
        folder,
        &[
            "build",
            "--release",
            "--package",
            "conformance",
            "--bin",
            "vminit",
        ],
    )?;
    let Some((_, init)) = init.into_iter().next() else {
        bail!("cargo built no vminit");
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
        programs.tests = cargo(folder, &args)?;
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
fn cargo(folder: &Path, args: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace::root())
        .args(args)
        .args([
            "--quiet",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--target-dir")
        .arg(folder)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
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
