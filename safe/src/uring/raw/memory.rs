//! The memory of a ring: how large it is, and where things lie in it.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use uring_sys::*;

use super::huge_page_size;
use super::{cqueue, query, squeue};
use crate::mmap::{self, Mmap};
use crate::sync::{SharedWord, Word};

/// The most entries the kernel makes.
const MAX_ENTRIES: u32 = 32768;

/// How many bytes a ring needs, of memory that is not the kernel's (`IORING_SETUP_NO_MMAP`).
///
/// The two parts begin at page boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// For the indexes, the completions and the index array.
    pub rings: usize,
    /// For the submission entries.
    pub sqes: usize,
}

impl Sizes {
    /// The sizes for a request, worked out as the kernel does.
    ///
    /// The kernel says how much precedes the completions since Linux 6.19; before, it was never more than 320
    /// bytes, and the alignment never more than a cache line of 256.
    pub(crate) fn for_request(entries: u32, params: &io_uring_params) -> Self {
        let has = |flag: u32| params.flags & flag != 0;
        let round = |entries: u32, most: u32| entries.clamp(1, most).next_power_of_two() as usize;
        let sq_entries = round(entries, MAX_ENTRIES);
        let cq_entries = if has(IORING_SETUP_CQSIZE) {
            round(params.cq_entries, 2 * MAX_ENTRIES)
        } else {
            2 * sq_entries
        };
        // The kernel doubles the header with the completions: the index array begins that much later.
        let wide = if has(IORING_SETUP_CQE32) { 2 } else { 1 };
        let sqe = if has(IORING_SETUP_SQE128) { 128 } else { 64 };
        let index = if has(IORING_SETUP_NO_SQARRAY) {
            0
        } else {
            size_of::<u32>()
        };
        let (header, alignment) = query::ring_header().unwrap_or((512, 256));
        Self {
            rings: (wide * (header + cq_entries * 16)).next_multiple_of(alignment)
                + sq_entries * index,
            sqes: sq_entries * sqe,
        }
    }

    /// The bytes of the first part in whole pages.
    pub fn rings_pages(&self) -> usize {
        self.rings.next_multiple_of(mmap::page_size())
    }

    /// The bytes of the second part in whole pages.
    pub fn sqes_pages(&self) -> usize {
        self.sqes.next_multiple_of(mmap::page_size())
    }
}

/// Where the two parts of a ring's memory begin, and what keeps them mapped.
pub(crate) struct Memory {
    pub(crate) sq_ring: NonNull<u8>,
    pub(crate) cq_ring: NonNull<u8>,
    pub(crate) sqes: NonNull<u8>,
    /// Unmapped when the ring is dropped. Empty for memory of the caller's.
    _mappings: Vec<Mmap>,
}

// SAFETY: these are addresses, which mean the same to each thread; what is done with them is up to the queues.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// Memory that is ready for a ring to be made in it.
pub(crate) enum Provided {
    Ours {
        mapping: Mmap,
        sqes: usize,
    },
    Callers {
        rings: NonNull<u8>,
        sqes: NonNull<u8>,
    },
}

impl Provided {
    /// Maps memory for a ring of these sizes.
    pub(crate) fn map(sizes: Sizes, huge: bool) -> io::Result<Self> {
        let sqes = sizes.rings_pages();
        let len = sqes + sizes.sqes_pages();
        let mapping = if huge {
            let page = huge_page_size();
            Mmap::huge_memory(len.next_multiple_of(page), page)?
        } else {
            Mmap::memory(len)?
        };
        Ok(Self::Ours { mapping, sqes })
    }

    /// Where the rings and the entries go.
    pub(crate) fn addresses(&self) -> (NonNull<u8>, NonNull<u8>) {
        match self {
            Self::Ours { mapping, sqes } => {
                debug_assert!(*sqes < mapping.len());
                // SAFETY: the offset is less than the length of the mapping.
                (mapping.at(), unsafe { mapping.at().add(*sqes) })
            }
            Self::Callers { rings, sqes } => (*rings, *sqes),
        }
    }

    pub(crate) fn into_memory(self) -> Memory {
        let (rings, sqes) = self.addresses();
        Memory {
            sq_ring: rings,
            cq_ring: rings,
            sqes,
            _mappings: match self {
                Self::Ours { mapping, .. } => vec![mapping],
                Self::Callers { .. } => Vec::new(),
            },
        }
    }
}

impl Memory {
    /// Maps the memory of the ring `fd`. Every length and offset is the kernel's answer.
    pub(crate) fn map<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
        fd: BorrowedFd<'_>,
        params: &io_uring_params,
    ) -> io::Result<Self> {
        let (sq_len, cq_len) = ring_lengths::<C>(params);
        let sqes_len = params.sq_entries as usize * squeue::stride::<S>();
        let sqes = Mmap::of(fd, IORING_OFF_SQES, sqes_len)?;
        if params.features & IORING_FEAT_SINGLE_MMAP != 0 {
            let both = Mmap::of(fd, IORING_OFF_SQ_RING, sq_len.max(cq_len))?;
            Ok(Self {
                sq_ring: both.at(),
                cq_ring: both.at(),
                sqes: sqes.at(),
                _mappings: vec![both, sqes],
            })
        } else {
            let sq = Mmap::of(fd, IORING_OFF_SQ_RING, sq_len)?;
            let cq = Mmap::of(fd, IORING_OFF_CQ_RING, cq_len)?;
            Ok(Self {
                sq_ring: sq.at(),
                cq_ring: cq.at(),
                sqes: sqes.at(),
                _mappings: vec![sq, cq, sqes],
            })
        }
    }

    /// The submission queue in this memory, its index array filled.
    ///
    /// # Safety
    ///
    /// The kernel answered `params` when it made a ring of entries `S` in this memory, which holds what they
    /// describe, and nothing has been submitted yet or will be at other indexes.
    pub(crate) unsafe fn submission<S: squeue::EntryMarker>(
        &self,
        params: &io_uring_params,
    ) -> squeue::Inner<S> {
        let offsets = &params.sq_off;
        // SAFETY: by the caller's promise the words lie in the memory at these offsets, aligned, and both
        // sides access them atomically.
        let word =
            |offset: u32| unsafe { SharedWord::new(self.sq_ring.add(offset as usize).cast()) };
        if params.flags & IORING_SETUP_NO_SQARRAY == 0 {
            // Slot `i` is entry `i`, once and for all.
            for i in 0..params.sq_entries {
                // Relaxed: the store of the tail that first covers an element comes later, and releases.
                word(offsets.array + i * 4).store(i, Ordering::Relaxed);
            }
        }
        squeue::Inner {
            head: word(offsets.head),
            tail: word(offsets.tail),
            dropped: word(offsets.dropped),
            sqes: self.sqes,
            mask: params.sq_entries - 1,
            entry: PhantomData,
        }
    }

    /// The word of the submission queue's flags.
    ///
    /// # Safety
    ///
    /// As for [`submission`](Self::submission).
    pub(crate) unsafe fn sq_flags(&self, params: &io_uring_params) -> SharedWord {
        // SAFETY: by the caller's promise.
        unsafe { SharedWord::new(self.sq_ring.add(params.sq_off.flags as usize).cast()) }
    }

    /// The completion queue in this memory.
    ///
    /// # Safety
    ///
    /// As for [`submission`](Self::submission), for a ring of completions `C`.
    pub(crate) unsafe fn completion<C: cqueue::EntryMarker>(
        &self,
        params: &io_uring_params,
    ) -> cqueue::Inner<C> {
        let offsets = &params.cq_off;
        // SAFETY: as in `submission`.
        let word =
            |offset: u32| unsafe { SharedWord::new(self.cq_ring.add(offset as usize).cast()) };
        cqueue::Inner {
            head: word(offsets.head),
            tail: word(offsets.tail),
            overflow: word(offsets.overflow),
            // Before Linux 5.8 there was no such word, and the offset is 0.
            flags: (offsets.flags != 0).then(|| word(offsets.flags)),
            // SAFETY: by the caller's promise the completions lie in the memory at this offset.
            cqes: unsafe { self.cq_ring.add(offsets.cqes as usize) },
            mask: params.cq_entries - 1,
            entry: PhantomData,
        }
    }
}

/// How many bytes the two queues take, by the kernel's answer.
pub(crate) fn ring_lengths<C: cqueue::EntryMarker>(params: &io_uring_params) -> (usize, usize) {
    let sq = if params.flags & IORING_SETUP_NO_SQARRAY == 0 {
        params.sq_off.array as usize + params.sq_entries as usize * size_of::<u32>()
    } else {
        // There is no array, and its offset is 0. The indexes lie where those of the completions do.
        let offsets = &params.sq_off;
        let last = [
            offsets.head,
            offsets.tail,
            offsets.ring_mask,
            offsets.ring_entries,
            offsets.flags,
            offsets.dropped,
        ]
        .into_iter()
        .max()
        .unwrap_or(0);
        last as usize + size_of::<u32>()
    };
    let cq = params.cq_off.cqes as usize + params.cq_entries as usize * cqueue::stride::<C>();
    (sq, cq)
}
