//! Debian's archive as the machines need it: more releases than this system's apt has.
//!
//! A private apt configuration below the cache folder asks the archives that this system's apt uses; the system's own
//! sources and lists stay as they are. Only the package lists come this way, signature verified; the packages
//! themselves are fetched by path and hash as all others are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::packages::{self, Package};

/// Which package lists an archive is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists {
    /// Debian's name of the architecture.
    pub(super) architecture: &'static str,
    /// The releases, oldest first.
    pub(super) suites: &'static [&'static str],
    /// The releases to ask the security archive for, which is another site.
    pub(super) security: &'static [&'static str],
}

/// What x86-64's kernels, the emulators and the libraries of other architectures come from.
pub(super) const OWN: Lists = Lists {
    architecture: "amd64",
    suites: &[
        "bullseye",
        "bookworm",
        "bookworm-updates",
        "bookworm-backports",
        "trixie",
        "trixie-updates",
        "trixie-backports",
        "sid",
    ],
    security: &["bullseye-security", "bookworm-security", "trixie-security"],
};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How long the lists are taken for current.
const FRESH: Duration = Duration::from_secs(12 * 60 * 60);

/// A package in the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) package: Package,
    /// The release that has it.
    pub(super) release: String,
    /// The size of the package file in bytes.
    pub(super) size: u64,
}

/// The private apt configuration.
pub(super) struct Archive {
    folder: PathBuf,
    architecture: &'static str,
    /// Whether all lists are those of today.
    current: bool,
}

impl Archive {
    /// Makes the configuration in `folder`, and fetches the lists unless they are fresh.
    ///
    /// `warn` hears of lists that could not be had; older ones serve then, if there are any.
    pub(super) fn open(
        folder: &Path,
        lists: &Lists,
        progress: &dyn Fn(&str),
        warn: &dyn Fn(&str),
    ) -> Result<Archive> {
        let mut archive = Archive {
            folder: folder.to_owned(),
            architecture: lists.architecture,
            current: true,
        };
        for needed in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(needed))
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
        // No package is installed: a dependency's closure is then complete, and the same everywhere.
        fs::write(folder.join("status"), "")?;
        let sources = sources(lists, &packages::suites()?)?;
        let file = folder.join("sources.list");
        let stamp = folder.join("updated");
        let unchanged = fs::read_to_string(&file).is_ok_and(|old| old == sources);
        if unchanged && age(&stamp).is_some_and(|age| age < FRESH) {
            return Ok(archive);
        }
        fs::write(&file, sources)?;
        progress("fetching the archive's package lists");
        match packages::run(archive.apt("apt-get").arg("update"), "apt") {
            Ok(_) => fs::write(&stamp, "")?,
            // Whether what is there is enough is seen by what is asked for.
            Err(error) => {
                archive.current = false;
                let names = lists.suites.join(", ");
                let architecture = lists.architecture;
                // What follows on other lines, and where it was asked, says no more.
                let error = format!("{error:#}");
                let error = error.lines().next().unwrap_or_default();
                let error = error.split(" [IP:").next().unwrap_or_default();
                warn(&format!(
                    "not all package lists of {names} for {architecture} could be had: {error}"
                ));
            }
        }
        Ok(archive)
    }

    /// Whether all lists could be had, so that what is not in them is not in the archive.
    pub(super) fn is_current(&self) -> bool {
        self.current
    }

    /// An apt command on the private configuration.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.display();
        for option in [
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Dir::Etc::preferencesparts=/dev/null".to_owned(),
            format!("Dir::State::Lists={folder}/lists"),
            format!("Dir::State::status={folder}/status"),
            format!("Dir::Cache={folder}/cache"),
            format!("APT::Architecture={}", self.architecture),
            format!("APT::Architectures={}", self.architecture),
            "Acquire::Languages=none".to_owned(),
            // Lists that are read here, not by apt alone.
            "Acquire::GzipIndexes=false".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }

    /// All packages whose names `wanted` accepts.
    pub(super) fn packages(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Listed>> {
        let files = packages::run(
            self.apt("apt-get").args([
                "indextargets",
                "--format",
                "$(RELEASE) $(FILENAME)",
                "Created-By: Packages",
            ]),
            "apt",
        )?;
        let mut found = Vec::new();
        for (release, file) in files.lines().filter_map(|line| line.split_once(' ')) {
            // apt names what it would have too.
            let Ok(text) = fs::read_to_string(file) else {
                continue;
            };
            found.extend(
                text.split("\n\n")
                    .filter(|paragraph| field(paragraph, "Package").is_some_and(&wanted))
                    .filter_map(|paragraph| listed(paragraph, release)),
            );
        }
        Ok(found)
    }

    /// The packages that `wanted` (as apt writes them: `NAME/RELEASE`) need to run, themselves included, where nothing
    /// is installed; dependencies come from `release`.
    pub(super) fn closure(&self, release: &str, wanted: &[String]) -> Result<Vec<Package>> {
        let lines = packages::run(
            self.apt("apt-get")
                .arg("-o")
                .arg(format!("APT::Default-Release={release}"))
                .args([
                    "install",
                    "--print-uris",
                    "--yes",
                    "--no-install-recommends",
                ])
                .args(wanted),
            "apt",
        )?;
        // 'URI' NAME_VERSION_ARCH.deb SIZE HASH, with the version's colon escaped.
        let files: Vec<String> = lines
            .lines()
            .filter(|line| line.starts_with('\''))
            .filter_map(|line| line.split(' ').nth(1))
            .map(|file| file.replace("%3a", ":"))
            .collect();
        ensure!(
            !files.is_empty(),
            "apt names no package for {}",
            wanted.join(" ")
        );
        let named = |name: &str| {
            files
                .iter()
                .any(|file| file.split('_').next() == Some(name))
        };
        let candidates = self.packages(named)?;
        let mut closure = Vec::new();
        for file in &files {
            let is_it = |listed: &&Listed| {
                let Package { name, version, .. } = &listed.package;
                file.starts_with(&format!("{name}_{version}_"))
            };
            match candidates.iter().find(is_it) {
                Some(listed) => closure.push(listed.package.clone()),
                None => bail!("{file} is in no package list"),
            }
        }
        Ok(closure)
    }
}

/// apt's sources. `known` are this system's releases with their sites.
fn sources(lists: &Lists, known: &[(String, String)]) -> Result<String> {
    let site = |security: bool| {
        let of_kind = |(release, _): &&(String, String)| release.ends_with("-security") == security;
        known.iter().find(of_kind).map(|(_, site)| site)
    };
    let main = site(false).context("this system's apt has no archive of Debian packages")?;
    let options = format!(
        "arch={} target=Packages signed-by={KEYRING}",
        lists.architecture
    );
    let mut lines = String::new();
    for suite in lists.suites {
        lines += &format!("deb [{options}] {main} {suite} main\n");
    }
    if let Some(security) = site(true) {
        for suite in lists.security {
            lines += &format!("deb [{options}] {security} {suite} main\n");
        }
    }
    Ok(lines)
}

fn age(file: &Path) -> Option<Duration> {
    let modified = fs::metadata(file).ok()?.modified().ok()?;
    SystemTime::now().duration_since(modified).ok()
}

/// The value of a one-line field in a paragraph of a package list.
fn field<'a>(paragraph: &'a str, name: &str) -> Option<&'a str> {
    paragraph
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn listed(paragraph: &str, release: &str) -> Option<Listed> {
    let text = |name| field(paragraph, name).map(str::to_owned);
    Some(Listed {
        package: Package {
            name: text("Package")?,
            version: text("Version")?,
            pool: text("Filename")?,
            sha256: text("SHA256")?,
        },
        release: release.to_owned(),
        size: field(paragraph, "Size")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_security_releases_come_from_their_own_site() {
        let known = [("stable-security", "s"), ("stable", "m")]
            .map(|(release, site)| (release.to_owned(), site.to_owned()));
        let text = sources(&OWN, &known).unwrap();
        assert!(text.lines().any(|l| l.ends_with("] m sid main")), "{text}");
        assert!(
            text.lines()
                .any(|l| l.ends_with("] s trixie-security main")),
            "{text}"
        );
        assert!(!sources(&OWN, &known[1..]).unwrap().contains("security"));
        assert!(sources(&OWN, &[]).is_err());
    }

    #[test]
    fn a_paragraph_is_read() {
        let paragraph = "Package: linux-x\nVersion: 1:2-3\nPackage-Type: deb\nFilename: pool/x.deb\nSize: 5\nSHA256: ab\nDescription: x\n more";
        let read = listed(paragraph, "sid").unwrap();
        assert_eq!(
            (read.package.version.as_str(), read.size),
            ("1:2-3", 5),
            "{read:?}"
        );
        assert_eq!(listed("Package: x\nVersion: 1", "sid"), None);
    }
}
