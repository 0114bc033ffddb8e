//! Which kernels there are, and their images.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use conformance::kernel::Version;

use super::archive::{Archive, Listed};
use crate::packages::Store;

/// The series that are run: the long-term ones that distributions keep, and all since 6.16.
pub(super) const SERIES: &[&str] = &[
    "5.10", "6.1", "6.12", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2", "7.3",
];

/// Packages below this size, in bytes, only depend on the one with the kernel.
const SMALLEST: u64 = 4_000_000;

/// How many packages of a series are tried. An archive's list may name what its pool no longer has.
const TRIES: usize = 4;

/// A kernel, unpacked.
pub(super) struct Kernel {
    /// The bootable image.
    pub(super) image: PathBuf,
    /// The folder of its modules, if any are needed.
    pub(super) modules: Option<PathBuf>,
}

/// Where kernels of one kind are looked for.
pub(super) struct Sources<'a> {
    pub(super) archives: &'a [Archive],
    pub(super) store: &'a Store<'a>,
    /// How the kernels' names end: `cloud-amd64`.
    pub(super) flavour: &'static str,
    /// Whether they cannot do without their modules.
    pub(super) modules: bool,
    /// Hears of packages that the archive lists but does not have.
    pub(super) warn: &'a dyn Fn(&str),
}

impl Sources<'_> {
    /// The newest kernel of `series`, or of all; nothing if the archive has none.
    ///
    /// Where the archive cannot be read, a kernel of an earlier run serves.
    pub(super) fn newest(&self, series: Option<&str>) -> Result<Option<Kernel>> {
        let series = series.map(parsed).transpose()?;
        let mut all = Vec::new();
        for archive in self.archives {
            let wanted = |name: &str| is_kernel(name, self.flavour) || is_modules(name);
            all.extend(archive.packages(wanted)?);
        }
        let mut readable = self.archives.iter().all(Archive::is_current);
        for listed in candidates(&all, self.flavour, series)
            .into_iter()
            .take(TRIES)
        {
            match self.unpacked(listed, &all) {
                Ok(kernel) => return Ok(Some(kernel)),
                Err(error) => {
                    readable = false;
                    (self.warn)(&format!("{}: {error:#}", listed.package.name));
                }
            }
        }
        if readable {
            return Ok(None);
        }
        let names = fs::read_dir(self.store.cache)
            .map(|entries| entries.flatten().map(|entry| entry.file_name()))
            .into_iter()
            .flatten()
            .filter_map(|name| name.into_string().ok())
            .collect();
        let Some(folder) = cached(names, self.flavour, series) else {
            return Ok(None);
        };
        (self.warn)(&format!(
            "the archive could not be read; the cached kernel {folder} is used, there may be newer ones"
        ));
        self.kernel(&self.store.cache.join(&folder), &|| {
            let modules = folder.replacen("linux-binary-", "linux-modules-", 1);
            Ok(self.store.cache.join(modules))
        })
        .map(Some)
    }

    /// The kernel of a package in the lists.
    fn unpacked(&self, listed: &Listed, all: &[Listed]) -> Result<Kernel> {
        let tree = self.store.tree(&listed.package, None, false)?;
        self.kernel(&tree, &|| {
            let name = listed
                .package
                .name
                .replacen("linux-binary-", "linux-modules-", 1);
            let modules = all.iter().find(|other| {
                other.package.name == name && other.package.version == listed.package.version
            });
            let modules = modules.with_context(|| format!("no package {name}"))?;
            self.store.tree(&modules.package, None, false)
        })
    }

    /// The kernel in a package's tree; its modules are there too, or in another package.
    fn kernel(&self, tree: &Path, other: &dyn Fn() -> Result<PathBuf>) -> Result<Kernel> {
        let image = image(tree)?;
        let elsewhere = || {
            let tree = other()?;
            modules(&tree).with_context(|| format!("no modules in {}", tree.display()))
        };
        let modules = match modules(tree).map_or_else(elsewhere, Ok) {
            Ok(modules) => Some(modules),
            Err(error) if self.modules => return Err(error),
            Err(error) => {
                (self.warn)(&format!("{error:#}: what needs a module is skipped there"));
                None
            }
        };
        Ok(Kernel { image, modules })
    }
}

/// The version that is meant by a series.
pub(super) fn parsed(series: &str) -> Result<Version> {
    match Version::parse(series) {
        Some(version) => Ok(version),
        None => bail!("{series:?} is no kernel series, such as 6.12"),
    }
}

/// Whether this is the name of a package with a kernel of Debian's `flavour`, and not of a longer one:
/// `linux-image-6.12.107+deb13-cloud-amd64-unsigned`, `linux-binary-7.3.4+deb13-arm64`.
fn is_kernel(name: &str, flavour: &str) -> bool {
    let rest = name
        .strip_prefix("linux-image-")
        .or_else(|| name.strip_prefix("linux-binary-"));
    let version = rest
        .map(|rest| rest.trim_end_matches("-unsigned"))
        .and_then(|rest| rest.strip_suffix(flavour)?.strip_suffix('-'));
    // The version's letters are those of `deb` and `bpo`.
    version.is_some_and(|version| {
        let own = |c: char| c.is_ascii_digit() || ".+-~debpo".contains(c);
        version.starts_with(|c: char| c.is_ascii_digit()) && version.chars().all(own)
    })
}

fn is_modules(name: &str) -> bool {
    name.starts_with("linux-modules-")
}

fn within(version: Version, series: Option<Version>) -> bool {
    series.is_none_or(|series| (version.major, version.minor) == (series.major, series.minor))
}

/// The packages with a kernel of `series`, best first.
fn candidates<'a>(all: &'a [Listed], flavour: &str, series: Option<Version>) -> Vec<&'a Listed> {
    let mut found: Vec<(Version, &Listed)> = all
        .iter()
        .filter(|listed| is_kernel(&listed.package.name, flavour) && listed.size >= SMALLEST)
        .filter_map(|listed| Some((Version::parse(&listed.package.version)?, listed)))
        .filter(|(version, _)| within(*version, series))
        .collect();
    found.sort_by_key(|(version, listed)| {
        let package = &listed.package;
        // A rebuild for an older release, and the unsigned twin, are second choice.
        let second = package.version.contains('~') || package.name.ends_with("-unsigned");
        (
            Reverse(*version),
            second,
            package.name.clone(),
            package.version.clone(),
        )
    });
    found.into_iter().map(|(_, listed)| listed).collect()
}

/// The folder with the newest kernel, of those that unpacked packages have: `NAME_VERSION_ARCHITECTURE`.
fn cached(names: Vec<String>, flavour: &str, series: Option<Version>) -> Option<String> {
    names
        .into_iter()
        .filter(|name| !name.ends_with(".deb"))
        .filter_map(|name| {
            let (package, rest) = name.split_once('_')?;
            let version = Version::parse(rest)?;
            let fits = is_kernel(package, flavour) && within(version, series);
            fits.then_some((version, name))
        })
        .max()
        .map(|(_, name)| name)
}

/// Where an unpacked package has things by version.
const FOLDERS: [&str; 2] = ["lib/modules", "usr/lib/modules"];

/// The kernel in an unpacked package: `boot/vmlinuz-VERSION`, or since 6.19 `usr/lib/modules/VERSION/vmlinuz`.
fn image(tree: &Path) -> Result<PathBuf> {
    let is_image = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Some architectures do not compress it.
        (name.starts_with("vmlinuz") || name.starts_with("vmlinux")) && path.is_file()
    };
    let mut places = entries(&tree.join("boot"));
    for folder in FOLDERS {
        for version in entries(&tree.join(folder)) {
            places.extend(entries(&version));
        }
    }
    places
        .into_iter()
        .find(is_image)
        .with_context(|| format!("no kernel in {}", tree.display()))
}

/// The folder of modules in an unpacked package.
fn modules(tree: &Path) -> Option<PathBuf> {
    let versions = FOLDERS.map(|folder| entries(&tree.join(folder)));
    versions
        .into_iter()
        .flatten()
        .map(|version| version.join("kernel"))
        .find(|folder| folder.is_dir())
}

/// What is in a folder; nothing if there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::Package;

    fn listed(name: &str, version: &str, size: u64) -> Listed {
        let package = Package {
            name: name.to_owned(),
            version: version.to_owned(),
            pool: String::new(),
            sha256: String::new(),
        };
        Listed {
            package,
            release: "sid".to_owned(),
            size,
        }
    }

    #[test]
    fn the_newest_of_the_series_comes_first() {
        let all = [
            ("linux-image-6.12.9+deb13-cloud-amd64", "6.12.9-1"),
            ("linux-image-6.12.10+deb12-cloud-amd64", "6.12.10-1~bpo12+1"),
            ("linux-image-6.12.10+deb13-cloud-amd64", "6.12.10-1"),
            ("linux-image-6.12.12+deb13-amd64", "6.12.12-1"),
            ("linux-binary-6.1.99+deb13-cloud-amd64", "6.1.99-1"),
        ];
        let mut all = all
            .map(|(name, version)| listed(name, version, 9_000_000))
            .to_vec();
        all.push(listed("linux-image-cloud-amd64", "6.12.11-1", 1_000));
        let versions = |series: Option<&str>| {
            let series = series.map(|series| parsed(series).unwrap());
            let found = candidates(&all, "cloud-amd64", series);
            found
                .iter()
                .map(|l| l.package.version.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            versions(Some("6.12")),
            ["6.12.10-1", "6.12.10-1~bpo12+1", "6.12.9-1"]
        );
        assert_eq!(versions(Some("6.1")), ["6.1.99-1"]);
        assert!(versions(Some("7.3")).is_empty());
        assert_eq!(versions(None).len(), 4);
        assert!(parsed("six").is_err());
    }

    #[test]
    fn a_flavour_is_not_a_longer_one() {
        let table = [
            ("linux-image-6.12.107+deb13-arm64-unsigned", "arm64", true),
            ("linux-binary-7.3.4+deb13-arm64", "arm64", true),
            ("linux-image-6.1.0-50-arm64", "arm64", true),
            ("linux-image-5.10.0-0.deb10.16-arm64", "arm64", true),
            ("linux-image-6.12.107+deb13-cloud-arm64", "arm64", false),
            ("linux-image-6.12.107+deb13-rt-arm64", "arm64", false),
            ("linux-image-6.12.107+deb13-arm64-16k", "arm64", false),
            ("linux-image-6.12.107+deb13-arm64-dbg", "arm64", false),
            ("linux-image-arm64", "arm64", false),
            ("linux-binary-7.3.4+deb13-arm64-16k", "arm64-16k", true),
        ];
        for (name, flavour, expected) in table {
            assert_eq!(is_kernel(name, flavour), expected, "{name}");
        }
    }

    #[test]
    fn an_earlier_runs_newest_kernel_is_found() {
        let names = [
            "linux-image-6.12.9+deb13-cloud-amd64_6.12.9-1_amd64",
            "linux-image-6.12.10+deb13-cloud-amd64_6.12.10-1_amd64",
            "linux-image-6.12.11+deb13-cloud-amd64_6.12.11-1_amd64.deb",
            "linux-binary-7.3.4+deb13-cloud-amd64_7.3.4-1~bpo13+1_amd64",
            "linux-modules-7.9.4+deb13-cloud-amd64_7.9.4-1~bpo13+1_amd64",
            ".part-x",
        ];
        let newest = |flavour, series: Option<&str>| {
            let series = series.map(|series| parsed(series).unwrap());
            cached(names.map(str::to_owned).to_vec(), flavour, series)
        };
        assert_eq!(
            newest("cloud-amd64", Some("6.12")).as_deref(),
            Some(names[1])
        );
        assert_eq!(newest("cloud-amd64", None).as_deref(), Some(names[3]));
        assert_eq!(newest("cloud-amd64", Some("6.1")), None);
        assert_eq!(newest("s390x", None), None);
    }
}
