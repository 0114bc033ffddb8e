//! A ring with one buffer group, for tests of provided buffers.

use std::os::fd::AsRawFd;
use std::time::Duration;

use safe::uring::raw::buf_ring::{BufRing, Builder, Ledger, Piece};
use safe::uring::raw::types::{SubmitArgs, Timespec};
use safe::uring::raw::{IoUring, cqueue, opcode, squeue};
use uring_sys::io_uring_sqe;

/// The group of all these tests.
pub(crate) const GROUP: u16 = 7;

/// How long to wait for what must come. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A ring with a group of buffers of `each` bytes.
pub(crate) struct Fixture {
    pub(crate) uring: IoUring,
    pub(crate) bufs: BufRing,
    pub(crate) ledger: Ledger,
    /// Buffer `bid` begins at `bid * each`. Never freed: requests may outlive the ring.
    memory: *mut u8,
    each: u32,
}

/// What a completion says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) result: i32,
    pub(crate) buffer: Option<u16>,
    pub(crate) more: bool,
    pub(crate) buffer_more: bool,
}

impl Fixture {
    /// `how` adds to the registration.
    pub(crate) fn new(entries: u32, each: u32, how: impl FnOnce(Builder) -> Builder) -> Self {
        let uring = IoUring::new(64).expect("a ring");
        let bufs = how(BufRing::builder(entries, GROUP))
            .register(&uring.submitter())
            .expect("a buffer ring");
        let memory = vec![0u8; 256 * each as usize].leak().as_mut_ptr();
        Self {
            uring,
            ledger: Ledger::of(&bufs),
            bufs,
            memory,
            each,
        }
    }

    /// Pushes these buffers, and publishes them.
    pub(crate) fn give(&mut self, bids: impl IntoIterator<Item = u16>) {
        for bid in bids {
            self.ledger.pushed(bid, self.each).expect("a free slot");
            let at = self
                .memory
                .wrapping_add(usize::from(bid) * self.each as usize);
            // SAFETY: the buffer is leaked, and read only where a completion has said that it is filled. A
            // slot is free, as the ledger says.
            unsafe { self.bufs.push(at, self.each, bid) };
        }
        self.bufs.publish();
    }

    /// Submits an operation that takes its buffers from the group.
    pub(crate) fn start(
        &mut self,
        opcode: u8,
        fd: &impl AsRawFd,
        set: impl FnOnce(&mut io_uring_sqe),
    ) {
        let entry = selecting(opcode, fd, set);
        // SAFETY: the entry names no memory but by the group.
        unsafe { self.uring.submission().push(&entry) }.expect("room");
        self.uring.submit().expect("submitted");
    }

    /// Submits a receive that goes on.
    pub(crate) fn receive(&mut self, socket: &impl AsRawFd, flags: u16) {
        self.start(uring_sys::IORING_OP_RECV, socket, |sqe| {
            sqe.ioprio = uring_sys::IORING_RECV_MULTISHOT | flags;
        });
    }

    /// The next completion.
    pub(crate) fn next(&mut self) -> Done {
        let patience = Timespec::new().sec(PATIENCE.as_secs());
        let args = SubmitArgs::new().timespec(&patience);
        self.uring
            .submitter()
            .submit_with_args(1, &args)
            .expect("a completion comes");
        let cqe = self.uring.completion().next().expect("a completion");
        Done {
            result: cqe.result(),
            buffer: cqueue::buffer_select(cqe.flags()),
            more: cqueue::more(cqe.flags()),
            buffer_more: cqueue::buffer_more(cqe.flags()),
        }
    }

    /// What the next completion has filled, and the bytes.
    pub(crate) fn filled(&mut self) -> (Vec<Piece>, Vec<u8>) {
        let done = self.next();
        self.pieces(&done)
    }

    /// What this completion has filled, and the bytes.
    pub(crate) fn pieces(&mut self, done: &Done) -> (Vec<Piece>, Vec<u8>) {
        let bytes = u32::try_from(done.result).expect("no error");
        let bid = done.buffer.expect("a buffer");
        let noted = self.ledger.completed(bid, bytes, done.buffer_more);
        let pieces = noted.expect("it fits what was pushed").collect();
        self.with_data(pieces)
    }

    /// These pieces, and the bytes in them.
    pub(crate) fn with_data(&self, pieces: Vec<Piece>) -> (Vec<Piece>, Vec<u8>) {
        let mut data = Vec::new();
        for piece in &pieces {
            let offset = usize::from(piece.bid) * self.each as usize + piece.offset as usize;
            let at = self.memory.wrapping_add(offset);
            // SAFETY: the kernel has filled these bytes, and does not write them any more.
            data.extend_from_slice(unsafe { std::slice::from_raw_parts(at, piece.len as usize) });
        }
        (pieces, data)
    }

    /// How many buffers the kernel has used up, and how many are left to it.
    pub(crate) fn head_and_available(&self) -> (u16, u16) {
        let ring = self.uring.submitter();
        (
            self.bufs.consumed(&ring).expect("a head"),
            self.bufs.available(&ring).expect("a number"),
        )
    }
}

/// An entry that takes its buffer from the group.
pub(crate) fn selecting(
    opcode: u8,
    fd: &impl AsRawFd,
    set: impl FnOnce(&mut io_uring_sqe),
) -> squeue::Entry {
    let mut entry = opcode::Nop::new()
        .build()
        .flags(squeue::Flags::BUFFER_SELECT);
    let sqe = entry.as_raw_mut();
    sqe.opcode = opcode;
    sqe.fd = fd.as_raw_fd();
    sqe.set_buf_group(GROUP);
    set(sqe);
    entry
}

/// A piece, in short.
pub(crate) fn piece(bid: u16, offset: u32, len: u32, last: bool) -> Piece {
    Piece {
        bid,
        offset,
        len,
        last,
    }
}

/// `len` bytes, none of which is zero, that differ from those of another `seed`.
pub(crate) fn message(seed: usize, len: usize) -> Vec<u8> {
    (0..len)
        .map(|n| ((seed * 31 + n) % 251 + 1) as u8)
        .collect()
}
