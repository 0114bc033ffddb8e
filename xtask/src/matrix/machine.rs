//! One machine: booted, listened to, ended.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use conformance::report::{CaseReport, Outcome, Report};
use conformance::vm::{Event, Job, NAMESPACES, PORT};

use super::arch::{MachineKind, Port};
use super::qemu::Emulator;

/// Memory in MB. The suite needs little; the initramfs is in it.
const MEMORY: &str = "1024";

/// How much of the last words is shown, the kernel's and the emulator's.
const WORDS_SHOWN: u64 = 3000;

/// What a machine is made of.
pub(super) struct Machine<'a> {
    pub(super) kind: &'a MachineKind,
    pub(super) emulator: &'a Emulator,
    pub(super) kernel: &'a Path,
    pub(super) initramfs: &'a Path,
    /// The folder for disks and the console's log.
    pub(super) folder: &'a Path,
    /// What the log is called: the series.
    pub(super) name: &'a str,
    /// How long the machine may run.
    pub(super) limit: Duration,
}

/// What a machine said.
#[derive(Debug)]
pub(super) struct Heard {
    /// The results; one for each that the job owes, in its order.
    pub(super) report: Report,
    /// The version of the kernel, as far as the machine told.
    pub(super) version: Option<String>,
    pub(super) troubles: Vec<String>,
    pub(super) took: Duration,
}

impl Machine<'_> {
    /// Boots the machine and listens until it is off. `progress` hears of each result.
    pub(super) fn run(&self, job: &Job, progress: &dyn Fn(&CaseReport)) -> Result<Heard> {
        let start = Instant::now();
        let scratch = tempfile::tempdir_in(self.folder).context("no room for the disks")?;
        let disks = (1..).zip(NAMESPACES).map(|(number, namespace)| {
            blank(scratch.path().join(format!("disk{number}")), namespace.size)
        });
        let disks = disks.collect::<Result<Vec<_>>>()?;
        let mut troubles = Vec::new();
        for (namespace, disk) in NAMESPACES.iter().zip(&disks) {
            let Some(kind) = namespace.file_system else {
                continue;
            };
            let made = kind.mkfs().map_or(Ok(()), |mkfs| mkfs.run(disk));
            if let Err(error) = made {
                // Its cases say that they cannot mount it.
                troubles.push(format!("no {kind}: {error}"));
            }
        }
        let console = self.folder.join(format!("{}.console", self.name));
        // The emulator makes it, unless it fails before.
        blank(console.clone(), 0)?;
        let complaints = scratch.path().join("complaints");
        let mut child = self.start(&disks, &console, &complaints)?;
        let end = listen(&mut child, self.limit, progress);
        // It has ended by itself, or must now.
        let _ = child.kill();
        let status = child.wait().context("cannot wait for the emulator")?;
        let (mut heard, end) = end?;
        heard.troubles.extend(troubles);
        let lost = complete(&mut heard.report, job, &end);
        if lost > 0 || end != End::Done {
            heard.troubles.push(format!(
                "{} ({lost} results are missing). {}{}",
                end.text(self.limit),
                emulators_end(&end, status, &tail(&complaints).unwrap_or_default()),
                kernels_end(&console),
            ));
        }
        heard.took = start.elapsed();
        Ok(heard)
    }

    /// Starts the emulator, which complains to the file `complaints`.
    fn start(&self, disks: &[PathBuf], console: &Path, complaints: &Path) -> Result<Child> {
        let complaints = File::create(complaints)
            .with_context(|| format!("cannot make {}", complaints.display()))?;
        let mut command = self.emulator.command()?;
        if let Some(firmware) = self.kind.firmware {
            let firmware = self.emulator.file(firmware.as_ref())?;
            command.arg("-bios").arg(firmware);
        }
        command
            .args(self.kind.options)
            .args(["-accel", "tcg,thread=multi", "-smp", "2"])
            .args([
                "-m",
                MEMORY,
                "-display",
                "none",
                "-nodefaults",
                "-no-reboot",
            ])
            .args(ways_out(self.kind.port, console))
            .arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.initramfs)
            .arg("-append")
            .arg(command_line(self.kind));
        // Namespaces of one controller: controllers are numbered as their probes happen to end.
        command.args(["-device", "nvme,id=nvme0,serial=scratch"]);
        for ((number, namespace), disk) in (1..).zip(NAMESPACES).zip(disks) {
            command
                .arg("-drive")
                .arg(format!(
                    // What is discarded is given back to the file, and then reads as zeros.
                    "file={},if=none,id=disk{number},format=raw,cache=unsafe,discard=unmap",
                    disk.display()
                ))
                .arg("-device")
                .arg(format!(
                    "nvme-ns,bus=nvme0,drive=disk{number},nsid={number}{}",
                    namespace.options
                ));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .context("cannot start the emulator")
    }
}

/// Queues to poll are for rings with IORING_SETUP_IOPOLL; without multipath 5.10 polls them too, and a namespace's
/// devices are named alike.
const NVME: &str = "nvme.poll_queues=1 nvme_core.multipath=0";

/// The kernel's command line. What the kernel does not know is init's.
fn command_line(kind: &MachineKind) -> String {
    let MachineKind {
        console,
        command_line,
        port,
        ..
    } = kind;
    let port = port.path().display();
    format!("console={console} quiet panic=-1 {NVME} {PORT}={port} {command_line}")
}

/// The emulator's options for a console that goes to a file, and a port that goes to its standard output.
fn ways_out(port: Port, console: &Path) -> Vec<String> {
    let file = format!("file,id=console,path={}", console.display());
    let serial: &[&str] = match port {
        Port::Serial => &["-serial", "chardev:console", "-serial", "chardev:port"],
        // The serial port of this machine is no device for the option, and its other console has lines of 80 characters.
        Port::Virtio("virtio-serial-ccw") => &[
            "-device",
            "sclpconsole,chardev=console",
            "-device",
            "virtio-serial-ccw",
            "-device",
            "virtserialport,chardev=port",
        ],
        Port::Virtio(device) => &[
            "-serial",
            "chardev:console",
            "-device",
            device,
            "-device",
            "virtserialport,chardev=port",
        ],
    };
    // The emulator's own `stdio` ends when its input does, and a port that has ended blocks who writes.
    let output = "file,id=port,path=/dev/stdout";
    let channels = ["-chardev", &file, "-chardev", output];
    [&channels, serial]
        .concat()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A sparse file of this size.
fn blank(path: PathBuf, size: u64) -> Result<PathBuf> {
    File::create(&path)
        .and_then(|file| file.set_len(size))
        .with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}

/// How a machine ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It said that it was done.
    Done,
    /// It went off before.
    Off,
    TimedOut,
}

impl End {
    /// Why there is no result.
    fn why(&self) -> &'static str {
        match self {
            End::Done => "the machine forgot it",
            End::Off => "the machine went off before",
            End::TimedOut => "the machine took too long",
        }
    }

    fn text(&self, limit: Duration) -> String {
        match self {
            End::Done => "the machine forgot results".to_owned(),
            End::Off => "the machine went off before it was done".to_owned(),
            End::TimedOut => format!("the machine took longer than {} s", limit.as_secs()),
        }
    }
}

/// What the emulator said and how it ended, if that was not its being ended here.
fn emulators_end(end: &End, status: ExitStatus, complaints: &str) -> String {
    let complaints = complaints.trim();
    match end {
        End::Off if !status.success() => format!("The emulator: {status}: {complaints}. "),
        _ if !complaints.is_empty() => format!("The emulator said: {complaints}. "),
        _ => String::new(),
    }
}

/// What the kernel said last.
fn kernels_end(console: &Path) -> String {
    let last = tail(console).unwrap_or_default();
    if last.trim().is_empty() {
        return "The kernel said nothing".to_owned();
    }
    let console = console.display();
    format!("The console's last words, from {console}:\n{last}")
}

/// Collects what the machine says on its second serial port, until it is off.
fn listen(
    child: &mut Child,
    limit: Duration,
    progress: &dyn Fn(&CaseReport),
) -> Result<(Heard, End)> {
    let port = child.stdout.take().context("the emulator has no output")?;
    let (line, lines) = mpsc::channel();
    thread::spawn(move || {
        for text in BufReader::new(port).split(b'\n').map_while(Result::ok) {
            if line.send(text).is_err() {
                return;
            }
        }
    });
    let mut heard = Heard {
        report: Report {
            kernel: String::new(),
            arch: String::new(),
            libc: String::new(),
            cases: Vec::new(),
        },
        version: None,
        troubles: Vec::new(),
        took: Duration::ZERO,
    };
    let deadline = Instant::now() + limit;
    let mut end = End::Off;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let text = match lines.recv_timeout(left) {
            Ok(text) => text,
            Err(RecvTimeoutError::Timeout) => return Ok((heard, End::TimedOut)),
            Err(RecvTimeoutError::Disconnected) => return Ok((heard, end)),
        };
        match serde_json::from_slice(&text) {
            Ok(Event::Up {
                kernel,
                version,
                arch,
                libc,
            }) => {
                heard.version = Some(version);
                heard.report.kernel = kernel;
                heard.report.arch = arch;
                heard.report.libc = libc;
            }
            Ok(Event::Ended(case)) => {
                progress(&case);
                heard.report.cases.push(case);
            }
            Ok(Event::Trouble(text)) => heard.troubles.push(text),
            Ok(Event::Done) => end = End::Done,
            Err(_) if text.iter().all(u8::is_ascii_whitespace) => {}
            Err(error) => heard.troubles.push(format!(
                "unreadable line ({error}): {}",
                String::from_utf8_lossy(&text)
            )),
        }
    }
}

/// Puts the results into the order of the job, with a failure for each that did not come; returns how many did not.
fn complete(report: &mut Report, job: &Job, end: &End) -> usize {
    let mut lost = 0;
    let mut come = std::mem::take(&mut report.cases);
    for id in job.ids() {
        let case = match come.iter().position(|case| case.id == id) {
            Some(i) => come.swap_remove(i),
            None => {
                lost += 1;
                CaseReport {
                    id,
                    item: String::new(),
                    since: String::new(),
                    outcome: Outcome::Fail,
                    detail: format!("no result: {}", end.why()),
                    ms: 0,
                }
            }
        };
        report.cases.push(case);
    }
    lost
}

/// The end of a file.
fn tail(path: &Path) -> Result<String> {
    let len = fs::metadata(path)?.len();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(len.saturating_sub(WORDS_SHOWN)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A program that says `lines`, in the emulator's place.
    fn said(lines: &str, limit: Duration) -> (Heard, End) {
        let mut child = Command::new("sh")
            .args(["-c", lines])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let heard = listen(&mut child, limit, &|_| ()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        heard
    }

    #[test]
    fn a_machine_that_goes_off_early_leaves_failures() {
        let (mut heard, end) = said("printf '\\r\\n\"nonsense\"\\r\\n'", Duration::from_secs(60));
        assert_eq!(end, End::Off);
        assert_eq!(heard.troubles.len(), 1, "{heard:?}");
        let job = Job {
            cases: vec!["aio/x".to_owned()],
            programs: Vec::new(),
            case_limit: 1,
            program_limit: 1,
        };
        assert_eq!(complete(&mut heard.report, &job, &end), 1);
        assert_eq!(heard.report.count(Outcome::Fail), 1);
        let detail = &heard.report.cases[0].detail;
        assert_eq!(detail, "no result: the machine went off before");
    }

    #[test]
    fn an_emulator_that_fails_is_quoted() {
        let status = |script: &str| Command::new("sh").args(["-c", script]).status().unwrap();
        let words = "qemu: no such kernel\n";
        assert_eq!(
            emulators_end(&End::Off, status("exit 1"), words),
            "The emulator: exit status: 1: qemu: no such kernel. "
        );
        assert_eq!(emulators_end(&End::Off, status("exit 0"), ""), "");
        // It was killed here.
        let killed = status("kill -9 $$");
        assert_eq!(emulators_end(&End::TimedOut, killed, ""), "");
        let console = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(kernels_end(console.path()), "The kernel said nothing");
        fs::write(console.path(), "Kernel panic").unwrap();
        let said = kernels_end(console.path());
        assert!(said.ends_with(":\nKernel panic"), "{said}");
    }

    #[test]
    fn a_machine_that_hangs_is_ended() {
        let (_, end) = said("exec cat /dev/zero", Duration::from_millis(10));
        assert_eq!(end, End::TimedOut);
    }

    #[test]
    fn a_machine_that_is_done_says_so() {
        let (heard, end) = said("printf '\"done\"\\r\\n'", Duration::from_secs(60));
        assert_eq!((end, heard.troubles.len()), (End::Done, 0));
    }
}
