//! Structs that the kernel uses and no header has; their layout is that of `fs/aio.c`.

use core::ffi::c_void;
use core::mem::size_of;

use memoffset::offset_of;
use static_assertions::const_assert_eq;

use crate::io_event;

/// What [`aio_ring::magic`] holds in a ring that the kernel has mapped.
pub const AIO_RING_MAGIC: u32 = 0xa10a_10a1;

/// What [`aio_ring::compat_features`] holds today.
pub const AIO_RING_COMPAT_FEATURES: u32 = 1;

/// What [`aio_ring::incompat_features`] holds today; with another value the ring must be left alone.
pub const AIO_RING_INCOMPAT_FEATURES: u32 = 0;

/// Header of a context's completion ring, which lies at the context's address; `nr` events follow at
/// `header_length`. Since Linux 2.5.
///
/// Not promised by any header: check [`magic`](Self::magic) and the features before reading on, and do
/// not write anything but [`head`](Self::head).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct aio_ring {
    /// The kernel's number of the context, which it looks the context up by: never write it.
    pub id: u32,
    /// Number of event slots: no power of two, more than io_setup(2) was asked for, one always free.
    pub nr: u32,
    /// The next event to take, below `nr`. Store it with release order after the events are copied;
    /// one reaper at a time, io_getevents(2) included.
    pub head: u32,
    /// Where the kernel puts the next event, below `nr`; load it with acquire order. Equal to `head`
    /// in an empty ring.
    pub tail: u32,
    /// [`AIO_RING_MAGIC`].
    pub magic: u32,
    /// Features that a reader may ignore.
    pub compat_features: u32,
    /// Features that a reader must know: if there are any, use io_getevents(2).
    pub incompat_features: u32,
    /// Where the events begin, in bytes from the header's own beginning; 32.
    pub header_length: u32,
    /// The events.
    pub io_events: [io_event; 0],
}

impl aio_ring {
    /// A pointer to the first event of a ring whose header is 32 bytes long.
    ///
    /// The ring is passed by pointer, for a reference to its header would not cover the events.
    #[inline]
    #[must_use]
    pub const fn io_events_ptr(this: *const Self) -> *const io_event {
        this.wrapping_byte_add(core::mem::offset_of!(Self, io_events))
            .cast()
    }
}

const_assert_eq!(size_of::<aio_ring>(), 32);
const_assert_eq!(offset_of!(aio_ring, head), 8);
const_assert_eq!(offset_of!(aio_ring, magic), 16);
const_assert_eq!(offset_of!(aio_ring, header_length), 28);
const_assert_eq!(offset_of!(aio_ring, io_events), 32);

/// The last argument of io_pgetevents(2): the signal mask during the wait, set and restored in one step
/// with it. Since Linux 4.18.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct __aio_sigset {
    /// The kernel's signal set, or null to leave the mask alone.
    pub sigmask: *const c_void,
    /// The size of that set in bytes: [`KERNEL_SIGSET_SIZE`](crate::KERNEL_SIGSET_SIZE), else the call
    /// fails with `EINVAL`. Ignored when `sigmask` is null.
    pub sigsetsize: usize,
}

const_assert_eq!(size_of::<__aio_sigset>(), 2 * size_of::<usize>());
