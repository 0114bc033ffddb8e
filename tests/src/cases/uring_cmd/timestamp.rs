//! When packets of a socket left.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use safe::uring::raw::squeue::Entry;
use safe::uring::raw::{cqueue, opcode, types};
use uring_sys::*;

use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::raw_ring::{Completion, Done, Kept, RawRing};
use crate::requirement::Requirement;
use crate::support::files::pattern_file;
use crate::support::names::{Errno, Res};
use crate::{ensure, ensure_eq};

/// Kernels without the command say that they do not know it, those without large completions refuse the ring.
const fn case(id: &'static str, minor: u16, run: fn(&mut Context) -> Run) -> Case {
    Case::new(
        id,
        &["SOCKET_URING_OP_TX_TIMESTAMP", "IORING_OP_URING_CMD"],
        kernel(6, minor),
        run,
    )
    .refused_by(&[libc::EOPNOTSUPP, libc::EINVAL])
    .requires(&[Requirement::Loopback])
}

pub(super) static CASES: &[Case] = &[
    case("uring/cmd/timestamp/bad", 17, bad),
    case("uring/cmd/timestamp/sent", 17, sent),
    case("uring/cmd/timestamp/sent-mixed", 18, sent_mixed),
];

/// Of `linux/net_tstamp.h`: stamp when a packet is queued and when it is sent, in software; count packets, and report
/// without their content.
static STAMPS: u32 = libc::SOF_TIMESTAMPING_TX_SCHED
    | libc::SOF_TIMESTAMPING_TX_SOFTWARE
    | libc::SOF_TIMESTAMPING_SOFTWARE
    | libc::SOF_TIMESTAMPING_OPT_ID
    | libc::SOF_TIMESTAMPING_OPT_TSONLY;

/// The kinds of stamps, `SCM_TSTAMP_*` of `linux/errqueue.h`.
const SENT: u32 = 0;
const QUEUED: u32 = 1;

/// A socket that sends to itself, and has stamps made.
#[track_caller]
fn stamped() -> Result<UdpSocket, Stop> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.connect(socket.local_addr()?)?;
    // SAFETY: the option is an integer, of which address and size are passed.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            (&raw const STAMPS).cast(),
            size_of_val(&STAMPS) as libc::socklen_t,
        )
    };
    if set != 0 {
        return Err(Errno::last().into());
    }
    Ok(socket)
}

fn stamps(file: &impl AsRawFd) -> Kept {
    // SAFETY: it names no memory.
    unsafe { Kept::new(opcode::TxTimestamp::new(types::Fd(file.as_raw_fd())).build()) }
}

fn sent(cx: &mut Context) -> Run {
    each_packet(cx, RawRing::<Entry, cqueue::Entry32>::new(|_| ()))
}

fn sent_mixed(cx: &mut Context) -> Run {
    each_packet(cx, RawRing::<Entry, cqueue::EntryMixed>::new(|_| ()))
}

/// Each packet is told twice, with its number and the time, before and after it is asked for; then it is cancelled.
#[track_caller]
fn each_packet<C: Completion>(cx: &Context, ring: std::io::Result<RawRing<Entry, C>>) -> Run {
    let mut ring = cx.accepted_call(ring)?;
    let (socket, start) = (stamped()?, now()?);
    socket.send(b"before")?;
    ring.push(stamps(&socket), 7)?;
    let mut told = Vec::new();
    for packet in 0..3 {
        if packet > 0 {
            socket.send(b"after")?;
        }
        for _ in 0..2 {
            let done = ring.wait()?;
            ensure!(
                done.more() || done.res < 0,
                "the last one, with {}",
                Res(done.res)
            );
            ensure_eq!(
                Res(cx.accepted(done.res)?),
                Res(packet),
                "number of the packet"
            );
            told.push(kind_and_time(&done)?);
        }
    }
    let end = now()?;
    let kinds: Vec<u32> = told.iter().map(|(kind, _)| *kind).collect();
    ensure_eq!(kinds, [QUEUED, SENT].repeat(3), "kinds of stamps");
    let times: Vec<Duration> = told.into_iter().map(|(_, time)| time).collect();
    ensure!(
        times.is_sorted() && start <= times[0] && times[5] <= end,
        "{times:?}, between {start:?} and {end:?}"
    );
    // SAFETY: it names no memory.
    let cancel = unsafe { Kept::new(opcode::AsyncCancel::new(7).build()) };
    ring.push(cancel, 8)?;
    let mut ends = [ring.wait()?, ring.wait()?];
    ends.sort_by_key(|done| done.user_data);
    let results = ends.map(|done| (done.user_data, Res(done.res), done.more()));
    let expected = [(7, Res(-libc::ECANCELED), false), (8, Res(0), false)];
    ensure_eq!(
        results,
        expected,
        "completions of the cancelled command and of the cancel"
    );
    pass()
}

fn now() -> Result<Duration, Stop> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
}

/// The kind of a stamp made in software, and its time.
#[track_caller]
fn kind_and_time(done: &Done) -> Result<(u32, Duration), Stop> {
    ensure!(
        !cqueue::timestamp_hw(done.flags),
        "a stamp made by hardware"
    );
    let Some([seconds, nanoseconds]) = done.big else {
        return Err(Stop::failed("no time in the completion"));
    };
    let nanoseconds = u32::try_from(nanoseconds)?;
    let kind = done.flags >> IORING_TIMESTAMP_TYPE_SHIFT;
    Ok((kind, Duration::new(seconds, nanoseconds)))
}

/// A ring without large completions, and what is no socket.
fn bad(cx: &mut Context) -> Run {
    let ring = RawRing::<Entry, cqueue::Entry32>::new(|_| ());
    let (mut ring, socket) = (cx.accepted_call(ring)?, stamped()?);
    socket.send(b"one")?;
    ring.push(stamps(&socket), 7)?;
    let res = ring.wait()?.res;
    cx.accepted(res)?;
    let file = pattern_file(cx, "f", 1)?;
    RawRing::<Entry, cqueue::Entry32>::new(|_| ())?.refuses(&[(
        "a regular file",
        stamps(&file),
        libc::EOPNOTSUPP,
    )])?;
    RawRing::plain()?.refuses(&[("a ring of small completions", stamps(&socket), libc::EINVAL)])
}
