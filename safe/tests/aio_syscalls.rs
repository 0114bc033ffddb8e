//! How many system calls native AIO takes.

#![cfg(feature = "aio")]

mod calls;

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use libc::{SYS_io_getevents, SYS_io_submit};
use safe::aio::raw::{Context, Event, Iocb, iocb};
use safe::aio::{self, op};

use calls::with_calls;

/// Reads of nothing, each over when it is submitted.
fn reads(file: &File, numbers: std::ops::Range<u64>) -> Vec<Iocb> {
    let read = |number| {
        iocb::Pread::new(file.as_raw_fd(), std::ptr::null_mut(), 0)
            .build()
            .data(number)
    };
    numbers.map(read).collect()
}

fn list(requests: &mut [Iocb]) -> Vec<*mut Iocb> {
    requests.iter_mut().map(std::ptr::from_mut).collect()
}

fn submit(context: &Context, requests: &mut [Iocb]) -> usize {
    // SAFETY: the requests are live, and move no data.
    unsafe { context.submit(&list(requests)) }.expect("submitted")
}

fn buffer<const N: usize>() -> [MaybeUninit<Event>; N] {
    [const { MaybeUninit::uninit() }; N]
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(Event::data).collect()
}

/// Rings of any size, filled and emptied until their positions have wrapped around at least three times.
#[test]
fn events_that_are_there_take_none() {
    let file = &File::open("/dev/null").expect("a file");
    with_calls(|calls| {
        for size in [1, 2, 3, 7, 63, 64, 100, 128, 129, 255, 1000] {
            let mut context = Context::new(size).expect("a context");
            let slots = u64::from(context.ring_slots().expect("a ring"));
            let (mut submitted, mut reaped) = (0, 0);
            while reaped < 3 * slots + 1 {
                // As many as fit, so that the kernel must look for the slots that were given back.
                let mut requests = reads(file, submitted..submitted + slots);
                // Not in what is counted: memory may have to be allocated.
                let list = list(&mut requests);
                // SAFETY: the requests are live, and move no data.
                let accepted = calls.one(SYS_io_submit, || unsafe { context.submit(&list) });
                let accepted = accepted.expect("submitted");
                assert!(accepted >= size as usize, "{accepted} of {size}");
                submitted += accepted as u64;
                let mut events = buffer::<64>();
                let mut completions = context.completions();
                assert_eq!(calls.none(|| completions.ready()), Some(accepted));
                while reaped < submitted {
                    let most = 64.min((submitted - reaped) as usize);
                    let events = calls
                        .none(|| completions.fill(&mut events[..most]))
                        .unwrap();
                    assert_eq!(
                        numbers(events),
                        Vec::from_iter(reaped..reaped + most as u64)
                    );
                    reaped += most as u64;
                }
                assert_eq!(calls.none(|| completions.ready()), Some(0));
            }
        }
    });
}

/// Looking at an empty ring, and waits for what is there already.
#[test]
fn what_need_not_wait_takes_none() {
    let file = &File::open("/dev/null").expect("a file");
    with_calls(|calls| {
        let mut context = Context::new(8).expect("a context");
        let mut events = buffer::<8>();
        assert!(
            calls
                .none(|| context.completions().take())
                .unwrap()
                .is_none()
        );
        assert!(
            calls
                .none(|| context.completions().fill(&mut events))
                .unwrap()
                .is_empty()
        );
        let now = Some(Duration::ZERO);
        let none = calls
            .none(|| context.completions().wait(8, &mut events, now, None))
            .unwrap();
        assert!(none.is_empty());
        submit(&context, &mut reads(file, 0..6));
        let first = calls.none(|| context.completions().take()).unwrap();
        assert_eq!(first.map(|event| event.data()), Some(0));
        let more = calls.none(|| context.completions().wait(2, &mut events[..2], None, None));
        assert_eq!(numbers(more.unwrap()), [1, 2]);
        let more = calls.none(|| context.completions().wait(0, &mut events, None, None));
        assert_eq!(numbers(more.unwrap()), [3, 4, 5]);
    });
}

/// What the ring does not have takes one call, however much of it the ring had.
#[test]
fn a_wait_takes_one() {
    let file = &File::open("/dev/null").expect("a file");
    with_calls(|calls| {
        let mut context = Context::new(8).expect("a context");
        let mut events = buffer::<8>();
        let brief = Some(Duration::from_nanos(1));
        for there in 0..4 {
            submit(&context, &mut reads(file, 0..there));
            let (noted, events) =
                calls.of(|| context.completions().wait(4, &mut events, brief, None));
            assert_eq!(noted, [SYS_io_getevents], "{there} are there");
            assert_eq!(numbers(events.unwrap()), Vec::from_iter(0..there));
        }
        // With a mask the kernel is entered for the sake of signals.
        submit(&context, &mut reads(file, 0..2));
        // SAFETY: an empty set is all zeros.
        let mask: libc::sigset_t = unsafe { std::mem::zeroed() };
        let (noted, events) = calls.of(|| {
            context
                .completions()
                .wait(1, &mut events, None, Some(&mask))
        });
        assert_eq!(noted.len(), 1);
        assert_eq!(numbers(events.unwrap()), [0, 1]);
    });
}

/// The context without `unsafe`: one call for what is submitted together, and none to take results that are there,
/// which makes room for as many again.
#[test]
fn a_context_refills_without_a_look_into_the_kernel() {
    let file = Arc::new(File::open("/dev/null").expect("a file"));
    with_calls(|calls| {
        for size in [1, 3, 31, 100] {
            let mut context = aio::Context::new(size).expect("a context");
            for round in 0..50_u64 {
                let reads: Vec<_> = (0..size)
                    .map(|_| context.push(op::Read::new(file.clone(), vec![0; 1])))
                    .collect();
                let submitted = calls.one(SYS_io_submit, || context.submit());
                assert_eq!(submitted.expect("submitted").accepted, size as usize);
                for read in reads {
                    let read = read.expect("room");
                    let done = calls.none(|| context.wait(read)).expect("over");
                    assert_eq!(done.result, Ok(0), "round {round}");
                }
                assert!(calls.none(|| context.try_next_event()).unwrap().is_none());
            }
        }
        // A ticket whose operation is queued takes the one call that submits it.
        let mut context = aio::Context::new(1).expect("a context");
        let ticket = context.push(op::Read::new(file.clone(), vec![0; 1]));
        let done = calls.one(SYS_io_submit, || context.wait(ticket.expect("room")));
        assert_eq!(done.expect("over").result, Ok(0));
    });
}
