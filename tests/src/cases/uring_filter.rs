//! What a ring or a task may do, by programs and lists: the area `uring/filter`, a file per subject. All of it goes
//! through the crate's raw layer.

mod context;
mod program;
mod task;

use libc::sock_filter;
use safe::uring::raw::opcode::{Nop, Socket};
use safe::uring::raw::register::BpfFilter;

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::raw_ring::{Kept, RawRing};
use crate::support::names::Res;

/// The cases, a slice per file.
pub static FILES: &[&[Case]] = &[context::CASES, program::CASES, task::CASES];

/// A case about filters, with what else it is about: kernels before 7.0 do not know the operation.
const fn case(
    id: &'static str,
    items: &'static [&'static str],
    run: fn(&mut Context) -> Run,
) -> Case {
    Case::new(id, items, kernel(7, 0), run).refused_by(&[libc::EINVAL])
}

const ITEMS: &[&str] = &["IORING_REGISTER_BPF_FILTER", "IO_URING_BPF_CMD_FILTER"];

/// An instruction of classic BPF, see bpf(2) and `linux/filter.h`.
const fn instruction(code: u32, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

/// An instruction that skips as many as `yes` or `no` say.
const fn jump(code: u32, k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: yes,
        jf: no,
        k,
    }
}

const ALLOW: sock_filter = instruction(libc::BPF_RET | libc::BPF_K, 1);
const DENY: sock_filter = instruction(libc::BPF_RET | libc::BPF_K, 0);

/// Loads four bytes of the context, at a multiple of 4.
const fn load(offset: usize) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset as u32)
}

/// Allows what has this number there, after taking the bits of `mask` from it.
const fn allow_if(offset: usize, mask: u32, value: u32) -> [sock_filter; 5] {
    [
        load(offset),
        instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, mask),
        jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, 0, 1),
        ALLOW,
        DENY,
    ]
}

/// A ring with a filter, or how the kernel refuses that.
#[track_caller]
fn filtered(cx: &Context, filter: &BpfFilter<'_>) -> Result<RawRing, Stop> {
    let ring = RawRing::plain()?;
    cx.accepted_call(ring.submitter().register_bpf_filter(filter))?;
    Ok(ring)
}

fn nop() -> Kept {
    // SAFETY: it names no memory.
    unsafe { Kept::new(Nop::new().build()) }
}

/// Makes a socket in this process.
fn socket(family: i32, kind: i32) -> Kept {
    // SAFETY: it names no memory.
    unsafe { Kept::new(Socket::new(family, kind, 0).build()) }
}

/// Operations are done or denied, one by one.
#[track_caller]
fn allows(ring: &mut RawRing, table: &[(&str, Kept, bool)]) -> Run {
    for (what, entry, allowed) in table {
        let res = ring.run(entry.clone())?.res;
        let got = if res >= 0 { 0 } else { res };
        let expected = if *allowed { 0 } else { -libc::EACCES };
        ensure_eq!(Res(got), Res(expected), "{what}");
    }
    pass()
}
