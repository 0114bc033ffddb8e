//! A control group of memory of the case's own: what the kernel allocates for the processes in it counts, and fails at
//! a limit.

use std::env;
use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use super::files::pipe;
use super::fork::Forked;
use super::names::Errno;
use crate::case::{Run, Stop, pass};
use crate::ensure;
use crate::requirement::OWN_MACHINE;

/// How the name of a group begins; the process that made it follows.
const PREFIX: &str = "conformance-";

/// How long the processes of a group may take to leave it when the case has ended.
const LEAVES: Duration = Duration::from_secs(10);

/// The group. It is removed by a process that waits for the end of this one, so also when a case is killed.
#[derive(Debug)]
pub struct MemoryGroup {
    hierarchy: Hierarchy,
    /// Its folder, by way of `_mount`.
    folder: PathBuf,
    remover: Forked,
    /// What tells the remover.
    alive: OwnedFd,
    /// The hierarchy, mounted nowhere.
    _mount: OwnedFd,
}

/// The two interfaces of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hierarchy {
    First,
    Second,
}

impl MemoryGroup {
    /// A new group without a limit, or what is missing for one. The process must be root's and have one thread.
    #[track_caller]
    pub fn new() -> Result<MemoryGroup, Stop> {
        let (hierarchy, mount) = mounted()?;
        let root = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
        let parent = hierarchy.parent(&root)?;
        let folder = parent.join(format!("{PREFIX}{}", process::id()));
        let (end, alive) = pipe()?;
        let remover = Forked::start(|| {
            // SAFETY: the number is that of the copy's `alive`, which nothing in the copy uses any more.
            unsafe { libc::close(alive.as_raw_fd()) };
            // Nobody writes: it ends when all have closed the other end.
            let mut nothing = [0];
            let ended = File::from(end).read(&mut nothing);
            u8::from(ended.and_then(|_| remove(&folder)).is_err())
        })?;
        remover.outlive()?;
        let made = fs::create_dir(&folder);
        let group = MemoryGroup {
            hierarchy,
            folder,
            remover,
            alive,
            _mount: mount,
        };
        if let Err(error) = made {
            return missing(format_args!("to make a control group: {error}"));
        }
        Ok(group)
    }

    /// Moves this process into the group, for good. At the limit the kernel kills nobody in it: allocations fail.
    #[track_caller]
    pub fn enter(&self) -> Result<Limit, Stop> {
        let spared = match self.hierarchy {
            Hierarchy::First => fs::write(self.folder.join("memory.oom_control"), "1"),
            Hierarchy::Second => fs::write("/proc/self/oom_score_adj", "-1000"),
        };
        if let Err(error) = spared {
            return missing(format_args!("to be spared when memory ends: {error}"));
        }
        let (usage, limit) = match self.hierarchy {
            Hierarchy::First => ("memory.usage_in_bytes", "memory.limit_in_bytes"),
            Hierarchy::Second => ("memory.current", "memory.max"),
        };
        let limit = Limit {
            usage: File::open(self.folder.join(usage))?,
            limit: OpenOptions::new()
                .write(true)
                .open(self.folder.join(limit))?,
            none: match self.hierarchy {
                Hierarchy::First => "-1",
                Hierarchy::Second => "max",
            },
        };
        // Only what a process allocates after it came counts.
        fs::write(self.folder.join("cgroup.procs"), "0")?;
        // The first look allocates.
        limit.usage()?;
        Ok(limit)
    }

    /// The names of the groups that processes which live no more have left.
    pub fn left_over(&self) -> io::Result<Vec<String>> {
        let parent = self.folder.parent().unwrap_or(&self.folder);
        let mut left = Vec::new();
        for entry in fs::read_dir(parent)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let process = name.strip_prefix(PREFIX);
            if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
                left.push(name);
            }
        }
        Ok(left)
    }

    /// Removes the group, which must be empty.
    #[track_caller]
    pub fn remove(self) -> Run {
        drop(self.alive);
        let ended = self.remover.wait()?;
        ensure!(ended.success(), "{} remains", self.folder.display());
        pass()
    }
}

/// The limit of the group that the process is in.
#[derive(Debug)]
pub struct Limit {
    usage: File,
    limit: File,
    /// What stands for none.
    none: &'static str,
}

impl Limit {
    /// How much memory counts, in bytes; more than is used, for processors keep some in advance.
    pub fn usage(&self) -> io::Result<u64> {
        let mut text = [0; 32];
        let len = self.usage.read_at(&mut text, 0)?;
        let text = std::str::from_utf8(&text[..len]).map_err(io::Error::other)?;
        text.trim().parse().map_err(io::Error::other)
    }

    /// Sets the limit, until what this returns is dropped.
    pub fn set(&self, bytes: u64) -> io::Result<Limited<'_>> {
        self.write(&bytes.to_string())?;
        Ok(Limited(self))
    }

    fn write(&self, value: &str) -> io::Result<()> {
        self.limit.write_all_at(value.as_bytes(), 0)
    }
}

/// The process is limited as long as this lives: nothing that it does may need new memory of its own.
#[derive(Debug)]
#[must_use]
pub struct Limited<'a>(&'a Limit);

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        self.0.write(self.0.none).expect("the limit can be lifted");
    }
}

fn missing<T>(what: impl std::fmt::Display) -> Result<T, Stop> {
    let missing = format!("needs {what}");
    Err(Stop::Skipped { missing })
}

/// The hierarchy that has the memory controller.
fn mounted() -> Result<(Hierarchy, OwnedFd), Stop> {
    // The second first: where it has the controller, to mount the first would take it away from all others.
    let second = mount(c"cgroup2", None);
    if let Ok(mount) = &second {
        let file = format!("/proc/self/fd/{}/cgroup.controllers", mount.as_raw_fd());
        // A group that is not the first of all has the file, whatever its own processes see of the tree.
        let controllers = fs::read_to_string(file)?;
        if has_memory(&controllers) {
            return Ok((Hierarchy::Second, second?));
        }
    }
    match mount(c"cgroup", Some(c"memory")) {
        Ok(mount) => Ok((Hierarchy::First, mount)),
        Err(error) => {
            let second = match second {
                Ok(_) => "has none".to_owned(),
                Err(error) => error.to_string(),
            };
            missing(format_args!(
                "a control group of memory: cgroup2 {second}, cgroup {error}"
            ))
        }
    }
}

/// Whether a list of controllers, with blanks or commas between them, has that of memory.
fn has_memory(controllers: &str) -> bool {
    let mut names = controllers.split([' ', ',', '\n']);
    names.any(|name| name == "memory")
}

impl Hierarchy {
    /// The folder, below the mounted `root`, for a group of ours.
    fn parent(self, root: &Path) -> Result<PathBuf, Stop> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        let Some(own) = self.own(&groups).filter(|own| !own.contains("..")) else {
            return missing("to see its own control group");
        };
        let own = root.join(own.trim_start_matches('/'));
        if self == Hierarchy::First {
            return Ok(own);
        }
        // A group with processes has no children with controllers, unless it is the first of all.
        let parent = match own.parent() {
            Some(parent) if own != root => parent.to_owned(),
            _ => own,
        };
        let children = parent.join("cgroup.subtree_control");
        if !has_memory(&fs::read_to_string(&children)?) {
            if env::var_os(OWN_MACHINE).is_none() {
                return missing("a control group whose children have memory controlled");
            }
            fs::write(&children, "+memory")?;
        }
        Ok(parent)
    }

    /// The group of this process, from `/proc/self/cgroup`: lines of `NUMBER:CONTROLLERS:GROUP`.
    fn own(self, groups: &str) -> Option<&str> {
        groups.lines().find_map(|line| {
            let (_, line) = line.split_once(':')?;
            let (controllers, group) = line.split_once(':')?;
            let this = match self {
                Hierarchy::First => has_memory(controllers),
                Hierarchy::Second => controllers.is_empty(),
            };
            this.then_some(group)
        })
    }
}

/// Removes a group as soon as nothing is in it.
fn remove(folder: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) if start.elapsed() < LEAVES => thread::sleep(Duration::from_millis(10)),
            result => return result,
        }
    }
}

/// Of `linux/mount.h`.
const CLOEXEC: libc::c_long = 1;
const FSCONFIG_SET_FLAG: libc::c_long = 0;
const FSCONFIG_CMD_CREATE: libc::c_long = 6;

/// A file system, mounted at no place: since Linux 5.2.
fn mount(kind: &CStr, option: Option<&CStr>) -> io::Result<OwnedFd> {
    // SAFETY: fsopen(2) reads the string, which ends with NUL, and makes a descriptor.
    let context = unsafe { fd(libc::syscall(libc::SYS_fsopen, kind.as_ptr(), CLOEXEC)) }?;
    let nothing = ptr::null::<libc::c_char>();
    let configure = |command: libc::c_long, key: *const libc::c_char| {
        let (call, fd) = (libc::SYS_fsconfig, context.as_raw_fd() as libc::c_long);
        // SAFETY: fsconfig(2) reads the key, which is null or ends with NUL; these commands have no value.
        match unsafe { libc::syscall(call, fd, command, key, nothing, 0 as libc::c_long) } {
            0 => Ok(()),
            _ => Err(Errno::last()),
        }
    };
    if let Some(option) = option {
        configure(FSCONFIG_SET_FLAG, option.as_ptr())?;
    }
    configure(FSCONFIG_CMD_CREATE, nothing)?;
    let (call, none) = (libc::SYS_fsmount, 0 as libc::c_long);
    // SAFETY: fsmount(2) takes numbers and makes a descriptor.
    unsafe { fd(libc::syscall(call, context.as_raw_fd(), CLOEXEC, none)) }
}

/// The descriptor that a call made.
///
/// # Safety
///
/// If it is not negative, it is a new descriptor that nobody else knows.
unsafe fn fd(returned: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(returned) {
        // SAFETY: by the caller's promise.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Errno::last().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found() {
        let groups = "9:name=systemd:/\n4:cpu,memory:/a/b:c\n0::/d\n";
        assert_eq!(Hierarchy::First.own(groups), Some("/a/b:c"));
        assert_eq!(Hierarchy::Second.own(groups), Some("/d"));
        assert_eq!(Hierarchy::First.own("1:memory_x:/a\n"), None);
    }
}
