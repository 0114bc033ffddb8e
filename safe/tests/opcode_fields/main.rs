//! What each builder writes: the whole entry, field by field, at the offsets of `struct
//! io_uring_sqe`.
//!
//! The expected bytes are put together here by offset, without the accessors of `uring_sys`, and
//! all that is not named is zero.

#![cfg(feature = "uring")]

mod files;
mod others;
mod sockets;

use std::collections::BTreeSet;

use safe::uring::raw::opcode;
use safe::uring::raw::squeue::{Entry, Entry128};

/// An entry as the kernel will see it.
#[derive(Debug, PartialEq, Eq)]
struct Sqe(Vec<u8>);

impl Sqe {
    /// All zeros but for the opcode.
    fn new(code: u8) -> Self {
        let mut bytes = vec![0; 64];
        bytes[0] = code;
        Sqe(bytes)
    }

    fn put<const N: usize>(mut self, offset: usize, bytes: [u8; N]) -> Self {
        self.0[offset..offset + N].copy_from_slice(&bytes);
        self
    }

    fn flags(self, value: u8) -> Self {
        self.put(1, [value])
    }

    fn ioprio(self, value: u16) -> Self {
        self.put(2, value.to_ne_bytes())
    }

    fn fd(self, value: i32) -> Self {
        self.put(4, value.to_ne_bytes())
    }

    /// `off`, `addr2`.
    fn off(self, value: u64) -> Self {
        self.put(8, value.to_ne_bytes())
    }

    fn cmd_op(self, value: u32) -> Self {
        self.put(8, value.to_ne_bytes())
    }

    fn addr(self, value: u64) -> Self {
        self.put(16, value.to_ne_bytes())
    }

    fn level(self, level: u32, optname: u32) -> Self {
        self.put(16, level.to_ne_bytes())
            .put(20, optname.to_ne_bytes())
    }

    fn len(self, value: u32) -> Self {
        self.put(24, value.to_ne_bytes())
    }

    /// `rw_flags` and all that lies over it.
    fn op_flags(self, value: u32) -> Self {
        self.put(28, value.to_ne_bytes())
    }

    /// The lower half of the mask comes first in memory, whatever the byte order.
    fn poll_events(self, low: u16, high: u16) -> Self {
        self.put(28, low.to_ne_bytes()).put(30, high.to_ne_bytes())
    }

    /// `buf_index`, `buf_group`.
    fn buf(self, value: u16) -> Self {
        self.put(40, value.to_ne_bytes())
    }

    /// `file_index`, `splice_fd_in`, `zcrx_ifq_idx`, `optlen`.
    fn file_index(self, value: u32) -> Self {
        self.put(44, value.to_ne_bytes())
    }

    fn addr_len(self, value: u16) -> Self {
        self.put(44, value.to_ne_bytes())
    }

    fn write_stream(self, value: u8) -> Self {
        self.put(44, [value])
    }

    /// `addr3`, `optval`, `attr_ptr`.
    fn addr3(self, value: u64) -> Self {
        self.put(48, value.to_ne_bytes())
    }

    fn attr_type_mask(self, value: u64) -> Self {
        self.put(56, value.to_ne_bytes())
    }

    /// Twice as long, the second half zeros.
    fn large(mut self) -> Self {
        self.0.resize(128, 0);
        self
    }
}

impl From<Entry> for Sqe {
    fn from(entry: Entry) -> Self {
        Sqe(bytes(&entry))
    }
}

impl From<Entry128> for Sqe {
    fn from(entry: Entry128) -> Self {
        Sqe(bytes(&entry))
    }
}

trait Plain {}
impl Plain for Entry {}
impl Plain for Entry128 {}

fn bytes<E: Plain>(entry: &E) -> Vec<u8> {
    // SAFETY: both entry types consist of an `io_uring_sqe`, which is `repr(C)` without padding,
    // and of bytes, so each byte is initialised; the reference keeps them alive and unchanged.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(entry).cast::<u8>(), size_of::<E>()) }
        .to_vec()
}

/// What was built and what it ought to be.
struct Case {
    line: u32,
    built: Sqe,
    expected: Sqe,
}

#[track_caller]
fn case(built: impl Into<Sqe>, expected: Sqe) -> Case {
    let line = std::panic::Location::caller().line();
    Case {
        line,
        built: built.into(),
        expected,
    }
}

fn check(area: &str, cases: &[Case]) {
    for Case {
        line,
        built,
        expected,
    } in cases
    {
        assert_eq!(built, expected, "{area}.rs, line {line}");
    }
}

#[test]
fn files_are_right() {
    check("files", &files::cases());
}

#[test]
fn sockets_are_right() {
    check("sockets", &sockets::cases());
}

#[test]
fn others_are_right() {
    check("others", &others::cases());
}

/// Every opcode of the bindings, by its name.
macro_rules! opcodes {
    ($($name:ident)+) => { [$((stringify!($name), uring_sys::$name)),+] };
}

const OPCODES: [(&str, u8); uring_sys::IORING_OP_LAST as usize] = opcodes! {
    IORING_OP_NOP IORING_OP_READV IORING_OP_WRITEV IORING_OP_FSYNC IORING_OP_READ_FIXED
    IORING_OP_WRITE_FIXED IORING_OP_POLL_ADD IORING_OP_POLL_REMOVE IORING_OP_SYNC_FILE_RANGE
    IORING_OP_SENDMSG IORING_OP_RECVMSG IORING_OP_TIMEOUT IORING_OP_TIMEOUT_REMOVE IORING_OP_ACCEPT
    IORING_OP_ASYNC_CANCEL IORING_OP_LINK_TIMEOUT IORING_OP_CONNECT IORING_OP_FALLOCATE
    IORING_OP_OPENAT IORING_OP_CLOSE IORING_OP_FILES_UPDATE IORING_OP_STATX IORING_OP_READ
    IORING_OP_WRITE IORING_OP_FADVISE IORING_OP_MADVISE IORING_OP_SEND IORING_OP_RECV
    IORING_OP_OPENAT2 IORING_OP_EPOLL_CTL IORING_OP_SPLICE IORING_OP_PROVIDE_BUFFERS
    IORING_OP_REMOVE_BUFFERS IORING_OP_TEE IORING_OP_SHUTDOWN IORING_OP_RENAMEAT IORING_OP_UNLINKAT
    IORING_OP_MKDIRAT IORING_OP_SYMLINKAT IORING_OP_LINKAT IORING_OP_MSG_RING IORING_OP_FSETXATTR
    IORING_OP_SETXATTR IORING_OP_FGETXATTR IORING_OP_GETXATTR IORING_OP_SOCKET IORING_OP_URING_CMD
    IORING_OP_SEND_ZC IORING_OP_SENDMSG_ZC IORING_OP_READ_MULTISHOT IORING_OP_WAITID
    IORING_OP_FUTEX_WAIT IORING_OP_FUTEX_WAKE IORING_OP_FUTEX_WAITV IORING_OP_FIXED_FD_INSTALL
    IORING_OP_FTRUNCATE IORING_OP_BIND IORING_OP_LISTEN IORING_OP_RECV_ZC IORING_OP_EPOLL_WAIT
    IORING_OP_READV_FIXED IORING_OP_WRITEV_FIXED IORING_OP_PIPE IORING_OP_NOP128
    IORING_OP_URING_CMD128
};

#[test]
fn every_opcode_has_a_builder() {
    let built: BTreeSet<u8> = [files::cases(), sockets::cases(), others::cases()]
        .iter()
        .flatten()
        .map(|case| case.built.0[0])
        .collect();
    let known: BTreeSet<u8> = OPCODES.iter().map(|&(_, code)| code).collect();
    assert_eq!(known, (0..uring_sys::IORING_OP_LAST).collect());
    assert_eq!(built, known);
}

#[test]
fn names_are_those_of_the_bindings() {
    for (name, code) in OPCODES {
        assert_eq!(opcode::name(code), name.strip_prefix("IORING_OP_"));
    }
    assert_eq!(opcode::name(uring_sys::IORING_OP_LAST), None);
}

#[test]
fn an_entry_shows_what_it_is() {
    use safe::uring::raw::{squeue::Flags, types::Fd};

    let entry = opcode::Ftruncate::new(Fd(3), 4)
        .build()
        .user_data(7)
        .flags(Flags::IO_LINK);
    let shown = "Entry { opcode: FTRUNCATE, fd: 3, user_data: 7, flags: Flags(IO_LINK), .. }";
    assert_eq!(format!("{entry:?}"), shown);
    assert_eq!(
        format!("{:?}", Entry128::from(entry)),
        shown.replace("Entry", "Entry128")
    );

    let mut unknown = opcode::Nop::new().build();
    unknown.as_raw_mut().opcode = 255;
    assert_eq!(
        format!("{unknown:?}"),
        "Entry { opcode: 255, fd: -1, user_data: 0, flags: Flags(0x0), .. }"
    );
}
