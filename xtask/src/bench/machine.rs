//! What the figures depend on.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde::Serialize;

use super::programs::{library_version, locked_version, output};

/// The crates that are compared with.
const PEERS: [&str; 7] = [
    "io-uring",
    "rustix",
    "nix",
    "compio",
    "monoio",
    "tokio-uring",
    "rayon",
];

/// The machine, and the versions of what ran on it.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    kernel: String,
    processor: String,
    processors: usize,
    /// Whether it runs under a hypervisor.
    virtual_machine: bool,
    memory_gib: u64,
    /// The kind of file system that cached files are on, and images of others.
    file_system: String,
    rustc: String,
    peers: Vec<String>,
}

impl Machine {
    /// This one.
    pub(super) fn here() -> Result<Self> {
        let cpus = read("/proc/cpuinfo")?;
        let memory = read("/proc/meminfo")?;
        let kilobytes = field(&memory, "MemTotal").and_then(|text| {
            let number = text.split(' ').next()?;
            number.parse::<u64>().ok()
        });
        let mut peers = Vec::new();
        for name in PEERS {
            peers.push(format!("{name} {}", locked_version(name)?));
        }
        let liburing = library_version("liburing");
        peers.extend(liburing.map(|version| format!("liburing {version}")));
        let rustc = output(Command::new("rustc").arg("--version"), "rustc")?;
        Ok(Self {
            kernel: release(read("/proc/sys/kernel/osrelease")?.trim()),
            processor: field(&cpus, "model name").unwrap_or("unknown").to_owned(),
            processors: thread::available_parallelism().map_or(1, usize::from),
            virtual_machine: field(&cpus, "flags")
                .is_some_and(|flags| flags.contains("hypervisor")),
            // What the firmware keeps is missing in it.
            memory_gib: (kilobytes.unwrap_or(0) + (1 << 19)) >> 20,
            file_system: file_system(&std::env::temp_dir())?,
            rustc: String::from_utf8(rustc)?.trim().to_owned(),
            peers,
        })
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The value of the first line that has this name.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then_some(value.trim())
    })
}

/// The numbers of a release, without what somebody called his own build.
fn release(text: &str) -> String {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    text[..end.unwrap_or(text.len())]
        .trim_end_matches('.')
        .to_owned()
}

/// The kind of file system that a folder is on.
fn file_system(folder: &Path) -> Result<String> {
    let output = output(
        Command::new("stat").args(["-f", "-c", "%T"]).arg(folder),
        "coreutils",
    )?;
    let kind = String::from_utf8(output)?.trim().to_owned();
    // Its number is that of its ancestors, too.
    Ok(kind.replace("ext2/ext3", "ext4"))
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (processors, virt) = (
            self.processors,
            if self.virtual_machine {
                ", virtual machine"
            } else {
                ""
            },
        );
        write!(
            f,
            "Linux {}, {} ({processors} CPUs{virt}), {} GiB, {}; {}; {}",
            self.kernel,
            self.processor,
            self.memory_gib,
            self.file_system,
            self.rustc,
            self.peers.join(", "),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn a_release_is_its_numbers() {
        assert_eq!(release("6.18.44-mine-1"), "6.18.44");
        assert_eq!(release("6.12.0+deb13"), "6.12.0");
        assert_eq!(release("7.0"), "7.0");
    }
}
