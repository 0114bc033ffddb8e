//! Block devices by other means than the rings: what is on them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::case::{Run, pass};
use crate::ensure;
use crate::support::names::Errno;

/// Opens a device for reading and writing past the cache.
pub fn open_direct(device: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_DIRECT)
        .open(device)
}

/// Writes `bytes` from this byte on, all the way to the device.
#[track_caller]
pub fn overwrite(device: &Path, at: usize, bytes: &[u8]) -> Run {
    let device = OpenOptions::new().write(true).open(device)?;
    device.write_all_at(bytes, at as u64)?;
    device.sync_all()?;
    pass()
}

/// Reads `len` bytes from this byte on, and none of them from the cache.
pub fn read_back(device: &Path, at: usize, len: usize) -> io::Result<Vec<u8>> {
    let device = OpenOptions::new().read(true).open(device)?;
    let (fd, advice) = (device.as_raw_fd(), libc::POSIX_FADV_DONTNEED);
    // SAFETY: posix_fadvise(2) takes numbers and touches no memory of ours.
    let error = unsafe { libc::posix_fadvise(fd, 0, 0, advice) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut bytes = vec![0; len];
    device.read_exact_at(&mut bytes, at as u64)?;
    Ok(bytes)
}

/// The device holds these bytes from this byte on.
#[track_caller]
pub fn is_on(device: &Path, at: usize, bytes: &[u8]) -> Run {
    let read = read_back(device, at, bytes.len())?;
    ensure!(read == bytes, "{} holds other bytes", device.display());
    pass()
}

/// The size of a logical block of a device in bytes.
pub fn block_size(device: &File) -> io::Result<usize> {
    let mut size: libc::c_int = 0;
    // SAFETY: BLKSSZGET writes one int, which `size` is.
    match unsafe { libc::ioctl(device.as_raw_fd(), BLKSSZGET, &raw mut size) } {
        0 => Ok(size as usize),
        _ => Err(Errno::last().into()),
    }
}

const BLKSSZGET: libc::Ioctl = libc::_IO(0x12, 104);

/// A block device whose content is a file. It is taken apart when nobody has it open any more.
#[derive(Debug)]
pub struct Loop {
    /// The device, past the cache.
    pub device: File,
    /// Its path.
    pub path: PathBuf,
}

/// Of `linux/loop.h`.
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4c82;
const LOOP_CONFIGURE: libc::Ioctl = 0x4c0a;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// `struct loop_config` with the fields that are used here.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    before: [u64; 5],
    number: [u32; 3],
    flags: u32,
    after: [u64; 22],
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<LoopConfig>() == 304);

impl Loop {
    /// Makes a device of a file that is open for reading and writing. Since Linux 5.8.
    pub fn of(file: &File) -> io::Result<Loop> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/loop-control")?;
        let config = LoopConfig {
            // A descriptor is not negative.
            fd: file.as_raw_fd() as u32,
            block_size: 0,
            before: [0; 5],
            number: [0; 3],
            flags: LO_FLAGS_AUTOCLEAR,
            after: [0; 22],
            reserved: [0; 8],
        };
        loop {
            // SAFETY: it takes no argument, and answers with a number.
            let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
            if number < 0 {
                return Err(Errno::last().into());
            }
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = OpenOptions::new().read(true).write(true).open(&path)?;
            // SAFETY: `config` is the struct that it reads.
            match unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) } {
                0 => {
                    // Opened anew first: it lives as long as somebody has it open.
                    let direct = open_direct(&path)?;
                    return Ok(Loop {
                        device: direct,
                        path,
                    });
                }
                // Somebody else was faster.
                _ if Errno::last() == Errno(libc::EBUSY) => {}
                _ => return Err(Errno::last().into()),
            }
        }
    }
}
