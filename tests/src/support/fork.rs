//! Children that are a copy of the case's own process.

use std::fs;
use std::io::{self, Seek};
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitStatus;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a child that panics ends with.
const PANICKED: u8 = 101;

/// Runs `child` in a forked copy of this process, which must have one thread, and tells how the copy ended.
///
/// What `child` returns is the exit code. The copy never returns from here.
pub fn forked(child: impl FnOnce() -> u8) -> io::Result<ExitStatus> {
    Forked::start(child)?.wait()
}

/// Runs `child` in a forked copy of this process, which must have one thread, and returns what `child` did.
pub fn answered<T: Serialize + DeserializeOwned>(child: impl FnOnce() -> T) -> io::Result<T> {
    let mut answer = tempfile::tempfile()?;
    let ended = forked(|| u8::from(serde_json::to_writer(&answer, &child()).is_err()))?;
    if !ended.success() {
        let text = format!("a forked process ended without an answer: {ended}");
        return Err(io::Error::other(text));
    }
    answer.rewind()?;
    Ok(serde_json::from_reader(answer)?)
}

/// A forked copy of this process that runs beside it.
#[derive(Debug)]
pub struct Forked {
    pid: libc::pid_t,
}

impl Forked {
    /// Starts `child` in a copy of this process, which must have one thread; as [`forked`].
    pub fn start(child: impl FnOnce() -> u8) -> io::Result<Forked> {
        let threads = fs::read_dir("/proc/self/task")?.count();
        if threads != 1 {
            let text = format!("a process of {threads} threads cannot be forked and go on");
            return Err(io::Error::other(text));
        }
        // SAFETY: there is one thread, so no lock is held and no data half changed by another one: the copy may do all
        // that this process may.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            let code = panic::catch_unwind(AssertUnwindSafe(child)).unwrap_or(PANICKED);
            // SAFETY: _exit(2) takes a number and touches no memory. Not `exit`: what is to run at exit is the parent's.
            unsafe { libc::_exit(code.into()) };
        }
        Ok(Forked { pid })
    }

    /// Takes the copy out of this process's group, whose end it then outlives.
    pub fn outlive(&self) -> io::Result<()> {
        // SAFETY: setpgid(2) takes numbers and touches no memory. The copy has not been waited for, so the number is
        // still its.
        match unsafe { libc::setpgid(self.pid, self.pid) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// How the copy ended, once it has.
    pub fn wait(self) -> io::Result<ExitStatus> {
        let mut status = 0;
        loop {
            // SAFETY: `status` is writable.
            if unsafe { libc::waitpid(self.pid, &mut status, 0) } == self.pid {
                return Ok(ExitStatus::from_raw(status));
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}
