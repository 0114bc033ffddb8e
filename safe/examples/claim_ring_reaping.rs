//! Claim: events can be taken from the ring in memory, without io_getevents(2), and that is far cheaper.

#[path = "support/calls.rs"]
mod calls;
#[path = "support/claim.rs"]
mod claim;
#[path = "support/optimised.rs"]
mod optimised;

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, Instant};

use calls::counted;
use claim::report;
use safe::aio::raw::{Completions, Context, Event, Iocb, iocb};

/// So many that to read the clock costs nothing beside.
const EVENTS: usize = 4096;
const NOW: Option<Duration> = Some(Duration::ZERO);

type Room<'a> = &'a mut [MaybeUninit<Event>];
type Reap = fn(&mut Completions<'_>, Room<'_>) -> usize;

fn from_ring(completions: &mut Completions<'_>, room: Room<'_>) -> usize {
    completions.fill(room).expect("events").len()
}

fn one_from_ring(completions: &mut Completions<'_>, _: Room<'_>) -> usize {
    let event = completions.take().expect("an event");
    event.map_or(0, |event| 1 + event.result().expect("nothing was read"))
}

fn by_call(completions: &mut Completions<'_>, room: Room<'_>) -> usize {
    completions
        .wait_in_kernel(0, room, NOW, None)
        .expect("events")
        .len()
}

/// Submits reads of nothing, which are over at once.
fn submit(context: &Context) -> io::Result<()> {
    let null = File::open("/dev/null")?;
    let mut read = iocb::Pread::new(null.as_raw_fd(), ptr::null_mut(), 0).build();
    let list = [ptr::from_mut::<Iocb>(&mut read); EVENTS];
    // SAFETY: the request is live, the kernel copies it each time, and it moves no data.
    assert_eq!(unsafe { context.submit(&list) }?, EVENTS);
    Ok(())
}

/// The best time of many rounds, in a loop that is about nothing else, for one event, taken in pieces of `batch`; or for a look where there is none.
#[inline(never)]
fn time(
    context: &mut Context,
    batch: usize,
    reap: impl Fn(&mut Completions<'_>, Room<'_>) -> usize,
) -> io::Result<f64> {
    let mut best = Duration::MAX;
    let times = EVENTS / batch.max(1);
    for _ in 0..500 {
        if batch > 0 {
            submit(context)?;
        }
        let mut room = [MaybeUninit::uninit(); EVENTS];
        let room = &mut room[..batch.max(1)];
        let mut completions = context.completions();
        let mut reaped = 0;
        let begun = Instant::now();
        for _ in 0..times {
            reaped += reap(&mut completions, room);
        }
        best = best.min(begun.elapsed());
        assert!(reaped == times * batch);
        // The events themselves were taken for something.
        black_box(room);
    }
    Ok(best.as_secs_f64() * 1e9 / (times * batch.max(1)) as f64)
}

fn main() -> io::Result<()> {
    let ways: [(&str, Reap); 2] = [("ring", from_ring), ("io_getevents", by_call)];
    let mut counts = Vec::new();
    for (name, reap) in ways {
        counts.push(calls::of(name, || {
            let mut context = Context::new(EVENTS as u32)?;
            submit(&context)?;
            let (mut room, mut completions) = ([MaybeUninit::uninit()], context.completions());
            counted(|| (0..EVENTS).for_each(|_| assert_eq!(reap(&mut completions, &mut room), 1)));
            Ok(())
        })?);
    }
    let [ring, call] = [&counts[0], &counts[1]].map(|calls| calls.values().sum::<u64>());
    report(
        "taking events from the ring makes no system call",
        ring == 0 && call == EVENTS as u64,
        format_args!("{EVENTS} events one by one: {ring} system calls; by io_getevents {call}"),
    );
    optimised::warn();
    let mut context = Context::new(EVENTS as u32)?;
    for (batch, expected) in [(1, 80.0), (8, 18.0), (32, 5.0), (256, 1.3), (0, 240.0)] {
        let ring = if batch > 1 {
            time(&mut context, batch, from_ring)?
        } else {
            time(&mut context, batch, one_from_ring)?
        };
        let call = time(&mut context, batch, by_call)?;
        let what = match batch {
            0 => "a look where there is nothing".to_owned(),
            _ => format!("an event of {batch} taken together"),
        };
        report(
            &format!("{what} costs {expected} times less"),
            call >= expected * ring,
            format_args!(
                "{ring:.1} ns from the ring, {call:.1} ns by io_getevents: {:.1} times",
                call / ring
            ),
        );
    }
    Ok(())
}
