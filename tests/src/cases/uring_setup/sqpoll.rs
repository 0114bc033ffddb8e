//! Rings with a kernel thread that submits.

use std::fs;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;
use std::thread;

use uring_sys::*;

use super::{params, refuses, runs};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::Ring;
use crate::ring::ops::nop;
use crate::support::files::pattern_file;
use crate::support::names::Res;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/sqpoll/attach_wq",
        &["IORING_SETUP_ATTACH_WQ"],
        kernel(5, 6),
        attach_wq,
    ),
    Case::new(
        "uring/setup/sqpoll/attach_wq-bad",
        &["IORING_SETUP_ATTACH_WQ"],
        kernel(5, 6),
        attach_wq_bad,
    ),
    Case::new(
        "uring/setup/sqpoll/sq_aff",
        &["IORING_SETUP_SQ_AFF", "IORING_SETUP_SQPOLL"],
        kernel(5, 1),
        sq_aff,
    ),
    Case::new(
        "uring/setup/sqpoll/sq_aff-bad",
        &["IORING_SETUP_SQ_AFF", "IORING_SETUP_SQPOLL"],
        kernel(5, 1),
        sq_aff_bad,
    ),
    Case::new(
        "uring/setup/sqpoll/sq_wait",
        &["IORING_ENTER_SQ_WAIT", "IORING_SETUP_SQPOLL"],
        kernel(5, 10),
        sq_wait,
    ),
    Case::new(
        "uring/setup/sqpoll/submits",
        &[
            "IORING_SETUP_SQPOLL",
            "IORING_SQ_NEED_WAKEUP",
            "IORING_ENTER_SQ_WAKEUP",
        ],
        kernel(5, 1),
        submits,
    ),
];

/// Parameters of a ring whose thread does not go to sleep before the case ends.
fn polled(flags: u32) -> io_uring_params {
    io_uring_params {
        sq_thread_idle: 60_000,
        ..params(IORING_SETUP_SQPOLL | flags)
    }
}

/// A ring shares the workers of another, and with SQPOLL its thread.
fn attach_wq(_: &mut Context) -> Run {
    for flags in [0, IORING_SETUP_SQPOLL] {
        let mut first = Ring::new(8, flags)?;
        let wq_fd = first.as_raw_fd() as u32;
        let attached = io_uring_params {
            wq_fd,
            ..params(flags | IORING_SETUP_ATTACH_WQ)
        };
        let mut second = Ring::with(8, attached)?;
        runs(&mut first)?;
        runs(&mut second)?;
        drop(first);
        runs(&mut second)?;
    }
    pass()
}

/// What is attached to must be a ring.
fn attach_wq_bad(cx: &mut Context) -> Run {
    use std::os::fd::AsRawFd;
    let file = pattern_file(cx, "f", 1)?;
    let attach = |fd: i32| {
        Ring::with(
            8,
            io_uring_params {
                wq_fd: fd as u32,
                ..params(IORING_SETUP_ATTACH_WQ)
            },
        )
    };
    refuses("no descriptor", attach(-1), libc::ENXIO)?;
    refuses("a file", attach(file.as_raw_fd()), libc::EINVAL)
}

/// The first processor that this process may run on.
fn first_cpu() -> Result<usize, Stop> {
    allowed_cpus(0)?
        .first()
        .copied()
        .ok_or_else(|| Stop::failed("no processor"))
}

/// The processors that a thread may run on; 0 is this one.
fn allowed_cpus(tid: libc::pid_t) -> Result<Vec<usize>, Stop> {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: `set` is writable, of the size told.
    if unsafe { libc::sched_getaffinity(tid, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) } != 0
    {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: an array of integers, all of them zeroed before.
    let set = unsafe { set.assume_init() };
    // SAFETY: the number is below the size of the set.
    Ok((0..1024)
        .filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) })
        .collect())
}

/// The thread runs on the processor that was named.
fn sq_aff(cx: &mut Context) -> Run {
    let cpu = first_cpu()?;
    let mut ring = Ring::with(
        8,
        io_uring_params {
            sq_thread_cpu: cpu as u32,
            ..polled(IORING_SETUP_SQ_AFF)
        },
    )?;
    runs(&mut ring)?;
    for task in fs::read_dir("/proc/self/task").into_iter().flatten() {
        let task = task?;
        if fs::read_to_string(task.path().join("comm"))?.starts_with("iou-sqp-") {
            let tid = task.file_name().to_string_lossy().parse()?;
            ensure_eq!(allowed_cpus(tid)?, [cpu], "processors of the thread");
            cx.note(format_args!("thread {tid} on {cpu} alone"));
        }
    }
    pass()
}

/// A processor that is not there, and a processor without a thread.
fn sq_aff_bad(_: &mut Context) -> Run {
    refuses(
        "without SQPOLL",
        Ring::new(8, IORING_SETUP_SQ_AFF),
        libc::EINVAL,
    )?;
    for sq_thread_cpu in [1 << 20, u32::MAX] {
        let params = io_uring_params {
            sq_thread_cpu,
            ..polled(IORING_SETUP_SQ_AFF)
        };
        refuses(
            &format!("processor {sq_thread_cpu}"),
            Ring::with(8, params),
            libc::EINVAL,
        )?;
    }
    pass()
}

/// The wait for room in the submission queue ends when there is some.
fn sq_wait(_: &mut Context) -> Run {
    let mut ring = Ring::with(1, polled(0))?;
    for i in 0..100 {
        ring.start(&[nop().tag(i)])?;
        ensure_eq!(
            Res(ring.enter(0, 0, IORING_ENTER_SQ_WAIT)),
            Res(0),
            "wait {i}"
        );
        let head = ring
            .sq_word(ring.params().sq_off.head)
            .load(Ordering::Acquire);
        ensure_eq!(head, i as u32 + 1, "head after wait {i}");
        ensure_eq!(ring.wait()?.user_data, i, "user_data");
    }
    pass()
}

/// Once awake, the thread takes what is published without any call.
fn submits(_: &mut Context) -> Run {
    let mut ring = Ring::with(8, polled(0))?;
    // The first wakes it, if need be.
    runs(&mut ring)?;
    let flags = ring
        .sq_word(ring.params().sq_off.flags)
        .load(Ordering::Relaxed);
    ensure_eq!(
        flags & IORING_SQ_NEED_WAKEUP,
        0,
        "the thread sleeps before its time"
    );
    ring.push(&[nop().tag(77)]);
    ring.sq_word(ring.params().sq_off.tail)
        .fetch_add(1, Ordering::Release);
    let cqe = loop {
        if let Some(cqe) = ring.reap() {
            break cqe;
        }
        thread::yield_now();
    };
    ensure_eq!(cqe.user_data, 77, "user_data");
    pass()
}
