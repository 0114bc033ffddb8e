//! Which buffers a completion has filled.
//!
//! A CQE names one buffer. A bundle (`IORING_RECVSEND_BUNDLE`) fills those that follow it in the ring too,
//! and in a ring of [`incremental`](super::Builder::incremental) use a buffer is filled piece by piece: what
//! a CQE means depends on what was pushed and what came before. The ring itself cannot be asked, for the
//! kernel writes to it and keeps its own index. So this keeps a list.
//!
//! # When a buffer of incremental use is the application's again
//!
//! `IORING_CQE_F_BUF_MORE` says that the kernel goes on using a buffer. That it is *not* set says nothing: 6.18.15
//! leaves it out for bundles and for reads of files, 6.16.12 for these, 6.19.14 for those.
//! So lengths decide:
//!
//! 1. A buffer that is used to its end, or of which less than `min_left` is left, is the application's.
//! 2. Any other stays the kernel's, whatever flag is missing. If the flag is missing it is *in doubt*.
//! 3. A buffer in doubt is the application's when the kernel's own count says that it has used it up:
//!    [`Ledger::used_up`].
//!
//! What is used is mostly what is filled. But where the kernel cannot wait for data by polling (files), and in
//! workers (`IOSQE_ASYNC`), it uses as much as was *asked* for when it picks the buffer: a read of 64 bytes that
//! finds 30 leaves a hole of 34. [`Ledger::completed_as_asked`] is for those.
//!
//! # What it cannot know
//!
//! On some kernels (6.18.15, 6.19.14; not 6.12.117, 6.16.12, 6.18.44 and 7.0.13) a bundle with a length that finds no data
//! (`EAGAIN` by `MSG_DONTWAIT`) leaves that length in the buffer, which is shorter then than it was pushed. No
//! buffer is given back early by that, but what follows is taken for lying elsewhere. Give such bundles no
//! length.

use std::fmt::{self, Display, Formatter};

use super::BufRing;

/// The buffers in a ring, in its order, and how much of each has been filled.
///
/// It is told of each buffer that goes into the ring ([`pushed`](Self::pushed)) and of each CQE that names
/// one ([`completed`](Self::completed)), and answers which bytes of which buffers that CQE is about. CQEs of
/// one ring may come in another order than that of their buffers.
///
/// ```
/// use safe::uring::raw::buf_ring::{Ledger, Piece};
///
/// let mut ledger = Ledger::new(8);
/// for bid in [5, 3, 9] {
///     ledger.pushed(bid, 1000)?;
/// }
/// // A bundle of 1500 bytes that begins in buffer 5 fills it, and half of the next in the ring.
/// let pieces: Vec<Piece> = ledger.completed(5, 1500, false)?.collect();
/// assert_eq!(pieces[0], Piece { bid: 5, offset: 0, len: 1000, last: true });
/// assert_eq!(pieces[1], Piece { bid: 3, offset: 0, len: 500, last: true });
/// assert_eq!(ledger.len(), 1);
/// # Ok::<(), safe::uring::raw::buf_ring::LedgerError>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    /// As many as the ring has, or more.
    slots: Box<[Slot]>,
    /// The position of the oldest buffer. Positions only grow, and wrap.
    oldest: u32,
    /// The position of the next to be pushed.
    next: u32,
    /// How many of those between are in the ring.
    live: u32,
    /// Buffers are used piece by piece, while at least this much is left; at least 1.
    least: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    bid: u16,
    live: bool,
    len: u32,
    /// How many of the bytes are used: filled, or passed over.
    used: u32,
    /// Its last CQE did not say that the kernel goes on, though some of it is left.
    in_doubt: bool,
}

/// Some bytes of a buffer that a completion has filled (or, for a send, taken).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The id of the buffer.
    pub bid: u16,
    /// Where the bytes begin in the buffer.
    pub offset: u32,
    /// The number of bytes.
    pub len: u32,
    /// Whether the buffer is the application's again. If not, the kernel may go on behind these bytes.
    pub last: bool,
}

/// What [`Ledger::pushed`] or [`Ledger::completed`] was told cannot be. The ledger is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerError {
    /// All slots of the ring hold buffers.
    Full,
    /// No buffer of this id is in the ring.
    UnknownBuffer(u16),
    /// The completion has this many bytes more than fit the buffers from the named one on.
    TooManyBytes(u32),
    /// The completion says that some of its last buffer is left, but it is full.
    NothingLeft(u16),
}

impl Display for LedgerError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "all slots of the buffer ring hold buffers"),
            Self::UnknownBuffer(bid) => write!(f, "buffer {bid} is not in the buffer ring"),
            Self::TooManyBytes(n) => write!(f, "{n} bytes more than the buffers have room for"),
            Self::NothingLeft(bid) => {
                write!(f, "buffer {bid} is full, yet some of it should be left")
            }
        }
    }
}

impl std::error::Error for LedgerError {}

impl Ledger {
    /// The ledger of an empty ring of `entries` slots, whose buffers are used once.
    pub fn new(entries: u32) -> Self {
        Self::with(entries, None)
    }

    /// The ledger of an empty ring of `entries` slots of incremental use. `min_left` is what the ring was
    /// registered with, or 0.
    pub fn incremental(entries: u32, min_left: u32) -> Self {
        Self::with(entries, Some(min_left.max(1)))
    }

    /// The ledger of this ring, which is still empty.
    pub fn of(ring: &BufRing) -> Self {
        if ring.is_incremental() {
            Self::incremental(ring.entries(), ring.min_left())
        } else {
            Self::new(ring.entries())
        }
    }

    fn with(entries: u32, least: Option<u32>) -> Self {
        let slots = (entries as usize).next_power_of_two();
        Self {
            slots: vec![Slot::default(); slots].into_boxed_slice(),
            oldest: 0,
            next: 0,
            live: 0,
            least,
        }
    }

    /// The number of buffers in the ring.
    pub fn len(&self) -> u32 {
        self.live
    }

    /// Whether no buffer is in the ring.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Whether the next [`pushed`](Self::pushed) would fail: each slot since that of the oldest buffer is
    /// taken.
    pub fn is_full(&self) -> bool {
        self.next.wrapping_sub(self.oldest) as usize == self.slots.len()
    }

    /// Notes that a buffer has gone into the ring.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Full`]: the slot may hold a buffer that the kernel has not picked. Ask before
    /// [`BufRing::push`](super::BufRing::push).
    pub fn pushed(&mut self, bid: u16, len: u32) -> Result<(), LedgerError> {
        if self.is_full() {
            return Err(LedgerError::Full);
        }
        let position = self.next;
        *self.slot_mut(position) = Slot {
            bid,
            live: true,
            len,
            ..Slot::default()
        };
        self.next = self.next.wrapping_add(1);
        self.live += 1;
        Ok(())
    }

    /// Notes a CQE, and answers what it has filled, in order: at least one piece, which is empty if `bytes`
    /// is 0.
    ///
    /// `bid` is the id in its flags (`IORING_CQE_BUFFER_SHIFT`), `bytes` its result, or 0 for an errno, `more`
    /// whether it has `IORING_CQE_F_BUF_MORE`. A CQE without `IORING_CQE_F_BUFFER` is about no buffer: do not
    /// note it.
    ///
    /// # Errors
    ///
    /// What the CQE says does not fit what is in the ring. This does not come from a kernel; it means that
    /// the ledger was not told of each push and each CQE.
    pub fn completed(
        &mut self,
        bid: u16,
        bytes: u32,
        more: bool,
    ) -> Result<Pieces<'_>, LedgerError> {
        let first = self.find(bid)?;
        let (last, end) = self.extent(first, bytes)?;
        if more && end == self.slot(last).len {
            return Err(LedgerError::NothingLeft(self.slot(last).bid));
        }
        Ok(self.note(first, last, end, bytes, more))
    }

    /// As [`completed`](Self::completed), for a request that uses as much of a buffer as it `asked` for (0: all
    /// that is left), however much it fills: a read of a file that cannot be polled, or any request with
    /// `IOSQE_ASYNC`. Not for bundles.
    ///
    /// In a ring of incremental use such requests are to be made one at a time: if several have a piece of one
    /// buffer, no CQE says which. The buffer is not given back early even then, but pieces may be taken one for
    /// the other.
    ///
    /// # Errors
    ///
    /// As there. [`LedgerError::TooManyBytes`] also for more than was asked for.
    pub fn completed_as_asked(
        &mut self,
        bid: u16,
        asked: u32,
        bytes: u32,
        more: bool,
    ) -> Result<Pieces<'_>, LedgerError> {
        let position = self.find(bid)?;
        let slot = self.slot(position);
        let room = slot.len - slot.used;
        let used = if asked == 0 { room } else { asked.min(room) };
        if bytes > used {
            return Err(LedgerError::TooManyBytes(bytes - used));
        }
        Ok(self.note(position, position, slot.used + used, bytes, more))
    }

    /// Whether there are buffers of which a CQE has left some, without saying that the kernel goes on. It may
    /// or may not; see [`used_up`](Self::used_up).
    pub fn is_in_doubt(&self) -> bool {
        self.positions()
            .any(|position| self.slot(position).live && self.slot(position).in_doubt)
    }

    /// Notes how many buffers the kernel has used up ([`BufRing::consumed`]), and answers the ids of those
    /// [in doubt](Self::is_in_doubt) that are the application's now.
    ///
    /// Ask the kernel when no request of the group is in flight for which
    /// [`completed_as_asked`](Self::completed_as_asked) is right: it may have a piece of a buffer that is used up.
    pub fn used_up(&mut self, consumed: u16) -> impl Iterator<Item = u16> + use<> {
        let oldest = self.oldest;
        // The kernel is in or behind what is between; a count from before that is old and says nothing.
        let passed = u32::from(consumed.wrapping_sub(oldest as u16));
        let passed = if passed > self.next.wrapping_sub(oldest) {
            0
        } else {
            passed
        };
        let mut done = Vec::new();
        for position in (0..passed).map(|n| oldest.wrapping_add(n)) {
            let slot = self.slot_mut(position);
            if slot.live && slot.in_doubt {
                slot.live = false;
                done.push(slot.bid);
            }
        }
        self.live -= done.len() as u32;
        self.forget_the_oldest();
        done.into_iter()
    }

    /// Takes all buffers out, oldest first, and answers their ids: what remains when the ring has been
    /// unregistered, and none of its requests runs any more.
    pub fn drain(&mut self) -> impl Iterator<Item = u16> + '_ {
        let positions = self.positions();
        self.oldest = self.next;
        self.live = 0;
        positions.filter_map(|position| {
            let slot = self.slot_mut(position);
            std::mem::take(&mut slot.live).then_some(slot.bid)
        })
    }

    /// The oldest buffer in the ring with this id.
    fn find(&self, bid: u16) -> Result<u32, LedgerError> {
        self.positions()
            .find(|&position| self.slot(position).live && self.slot(position).bid == bid)
            .ok_or(LedgerError::UnknownBuffer(bid))
    }

    /// Notes that all from what is left of the buffer at `first` to `end` in the one at `last` is used, and `bytes`
    /// of it filled.
    fn note(&mut self, first: u32, last: u32, end: u32, bytes: u32, more: bool) -> Pieces<'_> {
        let offset = self.slot(first).used;
        let least = self.least;
        let count = last.wrapping_sub(first).wrapping_add(1);
        for position in (0..count).map(|n| first.wrapping_add(n)) {
            let slot = self.slot_mut(position);
            slot.used = if position == last { end } else { slot.len };
            let left = slot.len - slot.used;
            // What the kernel says of keeping a buffer is believed; that it says nothing proves nothing.
            let kept = more && position == last && left > 0;
            slot.live = kept || least.is_some_and(|least| left >= least);
            slot.in_doubt = slot.live && !more;
            self.live -= u32::from(!self.slot(position).live);
        }
        self.forget_the_oldest();
        Pieces {
            ledger: self,
            position: first,
            offset,
            bytes,
            left: count,
        }
    }

    /// Moves on to the oldest buffer that is in the ring.
    fn forget_the_oldest(&mut self) {
        while self.oldest != self.next && !self.slot(self.oldest).live {
            self.oldest = self.oldest.wrapping_add(1);
        }
    }

    /// The buffer in which `bytes` from what is left of the one at `first` end, and where.
    fn extent(&self, first: u32, bytes: u32) -> Result<(u32, u32), LedgerError> {
        let mut position = first;
        let mut left = bytes;
        loop {
            let slot = self.slot(position);
            let room = slot.len - slot.used;
            if left <= room {
                return Ok((position, slot.used + left));
            }
            left -= room;
            position = position.wrapping_add(1);
            if position == self.next || !self.slot(position).live {
                return Err(LedgerError::TooManyBytes(left));
            }
        }
    }

    /// All positions from the oldest buffer on.
    fn positions(&self) -> impl Iterator<Item = u32> + use<> {
        let oldest = self.oldest;
        (0..self.next.wrapping_sub(oldest)).map(move |n| oldest.wrapping_add(n))
    }

    fn slot(&self, position: u32) -> &Slot {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }

    fn slot_mut(&mut self, position: u32) -> &mut Slot {
        &mut self.slots[position as usize & (self.slots.len() - 1)]
    }
}

/// What a completion has filled: the answer of [`Ledger::completed`].
///
/// The ledger has noted the whole of it, also if this is not read to the end.
#[derive(Debug)]
pub struct Pieces<'a> {
    ledger: &'a Ledger,
    position: u32,
    /// Where the first piece begins. The others begin at 0.
    offset: u32,
    /// What is filled in the pieces that are left.
    bytes: u32,
    left: u32,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        self.left = self.left.checked_sub(1)?;
        let slot = self.ledger.slot(self.position);
        let offset = std::mem::take(&mut self.offset);
        self.position = self.position.wrapping_add(1);
        let len = self.bytes.min(slot.used - offset);
        self.bytes -= len;
        Some(Piece {
            bid: slot.bid,
            offset,
            len,
            last: !slot.live,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Pieces<'_> {}

#[cfg(test)]
mod tests;
