//! The flags that any entry can have: links, drain, asynchronous execution, completions left out, fixed files.

use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{case, refuses, register_files, results, ring};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::{nanosecond, nop, poll_add, read, timeout};
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/op/link/async",
        &["IOSQE_ASYNC", "IORING_OP_READ"],
        kernel(5, 6),
        asynchronous,
    ),
    Case::new("uring/op/link/bad", &["io_uring_sqe"], kernel(5, 1), bad),
    case(
        "uring/op/link/cqe_skip",
        &["IOSQE_CQE_SKIP_SUCCESS", "IOSQE_IO_LINK"],
        (5, 17),
        cqe_skip,
    ),
    case(
        "uring/op/link/cqe_skip-drain",
        &["IOSQE_CQE_SKIP_SUCCESS", "IOSQE_IO_DRAIN"],
        (5, 17),
        cqe_skip_drain,
    ),
    Case::new(
        "uring/op/link/drain",
        &["IOSQE_IO_DRAIN", "IORING_OP_POLL_ADD"],
        kernel(5, 2),
        drain,
    ),
    Case::new(
        "uring/op/link/fixed_file",
        &["IOSQE_FIXED_FILE", "IORING_OP_READ"],
        kernel(5, 6),
        fixed_file,
    ),
    Case::new(
        "uring/op/link/hardlink",
        &["IOSQE_IO_HARDLINK", "IORING_OP_TIMEOUT"],
        kernel(5, 5),
        hardlink,
    ),
    Case::new(
        "uring/op/link/link",
        &["IOSQE_IO_LINK", "IORING_OP_READ"],
        kernel(5, 6),
        link,
    ),
    Case::new(
        "uring/op/link/short_read",
        &["IOSQE_IO_LINK", "IORING_OP_READ"],
        kernel(5, 6),
        short_read,
    ),
];

/// An operation that fails when it runs, not when it is submitted.
fn failing(cx: &Context) -> Result<Op, crate::case::Stop> {
    let file = pattern_file(cx, "failing", 16)?;
    let op = read(IORING_OP_READ, &file, Mem::zeroed(16), 0).nowhere();
    std::mem::forget(file);
    Ok(op)
}

/// Executed by a worker, an operation gives the same.
fn asynchronous(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 4096)?;
    let mem = Mem::zeroed(4096);
    let cqe = ring.run(read(IORING_OP_READ, &file, mem, 0).with(IOSQE_ASYNC))?;
    ensure_eq!(Res(cqe.res), Res(4096), "result");
    ensure!(mem.get() == pattern(0..4096), "other content than written");
    ensure_eq!(Res(ring.run(nop().with(IOSQE_ASYNC))?.res), Res(0), "NOP");
    pass()
}

/// Bits that no flag has, a personality that nobody registered, a fixed file of none.
fn bad(_: &mut Context) -> Run {
    let mut ring = ring()?;
    refuses(
        &mut ring,
        &[
            ("flag 0x80", nop().with(0x80), libc::EINVAL),
            ("personality 77", nop().personality(77), libc::EINVAL),
            (
                "a fixed file of none",
                poll_add(&0, libc::POLLIN).with(IOSQE_FIXED_FILE),
                libc::EBADF,
            ),
        ],
    )
}

/// With the flag only a failure posts a completion.
fn cqe_skip(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    ring.start(&[nop().with(IOSQE_CQE_SKIP_SUCCESS).tag(1), nop().tag(2)])?;
    let cqe = ring.wait()?;
    cx.accepted(cqe.res)?;
    ensure_eq!(cqe.user_data, 2, "the only completion");
    let chain = IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
    ring.start(&[
        nop().with(chain).tag(1),
        nop().with(chain).tag(2),
        nop().tag(3),
    ])?;
    ensure_eq!(ring.wait()?.user_data, 3, "the completion of a chain");
    // The flagged one that is cancelled with the chain is silent as well.
    ring.start(&[
        nop().with(chain).tag(1),
        failing(cx)?.with(chain).tag(2),
        nop().with(IOSQE_CQE_SKIP_SUCCESS).tag(3),
    ])?;
    let cqe = ring.wait()?;
    ensure_eq!(
        (cqe.user_data, Res(cqe.res)),
        (2, Res(-libc::EFAULT)),
        "the failure in a chain"
    );
    ring.start(&[nop().tag(9)])?;
    ensure_eq!(ring.wait()?.user_data, 9, "the completion after the chain");
    ensure!(
        ring.reap().is_none(),
        "a completion that was to be left out"
    );
    pass()
}

/// Once a completion has been left out, nothing can be drained.
fn cqe_skip_drain(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    ensure_eq!(
        Res(ring.run(nop().with(IOSQE_IO_DRAIN))?.res),
        Res(0),
        "drain before"
    );
    ring.start(&[nop().with(IOSQE_CQE_SKIP_SUCCESS).tag(1), nop().tag(2)])?;
    let cqe = ring.wait()?;
    cx.accepted(cqe.res)?;
    ensure_eq!(cqe.user_data, 2, "the only completion");
    refuses(
        &mut ring,
        &[
            (
                "drain afterwards",
                nop().with(IOSQE_IO_DRAIN),
                libc::EOPNOTSUPP,
            ),
            (
                "both at once",
                nop().with(IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS),
                libc::EOPNOTSUPP,
            ),
        ],
    )
}

/// A drained operation begins when all before it have ended, and those behind it wait for it.
fn drain(_: &mut Context) -> Run {
    use std::io::Write;
    let mut ring = ring()?;
    let (reader, writer) = pipe()?;
    ring.start(&[
        poll_add(&reader, libc::POLLIN).tag(1),
        nop().with(IOSQE_IO_DRAIN).tag(2),
        nop().tag(3),
    ])?;
    ensure!(
        ring.reap().is_none(),
        "completed before the first operation ended"
    );
    std::fs::File::from(writer).write_all(b"x")?;
    for expected in 1..=3 {
        ensure_eq!(ring.wait()?.user_data, expected, "order of completions");
    }
    pass()
}

/// A slot of the registered files stands for the descriptor; an empty one for none.
fn fixed_file(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    register_files(&ring, &[-1, file.as_raw_fd()])?;
    drop(file);
    let mem = Mem::zeroed(100);
    let op = read(IORING_OP_READ, &1, mem, 0).with(IOSQE_FIXED_FILE);
    ensure_eq!(Res(ring.run(op)?.res), Res(100), "result");
    ensure!(mem.get() == pattern(0..100), "other content than written");
    refuses(
        &mut ring,
        &[
            ("an empty slot", op.fd(0), libc::EBADF),
            ("a slot beyond the last", op.fd(2), libc::EBADF),
            ("slot -1", op.fd(-1), libc::EBADF),
        ],
    )
}

/// A hard link goes on after a failure, a link does not.
fn hardlink(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let expired = timeout(nanosecond(), 0, 0);
    let got = results(&mut ring, &[expired.with(IOSQE_IO_HARDLINK), nop()])?;
    ensure_eq!(
        got,
        [Res(-libc::ETIME), Res(0)],
        "hard link behind a timeout"
    );
    let got = results(&mut ring, &[expired.with(IOSQE_IO_LINK), nop()])?;
    ensure_eq!(
        got,
        [Res(-libc::ETIME), Res(-libc::ECANCELED)],
        "link behind a timeout"
    );
    let got = results(
        &mut ring,
        &[
            failing(cx)?.with(IOSQE_IO_HARDLINK),
            nop().with(IOSQE_IO_HARDLINK),
            nop(),
        ],
    )?;
    ensure_eq!(
        got,
        [Res(-libc::EFAULT), Res(0), Res(0)],
        "hard links behind a failed read"
    );
    pass()
}

/// Links run one after the other; a failure cancels the rest of its chain and no other.
fn link(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let linked = nop().with(IOSQE_IO_LINK);
    let canceled = Res(-libc::ECANCELED);
    ensure_eq!(
        results(&mut ring, &[linked, linked, nop()])?,
        [Res(0); 3],
        "a chain"
    );
    let got = results(
        &mut ring,
        &[
            linked,
            failing(cx)?.with(IOSQE_IO_LINK),
            linked,
            nop(),
            linked,
            nop(),
        ],
    )?;
    let expected = [
        Res(0),
        Res(-libc::EFAULT),
        canceled,
        canceled,
        Res(0),
        Res(0),
    ];
    ensure_eq!(got, expected, "a chain that breaks, and another");
    pass()
}

/// A read that gets less than it asked for breaks the chain.
fn short_read(cx: &mut Context) -> Run {
    let mut ring = ring()?;
    let file = pattern_file(cx, "f", 100)?;
    let op = read(IORING_OP_READ, &file, Mem::zeroed(200), 0).with(IOSQE_IO_LINK);
    let got = results(&mut ring, &[op, nop()])?;
    ensure_eq!(got, [Res(100), Res(-libc::ECANCELED)], "results");
    pass()
}
