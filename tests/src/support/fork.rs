//! Children that are a copy of the case's own process.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitStatus;

/// What a child that panics ends with.
const PANICKED: u8 = 101;

/// Runs `child` in a forked copy of this process, which must have one thread, and tells how the copy ended.
///
/// What `child` returns is the exit code. The copy never returns from here.
pub fn forked(child: impl FnOnce() -> u8) -> io::Result<ExitStatus> {
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
    wait(pid)
}

fn wait(pid: libc::pid_t) -> io::Result<ExitStatus> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is writable.
        if unsafe { libc::waitpid(pid, &mut status, 0) } == pid {
            return Ok(ExitStatus::from_raw(status));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
