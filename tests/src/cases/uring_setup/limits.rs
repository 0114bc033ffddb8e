//! Memory of rings that is limited: huge pages, and what a user may lock.

use std::fs;
use std::io;
use std::path::Path;

use safe::error::{SetupError, SetupReason};
use safe::uring::raw::opcode::Nop;
use safe::uring::raw::squeue::Entry;
use safe::uring::raw::{IoUring, cqueue, huge_page_size};

use super::flag;
use crate::case::{Case, Run, kernel, pass, skipped};
use crate::context::Context;
use crate::kernel::Version;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::support::names::{Errno, Res};
use crate::support::sysctl::Sysctl;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    flag(
        "uring/setup/limits/huge_pages",
        &["IORING_SETUP_NO_MMAP"],
        (6, 5),
        huge_pages,
    )
    .requires(&[Requirement::OwnMachine, Requirement::Root])
    .alone(),
    Case::new(
        "uring/setup/limits/locked_buffers",
        &["IORING_REGISTER_BUFFERS"],
        kernel(5, 1),
        locked_buffers,
    )
    .requires(&[Requirement::Root]),
    Case::new(
        "uring/setup/limits/locked_rings",
        &["io_uring_setup"],
        kernel(5, 1),
        locked_rings,
    )
    .requires(&[Requirement::Root]),
];

/// More entries than fit into a few pages: the kernel takes only memory that is contiguous.
const LARGE: u32 = 4096;

/// A ring of thousands of entries lives in huge pages of the application's, and works throughout.
fn huge_pages(cx: &mut Context) -> Run {
    let size = format!("hugepages-{}kB", huge_page_size() / 1024);
    cx.note(&size);
    let folder = Path::new("/sys/kernel/mm/hugepages").join(size);
    if !folder.is_dir() {
        return skipped(format_args!(
            "needs a machine with huge pages: no {}",
            folder.display()
        ));
    }
    let _reserved = Sysctl::set(folder.join("nr_hugepages"), "2")?;
    let built = IoUring::<Entry, cqueue::Entry>::builder()
        .setup_no_mmap_huge()
        .build(LARGE);
    let ring = cx.accepted_call(built)?;
    let free = fs::read_to_string(folder.join("free_hugepages"))?;
    ensure_eq!(free.trim(), "1", "huge pages that are not in use");
    let mut ring = RawRing::from(ring);
    for first in [0, 1] {
        for i in 0..u64::from(LARGE) {
            // SAFETY: it names no memory.
            ring.push(unsafe { Kept::new(Nop::new().build()) }, first + i)?;
        }
        for i in 0..u64::from(LARGE) {
            let done = ring.wait()?;
            let got = (done.user_data, Res(done.res));
            ensure_eq!(got, (first + i, Res(0)), "completion {i}");
        }
    }
    pass()
}

/// What a user may lock from here on, in bytes.
const LIMIT: u64 = 64 << 10;

/// Becomes this user, with a limit and without privileges, for good: the process is the case's own. Each case has its
/// own user, for what is locked is counted by user.
#[track_caller]
fn become_limited(user: u32) -> Run {
    let limit = libc::rlimit {
        rlim_cur: LIMIT as libc::rlim_t,
        rlim_max: LIMIT as libc::rlim_t,
    };
    // SAFETY: the struct is read during the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) } != 0 {
        return Err(Errno::last().into());
    }
    // SAFETY: setresuid(2) takes numbers and touches no memory.
    if unsafe { libc::setresuid(user, user, user) } != 0 {
        return Err(Errno::last().into());
    }
    pass()
}

/// The kernels that count the memory of rings as locked. (Those before 5.12 did too, but not 5.10 from 5.10.162 on.)
fn counts_rings(version: Version) -> bool {
    (Version::new(6, 14, 0)..Version::new(7, 2, 0)).contains(&version)
}

/// Where the memory of rings counts, one that is too large is refused and the reason is told; elsewhere it is made.
fn locked_rings(cx: &mut Context) -> Run {
    become_limited(54_322)?;
    let built: io::Result<IoUring> = IoUring::builder().build_explained(1024);
    if !counts_rings(cx.kernel()) {
        built?;
        cx.note("the memory of rings does not count");
        return pass();
    }
    let error = built.err();
    let error = error.as_ref().and_then(|e| e.get_ref()?.downcast_ref());
    let reason = error.map(SetupError::reason);
    let told = matches!(reason, Some(SetupReason::Memlock { limit: LIMIT, need }) if *need > LIMIT);
    ensure!(told, "reason of the refusal: {reason:?}");
    // It is the size that matters.
    IoUring::new(8)?;
    pass()
}

/// Registered buffers count on every kernel.
fn locked_buffers(_: &mut Context) -> Run {
    become_limited(54_323)?;
    // Made by the user: whose memory it is decided when the ring is made.
    let ring = RawRing::plain()?;
    let (small, large) = (Mem::zeroed(4096), Mem::zeroed(1 << 20));
    // SAFETY: the memory is never given back, and atomic bytes may be written at any time.
    let register = |mem: Mem| unsafe { ring.submitter().register_buffers(&[mem.iovec()]) };
    let refused = register(large).err().and_then(|e| e.raw_os_error());
    ensure_eq!(
        refused.map(Errno),
        Some(Errno(libc::ENOMEM)),
        "a buffer above the limit"
    );
    register(small)?;
    pass()
}
