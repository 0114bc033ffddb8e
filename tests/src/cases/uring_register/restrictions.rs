//! What a ring may do, said while it is disabled.

use safe::uring::raw::Builder;
use safe::uring::raw::register::{Probe, Restriction};
use uring_sys::*;

use super::{bare, with};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ring::ops::{nanosecond, nop, timeout};
use crate::support::names::{Errno, Res};
use crate::typed::{Typed, all_refused, errno, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/register/restrictions/bad",
        &["IORING_REGISTER_RESTRICTIONS"],
        kernel(5, 10),
        bad,
    ),
    Case::new(
        "uring/register/restrictions/empty",
        &["IORING_REGISTER_RESTRICTIONS"],
        kernel(5, 10),
        empty,
    ),
    Case::new(
        "uring/register/restrictions/register_op",
        &[
            "IORING_RESTRICTION_REGISTER_OP",
            "IORING_REGISTER_RESTRICTIONS",
        ],
        kernel(5, 10),
        register_op,
    ),
    Case::new(
        "uring/register/restrictions/sqe_flags",
        &[
            "IORING_RESTRICTION_SQE_FLAGS_ALLOWED",
            "IORING_RESTRICTION_SQE_FLAGS_REQUIRED",
            "IORING_REGISTER_RESTRICTIONS",
        ],
        kernel(5, 10),
        sqe_flags,
    ),
    Case::new(
        "uring/register/restrictions/sqe_op",
        &["IORING_RESTRICTION_SQE_OP", "IORING_REGISTER_RESTRICTIONS"],
        kernel(5, 10),
        sqe_op,
    ),
];

/// A ring that is still disabled.
#[track_caller]
fn disabled() -> Result<Typed, Stop> {
    Ok(Typed::with(Builder::setup_r_disabled)?)
}

/// An enabled ring that may do this.
#[track_caller]
fn restricted(rules: &[Restriction]) -> Result<Typed, Stop> {
    let ring = disabled()?;
    ring.submitter().register_restrictions(rules)?;
    ring.submitter().register_enable_rings()?;
    Ok(ring)
}

/// Operations that are not in the list complete with EACCES.
fn sqe_op(_: &mut Context) -> Run {
    let mut ring = restricted(&[Restriction::sqe_op(IORING_OP_NOP)])?;
    ensure_eq!(
        Res(ring.run(nop())?.res),
        Res(0),
        "an operation in the list"
    );
    let other = ring.run(timeout(nanosecond(), 0, 0))?;
    ensure_eq!(Res(other.res), Res(-libc::EACCES), "another operation");
    ensure_eq!(Res(ring.run(nop())?.res), Res(0), "the ring afterwards");
    // Without a word about flags there may be none; without one about registering, nothing may be registered.
    let with_flag = ring.run(nop().with(IOSQE_ASYNC))?;
    ensure_eq!(Res(with_flag.res), Res(-libc::EACCES), "a flag");
    Ok(())
}

/// Flags that are not allowed, and missing ones that are required.
fn sqe_flags(_: &mut Context) -> Run {
    let mut ring = restricted(&[
        Restriction::sqe_op(IORING_OP_NOP),
        Restriction::sqe_flags_allowed(IOSQE_IO_DRAIN),
        Restriction::sqe_flags_required(IOSQE_ASYNC),
    ])?;
    for (flags, expected) in [
        (IOSQE_ASYNC, 0),
        (IOSQE_ASYNC | IOSQE_IO_DRAIN, 0),
        (0, -libc::EACCES),
        (IOSQE_IO_DRAIN, -libc::EACCES),
        (IOSQE_ASYNC | IOSQE_IO_LINK, -libc::EACCES),
    ] {
        let res = ring.run(nop().with(flags))?.res;
        ensure_eq!(Res(res), Res(expected), "NOP with flags {flags:#x}");
    }
    pass()
}

/// Registrations that are not in the list are refused.
fn register_op(_: &mut Context) -> Run {
    let allowed = [
        IORING_REGISTER_PROBE as u8,
        IORING_REGISTER_ENABLE_RINGS as u8,
    ];
    let ring = restricted(&allowed.map(Restriction::register_op))?;
    let submitter = ring.submitter();
    submitter.register_probe(&mut Probe::new())?;
    all_refused([
        (
            "another",
            submitter.register_personality().map(drop),
            libc::EACCES,
        ),
        (
            "undoing another",
            submitter.unregister_files(),
            libc::EACCES,
        ),
    ])
}

/// An empty list, where it is one, allows nothing.
fn empty(cx: &mut Context) -> Run {
    let mut ring = disabled()?;
    match ring.submitter().register_restrictions(&[]) {
        Ok(()) => {
            cx.note("an empty list is one");
            ring.submitter().register_enable_rings()?;
            ensure_eq!(Res(ring.run(nop())?.res), Res(-libc::EACCES), "NOP");
            let personality = ring.submitter().register_personality();
            refused("a registration", personality, libc::EACCES)
        }
        Err(error) => {
            ensure_eq!(errno(&error).0, libc::EINVAL, "errno of an empty list");
            cx.note("an empty list is refused");
            pass()
        }
    }
}

/// At the wrong time, twice, and rules that are none.
fn bad(cx: &mut Context) -> Run {
    let (enabled, ring) = (Typed::new()?, disabled()?);
    let rule = Restriction::sqe_op(IORING_OP_NOP);
    let unknown = io_uring_restriction {
        opcode: 4,
        ..Default::default()
    };
    let opcode = IORING_REGISTER_RESTRICTIONS;
    let nowhere = std::ptr::without_provenance(16);
    // SAFETY: the struct names no memory, and there is none at the address.
    let by_hand = unsafe {
        [
            with(&ring, opcode, unknown, 1).map(drop),
            bare(&ring, opcode, nowhere, 1).map(drop),
        ]
    };
    let [unknown, nowhere] = by_hand;
    let register =
        |ring: &Typed, rules: &[Restriction]| ring.submitter().register_restrictions(rules);
    all_refused([
        ("an enabled ring", register(&enabled, &[rule]), libc::EBADFD),
        (
            "an unknown opcode",
            register(&ring, &[Restriction::sqe_op(255)]),
            libc::EINVAL,
        ),
        (
            "an unknown registration",
            register(&ring, &[Restriction::register_op(255)]),
            libc::EINVAL,
        ),
        (
            "more rules than there can be",
            register(&ring, &[rule; 4096]),
            libc::EINVAL,
        ),
        ("an unknown kind of rule", unknown, libc::EINVAL),
        ("an array that is not there", nowhere, libc::EFAULT),
    ])?;
    // Other registrations have their time later.
    let early = ring.submitter().register_personality();
    match early {
        Ok(_) => cx.note("a disabled ring registers a personality"),
        Err(error) => {
            let errno = errno(&error);
            ensure_eq!(errno.0, libc::EBADFD, "a personality for a disabled ring");
            cx.note("a disabled ring registers no personality");
        }
    }
    register(&ring, &[rule])?;
    refused("twice", register(&ring, &[rule]), libc::EBUSY)?;
    ring.submitter().register_enable_rings()?;
    // The restrictions forbid it, and the ring is past it: kernels differ in which they look at first.
    let late = register(&ring, &[rule]).map_err(|error| errno(&error));
    ensure!(
        [Err(Errno(libc::EACCES)), Err(Errno(libc::EBADFD))].contains(&late),
        "when enabled: {late:?}"
    );
    pass()
}
