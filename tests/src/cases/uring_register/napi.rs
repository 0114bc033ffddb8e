//! Busy polling of network queues.

use safe::uring::raw::Builder;
use safe::uring::raw::types::{Napi, NapiTracking};
use uring_sys::*;

use super::{case, with};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::typed::{Typed, all_refused, refused};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/napi/bad",
        &["IORING_REGISTER_NAPI", "IORING_UNREGISTER_NAPI"],
        (6, 9),
        bad,
    ),
    case(
        "uring/register/napi/dynamic",
        &["IORING_REGISTER_NAPI", "IORING_UNREGISTER_NAPI"],
        (6, 9),
        dynamic,
    ),
    case(
        "uring/register/napi/static",
        &[
            "IO_URING_NAPI_TRACKING_STATIC",
            "IO_URING_NAPI_REGISTER_OP",
            "IO_URING_NAPI_TRACKING_DYNAMIC",
            "IO_URING_NAPI_STATIC_ADD_ID",
            "IO_URING_NAPI_STATIC_DEL_ID",
            "IO_URING_NAPI_TRACKING_INACTIVE",
        ],
        (6, 13),
        named,
    ),
];

/// What a socket would answer to SO_INCOMING_NAPI_ID: ids begin behind the CPUs' numbers.
const ID: u32 = 100_000;

/// Settings are answered when others take their place.
fn dynamic(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let mut napi = Napi::new()
        .set_busy_poll_timeout(50)
        .set_prefer_busy_poll(true);
    cx.accepted_call(ring.submitter().register_napi(&mut napi))?;
    let told = |napi: &Napi| (napi.busy_poll_timeout(), napi.prefer_busy_poll());
    ensure_eq!(told(&napi), (0, false), "the first settings");
    let mut napi = Napi::new().set_busy_poll_timeout(7);
    ring.submitter().register_napi(&mut napi)?;
    ensure_eq!(told(&napi), (50, true), "the second settings");
    let mut napi = Napi::new();
    ring.submitter().unregister_napi(&mut napi)?;
    ensure_eq!(told(&napi), (7, false), "the last settings");
    pass()
}

/// Queues are added and removed by id where tracking is static, and only there.
fn named(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let submitter = ring.submitter();
    let mut napi = Napi::new().set_tracking(NapiTracking::Static);
    cx.accepted_call(submitter.register_napi(&mut napi))?;
    ensure_eq!(napi.tracking(), Some(NapiTracking::Inactive), "at first");
    napi = Napi::new().set_tracking(NapiTracking::Static);
    submitter.register_napi(&mut napi)?;
    ensure_eq!(napi.tracking(), Some(NapiTracking::Static), "then");
    let track = |how| submitter.register_napi(&mut Napi::new().set_tracking(how));
    submitter.register_napi_add_id(ID)?;
    submitter.register_napi_add_id(ID + 1)?;
    all_refused([
        (
            "there already",
            submitter.register_napi_add_id(ID),
            libc::EEXIST,
        ),
        (
            "not there",
            submitter.register_napi_del_id(ID + 2),
            libc::ENOENT,
        ),
        ("no id", submitter.register_napi_add_id(0), libc::EINVAL),
    ])?;
    submitter.register_napi_del_id(ID)?;
    refused(
        "removed twice",
        submitter.register_napi_del_id(ID),
        libc::ENOENT,
    )?;
    refused("no tracking", track(NapiTracking::Inactive), libc::EINVAL)?;
    track(NapiTracking::Dynamic)?;
    refused(
        "an id without static tracking",
        submitter.register_napi_add_id(ID),
        libc::EINVAL,
    )?;
    // Another way of tracking forgets the ids.
    track(NapiTracking::Static)?;
    refused(
        "an id from before",
        submitter.register_napi_del_id(ID + 1),
        libc::ENOENT,
    )
}

/// Rings that poll otherwise, unknown ways of tracking, what is reserved.
fn bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    cx.accepted_call(ring.submitter().register_napi(&mut Napi::new()))?;
    let polling = Typed::with(Builder::setup_iopoll)?;
    let of_iopoll = polling.submitter().register_napi(&mut Napi::new());
    refused("a ring that polls devices", of_iopoll, libc::EINVAL)?;
    let good = io_uring_napi::default();
    let reserved = io_uring_napi { resv: 1, ..good };
    let unknown = io_uring_napi {
        op_param: 77,
        ..good
    };
    let operation = io_uring_napi { opcode: 9, ..good };
    let opcode = IORING_REGISTER_NAPI;
    // SAFETY: the struct names no memory.
    let table = unsafe {
        [
            (
                "what is reserved",
                with(&ring, opcode, reserved, 1),
                libc::EINVAL,
            ),
            (
                "an unknown way of tracking",
                with(&ring, opcode, unknown, 1),
                libc::EINVAL,
            ),
            (
                "an unknown operation",
                with(&ring, opcode, operation, 1),
                libc::EINVAL,
            ),
            ("two structs", with(&ring, opcode, good, 2), libc::EINVAL),
            (
                "two structs to unregister",
                with(&ring, IORING_UNREGISTER_NAPI, good, 2),
                libc::EINVAL,
            ),
        ]
    };
    all_refused(table)
}
