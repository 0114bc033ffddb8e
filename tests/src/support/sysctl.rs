//! Settings of the kernel, changed for a while.

use std::fs;
use std::io;
use std::path::PathBuf;

/// A setting that gets its old value back when this is dropped. For cases that have the machine to themselves.
#[derive(Debug)]
pub struct Sysctl {
    path: PathBuf,
    old: String,
}

impl Sysctl {
    /// Sets the one at `path`, a file in `/proc/sys` or `/sys`.
    pub fn set(path: impl Into<PathBuf>, value: &str) -> io::Result<Self> {
        let path = path.into();
        let old = fs::read_to_string(&path)?;
        let sysctl = Sysctl { path, old };
        fs::write(&sysctl.path, value)?;
        Ok(sysctl)
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        fs::write(&self.path, self.old.trim()).expect("the sysctl takes its old value");
    }
}
