//! `IORING_REGISTER_PROBE` itself.

use uring_sys::*;

use super::{PROBE_MAX, probe};
use crate::case::{Case, Run, kernel, pass};
use crate::context::Context;
use crate::ring::mem::{Mem, NOWHERE};
use crate::ring::{Ring, result};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const ITEM: &[&str] = &["IORING_REGISTER_PROBE"];

pub(super) static CASES: &[Case] = &[
    Case::new("uring/query/probe/bad", ITEM, kernel(5, 6), bad),
    Case::new(
        "uring/query/probe/last",
        &["IORING_REGISTER_PROBE", "IO_URING_OP_SUPPORTED"],
        kernel(5, 6),
        last,
    ),
    Case::new("uring/query/probe/short", ITEM, kernel(5, 6), short),
];

/// Memory that is not zero gives -EINVAL, memory that is not there -EFAULT, more than 256 entries -EINVAL.
fn bad(_: &mut Context) -> Run {
    let ring = Ring::new(4, 0)?;
    let probe = |mem: *const u8, count: u32| {
        // SAFETY: `mem` has room for `count` entries, or is not there, or the count is refused before it is used.
        Res(unsafe { ring.register(IORING_REGISTER_PROBE, mem.cast(), count) })
    };
    let mem = Mem::zeroed(size_of::<io_uring_probe>() + PROBE_MAX * size_of::<io_uring_probe_op>());
    let count = PROBE_MAX as u32;
    ensure_eq!(
        probe(mem.as_ptr(), count + 1),
        Res(-libc::EINVAL),
        "257 entries"
    );
    // The kernel looks at no more entries than it has opcodes.
    let known = super::probe(&ring)?.ops.len() * size_of::<io_uring_probe_op>();
    for at in [0, 15, 16, size_of::<io_uring_probe>() + known - 1] {
        mem.set(at, &[1]);
        ensure_eq!(
            probe(mem.as_ptr(), count),
            Res(-libc::EINVAL),
            "byte {at} not zero"
        );
        mem.set(at, &[0]);
    }
    let nowhere = std::ptr::without_provenance(NOWHERE as usize);
    ensure_eq!(probe(nowhere, count), Res(-libc::EFAULT), "no memory");
    ensure_eq!(probe(mem.as_ptr(), count), Res(0), "zeroed again");
    pass()
}

/// The last opcode is at least the last of the first kernel with PROBE, and each entry names its opcode.
fn last(cx: &mut Context) -> Run {
    let probe = probe(&Ring::new(4, 0)?)?;
    cx.note(format_args!("last_op {}", probe.last_op));
    ensure!(
        probe.last_op >= IORING_OP_EPOLL_CTL,
        "last_op {}",
        probe.last_op
    );
    for (i, op) in probe.ops.iter().enumerate() {
        ensure_eq!(usize::from(op.op), i, "opcode of entry {i}");
        // NOP is in every kernel.
        let nop = op.op != IORING_OP_NOP || op.flags & IO_URING_OP_SUPPORTED != 0;
        ensure!(nop, "NOP is not supported");
        ensure!(
            op.resv == 0 && op.resv2 == 0,
            "reserved fields of entry {i} are set"
        );
    }
    pass()
}

/// With fewer entries it fills those, and says how many.
fn short(_: &mut Context) -> Run {
    let ring = Ring::new(4, 0)?;
    let mem = Mem::zeroed(size_of::<io_uring_probe>() + 4 * size_of::<io_uring_probe_op>());
    // SAFETY: the memory has room for a header and 4 entries, of which 3 are asked for.
    result(unsafe { ring.register(IORING_REGISTER_PROBE, mem.as_ptr().cast(), 3) })?;
    let bytes = mem.get();
    ensure_eq!(bytes[1], 3, "ops_len");
    let entry = size_of::<io_uring_probe_op>();
    let third = size_of::<io_uring_probe>() + 2 * entry;
    ensure_eq!(bytes[third], IORING_OP_WRITEV, "opcode of the third entry");
    ensure!(
        bytes[third + entry..].iter().all(|b| *b == 0),
        "wrote beyond the third entry"
    );
    pass()
}
