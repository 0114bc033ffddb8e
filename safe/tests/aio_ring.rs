//! Reaping: nothing is lost and nothing comes twice, whoever takes it from where.

#![cfg(feature = "aio")]

use std::fs::File;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use safe::aio::raw::{Completions, Context, Event, Iocb, PollFlags, iocb};

const BATCH: usize = 64;

fn buffer() -> [MaybeUninit<Event>; BATCH] {
    [const { MaybeUninit::uninit() }; BATCH]
}

fn null() -> File {
    File::open("/dev/null").expect("a file")
}

/// Submits reads of nothing with the given numbers, as many as there is room for, and answers how many.
fn submit(context: &Context, file: &File, numbers: impl Iterator<Item = u64>) -> u64 {
    let read = iocb::Pread::new(file.as_raw_fd(), ptr::null_mut(), 0).build();
    let mut requests: Vec<Iocb> = numbers.map(|number| read.data(number)).collect();
    let list: Vec<*mut Iocb> = requests.iter_mut().map(ptr::from_mut).collect();
    // SAFETY: the requests are live, and move no data.
    match unsafe { context.submit(&list) } {
        Ok(count) => count as u64,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
            0
        }
    }
}

/// How often the events with the numbers below a limit have come.
struct Seen(Vec<AtomicU8>);

impl Seen {
    fn new(count: u64) -> Self {
        Self((0..count).map(|_| AtomicU8::new(0)).collect())
    }

    fn note(&self, events: &[Event]) {
        for event in events {
            self.0[event.data() as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many have come never, and how many more than once.
    fn lost_and_twice(&self) -> (usize, usize) {
        let times = |right: fn(u8) -> bool| {
            let times = self.0.iter().map(|times| times.load(Ordering::Relaxed));
            times.filter(|&times| right(times)).count()
        };
        (times(|times| times == 0), times(|times| times > 1))
    }
}

/// Says that all is submitted, also if a panic ends it.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reaps in turns from the ring, from the ring and the kernel, and from the kernel alone.
fn in_turns<'b>(
    completions: &mut Completions<'_>,
    turn: u64,
    events: &'b mut [MaybeUninit<Event>],
) -> &'b [Event] {
    let now = Some(Duration::ZERO);
    match turn % 3 {
        0 => completions.fill(&mut events[..5]),
        // One more than there are: what is there comes from the ring, and the kernel is asked for the rest.
        1 => completions.wait(BATCH, events, Some(Duration::from_nanos(1)), None),
        _ => completions.wait_in_kernel(0, &mut events[..7], now, None),
    }
    .expect("events")
}

#[test]
fn the_ring_and_the_kernel_in_turns() {
    const EVENTS: u64 = 100_000;
    let file = null();
    for size in [1, 31, 100] {
        let mut context = Context::new(size).expect("a context");
        let (mut submitted, mut next, mut turn) = (0, 0, 0);
        let mut events = buffer();
        while next < EVENTS {
            let room = (EVENTS - submitted).min(20 + turn % 23);
            submitted += submit(&context, &file, submitted..submitted + room);
            for event in in_turns(&mut context.completions(), turn, &mut events) {
                // These are over when they are submitted, so they come in order.
                assert_eq!(event.data(), next);
                next += 1;
            }
            turn += 1;
        }
        assert_eq!(context.completions().ready(), Some(0));
    }
}

/// What is in the ring counts as waited for, and what comes later makes up the rest.
#[test]
fn a_wait_counts_both_parts() {
    let mut context = Context::new(8).expect("a context");
    let mut ends = [-1; 2];
    // SAFETY: the call writes two descriptors, which are nobody else's.
    let (reader, mut writer) = unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    };
    let file = null();
    for _ in 0..50 {
        let mut poll = iocb::Poll::new(reader.as_raw_fd(), PollFlags::IN)
            .build()
            .data(2);
        // SAFETY: the request is live, and has no buffer.
        let submitted = unsafe { context.submit(&[&raw mut poll]) };
        assert_eq!(submitted.expect("submitted"), 1);
        assert_eq!(submit(&context, &file, 0..2), 2);
        thread::scope(|scope| {
            scope.spawn(|| writer.write_all(b"x").expect("written"));
            let mut events = buffer();
            let mut completions = context.completions();
            let events = completions
                .wait(3, &mut events, None, None)
                .expect("events");
            let numbers: Vec<_> = events.iter().map(Event::data).collect();
            assert_eq!(numbers.len(), 3);
            for number in 0..3 {
                assert!(numbers.contains(&number), "{numbers:?}");
            }
        });
        let mut byte = [0];
        std::io::Read::read_exact(&mut &reader, &mut byte).expect("read");
    }
}

/// Two threads reap, one after the other by a lock, while a third submits.
#[test]
fn two_reapers_behind_a_lock() {
    const EVENTS: u64 = 2_000_000;
    let file = null();
    let mut context = Context::new(128).expect("a context");
    let (submitter, completions) = context.split();
    let completions = Mutex::new(completions);
    let seen = Seen::new(EVENTS);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over_at_the_end = Over(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut events, mut turn) = (buffer(), 0);
                loop {
                    // Before the look: what was submitted then is in the ring.
                    let last = over.load(Ordering::Acquire);
                    turn += 1;
                    let mut completions = completions.lock().expect("a lock");
                    let events = in_turns(&mut completions, turn, &mut events);
                    // The slots are used again while these are looked at.
                    drop(completions);
                    seen.note(events);
                    match events.is_empty() {
                        true if last => return,
                        true => thread::yield_now(),
                        false => {}
                    }
                }
            });
        }
        let mut submitted = 0;
        while submitted < EVENTS {
            let batch = (EVENTS - submitted).min(BATCH as u64);
            match submit(submitter, &file, submitted..submitted + batch) {
                0 => thread::yield_now(),
                count => submitted += count,
            }
        }
        drop(over_at_the_end);
    });
    assert_eq!(seen.lost_and_twice(), (0, 0));
    assert_eq!(context.completions().ready(), Some(0));
}
