//! The completion ring that a context is: its header, its mapping, and reaping without a system call.

use std::fs::{self, File};
use std::io;
use std::ptr;
use std::thread;

use aio_sys::*;
use libc::{EAGAIN, EFAULT, EINVAL};

use crate::aio_context::{Aio, checked};
use crate::aio_request::Request;
use crate::case::{Case, Run, Stop, kernel, pass};
use crate::context::Context;
use crate::support::cpus;
use crate::support::files::{pattern, pattern_file, pipe};
use crate::support::memory::Buffer;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    Case::new("aio/ring/asynchronous", RING, kernel(4, 18), asynchronous),
    Case::new("aio/ring/header", RING, kernel(2, 6), header),
    Case::new(
        "aio/ring/interleaved",
        &["aio_ring", "io_getevents"],
        kernel(3, 17),
        interleaved,
    ),
    Case::new("aio/ring/mapping", RING, kernel(3, 12), mapping),
    Case::new("aio/ring/moved", RING, kernel(3, 19), moved),
    Case::new("aio/ring/no_access", RING, kernel(2, 6), no_access),
    Case::new("aio/ring/refill", RING, kernel(3, 17), refill),
    Case::new(
        "aio/ring/same_events",
        &["aio_ring", "io_event", "io_getevents"],
        kernel(2, 6),
        same_events,
    ),
    Case::new("aio/ring/unmapped", RING, kernel(2, 6), unmapped),
    Case::new("aio/ring/wraps", RING, kernel(3, 17), wraps),
];

const RING: &[&str] = &["aio_ring", "io_setup"];

/// The new ring is empty, has the known layout, and room for twice what was asked for and for each processor.
fn header(cx: &mut Context) -> Run {
    // SAFETY: sysconf(3) takes a number.
    let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    for requests in [1, 128, 1000] {
        let aio = Aio::new(requests)?;
        let header = aio.header();
        ensure_eq!(header.magic, AIO_RING_MAGIC, "magic");
        ensure_eq!(
            header.compat_features,
            AIO_RING_COMPAT_FEATURES,
            "compatible features"
        );
        ensure_eq!(
            header.incompat_features,
            AIO_RING_INCOMPAT_FEATURES,
            "incompatible features"
        );
        ensure_eq!(
            header.header_length as usize,
            size_of::<aio_ring>(),
            "length of the header"
        );
        ensure_eq!((header.head, header.tail), (0, 0), "head and tail");
        let least = 2 * requests.max(4 * u32::try_from(cpus)?);
        cx.note(format_args!("{} slots for {requests}", header.nr));
        ensure!(
            header.nr >= least,
            "{} slots for {requests}, less than {least}",
            header.nr
        );
    }
    pass()
}

/// The ring is a shared mapping of its own at the context's address, as long as there is a context.
fn mapping(cx: &mut Context) -> Run {
    let aio = Aio::new(128)?;
    let start = format!("{:x}-", aio.context());
    let lines = ring_mappings()?;
    ensure_eq!(lines.len(), 1, "mappings named /[aio]");
    ensure!(lines[0].starts_with(&start), "not at {start}: {}", lines[0]);
    ensure!(
        lines[0].contains(" rw-s "),
        "not shared and writable: {}",
        lines[0]
    );
    let end = lines[0].split(['-', ' ']).nth(1).unwrap_or_default();
    let len = usize::from_str_radix(end, 16)? - aio.context() as usize;
    let header = aio.header();
    let needed = header.header_length as usize + header.nr as usize * size_of::<io_event>();
    ensure!(len >= needed, "{len} bytes are mapped, {needed} needed");
    cx.note(format_args!("{len} bytes for {} slots", header.nr));
    aio.destroy()?;
    ensure_eq!(ring_mappings()?.len(), 0, "mappings afterwards");
    pass()
}

fn ring_mappings() -> io::Result<Vec<String>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let rings = maps.lines().filter(|line| line.contains("/[aio]"));
    Ok(rings.map(str::to_owned).collect())
}

/// Submits reads of 8 bytes each, numbered from `first`, into the parts of `buffer`.
fn reads(aio: &Aio, file: &File, buffer: Buffer, first: usize) -> Result<usize, Errno> {
    let mut requests: Vec<_> = (0..buffer.len() / 8)
        .map(|i| {
            let part = buffer.part(i * 8..(i + 1) * 8);
            Request::read(file, part, (i * 8) as i64)
                .with(|iocb| iocb.aio_data = (first + i) as u64)
        })
        .collect();
    aio.submit(&mut requests)
}

/// The ring has the events that io_getevents would have returned, in the same order, and is empty afterwards.
fn same_events(cx: &mut Context) -> Run {
    const N: usize = 50;
    // The last ones are short, or at the end.
    let file = pattern_file(cx, "f", N * 8 - 20)?;
    let mut aio = Aio::new(N as u32)?;
    let buffer = Buffer::zeroed(N * 8)?;
    let known = |events: Vec<io_event>| -> Vec<_> {
        events.iter().map(|e| (e.data, e.res, e.res2)).collect()
    };
    ensure_eq!(reads(&aio, &file, buffer, 0)?, N, "accepted reads");
    let by_call = known(aio.wait(N)?);
    ensure_eq!(reads(&aio, &file, buffer, 0)?, N, "accepted reads");
    let by_hand = known(aio.reap(N + 1));
    ensure_eq!(by_hand, by_call, "events in the ring");
    ensure_eq!(by_call.last(), Some(&(N as u64 - 1, 0, 0)), "last event");
    ensure!(
        buffer.bytes()[..N * 8 - 20] == pattern(0..N * 8 - 20),
        "other data"
    );
    let header = aio.header();
    ensure_eq!(header.head, header.tail, "head");
    ensure_eq!(
        aio.ready()?.len(),
        0,
        "events that io_getevents finds afterwards"
    );
    pass()
}

/// Reaping goes on over the end of the ring, which is no power of two long, several times.
fn wraps(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 7 * 8)?;
    let mut aio = Aio::new(8)?;
    let buffer = Buffer::zeroed(7 * 8)?;
    let slots = aio.header().nr as usize;
    let mut next = 0;
    let mut wraps = 0;
    while next < 5 * slots {
        let before = aio.header().head;
        ensure_eq!(
            reads(&aio, &file, buffer, next)?,
            7,
            "accepted reads after {next}"
        );
        for event in aio.reap(7) {
            ensure_eq!(
                (event.data, event.res),
                (next as u64, 8),
                "data and result of event {next}"
            );
            next += 1;
        }
        wraps += u32::from(aio.header().head < before);
    }
    ensure!(wraps >= 4, "the head came round {wraps} times");
    cx.note(format_args!("{next} events in {slots} slots"));
    pass()
}

/// Reaping by hand gives the slots back: as many requests fit again, without a call of io_getevents.
fn refill(cx: &mut Context) -> Run {
    // Each processor sets slots aside for itself, which would be lacking after a move to another one.
    cpus::stay()?;
    let file = pattern_file(cx, "f", 8)?;
    let mut aio = Aio::new(32)?;
    let buffer = Buffer::zeroed(8)?;
    let mut fitted = Vec::new();
    for _ in 0..3 {
        let mut n = 0;
        loop {
            match reads(&aio, &file, buffer, n) {
                Ok(accepted) => n += accepted,
                Err(Errno(EAGAIN)) => break,
                Err(other) => return Err(other.into()),
            }
        }
        let events = aio.reap(n + 1);
        ensure_eq!(events.len(), n, "events");
        let in_order = events.iter().zip(0..).all(|(event, i)| event.data == i);
        ensure!(in_order, "the events are not in order");
        fitted.push(n);
    }
    cx.note(format_args!("{fitted:?} of {} slots", aio.header().nr));
    ensure!(fitted[0] >= 32, "only {} fit", fitted[0]);
    ensure!(
        fitted.iter().all(|n| *n == fitted[0]),
        "not the same each time: {fitted:?}"
    );
    pass()
}

/// Reaping by hand and by system call in turns loses nothing and repeats nothing.
fn interleaved(cx: &mut Context) -> Run {
    const BATCH: usize = 10;
    let file = pattern_file(cx, "f", BATCH * 8)?;
    let mut aio = Aio::new(BATCH as u32)?;
    let buffer = Buffer::zeroed(BATCH * 8)?;
    let mut next = 0;
    for round in 0..300 {
        ensure_eq!(reads(&aio, &file, buffer, next)?, BATCH, "accepted reads");
        let by_hand = round % (BATCH + 1);
        let mut events = aio.reap(by_hand);
        ensure_eq!(events.len(), by_hand, "events by hand");
        events.extend(aio.get(0, 3, None)?);
        events.extend(aio.reap(1));
        events.extend(aio.ready()?);
        for event in events {
            ensure_eq!(event.data, next as u64, "data of an event in round {round}");
            next += 1;
        }
        ensure_eq!(next, (round + 1) * BATCH, "events after round {round}");
    }
    pass()
}

/// Events that another processor produces meanwhile are whole when the tail has passed them.
fn asynchronous(_: &mut Context) -> Run {
    const N: u64 = 20_000;
    let (reader, writer) = pipe()?;
    let mut aio = Aio::new(64)?;
    // Each byte that the thread writes ends a poll.
    let feeder = thread::spawn(move || -> io::Result<()> {
        let mut writer = File::from(writer);
        (0..N).try_for_each(|_| io::Write::write_all(&mut writer, b"x"))
    });
    let mut reader = File::from(reader);
    for i in 0..N {
        let request = Request::poll(&reader, libc::POLLIN as u64).with(|iocb| iocb.aio_data = !i);
        aio.submit(&mut [request])?;
        let event = loop {
            match aio.reap(2).as_slice() {
                [] => std::hint::spin_loop(),
                [event] => break *event,
                more => return Err(Stop::failed(format_args!("{} events", more.len()))),
            }
        };
        ensure_eq!((event.data, event.res2), (!i, 0), "data and second result");
        ensure!(
            event.res & i64::from(libc::POLLIN) != 0,
            "result {:#x}",
            event.res
        );
        io::Read::read_exact(&mut reader, &mut [0])?;
    }
    match feeder.join() {
        Ok(result) => result?,
        Err(_) => ensure!(false, "the feeding thread panicked"),
    }
    pass()
}

/// io_getevents without waiting, for a context that may not be one.
fn poll_context(context: aio_context_t) -> Result<usize, Errno> {
    let mut event = io_event::default();
    // SAFETY: there is room for the event.
    checked(unsafe { io_getevents(context, 0, 1, &mut event, ptr::null_mut()) })
}

/// A moved ring is a context at its new address, with its events, and none at the old one; it cannot grow.
fn moved(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 16)?;
    let aio = Aio::new(1)?;
    aio.submit(&mut [Request::read(&file, Buffer::zeroed(16)?, 0)])?;
    let header = aio.header();
    let used = header.header_length as usize + header.nr as usize * size_of::<io_event>();
    let len = used.next_multiple_of(4096);
    let old = aio.context();
    // From here on nobody but this case uses the ring.
    std::mem::forget(aio);
    let ring = ptr::with_exposed_provenance_mut(old as usize);
    // SAFETY: growing a mapping in its place, or moving it, changes no other memory; nothing refers to the ring.
    let grown = unsafe { libc::mremap(ring, len, 2 * len, libc::MREMAP_MAYMOVE) };
    ensure!(grown == libc::MAP_FAILED, "the ring has grown");
    ensure_eq!(Errno::last(), Errno(EFAULT), "growing the ring");

    let target = Buffer::zeroed(len)?;
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    let place: *mut libc::c_void = target.pointer().cast();
    // SAFETY: the ring moves to the place of a buffer that nobody uses.
    let new = unsafe { libc::mremap(ring, len, len, flags, place) };
    ensure!(new == place, "mremap: {}", io::Error::last_os_error());
    let new = target.address() as aio_context_t;
    ensure_eq!(
        poll_context(old),
        Err(Errno(EINVAL)),
        "io_getevents of the old address"
    );
    ensure_eq!(poll_context(new), Ok(1), "io_getevents of the new address");
    // SAFETY: nothing refers to the ring.
    let destroyed = checked(unsafe { io_destroy(new) });
    ensure_eq!(destroyed, Ok(0), "io_destroy of the new address");
    pass()
}

/// A ring that cannot be read is no context, until it can be read again.
fn no_access(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let context = aio.context();
    let ring = ptr::with_exposed_provenance_mut(context as usize);
    // SAFETY: nothing refers to the ring.
    let result = unsafe { libc::mprotect(ring, 4096, libc::PROT_NONE) };
    ensure_eq!(result, 0, "mprotect");
    ensure_eq!(poll_context(context), Err(Errno(EINVAL)), "io_getevents");
    ensure_eq!(aio.submit(&mut []), Err(Errno(EINVAL)), "io_submit");
    // SAFETY: nothing refers to the ring.
    let result = checked(unsafe { io_destroy(context) });
    ensure_eq!(result, Err(Errno(EINVAL)), "io_destroy");
    // SAFETY: nothing refers to the ring.
    let result = unsafe { libc::mprotect(ring, 4096, libc::PROT_READ | libc::PROT_WRITE) };
    ensure_eq!(result, 0, "mprotect back");
    ensure_eq!(
        poll_context(context),
        Ok(0),
        "io_getevents of the readable ring"
    );
    aio.destroy()?;
    pass()
}

/// Without its ring a context cannot be used, nor destroyed.
fn unmapped(_: &mut Context) -> Run {
    let aio = Aio::new(1)?;
    let context = aio.context();
    std::mem::forget(aio);
    // SAFETY: nothing refers to the ring.
    let result = unsafe { libc::munmap(ptr::with_exposed_provenance_mut(context as usize), 4096) };
    ensure_eq!(result, 0, "munmap");
    ensure_eq!(poll_context(context), Err(Errno(EINVAL)), "io_getevents");
    // SAFETY: nothing refers to the ring.
    let result = checked(unsafe { io_destroy(context) });
    ensure_eq!(result, Err(Errno(EINVAL)), "io_destroy");
    pass()
}
