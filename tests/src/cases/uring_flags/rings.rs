//! The flags of entries, of set-up, of entering, and of registered things.

use std::ptr;

use uring_sys::*;

use super::with_unknown;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::ring::Ring;
use crate::ring::ops::nop;
use crate::support::names::Res;

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/flags/enter/bad",
        &[
            "io_uring_enter",
            "IORING_ENTER_GETEVENTS",
            "IORING_ENTER_SQ_WAKEUP",
            "IORING_ENTER_SQ_WAIT",
            "IORING_ENTER_EXT_ARG",
            "IORING_ENTER_REGISTERED_RING",
            "IORING_ENTER_ABS_TIMER",
            "IORING_ENTER_EXT_ARG_REG",
            "IORING_ENTER_NO_IOWAIT",
        ],
        kernel(5, 1),
        enter,
    ),
    Case::new(
        "uring/flags/restrictions/bad",
        &[
            "IORING_REGISTER_RESTRICTIONS",
            "IORING_RESTRICTION_REGISTER_OP",
            "IORING_RESTRICTION_SQE_OP",
            "IORING_RESTRICTION_SQE_FLAGS_ALLOWED",
            "IORING_RESTRICTION_SQE_FLAGS_REQUIRED",
            "IORING_REGISTER_ENABLE_RINGS",
        ],
        kernel(5, 10),
        restrictions,
    ),
    Case::new(
        "uring/flags/setup/bad",
        &[
            "io_uring_setup",
            "IORING_SETUP_IOPOLL",
            "IORING_SETUP_SQPOLL",
            "IORING_SETUP_SQ_AFF",
            "IORING_SETUP_CQSIZE",
            "IORING_SETUP_CLAMP",
            "IORING_SETUP_ATTACH_WQ",
            "IORING_SETUP_R_DISABLED",
            "IORING_SETUP_SUBMIT_ALL",
            "IORING_SETUP_COOP_TASKRUN",
            "IORING_SETUP_TASKRUN_FLAG",
            "IORING_SETUP_SQE128",
            "IORING_SETUP_CQE32",
            "IORING_SETUP_SINGLE_ISSUER",
            "IORING_SETUP_DEFER_TASKRUN",
            "IORING_SETUP_NO_MMAP",
            "IORING_SETUP_REGISTERED_FD_ONLY",
            "IORING_SETUP_NO_SQARRAY",
            "IORING_SETUP_HYBRID_IOPOLL",
            "IORING_SETUP_CQE_MIXED",
            "IORING_SETUP_SQE_MIXED",
            "IORING_SETUP_SQ_REWIND",
        ],
        kernel(5, 1),
        setup,
    ),
    Case::new(
        "uring/flags/sqe/bad",
        &[
            "IORING_OP_NOP",
            "IOSQE_FIXED_FILE",
            "IOSQE_IO_DRAIN",
            "IOSQE_IO_LINK",
            "IOSQE_IO_HARDLINK",
            "IOSQE_ASYNC",
            "IOSQE_BUFFER_SELECT",
            "IOSQE_CQE_SKIP_SUCCESS",
        ],
        kernel(5, 1),
        sqe,
    ),
];

fn enter(_: &mut Context) -> Run {
    let ring = Ring::new(16, 0)?;
    for flag in [
        IORING_ENTER_GETEVENTS,
        IORING_ENTER_SQ_WAKEUP,
        IORING_ENTER_SQ_WAIT,
        IORING_ENTER_EXT_ARG,
        IORING_ENTER_REGISTERED_RING,
        IORING_ENTER_ABS_TIMER,
        IORING_ENTER_EXT_ARG_REG,
        IORING_ENTER_NO_IOWAIT,
    ] {
        let res = ring.enter(0, 0, flag | 1 << 30);
        ensure_eq!(Res(res), Res(-libc::EINVAL), "flag {flag:#x}");
    }
    pass()
}

/// Each kind of restriction, and the end of them, for a ring that is not disabled.
fn restrictions(_: &mut Context) -> Run {
    let ring = Ring::new(16, 0)?;
    for kind in [
        IORING_RESTRICTION_REGISTER_OP,
        IORING_RESTRICTION_SQE_OP,
        IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
        IORING_RESTRICTION_SQE_FLAGS_REQUIRED,
    ] {
        let restriction = io_uring_restriction {
            opcode: kind,
            ..Default::default()
        };
        let arg = (&raw const restriction).cast();
        // SAFETY: `arg` is the one struct that it reads.
        let res = unsafe { ring.register(IORING_REGISTER_RESTRICTIONS, arg, 1) };
        ensure_eq!(Res(res), Res(-libc::EBADFD), "restriction {kind}");
    }
    for (what, arguments, errno) in [
        ("enabled", 0, libc::EBADFD),
        ("an argument", 1, libc::EINVAL),
    ] {
        // SAFETY: it reads no memory.
        let res = unsafe { ring.register(IORING_REGISTER_ENABLE_RINGS, ptr::null(), arguments) };
        ensure_eq!(Res(res), Res(-errno), "{what}");
    }
    pass()
}

fn setup(_: &mut Context) -> Run {
    for bit in 0..31 {
        let mut params = io_uring_params {
            flags: 1 << bit | 1 << 31,
            ..Default::default()
        };
        // SAFETY: `params` is the struct that it reads and writes. No ring comes of it, or the case fails.
        let res = unsafe { io_uring_setup(8, &mut params) };
        ensure_eq!(Res(res), Res(-libc::EINVAL), "flags {:#x}", params.flags);
    }
    pass()
}

fn sqe(_: &mut Context) -> Run {
    let flags = [
        IOSQE_FIXED_FILE,
        IOSQE_IO_DRAIN,
        IOSQE_IO_LINK,
        IOSQE_IO_HARDLINK,
        IOSQE_ASYNC,
        IOSQE_BUFFER_SELECT,
        IOSQE_CQE_SKIP_SUCCESS,
    ];
    with_unknown(nop(), &flags, 0x80, |sqe, flags| sqe.flags = flags)
}
