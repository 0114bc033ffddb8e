//! File systems of their own, in files that are mounted through loop devices.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A fresh file system, mounted as long as the value lives. It needs root, and the tools of the file system.
pub(crate) struct Disk {
    folder: TempDir,
}

/// Room for the largest tests; XFS takes no less than 300 MiB.
const SIZE: u64 = 512 << 20;

impl Disk {
    /// One of this kind, such as `ext4`.
    pub(crate) fn new(kind: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("image");
        let file = File::create(&image).expect("a file");
        file.set_len(SIZE).expect("a sparse file");
        run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image));
        let disk = Self { folder };
        std::fs::create_dir(disk.path()).expect("a folder");
        run(Command::new("mount")
            .args(["-o", "loop", "-t", kind])
            .arg(image)
            .arg(disk.path()));
        disk
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a test that failed may have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// What keeps the tests of a file system from running, if something does.
pub(crate) fn lacks(kind: &str) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let program = format!("mkfs.{kind}");
    let found = Command::new(&program).arg("-V").output().is_ok();
    (!found).then(|| format!("needs {program}"))
}

fn run(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} (as root?): {message}");
}
