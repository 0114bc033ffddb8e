//! Files, pipes and connections to work on.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::{FromRawFd, OwnedFd};

use crate::context::Context;

/// The known content: the byte at each offset of `range`. Moved, repeated and lost blocks all show.
pub fn pattern(range: Range<usize>) -> Vec<u8> {
    range
        .map(|i| {
            (i as u8) ^ ((i >> 8) as u8).wrapping_mul(31) ^ ((i >> 16) as u8).wrapping_mul(101)
        })
        .collect()
}

/// A new file `name` in the case's folder, open for reading and writing at its start, with `len` bytes of [`pattern`].
pub fn pattern_file(cx: &Context, name: &str, len: usize) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(cx.dir().join(name))?;
    file.write_all(&pattern(0..len))?;
    file.rewind()?;
    Ok(file)
}

/// A pipe, closed on exec: its end to read and its end to write.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` is writable and holds the two descriptors that pipe2(2) writes.
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: pipe2(2) succeeded, so both are open, and nothing else knows them.
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

/// A TCP connection over the loopback interface. For Unix sockets there is `UnixStream::pair`.
pub fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let connected = TcpStream::connect(listener.local_addr()?)?;
    Ok((connected, listener.accept()?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_shows_moved_blocks() {
        let all = pattern(0..1 << 18);
        assert_eq!(pattern(70_000..70_010), all[70_000..70_010]);
        let blocks: Vec<&[u8]> = all.chunks(512).collect();
        for (i, block) in blocks.iter().enumerate() {
            assert_eq!(blocks.iter().position(|b| b == block), Some(i), "block {i}");
        }
    }

    #[test]
    fn a_pipe_carries_bytes() {
        use std::io::Read;
        let (read, write) = pipe().unwrap();
        File::from(write).write_all(b"abc").unwrap();
        let mut got = String::new();
        File::from(read).read_to_string(&mut got).unwrap();
        assert_eq!(got, "abc");
    }
}
