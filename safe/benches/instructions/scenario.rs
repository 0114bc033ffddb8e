//! Situations in which what matters is how often the kernel is entered.

use std::hint;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use safe::uring::raw::types::PollFlags;
use safe::uring::raw::{EnterFlags, IoUring, opcode};
use safe::uring::{Ring, op};

/// The most operations that a ring can have in flight.
const MOST: u32 = 32768;

/// Longer than a measurement: the kernel thread does not go to sleep.
const AWAKE_MS: u32 = 60_000;

/// A function that does the operation `name` once, with `batch` entries where it takes any.
pub(crate) fn named(name: &str, batch: u32) -> Option<Box<dyn FnMut()>> {
    Some(match name {
        "peek" => Box::new(peek()),
        "submit" => Box::new(submit(batch)),
        "ready" => Box::new(ready(batch)),
        "sqpoll" => Box::new(sqpoll(batch)),
        #[cfg(feature = "aio")]
        "aio" => Box::new(native_aio(batch)),
        #[cfg(feature = "aio")]
        "aiolook" => Box::new(look(batch)),
        #[cfg(feature = "aio")]
        "aiopoll" => Box::new(poll(batch)),
        _ => {
            let held = name.strip_prefix("held")?.parse().ok()?;
            Box::new(among(held, batch))
        }
    })
}

/// Does NOPs in a ring without `unsafe` that has so many other operations in flight, or one of `batch` fewer if that is
/// more than a ring can have.
fn among(held: u32, batch: u32) -> impl FnMut() {
    let capacity = (held + batch).min(MOST);
    let mut ring = Ring::new(capacity).expect("a ring");
    let (silent, _other) = UnixStream::pair().expect("two sockets");
    let silent = Rc::new(silent);
    for _ in 0..capacity - batch {
        let poll = op::Poll::new(Rc::clone(&silent), PollFlags::PRI);
        ring.push(poll).expect("room").detach();
        if ring.len() % 32 == 0 {
            ring.submit().expect("a submission");
        }
    }
    let mut tickets = Vec::with_capacity(batch as usize);
    move || {
        // Nothing is ever there to read before the other end is closed.
        let _open = &_other;
        tickets.extend((0..batch).map(|_| ring.push(op::Nop::new()).expect("room")));
        for ticket in tickets.drain(..) {
            ring.wait(ticket).expect("a wait").expect("a NOP");
        }
    }
}

/// Looks for a completion where there is none.
fn peek() -> impl FnMut() {
    let mut ring = ring();
    move || assert!(ring.peek().expect("a peek").is_none())
}

/// Submits NOPs, which complete at once.
fn submit(batch: u32) -> impl FnMut() {
    let mut ring = ring();
    move || {
        push(&mut ring, batch);
        assert_eq!(ring.submit().expect("a submission"), batch as usize);
        assert_eq!(ring.completion().count(), batch as usize);
    }
}

/// Waits for completions that are there already.
fn ready(batch: u32) -> impl FnMut() {
    let mut ring = ring();
    push(&mut ring, batch);
    ring.submit_and_wait(batch as usize).expect("a submission");
    move || assert_eq!(ring.submit_and_wait(batch as usize).expect("a wait"), 0)
}

/// Submits NOPs to a kernel thread that is awake, and takes their completions.
fn sqpoll(batch: u32) -> impl FnMut() {
    let mut ring = IoUring::builder()
        .setup_sqpoll(AWAKE_MS)
        .build(128)
        .expect("a ring");
    // The thread goes to sleep at once when it finds nothing at first, or does not: one entry is always handed
    // over with a call, and then it is awake.
    push(&mut ring, 1);
    let wake = EnterFlags::SQ_WAKEUP | EnterFlags::GETEVENTS;
    // SAFETY: there is no argument.
    let woken = unsafe { ring.submitter().enter::<()>(1, 1, wake.bits(), None) };
    assert_eq!(woken.expect("a call"), 1);
    assert_eq!(ring.completion().count(), 1);
    move || {
        push(&mut ring, batch);
        ring.submit().expect("a submission");
        let mut left = batch as usize;
        while left > 0 {
            left -= ring.completion().count();
            hint::spin_loop();
        }
    }
}

fn ring() -> IoUring {
    IoUring::new(128).expect("a ring")
}

fn push(ring: &mut IoUring, count: u32) {
    let nop = opcode::Nop::new().build();
    let mut queue = ring.submission();
    for _ in 0..count {
        // SAFETY: a NOP names no memory.
        unsafe { queue.push(&nop) }.expect("a batch fits into the queue");
    }
}

/// Submits reads of nothing by native AIO, and takes their results.
#[cfg(feature = "aio")]
fn native_aio(batch: u32) -> impl FnMut() {
    use safe::aio::{Context, op};

    let file = std::sync::Arc::new(std::fs::File::open("/dev/null").expect("a file"));
    let mut context = Context::new(batch).expect("a context");
    let mut tickets = Vec::with_capacity(batch as usize);
    move || {
        for _ in 0..batch {
            let read = op::Read::new(file.clone(), Vec::new());
            tickets.push(context.push(read).expect("room"));
        }
        for ticket in tickets.drain(..) {
            let done = context.wait(ticket).expect("over");
            assert_eq!(done.result, Ok(0));
        }
    }
}

/// Looks for events of native AIO where there are none, so often.
#[cfg(feature = "aio")]
fn look(times: u32) -> impl FnMut() {
    let mut context = safe::aio::raw::Context::new(8).expect("a context");
    move || {
        let mut completions = context.completions();
        for _ in 0..times {
            assert!(completions.take().expect("a look").is_none());
        }
    }
}

/// The same of the context without `unsafe`.
#[cfg(feature = "aio")]
fn poll(times: u32) -> impl FnMut() {
    let mut context = safe::aio::Context::new(8).expect("a context");
    move || {
        for _ in 0..times {
            assert_eq!(context.poll().expect("a look"), 0);
        }
    }
}
