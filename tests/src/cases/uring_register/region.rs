//! Memory that a ring and the kernel share, and the waits that lie in it.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

use safe::uring::raw::Builder;
use safe::uring::raw::EnterFlags;
use safe::uring::raw::region::{Allocation, Region, RegisteredWaits, Wait};
use safe::uring::raw::register::MemRegionFlags;
use uring_sys::*;

use super::{case, with};
use crate::case::{Case, Run, Stop, fail, pass};
use crate::context::Context;
use crate::ring::mem::{Mem, NOWHERE, page_size};
use crate::ring::ops::nop;
use crate::support::names::{Errno, Res};
use crate::typed::{Typed, all_refused, errno, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/mem_region/bad",
        &["IORING_REGISTER_MEM_REGION"],
        (6, 13),
        bad,
    ),
    case(
        "uring/register/mem_region/kernel",
        &["IORING_REGISTER_MEM_REGION"],
        (6, 13),
        kernel_memory,
    ),
    case(
        "uring/register/mem_region/user",
        &["IORING_MEM_REGION_TYPE_USER", "IORING_REGISTER_MEM_REGION"],
        (6, 13),
        user_memory,
    ),
    case(
        "uring/register/mem_region/wait_bad",
        &["IORING_ENTER_EXT_ARG_REG", "IORING_MEM_REGION_REG_WAIT_ARG"],
        (6, 13),
        wait_bad,
    ),
    case(
        "uring/register/mem_region/wait_timeout",
        &[
            "IORING_ENTER_EXT_ARG_REG",
            "IORING_REG_WAIT_TS",
            "IORING_MEM_REGION_REG_WAIT_ARG",
        ],
        (6, 13),
        wait_timeout,
    ),
    case(
        "uring/register/mem_region/wait_unsupported",
        &["IORING_ENTER_EXT_ARG_REG"],
        (6, 13),
        wait_unsupported,
    ),
];

/// A ring that is still disabled.
#[track_caller]
fn disabled() -> Result<Typed, Stop> {
    Ok(Typed::with(Builder::setup_r_disabled)?)
}

/// Registers what the struct says.
fn register(
    ring: &Typed,
    region: &mut io_uring_region_desc,
    flags: MemRegionFlags,
) -> io::Result<()> {
    // SAFETY: the memory is the kernel's, or a `Mem`, which is never given back, or not there.
    unsafe { ring.submitter().register_mem_region(region, flags) }
}

/// A region in this memory.
fn of(addr: u64, size: usize) -> io_uring_region_desc {
    io_uring_region_desc {
        user_addr: addr,
        size: size as u64,
        flags: if addr == 0 {
            0
        } else {
            IORING_MEM_REGION_TYPE_USER
        },
        ..Default::default()
    }
}

/// The kernel allocates it, says where it is mapped, and clears it.
fn kernel_memory(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let region = Region::register(&ring.submitter(), 3 * page_size(), Allocation::Kernel);
    let region = cx.accepted_call(region)?;
    ensure_eq!(region.len(), 3 * page_size(), "size");
    for at in (0..region.len()).step_by(512) {
        // SAFETY: within the mapping; nothing has been put into it that the kernel would use.
        unsafe {
            let byte = region.as_ptr().as_ptr().add(at);
            ensure_eq!(byte.read_volatile(), 0, "a new byte");
            byte.write_volatile(7);
        }
    }
    let second = Region::register(&ring.submitter(), 1, Allocation::Kernel).map(drop);
    refused("a second region", second, libc::EBUSY)
}

/// Memory of the process, in place of the kernel's: what is written there is what the kernel reads.
fn user_memory(cx: &mut Context) -> Run {
    let ring = disabled()?;
    let mem = Mem::zeroed(2 * page_size());
    let mut region = of(mem.addr(), 2 * page_size());
    cx.accepted_call(register(&ring, &mut region, MemRegionFlags::WAIT_ARG))?;
    ring.submitter().register_enable_rings()?;
    let wait = io_uring_reg_wait {
        ts: crate::ring::ops::nanosecond(),
        flags: IORING_REG_WAIT_TS,
        ..Default::default()
    };
    // One that is refused, so that it shows where the kernel reads.
    let refused_wait = io_uring_reg_wait {
        flags: 1 << 31,
        ..wait
    };
    mem.set(0, &Mem::value(refused_wait).get());
    let size = size_of::<io_uring_reg_wait>();
    let wait_at = |at: usize| {
        mem.set(at, &Mem::value(wait).get());
        // SAFETY: the wait names no signal mask.
        let waited = unsafe {
            let submitter = ring.submitter();
            submitter.submit_and_wait_registered(1, at, EnterFlags::empty())
        };
        waited.map_err(|error| errno(&error))
    };
    for at in [size, page_size(), 2 * page_size() - 2 * size] {
        ensure_eq!(wait_at(at), Err(Errno(libc::ETIME)), "the wait at {at}");
    }
    // The last of all: the kernel's guard against speculation is off by one, and makes it the first.
    match wait_at(2 * page_size() - size) {
        Err(Errno(libc::ETIME)) => cx.note("the last wait is the last"),
        Err(Errno(libc::EINVAL)) => cx.note("the last wait is taken for the first"),
        other => return fail(format_args!("the last wait: {other:?}")),
    }
    pass()
}

/// Sizes, addresses and structs that do not fit each other.
fn bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let none = MemRegionFlags::empty();
    let page = page_size();
    let mem = Mem::zeroed(4 * page);
    let attempt = |mut region: io_uring_region_desc, flags| register(&ring, &mut region, flags);
    let read_only = Mem::zeroed(page);
    // SAFETY: the page is this case's alone, and nobody writes to it any more.
    unsafe { libc::mprotect(read_only.as_ptr().cast(), page, libc::PROT_READ) };
    let unsaid = io_uring_region_desc {
        flags: 0,
        ..of(mem.addr(), page)
    };
    let without = io_uring_region_desc {
        flags: IORING_MEM_REGION_TYPE_USER,
        ..of(0, page)
    };
    let unknown = io_uring_region_desc {
        flags: 1 << 31,
        ..of(0, page)
    };
    let mut reserved = of(0, page);
    reserved.__resv[0] = 1;
    // An older kernel refuses what is right, too.
    let good = Typed::new()?;
    cx.accepted_call(register(&good, &mut of(mem.addr(), page), none))?;
    all_refused([
        ("no size", attempt(of(0, 0), none), libc::EINVAL),
        ("no whole pages", attempt(of(0, 100), none), libc::EINVAL),
        (
            "not aligned",
            attempt(of(mem.addr() + 64, page), none),
            libc::EINVAL,
        ),
        (
            "an address that is not announced",
            attempt(unsaid, none),
            libc::EFAULT,
        ),
        (
            "an announced address that is not there",
            attempt(without, none),
            libc::EFAULT,
        ),
        (
            "no memory",
            attempt(of(NOWHERE << 12, page), none),
            libc::EFAULT,
        ),
        (
            "memory to read only",
            attempt(of(read_only.addr(), page), none),
            libc::EFAULT,
        ),
        ("an unknown flag", attempt(unknown, none), libc::EINVAL),
        ("what is reserved", attempt(reserved, none), libc::EINVAL),
        (
            "waits on an enabled ring",
            attempt(of(0, page), MemRegionFlags::WAIT_ARG),
            libc::EINVAL,
        ),
        (
            "a second region",
            register(&good, &mut of(0, page), none),
            libc::EBUSY,
        ),
    ])?;
    let nowhere = io_uring_mem_region_reg {
        region_uptr: NOWHERE,
        ..Default::default()
    };
    let unknown = io_uring_mem_region_reg {
        flags: 1 << 31,
        ..nowhere
    };
    let opcode = IORING_REGISTER_MEM_REGION;
    // SAFETY: there is no memory at the address.
    let table = unsafe {
        [
            ("no struct", with(&ring, opcode, nowhere, 1), libc::EFAULT),
            (
                "an unknown purpose",
                with(&ring, opcode, unknown, 1),
                libc::EINVAL,
            ),
            ("two structs", with(&ring, opcode, nowhere, 2), libc::EINVAL),
        ]
    };
    // An unknown purpose may be found before or after the struct is read.
    let [first, (what, result, _), third] = table;
    all_refused([first, third])?;
    let got = result.map_err(|error| errno(&error)).err();
    ensure!(
        [Some(Errno(libc::EINVAL)), Some(Errno(libc::EFAULT))].contains(&got),
        "{what}: {got:?}"
    );
    pass()
}

/// A table of waits, the ring enabled behind it.
#[track_caller]
fn waits(cx: &Context, by: Allocation) -> Result<(Typed, RegisteredWaits), Stop> {
    let ring = disabled()?;
    let waits = cx.accepted_call(RegisteredWaits::register(&ring.submitter(), 8, by))?;
    ring.submitter().register_enable_rings()?;
    Ok((ring, waits))
}

/// The first wait and the last time out, others do not; completions end them.
fn wait_timeout(cx: &mut Context) -> Run {
    for by in [Allocation::Process, Allocation::Kernel] {
        let (mut ring, mut waits) = waits(cx, by)?;
        let last = waits.len() - 1;
        let soon = Wait::new().timeout(Duration::from_nanos(1));
        waits.set(0, &soon);
        waits.set(last, &soon.min_wait_usec(1));
        waits.set(1, &Wait::new().timeout(Duration::from_secs(1000)));
        let wait = |waits: &RegisteredWaits, ring: &Typed, index| {
            waits.submit_and_wait(&ring.submitter(), 1, index, EnterFlags::empty())
        };
        for index in [0, last] {
            refused(
                "a wait for nothing",
                wait(&waits, &ring, index),
                libc::ETIME,
            )?;
        }
        for index in [0, 1, last] {
            ring.push(&[nop().tag(index as u64)]);
            ensure_eq!(wait(&waits, &ring, index)?, 1, "entries taken");
            let cqe = ring.reap().map(|cqe| cqe.user_data);
            ensure_eq!(cqe, Some(index as u64), "the completion");
        }
    }
    pass()
}

/// Offsets that are not within the region, masks that are none. Nothing is submitted on the way.
fn wait_bad(cx: &mut Context) -> Run {
    let ring = disabled()?;
    let mem = Mem::zeroed(page_size());
    let mut region = of(mem.addr(), page_size());
    cx.accepted_call(register(&ring, &mut region, MemRegionFlags::WAIT_ARG))?;
    ring.submitter().register_enable_rings()?;
    let flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG;
    let enter = |offset: usize, size: usize| {
        // SAFETY: the argument is an offset, which the kernel checks.
        Res(unsafe {
            let at = ptr::without_provenance(offset);
            io_uring_enter2(ring.as_raw_fd(), 0, 1, flags, at, size)
        })
    };
    let size = size_of::<io_uring_reg_wait>();
    for (what, offset, size, errno) in [
        ("behind the region", page_size(), size, libc::EFAULT),
        ("across its end", page_size() - 8, size, libc::EFAULT),
        ("past all numbers", usize::MAX - 7, size, libc::EFAULT),
        ("between words", 4, size, libc::EFAULT),
        ("another size", 0, size - 8, libc::EINVAL),
    ] {
        ensure_eq!(enter(offset, size), Res(-errno), "{what}");
    }
    let good = io_uring_reg_wait {
        ts: crate::ring::ops::nanosecond(),
        flags: IORING_REG_WAIT_TS,
        ..Default::default()
    };
    let unknown = io_uring_reg_wait {
        flags: 1 << 31,
        ..good
    };
    let wrong_size = io_uring_reg_wait {
        sigmask: mem.addr(),
        sigmask_sz: 3,
        ..good
    };
    let nowhere = io_uring_reg_wait {
        sigmask: NOWHERE,
        sigmask_sz: KERNEL_SIGSET_SIZE as u32,
        ..good
    };
    for (what, wait, errno) in [
        ("what is right", good, libc::ETIME),
        ("an unknown flag", unknown, libc::EINVAL),
        ("a mask of another size", wrong_size, libc::EINVAL),
        ("a mask that is not there", nowhere, libc::EFAULT),
    ] {
        mem.set(0, &Mem::value(wait).get());
        ensure_eq!(enter(0, size), Res(-errno), "{what}");
    }
    pass()
}

/// Without registered waits such a call fails, and the queue is as it was: the entries go with the next.
fn wait_unsupported(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let region = Region::register(&ring.submitter(), 1, Allocation::Process);
    cx.accepted_call(region)?;
    ring.push(&[nop().tag(1), nop().tag(2)]);
    // SAFETY: there are no registered waits.
    let waited = unsafe {
        let submitter = ring.submitter();
        submitter.submit_and_wait_registered(1, 0, EnterFlags::empty())
    };
    // The kernel submits first, and says how many; what the wait was is lost.
    match waited {
        Ok(taken) => ensure_eq!(taken, 2, "entries taken"),
        Err(error) => {
            ensure_eq!(errno(&error), Errno(libc::EFAULT), "the wait");
            ensure_eq!(ring.uring.submission().len(), 2, "entries left");
            ensure!(ring.reap().is_none(), "a completion of a refused call");
            ensure_eq!(ring.uring.submit()?, 2, "entries taken");
        }
    }
    ensure_eq!(ring.finish(2)?.len(), 2, "completions");
    // SAFETY: as above.
    let nothing = unsafe {
        let submitter = ring.submitter();
        submitter.submit_and_wait_registered(1, 0, EnterFlags::empty())
    };
    refused("a wait alone", nothing, libc::EFAULT)
}
