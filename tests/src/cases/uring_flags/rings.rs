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
        "uring/flags/registers/bad",
        &[
            "io_uring_register",
            "IORING_REGISTER_SRC_REGISTERED",
            "IORING_REGISTER_DST_REPLACE",
            "IOU_PBUF_RING_MMAP",
            "IOU_PBUF_RING_INC",
            "IORING_RSRC_REGISTER_SPARSE",
            "IORING_REGISTER_FILES_SKIP",
            "IORING_REGISTER_QUERY",
            "IORING_REGISTER_USE_REGISTERED_RING",
        ],
        kernel(5, 6),
        registers,
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

/// Flags of registered things, each with a bit that no kernel knows. What knows no flag or operation at all says the same.
fn registers(_: &mut Context) -> Run {
    let ring = Ring::new(16, 0)?;
    for flag in [IORING_REGISTER_SRC_REGISTERED, IORING_REGISTER_DST_REPLACE] {
        let flags = flag | 1 << 20;
        let clone = io_uring_clone_buffers {
            flags,
            ..Default::default()
        };
        refused(&ring, IORING_REGISTER_CLONE_BUFFERS, clone, 1)?;
    }
    for flag in [IOU_PBUF_RING_MMAP, IOU_PBUF_RING_INC] {
        let group = io_uring_buf_reg {
            ring_entries: 4,
            flags: flag | 1 << 10,
            ..Default::default()
        };
        refused(&ring, IORING_REGISTER_PBUF_RING, group, 1)?;
    }
    let files = io_uring_rsrc_register {
        nr: 4,
        flags: IORING_RSRC_REGISTER_SPARSE | 1 << 20,
        ..Default::default()
    };
    let size = size_of_val(&files) as u32;
    refused(&ring, IORING_REGISTER_FILES2, files, size)?;
    refused(&ring, IORING_REGISTER_QUERY, 0u64, 1)?;
    // SAFETY: there is no registered ring of this number, so nothing is read.
    let res = unsafe {
        let opcode = IORING_REGISTER_PROBE | IORING_REGISTER_USE_REGISTERED_RING;
        io_uring_register(1000, opcode, ptr::null(), 0)
    };
    ensure_eq!(Res(res), Res(-libc::EINVAL), "registered ring 1000");
    let fds = [IORING_REGISTER_FILES_SKIP];
    let update = io_uring_files_update {
        fds: fds.as_ptr().expose_provenance() as u64,
        ..Default::default()
    };
    // SAFETY: `update` names one descriptor, which lives until the call has returned.
    let res = unsafe { ring.register(IORING_REGISTER_FILES_UPDATE, (&raw const update).cast(), 1) };
    ensure_eq!(Res(res), Res(-libc::ENXIO), "slots of no table");
    pass()
}

/// Registering a struct that names no memory fails with -EINVAL.
#[track_caller]
fn refused<T>(ring: &Ring, opcode: u32, argument: T, nr_args: u32) -> Run {
    // SAFETY: `argument` is live during the call, and names nothing.
    let res = unsafe { ring.register(opcode, (&raw const argument).cast(), nr_args) };
    ensure_eq!(Res(res), Res(-libc::EINVAL), "register operation {opcode}");
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
