//! `io_uring_enter`: its arguments, and when it returns.

use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::Ordering;
use std::thread;

use uring_sys::*;

use super::runs;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::ops::nop;
use crate::ring::{Ring, result};
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/enter/abs_timer",
        &[
            "IORING_ENTER_ABS_TIMER",
            "IORING_ENTER_EXT_ARG",
            "IORING_ENTER_GETEVENTS",
        ],
        kernel(6, 12),
        abs_timer,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new(
        "uring/setup/enter/bad",
        &["io_uring_enter"],
        kernel(5, 1),
        bad,
    ),
    Case::new(
        "uring/setup/enter/dropped",
        &["io_uring_enter"],
        kernel(5, 1),
        dropped,
    ),
    Case::new(
        "uring/setup/enter/ext_arg",
        &["IORING_ENTER_EXT_ARG", "IORING_ENTER_GETEVENTS"],
        kernel(5, 11),
        ext_arg,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new(
        "uring/setup/enter/getevents",
        &["IORING_ENTER_GETEVENTS"],
        kernel(5, 1),
        getevents,
    ),
    Case::new(
        "uring/setup/enter/no_iowait",
        &[
            "IORING_ENTER_NO_IOWAIT",
            "IORING_ENTER_EXT_ARG",
            "IORING_ENTER_GETEVENTS",
        ],
        kernel(6, 15),
        no_iowait,
    )
    .refused_by(&[libc::EINVAL]),
    Case::new(
        "uring/setup/enter/overflow",
        &[
            "IORING_SQ_CQ_OVERFLOW",
            "IORING_SETUP_CQSIZE",
            "IORING_ENTER_GETEVENTS",
        ],
        kernel(5, 8),
        overflow,
    ),
    Case::new(
        "uring/setup/enter/registered_ring",
        &[
            "IORING_ENTER_REGISTERED_RING",
            "IORING_REGISTER_RING_FDS",
            "IORING_UNREGISTER_RING_FDS",
        ],
        kernel(5, 18),
        registered_ring,
    )
    .refused_by(&[libc::EINVAL]),
];

/// A wait until an absolute time in the past ends at once; with the same time as a duration it would not.
fn abs_timer(cx: &mut Context) -> Run {
    let ring = Ring::new(8, 0)?;
    let wait = |flags: u32, seconds: i64| timed_wait(&ring, flags, seconds, 24);
    let res = wait(IORING_ENTER_ABS_TIMER, 0);
    cx.accepted(if res == -libc::ETIME { 0 } else { res })?;
    pass()
}

/// Unknown flags, no ring, nothing to do.
fn bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1)?;
    let ring = Ring::new(8, 0)?;
    let enter = |fd: i32, flags: u32| {
        // SAFETY: nothing is passed and nothing is submitted.
        Res(unsafe { io_uring_enter(fd, 0, 0, flags, ptr::null()) })
    };
    ensure_eq!(
        enter(ring.as_raw_fd(), u32::MAX),
        Res(-libc::EINVAL),
        "all flags"
    );
    ensure_eq!(enter(-1, 0), Res(-libc::EBADF), "fd -1");
    ensure_eq!(
        enter(file.as_raw_fd(), 0),
        Res(-libc::EOPNOTSUPP),
        "fd of a file"
    );
    ensure_eq!(enter(ring.as_raw_fd(), 0), Res(0), "nothing to do");
    ensure_eq!(Res(ring.enter(3, 0, 0)), Res(0), "an empty queue");
    pass()
}

/// An index in the array that is none of an entry is counted as dropped, and nothing is submitted.
fn dropped(_: &mut Context) -> Run {
    let mut ring = Ring::new(4, 0)?;
    let off = ring.params().sq_off;
    ring.sq_word(off.array).store(99, Ordering::Relaxed);
    ring.push(&[nop().tag(1)]);
    ensure_eq!(Res(ring.submit()), Res(0), "number submitted");
    ensure_eq!(
        ring.sq_word(off.dropped).load(Ordering::Relaxed),
        1,
        "dropped"
    );
    ensure!(ring.reap().is_none(), "a completion of what was dropped");
    let cqe = ring.run(nop().tag(2))?;
    ensure_eq!(cqe.user_data, 2, "user_data of the next");
    pass()
}

/// A wait with a time limit ends with -ETIME, and the size of the argument is checked.
fn ext_arg(cx: &mut Context) -> Run {
    let ring = Ring::new(8, 0)?;
    let res = timed_wait(&ring, 0, 0, 24);
    cx.accepted(if res == -libc::ETIME { 0 } else { res })?;
    for size in [0, 8, 23, 25, 64] {
        ensure_eq!(
            Res(timed_wait(&ring, 0, 0, size)),
            Res(-libc::EINVAL),
            "size {size}"
        );
    }
    pass()
}

/// Waits for one completion on an idle ring with a limit of `seconds`, or until that time.
fn timed_wait(ring: &Ring, flags: u32, seconds: i64, size: usize) -> i32 {
    let time = Mem::value(__kernel_timespec {
        tv_sec: seconds,
        tv_nsec: 1000,
    });
    let mut arg = io_uring_getevents_arg {
        ts: time.addr(),
        ..io_uring_getevents_arg::default()
    };
    let flags = flags | IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    // SAFETY: `arg` is live and no sigmask is named; the time is never given back. Another size is refused.
    unsafe { io_uring_enter2(ring.as_raw_fd(), 0, 1, flags, (&raw mut arg).cast(), size) }
}

/// Waiting for n completions returns when n are there, also those of before.
fn getevents(_: &mut Context) -> Run {
    let mut ring = Ring::new(8, 0)?;
    ring.start(&[nop(), nop(), nop(), nop()])?;
    ensure_eq!(
        Res(ring.enter(0, 4, IORING_ENTER_GETEVENTS)),
        Res(0),
        "wait for four"
    );
    for i in 0..4 {
        ensure!(ring.reap().is_some(), "completion {i} is not there");
    }
    // The fifth comes from another thread, while this one waits.
    let ring_fd = ring.as_raw_fd();
    ring.push(&[nop().tag(5)]);
    let off = ring.params().sq_off.tail;
    ring.sq_word(off).store(5, Ordering::Release);
    thread::scope(|scope| {
        // SAFETY: the one entry in the queue names no memory.
        scope.spawn(move || unsafe { io_uring_enter(ring_fd, 1, 0, 0, ptr::null()) });
        ensure_eq!(
            Res(ring.enter(0, 1, IORING_ENTER_GETEVENTS)),
            Res(0),
            "wait for one"
        );
        pass()
    })?;
    ensure_eq!(ring.reap().map(|cqe| cqe.user_data), Some(5), "the fifth");
    pass()
}

/// The flag that keeps a wait out of the accounts changes nothing else.
fn no_iowait(cx: &mut Context) -> Run {
    let ring = Ring::new(8, 0)?;
    let res = timed_wait(&ring, IORING_ENTER_NO_IOWAIT, 0, 24);
    cx.accepted(if res == -libc::ETIME { 0 } else { res })?;
    pass()
}

/// Completions for which there is no room are kept, in order, and a flag tells.
fn overflow(_: &mut Context) -> Run {
    let params = io_uring_params {
        flags: IORING_SETUP_CQSIZE,
        cq_entries: 2,
        ..io_uring_params::default()
    };
    let mut ring = Ring::with(2, params)?;
    for i in 0..6 {
        ring.start(&[nop().tag(i)])?;
    }
    let flags = || {
        ring.sq_word(ring.params().sq_off.flags)
            .load(Ordering::Relaxed)
    };
    ensure!(flags() & IORING_SQ_CQ_OVERFLOW != 0, "flags {:#x}", flags());
    ensure_eq!(
        ring.cq_word(ring.params().cq_off.overflow)
            .load(Ordering::Relaxed),
        0,
        "overflow counter"
    );
    for i in 0..6 {
        ensure_eq!(ring.wait()?.user_data, i, "user_data of completion {i}");
    }
    let flags = ring
        .sq_word(ring.params().sq_off.flags)
        .load(Ordering::Relaxed);
    ensure_eq!(flags & IORING_SQ_CQ_OVERFLOW, 0, "overflow flag in the end");
    runs(&mut ring)
}

/// A ring entered by its index among the registered ones, until it is unregistered.
fn registered_ring(cx: &mut Context) -> Run {
    let ring = Ring::new(8, 0)?;
    let slot = Mem::zeroed(16);
    slot.set(0, &u32::MAX.to_ne_bytes());
    slot.set(8, &(ring.as_raw_fd() as u64).to_ne_bytes());
    // SAFETY: the memory is one `io_uring_rsrc_update`, never given back.
    let res = unsafe { ring.register(IORING_REGISTER_RING_FDS, slot.as_ptr().cast(), 1) };
    ensure_eq!(cx.accepted(res)?, 1, "number registered");
    let index: u32 = slot.read();
    ensure!(index < 16, "index {index}");
    let enter = |index: u32| {
        // SAFETY: nothing is passed and nothing is submitted.
        Res(unsafe {
            io_uring_enter(
                index as i32,
                0,
                0,
                IORING_ENTER_REGISTERED_RING,
                ptr::null(),
            )
        })
    };
    ensure_eq!(enter(index), Res(0), "enter by index");
    ensure_eq!(enter(16), Res(-libc::EINVAL), "an index beyond the last");
    slot.set(0, &index.to_ne_bytes());
    slot.set(8, &[0; 8]);
    // SAFETY: the memory is one `io_uring_rsrc_update`, never given back.
    result(unsafe { ring.register(IORING_UNREGISTER_RING_FDS, slot.as_ptr().cast(), 1) })?;
    ensure_eq!(
        enter(index),
        Res(-libc::EBADF),
        "enter by an index that was freed"
    );
    pass()
}
