//! The ring without `unsafe`: tickets, scopes, events, and what becomes of operations that nobody waits for.

#![forbid(unsafe_code)]

#[path = "support/panics.rs"]
mod panics;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use safe::uring::{Reason, Ring, op};

use panics::Panics;

/// A file of `0, 1, 2, ...`, modulo 251.
fn pattern(len: usize) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    file.write_all(&bytes).expect("room for a temporary file");
    file
}

/// Two ends: from the first there is never anything to read while the other is kept.
fn idle_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = UnixStream::pair().expect("a pair of sockets");
    (reader.into(), writer.into())
}

/// A file that counts how often it was dropped.
struct Counted(File, Rc<Cell<u32>>);

impl std::os::fd::AsFd for Counted {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
    }
}

#[test]
fn buffers_come_back_with_what_was_read() -> io::Result<()> {
    let mut ring = Ring::new(8)?;
    let file = Rc::new(pattern(4096));
    let tickets: Vec<_> = (0..8)
        .map(|at| {
            let read = op::Read::new(Rc::clone(&file), Vec::with_capacity(16)).at(at * 100);
            ring.push(read)
        })
        .collect::<Result<_, _>>()?;
    // In another order than they were pushed in.
    for (at, ticket) in (0..8).zip(tickets).rev() {
        let done = ring.wait(ticket)?;
        assert_eq!(done.result?, 16);
        let expected: Vec<u8> = (at * 100..at * 100 + 16)
            .map(|at| (at % 251) as u8)
            .collect();
        assert_eq!(done.buf, expected);
    }
    assert!(ring.is_empty());
    Ok(())
}

#[test]
fn a_full_table_gives_the_operation_back() -> io::Result<()> {
    let mut ring = Ring::new(2)?;
    let (reader, _writer) = idle_pipe();
    let reader = Rc::new(reader);
    let read = |at| op::Read::new(Rc::clone(&reader), vec![at; 8]);
    let first = ring.push(read(1))?;
    let second = ring.push(read(2))?;
    let rejected = ring.push(read(3)).expect_err("there are two places");
    assert_eq!(rejected.reason(), Reason::Table);
    // Results that nobody took keep their places.
    ring.submit()?;
    drop((first, second));
    while !ring.is_empty() {
        ring.submit()?;
        ring.poll()?;
    }
    let ticket = ring.push(rejected.operation)?;
    ticket.detach();
    assert_eq!(ring.len(), 1);
    Ok(())
}

#[test]
fn a_full_queue_gives_the_operation_back() -> io::Result<()> {
    let mut ring = Ring::builder().queue(1).build(8)?;
    let first = ring.push(op::Nop::new())?;
    let rejected = ring.push(op::Nop::new()).expect_err("there is one entry");
    assert_eq!(rejected.reason(), Reason::Queue);
    assert_eq!(io::Error::from(rejected).kind(), io::ErrorKind::WouldBlock);
    ring.submit()?;
    let second = ring.push(op::Nop::new())?;
    ring.wait(second)??;
    ring.wait(first)??;
    Ok(())
}

#[test]
fn errors_have_the_errno_and_the_operation() -> io::Result<()> {
    let mut ring = Ring::new(1)?;
    let directory = File::open("/")?;
    let ticket = ring.push(op::Read::new(directory, vec![0; 8]).at(0))?;
    let error = ring.wait(ticket)?.result.expect_err("a directory");
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    assert_eq!(error.operation(), "READ");
    assert!(io::Error::from(error).to_string().starts_with("READ: "));
    Ok(())
}

#[test]
fn a_dropped_ticket_cancels_and_its_operation_is_dropped_once() -> io::Result<()> {
    let dropped = Rc::new(Cell::new(0));
    let mut ring = Ring::new(4)?;
    let (reader, _writer) = idle_pipe();
    let file = Counted(reader.into(), Rc::clone(&dropped));
    let ticket = ring.push(op::Read::new(file, vec![0; 8]))?;
    ring.submit()?;
    drop(ticket);
    assert_eq!(dropped.get(), 0, "the operation was in flight");
    while !ring.is_empty() {
        ring.submit()?;
        ring.poll()?;
    }
    assert_eq!(dropped.get(), 1);
    Ok(())
}

#[test]
fn a_forgotten_ticket_keeps_its_place_and_the_ring_still_ends() -> io::Result<()> {
    let dropped = Rc::new(Cell::new(0));
    {
        let mut ring = Ring::new(4)?;
        let (reader, _writer) = idle_pipe();
        let file = Counted(reader.into(), Rc::clone(&dropped));
        mem::forget(ring.push(op::Read::new(file, vec![0; 8]))?);
        mem::forget(ring.push(op::Nop::new())?);
        ring.submit()?;
        ring.poll()?;
        assert_eq!(ring.len(), 2);
    }
    assert_eq!(dropped.get(), 0, "what was forgotten is leaked");
    Ok(())
}

#[test]
fn tickets_may_outlive_their_ring() -> io::Result<()> {
    let dropped = Rc::new(Cell::new(0));
    let (reader, _writer) = idle_pipe();
    let file = Counted(reader.into(), Rc::clone(&dropped));
    let mut ring = Ring::new(4)?;
    let blocked = ring.push(op::Read::new(file, vec![0; 8]))?;
    let nop = ring.push(op::Nop::new())?;
    drop(ring);
    assert!(blocked.is_done() && nop.is_done());
    assert_eq!(dropped.get(), 0);
    drop(blocked);
    assert_eq!(dropped.get(), 1);
    drop(nop);
    Ok(())
}

#[test]
#[should_panic(expected = "another ring's")]
fn a_ticket_is_of_one_ring() {
    let mut one = Ring::new(1).expect("a ring");
    let mut other = Ring::new(1).expect("a ring");
    let ticket = one.push(op::Nop::new()).expect("room");
    let _ = other.wait(ticket);
}

#[test]
fn a_slot_is_used_again_and_again() -> io::Result<()> {
    let mut ring = Ring::new(1)?;
    let (reader, _writer) = idle_pipe();
    let reader = Rc::new(reader);
    for round in 0..20_000u32 {
        let ticket = ring.push(op::Read::new(Rc::clone(&reader), vec![0; 8]))?;
        if round % 2 == 0 {
            ring.submit()?;
        }
        drop(ticket);
        while !ring.is_empty() {
            ring.submit()?;
            ring.poll()?;
        }
    }
    assert_eq!(Rc::strong_count(&reader), 1);
    Ok(())
}

#[test]
fn a_scope_waits_for_what_was_forgotten_dropped_or_kept() -> io::Result<()> {
    let mut ring = Ring::new(8)?;
    let (reader, _writer) = idle_pipe();
    let mut buffers = [[0u8; 8]; 4];
    let [one, two, three, four] = &mut buffers;
    ring.scope(|scope| {
        let first = scope.push(op::Read::new(&reader, &mut one[..]))?;
        let second = scope.push(op::Read::new(&reader, &mut two[..]))?;
        let third = scope.push(op::Read::new(&reader, &mut three[..]))?;
        scope.push(op::Read::new(&reader, &mut four[..]))?.detach();
        scope.submit()?;
        mem::forget(first);
        drop(second);
        let _kept = third;
        Ok::<(), io::Error>(())
    })?;
    assert!(ring.is_empty());
    assert_eq!(buffers, [[0; 8]; 4]);
    Ok(())
}

#[test]
fn a_scope_that_panics_waits_too() -> io::Result<()> {
    let mut ring = Ring::new(8)?;
    let (reader, _writer) = idle_pipe();
    let mut buffer = [0u8; 8];
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        ring.scope(|scope| {
            let ticket = scope
                .push(op::Read::new(&reader, &mut buffer[..]))
                .expect("room");
            scope.submit().expect("a submission");
            mem::forget(ticket);
            panic!("in a scope");
        });
    }));
    assert!(panicked.is_err());
    assert!(ring.is_empty());
    assert_eq!(buffer, [0; 8]);
    Ok(())
}

#[test]
fn what_was_pushed_before_a_scope_goes_on_in_it() -> io::Result<()> {
    let mut ring = Ring::new(8)?;
    let (reader, mut writer) = UnixStream::pair()?;
    let outside = ring.push(op::Read::new(OwnedFd::from(reader), vec![0; 8]))?;
    ring.submit()?;
    let file = pattern(64);
    let mut buffer = [0u8; 4];
    let read = ring.scope(|scope| {
        let forgotten = scope.push(op::Nop::new())?;
        mem::forget(forgotten);
        let ticket = scope.push(op::Read::new(&file, &mut buffer[..]).at(1))?;
        Ok::<_, io::Error>(scope.wait(ticket)?.result?)
    })?;
    assert_eq!((read, buffer), (4, [1, 2, 3, 4]));
    writer.write_all(b"late")?;
    let done = ring.wait(outside)?;
    assert_eq!(done.result?, 4);
    assert_eq!(&done.buf[..4], b"late");
    Ok(())
}

#[test]
fn events_come_with_their_tags_and_types() -> io::Result<()> {
    let mut ring = Ring::new(8)?;
    let file = Rc::new(pattern(64));
    ring.push_tagged(op::Nop::new(), 1)?;
    ring.push_tagged(op::Read::new(Rc::clone(&file), vec![0; 4]).at(8), 2)?;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let event = ring.next_event()?;
        seen.push(event.tag());
        assert!(!event.more());
        match event.take::<op::Nop>() {
            Ok(result) => result?,
            Err(event) => {
                let Ok(done) = event.take::<op::Read<Rc<File>, Vec<u8>>>() else {
                    panic!("neither of the two");
                };
                assert_eq!(done.result?, 4);
                assert_eq!(done.buf, [8, 9, 10, 11]);
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
    assert!(ring.try_next_event()?.is_none());
    Ok(())
}

#[test]
fn what_is_kept_comes_before_what_is_in_the_queue() -> io::Result<()> {
    let mut ring = Ring::new(8)?;
    for round in 0..3 {
        for tag in 0..2 {
            ring.push_tagged(op::Nop::new(), tag)?;
        }
        ring.submit()?;
        assert_eq!(ring.poll()?, 2);
        for tag in 2..4 {
            ring.push_tagged(op::Nop::new(), tag)?;
        }
        ring.submit()?;
        for tag in 0..4 {
            let event = match round {
                0 => ring.next_event()?,
                _ => ring.try_next_event()?.expect("one is left"),
            };
            assert_eq!(event.tag(), tag);
            drop(event);
        }
    }
    Ok(())
}

#[test]
fn events_are_kept_while_a_ticket_is_waited_for() -> io::Result<()> {
    let dropped = Rc::new(Cell::new(0));
    let mut ring = Ring::new(8)?;
    for tag in 0..3 {
        let file = Counted(pattern(16), Rc::clone(&dropped));
        ring.push_tagged(op::Read::new(file, vec![0; 4]).at(0), tag)?;
    }
    let ticket = ring.push(op::Nop::new())?;
    ring.wait(ticket)??;
    let event = ring.next_event()?;
    drop(event);
    assert_eq!(dropped.get(), 1);
    mem::forget(ring.next_event()?);
    assert_eq!(dropped.get(), 1);
    // The third is still kept when the ring ends.
    drop(ring);
    assert_eq!(dropped.get(), 2);
    Ok(())
}

#[test]
fn a_panic_while_an_operation_is_dropped_leaves_the_ring_usable() -> io::Result<()> {
    let mut ring = Ring::new(2)?;
    let ticket = ring.push(op::Read::new(Panics(pattern(16)), vec![0; 4]).at(0))?;
    ticket.detach();
    ring.submit()?;
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        while !ring.is_empty() {
            ring.poll().expect("a poll");
        }
    }));
    assert!(panicked.is_err());
    assert!(ring.is_empty());
    for _ in 0..4 {
        let ticket = ring.push(op::Nop::new())?;
        ring.wait(ticket)??;
    }
    Ok(())
}

#[test]
fn a_panic_while_an_operation_is_pushed_loses_its_place_alone() -> io::Result<()> {
    struct Panics;
    impl std::os::fd::AsFd for Panics {
        fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
            panic!("in as_fd");
        }
    }
    let mut ring = Ring::new(2)?;
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        ring.push(op::Read::new(Panics, vec![0; 4])).map(drop)
    }));
    assert!(panicked.is_err());
    assert!(ring.is_empty());
    for _ in 0..4 {
        let ticket = ring.push(op::Nop::new())?;
        ring.wait(ticket)??;
    }
    Ok(())
}

#[test]
fn a_ring_with_a_polling_thread_does_the_same() -> io::Result<()> {
    let mut ring = Ring::builder().sqpoll(50).build(8)?;
    let ticket = ring.push(op::Read::new(pattern(64), vec![0; 4]).at(8))?;
    let done = ring.wait(ticket)?;
    assert_eq!(done.result?, 4);
    assert_eq!(done.buf, [8, 9, 10, 11]);
    let (reader, _writer) = idle_pipe();
    mem::forget(ring.push(op::Read::new(reader, vec![0; 8]))?);
    Ok(())
}
