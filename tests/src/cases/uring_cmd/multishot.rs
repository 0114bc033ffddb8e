//! Commands that complete again and again.

use std::os::fd::AsRawFd;

use safe::uring::raw::opcode::{GetSockOpt, UringCmd16};
use safe::uring::raw::squeue::Flags;
use safe::uring::raw::types::{Fd, UringCmdFlags};

use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::raw_ring::{Kept, RawRing};
use crate::requirement::Requirement;
use crate::ring::mem::Mem;
use crate::support::files::tcp_pair;
use crate::support::names::Res;

pub(super) static CASES: &[Case] = &[Case::new(
    "uring/cmd/multishot/reaches_driver",
    &["IORING_URING_CMD_MULTISHOT", "IORING_OP_URING_CMD"],
    kernel(6, 18),
    reaches_driver,
)
// What refuses is the group of buffers, which commands did not take before.
.refused_by(&[libc::EOPNOTSUPP, libc::EINVAL])
.requires(&[Requirement::Loopback])];

/// The flag is taken with a group of buffers, and the driver is asked: here a socket, for an option that there is not. (Only
/// ublk's commands complete more than once.) Without a group, and with a registered buffer, it is refused before.
fn reaches_driver(cx: &mut Context) -> Run {
    let mut ring = RawRing::plain()?;
    let (socket, _peer) = tcp_pair()?;
    let command = || UringCmd16::new(Fd(socket.as_raw_fd()), 9999);
    let kept = |entry| {
        // SAFETY: what it names, if anything, is never given back, and has the length told.
        unsafe { Kept::new(entry) }
    };
    let (level, value) = (libc::SOL_SOCKET as u32, Mem::zeroed(4));
    let unknown = GetSockOpt::new(
        Fd(socket.as_raw_fd()),
        level,
        9999,
        value.as_ptr().cast(),
        4,
    )
    .flags(UringCmdFlags::MULTISHOT)
    .build()
    .flags(Flags::BUFFER_SELECT);
    let res = ring.run(kept(unknown))?.res;
    if res != -libc::ENOPROTOOPT {
        cx.accepted(res)?;
    }
    ensure_eq!(
        Res(res),
        Res(-libc::ENOPROTOOPT),
        "an option that sockets have not"
    );
    let alone = command().flags(UringCmdFlags::MULTISHOT).build();
    let fixed = command().buf_index(Some(0)).multi(0).build();
    let group = command().build().flags(Flags::BUFFER_SELECT);
    ring.refuses(&[
        ("without a group of buffers", kept(alone), libc::EINVAL),
        ("with a registered buffer", kept(fixed), libc::EINVAL),
        (
            "a group of buffers without the flag",
            kept(group),
            libc::EINVAL,
        ),
    ])?;
    pass()
}
