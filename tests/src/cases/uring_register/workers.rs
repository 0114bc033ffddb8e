//! The workers: how many there may be, and where they run.

use std::fs;

use uring_sys::*;

use super::{bare, case, with};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::ring::ops::nop;
use crate::support::cpus;
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/register/iowq_aff/bad",
        &["IORING_REGISTER_IOWQ_AFF", "IORING_UNREGISTER_IOWQ_AFF"],
        (5, 14),
        aff_bad,
    ),
    case(
        "uring/register/iowq_aff/worker",
        &["IORING_REGISTER_IOWQ_AFF", "IORING_UNREGISTER_IOWQ_AFF"],
        (5, 14),
        affinity,
    ),
    case(
        "uring/register/iowq_max_workers/bad",
        &["IORING_REGISTER_IOWQ_MAX_WORKERS"],
        (5, 15),
        limits_bad,
    ),
    case(
        "uring/register/iowq_max_workers/limits",
        &[
            "IORING_REGISTER_IOWQ_MAX_WORKERS",
            "IO_WQ_BOUND",
            "IO_WQ_UNBOUND",
        ],
        (5, 15),
        limits,
    ),
];

/// Where each worker of this thread may run, as the kernel lists it.
fn worker_cpus() -> Result<Vec<String>, Stop> {
    let mut cpus = Vec::new();
    for task in fs::read_dir("/proc/self/task")? {
        let Ok(status) = fs::read_to_string(task?.path().join("status")) else {
            continue;
        };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let named = field("Name:\t").is_some_and(|name| name.starts_with("iou-wrk-"));
        if let (true, Some(list)) = (named, field("Cpus_allowed_list:\t")) {
            cpus.push(list.to_owned());
        }
    }
    Ok(cpus)
}

/// A worker that starts runs where it was said.
fn affinity(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let (one, cpu) = cpus::one()?;
    cx.accepted_call(ring.submitter().register_iowq_aff(&one))?;
    ring.run(nop().with(IOSQE_ASYNC))?;
    ensure_eq!(worker_cpus()?, [cpu.to_string()], "CPUs of the workers");
    ring.submitter().unregister_iowq_aff()?;
    pass()
}

/// Masks that are not there.
fn aff_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    cx.accepted_call(ring.submitter().register_iowq_aff(&cpus::one()?.0))?;
    let nowhere = std::ptr::without_provenance(16);
    let mask = [1u64; 1];
    // SAFETY: the mask is live, and there is no memory at the address.
    let table = unsafe {
        [
            (
                "no mask",
                bare(&ring, IORING_REGISTER_IOWQ_AFF, std::ptr::null(), 8),
                libc::EINVAL,
            ),
            (
                "a mask without a size",
                with(&ring, IORING_REGISTER_IOWQ_AFF, mask, 0),
                libc::EINVAL,
            ),
            (
                "a mask that is not there",
                bare(&ring, IORING_REGISTER_IOWQ_AFF, nowhere, 8),
                libc::EFAULT,
            ),
            (
                "a mask to unregister",
                with(&ring, IORING_UNREGISTER_IOWQ_AFF, mask, 8),
                libc::EINVAL,
            ),
        ]
    };
    all_refused(table)
}

/// The old limits are answered, zero leaves a limit as it is.
fn limits(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    let set = |limits: [u32; 2]| -> Result<[u32; 2], Stop> {
        let mut limits = limits;
        ring.submitter().register_iowq_max_workers(&mut limits)?;
        Ok(limits)
    };
    let mut first = [3, 5];
    cx.accepted_call(ring.submitter().register_iowq_max_workers(&mut first))?;
    ensure!(first[IO_WQ_BOUND as usize] > 0, "{first:?}");
    ensure!(first[IO_WQ_UNBOUND as usize] > 0, "{first:?}");
    let mut one = [0, 0];
    one[IO_WQ_UNBOUND as usize] = 4;
    ensure_eq!(set(one)?, [3, 5], "what was set");
    let mut expected = [3, 3];
    expected[IO_WQ_UNBOUND as usize] = 4;
    ensure_eq!(set([0, 0])?, expected, "after setting one of them");
    ensure_eq!(set([0, 0])?, expected, "after setting none");
    pass()
}

/// Another number of limits, or none.
fn limits_bad(cx: &mut Context) -> Run {
    let ring = Typed::new()?;
    cx.accepted_call(ring.submitter().register_iowq_max_workers(&mut [0, 0]))?;
    let opcode = IORING_REGISTER_IOWQ_MAX_WORKERS;
    // SAFETY: two limits, as many as the kernel may read and write; there is no memory at the address.
    unsafe {
        refused("one limit", with(&ring, opcode, [0u32; 2], 1), libc::EINVAL)?;
        refused(
            "three limits",
            with(&ring, opcode, [0u32; 3], 3),
            libc::EINVAL,
        )?;
        let nowhere = std::ptr::without_provenance(16);
        refused(
            "limits that are not there",
            bare(&ring, opcode, nowhere, 2),
            libc::EFAULT,
        )
    }
}
