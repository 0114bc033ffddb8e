//! Filters of a ring.

use libc::sock_filter;
use safe::uring::raw::register::BpfFilter;
use uring_sys::*;

use super::{ALLOW, DENY, ITEMS, allow_if, allows, case, filtered, instruction, load, nop, socket};
use crate::case::{Case, Run, pass};
use crate::context::Context;
use crate::ensure_eq;
use crate::raw_ring::RawRing;
use crate::support::names::Errno;

pub(super) static CASES: &[Case] = &[
    case("uring/filter/program/bad", ITEMS, bad),
    case("uring/filter/program/deny", ITEMS, deny),
    case(
        "uring/filter/program/deny_rest",
        &[
            "IO_URING_BPF_FILTER_DENY_REST",
            "IORING_REGISTER_BPF_FILTER",
        ],
        deny_rest,
    ),
    case(
        "uring/filter/program/size",
        &[
            "IO_URING_BPF_FILTER_SZ_STRICT",
            "IORING_REGISTER_BPF_FILTER",
        ],
        size,
    ),
    case("uring/filter/program/stacked", ITEMS, stacked),
];

/// One opcode is denied on one ring.
fn deny(cx: &mut Context) -> Run {
    let mut ring = filtered(cx, &BpfFilter::new(IORING_OP_NOP, &[DENY]))?;
    let unix = || socket(libc::AF_UNIX, libc::SOCK_STREAM);
    let table = [
        ("NOP", nop(), false),
        ("SOCKET", unix(), true),
        ("NOP again", nop(), false),
    ];
    allows(&mut ring, &table)?;
    allows(
        &mut RawRing::plain()?,
        &[("NOP on another ring", nop(), true)],
    )
}

/// All opcodes are denied but those that have a filter, before or afterwards.
fn deny_rest(cx: &mut Context) -> Run {
    let only_nop = BpfFilter::new(IORING_OP_NOP, &[ALLOW]).deny_rest();
    let mut ring = filtered(cx, &only_nop)?;
    let unix = || socket(libc::AF_UNIX, libc::SOCK_STREAM);
    allows(
        &mut ring,
        &[("NOP", nop(), true), ("SOCKET", unix(), false)],
    )?;
    // Nothing takes a denial back.
    let socket_too = BpfFilter::new(IORING_OP_SOCKET, &[ALLOW]);
    ring.submitter().register_bpf_filter(&socket_too)?;
    allows(
        &mut ring,
        &[
            ("NOP", nop(), true),
            ("SOCKET, with a filter", unix(), false),
        ],
    )?;
    let mut both = filtered(cx, &socket_too)?;
    both.submitter().register_bpf_filter(&only_nop)?;
    allows(&mut both, &[("NOP", nop(), true), ("SOCKET", unix(), true)])
}

/// What one filter denies no other allows.
fn stacked(cx: &mut Context) -> Run {
    const FAMILY: usize = std::mem::offset_of!(io_uring_bpf_ctx, socket_union);
    let not = |family| {
        let [load, mask, jump, allow, deny] = allow_if(FAMILY, u32::MAX, family as u32);
        [load, mask, jump, deny, allow]
    };
    let (no_unix, no_inet) = (not(libc::AF_UNIX), not(libc::AF_INET));
    let mut ring = filtered(cx, &BpfFilter::new(IORING_OP_SOCKET, &no_unix))?;
    let unix = || socket(libc::AF_UNIX, libc::SOCK_STREAM);
    let inet = || socket(libc::AF_INET, libc::SOCK_STREAM);
    allows(
        &mut ring,
        &[("Unix", unix(), false), ("IPv4", inet(), true)],
    )?;
    for program in [&no_inet[..], &[ALLOW]] {
        ring.submitter()
            .register_bpf_filter(&BpfFilter::new(IORING_OP_SOCKET, program))?;
        allows(
            &mut ring,
            &[("Unix", unix(), false), ("IPv4", inet(), false)],
        )?;
    }
    pass()
}

/// The kernel says how large an opcode's part of the context is. A program may have been written for less, if it is not
/// strict, but not for more.
fn size(cx: &mut Context) -> Run {
    let ring = RawRing::plain()?;
    let submitter = ring.submitter();
    let filter = |opcode, size| BpfFilter::new(opcode, &[ALLOW]).pdu_size(size);
    let socket = size_of::<io_uring_bpf_ctx_socket>() as u8;
    let asked = submitter.register_bpf_filter(&filter(IORING_OP_SOCKET, 0));
    ensure_eq!(cx.accepted_call(asked)?, socket, "size for SOCKET");
    for (opcode, size) in [
        (IORING_OP_NOP, 0),
        (IORING_OP_OPENAT, size_of::<io_uring_bpf_ctx_open>() as u8),
        (IORING_OP_OPENAT2, size_of::<io_uring_bpf_ctx_open>() as u8),
    ] {
        let got = submitter.register_bpf_filter(&filter(opcode, size).strict())?;
        ensure_eq!(got, size, "size for opcode {opcode}");
    }
    for (what, filter) in [
        (
            "strict and smaller",
            filter(IORING_OP_SOCKET, socket - 4).strict(),
        ),
        (
            "strict and larger",
            filter(IORING_OP_SOCKET, socket + 4).strict(),
        ),
        ("larger", filter(IORING_OP_SOCKET, socket + 4)),
    ] {
        let got = super::task::errno(submitter.register_bpf_filter(&filter));
        ensure_eq!(got, Some(Errno(libc::EMSGSIZE)), "{what}");
    }
    pass()
}

/// What is no program, and no request for one.
fn bad(cx: &mut Context) -> Run {
    let ring = filtered(cx, &BpfFilter::new(IORING_OP_NOP, &[ALLOW]))?;
    let submitter = ring.submitter();
    let packet = instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0);
    let too_long = [ALLOW; 4097];
    let programs: [(&str, &[sock_filter]); 6] = [
        ("no instruction", &[]),
        ("too many instructions", &too_long),
        ("a load of one byte", &[packet, ALLOW]),
        ("a load from between", &[load(2), ALLOW]),
        (
            "a load from behind",
            &[load(size_of::<io_uring_bpf_ctx>()), ALLOW],
        ),
        ("no end", &[load(0)]),
    ];
    for (what, program) in programs {
        let got = submitter.register_bpf_filter(&BpfFilter::new(IORING_OP_NOP, program));
        ensure_eq!(super::task::errno(got), Some(Errno(libc::EINVAL)), "{what}");
    }
    let got = submitter.register_bpf_filter(&BpfFilter::new(u8::MAX, &[ALLOW]));
    ensure_eq!(
        super::task::errno(got),
        Some(Errno(libc::EINVAL)),
        "no such opcode"
    );
    let good = {
        let mut request = io_uring_bpf {
            cmd_type: IO_URING_BPF_CMD_FILTER,
            ..Default::default()
        };
        request.set_filter(io_uring_bpf_filter {
            opcode: IORING_OP_NOP.into(),
            filter_len: 1,
            filter_ptr: (&raw const ALLOWED).expose_provenance() as u64,
            ..Default::default()
        });
        request
    };
    let with = |change: fn(&mut io_uring_bpf_filter)| {
        let (mut request, mut filter) = (good, good.filter());
        change(&mut filter);
        request.set_filter(filter);
        request
    };
    for (what, request, errno) in [
        ("nothing wrong", good, 0),
        (
            "no command",
            io_uring_bpf {
                cmd_type: 0,
                ..good
            },
            libc::EINVAL,
        ),
        (
            "no such command",
            io_uring_bpf {
                cmd_type: 2,
                ..good
            },
            libc::EINVAL,
        ),
        (
            "flags of the command",
            io_uring_bpf {
                cmd_flags: 1,
                ..good
            },
            libc::EINVAL,
        ),
        (
            "unknown flags",
            with(|filter| filter.flags = 1 << 31),
            libc::EINVAL,
        ),
        (
            "a reserved field",
            with(|filter| filter.resv2[4] = 1),
            libc::EINVAL,
        ),
        (
            "no program there",
            with(|filter| filter.filter_ptr = 16),
            libc::EFAULT,
        ),
    ] {
        let mut request = request;
        let (op, arg) = (IORING_REGISTER_BPF_FILTER, (&raw mut request).cast());
        // SAFETY: the struct is what the operation takes. The program is a static, or is not there.
        let got = unsafe { submitter.register(op, arg, 1) };
        let got = super::task::errno(got).unwrap_or(Errno(0));
        ensure_eq!(got, Errno(errno), "{what}");
    }
    pass()
}

static ALLOWED: sock_filter = ALLOW;
