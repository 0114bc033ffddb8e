//! Whether a file is closed everywhere, seen from the other end of a pair without data.

use std::io::{ErrorKind, Read as _};
use std::os::unix::net::UnixStream;

use super::older::kernel;

/// Whether the other end is closed.
pub(crate) fn has_ended(mut reader: &UnixStream) -> bool {
    reader.set_nonblocking(true).expect("set");
    let answer = reader.read(&mut [0]);
    reader.set_nonblocking(false).expect("set");
    match answer {
        Ok(0) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        other => panic!("{other:?}"),
    }
}

/// Whether the other end, which was let go, is closed: older kernels do that a moment later, and are waited for.
pub(crate) fn ends(mut reader: &UnixStream) -> bool {
    if kernel() >= (6, 10) {
        return has_ended(reader);
    }
    reader.read(&mut [0]).is_ok_and(|bytes| bytes == 0)
}
