//! What a virtual machine is told to run, and what it tells.
//!
//! The machine's init (`vminit`) finds a [`Job`] in its initramfs and writes [`Event`]s, one a line, as JSON, to the
//! device that [`PORT`] names. A line is written as soon as a case has ended, so that a kernel that stops has told all before.

use serde::{Deserialize, Serialize};

use crate::file_system::{BTRFS, EXT4, FileSystem, XFS};
use crate::report::CaseReport;
use crate::requirement::{BLOCK_DEVICE, INTEGRITY, LARGE_BLOCKS, NVME, ZONED};

/// Where init finds its [`Job`].
pub const JOB: &str = "/job.json";

/// The variable that names the device for [`Event`]s. The kernel puts what its command line has and it does not know
/// into init's environment.
pub const PORT: &str = "CONFORMANCE_PORT";

/// The folder of modules that init loads first, in the order of their names.
pub const MODULES: &str = "/modules";

/// The folder of the test programs.
pub const PROGRAMS: &str = "/tests";

/// A namespace of the machine's NVMe disk.
#[derive(Clone, Copy, Debug)]
pub struct Namespace {
    /// Its size in bytes.
    pub size: u64,
    /// What is made on it before the machine starts.
    pub file_system: Option<FileSystem>,
    /// Options of the emulator's device, each with a comma in front.
    pub options: &'static str,
    /// By which variables cases learn of it, each with the kind of device that is named.
    pub variables: &'static [(&'static str, Node)],
}

/// The device of a namespace that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// The block device: `/dev/nvme0n1`.
    Block,
    /// The character device for commands: `/dev/ng0n1`. Kernels before 5.13 have none; it is named all the same.
    Generic,
}

const MIB: u64 = 1 << 20;

/// All namespaces; the first has the number 1 and the file system of the machine, the others are there to be overwritten.
pub const NAMESPACES: &[Namespace] = &[
    Namespace {
        size: 512 * MIB,
        file_system: Some(FileSystem::Ext4),
        options: "",
        variables: &[(EXT4, Node::Block)],
    },
    Namespace {
        size: 64 * MIB,
        file_system: None,
        options: "",
        variables: &[(BLOCK_DEVICE, Node::Block), (NVME, Node::Generic)],
    },
    Namespace {
        size: 16 * MIB,
        file_system: None,
        options: ",logical_block_size=4096,physical_block_size=4096",
        variables: &[(LARGE_BLOCKS, Node::Block)],
    },
    Namespace {
        size: 16 * MIB,
        file_system: None,
        options: ",zoned=true,zoned.zone_size=4M",
        variables: &[(ZONED, Node::Block)],
    },
    Namespace {
        size: 16 * MIB,
        file_system: None,
        // 8 bytes with each block, kept apart from it; protection of type 1.
        options: ",ms=8,pi=1",
        variables: &[(INTEGRITY, Node::Block)],
    },
    Namespace {
        size: 512 * MIB,
        file_system: Some(FileSystem::Xfs),
        options: "",
        variables: &[(XFS, Node::Block)],
    },
    Namespace {
        size: 512 * MIB,
        file_system: Some(FileSystem::Btrfs),
        options: "",
        variables: &[(BTRFS, Node::Block)],
    },
];

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The cases, by id; none if there are only programs to run.
    pub cases: Vec<String>,
    /// The programs in [`PROGRAMS`], by name.
    pub programs: Vec<String>,
    /// How long a case may run, in seconds.
    pub case_limit: u64,
    /// How long a program may run, in seconds.
    pub program_limit: u64,
}

impl Job {
    /// The ids of all results that the job owes, in order.
    pub fn ids(&self) -> impl Iterator<Item = String> + '_ {
        let programs = self.programs.iter().map(|name| program_id(name));
        self.cases.iter().cloned().chain(programs)
    }
}

/// The id of a program's result.
pub fn program_id(name: &str) -> String {
    format!("test/{name}")
}

/// What happened in the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The machine is up.
    Up {
        /// The release of its kernel.
        kernel: String,
        /// The version, with the point release that the release may leave out.
        version: String,
        /// The architecture that init was built for.
        arch: String,
        /// The C library of init.
        libc: String,
    },
    /// A case or a program has ended.
    Ended(CaseReport),
    /// Init itself could not do something; there may be results nevertheless.
    Trouble(String),
    /// All has been run; power is switched off next.
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_and_is_read_back() {
        let events = [Event::Trouble("two\nlines".to_owned()), Event::Done];
        for event in events {
            let line = serde_json::to_string(&event).unwrap();
            assert!(!line.contains('\n'), "{line}");
            // A serial port adds a carriage return.
            let read: Event = serde_json::from_str(&(line + "\r")).unwrap();
            assert_eq!(read, event);
        }
    }

    #[test]
    fn a_job_owes_a_result_for_each_case_and_program() {
        let job = Job {
            cases: vec!["aio/x".to_owned()],
            programs: vec!["raw".to_owned()],
            case_limit: 1,
            program_limit: 1,
        };
        assert_eq!(job.ids().collect::<Vec<_>>(), ["aio/x", "test/raw"]);
    }
}
