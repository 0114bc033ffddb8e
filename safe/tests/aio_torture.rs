//! What a context must stand: forgetting, panics, drops in mid-flight, and a long mixed run, with reads that the disk
//! is still busy with.
//!
//! Needs root, and the tools of ext4 and XFS: what lacks them is ignored, and says so. Built with `--cfg aio_broken`, the last test shows that the others
//! notice a broken rule.

#[path = "support/disk.rs"]
mod disk;
#[path = "support/random.rs"]
mod random;
mod watched;

use std::fs::File;
use std::mem;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use disk::Disk;
use libtest_mimic::{Arguments, Trial};
use random::Random;
use safe::aio::{Context, PollFlags, Ticket, op};
use watched::{Watched, Witness};

/// The bytes of a read: far more than the disk gives in the time until the drop.
const SIZE: usize = 8 << 20;

const READS: usize = 4;

/// The byte that files are made of.
const CONTENT: u8 = b'A';

/// A file of `size` bytes, each of them `byte`, for I/O that bypasses the page cache.
fn direct(folder: &Path, size: usize, byte: u8) -> File {
    let path = folder.join("file");
    std::fs::write(&path, vec![byte; size]).expect("a file");
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_DIRECT)
        .open(path)
        .expect("O_DIRECT");
    file.sync_all().expect("on the disk");
    file
}

fn on_disk(kind: &str, body: impl Fn(Arc<File>)) {
    let disk = Disk::new(kind);
    body(Arc::new(direct(&disk.path(), READS * SIZE, CONTENT)));
}

type Reading = Ticket<op::Read<Arc<File>, Watched>>;

/// Large reads that are in flight, and who watches their buffers.
fn reading(context: &mut Context, file: &Arc<File>) -> (Vec<Reading>, Vec<Witness>) {
    let begin = |at| {
        let (buf, witness) = Watched::new(SIZE);
        let read = op::Read::new(file.clone(), buf).at((at * SIZE) as u64);
        (context.push(read).expect("room"), witness)
    };
    let reads = (0..READS).map(begin).unzip();
    let submitted = context.submit().expect("submitted");
    assert_eq!(submitted.accepted, READS);
    reads
}

fn context() -> Context {
    Context::new(READS as u32).expect("a context")
}

/// Whether the files are owned by nobody but the test.
fn is_alone(file: &Arc<File>) -> bool {
    Arc::strong_count(file) == 1
}

fn a_dropped_context_frees_after_the_last_byte(kind: &str) {
    on_disk(kind, |file| {
        let mut context = context();
        let (tickets, witnesses) = reading(&mut context, &file);
        drop(tickets);
        drop(context);
        witnesses.iter().for_each(Witness::check);
        assert!(is_alone(&file));
    });
}

fn a_caught_panic_frees_after_the_last_byte(kind: &str) {
    on_disk(kind, |file| {
        let mut witnesses = Vec::new();
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut context = context();
            let (_tickets, watching) = reading(&mut context, &file);
            witnesses = watching;
            panic::resume_unwind(Box::new("a panic"));
        }));
        assert!(caught.is_err());
        witnesses.iter().for_each(Witness::check);
        assert!(is_alone(&file));
    });
}

fn a_dropped_ticket_frees_after_the_last_byte(kind: &str) {
    on_disk(kind, |file| {
        let mut context = context();
        let (tickets, witnesses) = reading(&mut context, &file);
        drop(tickets);
        while !context.is_empty() {
            context.wait_for(1, None, None).expect("over");
        }
        witnesses.iter().for_each(Witness::check);
        assert!(is_alone(&file));
    });
}

fn what_is_forgotten_is_never_freed(kind: &str) {
    on_disk(kind, |file| {
        // The tickets, and then the context as well.
        for forget in [false, true] {
            let mut context = context();
            let (tickets, witnesses) = reading(&mut context, &file);
            tickets.into_iter().for_each(mem::forget);
            if forget {
                mem::forget(context);
            } else {
                let refused = context.push(op::Fsync::new(file.clone()));
                assert!(refused.is_err(), "their places are taken");
                assert_eq!(context.wait_for(READS, None, None).expect("over"), READS);
                assert_eq!(context.len(), READS);
                drop(context);
            }
            assert!(witnesses.iter().all(|witness| witness.drops() == 0));
        }
    });
}

fn a_scope_ends_with_its_last_byte(kind: &str) {
    on_disk(kind, |file| {
        for fails in [false, true] {
            // Leaked, so that a scope that ends early writes to nobody's memory.
            let memory = Box::leak(vec![b'x'; READS * SIZE + 4096].into_boxed_slice());
            let begin = memory.as_ptr().align_offset(4096);
            let memory = &mut memory[begin..begin + READS * SIZE];
            let mut context = context();
            let ended = panic::catch_unwind(AssertUnwindSafe(|| {
                context.scope(|scope| {
                    for (at, part) in memory.chunks_mut(SIZE).enumerate() {
                        let read = op::Read::new(&file, part).at((at * SIZE) as u64);
                        mem::forget(scope.push(read).expect("room"));
                    }
                    assert_eq!(scope.submit().expect("submitted").accepted, READS);
                    if fails {
                        panic::resume_unwind(Box::new("a panic"));
                    }
                });
            }));
            assert_eq!(ended.is_err(), fails);
            let whole = memory.iter().all(|byte| *byte == CONTENT);
            assert!(whole, "the scope ended before its reads");
            assert!(context.is_empty());
        }
    });
}

fn an_event_comes_once() {
    let null = Arc::new(File::open("/dev/null").unwrap());
    let mut context = Context::new(8).unwrap();
    let read = || op::Read::new(null.clone(), vec![0; 1]);
    for tag in 0..4 {
        context.push_tagged(read(), tag).unwrap();
    }
    for tag in 0..4 {
        let event = context.next_event().unwrap();
        assert_eq!(event.tag(), tag);
        mem::forget(event);
    }
    assert!(context.try_next_event().unwrap().is_none());
    // Their places stay taken; the others are used again.
    for tag in 4..100 {
        context.push_tagged(read(), tag).unwrap();
        let event = context.next_event().unwrap();
        assert_eq!(event.tag(), tag);
        assert_eq!(
            event.take::<op::Read<Arc<File>, Vec<u8>>>().unwrap().result,
            Ok(0)
        );
    }
    assert_eq!(context.len(), 4);
}

fn results_find_their_operations_around_the_ring() {
    let file = tempfile::tempfile().unwrap();
    let content: Vec<u8> = (0..=u8::MAX).collect();
    std::os::unix::fs::FileExt::write_all_at(&file, &content, 0).unwrap();
    let file = Arc::new(file);
    // Of at least as many slots, three times around and more.
    for size in [1_u32, 2, 3, 7, 63, 64, 100, 129] {
        let mut context = Context::new(size).unwrap();
        let mut rounds = 0;
        while rounds * size < 3 * 700 {
            let reads: Vec<_> = (0..size)
                .map(|at| {
                    let read = op::Read::new(file.clone(), vec![0; 1]);
                    context.push(read.at(u64::from(at + rounds) % 256)).unwrap()
                })
                .collect();
            // Not in the order in which they come.
            for (at, ticket) in reads.into_iter().enumerate().rev() {
                let done = context.wait(ticket).unwrap();
                assert_eq!(done.result, Ok(1));
                assert_eq!(u32::from(done.buf[0]), (at as u32 + rounds) % 256);
            }
            rounds += 1;
        }
        assert!(context.is_empty());
    }
}

/// Reads, polls and cancels in flight together, of which some tickets are dropped, and some results left.
fn a_long_mixed_run_loses_nothing(kind: &str) {
    // About ten minutes are `AIO_OPERATIONS=400000000`, optimised: 20 million took 33 s, on both file systems at a time,
    // with two processors that others used too.
    let operations = std::env::var("AIO_OPERATIONS");
    let operations: u64 = operations.map_or(60_000, |count| count.parse().expect("a number"));
    const PART: usize = 16 << 10;
    on_disk(kind, |file| {
        let mut numbers = Random(0x9e37_79b9_7f4a_7c15);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ours = Arc::new(ours);
        let mut context = Context::new(37).unwrap();
        let (mut reads, mut polls, mut witnesses) = (Vec::new(), Vec::new(), Vec::new());
        let mut idle: Vec<Watched> = Vec::new();
        for _ in 0..37 {
            let (buf, witness) = Watched::new(PART);
            idle.push(buf);
            witnesses.push(witness);
        }
        let mut done = 0;
        for _ in 0..operations {
            let room = context.len() < context.capacity();
            match numbers.below(8) {
                0..=3 if room => {
                    let Some(buf) = idle.pop() else { continue };
                    let at = (numbers.below(READS * SIZE / PART) * PART) as u64;
                    reads.push(
                        context
                            .push(op::Read::new(file.clone(), buf).at(at))
                            .unwrap(),
                    );
                }
                4 if room => {
                    // Never ready, so that it must be cancelled.
                    let poll = op::Poll::new(ours.clone(), PollFlags::IN);
                    polls.push(context.push(poll).unwrap());
                }
                5 if !polls.is_empty() => {
                    let poll = polls.swap_remove(numbers.below(polls.len()));
                    if numbers.below(2) == 0 {
                        drop(poll);
                    } else {
                        context.cancel(poll.token()).unwrap();
                        assert!(
                            context
                                .wait(poll)
                                .unwrap()
                                .result
                                .unwrap_err()
                                .is_cancelled()
                        );
                    }
                }
                6 => drop(context.submit().unwrap()),
                7 if !reads.is_empty() => {
                    let read = reads.swap_remove(numbers.below(reads.len()));
                    let read = context.wait(read).unwrap();
                    assert_eq!(read.result, Ok(PART));
                    idle.push(read.buf);
                    done += 1;
                }
                _ => {}
            }
        }
        assert!(done > operations / 50, "{done} reads");
        // In mid-flight.
        let _ = context.submit().unwrap();
        drop((reads, polls));
        drop((context, idle, theirs));
        witnesses.iter().for_each(Witness::check);
        assert!(is_alone(&file) && Arc::strong_count(&ours) == 1);
    });
}

/// A test, and what it is called.
type Named<T> = (&'static str, T);

/// What is done on each file system.
const ON_DISKS: &[Named<fn(&str)>] = &[
    (
        "a_dropped_context_frees_after_the_last_byte",
        a_dropped_context_frees_after_the_last_byte,
    ),
    (
        "a_caught_panic_frees_after_the_last_byte",
        a_caught_panic_frees_after_the_last_byte,
    ),
    (
        "a_dropped_ticket_frees_after_the_last_byte",
        a_dropped_ticket_frees_after_the_last_byte,
    ),
    (
        "what_is_forgotten_is_never_freed",
        what_is_forgotten_is_never_freed,
    ),
    (
        "a_scope_ends_with_its_last_byte",
        a_scope_ends_with_its_last_byte,
    ),
    (
        "a_long_mixed_run_loses_nothing",
        a_long_mixed_run_loses_nothing,
    ),
];

/// What is done without one.
const ELSEWHERE: &[Named<fn()>] = &[
    ("an_event_comes_once", an_event_comes_once),
    (
        "results_find_their_operations_around_the_ring",
        results_find_their_operations_around_the_ring,
    ),
    #[cfg(aio_broken)]
    ("the_tests_notice", the_tests_notice),
];

// Its `main` is ours: it says of each test whether the tools of its file system are there.
fn main() {
    let disks = ["ext4", "xfs"].into_iter().flat_map(|kind| {
        let lacks = disk::lacks(kind);
        ON_DISKS.iter().map(move |(name, test)| {
            let run = move || {
                test(kind);
                Ok(())
            };
            Trial::test(format!("{kind}::{name}"), run)
                .with_kind(lacks.clone().unwrap_or_default())
                .with_ignored_flag(lacks.is_some())
        })
    });
    let elsewhere = ELSEWHERE.iter().map(|(name, test)| {
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(*name, run)
    });
    libtest_mimic::run(&Arguments::from_args(), disks.chain(elsewhere).collect()).exit();
}

/// How often a test may pass by chance though a rule is broken.
#[cfg(aio_broken)]
const TRIES: u32 = 50;

#[cfg(aio_broken)]
fn the_tests_notice() {
    let passes = |rule: &str, test: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env("AIO_BROKEN", rule)
            .output()
            .unwrap()
            .status
            .success()
    };
    for (rule, test) in [
        ("free", "ext4::a_dropped_context_frees_after_the_last_byte"),
        ("free", "ext4::a_caught_panic_frees_after_the_last_byte"),
        ("scope", "ext4::a_scope_ends_with_its_last_byte"),
        ("twice", "an_event_comes_once"),
    ] {
        assert!(
            passes("none", test),
            "{test} fails though nothing is broken"
        );
        // A disk may be through before a buffer is freed too early: it is given many chances not to be.
        let noticed = (0..TRIES).any(|_| !passes(rule, test));
        assert!(noticed, "{test} passes though `{rule}` is broken");
    }
}
