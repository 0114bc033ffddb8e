//! Pushing and taking allocate nothing, in each of the three forms, and nothing is left when a ring is gone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use safe::uring::{Ring, op};

/// An allocator that counts, thread by thread.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        FREED.set(FREED.get() + 1);
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Operations in flight at once, and how often.
const BATCH: usize = 32;
const ROUNDS: usize = 100;

/// Runs `round` to warm up, and then without one allocation.
fn allocates_nothing(mut round: impl FnMut()) {
    (0..8).for_each(|_| round());
    let before = (ALLOCATED.get(), FREED.get());
    for _ in 0..ROUNDS {
        round();
    }
    assert_eq!((ALLOCATED.get(), FREED.get()), before);
}

/// Runs `body`, after which as much is freed as was allocated.
fn leaks_nothing(body: impl FnOnce()) {
    // What other threads have allocated may be freed here, so this may be below 0.
    let kept = || ALLOCATED.get().wrapping_sub(FREED.get());
    let before = kept();
    body();
    assert_eq!(kept(), before, "blocks were leaked");
}

fn file() -> Rc<File> {
    Rc::new(File::open("/proc/self/exe").unwrap())
}

type Read = op::Read<Rc<File>, Vec<u8>>;

#[test]
fn tickets_allocate_nothing() {
    leaks_nothing(|| {
        let (file, mut ring) = (file(), Ring::new(BATCH as u32).unwrap());
        let mut buffers: Vec<_> = (0..BATCH).map(|_| vec![0; 64]).collect();
        let mut tickets = Vec::with_capacity(BATCH);
        allocates_nothing(|| {
            for buf in buffers.drain(..) {
                let read: Read = op::Read::new(Rc::clone(&file), buf);
                tickets.push(ring.push(read.at(0)).unwrap());
            }
            for ticket in tickets.drain(..) {
                let done = ring.wait(ticket).unwrap();
                assert_eq!(done.result, Ok(64));
                buffers.push(done.buf);
            }
        });
    });
}

#[test]
fn dropped_tickets_allocate_nothing() {
    leaks_nothing(|| {
        let mut ring = Ring::new(BATCH as u32).unwrap();
        allocates_nothing(|| {
            for place in 0..BATCH {
                let ticket = ring.push(op::Nop::new()).unwrap();
                if place % 2 == 0 {
                    drop(ticket);
                } else {
                    ticket.detach();
                }
            }
            while !ring.is_empty() {
                ring.submit().unwrap();
                ring.poll().unwrap();
            }
        });
    });
}

#[test]
fn events_allocate_nothing() {
    leaks_nothing(|| {
        let (file, mut ring) = (file(), Ring::new(BATCH as u32 + 1).unwrap());
        let mut buffers: Vec<_> = (0..BATCH).map(|_| vec![0; 64]).collect();
        allocates_nothing(|| {
            for (tag, buf) in (0..).zip(buffers.drain(..)) {
                let read: Read = op::Read::new(Rc::clone(&file), buf);
                ring.push_tagged(read.at(0), tag).unwrap();
            }
            // So that events are kept, too.
            let ticket = ring.push(op::Nop::new()).unwrap();
            ring.wait(ticket).unwrap().unwrap();
            for _ in 0..BATCH {
                let done = ring.next_event().unwrap().take::<Read>().unwrap();
                assert_eq!(done.result, Ok(64));
                buffers.push(done.buf);
            }
        });
    });
}

#[test]
fn scopes_allocate_nothing() {
    leaks_nothing(|| {
        let (file, mut ring) = (file(), Ring::new(4).unwrap());
        let mut buffers = [[0; 64]; 4];
        allocates_nothing(|| {
            ring.scope(|scope| {
                let tickets = buffers.each_mut().map(|buf| {
                    let read = op::Read::new(&file, &mut buf[..]).at(0);
                    scope.push(read).unwrap()
                });
                for ticket in tickets {
                    assert_eq!(scope.wait(ticket).unwrap().result, Ok(64));
                }
            });
        });
    });
}

#[test]
fn nothing_is_left_of_what_was_in_flight() {
    leaks_nothing(|| {
        let (reader, _writer) = UnixStream::pair().unwrap();
        let reader = Rc::new(reader);
        let read = || op::Read::new(Rc::clone(&reader), vec![0; 64]);
        let mut ring = Ring::new(8).unwrap();
        let kept = ring.push(read()).unwrap();
        let mut buf = [0; 8];
        ring.scope(|scope| {
            std::mem::forget(scope.push(op::Read::new(&reader, &mut buf[..])).unwrap());
        });
        drop(ring.push(read()).unwrap());
        ring.push(read()).unwrap().detach();
        ring.push_tagged(read(), 1).unwrap();
        ring.submit().unwrap();
        drop(ring.push(read()).unwrap());
        drop(ring);
        drop(kept);
    });
}
