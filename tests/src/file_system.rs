//! File systems for cases to run on: one device of each for a whole run, which every case mounts for itself.
//!
//! Nothing needs to be undone. A device's content is a file without a name and the device goes away with the last who has
//! it open; a case mounts it in a mount namespace of its own, which ends with the case's process. So nobody else sees the
//! mount, and no crash, kill or panic leaves anything behind.

use std::env;
use std::ffi::{CStr, CString, c_long};
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;
use std::sync::OnceLock;

use crate::case::Stop;
use crate::requirement::Requirement;
use crate::support::devices::Loop;
use crate::support::names::Errno;
use crate::support::namespace::unshare;

/// Names a block device with an ext4 file system that cases may fill.
pub const EXT4: &str = "CONFORMANCE_EXT4";
/// Names a block device with an XFS file system that cases may fill.
pub const XFS: &str = "CONFORMANCE_XFS";
/// Names a block device with a Btrfs file system that cases may fill.
pub const BTRFS: &str = "CONFORMANCE_BTRFS";

/// A file system on which cases can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// ext4, as mke2fs makes it.
    Ext4,
    /// XFS, as mkfs.xfs makes it.
    Xfs,
    /// Btrfs, as mkfs.btrfs makes it.
    Btrfs,
    /// tmpfs, which has no device: each case has one to itself.
    Tmpfs,
}

/// How a file system is made on a device.
#[derive(Clone, Copy, Debug)]
pub struct Mkfs {
    /// The program.
    pub program: &'static str,
    /// Its arguments; the device or file follows.
    pub arguments: &'static [&'static str],
    /// Debian's package with it.
    pub package: &'static str,
    /// The least size that serves, in bytes. The file is sparse: it takes what is written.
    pub size: u64,
}

impl FileSystem {
    /// All of them, in the order of the report.
    pub const ALL: [FileSystem; 4] = [
        FileSystem::Ext4,
        FileSystem::Xfs,
        FileSystem::Btrfs,
        FileSystem::Tmpfs,
    ];

    /// Its name, as mount(2) has it.
    pub const fn name(self) -> &'static str {
        match self {
            FileSystem::Ext4 => "ext4",
            FileSystem::Xfs => "xfs",
            FileSystem::Btrfs => "btrfs",
            FileSystem::Tmpfs => "tmpfs",
        }
    }

    /// The variable that names a device with it, for machines in which none can be made.
    pub const fn variable(self) -> Option<&'static str> {
        match self {
            FileSystem::Ext4 => Some(EXT4),
            FileSystem::Xfs => Some(XFS),
            FileSystem::Btrfs => Some(BTRFS),
            FileSystem::Tmpfs => None,
        }
    }

    /// How it is made; nothing for one without a device.
    pub const fn mkfs(self) -> Option<Mkfs> {
        Some(match self {
            FileSystem::Ext4 => Mkfs {
                program: "mke2fs",
                arguments: &["-q", "-F", "-t", "ext4"],
                package: "e2fsprogs",
                size: 256 << 20,
            },
            FileSystem::Xfs => Mkfs {
                program: "mkfs.xfs",
                // Without large counters of extents, which kernels before 5.19 refuse.
                arguments: &["-q", "-f", "-K", "-i", "nrext64=0"],
                package: "xfsprogs",
                size: 320 << 20,
            },
            FileSystem::Btrfs => Mkfs {
                program: "mkfs.btrfs",
                arguments: &["-q", "-f", "-K"],
                package: "btrfs-progs",
                size: 256 << 20,
            },
            FileSystem::Tmpfs => return None,
        })
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Mkfs {
    /// Makes the file system on a device or in a file. [`ErrorKind::NotFound`] if the program is not installed.
    pub fn run(self, target: &Path) -> io::Result<()> {
        // They are in folders that a user's path may leave out.
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path)
            .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
            .map(|folder| folder.join(self.program));
        let program = { folders }.find(|program| program.is_file());
        let missing = || {
            let text = format!("{} (Debian: {})", self.program, self.package);
            io::Error::new(ErrorKind::NotFound, text)
        };
        let output = Command::new(program.ok_or_else(missing)?)
            .args(self.arguments)
            .arg(target)
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let text = format!("{}: {}, {}", self.program, output.status, said.trim());
        Err(io::Error::other(text))
    }
}

/// The devices of a run, each made when the first case asks for it.
#[derive(Debug, Default)]
pub(crate) struct Devices([OnceLock<Result<Device, Stop>>; FileSystem::ALL.len()]);

/// A device with a file system.
#[derive(Debug)]
struct Device {
    path: PathBuf,
    /// Keeps the file system mounted between two cases, so that not each of them begins and ends it.
    _mount: Option<OwnedFd>,
    /// Keeps the device.
    _loop: Option<Loop>,
}

impl Devices {
    /// The device of a file system, if it has one; or why there is none.
    pub(crate) fn of(&self, kind: FileSystem) -> Result<Option<&Path>, Stop> {
        let Some(mkfs) = kind.mkfs() else {
            return Ok(None);
        };
        let device = self.0[kind as usize].get_or_init(|| Device::new(kind, mkfs));
        device
            .as_ref()
            .map(|device| Some(device.path.as_path()))
            .map_err(Stop::clone)
    }
}

impl Device {
    fn new(kind: FileSystem, mkfs: Mkfs) -> Result<Device, Stop> {
        let given = kind.variable().and_then(env::var_os).map(PathBuf::from);
        let (path, made) = match given {
            Some(path) => (path, None),
            None => {
                let made = made(kind, mkfs)?;
                (made.path.clone(), Some(made))
            }
        };
        Ok(Device {
            // Where that does not go, each case begins and ends the file system.
            _mount: detached(kind, &path).ok(),
            path,
            _loop: made,
        })
    }
}

/// A loop device with a new file system.
fn made(kind: FileSystem, mkfs: Mkfs) -> Result<Loop, Stop> {
    let folder = env::temp_dir();
    for needed in [Requirement::Root, Requirement::LoopDevice] {
        if let Some(missing) = needed.missing(&folder) {
            let missing = format!("{kind}: {missing}");
            return Err(Stop::Skipped { missing });
        }
    }
    let file = tempfile::tempfile_in(&folder)?;
    file.set_len(mkfs.size)?;
    let device = Loop::of(&file)?;
    match mkfs.run(&device.path) {
        Ok(()) => Ok(device),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Stop::Skipped {
            missing: format!("{kind}: needs {error}"),
        }),
        Err(error) => Err(error.into()),
    }
}

/// A mount of a device that is nowhere in the tree. Since Linux 5.2.
fn detached(kind: FileSystem, device: &Path) -> io::Result<OwnedFd> {
    const CLOEXEC: c_long = 1;
    const SET_STRING: c_long = 1;
    const CREATE: c_long = 6;
    let (name, device) = (CString::new(kind.name())?, c(device)?);
    // SAFETY: the name ends with NUL and lives until the call has returned.
    let context = new_fd(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), CLOEXEC) })?;
    let fd = c_long::from(context.as_raw_fd());
    let none = ptr::null::<libc::c_char>();
    for (command, key, value) in [
        (SET_STRING, c"source".as_ptr(), device.as_ptr()),
        (CREATE, none, none),
    ] {
        // SAFETY: key and value are absent or end with NUL, and live until the call has returned.
        let result =
            unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key, value, 0 as c_long) };
        if result != 0 {
            return Err(Errno::last().into());
        }
    }
    // SAFETY: fsmount(2) takes numbers.
    new_fd(unsafe { libc::syscall(libc::SYS_fsmount, fd, CLOEXEC, 0 as c_long) })
}

fn new_fd(returned: c_long) -> io::Result<OwnedFd> {
    if returned < 0 {
        return Err(Errno::last().into());
    }
    // SAFETY: the system call returned a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(returned as i32) })
}

/// Puts the file system over `place` in a mount namespace of this process alone, and makes a new folder in it, which
/// becomes the working directory.
pub(crate) fn enter(
    kind: FileSystem,
    device: Option<&Path>,
    place: &Path,
) -> Result<PathBuf, Stop> {
    let needs = |error: io::Error, what: &str| match error.raw_os_error() {
        Some(errno) => Stop::Skipped {
            missing: format!("{kind}: needs {what}: {}", Errno(errno)),
        },
        None => error.into(),
    };
    unshare(libc::CLONE_NEWNS).map_err(|error| needs(error, "a mount namespace"))?;
    // What is mounted from here on must not appear in the namespace that this is a copy of.
    mount(c"none", c"/", None, libc::MS_REC | libc::MS_PRIVATE)?;
    let source = c(device.unwrap_or(Path::new(kind.name())))?;
    let name = CString::new(kind.name())?;
    let mounted = mount(&source, &c(place)?, Some(&name), 0);
    mounted.map_err(|error| match error.raw_os_error() {
        // This kernel does not have it, this user may not mount it, or the device that was given does not hold it.
        Some(libc::ENODEV | libc::EPERM | libc::EINVAL) => needs(error, "to be mounted"),
        _ => error.into(),
    })?;
    // A name of its own: the file system is one for all cases.
    let folder = place.join(format!("case-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    env::set_current_dir(&folder)?;
    Ok(folder)
}

/// Mounts as mount(2) does, without data.
fn mount(source: &CStr, place: &CStr, kind: Option<&CStr>, flags: libc::c_ulong) -> io::Result<()> {
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the strings end with NUL and live until the call has returned; no data is passed.
    match unsafe { libc::mount(source.as_ptr(), place.as_ptr(), kind, flags, ptr::null()) } {
        0 => Ok(()),
        _ => Err(Errno::last().into()),
    }
}

fn c(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
