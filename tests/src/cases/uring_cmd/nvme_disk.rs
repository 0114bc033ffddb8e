//! The NVMe namespace that cases overwrite, and the commands to it (NVM Express Base and NVM Command Set
//! Specifications).

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use safe::uring::raw::opcode::{UringCmd80, UringCmd128};
use safe::uring::raw::squeue::Entry128;
use safe::uring::raw::types::Fd;
use uring_sys::*;

use crate::case::Stop;
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::support::names::Errno;

/// Commands to a namespace.
pub(super) const WRITE: u8 = 1;
pub(super) const READ: u8 = 2;
/// A command to the controller.
pub(super) const IDENTIFY: u8 = 6;
/// No such command.
pub(super) const UNKNOWN: u8 = 0x7f;

/// What identifying the controller fills.
pub(super) const IDENTITY: usize = 4096;

/// `NVME_IOCTL_ID` of `linux/nvme_ioctl.h`: the number of a namespace.
const NVME_IOCTL_ID: libc::Ioctl = libc::_IO(b'N' as u32, 0x40);

/// The namespace.
#[derive(Debug)]
pub(super) struct Disk {
    /// The character device for commands to it: `/dev/ng0n1`.
    pub(super) namespace: File,
    /// The device of its controller: `/dev/nvme0`.
    pub(super) controller: File,
    /// The name of its block device: `nvme0n1`.
    pub(super) name: String,
    /// Its number.
    id: u32,
    /// The size of a logical block in bytes.
    pub(super) block: usize,
}

impl Disk {
    /// The namespace that the case requires.
    #[track_caller]
    pub(super) fn open(cx: &Context) -> Result<Disk, Stop> {
        let path = cx.nvme()?;
        let path = path.to_string_lossy();
        let generic = path.strip_prefix("/dev/ng");
        let numbers = generic.ok_or_else(|| Stop::failed(format!("{path} is no /dev/ng0n1")))?;
        let (controller, _) = numbers.split_once('n').unwrap_or((numbers, ""));
        let open = |path: &str| OpenOptions::new().read(true).write(true).open(path);
        let namespace = open(&path)?;
        // SAFETY: this request takes no argument, and answers with a number.
        let id = unsafe { libc::ioctl(namespace.as_raw_fd(), NVME_IOCTL_ID) };
        if id < 0 {
            return Err(Errno::last().into());
        }
        let name = format!("nvme{numbers}");
        let block = attribute(&format!("block/{name}/queue/logical_block_size"))?;
        Ok(Disk {
            namespace,
            controller: open(&format!("/dev/nvme{controller}"))?,
            name,
            id: id as u32,
            block: block.parse()?,
        })
    }

    /// Its block device.
    pub(super) fn path(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// Whether completions can be polled for: the driver was told to make queues for that.
    pub(super) fn is_polled(&self) -> Result<bool, Stop> {
        Ok(attribute(&format!("block/{}/queue/io_poll", self.name))? == "1")
    }

    /// Reads or writes all of `mem` from this block on.
    pub(super) fn transfer(&self, opcode: u8, block: u64, mem: Mem) -> nvme_uring_cmd {
        nvme_uring_cmd {
            addr: mem.addr(),
            data_len: mem.len(),
            ..self.blocks(opcode, block, mem.len() as usize)
        }
    }

    /// Reads or writes `parts`, which the array `iovecs` names, from this block on.
    pub(super) fn vectored(&self, opcode: u8, block: u64, parts: &[Mem]) -> nvme_uring_cmd {
        let bytes = parts.iter().map(|part| part.len() as usize).sum();
        nvme_uring_cmd {
            addr: Mem::iovecs(parts).addr(),
            data_len: parts.len() as u32,
            ..self.blocks(opcode, block, bytes)
        }
    }

    fn blocks(&self, opcode: u8, block: u64, bytes: usize) -> nvme_uring_cmd {
        nvme_uring_cmd {
            opcode,
            nsid: self.id,
            cdw10: block as u32,
            cdw11: (block >> 32) as u32,
            // One less than there are.
            cdw12: (bytes / self.block - 1) as u32,
            ..nvme_uring_cmd::default()
        }
    }
}

/// Asks the controller who it is.
pub(super) fn identify(mem: Mem) -> nvme_uring_cmd {
    nvme_uring_cmd {
        opcode: IDENTIFY,
        addr: mem.addr(),
        data_len: mem.len(),
        cdw10: 1,
        ..nvme_uring_cmd::default()
    }
}

/// The entry of a command, before it is known to be [`Kept`](crate::raw_ring::Kept).
pub(super) fn command(file: &File, number: u32, command: &nvme_uring_cmd) -> UringCmd80 {
    UringCmd80::nvme(Fd(file.as_raw_fd()), number, command)
}

/// The same for rings of mixed sizes.
pub(super) fn command128(file: &File, number: u32, command: &nvme_uring_cmd) -> Entry128 {
    UringCmd128::nvme(Fd(file.as_raw_fd()), number, command).build()
}

/// An attribute in sysfs.
#[track_caller]
pub(super) fn attribute(path: &str) -> Result<String, Stop> {
    Ok(fs::read_to_string(format!("/sys/{path}"))?
        .trim()
        .to_owned())
}
