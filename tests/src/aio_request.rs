//! Native AIO requests for cases, whose memory cannot go away.
//!
//! Cases may put anything into a request but the address of memory that somebody else uses: for that the constructor
//! is `unsafe`.

use std::os::fd::AsRawFd;

use aio_sys::*;

use crate::support::memory::Buffer;

/// Something that [`Request::with`] can do.
pub type Change = fn(&mut iocb);

/// One request, and the iovecs that it points to. The memory it names is that of [`Buffer`]s, which stays.
#[derive(Debug)]
pub struct Request {
    iocb: iocb,
    iovecs: Vec<libc::iovec>,
}

impl Request {
    /// A request without memory: `IOCB_CMD_*` on a descriptor. A descriptor may also be a number: `&-1`.
    pub fn new(command: u16, file: &impl AsRawFd) -> Request {
        let iocb = iocb {
            aio_lio_opcode: command,
            aio_fildes: file.as_raw_fd() as u32,
            ..iocb::default()
        };
        let iovecs = Vec::new();
        Request { iocb, iovecs }
    }

    /// `IOCB_CMD_PREAD` into all of `buffer`.
    pub fn read(file: &impl AsRawFd, buffer: Buffer, offset: i64) -> Request {
        Request::new(IOCB_CMD_PREAD, file).at(buffer.address(), buffer.len(), offset)
    }

    /// `IOCB_CMD_PWRITE` of all of `buffer`.
    pub fn write(file: &impl AsRawFd, buffer: Buffer, offset: i64) -> Request {
        Request::new(IOCB_CMD_PWRITE, file).at(buffer.address(), buffer.len(), offset)
    }

    /// `IOCB_CMD_PREADV` or `IOCB_CMD_PWRITEV` with an iovec for each buffer.
    pub fn vector(command: u16, file: &impl AsRawFd, buffers: &[Buffer], offset: i64) -> Request {
        let iovecs: Vec<_> = buffers
            .iter()
            .map(|buffer| libc::iovec {
                iov_base: buffer.pointer().cast(),
                iov_len: buffer.len(),
            })
            .collect();
        let address = iovecs.as_ptr().expose_provenance() as u64;
        let mut request = Request::new(command, file).at(address, iovecs.len(), offset);
        request.iovecs = iovecs;
        request
    }

    /// `IOCB_CMD_POLL` for `events`, a mask of `POLL*`.
    pub fn poll(file: &impl AsRawFd, events: u64) -> Request {
        Request::new(IOCB_CMD_POLL, file).with(|iocb| iocb.aio_buf = events)
    }

    /// Any request.
    ///
    /// # Safety
    ///
    /// What the kernel does with the addresses in it must be harmless until its event has been reaped.
    pub unsafe fn from_iocb(iocb: iocb) -> Request {
        let iovecs = Vec::new();
        Request { iocb, iovecs }
    }

    fn at(mut self, address: u64, len: usize, offset: i64) -> Request {
        self.iocb.aio_buf = address;
        self.iocb.aio_nbytes = len as u64;
        self.iocb.aio_offset = offset;
        self
    }

    /// Changes fields.
    ///
    /// # Panics
    ///
    /// If that changes which memory is used: only commands that use none may have any `aio_buf` and `aio_nbytes`.
    pub fn with(mut self, change: impl FnOnce(&mut iocb)) -> Request {
        let memory = |iocb: &iocb| (iocb.aio_lio_opcode, iocb.aio_buf, iocb.aio_nbytes);
        let before = memory(&self.iocb);
        change(&mut self.iocb);
        let (command, address, len) = memory(&self.iocb);
        let uses_none = matches!(command, IOCB_CMD_FSYNC | IOCB_CMD_FDSYNC | IOCB_CMD_POLL);
        assert!(
            uses_none || (command, address, len) == before || (address, len) == (0, 0),
            "a request for other memory"
        );
        self
    }

    /// The request as it is; after submission with what the kernel wrote.
    pub fn iocb(&self) -> &iocb {
        &self.iocb
    }

    /// Its address, by which events and cancellations name it.
    pub fn address(&mut self) -> *mut iocb {
        &raw mut self.iocb
    }
}
