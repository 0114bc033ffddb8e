//! Obtains the pinned headers that the bindings are generated from, and refuses any others.
//!
//! The pin, `xtask/headers.toml`, names the packages and holds the SHA-256 of each package and of
//! each header that counts. [`Headers::obtain`] finds or downloads the packages, unpacks them into a
//! cache and verifies; what it returns is what the pin says, or what the pin shall say from now on.

mod pin;
#[cfg(all(test, feature = "generator"))]
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use uapi_overlay::targets::{TARGETS, Target};

use crate::packages::{self, Store};
use crate::workspace;

pub use pin::{Hashes, Kernel, Libc, Pin, pin_path};
use tree::{Found, View};

/// The verified headers of the kernel, glibc and musl, unpacked.
#[derive(Debug)]
pub struct Headers {
    /// The folder that holds `linux/`, `asm-generic/` and, for each target, `<triplet>/asm/`.
    pub kernel: PathBuf,
    /// The version of Linux that the headers are from, such as `7.3.4`.
    pub kernel_version: String,
    /// What was verified: the committed pin, or with `repin` the one to commit next.
    pub pin: Pin,
    glibc: BTreeMap<&'static str, PathBuf>,
    musl: BTreeMap<&'static str, PathBuf>,
}

impl Headers {
    /// Obtains every header that the bindings need and verifies it against the pin.
    ///
    /// `given` is an unpacked tree of kernel headers or a Debian package file; without it the pinned
    /// package is used: from `../shared/headers` beside the workspace, from `cache`, or downloaded
    /// into `cache`. `progress` hears of each step that takes time, and of none when all is cached.
    ///
    /// # Errors
    ///
    /// A package cannot be had; a package or header is not the pinned one, unless `repin`; the kernel
    /// headers lack an architecture.
    pub fn obtain(
        given: Option<&Path>,
        repin: bool,
        cache: &Path,
        progress: &dyn Fn(&str),
    ) -> Result<Self> {
        let store = Store {
            local: vec![workspace::root().join("../shared/headers")],
            cache,
            progress,
        };
        Self::obtain_from(Pin::read(&pin_path())?, given, repin, &store)
    }

    fn obtain_from(pin: Pin, given: Option<&Path>, repin: bool, store: &Store<'_>) -> Result<Self> {
        let (include, kernel) = obtain_kernel(pin.kernel, given, repin, store)?;
        let (glibc_trees, glibc) = obtain_libc(pin.glibc, repin, store, &GLIBC)?;
        let (musl_trees, musl) = obtain_libc(pin.musl, repin, store, &MUSL)?;
        Ok(Self {
            kernel: include,
            kernel_version: kernel.version.clone(),
            pin: Pin {
                kernel,
                glibc,
                musl,
            },
            glibc: glibc_trees,
            musl: musl_trees,
        })
    }

    /// The folder of glibc's headers for `target`.
    ///
    /// # Panics
    ///
    /// If `target` is none of [`TARGETS`].
    #[must_use]
    pub fn glibc(&self, target: &Target) -> PathBuf {
        (GLIBC.include)(&self.glibc[target.glibc], target)
    }

    /// The folder of musl's headers for `target`.
    ///
    /// # Panics
    ///
    /// If `target` is none of [`TARGETS`].
    #[must_use]
    pub fn musl(&self, target: &Target) -> PathBuf {
        (MUSL.include)(&self.musl[target.musl], target)
    }

    /// The text of `xtask/headers.toml` that pins these headers; the committed text, unless `repin`.
    #[must_use]
    pub fn pin_text(&self) -> String {
        self.pin.to_text()
    }
}

/// What to do about headers that differ though their package is the pinned one.
const CACHE_ADVICE: &str = "remove the folder to have the package unpacked again; \
    if the pin was edited to name another package, pass --repin";

/// Where one C library's headers are.
struct LibcLayout {
    /// The architecture whose package serves the target: a key of [`Libc::packages`].
    arch: fn(&Target) -> &'static str,
    /// The name of the target's folder, unique for each architecture.
    folder: fn(&Target) -> &'static str,
    /// The target's include folder in the unpacked package.
    include: fn(&Path, &Target) -> PathBuf,
    /// The headers that say what `aio.h` declares: it, and those that give its types their layout.
    headers: &'static [&'static str],
}

const GLIBC: LibcLayout = LibcLayout {
    arch: |target| target.glibc,
    folder: |target| target.glibc_dir,
    include: |tree, target| tree.join("usr").join(target.glibc_dir).join("include"),
    headers: &[
        "aio.h",
        "bits/sigevent-consts.h",
        "bits/timesize.h",
        "bits/types.h",
        "bits/types/__sigval_t.h",
        "bits/types/sigevent_t.h",
        "bits/types/struct_timespec.h",
        "bits/types/time_t.h",
        "bits/typesizes.h",
        "bits/wordsize.h",
    ],
};

const MUSL: LibcLayout = LibcLayout {
    arch: |target| target.musl,
    folder: |target| target.musl_dir,
    include: |tree, target| tree.join("usr/include").join(target.musl_dir),
    headers: &["aio.h", "bits/alltypes.h", "signal.h"],
};

/// Returns the folder of the kernel's headers and the pin that it fulfils.
fn obtain_kernel(
    pinned: Kernel,
    given: Option<&Path>,
    repin: bool,
    store: &Store<'_>,
) -> Result<(PathBuf, Kernel)> {
    let (root, package) = match given {
        None => {
            let package = pinned
                .package
                .clone()
                .context("the pin names no kernel package: pass --headers DIR|DEB")?;
            let tree = store.tree(&package, None, repin);
            let tree = tree.context("without the pinned headers, pass --headers DIR|DEB")?;
            (tree, Some(package))
        }
        Some(dir) if dir.is_dir() => (dir.to_path_buf(), None),
        Some(file) => {
            let package = packages::describe(file)?;
            if !repin && pinned.package.as_ref() != Some(&package) {
                bail!(
                    "{} is {} {} with SHA-256 {}, and the pin wants {}: pass --repin to move the pin",
                    file.display(),
                    package.name,
                    package.version,
                    package.sha256,
                    pinned.package.map_or("no package".into(), |p| format!(
                        "{} {} with SHA-256 {}",
                        p.name, p.version, p.sha256
                    )),
                );
            }
            (store.tree(&package, Some(file), repin)?, Some(package))
        }
    };

    let include = kernel_include(&root)?;
    let version = kernel_version(&include)?;
    let views = TARGETS.iter().map(|target| {
        let view = View {
            search: vec![include.join(target.kernel), include.clone()],
            roots: kernel_roots(&include),
            follows: true,
        };
        (target.kernel, view)
    });
    let found = Found::read(&include, views)?;
    if repin {
        let headers = found.hashes();
        return Ok((
            include,
            Kernel {
                version,
                package,
                headers,
            },
        ));
    }
    let differences = found.differences(&pinned.headers);
    ensure!(
        differences.is_empty(),
        "the headers of Linux {version} in {} are not the pinned ones of Linux {}:\n  {}\n\
         {}",
        include.display(),
        pinned.version,
        differences.join("\n  "),
        if package.is_some() {
            CACHE_ADVICE
        } else {
            "pass --repin to move the pin"
        },
    );
    Ok((include, pinned))
}

/// Returns the unpacked package of each architecture and the pin that they fulfil.
fn obtain_libc(
    pinned: Libc,
    repin: bool,
    store: &Store<'_>,
    layout: &LibcLayout,
) -> Result<(BTreeMap<&'static str, PathBuf>, Libc)> {
    let mut trees = BTreeMap::new();
    let mut views = BTreeMap::new();
    for target in TARGETS {
        let arch = (layout.arch)(target);
        if trees.contains_key(arch) {
            continue;
        }
        let package = pinned
            .packages
            .get(arch)
            .with_context(|| format!("the pin names no C library for {arch}"))?;
        let tree = store.tree(package, None, repin)?;
        let view = View {
            search: vec![(layout.include)(&tree, target)],
            roots: layout.headers.iter().map(|name| name.to_string()).collect(),
            follows: false,
        };
        views.insert((layout.folder)(target), view);
        trees.insert(arch, tree);
    }
    let found = Found::read(store.cache, views)?;
    if repin {
        let headers = found.hashes();
        return Ok((trees, Libc { headers, ..pinned }));
    }
    let differences = found.differences(&pinned.headers);
    ensure!(
        differences.is_empty(),
        "headers of the C libraries in {} are not the pinned ones:\n  {}\n\
         {CACHE_ADVICE}",
        store.cache.display(),
        differences.join("\n  "),
    );
    Ok((trees, pinned))
}

/// The headers that the bindings are generated from; those that they include count as well.
fn kernel_roots(include: &Path) -> Vec<String> {
    let mut roots: Vec<String> = [
        "linux/io_uring.h",
        "linux/aio_abi.h",
        "linux/fs.h",
        "linux/blkdev.h",
        "linux/nvme_ioctl.h",
        "linux/time_types.h",
        "linux/stddef.h",
    ]
    .map(String::from)
    .into();
    // A kernel that adds a header for io_uring adds it here.
    if let Ok(folder) = fs::read_dir(include.join("linux/io_uring")) {
        roots.extend(
            folder
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .filter(|name| name.ends_with(".h"))
                .map(|name| format!("linux/io_uring/{name}")),
        );
    }
    roots
}

/// Finds the include folder in an unpacked package or installed tree, with every architecture.
fn kernel_include(root: &Path) -> Result<PathBuf> {
    let include = ["usr/include", "include", ""]
        .map(|below| root.join(below))
        .into_iter()
        .find(|include| include.join("linux/version.h").is_file())
        .with_context(|| {
            format!(
                "{} holds no kernel headers: linux/version.h is neither in it nor below \
                 usr/include or include",
                root.display()
            )
        })?;
    let missing: Vec<&str> = TARGETS
        .iter()
        .map(|target| target.kernel)
        .filter(|triplet| !include.join(triplet).join("asm").is_dir())
        .collect();
    ensure!(
        missing.is_empty(),
        "{} needs every architecture, as <triplet>/asm, and lacks {}{}",
        include.display(),
        missing.join(", "),
        if include.join("asm").is_dir() {
            ". It has only asm/, of one architecture, as `make headers_install` leaves it: \
             install for each architecture and move each asm/ into its <triplet>/"
        } else {
            ""
        },
    );
    Ok(include)
}

/// Reads `MAJOR.PATCHLEVEL.SUBLEVEL` from `linux/version.h`.
fn kernel_version(include: &Path) -> Result<String> {
    let file = include.join("linux/version.h");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let part = |name: &str| -> Result<u32> {
        let macro_name = format!("LINUX_VERSION_{name}");
        text.lines()
            .filter_map(|line| line.strip_prefix("#define "))
            .filter_map(|define| define.split_once(' '))
            .find(|(defined, _)| *defined == macro_name)
            .and_then(|(_, value)| value.trim().parse().ok())
            .with_context(|| format!("{} defines no {macro_name}", file.display()))
    };
    Ok(format!(
        "{}.{}.{}",
        part("MAJOR")?,
        part("PATCHLEVEL")?,
        part("SUBLEVEL")?
    ))
}
