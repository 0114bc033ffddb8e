//! Rings in the application's memory, and without a descriptor.

use std::ptr;

use uring_sys::*;

use super::{flag, params, refuses, refuses_flags, runs};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::mem::{Mem, page_size};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const NO_MMAP: &[&str] = &["IORING_SETUP_NO_MMAP"];

pub(super) static CASES: &[Case] = &[
    flag("uring/setup/memory/no_mmap", NO_MMAP, (6, 5), no_mmap),
    flag(
        "uring/setup/memory/no_mmap-bad",
        NO_MMAP,
        (6, 5),
        no_mmap_bad,
    ),
    flag(
        "uring/setup/memory/registered_fd_only",
        &[
            "IORING_SETUP_REGISTERED_FD_ONLY",
            "IORING_SETUP_NO_MMAP",
            "IORING_ENTER_REGISTERED_RING",
        ],
        (6, 5),
        registered_fd_only,
    ),
];

/// A page for the rings and a page for the entries.
fn pages() -> (Mem, Mem) {
    (Mem::zeroed(page_size()), Mem::zeroed(page_size()))
}

/// A ring lives in two pages of the application's, and cannot be mapped.
fn no_mmap(cx: &mut Context) -> Run {
    let (rings, sqes) = pages();
    let mut ring = cx.accepted_call(Ring::in_memory(8, params(0), rings, sqes))?;
    runs(&mut ring)?;
    ensure!(
        sqes.get()[0..512].iter().any(|b| *b != 0),
        "no entry in the memory"
    );
    let offset = IORING_OFF_SQES as libc::off_t;
    // SAFETY: a new mapping where the kernel likes touches no memory that is in use.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            512,
            libc::PROT_READ,
            libc::MAP_SHARED,
            ring.as_raw_fd(),
            offset,
        )
    };
    ensure!(
        start == libc::MAP_FAILED,
        "the ring can be mapped all the same"
    );
    pass()
}

/// No memory gives -EFAULT, memory that does not begin a page -EINVAL.
fn no_mmap_bad(cx: &mut Context) -> Run {
    let (rings, sqes) = pages();
    cx.accepted_call(Ring::in_memory(8, params(0), rings, sqes))?;
    let (rings, sqes) = (pages().0.addr(), pages().1.addr());
    for (what, rings, sqes, errno) in [
        ("no rings", 0, sqes, libc::EFAULT),
        ("no entries", rings, 0, libc::EFAULT),
        ("rings not aligned", rings + 64, sqes, libc::EINVAL),
        ("entries not aligned", rings, sqes + 64, libc::EINVAL),
    ] {
        let mut params = params(IORING_SETUP_NO_MMAP);
        (params.cq_off.user_addr, params.sq_off.user_addr) = (rings, sqes);
        // SAFETY: what memory there is stays for good, and is a page followed by one that may not be touched.
        let res = unsafe { io_uring_setup(8, &mut params) };
        ensure_eq!(Res(res), Res(-errno), "{what}");
    }
    pass()
}

/// The ring has an index and no descriptor, and is entered by it. It needs memory of the application's.
fn registered_fd_only(cx: &mut Context) -> Run {
    let (rings, sqes) = pages();
    let set_up = Ring::in_memory(8, params(IORING_SETUP_REGISTERED_FD_ONLY), rings, sqes);
    let mut ring = cx.accepted_call(set_up)?;
    runs(&mut ring)?;
    drop(ring);
    refuses_flags(&[("without NO_MMAP", IORING_SETUP_REGISTERED_FD_ONLY)])?;
    // The index is free again: sixteen more fit, and the next does not.
    let mut rings = Vec::new();
    for _ in 0..16 {
        let (memory, sqes) = pages();
        rings.push(Ring::in_memory(
            1,
            params(IORING_SETUP_REGISTERED_FD_ONLY),
            memory,
            sqes,
        )?);
    }
    let (memory, sqes) = pages();
    let one_more = Ring::in_memory(1, params(IORING_SETUP_REGISTERED_FD_ONLY), memory, sqes);
    refuses("a seventeenth", one_more, libc::EBUSY)
}
