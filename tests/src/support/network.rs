//! The network of a case: a namespace with nothing in it but a loopback interface.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::names::Errno;
use super::namespace::unshare;

/// Moves this process, which must have one thread, into a network namespace of its own, with the loopback interface up.
pub fn own() -> io::Result<()> {
    unshare(libc::CLONE_NEWNET)?;
    loopback_up()
}

/// Sets IFF_UP of `lo`; the kernel gives it its addresses.
pub fn loopback_up() -> io::Result<()> {
    // SAFETY: socket(2) takes numbers and returns a new descriptor or -1.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(Errno::last().into());
    }
    // SAFETY: the descriptor is new, so nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: ifreq is an array of bytes and a union of plain values: zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which `request` is.
    match unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as libc::Ioctl,
            &request,
        )
    } {
        0 => Ok(()),
        _ => Err(Errno::last().into()),
    }
}
