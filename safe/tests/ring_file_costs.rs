//! What file operations of the ring cost besides their work: no allocation, and no descriptor that stays open.

#![cfg(feature = "uring")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::{self, File};
use std::rc::Rc;

use safe::uring::Ring;
use safe::uring::op::{self, MemoryAdvice, Operation};
use safe::uring::raw::types::FallocateFlags;
use support::in_process_of_its_own;

thread_local! {
    static MADE: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread allocates.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: each call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: by the caller's promise; what was allocated came from `System`.
        unsafe { System.dealloc(at, layout) }
    }
}

fn run<O: Operation + 'static>(ring: &mut Ring, operation: O) -> O::Output {
    let ticket = ring.push(operation).expect("room for an operation");
    ring.wait(ticket).expect("the kernel answers")
}

/// Does something a few times, and again, counted.
#[track_caller]
fn allocates_nothing(what: &str, mut f: impl FnMut()) {
    for _ in 0..3 {
        f();
    }
    let before = MADE.get();
    for _ in 0..50 {
        f();
    }
    assert_eq!(MADE.get() - before, 0, "allocations in 50 times {what}");
}

/// Does something with values that it gives back.
fn again<T>(value: T, mut f: impl FnMut(T) -> T) -> impl FnMut() {
    let mut value = Some(value);
    move || value = value.take().map(&mut f)
}

#[test]
fn operations_do_not_allocate() {
    let ring = &mut Ring::new(8).expect("a ring");
    let files = ring.register_files(2, 2).expect("a table");
    let buffers = ring.register_buffers(4, 4096).expect("buffers");
    let file = Rc::new(tempfile::tempfile().expect("a file"));
    let same = || Rc::clone(&file);

    let parts: [Vec<u8>; 4] = std::array::from_fn(|_| vec![1; 100]);
    allocates_nothing(
        "vectored write and read",
        again(parts, |parts| {
            let done = run(ring, op::WriteVectored::new(same(), parts).at(0));
            assert_eq!(done.result, Ok(400));
            let done = run(ring, op::ReadVectored::new(same(), done.buf).at(0));
            assert_eq!(done.result, Ok(400));
            done.buf
        }),
    );
    allocates_nothing("open and close", || {
        let file = run(ring, op::Open::new(c"/proc/self/exe")).expect("opened");
        run(ring, op::Close::new(file)).expect("closed");
        let file = run(ring, op::Open2::new(c"/proc/self/exe")).expect("opened");
        drop(file);
    });
    allocates_nothing("status", || {
        let status = run(ring, op::Statx::new(c"/proc/self/exe")).expect("a status");
        assert!(status.is_file());
        assert!(run(ring, op::Statx::of(same())).is_ok());
    });
    allocates_nothing("space, sync and advice", || {
        let keep = FallocateFlags::KEEP_SIZE;
        let done = run(ring, op::Fallocate::new(same(), 0, 4096).mode(keep));
        assert_eq!(done.result, Ok(()));
        assert_eq!(run(ring, op::Ftruncate::new(same(), 100)).result, Ok(()));
        assert_eq!(run(ring, op::Fsync::data(same())).result, Ok(()));
        let advice = op::Fadvise::new(same(), op::FileAdvice::Random);
        assert_eq!(run(ring, advice).result, Ok(()));
        static BYTES: [u8; 10000] = [1; 10000];
        let advice = op::Madvise::new(&BYTES[..], MemoryAdvice::WillNeed);
        assert_eq!(run(ring, advice).result, Ok(()));
    });
    allocates_nothing("pipes", || {
        let ends = run(ring, op::Pipe::new()).expect("a pipe");
        let done = run(ring, op::Splice::new(same(), ends.writer, 10).from_at(0));
        assert_eq!(done.result, Ok(10));
    });
    allocates_nothing("fixed files", || {
        let slot = ring.reserve_file().expect("a slot");
        let opened = run(ring, op::Open::new(c"/proc/self/exe").direct(slot)).expect("opened");
        let plain = run(ring, op::InstallFixed::new(opened.clone())).expect("a descriptor");
        let done = run(ring, op::RegisterFile::new(plain, &files));
        drop((opened, done.result.expect("registered")));
        let fixed = ring.register_file(&*file).expect("a slot");
        drop(fixed);
    });
    allocates_nothing("fixed buffers", || {
        let shared = buffers.lease(0, 100..200).expect("free").share();
        let done = run(ring, op::WriteFixed::new(same(), shared.clone()).at(0));
        assert_eq!(done.result, Ok(100));
        drop((done, shared));
        let buf = buffers.take().expect("free");
        let done = run(ring, op::ReadFixed::new(same(), buf).at(0));
        assert_eq!(done.result, Ok(100));
    });
}

#[test]
fn other_advice_is_the_callers_risk() {
    let mut ring = Ring::new(8).expect("a ring");
    // SAFETY: the buffer's own bytes become zeros.
    let advice = unsafe { op::Madvise::with_any(vec![1u8; 100_000], libc::MADV_DONTNEED) };
    let done = run(&mut ring, advice);
    assert_eq!(done.result, Ok(()));
    let zeros = done.buf.iter().filter(|byte| **byte == 0).count();
    // Whole pages, and nothing outside of the buffer or at its ends.
    assert!(zeros > 0 && zeros % 4096 == 0, "{zeros}");
    // SAFETY: as above, if there were such advice.
    let advice = unsafe { op::Madvise::with_any(done.buf, 9999) };
    let errno = run(&mut ring, advice).result.map_err(|e| e.raw_os_error());
    assert_eq!(errno, Err(libc::EINVAL));
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

#[test]
fn pipes_that_nobody_takes_are_closed() {
    in_process_of_its_own("pipes_that_nobody_takes_are_closed", || {
        let mut ring = Ring::new(8).expect("a ring");
        let before = descriptors();
        for round in 0..100 {
            let ticket = ring.push(op::Pipe::new()).expect("room");
            let other = ring.push(op::Pipe::new()).expect("room");
            if round % 2 == 0 {
                ring.submit().expect("submitted");
            }
            other.detach();
            drop(ticket);
            while !ring.is_empty() {
                run(&mut ring, op::Nop::new()).expect("nothing fails");
            }
        }
        assert_eq!(descriptors(), before);
        // A close that was never submitted, one that was, and one that the ring did not take.
        let open = || File::open("/proc/self/exe").expect("opened");
        for _ in 0..8 {
            ring.push(op::Close::new(open())).expect("room").detach();
        }
        let rejected = ring.push(op::Close::new(open())).expect_err("full");
        drop(rejected);
        while !ring.is_empty() {
            ring.submit().expect("submitted");
            ring.poll().expect("polled");
        }
        assert_eq!(descriptors(), before);
    });
}
