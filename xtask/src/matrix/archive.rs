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

/// The releases to ask, oldest first. The security archive is another site.
const SUITES: &[&str] = &[
    "bullseye",
    "bookworm",
    "bookworm-updates",
    "bookworm-backports",
    "trixie",
    "trixie-updates",
    "trixie-backports",
    "sid",
];
const SECURITY_SUITES: &[&str] = &["bullseye-security", "bookworm-security", "trixie-security"];

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How long the lists are taken for current.
const FRESH: Duration = Duration::from_secs(12 * 60 * 60);

/// A package in the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) package: Package,
    /// The size of the package file in bytes.
    pub(super) size: u64,
}

/// The private apt configuration.
pub(super) struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Makes the configuration in `folder`, and fetches the lists unless they are fresh.
    ///
    /// `warn` hears of lists that could not be had.
    pub(super) fn open(
        folder: &Path,
        progress: &dyn Fn(&str),
        warn: &dyn Fn(&str),
    ) -> Result<Archive> {
        let archive = Archive {
            folder: folder.to_owned(),
        };
        for needed in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(needed))
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
        // No package is installed: a dependency's closure is then complete, and the same everywhere.
        fs::write(folder.join("status"), "")?;
        let sources = sources(&packages::suites()?)?;
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
            Err(error) => warn(&format!("some package lists could not be had: {error:#}")),
        }
        Ok(archive)
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
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
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
                "$(FILENAME)",
                "Created-By: Packages",
            ]),
            "apt",
        )?;
        let mut found = Vec::new();
        for file in files.lines() {
            // apt names what it would have too.
            let Ok(text) = fs::read_to_string(file) else {
                continue;
            };
            found.extend(
                text.split("\n\n")
                    .filter(|paragraph| field(paragraph, "Package").is_some_and(&wanted))
                    .filter_map(listed),
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
fn sources(known: &[(String, String)]) -> Result<String> {
    let site = |security: bool| {
        let of_kind = |(release, _): &&(String, String)| release.ends_with("-security") == security;
        known.iter().find(of_kind).map(|(_, site)| site)
    };
    let main = site(false).context("this system's apt has no archive of Debian packages")?;
    let options = format!("arch=amd64 target=Packages signed-by={KEYRING}");
    let mut lines = String::new();
    for suite in SUITES {
        lines += &format!("deb [{options}] {main} {suite} main\n");
    }
    if let Some(security) = site(true) {
        for suite in SECURITY_SUITES {
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

fn listed(paragraph: &str) -> Option<Listed> {
    let text = |name| field(paragraph, name).map(str::to_owned);
    Some(Listed {
        package: Package {
            name: text("Package")?,
            version: text("Version")?,
            pool: text("Filename")?,
            sha256: text("SHA256")?,
        },
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
        let text = sources(&known).unwrap();
        assert!(text.lines().any(|l| l.ends_with("] m sid main")), "{text}");
        assert!(
            text.lines()
                .any(|l| l.ends_with("] s trixie-security main")),
            "{text}"
        );
        assert!(!sources(&known[1..]).unwrap().contains("security"));
        assert!(sources(&[]).is_err());
    }

    #[test]
    fn a_paragraph_is_read() {
        let paragraph = "Package: linux-x\nVersion: 1:2-3\nPackage-Type: deb\nFilename: pool/x.deb\nSize: 5\nSHA256: ab\nDescription: x\n more";
        let read = listed(paragraph).unwrap();
        assert_eq!(
            (read.package.version.as_str(), read.size),
            ("1:2-3", 5),
            "{read:?}"
        );
        assert_eq!(listed("Package: x\nVersion: 1"), None);
    }
}
