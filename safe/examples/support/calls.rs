//! How many system calls a part of a program makes: counted by the kernel's tracer, not by the program.
//!
//! The program runs itself again and traces that process, of which the main thread alone counts. Each part that is
//! counted lies between two system calls that nothing else here makes: getppid(2).

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::{env, fs};

use libc::c_long;
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::process::getppid;

/// Names the part to the process that runs it.
const PART: &str = "COUNTED_PART";

/// How often each system call was made.
pub(crate) type Calls = BTreeMap<c_long, u64>;

/// Runs `body` in a process of its own, and answers how often each system call was made in what it hands to [`counted`].
/// Call it before anything else is done: the other process begins at the start of `main`, too.
pub(crate) fn of(part: &str, body: impl FnOnce() -> io::Result<()>) -> io::Result<Calls> {
    match env::var(PART) {
        Ok(other) if other != part => return Ok(Calls::new()),
        Ok(_) => {
            // Until the tracer is there.
            io::stdin().read_exact(&mut [0])?;
            let ended = body().inspect_err(|error| eprintln!("{part}: {error}"));
            std::process::exit(ended.is_err().into());
        }
        Err(_) => {}
    }
    let mut child = Command::new(env::current_exe()?)
        .env(PART, part)
        .stdin(Stdio::piped())
        .spawn()?;
    let pid = Pid::from_raw(child.id() as i32);
    ptrace::seize(
        pid,
        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL,
    )?;
    ptrace::interrupt(pid)?;
    child.stdin.take().expect("piped").write_all(b"x")?;
    trace(pid)
}

/// Marks what is counted.
pub(crate) fn counted<T>(what: impl FnOnce() -> T) -> T {
    let _ = getppid();
    let answer = what();
    let _ = getppid();
    answer
}

/// Follows a process to its end.
fn trace(pid: Pid) -> io::Result<Calls> {
    let mut calls = Calls::new();
    let (mut counting, mut inside) = (false, false);
    loop {
        let signal = match waitpid(pid, None)? {
            WaitStatus::Exited(_, 0) => return Ok(calls),
            WaitStatus::PtraceSyscall(_) => {
                inside = !inside;
                if inside {
                    let number = number(pid)?;
                    if number == libc::SYS_getppid {
                        counting = !counting;
                    } else if counting {
                        *calls.entry(number).or_default() += 1;
                    }
                }
                None
            }
            WaitStatus::PtraceEvent(..) => None,
            WaitStatus::Stopped(_, signal) => Some(signal),
            other => return Err(io::Error::other(format!("the counted process: {other:?}"))),
        };
        ptrace::syscall(pid, signal)?;
    }
}

/// The number of the system call that a stopped process is about to make.
fn number(pid: Pid) -> io::Result<c_long> {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall"))?;
    let number = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("not a system call: {text}")))
}
