//! What becomes of a ring when threads and processes come and go.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;

use safe::error::RingError;
use uring_sys::*;

use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::Ring;
use crate::ring::mem::Mem;
use crate::ring::ops::{nop, poll_add, read, seconds, timeout, write};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::fork::forked;
use crate::support::names::Res;
use crate::typed::Typed;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/process/exit",
        &["io_uring_setup"],
        kernel(5, 1),
        exit,
    ),
    Case::new(
        "uring/setup/process/fork",
        &["io_uring_setup"],
        kernel(5, 1),
        fork,
    ),
    Case::new(
        "uring/setup/process/loop",
        &["io_uring_setup"],
        kernel(5, 1),
        reference_loop,
    ),
    Case::new(
        "uring/setup/process/thread",
        &["io_uring_enter", "IOSQE_ASYNC"],
        kernel(5, 6),
        thread,
    ),
];

/// A process ends though polls, timeouts and blocked workers are pending, with a polling thread too.
fn exit(_: &mut Context) -> Run {
    for flags in [0, IORING_SETUP_SQPOLL] {
        let ended = forked(|| {
            let pending = || -> Run {
                let mut ring = Ring::new(8, flags)?;
                let (reader, _writer) = pipe()?;
                let blocked = read(IORING_OP_READ, &reader, Mem::zeroed(1), -1);
                ring.push(&[
                    poll_add(&reader, libc::POLLIN),
                    timeout(seconds(1000), 0, 0),
                    blocked,
                    blocked.with(IOSQE_ASYNC),
                    nop().tag(1),
                ]);
                ring.submit();
                let cqe = ring.wait()?;
                ensure_eq!(cqe.user_data, 1, "the NOP");
                pass()
            };
            u8::from(pending().is_err())
        })?;
        ensure_eq!(
            ended.code(),
            Some(0),
            "end of a process, ring with flags {flags:#x}"
        );
    }
    pass()
}

/// The memory is shared: a child sees its parent's completions. The typed layer keeps them from it.
fn fork(_: &mut Context) -> Run {
    let mut ring = Ring::new(8, 0)?;
    ring.start(&[nop().tag(5)])?;
    let child = forked(|| u8::from(ring.reap().is_none_or(|cqe| cqe.user_data != 5)))?;
    ensure_eq!(child.code(), Some(0), "the child sees the completion");
    ensure!(ring.reap().is_none(), "what the child took is there still");
    let mut typed = Typed::new()?;
    typed.start(&[nop().tag(6)])?;
    let child = forked(|| {
        let nothing = typed.reap().is_none();
        let refused = typed.uring.submit_and_wait(1).is_err_and(|error| {
            let why = error.get_ref().and_then(|why| why.downcast_ref());
            why == Some(&RingError::Forked)
        });
        u8::from(!(nothing && refused))
    })?;
    ensure_eq!(child.code(), Some(0), "the typed ring in the child");
    ensure_eq!(typed.wait()?.user_data, 6, "the parent's completion");
    pass()
}

/// What a thread gave to workers completes when the thread has gone: done, or cancelled where no worker had begun.
fn thread(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 0)?;
    let (reader, writer) = pipe()?;
    let started = std::thread::scope(|scope| {
        let (file, reader) = (&file, &reader);
        scope
            .spawn(move || {
                let mut ring = Typed::new().ok()?;
                let ops: Vec<_> = (0..8)
                    .map(|n| {
                        let part = Mem::of(&pattern(n * 100..(n + 1) * 100));
                        let op = write(IORING_OP_WRITE, file, part, n as i64 * 100);
                        op.with(IOSQE_ASYNC).tag(n as u64)
                    })
                    .chain([poll_add(reader, libc::POLLIN).tag(8)])
                    .collect();
                ring.start(&ops).ok()?;
                Some(ring)
            })
            .join()
    });
    let mut ring = match started {
        Ok(Some(ring)) => ring,
        _ => return crate::case::fail("the thread could not submit"),
    };
    File::from(writer).write_all(b"x")?;
    let (mut done, mut poll) = (0, None);
    for cqe in ring.finish(9)? {
        match (cqe.user_data, cqe.res) {
            (8, res) => poll = Some(Res(res)),
            (n @ 0..8, 100) => {
                let mut part = [0; 100];
                file.read_exact_at(&mut part, n * 100)?;
                let n = n as usize;
                ensure!(
                    part[..] == pattern(n * 100..(n + 1) * 100),
                    "content of write {n}"
                );
                done += 1;
            }
            (_, res) => ensure_eq!(Res(res), Res(-libc::ECANCELED), "a write that is not done"),
        }
    }
    let expected = [Some(Res(libc::POLLIN.into())), Some(Res(-libc::ECANCELED))];
    ensure!(expected.contains(&poll), "the poll: {poll:?}");
    cx.note(format_args!("{done} of 8 writes done, the poll: {poll:?}"));
    pass()
}

/// Rings that hold each other by polls go with their process: nothing keeps the pipe that one of them polls.
fn reference_loop(_: &mut Context) -> Run {
    let (reader, writer) = pipe()?;
    let ended = forked(|| {
        let hold = || -> Run {
            let (mut one, mut two) = (Typed::new()?, Typed::new()?);
            one.start(&[
                poll_add(&two, libc::POLLIN),
                poll_add(&reader, libc::POLLIN),
            ])?;
            two.start(&[poll_add(&one, libc::POLLIN)])?;
            one.submitter().register_files(&[reader.as_fd()])?;
            pass()
        };
        u8::from(hold().is_err())
    })?;
    ensure_eq!(ended.code(), Some(0), "end of the process");
    drop(reader);
    let mut hung_up = libc::pollfd {
        fd: writer.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: one live struct. No timeout: a case has a time limit.
    ensure_eq!(unsafe { libc::poll(&mut hung_up, 1, -1) }, 1, "poll");
    ensure_eq!(hung_up.revents, libc::POLLERR, "the pipe without readers");
    pass()
}
