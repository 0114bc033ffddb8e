//! `IORING_REGISTER_QUERY` itself.

use uring_sys::*;

use super::{header, probe, query, query_at};
use crate::case::{Case, Run, Stop, absent, kernel, pass};
use crate::context::Context;
use crate::ring::mem::{Mem, NOWHERE};
use crate::ring::{Ring, result};
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

const OPCODES: &[&str] = &["IO_URING_QUERY_OPCODES", "IORING_REGISTER_QUERY"];

const fn case(id: &'static str, run: fn(&mut Context) -> Run) -> Case {
    Case::new(id, OPCODES, kernel(6, 18), run).refused_by(&[libc::EINVAL])
}

pub(super) static CASES: &[Case] = &[
    case("uring/query/query/arguments", arguments),
    case("uring/query/query/chain", chain),
    case("uring/query/query/loop", loops),
    case("uring/query/query/opcodes", opcodes),
    case("uring/query/query/ring", through_a_ring),
    Case::new(
        "uring/query/query/scq",
        &["IO_URING_QUERY_SCQ"],
        kernel(6, 19),
        scq,
    )
    .refused_by(&[libc::EINVAL])
    .announced(),
    case("uring/query/query/size", size),
    case("uring/query/query/unknown", unknown),
    Case::new(
        "uring/query/query/zcrx",
        &["IO_URING_QUERY_ZCRX"],
        kernel(6, 19),
        zcrx,
    )
    .refused_by(&[libc::EINVAL])
    .announced(),
    Case::new(
        "uring/query/query/zcrx_event",
        &["IO_URING_QUERY_ZCRX_EVENT"],
        kernel(7, 2),
        zcrx_event,
    )
    .refused_by(&[libc::EINVAL])
    .announced(),
];

/// Room for the answer about opcodes.
fn answer() -> Mem {
    Mem::zeroed(size_of::<io_uring_query_opcode>())
}

/// Asks for the opcodes, as each case does first: a kernel without QUERY refuses here.
#[track_caller]
fn asked(cx: &Context) -> Result<io_uring_query_opcode, Stop> {
    let answer = answer();
    cx.accepted_call(query(header(IO_URING_QUERY_OPCODES, answer, None)))?;
    Ok(answer.read())
}

/// A count is refused, and so is memory that is not there; no header at all is no question.
fn arguments(cx: &mut Context) -> Run {
    asked(cx)?;
    let error = |result: std::io::Result<i32>| result.err().and_then(|e| e.raw_os_error());
    let good = header(IO_URING_QUERY_OPCODES, answer(), None);
    // SAFETY: header and answer are never given back.
    let counted = unsafe { io_uring_register(-1, IORING_REGISTER_QUERY, good.as_ptr().cast(), 1) };
    ensure_eq!(Res(counted), Res(-libc::EINVAL), "nr_args 1");
    ensure_eq!(
        error(query_at(NOWHERE, 0)),
        Some(libc::EFAULT),
        "header that is not there"
    );
    ensure_eq!(query_at(0, 0)?, 0, "no header");
    for (offset, name) in [(0, "next_entry"), (8, "query_data")] {
        let header = header(IO_URING_QUERY_OPCODES, answer(), None);
        header.set(offset, &NOWHERE.to_ne_bytes());
        ensure_eq!(
            error(query(header)),
            Some(libc::EFAULT),
            "{name} that is not there"
        );
    }
    pass()
}

/// Three questions in a chain are all answered, one that is unknown among them.
fn chain(cx: &mut Context) -> Run {
    asked(cx)?;
    let answers = [answer(), answer(), answer()];
    let third = header(IO_URING_QUERY_OPCODES, answers[2], None);
    let second = header(u32::MAX, answers[1], Some(third));
    let first = header(IO_URING_QUERY_OPCODES, answers[0], Some(second));
    ensure_eq!(query(first)?, 0, "result of the call");
    let results = [first, second, third].map(|h| Res(h.read::<io_uring_query_hdr>().result));
    ensure_eq!(
        results,
        [Res(0), Res(-libc::EOPNOTSUPP), Res(0)],
        "results of the questions"
    );
    ensure!(
        answers[0].get() == answers[2].get(),
        "two answers to the same question"
    );
    ensure!(
        answers[0]
            .read::<io_uring_query_opcode>()
            .nr_request_opcodes
            > 0,
        "an empty answer"
    );
    ensure!(
        answers[1].get().iter().all(|b| *b == 0),
        "an answer to the unknown question"
    );
    pass()
}

/// A chain that loops ends with -ERANGE.
fn loops(cx: &mut Context) -> Run {
    asked(cx)?;
    let header = header(IO_URING_QUERY_OPCODES, answer(), None);
    header.set(0, &header.addr().to_ne_bytes());
    let error = query(header).err().and_then(|e| e.raw_os_error());
    ensure_eq!(error, Some(libc::ERANGE), "a header that is its own next");
    pass()
}

/// The answer is what rings and PROBE say too.
fn opcodes(cx: &mut Context) -> Run {
    let answer = asked(cx)?;
    cx.note(format_args!(
        "{} opcodes, {} register opcodes, setup {:#x}, enter {:#x}, sqe {:#x}, {} queries",
        answer.nr_request_opcodes,
        answer.nr_register_opcodes,
        answer.ring_setup_flags,
        answer.enter_flags,
        answer.sqe_flags,
        answer.nr_query_opcodes
    ));
    let ring = Ring::new(4, 0)?;
    let probe = probe(&ring)?;
    ensure_eq!(
        answer.nr_request_opcodes as usize,
        probe.ops.len(),
        "opcodes"
    );
    ensure_eq!(
        answer.feature_flags,
        u64::from(ring.params().features),
        "features"
    );
    ensure!(
        answer.nr_register_opcodes > IORING_REGISTER_QUERY,
        "QUERY is not counted"
    );
    ensure!(
        answer.nr_query_opcodes > IO_URING_QUERY_OPCODES,
        "this question is not counted"
    );

    // Whatever is beyond the masks is refused.
    let unknown = 1 << (64 - answer.ring_setup_flags.leading_zeros());
    let refused = Ring::new(4, unknown).err().and_then(|e| e.raw_os_error());
    ensure_eq!(refused, Some(libc::EINVAL), "setup flag {unknown:#x}");
    let unknown = 1 << (64 - answer.enter_flags.leading_zeros());
    ensure_eq!(
        Res(ring.enter(0, 0, unknown)),
        Res(-libc::EINVAL),
        "enter flag {unknown:#x}"
    );
    let beyond = answer.nr_register_opcodes;
    // SAFETY: no memory is passed, and the kernel says that it does not know the operation.
    let res = unsafe { ring.register(beyond, std::ptr::null(), 0) };
    ensure_eq!(Res(res), Res(-libc::EINVAL), "register opcode {beyond}");
    pass()
}

/// A ring's descriptor serves as well as none.
fn through_a_ring(cx: &mut Context) -> Run {
    let expected = asked(cx)?;
    let answer = answer();
    let header = header(IO_URING_QUERY_OPCODES, answer, None);
    // SAFETY: header and answer are never given back.
    result(unsafe { Ring::new(4, 0)?.register(IORING_REGISTER_QUERY, header.as_ptr().cast(), 0) })?;
    let got: io_uring_query_opcode = answer.read();
    ensure_eq!(
        got.nr_register_opcodes,
        expected.nr_register_opcodes,
        "nr_register_opcodes"
    );
    pass()
}

/// A struct that is shorter than the kernel's is filled as far as it goes, a longer one gets zeroes behind; the header
/// tells what was written. No size, and anything in the fields that are out only, is refused in the header.
fn size(cx: &mut Context) -> Run {
    asked(cx)?;
    let known = size_of::<io_uring_query_opcode>();
    let (short, long) = (Mem::of(&[0xff; 64]), Mem::of(&[0xff; 256]));
    let short_header = header(IO_URING_QUERY_OPCODES, short.part(0, 8), None);
    query(short_header)?;
    let bytes = short.get();
    ensure_eq!(
        short_header.read::<io_uring_query_hdr>().size,
        8,
        "size of a short answer"
    );
    ensure!(bytes[..8] != [0xff; 8], "a short answer is not written");
    ensure!(
        bytes[8..].iter().all(|b| *b == 0xff),
        "wrote beyond a short answer"
    );

    let long_header = header(IO_URING_QUERY_OPCODES, long, None);
    query(long_header)?;
    let (size, bytes) = (
        long_header.read::<io_uring_query_hdr>().size as usize,
        long.get(),
    );
    ensure!((known..256).contains(&size), "size {size} of a long answer");
    ensure!(
        bytes[size..].iter().all(|b| *b == 0),
        "not zeroed behind the answer"
    );

    for (what, offset) in [("result", 24), ("a reserved field", 28)] {
        let header = header(IO_URING_QUERY_OPCODES, answer(), None);
        header.set(offset, &1i32.to_ne_bytes());
        query(header)?;
        let result = Res(header.read::<io_uring_query_hdr>().result);
        ensure_eq!(result, Res(-libc::EINVAL), "{what} not zero");
    }
    let empty = header(IO_URING_QUERY_OPCODES, answer().part(0, 0), None);
    query(empty)?;
    let result = Res(empty.read::<io_uring_query_hdr>().result);
    ensure_eq!(result, Res(-libc::EINVAL), "size 0");
    pass()
}

/// A question that the kernel does not know is told in its header, and the call succeeds.
fn unknown(cx: &mut Context) -> Run {
    asked(cx)?;
    let header = header(u32::MAX, answer(), None);
    ensure_eq!(query(header)?, 0, "result of the call");
    let header: io_uring_query_hdr = header.read();
    ensure_eq!(
        Res(header.result),
        Res(-libc::EOPNOTSUPP),
        "result of the question"
    );
    ensure_eq!(header.size, 0, "size of no answer");
    pass()
}

/// Asks a question that came later than QUERY: the answer, or how the kernel says that it does not know it.
#[track_caller]
fn ask_later(cx: &Context, question: u32, len: usize) -> Result<Mem, Stop> {
    let known = asked(cx)?.nr_query_opcodes > question;
    let answer = Mem::zeroed(len);
    let header = header(question, answer, None);
    query(header)?;
    let result = header.read::<io_uring_query_hdr>().result;
    if !known && result == -libc::EOPNOTSUPP {
        return Err(absent("not counted in nr_query_opcodes, and -EOPNOTSUPP").unwrap_err());
    }
    ensure!(
        known && result == 0,
        "result {}, counted: {known}",
        Res(result)
    );
    Ok(answer)
}

/// The sizes for rings in the application's memory are sensible.
fn scq(cx: &mut Context) -> Run {
    let answer: io_uring_query_scq =
        ask_later(cx, IO_URING_QUERY_SCQ, size_of::<io_uring_query_scq>())?.read();
    cx.note(format_args!("{answer:?}"));
    ensure!(
        answer.hdr_alignment.is_power_of_two(),
        "alignment {}",
        answer.hdr_alignment
    );
    let ring = Ring::new(4, 0)?;
    ensure!(
        answer.hdr_size >= u64::from(ring.params().cq_off.cqes),
        "header of {}, but completions begin at {}",
        answer.hdr_size,
        ring.params().cq_off.cqes
    );
    pass()
}

/// The sizes for zero-copy receive are sensible.
fn zcrx(cx: &mut Context) -> Run {
    let answer: io_uring_query_zcrx =
        ask_later(cx, IO_URING_QUERY_ZCRX, size_of::<io_uring_query_zcrx>())?.read();
    cx.note(format_args!("{answer:?}"));
    ensure!(answer.rq_hdr_size >= 8, "header of {}", answer.rq_hdr_size);
    ensure!(
        answer.rq_hdr_alignment.is_power_of_two(),
        "alignment {}",
        answer.rq_hdr_alignment
    );
    pass()
}

/// The events of zero-copy receive that there are.
fn zcrx_event(cx: &mut Context) -> Run {
    let len = size_of::<io_uring_query_zcrx_event>();
    let answer: io_uring_query_zcrx_event = ask_later(cx, IO_URING_QUERY_ZCRX_EVENT, len)?.read();
    cx.note(format_args!("{answer:?}"));
    ensure!(
        answer.event_flags & (1 << ZCRX_EVENT_ALLOC_FAIL) != 0,
        "events {:#x}",
        answer.event_flags
    );
    ensure_eq!(
        answer.stats_size as usize,
        size_of::<zcrx_stats>(),
        "stats_size"
    );
    pass()
}
