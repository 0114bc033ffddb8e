//! Filters and restrictions of a task: of every ring that it makes from then on, and that its children make.

use std::io;

use safe::uring::raw::register::{BpfFilter, Restriction, filter_task, restrict_task};
use uring_sys::*;

use super::{ALLOW, DENY, ITEMS, allows, case, nop, socket};
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::kernel::Version;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::support::fork::forked;
use crate::support::names::Errno;

const RESTRICTIONS: &[&str] = &[
    "IORING_REGISTER_RESTRICTIONS",
    "IORING_RESTRICTION_SQE_OP",
    "IORING_RESTRICTION_REGISTER_OP",
];

pub(super) static CASES: &[Case] = &[
    case("uring/filter/task/filter", ITEMS, filter),
    case(
        "uring/filter/task/filter-inherited",
        ITEMS,
        filter_inherited,
    ),
    Case {
        requires: &[Requirement::Root],
        ..case("uring/filter/task/privileges", ITEMS, privileges)
    },
    restrictions("uring/filter/task/restricted", restricted),
    restrictions("uring/filter/task/restricted-all", restricted_all),
    restrictions(
        "uring/filter/task/restricted-inherited",
        restricted_inherited,
    ),
];

/// A case about restrictions, which kernels before 7.0 know of a ring alone; the oldest look for it first.
const fn restrictions(id: &'static str, run: fn(&mut Context) -> Run) -> Case {
    Case::new(id, RESTRICTIONS, kernel(7, 0), run).refused_by(&[libc::EINVAL, libc::EBADF])
}

/// The errno of a call that failed.
pub(super) fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    result.err().and_then(|e| e.raw_os_error()).map(Errno)
}

fn unix() -> Kept {
    socket(libc::AF_UNIX, libc::SOCK_STREAM)
}

/// Rings that are there already go on as before; a ring's own filter comes to the task's.
fn filter(cx: &mut Context) -> Run {
    let mut before = RawRing::plain()?;
    cx.accepted_call(filter_task(&BpfFilter::new(IORING_OP_NOP, &[DENY])))?;
    allows(&mut before, &[("NOP on the ring before", nop(), true)])?;
    let mut after = RawRing::plain()?;
    allows(
        &mut after,
        &[("NOP", nop(), false), ("SOCKET", unix(), true)],
    )?;
    after
        .submitter()
        .register_bpf_filter(&BpfFilter::new(IORING_OP_SOCKET, &[DENY]))?;
    after
        .submitter()
        .register_bpf_filter(&BpfFilter::new(IORING_OP_NOP, &[ALLOW]))?;
    allows(
        &mut after,
        &[("NOP", nop(), false), ("SOCKET", unix(), false)],
    )?;
    let table = [
        ("NOP", nop(), false),
        ("SOCKET on a third ring", unix(), true),
    ];
    allows(&mut RawRing::plain()?, &table)
}

/// Ends a child: 0 if all went well.
fn code(run: Run) -> u8 {
    match run {
        Ok(()) => 0,
        Err(stop) => {
            eprintln!("in the child: {stop:?}");
            1
        }
    }
}

/// A child has its parent's filters; what it adds stays its own.
fn filter_inherited(cx: &mut Context) -> Run {
    cx.accepted_call(filter_task(&BpfFilter::new(IORING_OP_NOP, &[DENY])))?;
    let child = forked(|| {
        code((|| {
            filter_task(&BpfFilter::new(IORING_OP_SOCKET, &[DENY]))?;
            let table = [
                ("NOP in the child", nop(), false),
                ("SOCKET", unix(), false),
            ];
            allows(&mut RawRing::plain()?, &table)
        })())
    })?;
    ensure_eq!(child.code(), Some(0), "exit code of the child");
    let table = [
        ("NOP in the parent", nop(), false),
        ("SOCKET", unix(), true),
    ];
    allows(&mut RawRing::plain()?, &table)
}

/// What the call says in a child: 0, or an errno.
#[track_caller]
fn in_child<T>(call: impl FnOnce() -> io::Result<T>) -> Result<i32, Stop> {
    let child = forked(|| errno(call()).map_or(0, |Errno(errno)| errno as u8))?;
    Ok(child.code().unwrap_or(libc::EIO))
}

/// A task without privileges must have given up to gain some.
fn privileges(cx: &mut Context) -> Run {
    let filter = || filter_task(&BpfFilter::new(IORING_OP_NOP, &[DENY]));
    let restriction = || restrict_task(&[Restriction::sqe_op(IORING_OP_NOP)]);
    // So that an older kernel says first that it knows neither.
    cx.accepted(-in_child(filter)?)?;
    // For good: this process is the case's own.
    // SAFETY: setresuid(2) takes numbers and touches no memory.
    let unprivileged = unsafe { libc::setresuid(65534, 65534, 65534) };
    ensure_eq!(unprivileged, 0, "setresuid");
    for (what, expected) in [("without", libc::EACCES), ("with", 0)] {
        ensure_eq!(
            Errno(in_child(filter)?),
            Errno(expected),
            "a filter {what} no_new_privs"
        );
        let restricted = in_child(restriction)?;
        ensure_eq!(
            Errno(restricted),
            Errno(expected),
            "a list {what} no_new_privs"
        );
        // SAFETY: this option takes numbers and touches no memory.
        let given_up = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        ensure_eq!(given_up, 0, "prctl");
    }
    filter()?;
    ensure_eq!(
        errno(restriction()),
        Some(Errno(libc::EPERM)),
        "a list after a filter"
    );
    pass()
}

/// Only what is listed is done, on rings made afterwards. A list is for ever.
fn restricted(cx: &mut Context) -> Run {
    let mut before = RawRing::plain()?;
    let list = [
        Restriction::sqe_op(IORING_OP_NOP),
        Restriction::register_op(IORING_REGISTER_PROBE as u8),
    ];
    cx.accepted_call(restrict_task(&list))?;
    allows(&mut before, &[("SOCKET on the ring before", unix(), true)])?;
    let mut after = RawRing::plain()?;
    allows(
        &mut after,
        &[("NOP", nop(), true), ("SOCKET", unix(), false)],
    )?;
    let submitter = after.submitter();
    submitter.register_probe(&mut safe::uring::raw::Probe::new())?;
    let files = errno(submitter.register_files(&[0]));
    ensure_eq!(
        files,
        Some(Errno(libc::EACCES)),
        "an operation that is not in the list"
    );
    // From 7.3 on the list is about this call too.
    let newer = cx.kernel() >= Version::new(7, 3, 0);
    let expected = if newer { libc::EACCES } else { libc::EPERM };
    let again = errno(restrict_task(&list));
    ensure_eq!(again, Some(Errno(expected)), "a second list");
    pass()
}

/// An empty list allows nothing.
fn restricted_all(cx: &mut Context) -> Run {
    cx.accepted_call(restrict_task(&[]))?;
    let mut ring = RawRing::plain()?;
    allows(
        &mut ring,
        &[("NOP", nop(), false), ("SOCKET", unix(), false)],
    )?;
    let files = errno(ring.submitter().register_files(&[0]));
    ensure_eq!(files, Some(Errno(libc::EACCES)), "registering");
    pass()
}

/// A child is restricted as its parent is.
fn restricted_inherited(cx: &mut Context) -> Run {
    let list = [Restriction::sqe_op(IORING_OP_NOP)];
    cx.accepted_call(restrict_task(&list))?;
    let child = forked(|| {
        code((|| {
            ensure_eq!(
                errno(restrict_task(&list)),
                Some(Errno(libc::EPERM)),
                "a list of its own"
            );
            let table = [("NOP in the child", nop(), true), ("SOCKET", unix(), false)];
            allows(&mut RawRing::plain()?, &table)
        })())
    })?;
    ensure_eq!(child.code(), Some(0), "exit code of the child");
    pass()
}
