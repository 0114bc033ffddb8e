//! Where things are tried out: rings and files that nobody else has, and what to do with them.
//!
//! All memory that an entry names is static, so that nothing can go wrong with it whatever becomes of the
//! operation.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32};

use uring_sys::*;

use super::Features;

use crate::uring::raw::squeue::Entry;
use crate::uring::raw::types::{CloneBuffersFlags, SubmitArgs, Timespec};
use crate::uring::raw::{IoUring, Submitter, cqueue};

/// A time that has passed by every clock, and as a span is the shortest.
pub(super) static PAST: __kernel_timespec = __kernel_timespec {
    tv_sec: 0,
    tv_nsec: 1,
};

/// What is sent: one byte.
static BYTE: u8 = 0;

/// The same as a list of ranges of memory.
pub(super) static RANGES: Ranges = Ranges([libc::iovec {
    iov_base: (&raw const BYTE).cast_mut().cast(),
    iov_len: 1,
}]);

pub(super) struct Ranges(pub(super) [libc::iovec; 1]);

// SAFETY: it leads to a static byte, which is only read.
unsafe impl Sync for Ranges {}

/// What is received, and what sockets answer.
static ANSWER: [AtomicU8; 128] = [const { AtomicU8::new(0) }; 128];

/// How much an address may take of it.
static ANSWER_LEN: AtomicU32 = AtomicU32::new(128);

/// A buffer group, and a registered buffer, that does not exist.
pub(super) const GROUP: u16 = 7;

/// The address of something static.
pub(super) fn address<T>(of: &'static T) -> u64 {
    ptr::from_ref(of).expose_provenance() as u64
}

/// An entry with an opcode and a descriptor.
pub(super) fn entry(opcode: u8, fd: RawFd) -> io_uring_sqe {
    io_uring_sqe {
        opcode,
        fd,
        ..Default::default()
    }
}

pub(super) struct Bench {
    ring: IoUring,
    /// With large completions, whose work is deferred. Not every kernel has this.
    wide: Option<IoUring<Entry, cqueue::Entry32>>,
    /// An eventfd at 1.
    readable: Option<OwnedFd>,
    /// Two ends of a connection. There is a byte to be read from the first.
    pair: Option<[OwnedFd; 2]>,
    /// Of the Internet's kind, since others know no commands.
    datagram: Option<OwnedFd>,
}

/// The number of a descriptor, or -1. A trial on -1 says that a flag is not there.
fn number(fd: Option<&OwnedFd>) -> RawFd {
    fd.map_or(-1, AsRawFd::as_raw_fd)
}

/// Owns a new descriptor, if there is one.
fn owned(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: called with descriptors that were just made, and that nobody else has.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

impl Bench {
    pub(super) fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun();
        let wide = builder.build(4).ok();
        // SAFETY: the call takes no memory.
        let readable = owned(unsafe { libc::eventfd(1, libc::EFD_CLOEXEC) });
        let datagram = socket(libc::AF_INET, libc::SOCK_DGRAM);
        Ok(Self {
            ring: IoUring::builder().build_explained(4)?,
            wide,
            readable,
            pair: pair(),
            datagram,
        })
    }

    pub(super) fn readable(&self) -> RawFd {
        number(self.readable.as_ref())
    }

    /// The ring for most things.
    pub(super) fn ring(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// The descriptor of that ring.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }

    /// The features of the kernel.
    pub(super) fn features(&self) -> Features {
        Features::from_bits_retain(self.ring.params().0.features)
    }

    /// The ring with large completions and deferred work.
    pub(super) fn wide(&self) -> Option<Submitter<'_>> {
        self.wide.as_ref().map(IoUring::submitter)
    }

    /// What an entry completes with at first. Returns when it has completed for good.
    pub(super) fn run(&mut self, sqe: io_uring_sqe) -> io::Result<i32> {
        run(&mut self.ring, sqe)
    }

    /// The same in the ring with large completions. `EINVAL` if there is none.
    pub(super) fn run_wide(&mut self, sqe: io_uring_sqe) -> io::Result<i32> {
        match &mut self.wide {
            Some(ring) => run(ring, sqe),
            None => Ok(-libc::EINVAL),
        }
    }

    pub(super) fn poll(&self, flags: u32) -> io_uring_sqe {
        let mut sqe = entry(IORING_OP_POLL_ADD, self.readable());
        sqe.set_poll32_events(poll_in());
        sqe.len = flags;
        sqe
    }

    /// Whether a poll stays when its event has come. If so, it is removed.
    pub(super) fn polls_repeatedly(&mut self) -> io::Result<bool> {
        const POLL: u64 = 1;
        let mut poll = self.poll(IORING_POLL_ADD_MULTI);
        poll.user_data = POLL;
        push(&mut self.ring, poll)?;
        let first = next(&mut self.ring)?;
        if first.result() < 0 || !cqueue::more(first.flags()) {
            return Ok(false);
        }
        let mut remove = entry(IORING_OP_POLL_REMOVE, -1);
        remove.set_addr(POLL);
        push(&mut self.ring, remove)?;
        let (mut removed, mut ended) = (false, false);
        while !(removed && ended) {
            let completion = next(&mut self.ring)?;
            match completion.user_data() {
                POLL => ended = !cqueue::more(completion.flags()),
                _ => removed = true,
            }
        }
        Ok(true)
    }

    pub(super) fn send(&self, ioprio: u16, flags: u8) -> io_uring_sqe {
        let end = self.pair.as_ref().map(|pair| &pair[1]);
        transfer(IORING_OP_SEND, end, address(&BYTE), ioprio, flags)
    }

    pub(super) fn receive(&self, ioprio: u16, flags: u8) -> io_uring_sqe {
        let end = self.pair.as_ref().map(|pair| &pair[0]);
        let mut sqe = transfer(IORING_OP_RECV, end, address(&ANSWER), ioprio, flags);
        if flags & IOSQE_BUFFER_SELECT != 0 {
            // The buffer comes from the group.
            sqe.set_addr(0);
            sqe.len = 0;
        }
        sqe
    }

    /// From what is no socket, which is said after flags are looked at.
    pub(super) fn accept(&self, ioprio: u16) -> io_uring_sqe {
        let mut sqe = entry(IORING_OP_ACCEPT, self.readable());
        sqe.ioprio = ioprio;
        sqe
    }

    /// Whether a socket knows a command. One that does not know it says so; one that does may still refuse it.
    pub(super) fn socket_knows(&mut self, command: u32) -> io::Result<bool> {
        let mut of = |command| {
            let mut sqe = entry(IORING_OP_URING_CMD, number(self.datagram.as_ref()));
            sqe.set_cmd_op(command);
            match command {
                SOCKET_URING_OP_GETSOCKOPT | SOCKET_URING_OP_SETSOCKOPT => {
                    sqe.set_level(libc::SOL_SOCKET as u32);
                    sqe.set_optname(libc::SO_REUSEADDR as u32);
                    sqe.set_optval(address(&ANSWER));
                    sqe.set_optlen(4);
                }
                SOCKET_URING_OP_GETSOCKNAME => {
                    sqe.set_addr(address(&ANSWER));
                    sqe.set_addr3(address(&ANSWER_LEN));
                }
                _ => {}
            }
            run(&mut self.ring, sqe)
        };
        // The first command came with the commands: where it fails, refusals mean nothing.
        Ok(of(SOCKET_URING_OP_SIOCINQ)? == 0 && of(command)? != -libc::EOPNOTSUPP)
    }

    /// Whether a registration is accepted, or refused as unknown.
    pub(super) fn accepted(
        &self,
        register: impl FnOnce(Submitter<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        match register(self.ring.submitter()) {
            Ok(()) => Ok(true),
            Err(error) => match error.raw_os_error() {
                Some(libc::EINVAL | libc::EOPNOTSUPP) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Whether a buffer ring can be registered so.
    pub(super) fn buf_ring(&self, flags: u16, min_left: u32) -> io::Result<bool> {
        self.accepted(|ring| {
            // SAFETY: the kernel allocates the ring, in which there are no buffers.
            unsafe { ring.register_buf_ring_min_left(0, 2, GROUP, flags, min_left) }?;
            ring.unregister_buf_ring(GROUP)
        })
    }

    /// Whether a flag for cloning buffers is known. There is nothing to clone, which is said after flags are
    /// looked at.
    pub(super) fn clone_flag(&self, flag: CloneBuffersFlags) -> io::Result<bool> {
        self.accepted(|ring| {
            let nowhere = if flag == CloneBuffersFlags::SRC_REGISTERED {
                LAST_RING_SLOT
            } else {
                -1
            };
            match ring.register_buffers_clone_offset(nowhere, 0, 0, 0, flag) {
                // Somebody has a ring with buffers there. They are ours now too, and are given up.
                Ok(()) => ring.unregister_buffers(),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EBADF | libc::ENXIO) => Ok(()),
                    _ => Err(error),
                },
            }
        })
    }
}

/// The place for a registered ring that is taken last.
const LAST_RING_SLOT: RawFd = 15;

const fn poll_in() -> u32 {
    let events = libc::POLLIN as u32;
    // The kernel takes the two halves in its own order.
    if cfg!(target_endian = "big") {
        events.rotate_left(16)
    } else {
        events
    }
}

fn transfer(
    opcode: u8,
    socket: Option<&OwnedFd>,
    memory: u64,
    ioprio: u16,
    flags: u8,
) -> io_uring_sqe {
    let mut sqe = entry(opcode, number(socket));
    sqe.ioprio = ioprio;
    sqe.flags = flags;
    sqe.set_addr(memory);
    sqe.len = 1;
    sqe.set_msg_flags((libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as u32);
    sqe.set_buf_group(if flags & IOSQE_BUFFER_SELECT != 0 {
        GROUP
    } else {
        0
    });
    sqe
}

fn socket(family: i32, kind: i32) -> Option<OwnedFd> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the call takes no memory.
    owned(unsafe { libc::socket(family, kind | flags, 0) })
}

fn pair() -> Option<[OwnedFd; 2]> {
    let (near, mut far) = std::os::unix::net::UnixStream::pair().ok()?;
    io::Write::write_all(&mut far, &[0]).ok()?;
    Some([near.into(), far.into()])
}

fn push<C: cqueue::EntryMarker>(ring: &mut IoUring<Entry, C>, sqe: io_uring_sqe) -> io::Result<()> {
    // SAFETY: the memory that entries name here is static.
    unsafe { ring.submission().push(&Entry(sqe)) }
        .map_err(|_| io::Error::from_raw_os_error(libc::EBUSY))
}

/// The longest to wait for a trial. All complete at once; this is for a kernel that thinks otherwise.
const PATIENCE: Timespec = Timespec::new().sec(10);

/// Submits what was pushed, and waits for the next completion.
fn next<C: cqueue::EntryMarker>(ring: &mut IoUring<Entry, C>) -> io::Result<cqueue::Entry> {
    loop {
        let result = if ring.params().is_feature_ext_arg() {
            let patience = SubmitArgs::new().timespec(&PATIENCE);
            ring.submitter().submit_with_args(1, &patience)
        } else {
            ring.submit_and_wait(1)
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        if let Some(completion) = ring.completion().next() {
            return Ok(completion.into());
        }
    }
}

fn run<C: cqueue::EntryMarker>(ring: &mut IoUring<Entry, C>, sqe: io_uring_sqe) -> io::Result<i32> {
    push(ring, sqe)?;
    let first = next(ring)?;
    let mut last = first.clone();
    while cqueue::more(last.flags()) {
        last = next(ring)?;
    }
    Ok(first.result())
}
