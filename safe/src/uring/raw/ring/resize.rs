//! Other sizes for the queues of a ring that is in use.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::Ordering;

use uring_sys::*;

use super::super::memory::Memory;
use super::super::{cqueue, query, squeue};
use super::IoUring;

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> IoUring<S, C> {
    /// Gives the queues other sizes: room for `sq_entries` submissions and `cq_entries` completions, or twice
    /// as many as submissions, rounded up to powers of two. What is in the queues stays there, what is in
    /// flight goes on.
    ///
    /// `IORING_REGISTER_RESIZE_RINGS`, since Linux 6.13, for rings with `IORING_SETUP_DEFER_TASKRUN`.
    ///
    /// # Errors
    ///
    /// The ring is as it was after these:
    ///
    /// * `EINVAL`: not such a ring, sizes that [`build`](super::super::Builder::build) would not take either, or a
    ///   ring in memory of the process, without a descriptor, or that begins each submission at slot 0.
    /// * `EOVERFLOW`: what is in the queues does not fit.
    /// * `EBUSY`: completions are there to be reaped in a ring that can have them of 32 bytes, or entries to be
    ///   submitted in one that can have them of 128. Some kernels (6.17 and 6.19 were seen to) move those
    ///   wrongly, and all (6.18 was seen to) tear one of two slots apart where a smaller queue wraps. Reap and
    ///   submit them first.
    /// * `ENOMEM`: no memory for the new queues.
    /// * `EOPNOTSUPP`: the kernel does not say where the new index array lies, and it does not follow from where
    ///   the old one does. With `IORING_SETUP_NO_SQARRAY` there is none.
    /// * [`RingError::WrongThread`], [`RingError::Forked`].
    ///
    /// [`RingError::WrongThread`]: crate::error::RingError::WrongThread
    /// [`RingError::Forked`]: crate::error::RingError::Forked
    /// [`RingError::Unmapped`]: crate::error::RingError::Unmapped
    ///
    /// If the kernel has resized the ring and the new queues cannot be *mapped*, the error is that of mmap(2), and
    /// the ring cannot be used any more: its queues are empty and without room, and calls fail with
    /// [`RingError::Unmapped`].
    pub fn resize(&mut self, sq_entries: u32, cq_entries: Option<u32>) -> io::Result<()> {
        if !self.core.is_here() {
            return Err(self.core.gone().into());
        }
        let old = self.core.params.0;
        // Never by a registered index: what the kernel answers must be about what is then mapped.
        let Some(fd) = &self.core.fd else {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        };
        if old.flags & (IORING_SETUP_NO_MMAP | IORING_SETUP_SQ_REWIND) != 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let fd = fd.as_fd().try_clone_to_owned()?;
        // What forgotten queues have not published is published now: the kernel moves what it can see.
        let submissions = self.submission().len();
        let completions = self.completion().len();
        if submissions > 0 && old.flags & (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED) != 0
            || completions > 0 && old.flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED) != 0
        {
            // No more can come before the call: completions of such a ring are posted when its owner enters.
            return Err(io::Error::from_raw_os_error(libc::EBUSY));
        }
        let params = resized::<C>(fd.as_fd(), &old, sq_entries, cq_entries)
            .map_err(|errno| self.core.register_error(errno))?;
        // From here on the old memory is dead.
        match Memory::map::<S, C>(fd.as_fd(), &params) {
            Ok(memory) => {
                // SAFETY: the kernel answered `params` for the memory just mapped. Entries that are pending keep
                // their positions, and slot `i` stays entry `i`.
                unsafe { self.take_over(memory, params) };
                Ok(())
            }
            Err(error) => {
                self.core.unmapped = true;
                let local = self.core.local.get();
                local.sq.start(0, self.sq.head, self.sq.head);
                local.cq.start(0, self.cq.head);
                local.here.store(0, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Goes on in other memory.
    ///
    /// # Safety
    ///
    /// The memory is that of this ring, as `params` describe it.
    unsafe fn take_over(&mut self, memory: Memory, params: io_uring_params) {
        // SAFETY: by the caller's promise. The ring is borrowed exclusively, so no queue lives.
        let flags = unsafe {
            self.sq = memory.submission::<S>(&params);
            self.cq = memory.completion::<C>(&params);
            memory.sq_flags(&params)
        };
        let core = &mut self.core;
        core.sq_head = self.sq.head;
        core.sq_tail = self.sq.tail;
        core.cq_head = self.cq.head;
        core.cq_tail = self.cq.tail;
        core.sq_flags = flags;
        core.params.0 = params;
        let local = core.local.get();
        local
            .sq
            .start(params.sq_entries, self.sq.head, self.sq.tail);
        local.cq.start(params.cq_entries, self.cq.head);
        self._memory = memory;
    }
}

/// Has the kernel resize the ring, and answers what now describes it, or an errno.
fn resized<C: cqueue::EntryMarker>(
    fd: BorrowedFd<'_>,
    old: &io_uring_params,
    sq_entries: u32,
    cq_entries: Option<u32>,
) -> Result<io_uring_params, i32> {
    // The kernel takes the two flags alone, and writes others back, so it is always given new parameters.
    let mut answer = io_uring_params {
        sq_entries,
        cq_entries: cq_entries.unwrap_or(0),
        flags: if cq_entries.is_some() {
            IORING_SETUP_CQSIZE
        } else {
            0
        },
        ..Default::default()
    };
    if sq_entries == 0 || cq_entries == Some(0) {
        return Err(libc::EINVAL);
    }
    let has_array = old.flags & IORING_SETUP_NO_SQARRAY == 0;
    let rounded = |entries: u32| entries.clamp(1, 1 << 16).next_power_of_two();
    let expected = cq_entries.map_or(2 * rounded(sq_entries), rounded);
    let array = ArrayRule::of::<C>(old).offset(expected);
    if has_array && array.is_none() {
        return Err(libc::EOPNOTSUPP);
    }
    // SAFETY: the struct is what the operation takes and fills.
    let result = unsafe {
        io_uring_register(
            fd.as_raw_fd(),
            IORING_REGISTER_RESIZE_RINGS,
            ptr::from_mut(&mut answer).cast(),
            1,
        )
    };
    if result < 0 {
        return Err(-result);
    }
    let mut params = *old;
    params.sq_entries = answer.sq_entries;
    params.cq_entries = answer.cq_entries;
    params.sq_off = answer.sq_off;
    params.cq_off = answer.cq_off;
    // Linux 6.18, for one, leaves this offset 0, where the head of the queue lies.
    if has_array && params.sq_off.array == 0 {
        params.sq_off.array = array.unwrap_or(0);
    }
    Ok(params)
}

/// Where the kernel puts the index array: behind the completions, at the next multiple of the size of a cache
/// line. Only newer kernels say that size, and some count what precedes the completions twice when those
/// have 32 bytes. So all rules that could explain where the array of the old ring lies are considered.
struct ArrayRule {
    /// Where the completions begin.
    cqes: u32,
    /// The size of a completion.
    stride: u32,
    /// How many there were, and where the array was.
    known: (u32, u32),
}

impl ArrayRule {
    fn of<C: cqueue::EntryMarker>(old: &io_uring_params) -> Self {
        Self {
            cqes: old.cq_off.cqes,
            stride: cqueue::stride::<C>() as u32,
            known: (old.cq_entries, old.sq_off.array),
        }
    }

    /// The offset of the array in a ring of so many completions, if all the rules agree on it.
    fn offset(&self, cq_entries: u32) -> Option<u32> {
        let said = query::ring_header().map(|(_, alignment)| alignment as u32);
        let alignments = (0..=8)
            .map(|bit| 1u32 << bit)
            .filter(|&alignment| said.is_none_or(|said| said == alignment))
            .filter(|&alignment| self.cqes % alignment == 0);
        let mut offsets = alignments
            .flat_map(|alignment| [(alignment, self.cqes), (alignment, 2 * self.cqes)])
            .filter_map(|(alignment, header)| {
                let place =
                    |entries: u32| (header + entries * self.stride).next_multiple_of(alignment);
                (place(self.known.0) == self.known.1).then(|| place(cq_entries))
            });
        let offset = offsets.next()?;
        offsets.all(|other| other == offset).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel answers when it makes a ring for so many completions.
    fn made(flags: u32, cq_entries: u32) -> io_uring_params {
        let mut params = io_uring_params {
            flags: IORING_SETUP_CQSIZE | flags,
            cq_entries,
            ..Default::default()
        };
        // SAFETY: `params` is live, and names no memory.
        let ring = unsafe { io_uring_setup(1, &mut params) };
        assert!(ring >= 0, "errno {}", -ring);
        // SAFETY: the descriptor was just made.
        unsafe { libc::close(ring) };
        params
    }

    /// The rules, turned on rings that the kernel has made.
    fn holds<C: cqueue::EntryMarker>() {
        let mut agreed = 0;
        for from in 0..10 {
            let rule = ArrayRule::of::<C>(&made(C::BUILD_FLAGS, 1 << from));
            for to in 0..10 {
                if let Some(offset) = rule.offset(1 << to) {
                    let made = made(C::BUILD_FLAGS, 1 << to);
                    assert_eq!(offset, made.sq_off.array, "from {from} to {to}");
                    agreed += 1;
                }
            }
        }
        assert!(agreed >= 60, "only {agreed} of 100 sizes are possible");
    }

    #[test]
    fn the_array_is_where_the_rules_say() {
        holds::<cqueue::Entry>();
        holds::<cqueue::Entry32>();
    }
}
