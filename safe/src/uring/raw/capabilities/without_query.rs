//! What kernels before 6.18 do not list, found by trying.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use uring_sys::*;

use super::bench::{Bench, entry};
use super::{Features, SetupFlags, named};
use crate::uring::raw::flags::with_needs;
use crate::uring::raw::{EnterFlags, squeue};

/// The set-up flags: a ring is made with each.
pub(super) fn setup_flags(ring: BorrowedFd<'_>) -> SetupFlags {
    named::<SetupFlags>()
        .filter(|flag| has_setup_flag(ring, flag.bits()))
        .collect()
}

fn has_setup_flag(ring: BorrowedFd<'_>, flag: u32) -> bool {
    let mut params = io_uring_params {
        flags: with_needs(flag),
        cq_entries: 2,
        wq_fd: ring.as_raw_fd() as u32,
        // SAFETY: the call has no preconditions.
        sq_thread_cpu: u32::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(0),
        ..Default::default()
    };
    // SAFETY: `params` is live. With NO_MMAP the addresses are null, which the kernel refuses.
    let made = unsafe { io_uring_setup(1, &mut params) };
    if made >= 0 {
        // SAFETY: the descriptor was just made, and nobody else has it.
        unsafe { libc::close(made) };
    }
    // Whatever else is wrong with a ring, flags that are unknown are refused first.
    made != -libc::EINVAL
}

/// The enter flags: without anything to submit or to wait for, the kernel only looks whether it knows them.
pub(super) fn enter_flags(ring: BorrowedFd<'_>, registers: u64) -> EnterFlags {
    let mut found: EnterFlags = named::<EnterFlags>()
        .filter(|&flag| flag != EnterFlags::REGISTERED_RING)
        .filter(|flag| {
            // Only who waits has an argument that is looked at.
            let bits = flag.bits() & !IORING_ENTER_GETEVENTS;
            // SAFETY: no argument, of no size.
            let result = unsafe { io_uring_enter2(ring.as_raw_fd(), 0, 0, bits, ptr::null(), 0) };
            result != -libc::EINVAL
        })
        .collect();
    // With this one the number of the ring means something else. It came with registering rings.
    let registers_rings = registers >> IORING_REGISTER_RING_FDS & 1 != 0;
    found.set(EnterFlags::REGISTERED_RING, registers_rings);
    found
}

/// The flags of entries: a NOP has each.
pub(super) fn sqe_flags(bench: &mut Bench, features: Features) -> squeue::Flags {
    let mut found: squeue::Flags = named::<squeue::Flags>()
        .filter(|&flag| flag != squeue::Flags::SKIP_SUCCESS)
        .filter(|flag| {
            let mut nop = entry(IORING_OP_NOP, -1);
            nop.flags = flag.bits();
            // A NOP has no file and takes no buffer, and fails for that where the flag is known.
            bench.run(nop).is_ok_and(|result| result != -libc::EINVAL)
        })
        .collect();
    // There would be no completion to see, and the ring would be changed for good.
    let skips = features.contains(Features::CQE_SKIP);
    found.set(squeue::Flags::SKIP_SUCCESS, skips);
    found
}
