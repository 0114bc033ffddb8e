//! Settings of the kernel, changed for a while.

use std::fs;
use std::io;

/// A sysctl that gets its old value back when this is dropped. For cases that have the machine to themselves.
#[derive(Debug)]
pub struct Sysctl {
    path: &'static str,
    old: String,
}

impl Sysctl {
    /// Sets the one at `path`, a file in `/proc/sys`.
    pub fn set(path: &'static str, value: &str) -> io::Result<Self> {
        let old = fs::read_to_string(path)?;
        let sysctl = Sysctl { path, old };
        fs::write(path, value)?;
        Ok(sysctl)
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        fs::write(self.path, self.old.trim()).expect("the sysctl takes its old value");
    }
}
