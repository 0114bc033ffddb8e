//! Debian packages that the commands need: found, downloaded, verified, unpacked into a cache.

mod deb;
mod fetch;
mod store;

use serde::Deserialize;

pub(crate) use deb::{describe, sha256};
#[cfg(all(test, feature = "generator"))]
pub(crate) use deb::{sha256_of, unpack};
#[cfg(all(test, feature = "generator"))]
pub(crate) use fetch::download;
pub(crate) use store::Store;

/// One Debian package file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// The file's path below the root of an archive; it ends in `NAME_VERSION_ARCH.deb`.
    pub pool: String,
    /// The file's SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

impl Package {
    /// The name of the package file: `NAME_VERSION_ARCH.deb`.
    pub(crate) fn file_name(&self) -> &str {
        self.pool.rsplit('/').next().unwrap_or(&self.pool)
    }

    /// The name of the folder that it is unpacked into: `NAME_VERSION_ARCH`.
    pub(crate) fn folder_name(&self) -> &str {
        self.file_name().trim_end_matches(".deb")
    }
}
