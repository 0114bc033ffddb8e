//! Waiting for children.

use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use super::{Answered, Cqe, Entry, Error, Operation};
use crate::uring::raw::opcode;

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// It has exited, with this code.
    Exited(i32),
    /// A signal has ended it.
    Killed {
        /// Which signal.
        signal: i32,
        /// Whether it has left a core dump.
        core_dumped: bool,
    },
    /// A signal has stopped it.
    Stopped(i32),
    /// It has trapped, with this signal or event; for those who trace it.
    Trapped(i32),
    /// It goes on.
    Continued,
    /// Something that the kernel says and this crate does not know.
    Other {
        /// `si_code`.
        code: i32,
        /// `si_status`.
        status: i32,
    },
}

/// The state of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildStatus {
    /// Its process id.
    pub pid: u32,
    /// Its real user id.
    pub uid: u32,
    /// What happened.
    pub how: How,
}

/// Any child, or one of a group: of those forms of [`WaitId`] that own no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPidfd;

/// Waits until a child has exited, as waitid(2) does, and reaps it. Since Linux 6.7.
///
/// `ECHILD` if there is no such child, or if it was reaped already, as by [`std::process::Child::wait`].
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::process::Command;
///
/// use safe::uring::{Ring, op};
///
/// let mut ring = Ring::new(8)?;
/// let child = Command::new("false").spawn()?;
/// let ticket = ring.push(op::WaitId::child(child.id()))?;
/// let status = ring.wait(ticket)?.result?;
/// assert_eq!(status.pid, child.id());
/// assert_eq!(status.how, op::How::Exited(1));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct WaitId<F = NoPidfd> {
    file: F,
    kind: libc::idtype_t,
    id: libc::id_t,
    options: i32,
    /// The kernel writes it.
    info: MaybeUninit<libc::siginfo_t>,
}

impl WaitId {
    /// The child with this process id.
    pub fn child(pid: u32) -> Self {
        Self::with(NoPidfd, libc::P_PID, pid)
    }

    /// Any child of this process group; 0 for the caller's own.
    pub fn group(group: u32) -> Self {
        Self::with(NoPidfd, libc::P_PGID, group)
    }

    /// Any child.
    pub fn any() -> Self {
        Self::with(NoPidfd, libc::P_ALL, 0)
    }
}

impl<F: AsFd> WaitId<F> {
    /// The child that a descriptor of pidfd_open(2) stands for.
    pub fn pidfd(pidfd: F) -> Self {
        let id = pidfd.as_fd().as_raw_fd() as libc::id_t;
        Self::with(pidfd, libc::P_PIDFD, id)
    }
}

impl<F> WaitId<F> {
    fn with(file: F, kind: libc::idtype_t, id: libc::id_t) -> Self {
        Self {
            file,
            kind,
            id,
            options: libc::WEXITED,
            info: MaybeUninit::zeroed(),
        }
    }

    /// Also until it is stopped.
    #[must_use]
    pub fn stopped(mut self) -> Self {
        self.options |= libc::WSTOPPED;
        self
    }

    /// Also until it goes on after a stop.
    #[must_use]
    pub fn continued(mut self) -> Self {
        self.options |= libc::WCONTINUED;
        self
    }

    /// Does not reap it: it can be waited for again.
    #[must_use]
    pub fn keep(mut self) -> Self {
        self.options |= libc::WNOWAIT;
        self
    }
}

impl<F> std::fmt::Debug for WaitId<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitId")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn status(info: &libc::siginfo_t) -> ChildStatus {
    // SAFETY: the struct was zeroed, and the kernel has written what belongs to SIGCHLD; all of it are integers.
    let (pid, uid, status) = unsafe { (info.si_pid(), info.si_uid(), info.si_status()) };
    let how = match info.si_code {
        libc::CLD_EXITED => How::Exited(status),
        libc::CLD_KILLED => How::Killed {
            signal: status,
            core_dumped: false,
        },
        libc::CLD_DUMPED => How::Killed {
            signal: status,
            core_dumped: true,
        },
        libc::CLD_STOPPED => How::Stopped(status),
        libc::CLD_TRAPPED => How::Trapped(status),
        libc::CLD_CONTINUED => How::Continued,
        code => How::Other { code, status },
    };
    ChildStatus {
        pid: pid as u32,
        uid,
        how,
    }
}

// SAFETY: the struct that the kernel writes lies in the value, thus in the table, behind a pointer that was made
// from a mutable place; it is as large as the kernel's.
unsafe impl<F> Operation for WaitId<F> {
    const OPCODE: u8 = opcode::WaitId::CODE;

    type Output = Answered<F, ChildStatus>;

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::WaitId::new(self.kind, self.id, self.options)
            .infop(self.info.as_mut_ptr())
            .build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        // SAFETY: zeros are a value of it, and what the kernel writes is another.
        let info = unsafe { self.info.assume_init() };
        Answered {
            result: Error::check(Self::OPCODE, cqe.result).map(|_| status(&info)),
            file: self.file,
        }
    }
}
