//! Which `MSG_*` flags the kernel is given.

use crate::uring::raw::types::MsgFlags;

/// Those that have names there. Others change what the kernel does with memory: `MSG_ZEROCOPY` has it use a buffer
/// after the completion, `MSG_SOCK_DEVMEM` count bytes that it did not write, `MSG_CMSG_COMPAT` write control
/// messages in another layout.
const KNOWN: MsgFlags = MsgFlags::OOB
    .union(MsgFlags::PEEK)
    .union(MsgFlags::DONTROUTE)
    .union(MsgFlags::TRUNC)
    .union(MsgFlags::DONTWAIT)
    .union(MsgFlags::EOR)
    .union(MsgFlags::WAITALL)
    .union(MsgFlags::CONFIRM)
    .union(MsgFlags::ERRQUEUE)
    .union(MsgFlags::NOSIGNAL)
    .union(MsgFlags::MORE)
    .union(MsgFlags::FASTOPEN)
    .union(MsgFlags::CMSG_CLOEXEC);

/// What of the flags the kernel is given.
#[inline]
pub(super) fn known(flags: MsgFlags) -> MsgFlags {
    flags.intersection(KNOWN)
}

/// As [`known`], for a buffer that the kernel picks: there `MSG_TRUNC` would have the result be more than the buffer
/// has room for.
#[inline]
pub(super) fn picked(flags: MsgFlags) -> MsgFlags {
    known(flags).difference(MsgFlags::TRUNC)
}
