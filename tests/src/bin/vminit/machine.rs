//! The machine: file systems, loopback, power.

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use conformance::support::network::loopback_up;
use conformance::vm::{MODULES, NAMESPACES, Node, PORT};

use crate::appear;

/// What to mount: device, place, type.
const MOUNTS: &[(&str, &str, &str)] = &[
    ("proc", "/proc", "proc"),
    ("sys", "/sys", "sysfs"),
    ("dev", "/dev", "devtmpfs"),
    ("shm", "/dev/shm", "tmpfs"),
    ("pts", "/dev/pts", "devpts"),
];

/// Makes the machine usable and returns what could not be done.
pub(crate) fn set_up() -> Vec<String> {
    let mut troubles = Vec::new();
    for (device, place, kind) in MOUNTS {
        if let Err(error) = mount(device, place, kind) {
            troubles.push(format!("cannot mount {device} on {place}: {error}"));
        }
    }
    if let Err(error) = load_modules() {
        troubles.push(format!("cannot load modules: {error}"));
    }
    // Without its disk /tmp is a folder of the initramfs.
    let mounted = disk(FILES).and_then(|disk| mount(&disk, "/tmp", "ext4"));
    if let Err(error) = mounted {
        troubles.push(format!("no file system for /tmp: {error}"));
    }
    if let Err(error) = loopback_up() {
        troubles.push(format!("cannot bring the loopback interface up: {error}"));
    }
    // Errors alone: what the kernel prints about a program's crash belongs in the log, not between the lines.
    if let Err(error) = fs::write("/proc/sys/kernel/printk", "4 4 1 7") {
        troubles.push(format!("cannot quieten the console: {error}"));
    }
    troubles
}

/// How long a disk may take to appear.
const APPEARS: Duration = Duration::from_secs(10);

/// The number of the namespace with the file system.
const FILES: usize = 1;

/// The devices that cases may overwrite, as the variables that name them, and what could not be found.
pub(crate) fn devices() -> (Vec<(&'static str, String)>, Vec<String>) {
    let (mut variables, mut troubles) = (Vec::new(), Vec::new());
    for (number, namespace) in (1..).zip(NAMESPACES) {
        if namespace.variables.is_empty() {
            continue;
        }
        match disk(number) {
            Ok(device) => variables.extend(namespace.variables.iter().map(|(name, node)| {
                let device = match node {
                    Node::Block => device.clone(),
                    Node::Generic => device.replace("/nvme", "/ng"),
                };
                (*name, device)
            })),
            Err(error) => troubles.push(format!("nothing to overwrite: {error}")),
        }
    }
    (variables, troubles)
}

/// The device of a namespace. Its name does not tell: namespaces are named in the order in which they are found.
fn disk(namespace: usize) -> io::Result<String> {
    // The driver may still be looking while init already runs. The device's node is the last that it makes.
    let look = || {
        for entry in fs::read_dir("/sys/block")? {
            let entry = entry?;
            let id = fs::read_to_string(entry.path().join("nsid")).unwrap_or_default();
            let device = format!("/dev/{}", entry.file_name().to_string_lossy());
            if id.trim().parse() == Ok(namespace) && fs::exists(&device)? {
                return Ok(Some(device));
            }
        }
        Ok(None)
    };
    let found = appear::within("/dev", APPEARS, look)?;
    found.ok_or_else(|| io::Error::other(format!("no namespace {namespace}")))
}

/// Loads all modules of the initramfs, with their parameters of the kernel's command line.
fn load_modules() -> io::Result<()> {
    let command_line = fs::read_to_string("/proc/cmdline")?;
    let entries = fs::read_dir(MODULES)?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    for file in files {
        let module = File::open(&file)?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let parameters = c(&parameters(&command_line, &name))?;
        // SAFETY: finit_module(2) reads the file and the string, which ends with NUL; both live until it has returned.
        let result = unsafe {
            libc::syscall(
                libc::SYS_finit_module,
                libc::c_long::from(module.as_raw_fd()),
                parameters.as_ptr(),
                0 as libc::c_long,
            )
        };
        let error = io::Error::last_os_error();
        if result != 0 && error.raw_os_error() != Some(libc::EEXIST) {
            return Err(io::Error::other(format!("{}: {error}", file.display())));
        }
    }
    Ok(())
}

/// The parameters of a module whose file is called `NUMBER-NAME`: words of the command line that are `NAME.PARAMETER=VALUE`.
fn parameters(command_line: &str, file: &str) -> String {
    let name = file.split_once('-').map_or(file, |(_, name)| name);
    let words = command_line.split_whitespace();
    let own = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('.'));
    own.collect::<Vec<_>>().join(" ")
}

fn mount(device: &str, place: &str, kind: &str) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let (device, place, kind) = (c(device)?, c(place)?, c(kind)?);
    // SAFETY: the three strings end with NUL and live until the call has returned; no data is passed.
    let result = unsafe {
        libc::mount(
            device.as_ptr(),
            place.as_ptr(),
            kind.as_ptr(),
            0,
            ptr::null(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn c(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(io::Error::other)
}

/// Reaps every process that ends, orphans too, until `worker` has ended.
pub(crate) fn reap_until(worker: u32) {
    loop {
        // SAFETY: waitpid(2) with no place for a status touches no memory.
        let pid = unsafe { libc::waitpid(-1, ptr::null_mut(), 0) };
        if u32::try_from(pid) == Ok(worker) {
            return;
        }
        if pid < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Lets the console and the port send what is written to them, and switches the machine off.
pub(crate) fn power_off() -> ! {
    for port in [Some("/dev/console".into()), env::var_os(PORT)] {
        if let Some(Ok(port)) = port.map(|port| File::options().write(true).open(port)) {
            // SAFETY: tcdrain(3) takes a descriptor, which `port` keeps open, and touches no memory.
            unsafe { libc::tcdrain(port.as_raw_fd()) };
        }
    }
    // SAFETY: reboot(2) with this command touches no memory. Nothing needs to be synchronised: the disks are scratch.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    // Where there is no power to switch off the kernel stops when process 1 ends.
    std::process::exit(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_gets_its_own_parameters() {
        let line = "quiet nvme.poll_queues=1 nvme_core.multipath=0 nvme.x nvmet.y=2\n";
        assert_eq!(parameters(line, "002-nvme"), "poll_queues=1 x");
        assert_eq!(parameters(line, "001-nvme_core"), "multipath=0");
        assert_eq!(parameters(line, "000-ext4"), "");
    }
}
