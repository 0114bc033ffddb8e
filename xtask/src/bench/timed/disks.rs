//! File systems of their own, in files that are mounted through loop devices.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{self, Command};

use anyhow::{Context, Result};
use std::os::fd::AsRawFd;

use crate::bench::programs::output;

/// Room for the files; XFS takes no less than 300 MiB.
const SIZE: u64 = 512 << 20;

/// A file system. It is unmounted from the beginning, and stays as long as its root is open: nothing is left behind,
/// however the process ends.
pub(super) struct Disk {
    pub(super) kind: &'static str,
    root: File,
}

impl Disk {
    /// A fresh one of this kind. It needs root, and the tools of the file system.
    pub(super) fn new(kind: &'static str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (image, mounted) = (folder.path().join("image"), folder.path().join("mounted"));
        File::create(&image)?.set_len(SIZE)?;
        fs::create_dir(&mounted)?;
        let package = if kind == "xfs" {
            "xfsprogs"
        } else {
            "e2fsprogs"
        };
        output(
            Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image),
            package,
        )?;
        let mut mount = Command::new("mount");
        mount
            .args(["-o", "loop", "-t", kind])
            .arg(&image)
            .arg(&mounted);
        output(&mut mount, "mount")?;
        let root = File::open(&mounted).context("the new file system");
        output(Command::new("umount").arg("--lazy").arg(&mounted), "mount")?;
        Ok(Self { kind, root: root? })
    }

    /// How other processes get there, as long as the value lives.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", process::id(), self.root.as_raw_fd()).into()
    }
}
