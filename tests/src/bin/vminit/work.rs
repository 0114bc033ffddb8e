//! The work: cases and test programs, each told as soon as it has ended.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use conformance::case::Case;
use conformance::kernel::{Kernel, libc_name};
use conformance::report::{CaseReport, Outcome};
use conformance::runner::{Runner, default_jobs};
use conformance::vm::{Event, JOB, Job, PORT, PROGRAMS, program_id};

use crate::appear;

/// How much of a failed program's output is told.
const OUTPUT_TOLD: u64 = 6000;

/// The port, once it is open. The lock also keeps the lines of several threads apart.
static OPEN: Mutex<Option<File>> = Mutex::new(None);

/// How long the port may take to appear.
const APPEARS: Duration = Duration::from_secs(10);

/// Runs the job.
pub(crate) fn run(cases: &[&'static Case]) -> Result<()> {
    let job = fs::read(JOB).context("cannot read the job")?;
    let job: Job = serde_json::from_slice(&job).context("the job is unreadable")?;
    let kernel = Kernel::running().context("cannot tell the kernel's version")?;
    tell(&Event::Up {
        kernel: kernel.release,
        version: kernel.version.to_string(),
        arch: std::env::consts::ARCH.to_owned(),
        libc: libc_name(),
    });
    let wanted = |case: &&&'static Case| job.cases.iter().any(|id| id == case.id);
    let chosen: Vec<_> = cases.iter().filter(wanted).copied().collect();
    let mut runner = Runner::new().context("cannot tell the kernel's version")?;
    runner.time_limit = Duration::from_secs(job.case_limit);
    runner.run_all(&chosen, default_jobs(), |case| {
        tell(&Event::Ended(case.clone()))
    });
    for name in &job.programs {
        tell(&Event::Ended(program(
            name,
            Duration::from_secs(job.program_limit),
        )));
    }
    tell(&Event::Done);
    Ok(())
}

/// Writes an event to the port; where that fails there is nobody to tell, but the console shows it.
pub(crate) fn tell(event: &Event) {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let told = serde_json::to_string(event)
        .map_err(io::Error::other)
        .and_then(|line| {
            let port = match &mut *open {
                Some(port) => port,
                None => open.insert(port()?),
            };
            port.write_all(format!("{line}\n").as_bytes())
        });
    if let Err(error) = told {
        eprintln!("cannot tell {event:?}: {error}");
    }
}

/// Closes the port, which one process at a time may have open.
pub(crate) fn hand_over() {
    *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Opens the port, as soon as its driver has made it.
fn port() -> io::Result<File> {
    let path = env::var_os(PORT).unwrap_or_else(|| "/dev/ttyS1".into());
    let look = || match File::options().write(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    };
    let port = appear::within("/dev", APPEARS, look)?;
    port.ok_or_else(|| io::Error::other(format!("no port {path:?}")))
}

/// Runs a test program; it passes if it exits with 0.
fn program(name: &str, limit: Duration) -> CaseReport {
    let start = Instant::now();
    let (outcome, detail) = match isolated(name, limit) {
        Ok((Some(status), output)) if status.success() => {
            // What a test program says last is its count.
            let last = output.lines().rev().find(|line| !line.trim().is_empty());
            (Outcome::Pass, last.unwrap_or_default().to_owned())
        }
        Ok((Some(status), output)) => (Outcome::Fail, format!("{}\n{output}", text(status))),
        Ok((None, output)) => (
            Outcome::Fail,
            format!("timed out after {} s\n{output}", limit.as_secs()),
        ),
        Err(error) => (Outcome::Fail, format!("cannot be run: {error}")),
    };
    CaseReport {
        id: program_id(name),
        item: "program".to_owned(),
        since: "-".to_owned(),
        outcome,
        detail,
        ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

fn text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => format!("killed by signal {signal}"),
        _ => status.to_string(),
    }
}

/// The status, unless it took too long, and the end of the output.
fn isolated(name: &str, limit: Duration) -> io::Result<(Option<ExitStatus>, String)> {
    let mut output = tempfile::tempfile()?;
    let mut child = Command::new(Path::new(PROGRAMS).join(name))
        .stdin(File::open("/dev/null")?)
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0)
        .spawn()?;
    let group = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let (ended, end) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let status = child.wait();
        // Nobody listens any more after the limit.
        let _ = ended.send(());
        status
    });
    let in_time = end.recv_timeout(limit).is_ok();
    // SAFETY: killpg(3) touches no memory; the group may be empty, which it answers with ESRCH.
    unsafe { libc::killpg(group, libc::SIGKILL) };
    let status = match waiter.join() {
        Ok(status) => status?,
        Err(_) => return Err(io::Error::other("the waiting thread panicked")),
    };
    let len = output.metadata()?.len();
    output.seek(SeekFrom::Start(len.saturating_sub(OUTPUT_TOLD)))?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok((
        in_time.then_some(status),
        String::from_utf8_lossy(&bytes).into_owned(),
    ))
}
