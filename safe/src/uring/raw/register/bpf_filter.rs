//! Programs that look at each operation and allow or deny it.

use std::io;

use uring_sys::{io_uring_bpf, io_uring_bpf_filter};

use super::{Target, address, count};
use crate::uring::raw::Submitter;

/// A program of classic BPF for one opcode: it sees an `io_uring_bpf_ctx` and answers 0 to deny, else 1.
///
/// Loads are of 32 bits, at multiples of 4. What is denied completes with `EACCES`. Filters stack: all must
/// allow. Since Linux 7.0.
#[derive(Debug, Clone, Copy)]
pub struct BpfFilter<'a> {
    opcode: u8,
    program: &'a [libc::sock_filter],
    flags: u32,
    pdu_size: u8,
}

impl<'a> BpfFilter<'a> {
    /// A program of 1 to 4096 instructions for operations with this opcode.
    pub const fn new(opcode: u8, program: &'a [libc::sock_filter]) -> Self {
        Self {
            opcode,
            program,
            flags: 0,
            pdu_size: 0,
        }
    }

    /// Denies every opcode that has no filter of its own.
    #[must_use = "it returns the changed filter"]
    pub const fn deny_rest(mut self) -> Self {
        self.flags |= uring_sys::IO_URING_BPF_FILTER_DENY_REST;
        self
    }

    /// Says how many bytes of the opcode's own part of the context the program was written for.
    #[must_use = "it returns the changed filter"]
    pub const fn pdu_size(mut self, bytes: u8) -> Self {
        self.pdu_size = bytes;
        self
    }

    /// Refuses to register if the kernel has another [`pdu_size`](Self::pdu_size).
    #[must_use = "it returns the changed filter"]
    pub const fn strict(mut self) -> Self {
        self.flags |= uring_sys::IO_URING_BPF_FILTER_SZ_STRICT;
        self
    }

    /// Registers it, and answers the kernel's size of the opcode's own part of the context.
    fn register(&self, target: Target<'_>) -> io::Result<u8> {
        let mut arg = io_uring_bpf {
            cmd_type: uring_sys::IO_URING_BPF_CMD_FILTER,
            ..Default::default()
        };
        arg.set_filter(io_uring_bpf_filter {
            opcode: self.opcode.into(),
            flags: self.flags,
            filter_len: count(self.program.len())?,
            pdu_size: self.pdu_size,
            filter_ptr: address(self.program),
            ..Default::default()
        });
        let opcode = uring_sys::IORING_REGISTER_BPF_FILTER;
        // SAFETY: the struct is what the operation takes, and names a program of `filter_len` instructions; both
        // are used within the call. The kernel checks the program.
        unsafe { target.with(opcode, &mut arg, 1) }?;
        Ok(arg.filter().pdu_size)
    }
}

impl Submitter<'_> {
    /// Adds a filter to the ring, for ever. Answers how many bytes the opcode's own part of the context has in
    /// this kernel.
    ///
    /// `IORING_REGISTER_BPF_FILTER`, since Linux 7.0.
    ///
    /// # Errors
    ///
    /// `EINVAL`: an older kernel, an opcode that it does not know, or no valid program. `EMSGSIZE`: with
    /// [`strict`](BpfFilter::strict), another size. `EOPNOTSUPP`: not built in.
    pub fn register_bpf_filter(&self, filter: &BpfFilter<'_>) -> io::Result<u8> {
        filter.register(self.target())
    }
}

/// Adds a filter to every ring that the calling thread and its children make from now on, for ever.
///
/// `IORING_REGISTER_BPF_FILTER` without a ring, since Linux 7.0.
///
/// # Errors
///
/// As [`Submitter::register_bpf_filter`]. `EACCES`: the thread has neither `no_new_privs` nor `CAP_SYS_ADMIN`.
pub fn filter_task(filter: &BpfFilter<'_>) -> io::Result<u8> {
    filter.register(Target::Task)
}
