//! What a tree of headers holds, in hashes, and how that differs from the pin.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::pin::{ALL, Hashes};
use crate::packages::sha256;

/// How one architecture sees the headers.
pub(super) struct View {
    /// The include folders, in the order in which a compiler searches them.
    pub(super) search: Vec<PathBuf>,
    /// The headers that count, such as `linux/io_uring.h`.
    pub(super) roots: Vec<String>,
    /// Whether what they include, directly or not, counts as well.
    pub(super) follows: bool,
}

/// One header as found.
#[derive(Clone)]
struct Header {
    /// Where it is, below the folder given to [`Found::read`]: for messages.
    place: String,
    sha256: String,
    includes: Vec<String>,
}

/// Every header that counts, for each architecture's folder by name.
pub(super) struct Found(BTreeMap<&'static str, BTreeMap<String, Header>>);

impl Found {
    /// Reads the headers that count of each view.
    ///
    /// Where includes are followed, an `#include` counts whatever `#if` surrounds it. One that is nowhere in the view is left out:
    /// it belongs to the compiler or to another package, or nobody outside the kernel includes it.
    pub(super) fn read(
        base: &Path,
        views: impl IntoIterator<Item = (&'static str, View)>,
    ) -> Result<Self> {
        let mut read: BTreeMap<PathBuf, Header> = BTreeMap::new();
        let mut found = BTreeMap::new();
        for (folder, view) in views {
            let mut headers: BTreeMap<String, Header> = BTreeMap::new();
            let mut pending = view.roots;
            while let Some(name) = pending.pop() {
                if headers.contains_key(&name) {
                    continue;
                }
                let place = view.search.iter().map(|include| include.join(&name));
                let Some(file) = place.into_iter().find(|file| file.is_file()) else {
                    continue;
                };
                let header = match read.get(&file) {
                    Some(header) => header.clone(),
                    None => Header::read(base, &file)?,
                };
                if view.follows {
                    pending.extend(header.includes.iter().cloned());
                }
                read.insert(file, header.clone());
                headers.insert(name, header);
            }
            found.insert(folder, headers);
        }
        Ok(Self(found))
    }

    /// The hashes as the pin lists them: once if all architectures agree, else for each.
    pub(super) fn hashes(&self) -> Hashes {
        let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, name, header) in self.each() {
            texts.entry(name).or_default().insert(&header.sha256);
        }
        let mut hashes = Hashes::new();
        for (folder, name, header) in self.each() {
            let folder = if texts[name].len() == 1 { ALL } else { folder };
            hashes
                .entry(folder.into())
                .or_default()
                .insert(name.into(), header.sha256.clone());
        }
        hashes
    }

    /// The headers that are not as `pinned`, and how; none if all are.
    pub(super) fn differences(&self, pinned: &Hashes) -> Vec<String> {
        let pin_of = |folder: &str, name: &str| {
            [folder, ALL]
                .iter()
                .find_map(|folder| pinned.get(*folder)?.get(name))
        };
        let mut differences = BTreeSet::new();
        for (folder, name, header) in self.each() {
            match pin_of(folder, name) {
                Some(sha256) if *sha256 == header.sha256 => {}
                Some(_) => drop(differences.insert(format!("{}: differs", header.place))),
                None => drop(differences.insert(format!("{}: is not in the pin", header.place))),
            }
        }
        for (folder, headers) in pinned {
            for name in headers.keys() {
                let is_here = if folder == ALL {
                    self.0.values().any(|view| view.contains_key(name))
                } else {
                    self.0
                        .get(&**folder)
                        .is_some_and(|view| view.contains_key(name))
                };
                if !is_here {
                    let folder = if folder == ALL { "" } else { folder };
                    let place = Path::new(folder).join(name);
                    differences.insert(format!("{}: is missing", place.display()));
                }
            }
        }
        differences.into_iter().collect()
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &str, &Header)> {
        self.0.iter().flat_map(|(folder, headers)| {
            headers
                .iter()
                .map(|(name, header)| (*folder, name.as_str(), header))
        })
    }
}

impl Header {
    fn read(base: &Path, file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let place = file.strip_prefix(base).unwrap_or(file);
        Ok(Self {
            place: place.display().to_string(),
            sha256: sha256(&bytes),
            includes: String::from_utf8_lossy(&bytes)
                .lines()
                .filter_map(included)
                .map(String::from)
                .collect(),
        })
    }
}

/// The name that a line includes, if it is an `#include` of a name.
fn included(line: &str) -> Option<&str> {
    let directive = line.trim_start().strip_prefix('#')?.trim_start();
    let operand = directive.strip_prefix("include")?.trim_start();
    let close = match operand.chars().next()? {
        '<' => '>',
        '"' => '"',
        _ => return None,
    };
    operand[1..].split_once(close).map(|(name, _)| name)
}
