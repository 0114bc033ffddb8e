//! Downloads a package file from the archives that this machine's apt already uses.
//!
//! apt's sources and lists stay as they are: the pin has the path and the hash, which is all that an
//! index would tell, so that a package of another release is found as well.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Package;
use super::deb::run;

const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// The releases that this machine's apt has, each with the archive that it comes from.
pub(crate) fn suites() -> Result<Vec<(String, String)>> {
    let listed = run(
        Command::new("apt-get").args(["indextargets", "--format", "$(RELEASE) $(SITE)"]),
        "apt",
    )
    .context("cannot ask apt for its archives; where there is none, pass --headers DIR|DEB")?;
    let mut suites: Vec<(String, String)> = Vec::new();
    for (release, site) in listed.lines().filter_map(|line| line.split_once(' ')) {
        let suite = (release.to_owned(), site.trim_end_matches('/').to_owned());
        if !suite.1.is_empty() && !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    Ok(suites)
}

/// The distinct archives of this machine's apt.
pub(super) fn sites() -> Result<Vec<String>> {
    let mut sites: Vec<String> = Vec::new();
    for (_, site) in suites()? {
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    Ok(sites)
}

/// Downloads `package` to the file `to` from the first of `sites` that has it, hash verified.
pub(crate) fn download(package: &Package, sites: &[String], to: &Path) -> Result<()> {
    let mut tried = String::new();
    for site in sites {
        let fetched = run(
            Command::new(APT_HELPER)
                .arg("download-file")
                .arg(format!("{site}/{}", package.pool))
                .arg(to)
                .arg(format!("SHA256:{}", package.sha256)),
            "apt",
        );
        match fetched {
            Ok(_) => return Ok(()),
            Err(error) => {
                // apt's warnings come first; its first error says why.
                let error = format!("{error:#}");
                let why = error.lines().find(|line| line.starts_with("E: "));
                tried += &format!("\n  {site}: {}", why.unwrap_or(&error));
            }
        }
    }
    bail!(
        "none of apt's archives has {} with SHA-256 {}; tried:{}",
        package.pool,
        package.sha256,
        if tried.is_empty() {
            " nothing, apt has no sources"
        } else {
            &tried
        },
    );
}
