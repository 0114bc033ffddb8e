//! A ring with one group of provided buffers.

use std::io;

use safe::uring::raw::buf_ring::{self, BufRing, Builder, Ledger, Piece};
use safe::uring::raw::cqueue;
use uring_sys::IOSQE_BUFFER_SELECT;

use super::Typed;
use crate::case::{Run, Stop, pass};
use crate::ring::Cqe;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

/// The group of all these cases.
pub const GROUP: u16 = 7;

/// A ring with a group of buffers of `each` bytes, the first `bid` of which begins at `bid * each` in the pool.
#[derive(Debug)]
pub struct Lent {
    /// The io_uring.
    pub ring: Typed,
    /// The buffer ring.
    pub bufs: BufRing,
    /// What is known of the buffers in it.
    pub ledger: Ledger,
    pool: Mem,
    each: u32,
}

impl Lent {
    /// A group of `entries` slots, none of them filled. `how` adds to the registration.
    pub fn new(entries: u32, each: u32, how: impl FnOnce(Builder) -> Builder) -> io::Result<Lent> {
        let ring = Typed::new()?;
        let builder = how(BufRing::builder(entries, GROUP));
        let bufs = builder.register(&ring.submitter()).map_err(os_error)?;
        let ledger = Ledger::of(&bufs);
        let pool = Mem::zeroed((2 * entries * each) as usize);
        Ok(Lent {
            ring,
            bufs,
            ledger,
            pool,
            each,
        })
    }

    /// Gives these buffers to the kernel.
    #[track_caller]
    pub fn give(&mut self, bids: impl IntoIterator<Item = u16>) -> Run {
        for bid in bids {
            self.ledger.pushed(bid, self.each)?;
            let buffer = self.buffer(bid);
            // SAFETY: the pool is never given back, and all access to it is atomic. A slot is free, as the ledger says.
            unsafe { self.bufs.push(buffer.as_ptr(), buffer.len(), bid) };
        }
        self.bufs.publish();
        pass()
    }

    /// The memory of a buffer.
    pub fn buffer(&self, bid: u16) -> Mem {
        let each = self.each as usize;
        self.pool.part(usize::from(bid) * each, each)
    }

    /// Runs an operation that takes a buffer of the group, and answers its completion.
    #[track_caller]
    pub fn run(&mut self, op: Op) -> Result<Cqe, Stop> {
        self.ring.run(selecting(op))
    }

    /// What a completion has filled, and the bytes.
    #[track_caller]
    pub fn filled(&mut self, cqe: &Cqe) -> Result<(Vec<Piece>, Vec<u8>), Stop> {
        ensure!(cqe.res >= 0, "result: {}", Res(cqe.res));
        let Some(bid) = bid(cqe) else {
            return Err(Stop::failed("the completion names no buffer"));
        };
        let more = cqueue::buffer_more(cqe.flags);
        let pieces: Vec<Piece> = self.ledger.completed(bid, cqe.res as u32, more)?.collect();
        let mut data = Vec::new();
        for piece in &pieces {
            let filled = self.buffer(piece.bid);
            data.extend(filled.part(piece.offset as usize, piece.len as usize).get());
        }
        Ok((pieces, data))
    }

    /// The next completion must fill just this, with these bytes.
    #[track_caller]
    pub fn fills(&mut self, expected: &[Piece], bytes: &[u8]) -> Result<Cqe, Stop> {
        let cqe = self.ring.wait()?;
        let (pieces, data) = self.filled(&cqe)?;
        ensure_eq!(pieces, expected, "what a completion filled");
        ensure!(data == bytes, "other bytes than were sent");
        Ok(cqe)
    }

    /// How many buffers the kernel has used up.
    #[track_caller]
    pub fn head(&self) -> Result<u16, Stop> {
        Ok(self.bufs.consumed(&self.ring.submitter())?)
    }
}

/// The operation with a buffer of the group.
pub fn selecting(op: Op) -> Op {
    op.with(IOSQE_BUFFER_SELECT).buf(GROUP)
}

/// The buffer that a completion names.
pub fn bid(cqe: &Cqe) -> Option<u16> {
    cqueue::buffer_select(cqe.flags)
}

/// A piece, in short.
pub const fn piece(bid: u16, offset: u32, len: u32, last: bool) -> Piece {
    Piece {
        bid,
        offset,
        len,
        last,
    }
}

/// The kernel's errno, of an error that says more.
pub fn os_error(error: buf_ring::Error) -> io::Error {
    use buf_ring::Error::{GroupInUse, Memory, Register, Unsupported};
    match error {
        Unsupported(_) => io::Error::from_raw_os_error(libc::EINVAL),
        GroupInUse(_) => io::Error::from_raw_os_error(libc::EEXIST),
        Memory(error) | Register(error) => error,
        other => io::Error::other(other),
    }
}
