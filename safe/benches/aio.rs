//! Native AIO: reaping from the ring against reaping by system call, and what a request costs to submit:
//! `cargo bench --package safe --bench aio`.
//!
//! Both ways of reaping include the submission, which costs most: their difference is what the ring saves. Figures of
//! one run compare with each other, not with those of another machine or day. A column of `fastest` is
//! the one to look at: on a busy machine the others are of the neighbours.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use safe::aio::raw::{Completions, Context, Event, Iocb, iocb};
use safe::aio::{self, op};

const BATCHES: [usize; 4] = [1, 8, 32, 256];

fn main() {
    divan::main();
}

/// Submits reads of nothing, which are over at once.
fn submit(context: &Context, file: &File, batch: usize) {
    let mut read = iocb::Pread::new(file.as_raw_fd(), ptr::null_mut(), 0).build();
    // The same one as often as there is room: the kernel copies it.
    let list = [ptr::from_mut::<Iocb>(&mut read); 256];
    // SAFETY: the request is live, and moves no data.
    let submitted = unsafe { context.submit(&list[..batch]) };
    assert_eq!(submitted.expect("submitted"), batch);
}

/// Takes a batch of events that are there.
fn reap(
    bencher: Bencher,
    batch: usize,
    take: impl Fn(&mut Completions<'_>, &mut [MaybeUninit<Event>]) -> usize,
) {
    let file = File::open("/dev/null").expect("a file");
    let mut context = Context::new(256).expect("a context");
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        submit(&context, &file, batch);
        let mut events = [const { MaybeUninit::uninit() }; 256];
        assert_eq!(
            take(&mut context.completions(), &mut events[..batch]),
            batch
        );
    });
}

/// Submitting and reaping from the ring.
#[divan::bench(args = BATCHES)]
fn from_ring(bencher: Bencher, batch: usize) {
    reap(bencher, batch, |completions, events| {
        completions.fill(events).expect("events").len()
    });
}

/// Submitting and reaping by io_getevents(2).
#[divan::bench(args = BATCHES)]
fn by_system_call(bencher: Bencher, batch: usize) {
    reap(bencher, batch, |completions, events| {
        let now = Some(Duration::ZERO);
        let taken = completions.wait_in_kernel(events.len(), events, now, None);
        taken.expect("events").len()
    });
}

/// Submitting, reaping and giving back by the context without `unsafe`.
#[divan::bench(args = BATCHES)]
fn owned(bencher: Bencher, batch: usize) {
    let file = Arc::new(File::open("/dev/null").expect("a file"));
    let mut context = aio::Context::new(256).expect("a context");
    let mut tickets = Vec::with_capacity(256);
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        for _ in 0..batch {
            let read = op::Read::new(file.clone(), Vec::new());
            tickets.push(context.push(read).expect("room"));
        }
        for ticket in tickets.drain(..) {
            assert_eq!(context.wait(ticket).expect("over").result, Ok(0));
        }
    });
}

/// A look where there is nothing.
#[divan::bench_group]
mod empty {
    use super::*;

    #[divan::bench]
    fn in_ring(bencher: Bencher) {
        let mut context = Context::new(256).expect("a context");
        bencher.bench_local(|| context.completions().take().expect("a look").is_none());
    }

    #[divan::bench]
    fn by_system_call(bencher: Bencher) {
        let mut context = Context::new(256).expect("a context");
        bencher.bench_local(|| {
            let mut events = [MaybeUninit::uninit()];
            let now = Some(Duration::ZERO);
            let taken = context
                .completions()
                .wait_in_kernel(0, &mut events, now, None);
            taken.expect("a look").is_empty()
        });
    }
}
