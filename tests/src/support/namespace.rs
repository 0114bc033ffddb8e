//! Namespaces of a process's own.

use std::io;

use super::names::Errno;

/// Gives this process, which must have one thread, namespaces of its own: `CLONE_NEWNS`, `CLONE_NEWNET`.
pub fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: unshare(2) takes a number and touches no memory.
    match unsafe { libc::unshare(flags) } {
        0 => Ok(()),
        _ => Err(Errno::last().into()),
    }
}
