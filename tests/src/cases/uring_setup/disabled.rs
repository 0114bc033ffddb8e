//! The sysctls that forbid rings.

use std::io;
use std::path::Path;

use safe::error::{SetupError, SetupReason};
use safe::uring::raw::IoUring;

use super::runs;
use crate::case::{Case, Run, Stop, absent, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::requirement::Requirement;
use crate::ring::Ring;
use crate::support::sysctl::Sysctl;

const DISABLED: &str = "/proc/sys/kernel/io_uring_disabled";
const GROUP: &str = "/proc/sys/kernel/io_uring_group";

/// A user and a group that have nothing.
const NOBODY: u32 = 65534;

/// They change the whole machine.
const NEEDS: &[Requirement] = &[Requirement::OwnMachine, Requirement::Root];

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/setup/disabled/all",
        &["io_uring_setup"],
        kernel(6, 6),
        all,
    )
    .announced()
    .requires(NEEDS)
    .alone(),
    Case::new(
        "uring/setup/disabled/unprivileged",
        &["io_uring_setup"],
        kernel(6, 6),
        unprivileged,
    )
    .announced()
    .requires(NEEDS)
    .alone(),
];

/// At level 2 nobody makes a ring, and those that are there go on.
fn all(_: &mut Context) -> Run {
    if !Path::new(DISABLED).exists() {
        return absent("there is no kernel.io_uring_disabled");
    }
    let mut before = Ring::new(8, 0)?;
    let _sysctl = Sysctl::set(DISABLED, "2")?;
    forbidden("root", 2)?;
    runs(&mut before)
}

/// At level 1 only those make a ring that have CAP_SYS_ADMIN or are in the group.
fn unprivileged(_: &mut Context) -> Run {
    if !Path::new(DISABLED).exists() {
        return absent("there is no kernel.io_uring_disabled");
    }
    let _sysctl = Sysctl::set(DISABLED, "1")?;
    runs(&mut Ring::new(8, 0)?)?;
    {
        let _nobody = Effective::user(NOBODY)?;
        forbidden("a user without capabilities", 1)?;
    }
    let _group = Sysctl::set(GROUP, &NOBODY.to_string())?;
    {
        let _nobody = Effective::user(NOBODY)?;
        forbidden("a user outside the group", 1)?;
    }
    let _member = Effective::group(NOBODY)?;
    let _nobody = Effective::user(NOBODY)?;
    runs(&mut Ring::new(8, 0)?)
}

/// Set-up fails with -EPERM, and the typed ring says why.
#[track_caller]
fn forbidden(who: &str, level: u32) -> Run {
    let errno = Ring::new(8, 0).err().and_then(|e| e.raw_os_error());
    ensure_eq!(
        errno,
        Some(libc::EPERM),
        "error of io_uring_setup for {who}"
    );
    let ring: io::Result<IoUring> = IoUring::builder().build_explained(8);
    let error = ring
        .as_ref()
        .err()
        .and_then(|e| e.get_ref()?.downcast_ref());
    ensure_eq!(
        error.map(SetupError::reason),
        Some(&SetupReason::Disabled { level }),
        "reason that the typed ring gives {who}"
    );
    pass()
}

/// Other effective ids, until dropped.
enum Effective {
    User,
    Group,
}

impl Effective {
    #[track_caller]
    fn user(id: u32) -> Result<Self, Stop> {
        // SAFETY: seteuid(3) takes a number and touches no memory.
        crate::ring::result(unsafe { libc::seteuid(id) })?;
        Ok(Effective::User)
    }

    #[track_caller]
    fn group(id: u32) -> Result<Self, Stop> {
        // SAFETY: setegid(3) takes a number and touches no memory.
        crate::ring::result(unsafe { libc::setegid(id) })?;
        Ok(Effective::Group)
    }
}

impl Drop for Effective {
    fn drop(&mut self) {
        // SAFETY: both take a number and touch no memory; the real id is root's, so that this is allowed.
        let result = unsafe {
            match self {
                Effective::User => libc::seteuid(0),
                Effective::Group => libc::setegid(0),
            }
        };
        assert_eq!(result, 0, "back to root");
    }
}
