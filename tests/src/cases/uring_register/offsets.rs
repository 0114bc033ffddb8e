//! Where a ring's memory is mapped.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};

use uring_sys::*;

use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::mem::page_size;
use crate::ring::ops::nop;
use crate::support::names::Errno;
use crate::typed::errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/register/offsets/bad",
        &[
            "IORING_OFF_SQ_RING",
            "IORING_OFF_CQ_RING",
            "IORING_OFF_SQES",
        ],
        kernel(5, 1),
        bad,
    ),
    Case::new(
        "uring/register/offsets/cq_ring",
        &["IORING_OFF_CQ_RING"],
        kernel(5, 1),
        cq_ring,
    ),
];

/// Maps so much of a ring at this offset; for ever.
pub(super) fn map(ring: &impl AsRawFd, offset: u64, len: usize) -> io::Result<*mut u8> {
    let offset = libc::off64_t::try_from(offset).map_err(io::Error::other)?;
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    let fd = ring.as_raw_fd();
    // SAFETY: a new mapping where the kernel likes touches no memory that is in use.
    let at = unsafe { libc::mmap64(std::ptr::null_mut(), len, protection, flags, fd, offset) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(at.cast())
}

/// There is nothing to map at this offset.
#[track_caller]
pub(super) fn not_mapped(what: &str, ring: &impl AsRawFd, offset: u64) -> Run {
    let errno = map(ring, offset, page_size())
        .map_err(|error| errno(&error))
        .err();
    // The second where the kernel looks for an address first.
    let errnos = [Some(Errno(libc::EINVAL)), Some(Errno(libc::ENOMEM))];
    ensure!(errnos.contains(&errno), "{what}: {errno:?}");
    pass()
}

/// A ring's number, for `map`.
struct Numbered(i32);

impl AsRawFd for Numbered {
    fn as_raw_fd(&self) -> i32 {
        self.0
    }
}

/// The completion ring has an offset of its own, and with SINGLE_MMAP it is the same memory as the submission ring.
fn cq_ring(_: &mut Context) -> Run {
    let mut ring = Ring::new(8, 0)?;
    let off = ring.params().cq_off;
    let len = off.cqes as usize + ring.params().cq_entries as usize * size_of::<io_uring_cqe>();
    let mapped = map(&Numbered(ring.as_raw_fd()), IORING_OFF_CQ_RING, len)?;
    // SAFETY: the offset is one that the kernel gave, within the mapping, which is never removed; the kernel, too,
    // accesses the word atomically.
    let tail = unsafe { AtomicU32::from_ptr(mapped.add(off.tail as usize).cast()) };
    for count in 0..20 {
        ensure_eq!(tail.load(Ordering::Acquire), count, "the tail");
        ring.start(&[nop().tag(u64::from(count) + 50)])?;
        let slot = (count & (ring.params().cq_entries - 1)) as usize;
        ensure_eq!(
            tail.load(Ordering::Acquire),
            count + 1,
            "the tail behind a completion"
        );
        // SAFETY: the entry is before the tail and after the head, so that the kernel does not touch it.
        let cqe = unsafe {
            let entries = mapped.add(off.cqes as usize).cast::<io_uring_cqe>();
            entries.add(slot).read()
        };
        ensure_eq!(
            (cqe.user_data, cqe.res),
            (u64::from(count) + 50, 0),
            "the completion"
        );
        ring.wait()?;
    }
    pass()
}

/// Offsets that are none, and more than there is.
fn bad(cx: &mut Context) -> Run {
    let ring = Ring::new(8, 0)?;
    let fd = Numbered(ring.as_raw_fd());
    let page = page_size();
    for offset in [0x1800_0000, 0x4000_0000, 0x7800_0000] {
        not_mapped("an offset that is none", &fd, offset)?;
    }
    // More than the entries take is refused, or mapped with nothing behind them.
    let large = map(&fd, IORING_OFF_SQES, 1 << 24);
    match large {
        Ok(_) => cx.note("more than the entries is mapped"),
        Err(error) => ensure_eq!(errno(&error), Errno(libc::EINVAL), "more than the entries"),
    }
    ensure!(map(&fd, IORING_OFF_SQES, page).is_ok(), "the entries");
    pass()
}
