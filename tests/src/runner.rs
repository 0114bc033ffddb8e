//! Runs cases, each in a process of its own, and judges their answers.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZero;
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::case::{Case, Place, Stop};
use crate::child::{Answer, MARK};
use crate::deviations::{DEVIATIONS, Deviation};
use crate::expectation::judge;
use crate::file_system::Devices;
use crate::kernel::{Kernel, Version};
use crate::report::{CaseReport, Outcome};
use crate::support::names::Signal;

/// How long a case may run unless told otherwise.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long a killed process may take to end. One that takes longer is stuck in the kernel.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// How much of a failed case's output is shown.
const OUTPUT_SHOWN: u64 = 2000;

/// Runs cases and judges them by one kernel version.
#[derive(Debug)]
pub struct Runner {
    /// The version that decides what is expected: that of the running kernel, but for tests of the harness.
    pub kernel: Version,
    /// Kernels that differ from their version.
    pub deviations: &'static [Deviation],
    /// How long each case may run.
    pub time_limit: Duration,
    /// The devices for cases on file systems.
    devices: Devices,
    /// Written by a case that must be alone, read by all others.
    alone: RwLock<()>,
}

impl Runner {
    /// A runner for the running kernel. The program must call [`child::enter`](crate::child::enter) first in `main`.
    pub fn new() -> io::Result<Runner> {
        Ok(Runner {
            kernel: Kernel::running()?.version,
            deviations: DEVIATIONS,
            time_limit: TIME_LIMIT,
            devices: Devices::default(),
            alone: RwLock::new(()),
        })
    }

    /// Runs cases, `jobs` at a time, and returns the results in the order of `cases`.
    ///
    /// `done` is called after each, in the order in which they end.
    pub fn run_all(
        &self,
        cases: &[&'static Case],
        jobs: NonZero<usize>,
        done: impl Fn(&CaseReport) + Sync,
    ) -> Vec<CaseReport> {
        let queue = Mutex::new(cases.iter().enumerate());
        let next = || {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.next()
        };
        let results = Mutex::new(BTreeMap::new());
        thread::scope(|scope| {
            for _ in 0..jobs.get().min(cases.len()) {
                scope.spawn(|| {
                    while let Some((i, case)) = next() {
                        let result = self.run(case);
                        done(&result);
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        results.insert(i, result);
                    }
                });
            }
        });
        let results = results.into_inner();
        let results = results.unwrap_or_else(PoisonError::into_inner);
        results.into_values().collect()
    }

    /// Runs one case. Whatever it does, there is a result.
    pub fn run(&self, case: &'static Case) -> CaseReport {
        let (_shared, _alone) = if case.alone {
            let guard = self.alone.write().unwrap_or_else(PoisonError::into_inner);
            (None, Some(guard))
        } else {
            let guard = self.alone.read().unwrap_or_else(PoisonError::into_inner);
            (Some(guard), None)
        };
        let start = Instant::now();
        let (answer, output) = self.isolated(case).unwrap_or_else(|error| {
            let failed = Stop::failed(format_args!("the harness could not run it: {error}"));
            (Answer::stopped(failed), String::new())
        });
        let ms = start.elapsed().as_millis();
        let (outcome, mut detail) = judge(
            case,
            self.kernel,
            self.deviations,
            answer.run,
            &answer.notes,
        );
        if outcome == Outcome::Fail && !output.is_empty() {
            detail.push_str("\noutput: ");
            detail.push_str(&output);
        }
        CaseReport {
            id: case.id.to_owned(),
            item: case.item().to_owned(),
            since: case.since.to_string(),
            outcome,
            detail,
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
        }
    }

    /// Runs the case in a process of its own, and returns its answer and the end of its output.
    fn isolated(&self, case: &'static Case) -> io::Result<(Answer, String)> {
        let device = match case.place {
            Place::On(kind) => match self.devices.of(kind) {
                Ok(device) => device,
                Err(stop) => return Ok((Answer::stopped(stop), String::new())),
            },
            _ => None,
        };
        let dir = temporary_folder()?;
        let mut answer = unnamed_file(&dir)?;
        let mut output = unnamed_file(&dir)?;
        // Empty. A small machine may have no /dev/null.
        let input = unnamed_file(&dir)?;
        let mut child = start(case, device, dir.path(), input, &answer, &output)?;
        let ended = wait(&mut child, self.time_limit)?;
        let output = tail(&mut output)?;
        let answer = match ended {
            End::Exited(status) if status.success() => read_answer(&mut answer),
            ended => Answer::broken(ended.text(self.time_limit)),
        };
        match dir.close() {
            Ok(()) => Ok((answer, output)),
            Err(error) => {
                let text = format!("its temporary folder could not be removed: {error}");
                Ok((answer.or_broken(text), output))
            }
        }
    }
}

impl Answer {
    /// The failure of a case that could not tell its own.
    fn broken(message: String) -> Answer {
        let at = "in the process of the case".to_owned();
        Answer::stopped(Stop::Failed { message, at })
    }

    /// Why a case did not come to its answer.
    pub(crate) fn stopped(stop: Stop) -> Answer {
        let (run, notes) = (Err(stop), Vec::new());
        Answer { run, notes }
    }

    /// This answer if it is a failure already, else the failure `message`.
    fn or_broken(self, message: String) -> Answer {
        match self.run {
            Err(Stop::Failed { .. }) => self,
            _ => Answer::broken(message),
        }
    }
}

/// A new folder for one case, in the first place that has room for one. Small machines may have no `/tmp`.
fn temporary_folder() -> io::Result<TempDir> {
    let create = |root: PathBuf| {
        tempfile::Builder::new()
            .prefix("conformance-")
            .tempdir_in(root)
    };
    create(env::temp_dir()).or_else(|_| create(env::current_dir()?))
}

/// A file without a name, which outlives what the case does to its folder.
fn unnamed_file(dir: &TempDir) -> io::Result<File> {
    let parent = dir.path().parent().unwrap_or(dir.path());
    tempfile::tempfile_in(parent)
}

/// Starts this program once more to run `case`.
fn start(
    case: &Case,
    device: Option<&Path>,
    dir: &Path,
    input: File,
    answer: &File,
    output: &File,
) -> io::Result<Child> {
    let exe = this_program()?;
    let fd = answer.as_raw_fd();
    let mut command = Command::new(exe);
    command
        .args([MARK, case.id, &fd.to_string()])
        .args(device)
        .current_dir(dir)
        .env("TMPDIR", dir)
        .stdin(input)
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    let prepare = move || {
        // SAFETY: setsid(2) takes nothing. It cannot fail: a new child leads no group.
        unsafe { libc::setsid() };
        // SAFETY: PR_SET_PDEATHSIG takes an int and touches no memory. The parent's thread waits for the child, so
        // that thread ends before the child only if the program does.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        // SAFETY: F_SETFD takes an int and touches no memory. The descriptor is open: the parent holds `answer`.
        match unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: `prepare` runs between fork and exec of a program with threads. It allocates nothing, takes no lock and
    // calls only functions that are single system calls.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

/// A path to this program that is good in any working directory.
fn this_program() -> io::Result<PathBuf> {
    // Not `current_exe`: that is a name, and the file of that name may have been built anew since.
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() {
        return Ok(link);
    }
    // Without /proc there is only the name that this program was called by.
    fs::canonicalize(env::args_os().next().unwrap_or_default())
}

/// How the process of a case ended.
enum End {
    Exited(ExitStatus),
    TimedOut,
    Stuck,
}

impl End {
    fn text(&self, limit: Duration) -> String {
        let seconds = limit.as_secs_f64();
        match self {
            End::Exited(status) => match status.signal() {
                Some(signal) => format!("killed by signal {}", Signal(signal)),
                None => format!("ended without an answer: {status}"),
            },
            End::TimedOut => format!("timed out after {seconds} s"),
            End::Stuck => format!("timed out after {seconds} s, and SIGKILL does not end it"),
        }
    }
}

/// Waits for the child until the time limit, and ends its whole process group in any case.
fn wait(child: &mut Child, limit: Duration) -> io::Result<End> {
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    // A thread that waits, rather than a pidfd: that works on all kernels. It does not reap, so that `pid` keeps
    // meaning this child until its group has been killed.
    thread::spawn(move || ended.send(wait_unreaped(pid)));
    let in_time = end.recv_timeout(limit);
    kill_group(pid);
    match in_time {
        Ok(result) => {
            result?;
            child.wait().map(End::Exited)
        }
        Err(_) => match end.recv_timeout(KILL_LIMIT) {
            Ok(result) => {
                result?;
                child.wait().map(|_| End::TimedOut)
            }
            Err(_) => Ok(End::Stuck),
        },
    }
}

/// Waits until the child has ended, and leaves it to be reaped.
fn wait_unreaped(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: siginfo_t is plain numbers and pointers that nobody follows: zeroes are a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `info` is writable memory of the type that waitid(2) fills.
        if unsafe { libc::waitid(libc::P_PID, pid, &mut info, options) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Kills what is left of the process group. The leader has not been reaped, so the number is still that group's.
fn kill_group(leader: u32) {
    if let Ok(pid) = libc::pid_t::try_from(leader) {
        // SAFETY: killpg(3) touches no memory. Its one likely error, ESRCH, means that there is nothing left to kill.
        unsafe { libc::killpg(pid, libc::SIGKILL) };
    }
}

fn read_answer(file: &mut File) -> Answer {
    let mut bytes = Vec::new();
    let read = file
        .rewind()
        .and_then(|()| file.read_to_end(&mut bytes).map(drop));
    match read {
        Ok(()) => serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| Answer::broken(format!("ended without an answer: {error}"))),
        Err(error) => Answer::broken(format!("its answer could not be read: {error}")),
    }
}

/// The end of what a case printed.
fn tail(file: &mut File) -> io::Result<String> {
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(OUTPUT_SHOWN)))?;
    let mut bytes = Vec::new();
    file.take(OUTPUT_SHOWN).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim().to_owned())
}

/// How many cases to run at a time unless told otherwise: one per processor.
pub fn default_jobs() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}
