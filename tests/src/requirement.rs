//! What a case may need from the machine, and how its absence is found out.

use std::env;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use crate::support::names::Errno;
use crate::support::network;

/// Names a block device that cases may overwrite.
pub const BLOCK_DEVICE: &str = "CONFORMANCE_BLOCK_DEVICE";
/// Names the character device of an NVMe namespace that cases may overwrite: `/dev/ng0n1`.
pub const NVME: &str = "CONFORMANCE_NVME";
/// Names a block device with logical blocks of 4096 bytes that cases may overwrite.
pub const LARGE_BLOCKS: &str = "CONFORMANCE_LARGE_BLOCKS";
/// Names a zoned block device that cases may overwrite.
pub const ZONED: &str = "CONFORMANCE_ZONED";
/// Names a block device with 8 bytes of protection information (T10, type 1) a block that cases may overwrite.
pub const INTEGRITY: &str = "CONFORMANCE_INTEGRITY";
/// Set where the whole machine may be changed, because it was started for the suite alone: `vminit` sets it.
pub const OWN_MACHINE: &str = "CONFORMANCE_OWN_MACHINE";

/// Something that a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The effective user is root.
    Root,
    /// IPv4 on the loopback interface of a network namespace, which becomes the process's own when that is found out.
    Loopback,
    /// The loop driver can be controlled: `/dev/loop-control`.
    LoopDevice,
    /// A block device to overwrite, named in `CONFORMANCE_BLOCK_DEVICE`; never one that was found by itself.
    BlockDevice,
    /// An NVMe namespace to overwrite, named in `CONFORMANCE_NVME`; never one that was found by itself.
    Nvme,
    /// A block device with blocks of 4096 bytes to overwrite, named in `CONFORMANCE_LARGE_BLOCKS`.
    LargeBlocks,
    /// A zoned block device to overwrite, named in `CONFORMANCE_ZONED`.
    Zoned,
    /// A block device with protection information to overwrite, named in `CONFORMANCE_INTEGRITY`.
    Integrity,
    /// The machine was started for the suite alone, so that a case may change it: `CONFORMANCE_OWN_MACHINE` is set.
    OwnMachine,
    /// The temporary folder takes `O_DIRECT` (tmpfs does not on old kernels).
    DirectIo,
    /// At least this many processors.
    Cpus(usize),
}

impl Requirement {
    /// The variable that names the device, if one is required. A case that overwrites a device must be
    /// [alone](crate::case::Case::alone).
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Requirement::BlockDevice => Some(BLOCK_DEVICE),
            Requirement::Nvme => Some(NVME),
            Requirement::LargeBlocks => Some(LARGE_BLOCKS),
            Requirement::Zoned => Some(ZONED),
            Requirement::Integrity => Some(INTEGRITY),
            _ => None,
        }
    }

    /// The device that is required, or what is missing.
    pub(crate) fn device(self) -> Result<PathBuf, String> {
        let variable = self.variable().ok_or("needs no device")?;
        match env::var_os(variable) {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(format!("needs a device to overwrite, named in {variable}")),
        }
    }

    /// What is missing, in words, or nothing if the requirement is met. `dir` is the case's temporary folder.
    pub fn missing(self, dir: &Path) -> Option<String> {
        match self {
            Requirement::Root => {
                // SAFETY: geteuid(2) takes nothing and cannot fail.
                let euid = unsafe { libc::geteuid() };
                (euid != 0).then(|| format!("needs root, user is {euid}"))
            }
            Requirement::Loopback => network::own().err().map(|e| {
                let errno = Errno(e.raw_os_error().unwrap_or(0));
                format!("needs a network namespace of its own: {errno}")
            }),
            Requirement::LoopDevice => {
                let path = Path::new("/dev/loop-control");
                let opened = OpenOptions::new().read(true).write(true).open(path);
                opened
                    .err()
                    .map(|e| format!("needs {}: {e}", path.display()))
            }
            Requirement::BlockDevice
            | Requirement::Nvme
            | Requirement::LargeBlocks
            | Requirement::Zoned
            | Requirement::Integrity => self.device().err(),
            Requirement::OwnMachine => env::var_os(OWN_MACHINE)
                .is_none()
                .then(|| "needs a machine of its own: cargo xtask matrix".to_owned()),
            Requirement::DirectIo => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .custom_flags(libc::O_DIRECT)
                .open(dir.join(".direct"))
                .err()
                .map(|e| format!("needs O_DIRECT in {}: {e}", dir.display())),
            Requirement::Cpus(needed) => {
                let cpus = thread::available_parallelism().map_or(1, usize::from);
                (cpus < needed).then(|| format!("needs {needed} processors, has {cpus}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmet_requirement_says_what_is_missing() {
        let dir = env::temp_dir();
        assert_eq!(Requirement::Cpus(1).missing(&dir), None);
        let missing = Requirement::Cpus(usize::MAX).missing(&dir).unwrap();
        assert!(missing.starts_with("needs "), "{missing}");
        let nowhere = Requirement::DirectIo.missing(Path::new("/nonexistent"));
        assert!(nowhere.unwrap().contains("O_DIRECT"));
    }
}
