//! Who may submit, when completions are posted, and what a bad entry does to those behind it.

use std::fs::File;
use std::io::Write;
use std::ptr;
use std::sync::atomic::Ordering;
use std::thread;

use uring_sys::*;

use super::{flag, refuses_flags, ring, runs};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::op::Op;
use crate::ring::ops::{nop, poll_add};
use crate::ring::{Ring, result};
use crate::support::files::pipe;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    flag(
        "uring/setup/running/coop_taskrun",
        &["IORING_SETUP_COOP_TASKRUN"],
        (5, 19),
        coop_taskrun,
    ),
    flag(
        "uring/setup/running/defer_taskrun",
        &["IORING_SETUP_DEFER_TASKRUN", "IORING_SETUP_SINGLE_ISSUER"],
        (6, 1),
        defer_taskrun,
    ),
    Case::new(
        "uring/setup/running/r_disabled",
        &["IORING_SETUP_R_DISABLED", "IORING_REGISTER_ENABLE_RINGS"],
        kernel(5, 10),
        r_disabled,
    ),
    flag(
        "uring/setup/running/single_issuer",
        &["IORING_SETUP_SINGLE_ISSUER"],
        (6, 0),
        single_issuer,
    ),
    flag(
        "uring/setup/running/single_issuer-late",
        &["IORING_SETUP_SINGLE_ISSUER", "IORING_SETUP_R_DISABLED"],
        (6, 0),
        single_issuer_late,
    ),
    flag(
        "uring/setup/running/submit_all",
        &["IORING_SETUP_SUBMIT_ALL"],
        (5, 18),
        submit_all,
    ),
    flag(
        "uring/setup/running/taskrun_flag",
        &["IORING_SETUP_TASKRUN_FLAG", "IORING_SETUP_COOP_TASKRUN"],
        (5, 19),
        taskrun_flag,
    ),
    flag(
        "uring/setup/running/taskrun_flag-deferred",
        &[
            "IORING_SETUP_DEFER_TASKRUN",
            "IORING_SETUP_TASKRUN_FLAG",
            "IORING_SETUP_SINGLE_ISSUER",
            "IORING_SQ_TASKRUN",
        ],
        (6, 1),
        taskrun_flag_deferred,
    ),
];

/// Such a ring works, also when a completion comes later; a kernel thread that polls does not go with it.
fn coop_taskrun(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_COOP_TASKRUN)?;
    runs(&mut ring)?;
    let (read, write) = pipe()?;
    ring.start(&[poll_add(&read, libc::POLLIN)])?;
    File::from(write).write_all(b"x")?;
    ensure_eq!(
        ring.wait()?.res & i32::from(libc::POLLIN),
        i32::from(libc::POLLIN),
        "poll"
    );
    refuses_flags(&[(
        "with SQPOLL",
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SQPOLL,
    )])
}

/// Nothing completes later but in a call that asks for completions.
fn defer_taskrun(cx: &mut Context) -> Run {
    let flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
    let mut ring = ring(cx, flags)?;
    runs(&mut ring)?;
    let (read, write) = pipe()?;
    ring.start(&[poll_add(&read, libc::POLLIN)])?;
    File::from(write).write_all(b"x")?;
    ensure!(ring.reap().is_none(), "completed without a call");
    ensure_eq!(
        Res(ring.enter(0, 0, 0)),
        Res(0),
        "a call that asks for nothing"
    );
    ensure!(
        ring.reap().is_none(),
        "completed in a call that asked for nothing"
    );
    ensure_eq!(
        Res(ring.enter(0, 0, IORING_ENTER_GETEVENTS)),
        Res(0),
        "a call that asks"
    );
    ensure!(ring.reap().is_some(), "not completed by a call that asked");
    let fd = ring.as_raw_fd();
    let other = thread::spawn(move || elsewhere(fd, 0, IORING_ENTER_GETEVENTS)).join();
    ensure_eq!(
        other.unwrap(),
        Res(-libc::EEXIST),
        "another thread that asks"
    );
    refuses_flags(&[
        ("without SINGLE_ISSUER", IORING_SETUP_DEFER_TASKRUN),
        ("with SQPOLL", flags | IORING_SETUP_SQPOLL),
    ])
}

/// Calls `io_uring_enter` on a ring of which the queue is empty, or whose one entry names no memory.
fn elsewhere(fd: i32, to_submit: u32, flags: u32) -> Res {
    // SAFETY: nothing is passed, and nothing that names memory is submitted.
    Res(unsafe { io_uring_enter(fd, to_submit, 0, flags, ptr::null()) })
}

/// Enables a ring that was made disabled.
fn enable(ring: &Ring) -> Res {
    // SAFETY: the operation takes no argument.
    Res(unsafe { ring.register(IORING_REGISTER_ENABLE_RINGS, ptr::null(), 0) })
}

/// A ring made disabled submits nothing until it is enabled, once.
fn r_disabled(_: &mut Context) -> Run {
    let mut ring = Ring::new(8, IORING_SETUP_R_DISABLED)?;
    ring.push(&[nop().tag(7)]);
    ensure_eq!(
        Res(ring.submit()),
        Res(-libc::EBADFD),
        "submission while disabled"
    );
    ensure_eq!(enable(&ring), Res(0), "ENABLE_RINGS");
    ensure_eq!(Res(ring.submit()), Res(1), "submission once enabled");
    ensure_eq!(ring.wait()?.user_data, 7, "user_data");
    ensure_eq!(
        enable(&ring),
        Res(-libc::EBADFD),
        "ENABLE_RINGS of an enabled ring"
    );
    runs(&mut ring)
}

/// Another thread than the one that made it may not submit or register.
fn single_issuer(cx: &mut Context) -> Run {
    let mut ring = ring(cx, IORING_SETUP_SINGLE_ISSUER)?;
    runs(&mut ring)?;
    let fd = ring.as_raw_fd();
    let others = thread::spawn(move || {
        // SAFETY: the operation takes no argument.
        let register = unsafe { io_uring_register(fd, IORING_UNREGISTER_FILES, ptr::null(), 0) };
        (elsewhere(fd, 1, 0), Res(register))
    });
    let (submitted, registered) = others.join().unwrap();
    ensure_eq!(submitted, Res(-libc::EEXIST), "another thread that submits");
    ensure_eq!(
        registered,
        Res(-libc::EEXIST),
        "another thread that registers"
    );
    runs(&mut ring)
}

/// Of a ring made disabled, the thread that enables it is the one.
fn single_issuer_late(cx: &mut Context) -> Run {
    let ring = ring(cx, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED)?;
    let fd = ring.as_raw_fd();
    let other = thread::spawn(move || {
        // SAFETY: the operation takes no argument.
        result(unsafe { io_uring_register(fd, IORING_REGISTER_ENABLE_RINGS, ptr::null(), 0) })
            .map(|_| elsewhere(fd, 1, 0))
    });
    ensure_eq!(
        other.join().unwrap()?,
        Res(0),
        "submission of nothing by the thread that enabled"
    );
    ensure_eq!(
        Res(ring.enter(1, 0, 0)),
        Res(-libc::EEXIST),
        "submission by the thread that made it"
    );
    pass()
}

/// A bad entry ends a submission, and counts; with the flag the entries behind it are submitted too.
fn submit_all(cx: &mut Context) -> Run {
    // SAFETY: it names no memory.
    let bad = unsafe { Op::new(u8::MAX, -1, |_| {}) };
    let ops = [nop(), nop(), nop(), nop(), bad, bad];
    let mut all = ring(cx, IORING_SETUP_SUBMIT_ALL)?;
    let mut some = Ring::new(8, 0)?;
    for (what, ring, expected) in [("with the flag", &mut all, 6), ("without it", &mut some, 5)] {
        ring.push(&ops);
        ensure_eq!(Res(ring.submit()), Res(expected), "submitted {what}");
        let results: Vec<i32> = ring
            .finish(expected as usize)?
            .iter()
            .map(|c| c.res)
            .collect();
        let errno = -libc::EINVAL;
        ensure_eq!(
            results,
            [0, 0, 0, 0, errno, errno][..expected as usize],
            "results {what}"
        );
    }
    // What was not taken stays in the queue.
    ensure_eq!(Res(some.submit()), Res(1), "submitted in the second call");
    ensure_eq!(
        Res(some.wait()?.res),
        Res(-libc::EINVAL),
        "result of the last"
    );
    pass()
}

/// The flag goes with COOP_TASKRUN, and not alone or with a polling thread.
fn taskrun_flag(cx: &mut Context) -> Run {
    let flags = IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN;
    runs(&mut ring(cx, flags)?)?;
    refuses_flags(&[
        ("alone", IORING_SETUP_TASKRUN_FLAG),
        ("with SQPOLL", flags | IORING_SETUP_SQPOLL),
    ])
}

/// The flag in the ring tells that completions wait for a call, and goes when they are fetched.
fn taskrun_flag_deferred(cx: &mut Context) -> Run {
    let deferring = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
    let mut ring = ring(cx, IORING_SETUP_TASKRUN_FLAG | deferring)?;
    let taskrun = |ring: &Ring| {
        let flags = ring
            .sq_word(ring.params().sq_off.flags)
            .load(Ordering::Relaxed);
        flags & IORING_SQ_TASKRUN != 0
    };
    let (read, write) = pipe()?;
    ring.start(&[poll_add(&read, libc::POLLIN)])?;
    ensure!(!taskrun(&ring), "set before anything happened");
    File::from(write).write_all(b"x")?;
    ensure!(taskrun(&ring), "clear while a completion waits");
    ring.wait()?;
    ensure!(!taskrun(&ring), "set after the completion was fetched");
    pass()
}
