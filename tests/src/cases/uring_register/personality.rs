//! Credentials that operations run with.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use uring_sys::*;

use super::bare;
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::ring::ops::nop;
use crate::support::names::Res;
use crate::typed::{Typed, all_refused, refused};
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new(
        "uring/register/personality/bad",
        &[
            "IORING_UNREGISTER_PERSONALITY",
            "IORING_REGISTER_PERSONALITY",
        ],
        kernel(5, 6),
        bad,
    ),
    Case::new(
        "uring/register/personality/rights",
        &[
            "IORING_REGISTER_PERSONALITY",
            "IORING_UNREGISTER_PERSONALITY",
        ],
        kernel(5, 6),
        rights,
    )
    .requires(&[Requirement::Root]),
];

/// What the superuser alone may open is opened with the credentials of that time after the thread gave them up.
fn rights(cx: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let id = ring.submitter().register_personality()?;
    ensure!(id != 0, "0 is no personality");
    let path = cx.dir().join("secret");
    fs::write(&path, "x")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000))?;
    let name = Mem::name("secret");
    // SAFETY: the call takes no memory. The raw one changes this thread alone, and the case has no other.
    let changed = unsafe { libc::syscall(libc::SYS_setresuid, -1, 65534, -1) };
    ensure_eq!(changed, 0, "setresuid");
    // SAFETY: the path is never given back and ends with NUL.
    let open = unsafe {
        Op::new(IORING_OP_OPENAT, libc::AT_FDCWD, |sqe| {
            sqe.set_addr(name.addr())
        })
    };
    let res = ring.run(open)?.res;
    ensure_eq!(Res(res), Res(-libc::EACCES), "open without rights");
    let res = ring.run(open.personality(id))?.res;
    ensure!(res >= 0, "open with rights: {}", Res(res));
    ring.submitter().unregister_personality(id)?;
    let res = ring.run(open.personality(id))?.res;
    ensure_eq!(
        Res(res),
        Res(-libc::EINVAL),
        "open with rights that are gone"
    );
    pass()
}

/// Ids that are none.
fn bad(_: &mut Context) -> Run {
    let mut ring = Typed::new()?;
    let id = ring.submitter().register_personality()?;
    let other = ring.submitter().register_personality()?;
    ensure!(id != other, "one id for two personalities");
    for (what, id, res) in [("an id", id, 0), ("no id", other + 1, -libc::EINVAL)] {
        let got = Res(ring.run(nop().personality(id))?.res);
        ensure_eq!(got, Res(res), "NOP with {what}");
    }
    let submitter = ring.submitter();
    submitter.unregister_personality(id)?;
    all_refused([
        ("0", submitter.unregister_personality(0), libc::EINVAL),
        (
            "one that is gone",
            submitter.unregister_personality(id),
            libc::EINVAL,
        ),
    ])?;
    let at = std::ptr::without_provenance(16);
    // SAFETY: neither operation takes memory.
    unsafe {
        let opcode = IORING_REGISTER_PERSONALITY;
        refused("an argument", bare(&ring, opcode, at, 0), libc::EINVAL)?;
        refused(
            "a number",
            bare(&ring, opcode, std::ptr::null(), 1),
            libc::EINVAL,
        )?;
        let opcode = IORING_UNREGISTER_PERSONALITY;
        refused(
            "an argument",
            bare(&ring, opcode, at, u32::from(other)),
            libc::EINVAL,
        )
    }
}
