//! Rings that are registered with the thread, and used by index.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use safe::uring::raw::register::RingSlot;
use uring_sys::*;

use super::{bare, case, with};
use crate::case::{Case, Run, Stop, absent, pass};
use crate::context::Context;
use crate::ring::ops::nop;
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, errno};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/ring_fds/bad",
        &["IORING_REGISTER_RING_FDS", "IORING_UNREGISTER_RING_FDS"],
        (5, 18),
        bad,
    ),
    case(
        "uring/register/ring_fds/enter",
        &[
            "IORING_REGISTER_RING_FDS",
            "IORING_UNREGISTER_RING_FDS",
            "IORING_ENTER_REGISTERED_RING",
        ],
        (5, 18),
        enter,
    ),
    case(
        "uring/register/ring_fds/register",
        &[
            "IORING_REGISTER_USE_REGISTERED_RING",
            "IORING_FEAT_REG_REG_RING",
        ],
        (6, 3),
        register,
    )
    .announced(),
];

/// Registers a ring with this thread by another, and answers the index.
#[track_caller]
fn registered(cx: &Context, ring: &Typed) -> Result<i32, Stop> {
    let other = Typed::new()?;
    let mut slot = [RingSlot::free(ring.as_fd())];
    let done = cx.accepted_call(other.submitter().register_ring_fds(&mut slot))?;
    ensure_eq!(done, 1, "rings registered");
    let index = slot[0].index();
    ensure!(index < 16, "index {index}");
    Ok(index as i32)
}

/// The layer uses the index once it has one; operations go through as before, and in other threads too.
fn enter(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    cx.accepted_call(ring.submitter().register_ring_fd())?;
    for _ in 0..3 {
        ensure_eq!(Res(ring.run(nop())?.res), Res(0), "NOP");
    }
    let twice = ring
        .submitter()
        .register_ring_fd()
        .map_err(|error| errno(&error).0);
    ensure_eq!(twice, Err(libc::EEXIST), "a second time");
    let elsewhere = std::thread::scope(|scope| {
        let submitter = ring.submitter();
        scope
            .spawn(move || submitter.register_files_sparse(1))
            .join()
    });
    if cx.kernel() >= crate::kernel::Version::new(5, 19, 0) {
        ensure!(
            matches!(elsewhere, Ok(Ok(()))),
            "in another thread: {elsewhere:?}"
        );
    }
    ring.submitter().unregister_ring_fd()?;
    ensure_eq!(Res(ring.run(nop())?.res), Res(0), "NOP by the descriptor");
    let twice = ring
        .submitter()
        .unregister_ring_fd()
        .map_err(|error| errno(&error).0);
    ensure_eq!(twice, Err(libc::EINVAL), "unregistered twice");
    // By a bare call: the index is no descriptor, and means nothing when it is empty.
    let index = registered(cx, &ring)?;
    let enter = |flags| {
        // SAFETY: nothing is submitted, and no argument is passed.
        Res(unsafe { io_uring_enter(index, 0, 0, flags | IORING_ENTER_GETEVENTS, ptr::null()) })
    };
    ensure_eq!(enter(IORING_ENTER_REGISTERED_RING), Res(0), "by the index");
    let gone = ring
        .submitter()
        .unregister_ring_fds(&mut [RingSlot::empty(index as u32)])?;
    ensure_eq!(gone, 1, "rings unregistered");
    ensure_eq!(
        enter(IORING_ENTER_REGISTERED_RING),
        Res(-libc::EBADF),
        "by an empty index"
    );
    pass()
}

/// Registering by the index works, also when the descriptor is closed: the index keeps the ring.
fn register(cx: &mut Context) -> Run {
    let (ring, second) = (Typed::new()?, Typed::new()?);
    if !ring.uring.params().is_feature_reg_reg_ring() {
        return absent("IORING_FEAT_REG_REG_RING is clear");
    }
    let index = registered(cx, &ring)?;
    let by_index = |opcode: u32| {
        let opcode = opcode | IORING_REGISTER_USE_REGISTERED_RING;
        // SAFETY: the operation takes nothing, by index or not.
        Res(unsafe { io_uring_register(index, opcode, ptr::null(), 0) })
    };
    ring.submitter().register_files_sparse(1)?;
    ensure_eq!(by_index(IORING_UNREGISTER_FILES), Res(0), "by the index");
    ring.submitter().register_files_sparse(1)?;
    drop(ring);
    ensure_eq!(
        by_index(IORING_UNREGISTER_FILES),
        Res(0),
        "without a descriptor"
    );
    ensure_eq!(
        by_index(IORING_UNREGISTER_FILES),
        Res(-libc::ENXIO),
        "a second time"
    );
    second
        .submitter()
        .unregister_ring_fds(&mut [RingSlot::empty(index as u32)])?;
    ensure_eq!(
        by_index(IORING_UNREGISTER_FILES),
        Res(-libc::EBADF),
        "an empty index"
    );
    pass()
}

/// Places that are taken, that are none, and what is no ring.
fn bad(cx: &mut Context) -> Run {
    let (ring, other) = (Typed::new()?, Typed::new()?);
    let file = pattern_file(cx, "f", 1)?;
    let register = |slot: RingSlot| ring.submitter().register_ring_fds(&mut [slot]);
    cx.accepted_call(register(RingSlot::at(7, other.as_fd())))?;
    let unregister = |slot: RingSlot| ring.submitter().unregister_ring_fds(&mut [slot]);
    let mut seventeen = [RingSlot::free(ring.as_fd()); 17];
    all_refused([
        (
            "a place that is taken",
            register(RingSlot::at(7, ring.as_fd())),
            libc::EBUSY,
        ),
        (
            "a place behind the last",
            register(RingSlot::at(16, ring.as_fd())),
            libc::EINVAL,
        ),
        ("no descriptor", register(RingSlot::free(-1)), libc::EBADF),
        (
            "a file",
            register(RingSlot::free(file.as_fd())),
            libc::EOPNOTSUPP,
        ),
        (
            "too many",
            ring.submitter().register_ring_fds(&mut seventeen),
            libc::EINVAL,
        ),
        (
            "none",
            ring.submitter().register_ring_fds(&mut []),
            libc::EINVAL,
        ),
        (
            "no place to free",
            unregister(RingSlot::empty(16)),
            libc::EINVAL,
        ),
        (
            "a place with a ring",
            unregister(RingSlot::at(7, other.as_fd())),
            libc::EINVAL,
        ),
    ])?;
    let reserved = io_uring_rsrc_update {
        offset: u32::MAX,
        resv: 1,
        data: ring.as_raw_fd() as u64,
    };
    let nowhere = ptr::without_provenance(16);
    // SAFETY: the struct names no memory, and there is none at the address.
    let table = unsafe {
        [
            (
                "what is reserved",
                with(&ring, IORING_REGISTER_RING_FDS, reserved, 1),
                libc::EINVAL,
            ),
            (
                "no array",
                bare(&ring, IORING_REGISTER_RING_FDS, nowhere, 1),
                libc::EFAULT,
            ),
        ]
    };
    all_refused(table)?;
    // All places, and one more.
    let mut all = [RingSlot::free(ring.as_fd()); 16];
    let done = ring.submitter().register_ring_fds(&mut all)?;
    ensure_eq!(done, 15, "rings registered in what was free");
    ensure_eq!(unregister(RingSlot::empty(7))?, 1, "places freed");
    ensure_eq!(
        unregister(RingSlot::empty(7))?,
        1,
        "places freed, though empty"
    );
    // The thread's end frees the others.
    pass()
}
