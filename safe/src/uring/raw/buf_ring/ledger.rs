//! Which buffers a completion has filled.
//!
//! A CQE names one buffer. A bundle (`IORING_RECVSEND_BUNDLE`) fills those that follow it in the ring too,
//! and in a ring of [`incremental`](super::Builder::incremental) use a buffer is filled piece by piece: what
//! a CQE means depends on what was pushed and what came before. The ring itself cannot be asked, for the
//! kernel writes to it and keeps its own index. So this keeps a list.

use std::fmt::{self, Display, Formatter};

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
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    bid: u16,
    live: bool,
    len: u32,
    /// How many of the bytes are filled.
    used: u32,
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
    /// Whether the kernel has done with the buffer. If not, it will go on behind these bytes.
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
    /// The ledger of an empty ring of `entries` slots.
    pub fn new(entries: u32) -> Self {
        let slots = (entries as usize).next_power_of_two();
        Self {
            slots: vec![Slot::default(); slots].into_boxed_slice(),
            oldest: 0,
            next: 0,
            live: 0,
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
            used: 0,
        };
        self.next = self.next.wrapping_add(1);
        self.live += 1;
        Ok(())
    }

    /// Notes a CQE, and answers what it has filled, in order: at least one piece, which is empty if `bytes`
    /// is 0.
    ///
    /// `bid` is the id in its flags (`IORING_CQE_BUFFER_SHIFT`), `bytes` its result, `more` whether it has
    /// `IORING_CQE_F_BUF_MORE`. A CQE without `IORING_CQE_F_BUFFER` is about no buffer: do not note it.
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
        let first = self
            .positions()
            .find(|&position| self.slot(position).live && self.slot(position).bid == bid)
            .ok_or(LedgerError::UnknownBuffer(bid))?;
        let (last, end) = self.extent(first, bytes)?;
        if more && end == self.slot(last).len {
            return Err(LedgerError::NothingLeft(self.slot(last).bid));
        }

        let offset = self.slot(first).used;
        let mut position = first;
        loop {
            let at_last = position == last;
            let slot = self.slot_mut(position);
            slot.used = if at_last { end } else { slot.len };
            slot.live = at_last && more;
            if !slot.live {
                self.live -= 1;
            }
            if at_last {
                break;
            }
            position = position.wrapping_add(1);
        }
        while self.oldest != self.next && !self.slot(self.oldest).live {
            self.oldest = self.oldest.wrapping_add(1);
        }
        Ok(Pieces {
            ledger: self,
            position: first,
            offset,
            left: last.wrapping_sub(first).wrapping_add(1),
        })
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
    left: u32,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        self.left = self.left.checked_sub(1)?;
        let slot = self.ledger.slot(self.position);
        let offset = std::mem::take(&mut self.offset);
        self.position = self.position.wrapping_add(1);
        Some(Piece {
            bid: slot.bid,
            offset,
            len: slot.used - offset,
            last: !slot.live,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Pieces<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(entries: u32, lens: &[u32]) -> Ledger {
        let mut ledger = Ledger::new(entries);
        for (bid, &len) in (0..).zip(lens) {
            ledger.pushed(bid, len).expect("room");
        }
        ledger
    }

    fn completed(
        ledger: &mut Ledger,
        bid: u16,
        bytes: u32,
        more: bool,
    ) -> Vec<(u16, u32, u32, bool)> {
        let pieces = ledger.completed(bid, bytes, more).expect("a possible CQE");
        pieces.map(|p| (p.bid, p.offset, p.len, p.last)).collect()
    }

    #[test]
    fn a_short_read_takes_the_whole_buffer() {
        let mut ledger = ledger(4, &[100, 100]);
        assert_eq!(completed(&mut ledger, 0, 7, false), [(0, 0, 7, true)]);
        assert_eq!(completed(&mut ledger, 1, 0, false), [(1, 0, 0, true)]);
        assert!(ledger.is_empty());
    }

    #[test]
    fn a_bundle_that_ends_at_the_end_of_a_buffer_does_not_name_the_next() {
        let mut ledger = ledger(4, &[100, 50, 25]);
        let pieces = completed(&mut ledger, 0, 150, false);
        assert_eq!(pieces, [(0, 0, 100, true), (1, 0, 50, true)]);
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn incremental_use_goes_on_where_it_stopped() {
        let mut ledger = ledger(4, &[100, 100, 100]);
        assert_eq!(completed(&mut ledger, 0, 30, true), [(0, 0, 30, false)]);
        assert_eq!(completed(&mut ledger, 0, 0, true), [(0, 30, 0, false)]);
        let pieces = completed(&mut ledger, 0, 180, true);
        assert_eq!(
            pieces,
            [(0, 30, 70, true), (1, 0, 100, true), (2, 0, 10, false)]
        );
        assert_eq!(ledger.len(), 1);
        // Retired early, as with `min_left`.
        assert_eq!(completed(&mut ledger, 2, 85, false), [(2, 10, 85, true)]);
        assert!(ledger.is_empty());
    }

    #[test]
    fn completions_may_come_out_of_order() {
        let mut ledger = ledger(4, &[10; 4]);
        assert_eq!(completed(&mut ledger, 2, 10, false), [(2, 0, 10, true)]);
        assert_eq!(completed(&mut ledger, 1, 10, false), [(1, 0, 10, true)]);
        // The slot of buffer 0 is in use and the next to be filled.
        assert!(ledger.is_full());
        assert_eq!(ledger.pushed(9, 10), Err(LedgerError::Full));
        assert_eq!(completed(&mut ledger, 0, 10, false), [(0, 0, 10, true)]);
        assert_eq!(ledger.len(), 1);
        for bid in 4..7 {
            ledger.pushed(bid, 10).expect("room");
        }
        assert!(ledger.is_full());
        assert_eq!(ledger.drain().collect::<Vec<u16>>(), [3, 4, 5, 6]);
        assert!(ledger.is_empty() && !ledger.is_full());
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let mut ledger = ledger(4, &[10, 10, 10]);
        assert_eq!(completed(&mut ledger, 1, 10, false).len(), 1);
        // Buffer 1 is gone: a bundle from 0 cannot reach 2.
        let refused = [
            ((1, 5, false), LedgerError::UnknownBuffer(1)),
            ((7, 5, false), LedgerError::UnknownBuffer(7)),
            ((0, 11, false), LedgerError::TooManyBytes(1)),
            (
                (2, u32::MAX, false),
                LedgerError::TooManyBytes(u32::MAX - 10),
            ),
            ((2, 10, true), LedgerError::NothingLeft(2)),
        ];
        for ((bid, bytes, more), error) in refused {
            assert_eq!(ledger.completed(bid, bytes, more).err(), Some(error));
            assert_eq!(ledger.len(), 2);
        }
        assert_eq!(completed(&mut ledger, 2, 10, false), [(2, 0, 10, true)]);
        assert_eq!(completed(&mut ledger, 0, 10, false), [(0, 0, 10, true)]);
    }

    #[test]
    fn many_rounds_wrap() {
        let mut ledger = Ledger::new(4);
        ledger.oldest = u32::MAX - 5;
        ledger.next = ledger.oldest;
        for round in 0..6u16 {
            for bid in 0..4 {
                ledger.pushed(round * 4 + bid, 10).expect("room");
            }
            let pieces = completed(&mut ledger, round * 4, 40, false);
            assert_eq!(pieces.len(), 4);
            assert!(
                pieces
                    .iter()
                    .all(|&(_, offset, len, last)| (offset, len, last) == (0, 10, true))
            );
        }
    }
}
