//! Buffer rings: buffers that the kernel picks when data is there, rather than when a request is made.
//!
//! A request with `IOSQE_BUFFER_SELECT` names a group instead of a buffer. When it can proceed the kernel
//! takes the next buffer of the group's ring, and the CQE tells which (`IORING_CQE_F_BUFFER`). The
//! application pushes it again when it has read what is in it. If the ring is empty, the request ends with
//! `ENOBUFS`. Since Linux 5.19; see io_uring_register_buf_ring(3) and `linux/io_uring.h`.
//!
//! [`BufRing`] is the ring, [`Ledger`] keeps the list that bundles and incremental use need.

mod error;
mod ledger;
#[cfg(all(test, loom))]
mod loom;
mod slots;

use std::io;

use uring_sys::io_uring_buf;

pub use self::error::{Error, Feature};
pub use self::ledger::{Ledger, LedgerError, Piece, Pieces};
use self::slots::{Buf, Producer, Shared};
use super::Submitter;
use crate::fork::Generation;
use crate::mmap::{Mmap, page_size};

/// The most buffers that a ring holds.
pub const MAX_ENTRIES: u32 = 32768;

/// The largest group of which the kernel can allocate the ring: 2047.
///
/// The number of the group is part of the offset at which the ring is mapped, and there it has 11 bits. The
/// kernel registers larger ones too; most of those cannot be mapped, and 32768 and some that follow map the
/// ring of *another* group.
pub const MAX_KERNEL_MEMORY_GROUP: u16 =
    ((!uring_sys::IORING_OFF_MMAP_MASK & 0xffff_ffff) >> uring_sys::IORING_OFF_PBUF_SHIFT) as u16;

/// A ring of provided buffers, registered with an io_uring as a buffer group.
///
/// # What happens when it goes away
///
/// [`unregister`](Self::unregister) ends the group. No request picks a buffer of it any more: one that waits
/// for data ends with `ENOBUFS` when that arrives. A request that has picked a buffer before goes on to fill
/// it, and its CQE comes. So after it, the buffers that no CQE has named belong to the application again
/// once all requests of the group have posted their last CQE.
///
/// **Dropping it does not unregister.** The kernel keeps the ring's memory, and the buffers that were
/// published stay in the group until that is unregistered by number, or the io_uring is gone. (Dropping
/// could not tell whether it had succeeded, and needs the io_uring, which is often in use elsewhere.)
///
/// In a forked child the ring is not mapped: [`publish`](Self::publish) does nothing there.
#[derive(Debug)]
pub struct BufRing {
    producer: Producer<Shared>,
    memory: Mmap,
    process: Generation,
    group: u16,
    features: Asked,
}

/// How to register a [`BufRing`].
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    entries: u32,
    group: u16,
    asked: Asked,
}

/// What a ring is to have beyond the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    kernel_memory: bool,
    incremental: bool,
    min_left: u32,
}

impl Builder {
    /// Lets the kernel allocate the ring (`IOU_PBUF_RING_MMAP`), not the process. The group is at most
    /// [`MAX_KERNEL_MEMORY_GROUP`]. Since Linux 6.4.
    pub fn kernel_memory(mut self) -> Self {
        self.asked.kernel_memory = true;
        self
    }

    /// Lets a buffer be used piece by piece (`IOU_PBUF_RING_INC`): the next data goes behind what is there.
    /// `IORING_CQE_F_BUF_MORE` says so, but not on every kernel for every request: [`Ledger`] knows what can be
    /// believed. Since Linux 6.12.
    pub fn incremental(mut self) -> Self {
        self.asked.incremental = true;
        self
    }

    /// With [`incremental`](Self::incremental): a buffer with fewer than `bytes` left is not used any
    /// further. Since Linux 7.1, and in some releases of older series (6.12.107, 6.18.44, 7.0.13): no
    /// version tells, so try it.
    pub fn min_left(mut self, bytes: u32) -> Self {
        self.asked.min_left = bytes;
        self
    }

    /// Registers the ring (`IORING_REGISTER_PBUF_RING`).
    ///
    /// # Errors
    ///
    /// See [`Error`]. Nothing stays registered.
    pub fn register(self, ring: &Submitter<'_>) -> Result<BufRing, Error> {
        let mask = mask(self.entries)?;
        if self.asked.min_left != 0 && !self.asked.incremental {
            return Err(Error::MinLeftWithoutIncremental);
        }
        if self.asked.kernel_memory && self.group > MAX_KERNEL_MEMORY_GROUP {
            return Err(Error::GroupNotMappable(self.group));
        }
        let process = Generation::current().map_err(Error::Memory)?;
        let len = size_of::<io_uring_buf>() * self.entries as usize;
        let len = len.next_multiple_of(page_size());
        let memory = if self.asked.kernel_memory {
            self.register_at(ring, 0)?;
            let offset = uring_sys::IORING_OFF_PBUF_RING
                | u64::from(self.group) << uring_sys::IORING_OFF_PBUF_SHIFT;
            ring.map(offset, len).map_err(|error| {
                // Not usable; what this answers would hide the reason.
                let _ = ring.unregister_buf_ring(self.group);
                Error::Memory(error)
            })?
        } else {
            let memory = Mmap::memory(len).map_err(Error::Memory)?;
            self.register_at(ring, memory.at().as_ptr().expose_provenance() as u64)?;
            memory
        };
        Ok(BufRing {
            producer: Producer::new(Shared::at(memory.at()), mask, 0),
            memory,
            process,
            group: self.group,
            features: self.asked,
        })
    }

    /// Registers the memory at `addr`, or with `kernel_memory` none.
    fn register_at(self, ring: &Submitter<'_>, addr: u64) -> Result<(), Error> {
        let attempt = |asked: Asked| self.attempt(ring, addr, asked);
        let Err(error) = attempt(self.asked) else {
            return Ok(());
        };
        Err(match error.kind() {
            // A ring that another thread owns answers the same, to this and to what is no change.
            io::ErrorKind::AlreadyExists if !is_elsewhere(ring, self.group) => {
                Error::GroupInUse(self.group)
            }
            io::ErrorKind::InvalidInput => {
                Error::Unsupported(error::refused(self.asked, |fewer| {
                    let accepted = attempt(fewer).is_ok();
                    if accepted {
                        // It was only to see; if this fails, the group ends with the io_uring.
                        let _ = ring.unregister_buf_ring(self.group);
                    }
                    accepted
                }))
            }
            _ => Error::Register(error),
        })
    }

    fn attempt(self, ring: &Submitter<'_>, addr: u64, asked: Asked) -> io::Result<()> {
        let flag = |set, bit| if set { bit } else { 0 };
        let flags = flag(asked.kernel_memory, uring_sys::IOU_PBUF_RING_MMAP)
            | flag(asked.incremental, uring_sys::IOU_PBUF_RING_INC);
        // At most 32768.
        let entries = self.entries as u16;
        // SAFETY: the memory is a mapping that is used for nothing else. The kernel holds its pages, so that it
        // may be unmapped. What buffers there are is the promise of `push`.
        unsafe { ring.register_buf_ring_min_left(addr, entries, self.group, flags, asked.min_left) }
    }
}

impl BufRing {
    /// A ring of `entries` slots, for the buffer group `group`.
    ///
    /// `entries` is a power of two, at most [`MAX_ENTRIES`]; a slot takes 16 bytes.
    pub fn builder(entries: u32, group: u16) -> Builder {
        Builder {
            entries,
            group,
            asked: Asked::default(),
        }
    }

    /// The buffer group.
    #[inline]
    pub fn group(&self) -> u16 {
        self.group
    }

    /// The number of slots.
    #[inline]
    pub fn entries(&self) -> u32 {
        u32::from(self.producer.mask()) + 1
    }

    /// Whether buffers are used piece by piece.
    #[inline]
    pub fn is_incremental(&self) -> bool {
        self.features.incremental
    }

    /// How much must be left of a buffer for it to be used further, or 0:
    /// [`Builder::min_left`](Builder::min_left).
    #[inline]
    pub fn min_left(&self) -> u32 {
        self.features.min_left
    }

    /// Whether the kernel allocated the ring.
    #[inline]
    pub fn is_kernel_memory(&self) -> bool {
        self.features.kernel_memory
    }

    /// Puts the buffer of `len` bytes at `addr` into the ring, under the id `bid`. The kernel sees it after
    /// [`publish`](Self::publish).
    ///
    /// The kernel takes buffers in the order in which they were pushed.
    ///
    /// # Safety
    ///
    /// * The kernel may write to the buffer, and for a send read it, from the next `publish` on. That ends
    ///   when a CQE has been reaped that says that it is done with it: one that names `bid`, or the CQE of a
    ///   bundle that has filled it. In a ring of incremental use it ends when CQEs have used all of it, or
    ///   [`consumed`](Self::consumed) has passed it and every request that took a piece of it has ended; a
    ///   missing `IORING_CQE_F_BUF_MORE` says neither ([`Ledger`] keeps count of that). It ends too when the
    ///   group has been unregistered or the io_uring closed, **and then** every request that could have
    ///   picked the buffer has ended. Closing does not end requests by itself. Until it ends, the buffer stays
    ///   mapped and nobody else accesses it, except for reading what CQEs have reported of a buffer that is
    ///   used piece by piece.
    /// * At most [`entries`](Self::entries) buffers are in the ring: pushed, and not yet known from a CQE
    ///   (or [`consumed`](Self::consumed)) to be picked. With more, the kernel gives out one buffer twice.
    /// * No other buffer in the ring has this id, if the application takes an id for a buffer.
    /// * This is the process that registered the ring, not a forked child.
    #[inline]
    pub unsafe fn push(&mut self, addr: *mut u8, len: u32, bid: u16) {
        let buf = Buf {
            addr: addr.expose_provenance() as u64,
            len,
            bid,
        };
        // SAFETY: the mapping lives as long as `self`, and is of this process by the caller's promise; that a
        // slot is free is so as well.
        unsafe { self.producer.push(buf) };
    }

    /// Takes back all that the kernel has not used up: its head is `head`, and no request is there that could pick a
    /// buffer.
    pub(in crate::uring) fn restart(&mut self, head: u16) {
        self.producer.restart(head);
    }

    /// Shows the kernel all buffers that were pushed. One store, however many they are.
    #[inline]
    pub fn publish(&mut self) {
        if self.process.is_current() {
            // SAFETY: the mapping lives as long as `self`, and this process has it.
            unsafe { self.producer.publish() };
        }
    }

    /// The number of buffers that were pushed and not published.
    #[inline]
    pub fn unpublished(&self) -> u16 {
        self.producer.unpublished()
    }

    /// The number of buffers that the kernel has used up so far, modulo 65536: its head
    /// (`IORING_REGISTER_PBUF_STATUS`).
    ///
    /// # Errors
    ///
    /// `EINVAL` before Linux 6.8, `ENOENT` if the io_uring has no such group.
    pub fn consumed(&self, ring: &Submitter<'_>) -> io::Result<u16> {
        head(ring, self.group)
    }

    /// The number of published buffers that the kernel has not used up. Another request may take them at
    /// any time.
    ///
    /// # Errors
    ///
    /// As of [`consumed`](Self::consumed).
    pub fn available(&self, ring: &Submitter<'_>) -> io::Result<u16> {
        let consumed = self.consumed(ring)?;
        Ok(self.producer.published().wrapping_sub(consumed))
    }

    /// Ends the group (`IORING_UNREGISTER_PBUF_RING`). See above what becomes of the buffers.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `EINVAL` if the group is not registered as a ring; `EEXIST` on a ring of one issuer from
    /// another thread. After an error the group may still be registered.
    pub fn unregister(self, ring: &Submitter<'_>) -> io::Result<()> {
        let Self { memory, group, .. } = self;
        // Unmapped first: kernels 6.4 to 6.6.4 free their memory here, mapped or not (CVE-2024-0582).
        drop(memory);
        ring.unregister_buf_ring(group)
    }
}

/// The number of slots less one.
fn mask(entries: u32) -> Result<u16, Error> {
    if entries.is_power_of_two() && entries <= MAX_ENTRIES {
        // At most 32767.
        Ok((entries - 1) as u16)
    } else {
        Err(Error::Entries(entries))
    }
}

/// The kernel's counter has 16 bits; the field is wider.
fn head(ring: &Submitter<'_>, group: u16) -> io::Result<u16> {
    ring.register_pbuf_status(group).map(|head| head as u16)
}

/// Whether the ring is one that another thread owns.
fn is_elsewhere(ring: &Submitter<'_>, group: u16) -> bool {
    head(ring, group).is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
}
