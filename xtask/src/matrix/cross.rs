//! What programs of another architecture are built with.
//!
//! rustc brings a linker for all of them, and Debian's packages for cross compilers have their C libraries, as plain
//! files for any machine: they are unpacked, and nothing is installed. The standard library is built from its source.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::arch::{Arch, Cross};
use super::archive::Archive;
use crate::packages::{Package, Store};
use crate::targets;

/// The release whose C libraries are used: the first that has those of all architectures.
const RELEASE: &str = "trixie";

/// The compiler's own support library there.
const LIBGCC: &str = "libgcc-14-dev";

/// How cargo is called for a target.
pub(super) struct Toolchain {
    pub(super) target: &'static str,
    pub(super) arguments: &'static [&'static str],
    pub(super) environment: Vec<(&'static str, OsString)>,
}

/// Programs that are built for one run, in which the kernel's answers count, need not be fast.
const NOT_FAST: (&str, &str) = ("CARGO_PROFILE_RELEASE_LTO", "off");

impl Toolchain {
    /// What builds for `arch`; downloads and unpacks what is not there yet.
    pub(super) fn prepare(arch: &Arch, archive: &Archive, store: &Store<'_>) -> Result<Toolchain> {
        let Some(cross) = &arch.cross else {
            return Ok(Toolchain {
                target: arch.target,
                arguments: &[],
                environment: vec![
                    ("RUSTFLAGS", "-Ctarget-feature=+crt-static".into()),
                    (NOT_FAST.0, NOT_FAST.1.into()),
                ],
            });
        };
        let library = unpacked(archive, store, &format!("libc6-dev-{}-cross", cross.debian))?;
        let support = unpacked(archive, store, &format!("{LIBGCC}-{}-cross", cross.debian))?;
        Ok(Toolchain {
            target: arch.target,
            arguments: &["-Zbuild-std=std,panic_unwind,test"],
            environment: vec![
                ("CARGO_ENCODED_RUSTFLAGS", flags(cross, &library, &support)?),
                // The option is unstable; the source is the compiler's own.
                ("RUSTC_BOOTSTRAP", "1".into()),
                (
                    "__CARGO_TESTS_ONLY_SRC_ROOT",
                    targets::library(store.progress)?.into(),
                ),
                (NOT_FAST.0, NOT_FAST.1.into()),
            ],
        })
    }
}

/// The tree of a package of [`RELEASE`].
fn unpacked(archive: &Archive, store: &Store<'_>, name: &str) -> Result<PathBuf> {
    let found = archive.packages(|other| other == name)?;
    let package: Option<&Package> = found
        .iter()
        .find(|listed| listed.release == RELEASE)
        .map(|listed| &listed.package);
    match package {
        Some(package) => store.tree(package, None, false),
        // Its files are the same from run to run: one of an earlier run is as good.
        None => cached(store.cache, name)
            .with_context(|| format!("{RELEASE} has no package {name}, or cannot be read")),
    }
}

/// The tree of a package of this name, from an earlier run.
fn cached(cache: &Path, name: &str) -> Option<PathBuf> {
    let start = format!("{name}_");
    let trees = cache.read_dir().ok()?.flatten().map(|entry| entry.path());
    trees
        .filter(|tree| tree.is_dir())
        .filter(|tree| {
            let folder = tree.file_name().unwrap_or_default().to_string_lossy();
            folder.starts_with(&start)
        })
        .max()
}

/// rustc's flags, with the separator that lets paths have spaces: what gcc would tell the linker.
fn flags(cross: &Cross, library: &Path, support: &Path) -> Result<OsString> {
    let libc = library.join("usr").join(cross.triplet).join("lib");
    let gcc = support.join("usr/lib/gcc-cross").join(cross.triplet);
    // The one folder there has the compiler's version as its name.
    let version = gcc.read_dir().context("no support library")?.next();
    let gcc = version.context("no support library")??.path();
    for file in [libc.join("libc.a"), gcc.join("libgcc_eh.a")] {
        ensure!(file.is_file(), "{} is missing", file.display());
    }
    let mut flags = OsString::from("-Clinker=rust-lld\x1f-Clinker-flavor=ld.lld");
    let mut add = |option: &str, value: &Path| {
        flags.push("\x1f");
        flags.push(option);
        flags.push(value);
    };
    for option in [
        "-Ctarget-feature=+crt-static",
        "-Crelocation-model=static",
        // The crate io-uring, with which safe's tests compare, otherwise refuses what it was not generated for.
        "--cfg=io_uring_skip_arch_check",
    ] {
        add(option, "".as_ref());
    }
    for object in [
        libc.join("crt1.o"),
        libc.join("crti.o"),
        gcc.join("crtbeginT.o"),
    ] {
        add("-Zpre-link-args=", &object);
    }
    for folder in [&libc, &gcc] {
        add("-Lnative=", folder);
    }
    // A library may be a script, which names others by their places in a system.
    add("-Clink-arg=--sysroot=", library);
    for argument in [
        "--eh-frame-hdr",
        "--start-group",
        "-lgcc",
        "-lgcc_eh",
        "-lc",
        "--end-group",
    ] {
        add("-Clink-arg=", argument.as_ref());
    }
    for object in [gcc.join("crtend.o"), libc.join("crtn.o")] {
        add("-Clink-arg=", &object);
    }
    Ok(flags)
}
