//! `cargo xtask targets`: the raw crates, compiled for every target.
//!
//! `regen` has libclang lay out each record for each target; compiling the crates has rustc agree, for
//! they assert those layouts. It needs no linker and no C compiler: `core` is built from the standard
//! library's source, which comes from rustup's component `rust-src` or from Debian's package.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use uapi_overlay::targets::TARGETS;

use crate::packages::{Package, Store};
use crate::{progress, stdout, workspace};

/// Compiles uring-sys, aio-sys and posix-aio for every target, so that rustc checks the layouts there.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only targets whose names contain this.
    #[arg(long, value_name = "PAT")]
    filter: Option<String>,
}

/// The C libraries that a target of the table stands for, as Rust's triples end. Where rustc knows no
/// such target there is nothing to compile.
const ENVIRONMENTS: &[(&str, &[&str])] = &[
    ("armv7", &["gnueabihf", "musleabihf"]),
    ("mips64el", &["gnuabi64", "muslabi64"]),
];

/// The source of the standard library of Rust 1.95.0, where rustup has none.
const RUST_SRC: (&str, &str, &str, &str) = (
    "1.95.0",
    "1.95.0+dfsg1-2~bpo13+1",
    "pool/main/r/rustc/rust-src_1.95.0+dfsg1-2~bpo13+1_all.deb",
    "7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b",
);

/// Runs the command.
///
/// # Errors
///
/// The standard library's source cannot be had, or a crate does not compile for a target.
pub fn run(args: &Args) -> Result<()> {
    let bar = progress::spinner();
    let library = library(&|what| bar.set_message(what.to_owned()))?;
    let known = output(Command::new("rustc").args(["--print", "target-list"]))?;
    let chosen: Vec<String> = triples()
        .filter(|triple| known.lines().any(|line| line == triple))
        .filter(|triple| {
            args.filter
                .as_ref()
                .is_none_or(|pattern| triple.contains(pattern))
        })
        .collect();
    ensure!(!chosen.is_empty(), "no target is called like that");
    let mut failed = Vec::new();
    for triple in &chosen {
        bar.set_message(format!("compiling for {triple}"));
        let compiled = check(triple, &library)?;
        let said = if compiled { "compiles" } else { "FAILED" };
        bar.suspend(|| stdout::line(&format!("{triple}: {said}")))?;
        if !compiled {
            failed.push(triple.as_str());
        }
    }
    bar.finish_and_clear();
    if !failed.is_empty() {
        bail!("the raw crates do not compile for {}", failed.join(", "));
    }
    stdout::line(&format!("{} targets compile", chosen.len()))
}

fn triples() -> impl Iterator<Item = String> {
    TARGETS.iter().flat_map(|target| {
        let own = ENVIRONMENTS.iter().find(|(rust, _)| *rust == target.rust);
        let environments = own.map_or(&["gnu", "musl"][..], |(_, environments)| environments);
        environments
            .iter()
            .map(|environment| format!("{}-unknown-linux-{environment}", target.rust))
    })
}

/// Where `library/` of the standard library's source is.
pub(crate) fn library(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let installed = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    if installed.is_dir() {
        return Ok(installed);
    }
    let (release, version, pool, sha256) = RUST_SRC;
    let rustc = output(Command::new("rustc").arg("--version"))?;
    ensure!(
        rustc.contains(release),
        "the standard library's source is missing, and only that of Rust {release} is known: \
         rustup component add rust-src"
    );
    let package = Package {
        name: "rust-src".to_owned(),
        version: version.to_owned(),
        pool: pool.to_owned(),
        sha256: sha256.to_owned(),
    };
    let cache = workspace::root().join("target/headers");
    let store = Store {
        local: Vec::new(),
        cache: &cache,
        progress,
    };
    Ok(store
        .tree(&package, None, false)?
        .join(format!("usr/src/rustc-{release}/library")))
}

/// Compiles the three crates for one target; the compiler's words go to standard error.
fn check(triple: &str, library: &Path) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace::root())
        .args(["check", "--quiet", "-Zbuild-std=core", "--target", triple])
        .args([
            "--package",
            "uring-sys",
            "--package",
            "aio-sys",
            "--package",
            "posix-aio",
        ])
        .args([
            "--features",
            "uring-sys/listing,aio-sys/listing,posix-aio/listing",
        ])
        .arg("--target-dir")
        .arg(workspace::root().join("target/targets"))
        // The option is unstable; the source is the compiler's own.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", library)
        .status()
        .context("cannot run cargo")?;
    Ok(status.success())
}

fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
