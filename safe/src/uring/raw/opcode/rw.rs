//! Reading and writing files, pipes and sockets.

use libc::iovec;

use super::{address, entry_on};
use crate::uring::raw::sqe::{Entry, Flags};
use crate::uring::raw::types::{IoPrio, sealed::UseFixed};

builder! {
    /// Reads up to `len` bytes into `buf`, like pread(2). Since Linux 5.6.
    ///
    /// `buf` must stay valid until the final completion. It is unused, and may be null, with a
    /// buffer group.
    Read -> Entry = IORING_OP_READ { offset, rw_flags, ioprio: IoPrio, buf_group, attr }
}

impl Read {
    /// The file, the buffer, and its length in bytes. The offset is 0 unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *mut u8, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Writes `len` bytes from `buf`, like pwrite(2). Since Linux 5.6.
    ///
    /// `buf` must stay valid until the final completion.
    Write -> Entry = IORING_OP_WRITE { offset, rw_flags, ioprio: IoPrio, write_stream, attr }
}

impl Write {
    /// The file, the data, and its length in bytes. The offset is 0 unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *const u8, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Reads into several buffers, like preadv2(2). Since Linux 5.1.
    ///
    /// The array must stay valid until submitted, the buffers until the final completion.
    Readv -> Entry = IORING_OP_READV { offset, rw_flags, ioprio: IoPrio, buf_group, attr }
}

impl Readv {
    /// The file, the array of buffers, and how many there are (at most 1024). The offset is 0
    /// unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, iovec: *const iovec, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(iovec));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Writes from several buffers, like pwritev2(2). Since Linux 5.1.
    ///
    /// The array must stay valid until submitted, the buffers until the final completion.
    Writev -> Entry = IORING_OP_WRITEV { offset, rw_flags, ioprio: IoPrio, write_stream, attr }
}

impl Writev {
    /// The file, the array of buffers, and how many there are (at most 1024). The offset is 0
    /// unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, iovec: *const iovec, len: u32) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(iovec));
            sqe.len = len;
        }))
    }
}

builder! {
    /// Reads into a part of a registered buffer, like pread(2). Since Linux 5.1.
    ///
    /// `buf` must lie in that buffer with all of `len` (else `-EFAULT`), and must stay valid until
    /// the final completion.
    ReadFixed -> Entry = IORING_OP_READ_FIXED { offset, rw_flags, ioprio: IoPrio, attr }
}

impl ReadFixed {
    /// The file, where in the buffer to begin, how many bytes, and the buffer's index. The offset
    /// is 0 unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *mut u8, len: u32, buf_index: u16) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
            sqe.set_buf_index(buf_index);
        }))
    }
}

builder! {
    /// Writes from a part of a registered buffer, like pwrite(2). Since Linux 5.1.
    ///
    /// `buf` must lie in that buffer with all of `len` (else `-EFAULT`), and must stay valid until
    /// the final completion.
    WriteFixed -> Entry = IORING_OP_WRITE_FIXED {
        offset,
        rw_flags,
        ioprio: IoPrio,
        write_stream,
        attr,
    }
}

impl WriteFixed {
    /// The file, where in the buffer to begin, how many bytes, and the buffer's index. The offset
    /// is 0 unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, buf: *const u8, len: u32, buf_index: u16) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(buf));
            sqe.len = len;
            sqe.set_buf_index(buf_index);
        }))
    }
}

builder! {
    /// Reads into several parts of one registered buffer, like preadv2(2). Since Linux 6.15.
    ///
    /// The array must stay valid until submitted; what it names must lie in that buffer (else
    /// `-EFAULT`) and stay valid until the final completion.
    ReadvFixed -> Entry = IORING_OP_READV_FIXED { offset, rw_flags, ioprio: IoPrio, attr }
}

impl ReadvFixed {
    /// The file, the array of parts, how many there are, and the buffer's index. The offset is 0
    /// unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, iovec: *const iovec, len: u32, buf_index: u16) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(iovec));
            sqe.len = len;
            sqe.set_buf_index(buf_index);
        }))
    }
}

builder! {
    /// Writes from several parts of one registered buffer, like pwritev2(2). Since Linux 6.15.
    ///
    /// The array must stay valid until submitted; what it names must lie in that buffer (else
    /// `-EFAULT`) and stay valid until the final completion.
    WritevFixed -> Entry = IORING_OP_WRITEV_FIXED {
        offset,
        rw_flags,
        ioprio: IoPrio,
        write_stream,
        attr,
    }
}

impl WritevFixed {
    /// The file, the array of parts, how many there are, and the buffer's index. The offset is 0
    /// unless set.
    #[inline]
    pub fn new(fd: impl UseFixed, iovec: *const iovec, len: u32, buf_index: u16) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.set_addr(address(iovec));
            sqe.len = len;
            sqe.set_buf_index(buf_index);
        }))
    }
}

builder! {
    /// Reads again and again into provided buffers, with a completion for each, until one lacks
    /// `F_MORE`. Since Linux 6.7.
    ///
    /// The file must be one that can be polled, such as a pipe or socket (else `-EBADFD`). Ends
    /// with `-ENOBUFS` when the group is empty. The buffers of the group must stay valid while they
    /// are in it.
    ReadMulti -> Entry = IORING_OP_READ_MULTISHOT { offset, rw_flags, ioprio: IoPrio }
}

impl ReadMulti {
    /// The file, a length which must be 0 (else `-EINVAL`, still on Linux 6.18): each read fills as
    /// much of a buffer as it can; and the group of buffers.
    #[inline]
    pub fn new(fd: impl UseFixed, len: u32, buf_group: u16) -> Self {
        Self(entry_on(Self::CODE, fd, |sqe| {
            sqe.len = len;
            sqe.flags |= Flags::BUFFER_SELECT.bits();
            sqe.set_buf_group(buf_group);
        }))
    }
}
