//! Zero-copy receive: a network device writes received data straight into the application's memory.
//!
//! A hardware receive queue of an interface is given to a ring, with memory for the data (an [`Area`]).
//! `IORING_OP_RECV_ZC` then reports where in that memory data has arrived ([`Ifq::received`]); the application
//! gives it back through the [`RefillQueue`]. Since Linux 6.15; see `linux/io_uring/zcrx.h` and the kernel's
//! `Documentation/networking/iou-zcrx.rst`. It needs a device with header split and queue management,
//! `CAP_NET_ADMIN`, and a ring with `IORING_SETUP_DEFER_TASKRUN` and completions of 32 bytes.

mod area;
#[cfg(all(test, loom))]
mod loom;
mod refill;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use bitflags::bitflags;
use uring_sys::{
    ZCRX_EVENT_DESC_FLAG_STATS, ZCRX_REG_IMPORT, ZCRX_REG_NODEV, io_uring_region_desc,
    io_uring_zcrx_ifq_reg, io_uring_zcrx_rqe, zcrx_event_desc, zcrx_stats,
};

use self::area::Areas;
pub use self::area::{Area, BadCqe, Received};
pub use self::refill::{Full, RefillQueue};
use super::Submitter;
use super::region::{Allocation, shared_memory};
use crate::fork::Generation;
use crate::mmap::page_size;

/// What can happen to a device queue. Since Linux 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The device found no memory: the refill queue was empty. (A copy that finds none ends the receive with
    /// `-ENOMEM`, and is no such event.)
    AllocFail,
    /// Data was copied, because it did not come through the device queue.
    Copy,
}

impl Event {
    fn number(self) -> u32 {
        match self {
            Self::AllocFail => uring_sys::ZCRX_EVENT_ALLOC_FAIL,
            Self::Copy => uring_sys::ZCRX_EVENT_COPY,
        }
    }

    fn mask(self) -> Events {
        Events::from_bits_retain(1 << self.number())
    }
}

bitflags! {
    /// A set of [`Event`]s.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Events: u32 {
        /// [`Event::AllocFail`].
        const ALLOC_FAIL = 1 << uring_sys::ZCRX_EVENT_ALLOC_FAIL;
        /// [`Event::Copy`].
        const COPY = 1 << uring_sys::ZCRX_EVENT_COPY;
    }
}

impl From<Event> for Events {
    fn from(event: Event) -> Self {
        event.mask()
    }
}

/// How to register a device queue.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    /// The argument, but for its addresses.
    argument: io_uring_zcrx_ifq_reg,
    allocation: Allocation,
    /// Its `type_mask` is 0, and it has no flags, if it is not to be passed.
    events: zcrx_event_desc,
}

impl Builder {
    /// The size of a receive buffer in bytes, instead of a page. Since Linux 7.0, and as the device can
    /// (`ZCRX_FEATURE_RX_PAGE_SIZE`).
    pub fn rx_buf_len(mut self, bytes: u32) -> Self {
        self.argument.rx_buf_len = bytes;
        self
    }

    /// Who allocates the refill queue; the process, if nothing is said.
    pub fn allocation(mut self, by: Allocation) -> Self {
        self.allocation = by;
        self
    }

    /// Posts a completion with `user_data` when one of `events` happens, once until it is armed again. Since
    /// Linux 7.2 (`ZCRX_FEATURE_EVENT`).
    pub fn events(mut self, events: Events, user_data: u64) -> Self {
        self.events.type_mask = events.bits();
        self.events.user_data = user_data;
        self
    }

    /// Lets the kernel count what it copies, for [`Ifq::stats`]. Since Linux 7.2.
    pub fn stats(mut self) -> Self {
        self.events.flags = ZCRX_EVENT_DESC_FLAG_STATS;
        self
    }

    /// Registers the queue, and `area` as its first memory (`IORING_REGISTER_ZCRX_IFQ`).
    ///
    /// # Errors
    ///
    /// * `EPERM`: no `CAP_NET_ADMIN`.
    /// * `EINVAL`: the ring lacks one of the set-up flags, the number of entries is 0 or too large, something
    ///   here is younger than the kernel, or the kernel is older than 6.15.
    /// * `ENODEV`: no such interface. `EOPNOTSUPP`, `EINVAL`, `ERANGE`: the device or its queue cannot do it.
    /// * `EFAULT`, `ENOMEM`: the area is not memory that can be pinned, or too much.
    /// * `InvalidData`: the kernel's answer makes no sense.
    pub fn register(self, ring: &Submitter<'_>, area: Area) -> io::Result<Ifq> {
        let process = Generation::current()?;
        let mut argument = self.argument;
        let mut area_argument = area.argument();
        argument.area_ptr = (&raw mut area_argument).expose_provenance() as u64;

        let with_stats = self.events.flags & ZCRX_EVENT_DESC_FLAG_STATS != 0;
        let queue = queue_size(argument.rq_entries);
        let stats_offset = with_stats.then_some(queue);
        let mut events = self.events;
        events.stats_offset = stats_offset.map_or(0, |offset| offset as u64);
        if events.type_mask != 0 || with_stats {
            argument.event_desc = (&raw mut events).expose_provenance() as u64;
        }

        let len = queue + if with_stats { page_size() } else { 0 };
        let register = |region: &mut io_uring_region_desc| {
            argument.region_ptr = ptr::from_mut(region).expose_provenance() as u64;
            // SAFETY: what the argument names is live and ours. The area's memory is the caller's to give, by what
            // `Area` asks; the region's is used for nothing else. The kernel holds the pages of both.
            unsafe { ring.register_ifq(&mut argument) }
        };
        let memory = shared_memory(ring, len, self.allocation, register)?;

        let mut areas = Areas::default();
        areas.add(area, &area_argument);
        let refill = RefillQueue::new(memory, &argument.offsets, argument.rq_entries, process)?;
        Ok(Ifq {
            id: argument.zcrx_id,
            areas,
            refill,
            stats_offset,
        })
    }
}

/// What a refill queue of `entries` takes at most, in bytes: whole pages. The header is smaller than one;
/// its size differs by kernel, and kernels from 6.19 tell it by `IO_URING_QUERY_ZCRX`.
fn queue_size(entries: u32) -> usize {
    // A number that is too large is for the kernel to refuse.
    let entries = entries.checked_next_power_of_two().unwrap_or(1) as usize;
    let size = entries.saturating_mul(size_of::<io_uring_zcrx_rqe>());
    let page = page_size();
    size.checked_next_multiple_of(page)
        .map_or(page, |size| size.saturating_add(page))
}

/// A hardware receive queue, registered with a ring.
///
/// There is no operation that ends the registration: it lasts as long as the ring. Dropping this unmaps the
/// refill queue and memory from [`Area::allocate`]; the kernel holds the pages until the ring is gone, and
/// the device goes on receiving into them.
#[derive(Debug)]
pub struct Ifq {
    id: u32,
    areas: Areas,
    refill: RefillQueue,
    stats_offset: Option<usize>,
}

impl Ifq {
    /// Queue `if_rxq` of the interface with the index `if_idx`, and a refill queue of `rq_entries`, which the
    /// kernel rounds up to a power of two; at most 32768.
    pub fn builder(if_idx: u32, if_rxq: u32, rq_entries: u32) -> Builder {
        Builder {
            argument: io_uring_zcrx_ifq_reg {
                if_idx,
                if_rxq,
                rq_entries,
                ..Default::default()
            },
            allocation: Allocation::default(),
            events: zcrx_event_desc::default(),
        }
    }

    /// No device: all data is copied, as by a device queue whose traffic comes elsewhere. What is given back
    /// may have to be flushed. Since Linux 7.1.
    pub fn without_device(rq_entries: u32) -> Builder {
        let mut builder = Self::builder(0, 0, rq_entries);
        builder.argument.flags = ZCRX_REG_NODEV;
        builder
    }

    /// Lets `ring` receive through the queue that another ring has [exported](Self::export). Answers its id in
    /// this ring. Its areas and its refill queue stay with that other ring's [`Ifq`]. Since Linux 6.19.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the ring lacks a set-up flag. `EBADF`, `EBADFD`: `exported` is nothing such. Older kernels
    /// answer `EFAULT` or `EINVAL`.
    pub fn import(ring: &Submitter<'_>, exported: BorrowedFd<'_>) -> io::Result<u32> {
        let mut argument = io_uring_zcrx_ifq_reg {
            // A descriptor is not negative.
            if_idx: exported.as_raw_fd() as u32,
            flags: ZCRX_REG_IMPORT,
            ..Default::default()
        };
        // SAFETY: the argument names no memory.
        unsafe { ring.register_ifq(&mut argument)? };
        Ok(argument.zcrx_id)
    }

    /// The number that `IORING_OP_RECV_ZC` takes (`zcrx_ifq_idx`).
    #[inline]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The queue by which data is given back.
    #[inline]
    pub fn refill_queue(&mut self) -> &mut RefillQueue {
        &mut self.refill
    }

    /// Reads a completion of `IORING_OP_RECV_ZC`: its result and its second half.
    ///
    /// # Errors
    ///
    /// [`BadCqe`]: the result is an errno, or what is named is in no area of this queue.
    #[inline]
    pub fn received(&self, result: i32, big_cqe: &[u64; 2]) -> Result<Received, BadCqe> {
        let len = u32::try_from(result).map_err(|_| BadCqe::Failed(-result))?;
        self.areas.received(len, big_cqe)
    }

    /// Where received data lies in memory; `None` in a dma-buf, or if it is not of this queue.
    ///
    /// It may be read until it is given back, in the process that registered the queue.
    #[inline]
    pub fn bytes(&self, received: &Received) -> Option<NonNull<[u8]>> {
        self.areas.bytes(received)
    }

    /// What the kernel has copied so far; `None` without [`Builder::stats`].
    pub fn stats(&self) -> Option<zcrx_stats> {
        self.refill.stats_at(self.stats_offset?)
    }

    /// Makes the kernel take what lies in the refill queue (`ZCRX_CTRL_FLUSH_RQ`). Since Linux 6.19.
    ///
    /// # Errors
    ///
    /// `EINVAL` from older kernels, `ENXIO` if the ring has no such queue.
    pub fn flush(&self, ring: &Submitter<'_>) -> io::Result<()> {
        ring.register_zcrx_flush(self.id)
    }

    /// Makes a descriptor by which another ring may [import](Self::import) the queue (`ZCRX_CTRL_EXPORT`).
    /// Since Linux 6.19.
    ///
    /// # Errors
    ///
    /// As of [`flush`](Self::flush), and `EMFILE`.
    pub fn export(&self, ring: &Submitter<'_>) -> io::Result<OwnedFd> {
        ring.register_zcrx_export(self.id)
    }

    /// Lets `event` post a completion again (`ZCRX_CTRL_ARM_EVENT`). Since Linux 7.2.
    ///
    /// # Errors
    ///
    /// `EINVAL` from older kernels, or if the queue was registered without this event.
    pub fn arm_event(&self, ring: &Submitter<'_>, event: Event) -> io::Result<()> {
        ring.register_zcrx_arm_event(self.id, event.number())
    }

    /// Adds memory to receive into, and answers its id (`ZCRX_CTRL_ADD_AREA`). Since Linux 7.3.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` from kernels since 6.19, `EINVAL` from older ones; else as of [`Builder::register`].
    pub fn add_area(&mut self, ring: &Submitter<'_>, area: Area) -> io::Result<u16> {
        let mut argument = area.argument();
        // SAFETY: the area's memory is the caller's to give, by what `Area` asks. The kernel holds its pages.
        unsafe { ring.register_zcrx_add_area(self.id, &mut argument)? };
        Ok(self.areas.add(area, &argument))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_has_a_page_for_its_header() {
        let page = page_size();
        assert_eq!(queue_size(1), 2 * page);
        assert_eq!(queue_size(page as u32 / 16), 2 * page);
        assert_eq!(queue_size(page as u32 / 16 + 1), 3 * page);
        assert_eq!(queue_size(32768), 32768 * 16 + page);
        assert_eq!(queue_size(0), 2 * page);
        assert_eq!(queue_size(u32::MAX), 2 * page);
    }

    #[test]
    fn events_are_bits_of_their_numbers() {
        assert_eq!(Events::from(Event::AllocFail), Events::ALLOC_FAIL);
        assert_eq!(Events::from(Event::Copy), Events::COPY);
    }
}
