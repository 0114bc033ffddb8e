//! Blocking calls by rustix, which makes them without libc.

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use crate::engines::blocking::Calls;
use crate::op::{Code, Op};

/// Its calls.
pub(crate) struct Rustix;

impl Calls for Rustix {
    #[inline]
    fn call(op: &Op) -> i32 {
        number(call(op))
    }

    #[inline]
    fn recv_whole(op: &Op) -> i32 {
        // SAFETY: the operation is this one's turn.
        let memory = unsafe { op.bytes_mut() };
        number(rustix::net::recv(op.file(), memory, RecvFlags::WAITALL).map(|(count, _)| count))
    }
}

fn call(op: &Op) -> Result<usize, Errno> {
    let file = op.file();
    match op.code {
        Code::Nop => Ok(0),
        // SAFETY: the operation is this one's turn.
        Code::Read => rustix::io::pread(file, unsafe { op.bytes_mut() }, op.offset),
        // SAFETY: as above.
        Code::Write => rustix::io::pwrite(file, unsafe { op.bytes() }, op.offset),
        Code::Sync => rustix::fs::fdatasync(file).map(|()| 0),
        // SAFETY: as above.
        Code::Recv => rustix::io::read(file, unsafe { op.bytes_mut() }),
        // SAFETY: as above.
        Code::Send => rustix::io::write(file, unsafe { op.bytes() }),
        Code::Open => {
            use std::os::fd::IntoRawFd;
            let opened =
                rustix::fs::openat(rustix::fs::CWD, op.path(), OFlags::RDONLY, Mode::empty());
            opened.map(|file| file.into_raw_fd() as usize)
        }
        Code::Statx => {
            let mask = StatxFlags::BASIC_STATS;
            let status = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, mask)?;
            op.memory().note_size(status.stx_size);
            Ok(0)
        }
        Code::Close => {
            // SAFETY: the job opened it, and has it closed by this.
            unsafe { rustix::io::close(op.fd) };
            Ok(0)
        }
    }
}

fn number(result: Result<usize, Errno>) -> i32 {
    match result {
        Ok(number) => number as i32,
        Err(errno) => -errno.raw_os_error(),
    }
}
