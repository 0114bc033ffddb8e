//! Readiness of files.

use super::{Answered, Cqe, Entry, Error, Multishot, Operation};
use crate::uring::RingId;
use crate::uring::Token;
use crate::uring::handle::Handle;
use crate::uring::raw::opcode;
use crate::uring::raw::types::PollFlags;

/// Waits until a file is ready, as poll(2) does, and gives what it is ready for. Since Linux 5.1.
///
/// Errors and hang-up ([`PollFlags::ERR`], [`PollFlags::HUP`]) are reported unasked. `EBADF` for what is not open.
#[derive(Debug)]
pub struct Poll<F> {
    file: F,
    events: PollFlags,
}

impl<F: Handle> Poll<F> {
    /// The file, and what to wait for.
    #[inline]
    pub fn new(file: F, events: PollFlags) -> Self {
        Self { file, events }
    }
}

/// What the kernel answers: a mask, or an error.
#[inline]
fn readiness(cqe: Cqe) -> Result<PollFlags, Error> {
    Error::check(opcode::PollAdd::CODE, cqe.result).map(PollFlags::from_bits_retain)
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Operation for Poll<F> {
    const OPCODE: u8 = opcode::PollAdd::CODE;

    type Output = Answered<F, PollFlags>;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::PollAdd::events(self.file.target(), self.events).build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Answered {
            result: readiness(cqe),
            file: self.file,
        }
    }
}

/// As [`Poll`], again and again. Since Linux 5.13.
///
/// Each item is what the file has become ready for; a file that stays ready without anything new gives none. It
/// ends with an error, `ECANCELED` if it was cancelled; or, without one, when the kernel gave up because
/// completions came faster than they were taken.
#[derive(Debug)]
pub struct PollMultishot<F> {
    file: F,
    events: PollFlags,
}

impl<F: Handle> PollMultishot<F> {
    /// The file, and what to wait for.
    #[inline]
    pub fn new(file: F, events: PollFlags) -> Self {
        Self { file, events }
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Handle> Multishot for PollMultishot<F> {
    const OPCODE: u8 = opcode::PollAdd::CODE;

    type Item = Result<PollFlags, Error>;

    type Rest = F;

    #[inline]
    fn fits(&self, ring: RingId) -> bool {
        self.file.fits(ring)
    }

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::PollAdd::events(self.file.target(), self.events)
            .multi(true)
            .build();
    }

    #[inline]
    unsafe fn item(_: *mut Self, cqe: Cqe) -> Self::Item {
        readiness(cqe)
    }

    fn rest(self) -> F {
        self.file
    }
}

/// Changes what a [`Poll`] or [`PollMultishot`] in flight waits for. Since Linux 5.13.
///
/// `ENOENT` if there is no such poll, `EALREADY` if it is just completing. If the file is ready for the new
/// events, the poll completes at once.
#[derive(Debug)]
pub struct PollUpdate {
    poll: Token,
    events: PollFlags,
}

impl PollUpdate {
    /// Which poll, and what it shall wait for.
    #[inline]
    pub fn new(poll: Token, events: PollFlags) -> Self {
        Self { poll, events }
    }
}

// SAFETY: the entry names no memory, and leaves the user data of the poll alone.
unsafe impl Operation for PollUpdate {
    const OPCODE: u8 = opcode::PollUpdate::CODE;

    type Output = Result<(), Error>;

    #[inline]
    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::PollUpdate::new(self.poll.0.0)
            .events(self.events, false)
            .build();
    }

    #[inline]
    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        Error::check(Self::OPCODE, cqe.result).map(drop)
    }
}
