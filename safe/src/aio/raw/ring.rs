//! The completion ring `[aio]`: which slots are filled, and how they are handed back.
//!
//! The kernel maps it at the context's address: a header and an array of event slots, not a power of two of
//! them. `head` and `tail` are positions in the array, both below its length; they are equal in an empty ring,
//! and one slot always stays free, so that a full one never looks empty. The kernel fills the slots from the tail
//! on; whoever reaps, we or the kernel's `io_getevents`, takes them from the head up to the tail. Everything that
//! the order of memory accesses depends on stands here, generic over where the atomics live, so that the models
//! in `loom.rs` run the code that the ring runs.
//!
//! Not promised by any header (it is that of `fs/aio.c` since Linux 2.5), so it is used only if it looks as it is
//! known to.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use aio_sys::{aio_context_t, aio_ring, io_event};

use super::event::Event;
use crate::sync::{SharedWord, Word};

/// The memory order of each access of the protocol. A model replaces one and must then fail.
pub(super) trait Orders {
    /// Relaxed: only reapers write the head, and there is one at a time, so this side wrote it or was handed it
    /// (`&mut`, a lock). The kernel's own reaper, `aio_read_events_ring`, ran in a system call of that reaper.
    const HEAD_LOAD: Ordering = Ordering::Relaxed;
    /// Acquire: the events are read after the tail that covers them. Pairs with the `smp_wmb` in the kernel's
    /// `aio_complete`, between writing an event and storing the tail.
    const TAIL_LOAD: Ordering = Ordering::Acquire;
    /// Release: the events have been read before the kernel sees that their slots are free. Pairs with the load
    /// of the head in the kernel's `user_refill_reqs_available`, ordered before the next write to the slots
    /// by a control dependency: without a request that it admits, there is no event to write.
    const HEAD_STORE: Ordering = Ordering::Release;
}

/// The orders that the ring uses.
pub(super) struct AsDocumented;

impl Orders for AsDocumented {}

/// The words of a ring that both sides use.
pub(super) trait Header {
    /// Written by whoever reaps.
    fn head(&self, order: Ordering) -> u32;
    /// Written by the kernel alone.
    fn tail(&self, order: Ordering) -> u32;
    /// Hands slots back.
    fn set_head(&self, head: u32, order: Ordering);
}

/// The positions of a ring.
pub(super) struct Positions<H, O = AsDocumented> {
    header: H,
    /// The number of slots.
    slots: u32,
    orders: PhantomData<O>,
}

impl<H: Header, O: Orders> Positions<H, O> {
    pub(super) fn new(header: H, slots: u32) -> Self {
        Self {
            header,
            slots,
            orders: PhantomData,
        }
    }

    /// The first filled slot and the one behind the last, if both are slots at all, or there are none.
    ///
    /// Looking at an empty ring is all that many callers do most of the time: it is two loads and a comparison. Where
    /// equal positions stand does not matter, as nothing is read there.
    #[inline]
    fn filled(&self) -> Option<(u32, u32)> {
        let head = self.header.head(O::HEAD_LOAD);
        let tail = self.header.tail(O::TAIL_LOAD);
        (head == tail || head.max(tail) < self.slots).then_some((head, tail))
    }

    /// The number of filled slots, unless the positions make no sense.
    #[inline]
    pub(super) fn ready(&self) -> Option<u32> {
        let (head, tail) = self.filled()?;
        Some(if head <= tail {
            tail - head
        } else {
            self.slots - head + tail
        })
    }

    /// As [`take`](Self::take), of one; whether there was one.
    #[inline]
    pub(super) fn take_one(&self, copy: impl FnOnce(u32)) -> Option<bool> {
        let (head, tail) = self.filled()?;
        if head == tail {
            return Some(false);
        }
        copy(head);
        self.hand_back(head + 1);
        Some(true)
    }

    /// Hands the slots before `behind` back.
    #[inline]
    fn hand_back(&self, behind: u32) {
        let head = if behind == self.slots {
            wrapped()
        } else {
            behind
        };
        self.header.set_head(head, O::HEAD_STORE);
    }

    /// Calls `copy` for the first `most` filled slots, or those that there are, then hands them back. Answers how many
    /// there were, unless the positions make no sense.
    ///
    /// `copy` gets slots that lie one behind the other: which is the first, how many events went before, and how many
    /// it is to copy, at least one. There are two such pieces where the end of the array is between them.
    ///
    /// One caller at a time, and none while the kernel reaps. `copy` must not unwind.
    #[inline]
    pub(super) fn take(
        &self,
        most: usize,
        mut copy: impl FnMut(u32, usize, usize),
    ) -> Option<usize> {
        let (head, tail) = self.filled()?;
        if head == tail || most == 0 {
            return Some(0);
        }
        let end = if head < tail { tail } else { self.slots };
        let piece = (end - head) as usize;
        let (taken, behind) = if most <= piece {
            copy(head, 0, most);
            (most, head + most as u32)
        } else {
            copy(head, 0, piece);
            let rest = if head < tail { 0 } else { tail };
            let rest = (most - piece).min(rest as usize);
            if rest > 0 {
                copy(0, piece, rest);
                (piece + rest, rest as u32)
            } else {
                (piece, end)
            }
        };
        self.hand_back(behind);
        Some(taken)
    }
}

/// The position behind the last slot. A call, so that this is a branch, which is foreseen: a conditional move would stand
/// between one event's store of the head and the next one's load of it.
#[cold]
#[inline(never)]
fn wrapped() -> u32 {
    0
}

/// The header of a context's ring, or [`UNKNOWN`].
///
/// Invariant: it is mapped for reads and writes as long as the context lives, except in a forked child, where no method
/// may be called; nobody makes other than atomic accesses to `head` and `tail`.
struct Mapped(NonNull<aio_ring>);

/// Stands for the header of a ring that is not known. Its positions differ and make no sense, so it takes a look at
/// nothing else to tell it from one that is known and empty.
static UNKNOWN: Unknown = {
    let mut words = [const { AtomicU32::new(0) }; size_of::<aio_ring>() / size_of::<u32>()];
    words[offset_of!(aio_ring, tail) / size_of::<u32>()] = AtomicU32::new(1);
    Unknown(words)
};

/// As large as a header, and aligned as one.
#[repr(C, align(8))]
struct Unknown([AtomicU32; size_of::<aio_ring>() / size_of::<u32>()]);

const _: () = assert!(align_of::<Unknown>() >= align_of::<aio_ring>());

impl Mapped {
    fn unknown() -> Self {
        Self(NonNull::from(&UNKNOWN).cast())
    }

    #[inline]
    fn head_word(&self) -> SharedWord {
        // SAFETY: by the invariant.
        unsafe { SharedWord::new(NonNull::new_unchecked(&raw mut (*self.0.as_ptr()).head)) }
    }
}

impl Header for Mapped {
    #[inline]
    fn head(&self, order: Ordering) -> u32 {
        self.head_word().load(order)
    }

    #[inline]
    fn tail(&self, order: Ordering) -> u32 {
        // SAFETY: by the invariant.
        let tail =
            unsafe { SharedWord::new(NonNull::new_unchecked(&raw mut (*self.0.as_ptr()).tail)) };
        tail.load(order)
    }

    #[inline]
    fn set_head(&self, head: u32, order: Ordering) {
        self.head_word().store(head, order);
    }
}

/// The ring of a context.
///
/// Invariant: as long as the context lives, as many event slots as `positions` says lie behind the header, mapped for
/// reads; except in a forked child, where no method may be called. Behind that of one that is not known lie none.
pub(super) struct Ring {
    positions: Positions<Mapped>,
}

// SAFETY: the ring belongs to the process, not to a thread; the functions that read slots are unsafe, and their
// callers promise to be alone.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    /// The ring of a context. If it is not of the kind that is known, its positions never make sense.
    ///
    /// It is kept out of forked children.
    ///
    /// # Safety
    ///
    /// io_setup(2) has just made the context, and nothing was submitted to it. The result is not used
    /// after the context was destroyed.
    pub(super) unsafe fn of(context: aio_context_t) -> Self {
        let at: *mut aio_ring = ptr::with_exposed_provenance_mut(context as usize);
        // SAFETY: the context is the address at which the kernel has mapped a header, or something of at least
        // its size (gVisor maps an empty page). The kernel writes to it only when requests complete or events are
        // reaped, of which there are none yet.
        let header = unsafe { at.read() };
        let at = match NonNull::new(at) {
            Some(at) if is_known(&header) => at,
            _ => return Self::unknown(),
        };
        let size = header.header_length as usize + header.nr as usize * size_of::<io_event>();
        // Before Linux 7.0 children would share the ring, and what this does not do the generation does, which
        // every use asks for first. So a failure changes nothing.
        // SAFETY: the range is the context's ring, whole; its pages stay as they are in this process.
        unsafe { libc::madvise(at.as_ptr().cast(), size, libc::MADV_DONTFORK) };
        // The header is mapped as long as the context lives, and the caller promises that the ring is not used longer.
        Self {
            positions: Positions::new(Mapped(at), header.nr),
        }
    }

    /// What stands for a ring that is not known.
    pub(super) fn unknown() -> Self {
        Self {
            positions: Positions::new(Mapped::unknown(), 0),
        }
    }

    /// The first event slot.
    #[inline]
    fn events(&self) -> *const io_event {
        // Here, since the header is as long as is known.
        aio_ring::io_events_ptr(self.positions.header.0.as_ptr())
    }

    /// The number of slots, if the ring is known.
    pub(super) fn slots(&self) -> Option<u32> {
        let slots = self.positions.slots;
        (slots != 0).then_some(slots)
    }

    /// The number of events that are there, unless the ring is strange.
    ///
    /// # Safety
    ///
    /// The context lives, and this is the process that made it.
    #[inline]
    pub(super) unsafe fn ready(&self) -> Option<u32> {
        self.positions.ready()
    }

    /// Takes as many events as there are and as fit, and answers how many; unless the ring is strange.
    ///
    /// # Safety
    ///
    /// The context lives, this is the process that made it, and nobody else reaps from it meanwhile, in whatever
    /// way.
    #[inline]
    pub(super) unsafe fn take(&self, into: &mut [MaybeUninit<Event>]) -> Option<usize> {
        let events = self.events();
        self.positions.take(into.len(), |slot, before, count| {
            let into = into[before..before + count].as_mut_ptr();
            // SAFETY: the slots are some of the array's, and the kernel has filled them and leaves them alone until the
            // head has passed them. They are copied, never referred to. `Event` is `repr(transparent)`.
            unsafe { into.copy_from_nonoverlapping(events.add(slot as usize).cast(), count) };
        })
    }

    /// As [`take`](Self::take), of one event; whether there was one.
    ///
    /// # Safety
    ///
    /// As for [`take`](Self::take).
    #[inline]
    pub(super) unsafe fn take_one(&self, into: &mut MaybeUninit<Event>) -> Option<bool> {
        let events = self.events();
        self.positions.take_one(|slot| {
            // SAFETY: as in `take`.
            let event = unsafe { events.add(slot as usize).read() };
            into.write(Event::from(event));
        })
    }
}

/// Whether a ring with this header is one that can be reaped in user space.
fn is_known(header: &aio_ring) -> bool {
    header.magic == aio_sys::AIO_RING_MAGIC
        && header.compat_features & aio_sys::AIO_RING_COMPAT_FEATURES
            == aio_sys::AIO_RING_COMPAT_FEATURES
        && header.incompat_features == aio_sys::AIO_RING_INCOMPAT_FEATURES
        && header.header_length as usize == size_of::<aio_ring>()
        && header.nr >= 2
        && header.head < header.nr
        && header.tail < header.nr
}

impl Debug for Ring {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("slots", &self.slots())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::ptr::NonNull;
    use std::sync::atomic::Ordering::Relaxed;

    use aio_sys::aio_ring;

    use super::{AsDocumented, Header, Mapped, Positions, is_known};

    const KNOWN: aio_ring = aio_ring {
        id: 0,
        nr: 127,
        head: 126,
        tail: 0,
        magic: 0xa10a_10a1,
        compat_features: 1,
        incompat_features: 0,
        header_length: 32,
        io_events: [],
    };

    #[test]
    fn only_the_known_header_is_taken() {
        assert!(is_known(&KNOWN));
        // A later kernel may add what readers may ignore.
        let more = aio_ring {
            compat_features: 3,
            ..KNOWN
        };
        assert!(is_known(&more));
        let changes: [fn(&mut aio_ring); 9] = [
            |ring| ring.magic = 0,
            |ring| ring.magic = 0xa10a_10a2,
            |ring| ring.compat_features = 0,
            |ring| ring.incompat_features = 1,
            |ring| ring.header_length = 64,
            |ring| ring.nr = 0,
            |ring| ring.nr = 1,
            |ring| ring.head = 127,
            |ring| ring.tail = u32::MAX,
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut ring = KNOWN;
            change(&mut ring);
            assert!(!is_known(&ring), "change {at}");
        }
    }

    /// What `take` does with a ring of 5 slots.
    fn take(head: u32, tail: u32, most: usize) -> (Option<usize>, Vec<u32>, u32) {
        let mut header = aio_ring {
            head,
            tail,
            ..KNOWN
        };
        let positions = Positions::<_, AsDocumented>::new(Mapped(NonNull::from(&mut header)), 5);
        let ready = positions.ready();
        let mut slots = Vec::new();
        let taken = positions.take(most, |slot, before, count| {
            assert_eq!(before, slots.len());
            assert_ne!(count, 0);
            slots.extend(slot..slot + count as u32);
        });
        assert_eq!(taken, ready.map(|ready| most.min(ready as usize)));
        (taken, slots, positions.header.head(Relaxed))
    }

    #[test]
    fn slots_are_taken_around_the_end() {
        assert_eq!(take(2, 2, 9), (Some(0), vec![], 2));
        assert_eq!(take(3, 2, 9), (Some(4), vec![3, 4, 0, 1], 2));
        assert_eq!(take(3, 2, 3), (Some(3), vec![3, 4, 0], 1));
        assert_eq!(take(3, 2, 2), (Some(2), vec![3, 4], 0));
        assert_eq!(take(3, 2, 1), (Some(1), vec![3], 4));
        assert_eq!(take(4, 2, 1), (Some(1), vec![4], 0));
        assert_eq!(take(3, 0, 9), (Some(2), vec![3, 4], 0));
        assert_eq!(take(0, 4, 9), (Some(4), vec![0, 1, 2, 3], 4));
        assert_eq!(take(1, 4, 2), (Some(2), vec![1, 2], 3));
        assert_eq!(take(1, 4, 0), (Some(0), vec![], 1));
    }

    #[test]
    fn positions_that_are_no_slots_are_left_alone() {
        for (head, tail) in [(5, 0), (0, 5), (u32::MAX, 0), (0xffff_fff0, u32::MAX)] {
            assert_eq!(take(head, tail, 9), (None, vec![], head));
        }
    }

    #[test]
    fn what_is_not_known_is_left_alone() {
        let positions = Positions::<_, AsDocumented>::new(Mapped::unknown(), 0);
        assert_eq!(positions.ready(), None);
        assert_eq!(positions.take(9, |_, _, _| unreachable!()), None);
        assert_eq!(positions.take_one(|_| unreachable!()), None);
    }

    #[test]
    fn equal_positions_are_an_empty_ring() {
        for at in [0, 4, 5, u32::MAX] {
            assert_eq!(take(at, at, 9), (Some(0), vec![], at));
        }
    }
}
