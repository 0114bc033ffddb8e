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

/// Debian's cloud kernels for x86-64: they have NVMe and ext4 built in.
pub(super) fn is_kernel(name: &str) -> bool {
    let rest = name
        .strip_prefix("linux-image-")
        .or_else(|| name.strip_prefix("linux-binary-"));
    rest.is_some_and(|rest| rest.trim_end_matches("-unsigned").ends_with("-cloud-amd64"))
}

/// The packages with a kernel of `series`, best first.
fn of_series<'a>(all: &'a [Listed], series: &str) -> Result<Vec<&'a Listed>> {
    let Some(wanted) = Version::parse(series) else {
        bail!("{series:?} is no kernel series: 6.12");
    };
    let mut found: Vec<(Version, &Listed)> = all
        .iter()
        .filter(|listed| is_kernel(&listed.package.name) && listed.size >= SMALLEST)
        .filter_map(|listed| Some((Version::parse(&listed.package.version)?, listed)))
        .filter(|(version, _)| (version.major, version.minor) == (wanted.major, wanted.minor))
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
    Ok(found.into_iter().map(|(_, listed)| listed).collect())
}

/// The bootable image of the newest kernel of `series`, or nothing if the archive has none.
///
/// `warn` hears of packages that the archive lists but does not have.
pub(super) fn newest(
    archive: &Archive,
    store: &Store<'_>,
    series: &str,
    warn: &dyn Fn(&str),
) -> Result<Option<PathBuf>> {
    let all = archive.packages(is_kernel)?;
    for listed in of_series(&all, series)?.into_iter().take(TRIES) {
        match store.tree(&listed.package, None, false) {
            Ok(tree) => return image(&tree).map(Some),
            Err(error) => warn(&format!("{series}: {error:#}")),
        }
    }
    Ok(None)
}

/// The kernel in an unpacked package: `boot/vmlinuz-VERSION`, or since 6.19 `usr/lib/modules/VERSION/vmlinuz`.
fn image(tree: &Path) -> Result<PathBuf> {
    for folder in [
        tree.join("boot"),
        tree.join("lib/modules"),
        tree.join("usr/lib/modules"),
    ] {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot read {}", folder.display()))?
                .path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("vmlinuz-") {
                return Ok(path);
            }
            let inner = path.join("vmlinuz");
            if inner.is_file() {
                return Ok(inner);
            }
        }
    }
    bail!("no kernel in {}", tree.display())
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
        Listed { package, size }
    }

    #[test]
    fn the_newest_of_the_series_comes_first() {
        let all = [
            listed(
                "linux-image-6.12.9+deb13-cloud-amd64",
                "6.12.9-1",
                9_000_000,
            ),
            listed(
                "linux-image-6.12.10+deb12-cloud-amd64",
                "6.12.10-1~bpo12+1",
                9_000_000,
            ),
            listed(
                "linux-image-6.12.10+deb13-cloud-amd64",
                "6.12.10-1",
                9_000_000,
            ),
            listed("linux-image-cloud-amd64", "6.12.11-1", 1_000),
            listed("linux-image-6.12.12+deb13-amd64", "6.12.12-1", 9_000_000),
            listed(
                "linux-binary-6.1.99+deb13-cloud-amd64",
                "6.1.99-1",
                9_000_000,
            ),
        ];
        let versions = |series| {
            let found = of_series(&all, series).unwrap();
            found
                .iter()
                .map(|l| l.package.version.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            versions("6.12"),
            ["6.12.10-1", "6.12.10-1~bpo12+1", "6.12.9-1"]
        );
        assert_eq!(versions("6.1"), ["6.1.99-1"]);
        assert!(versions("7.3").is_empty());
        assert!(of_series(&all, "six").is_err());
    }
}
