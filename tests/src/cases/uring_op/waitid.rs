//! WAITID.

use std::fs::File;
use std::io::Read;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::cancel;
use crate::support::files::pipe;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const ITEM: &[&str] = &["IORING_OP_WAITID"];

pub(super) static CASES: &[Case] = &[
    case("uring/op/waitid/bad", ITEM, (6, 7), bad),
    case(
        "uring/op/waitid/cancel",
        &["IORING_OP_WAITID", "IORING_OP_ASYNC_CANCEL"],
        (6, 7),
        cancelled,
    ),
    case("uring/op/waitid/child", ITEM, (6, 7), child),
];

fn waitid(kind: u32, id: i32, options: i32, info: Option<Mem>) -> Op {
    // SAFETY: the kernel writes a `siginfo_t` of 128 bytes at `addr2`, if anything; it has a page and is never given back.
    unsafe {
        Op::new(IORING_OP_WAITID, id, |sqe| {
            sqe.len = kind;
            sqe.set_file_index(options as u32);
            sqe.set_addr2(info.map_or(0, Mem::addr));
        })
    }
}

/// A child that ends with `status` when the file is closed.
fn fork(status: i32) -> Result<(libc::pid_t, File), Stop> {
    let (reader, writer) = pipe()?;
    // SAFETY: this process has one thread. The child reads from a pipe and ends, and allocates nothing.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error().into()),
        0 => {
            drop(writer);
            let _ = File::from(reader).read(&mut [0]);
            // SAFETY: _exit(2) takes a number.
            unsafe { libc::_exit(status) }
        }
        pid => Ok((pid, File::from(writer))),
    }
}

/// No child, and options, kinds and addresses that are wrong.
fn bad(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let op = waitid(libc::P_ALL, 0, libc::WEXITED, None);
    let res = ring.run(op)?.res;
    cx.accepted(if res == -libc::ECHILD { 0 } else { res })?;
    let (pid, writer) = fork(0)?;
    drop(writer);
    let info = Mem::zeroed(128);
    refuses(
        &mut ring,
        &[
            ("no options", waitid(libc::P_ALL, 0, 0, None), libc::EINVAL),
            (
                "unknown options",
                waitid(libc::P_ALL, 0, 1 << 20, None),
                libc::EINVAL,
            ),
            ("kind 99", waitid(99, 0, libc::WEXITED, None), libc::EINVAL),
            (
                "process 0",
                waitid(libc::P_PID, 0, libc::WEXITED, None),
                libc::EINVAL,
            ),
            (
                "this process",
                waitid(libc::P_PID, std::process::id() as i32, libc::WEXITED, None),
                libc::ECHILD,
            ),
            ("flags of the opcode", op.op_flags(1), libc::EINVAL),
            (
                "no room for the answer",
                waitid(libc::P_PID, pid, libc::WEXITED | libc::WNOWAIT, Some(info)).nowhere2(),
                libc::EFAULT,
            ),
        ],
    )
}

/// A wait for a child that lives on is cancelled.
fn cancelled(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (pid, _writer) = fork(0)?;
    ring.start(&[waitid(libc::P_PID, pid, libc::WEXITED, None).tag(1)])?;
    if let Some(cqe) = ring.reap() {
        cx.accepted(cqe.res)?;
    }
    ring.start(&[cancel(1, 0).tag(2)])?;
    let got = ring.finish(2)?;
    ensure_eq!(Res(got[0].res), Res(-libc::ECANCELED), "the wait");
    // Kernels count here what they cancelled, as they do not elsewhere.
    ensure!(
        [0, 1].contains(&got[1].res),
        "cancellation: {}",
        Res(got[1].res)
    );
    cx.note(format_args!("cancellation gives {}", got[1].res));
    pass()
}

/// A child that ends later tells its status, and is gone afterwards.
fn child(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let (pid, writer) = fork(42)?;
    let info = Mem::zeroed(128);
    ring.start(&[waitid(libc::P_PID, pid, libc::WEXITED, Some(info))])?;
    if let Some(cqe) = ring.reap() {
        cx.accepted(cqe.res)?;
        return Err(Stop::failed("completed although the child lives"));
    }
    drop(writer);
    ensure_eq!(Res(ring.wait()?.res), Res(0), "result");
    // SAFETY: the memory has the size of a `siginfo_t`, which is plain numbers and pointers that nobody follows.
    let info = unsafe { info.as_ptr().cast::<libc::siginfo_t>().read() };
    // SAFETY: the kernel filled the struct for a child.
    let (child, status) = unsafe { (info.si_pid(), info.si_status()) };
    ensure_eq!(
        (info.si_signo, info.si_code),
        (libc::SIGCHLD, libc::CLD_EXITED),
        "kind of the answer"
    );
    ensure_eq!((child, status), (pid, 42), "the child and its status");
    let again = waitid(libc::P_PID, pid, libc::WEXITED, None);
    refuses(&mut ring, &[("once more", again, libc::ECHILD)])?;
    // One that has ended already completes at once.
    let (pid, writer) = fork(0)?;
    drop(writer);
    let res = ring.run(waitid(libc::P_PID, pid, libc::WEXITED, None))?.res;
    ensure!(res == 0, "result without room for the answer: {}", Res(res));
    pass()
}
