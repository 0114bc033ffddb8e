//! Lines: engines that do the same work in turn, timed and counted. The program is `xtask/bench`.

mod disks;
mod goals;
mod marks;
pub(super) mod model;
pub(super) mod sheets;
mod stats;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;

use super::programs::{self, output};
use disks::Disk;
use model::{Counted, Line, Timed};

pub(super) use goals::{Goal, goals};
pub(super) use stats::Quartiles;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Also the engines of others.
    pub(super) peers: bool,
    /// Only what fits into a minute.
    pub(super) quick: bool,
}

/// The program and what it works with.
pub(super) struct Bench {
    program: PathBuf,
    disks: Vec<Disk>,
    extent: Extent,
    /// What cannot be measured here, and why.
    pub(super) missing: Vec<String>,
    folder: tempfile::TempDir,
}

/// The groups whose instructions count: what is done in the process, by few threads.
const IN_PROCESS: [&str; 4] = [
    "NOP",
    "random reads, cached",
    "openat, statx, close",
    "TCP ping-pong, 32",
];

impl Bench {
    /// Builds the program and makes the file systems.
    pub(super) fn new(extent: Extent) -> Result<Self> {
        let features: &[&str] = if extent.peers {
            &["--features", "peers"]
        } else {
            &[]
        };
        let arguments = ["build", "--release", "--package", "bench", "--bin", "bench"];
        let program = programs::built(&[&arguments, features].concat(), "bench")?;
        let (mut disks, mut missing) = (Vec::new(), Vec::new());
        for kind in ["ext4", "xfs"] {
            match Disk::new(kind) {
                Ok(disk) => disks.push(disk),
                Err(error) => missing.push(format!("O_DIRECT on {kind}: {error:#}")),
            }
        }
        Ok(Self {
            program,
            disks,
            extent,
            missing,
            folder: tempfile::tempdir()?,
        })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(name).arg("--folder").arg(self.folder.path());
        for disk in &self.disks {
            let place = format!("{}={}", disk.kind, disk.path().display());
            command.args(["--disk", &place]);
        }
        command
    }

    /// The names of all lines.
    pub(super) fn lines(&self) -> Result<Vec<String>> {
        let mut command = self.command("list");
        if self.extent.quick {
            command.arg("--quick");
        }
        let text = String::from_utf8(output(&mut command, "bench")?)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Times and counts a line.
    pub(super) fn measure(&self, name: &str, bar: &ProgressBar) -> Result<Line> {
        bar.set_message(name.to_owned());
        // Where memory lies makes some percent in one process or another.
        let (processes, seconds, rounds) = if self.extent.quick {
            (1, "0.2", "3")
        } else {
            (3, "2", "5")
        };
        let mut command = self.command("time");
        command.args(["--seconds", seconds, "--rounds", rounds, name]);
        let mut timed = time(&command)?;
        for _ in 1..processes {
            timed.join(time(&command)?)?;
        }
        let mut line = stats::line(timed);
        self.count(&mut line).context("counting")?;
        Ok(line)
    }

    fn count(&self, line: &mut Line) -> Result<()> {
        let mut command = self.command("count");
        command.arg(&line.name);
        let (calls, text) = marks::system_calls(&mut command)?;
        let counted: Counted = serde_json::from_slice(&text)?;
        let count = line.engines.len();
        ensure!(
            calls.len() == count && counted.allocations.len() == count,
            "other engines were counted"
        );
        let in_process = IN_PROCESS.iter().any(|group| line.name.starts_with(group));
        let instructions = if in_process && !self.extent.quick {
            let instructions = marks::instructions(&mut command)?;
            ensure!(instructions.len() == count, "other engines were counted");
            instructions
        } else {
            Vec::new()
        };
        let units = counted.units as f64;
        for figure in &mut line.engines {
            // They are counted in another order.
            let mut names = counted.allocations.iter().map(|(name, _)| name);
            let at = names.position(|name| *name == figure.name);
            let at = at.with_context(|| format!("{} was not counted", figure.name))?;
            figure.system_calls = Some(calls[at] as f64 / units);
            // What the C library allocates is not seen.
            let in_rust = !["liburing", "libaio"]
                .iter()
                .any(|c| figure.name.starts_with(c));
            figure.allocations = in_rust.then(|| counted.allocations[at].1 as f64 / units);
            // Looking again and again until a kernel thread is done takes as many as there is time.
            if figure.class != "sqpoll" {
                figure.instructions = instructions.get(at).map(|count| *count as f64 / units);
            }
        }
        Ok(())
    }
}

/// What the command times.
fn time(command: &Command) -> Result<Timed> {
    let text = output(&mut bounded(command), "coreutils")?;
    serde_json::from_slice(&text).context("what the program says is unreadable")
}

/// The command, ended after five minutes: nothing here takes so long unless it hangs.
fn bounded(command: &Command) -> Command {
    let mut bounded = Command::new("timeout");
    bounded.args(["--kill-after=5", "300"]);
    bounded.arg(command.get_program()).args(command.get_args());
    bounded
}
