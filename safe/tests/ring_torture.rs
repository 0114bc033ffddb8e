//! What has broken other rings: rings, tickets, scopes and events dropped, forgotten and left by a panic while the
//! kernel is in the middle of a buffer; cancellations that come too late; forks.
//!
//! Built with `--cfg ring_broken`, the last test shows that the others notice a broken rule.

#[cfg(ring_broken)]
mod broken;
mod stalled;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use safe::uring::op::{self, Cqe, Entry, Multishot, Operation};
use safe::uring::raw::{cqueue, opcode, squeue, types};
use safe::uring::{Reason, Ring, SetupBuilder, Ticket, WaitError};
use stalled::{LEN, Stalled, Witness};

/// An operation that a worker does, and not the system call that submits it.
struct Later<O>(O);

// SAFETY: that of the operation itself; the flag changes where it runs.
unsafe impl<O: Operation> Operation for Later<O> {
    const OPCODE: u8 = O::OPCODE;

    type Output = O::Output;

    fn prepare(&mut self, entry: &mut Entry) {
        self.0.prepare(entry);
        *entry = entry.clone().flags(squeue::Flags::ASYNC);
    }

    unsafe fn complete(self, cqe: Cqe) -> O::Output {
        // SAFETY: by the caller's promise.
        unsafe { self.0.complete(cqe) }
    }
}

type Stuck = Later<op::Read<File, Stalled>>;

/// A read that is in flight until the witness lets it go on: of a device, or of a file.
fn stuck(device: bool) -> (Stuck, Witness) {
    let file = if device {
        File::open("/dev/zero").unwrap()
    } else {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; LEN]).unwrap();
        file
    };
    let (buf, witness) = Stalled::new();
    (Later(op::Read::new(file, buf).at(0)), witness)
}

fn idle_pair() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = UnixStream::pair().unwrap();
    (reader.into(), writer.into())
}

/// Runs `blocks` on a thread, with something to call before what should block. When the thread then sleeps, or
/// has ended, nothing may have been freed; and the kernel is let go on.
fn frees_nothing_before(
    witness: Witness,
    blocks: impl FnOnce(&dyn Fn()) + Send + 'static,
) -> Arc<Witness> {
    let (send, receive) = mpsc::channel();
    let witness = Arc::new(witness);
    let stalls = Arc::clone(&witness);
    let thread = thread::spawn(move || {
        blocks(&|| {
            stalls.begun();
            // SAFETY: the call has no preconditions.
            send.send(unsafe { libc::gettid() }).unwrap();
        });
    });
    let stat = format!("/proc/self/task/{}/stat", receive.recv().unwrap());
    let sleeps = || {
        std::fs::read_to_string(&stat).is_ok_and(|stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with('S'))
        })
    };
    while !thread.is_finished() && !sleeps() {
        thread::yield_now();
    }
    let freed = witness.drops();
    witness.release();
    thread.join().unwrap();
    assert_eq!(freed, 0, "freed while the kernel was in the middle of it");
    witness
}

#[test]
fn a_dropped_ring_waits_for_the_last_byte() {
    for device in [true, false] {
        let (read, witness) = stuck(device);
        let witness = frees_nothing_before(witness, move |now| {
            let mut ring = Ring::new(4).unwrap();
            ring.push(read).unwrap().detach();
            ring.submit().unwrap();
            now();
            drop(ring);
        });
        witness.check();
    }
}

#[test]
fn a_caught_panic_waits_for_the_last_byte() {
    let (read, witness) = stuck(true);
    let witness = frees_nothing_before(witness, move |now| {
        let caught = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut ring = Ring::new(4).unwrap();
            ring.push_tagged(read, 1).unwrap();
            ring.submit().unwrap();
            now();
            panic::resume_unwind(Box::new("a panic"));
        }));
        assert!(caught.is_err());
    });
    // An event that nobody took was dropped with the ring.
    witness.check();
}

#[test]
fn a_scope_waits_for_the_last_byte() {
    for forget in [true, false] {
        for fails in [true, false] {
            let (read, witness) = stuck(true);
            let witness = frees_nothing_before(witness, move |now| {
                let mut ring = Ring::new(4).unwrap();
                let ended = panic::catch_unwind(AssertUnwindSafe(|| {
                    ring.scope(|scope| {
                        let ticket = scope.push(read).unwrap();
                        scope.submit().unwrap();
                        if forget {
                            mem::forget(ticket);
                        }
                        now();
                        if fails {
                            panic::resume_unwind(Box::new("a panic"));
                        }
                    });
                }));
                assert_eq!(ended.is_err(), fails);
                assert!(ring.is_empty());
            });
            witness.check();
        }
    }
}

#[test]
fn a_cancellation_frees_nothing() {
    let (read, witness) = stuck(true);
    let mut ring = Ring::new(4).unwrap();
    let ticket = ring.push(read).unwrap();
    ring.submit().unwrap();
    witness.begun();
    drop(ticket);
    // The cancellation's own completion is here with the call that submits it.
    ring.submit().unwrap();
    ring.poll().unwrap();
    ring.poll().unwrap();
    let freed = witness.drops();
    witness.release();
    assert_eq!(freed, 0, "freed while the kernel was in the middle of it");
    while !ring.is_empty() {
        ring.push_tagged(op::Nop::new(), 0).unwrap();
        drop(ring.next_event().unwrap());
    }
    witness.check();
}

#[test]
fn a_forgotten_ring_is_never_freed() {
    let (read, witness) = stuck(true);
    let mut ring = Ring::new(4).unwrap();
    ring.push(read).unwrap().detach();
    ring.submit().unwrap();
    witness.begun();
    mem::forget(ring);
    witness.release();
    assert_eq!(witness.drops(), 0);
}

/// A zero-copy send.
struct ZeroCopy(OwnedFd, Vec<u8>);

// SAFETY: the bytes are on the heap, and stay until the value is dropped, after the notification.
unsafe impl Operation for ZeroCopy {
    const OPCODE: u8 = opcode::SendZc::CODE;

    type Output = (Cqe, Vec<u8>);

    fn prepare(&mut self, entry: &mut Entry) {
        let fd = types::Fd(std::os::fd::AsRawFd::as_raw_fd(&self.0));
        *entry = opcode::SendZc::new(fd, self.1.as_ptr(), self.1.len() as u32).build();
    }

    unsafe fn complete(self, cqe: Cqe) -> Self::Output {
        (cqe, self.1)
    }
}

#[test]
fn a_zero_copy_send_ends_with_its_notification() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let mut ring = Ring::new(4).unwrap();
    let send = || ZeroCopy(socket.try_clone().unwrap().into(), vec![7; 4096]);
    let ended = |cqe: Cqe| cqueue::notif(cqe.flags) && !cqe.more();
    for _ in 0..10 {
        let ticket = ring.push(send()).unwrap();
        let (cqe, _) = ring.wait(ticket).unwrap();
        assert_eq!(cqe.result, 4096);
        assert!(ended(cqe), "the notification had not come");
        ring.push_tagged(send(), 1).unwrap();
        let (cqe, _) = ring.next_event().unwrap().take::<ZeroCopy>().unwrap();
        assert_eq!(cqe.result, 4096);
        assert!(ended(cqe), "the notification had not come");
        drop(ring.push(send()).unwrap());
        ring.push(send()).unwrap().detach();
        ring.submit().unwrap();
        peer.read_exact(&mut [0; 3 * 4096]).unwrap();
        while !ring.is_empty() {
            ring.submit().unwrap();
            ring.poll().unwrap();
        }
        // The one whose ticket was dropped was cancelled, or else sent.
        peer.set_nonblocking(true).unwrap();
        let _ = peer.read(&mut [0; 4096]);
        peer.set_nonblocking(false).unwrap();
    }
}

#[test]
fn a_forgotten_event_does_not_come_again() {
    let mut ring = Ring::new(8).unwrap();
    for tag in 0..4 {
        ring.push_tagged(op::Nop::new(), tag).unwrap();
    }
    let ticket = ring.push(op::Nop::new()).unwrap();
    mem::forget(ring.next_event().unwrap());
    // The others are kept meanwhile.
    ring.wait(ticket).unwrap().unwrap();
    mem::forget(ring.next_event().unwrap());
    let tags: Vec<_> = (0..2)
        .map(|_| {
            let event = ring.next_event().unwrap();
            let tag = event.tag();
            event.take::<op::Nop>().unwrap().unwrap();
            tag
        })
        .collect();
    assert_eq!(tags, [2, 3]);
    assert!(ring.try_next_event().unwrap().is_none());
    assert_eq!(ring.len(), 2, "those forgotten keep their places");
}

/// A NOP whose completion has 32 bytes: since Linux 6.18.
struct Wide;

// SAFETY: the entry names no memory.
unsafe impl Operation for Wide {
    const OPCODE: u8 = opcode::Nop::CODE;

    type Output = Cqe;

    fn prepare(&mut self, entry: &mut Entry) {
        *entry = opcode::Nop::new().build();
        entry
            .as_raw_mut()
            .set_nop_flags(uring_sys::IORING_NOP_CQE32);
    }

    unsafe fn complete(self, cqe: Cqe) -> Cqe {
        cqe
    }
}

#[test]
fn a_gap_in_the_queue_is_no_completion() {
    let mut ring = SetupBuilder::<squeue::Entry, cqueue::EntryMixed>::new()
        .completions(4)
        .build(4)
        .unwrap();
    let (reader, mut writer) = UnixStream::pair().unwrap();
    // The first key of all is 0, as is the user data of what the kernel fills a gap with.
    ring.push_tagged(op::Read::new(reader, vec![0; 4]), 7)
        .unwrap();
    for _ in 0..8 {
        ring.push_tagged(op::Nop::new(), 1).unwrap();
        ring.push_tagged(Wide, 2).unwrap();
        let event = ring.next_event().unwrap();
        assert_eq!(event.tag(), 1);
        event.take::<op::Nop>().unwrap().unwrap();
        let event = ring.next_event().unwrap();
        assert_eq!(event.tag(), 2);
        assert_eq!(event.take::<Wide>().unwrap().result, 0);
    }
    writer.write_all(b"late").unwrap();
    let event = ring.next_event().unwrap();
    assert_eq!(event.tag(), 7);
    let done = event.take::<op::Read<UnixStream, Vec<u8>>>().unwrap();
    assert_eq!((done.result, done.buf), (Ok(4), b"late".to_vec()));
}

/// Pushes when there is room: a kernel thread makes that when it likes.
fn push<O: Operation + 'static>(ring: &mut Ring, mut operation: O) -> Ticket<O> {
    loop {
        match ring.push(operation) {
            Ok(ticket) => return ticket,
            Err(rejected) => operation = rejected.operation,
        }
        ring.submit().unwrap();
        thread::yield_now();
    }
}

#[test]
fn a_full_queue_does_not_stop_cancellations() {
    for (queue, thread) in [(1, false), (2, false), (8, false), (2, true)] {
        let ring = || {
            let builder = Ring::builder().queue(queue);
            let builder = if thread { builder.sqpoll(20) } else { builder };
            builder.build(16).unwrap()
        };
        let (reader, _writer) = idle_pair();
        let reader = Rc::new(reader);
        let read = || op::Read::new(Rc::clone(&reader), vec![0; 8]);
        let mut full = ring();
        while let Ok(ticket) = full.push(read()) {
            ticket.detach();
        }
        drop(full);
        assert_eq!(Rc::strong_count(&reader), 1);

        // In a scope, and where one waits for what only a cancellation brings.
        let mut ring = ring();
        ring.scope(|scope| {
            while let Ok(ticket) = scope.push(read()) {
                mem::forget(ticket);
            }
        });
        assert_eq!(Rc::strong_count(&reader), 1);
        let (reader, writer) = UnixStream::pair().unwrap();
        let (idle, _writer) = idle_pair();
        let owner = Owner(idle, writer);
        drop(push(&mut ring, op::Read::new(owner, vec![0; 8])));
        ring.submit().unwrap();
        let end = push(&mut ring, op::Read::new(reader, vec![0; 8]));
        while let Ok(ticket) = ring.push(op::Nop::new()) {
            ticket.detach();
        }
        assert_eq!(ring.wait(end).unwrap().result, Ok(0));
    }
}

/// A file that keeps another one open.
struct Owner(
    OwnedFd,
    #[expect(dead_code, reason = "it is kept open")] UnixStream,
);

impl AsFd for Owner {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A read of a socket that is hard-linked to the next operation.
struct Linked(op::Read<Rc<OwnedFd>, Vec<u8>>);

// SAFETY: that of the read; a link changes when the next one begins.
unsafe impl Operation for Linked {
    const OPCODE: u8 = opcode::Read::CODE;

    type Output = i32;

    fn prepare(&mut self, entry: &mut Entry) {
        self.0.prepare(entry);
        *entry = entry.clone().flags(squeue::Flags::IO_HARDLINK);
    }

    unsafe fn complete(self, cqe: Cqe) -> i32 {
        cqe.result
    }
}

#[test]
fn chains_end_with_their_ring() {
    for length in 1..6 {
        let (reader, _writer) = idle_pair();
        let reader = Rc::new(reader);
        let mut ring = Ring::new(16).unwrap();
        for _ in 0..2 {
            for _ in 0..length {
                let read = op::Read::new(Rc::clone(&reader), vec![0; 8]);
                ring.push(Linked(read)).unwrap().detach();
            }
            let end = op::Read::new(Rc::clone(&reader), vec![0; 8]);
            ring.push(end).unwrap().detach();
        }
        ring.submit().unwrap();
        drop(ring);
        assert_eq!(Rc::strong_count(&reader), 1);
    }
}

/// A file whose end does what a test says.
struct Ends<F: FnMut()>(OwnedFd, F);

impl<F: FnMut()> AsFd for Ends<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<F: FnMut()> Drop for Ends<F> {
    fn drop(&mut self) {
        (self.1)();
    }
}

#[test]
fn a_panic_in_a_drop_loses_no_event() {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let mut ring = Ring::new(8).unwrap();
    let ends = Ends(reader.into(), || panic!("in a drop"));
    ring.push(op::Read::new(ends, vec![0; 1])).unwrap().detach();
    ring.push_tagged(op::Nop::new(), 5).unwrap();
    ring.push_tagged(op::Nop::new(), 6).unwrap();
    writer.write_all(b"x").unwrap();
    ring.submit().unwrap();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| ring.next_event().map(drop)));
    assert!(caught.is_err());
    // The first is kept, and the second in the queue.
    for tag in [5, 6] {
        let event = ring.try_next_event().unwrap().expect("one is left");
        assert_eq!(event.tag(), tag);
        event.take::<op::Nop>().unwrap().unwrap();
    }
    assert!(ring.is_empty());
}

#[test]
fn what_is_dropped_may_drop_tickets_and_rings() {
    let dropped = Rc::new(Cell::new(0));
    // The last owner of a ring is in an operation of that ring, whose ticket is dropped.
    let ring = Rc::new(RefCell::new(Ring::new(4).unwrap()));
    let (inside, count) = (RefCell::new(Some(Rc::clone(&ring))), Rc::clone(&dropped));
    let other = ring.borrow_mut().push(op::Nop::new()).unwrap();
    let other = Cell::new(Some(other));
    let ends = Ends(idle_pair().0, move || {
        drop(other.take());
        drop(inside.take());
        count.set(count.get() + 1);
    });
    let ticket = ring
        .borrow_mut()
        .push(op::Read::new(ends, vec![0; 1]))
        .unwrap();
    while !ticket.is_done() {
        // The writing end is closed, so that this ends.
        ring.borrow_mut().submit().unwrap();
        ring.borrow_mut().poll().unwrap();
    }
    drop(ring);
    drop(ticket);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_panic_in_a_ticket_that_outlived_its_ring_happens_once() {
    for detach in [true, false] {
        let dropped = Rc::new(Cell::new(0));
        let count = Rc::clone(&dropped);
        let ends = Ends(idle_pair().0, move || {
            count.set(count.get() + 1);
            panic!("in a drop");
        });
        let mut ring = Ring::new(4).unwrap();
        let ticket = ring.push(op::Read::new(ends, vec![0; 1])).unwrap();
        drop(ring);
        let caught = panic::catch_unwind(AssertUnwindSafe(|| match detach {
            true => ticket.detach(),
            false => drop(ticket),
        }));
        assert!(caught.is_err());
        assert_eq!(dropped.get(), 1);
    }
}

/// Polls a file again and again; each item does what the test says when it is dropped.
struct Polls<F: Fn() + Clone>(OwnedFd, F);

struct Item<F: Fn()>(F);

impl<F: Fn()> Drop for Item<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

// SAFETY: the entry names no memory.
unsafe impl<F: Fn() + Clone> Multishot for Polls<F> {
    const OPCODE: u8 = opcode::PollAdd::CODE;

    type Item = Item<F>;

    type Rest = ();

    fn prepare(&mut self, entry: &mut Entry) {
        let fd = types::Fd(std::os::fd::AsRawFd::as_raw_fd(&self.0));
        *entry = opcode::PollAdd::new(fd, libc::POLLIN as u32)
            .multi(true)
            .build();
    }

    unsafe fn item(this: *mut Self, _: Cqe) -> Item<F> {
        // SAFETY: by the caller's promise.
        Item(unsafe { (*this).1.clone() })
    }

    fn rest(self) {}
}

/// Brings `count` items to a stream that nobody takes.
fn fill(ring: &mut Ring, writer: &mut UnixStream, count: usize) {
    for _ in 0..count {
        writer.write_all(b"x").unwrap();
        ring.submit().unwrap();
        ring.poll().unwrap();
    }
}

#[test]
fn items_are_dropped_before_their_slot_is_used_again() {
    for panics in [true, false] {
        let ring = Rc::new(RefCell::new(Ring::new(1).unwrap()));
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let items = Rc::new(Cell::new(0));
        let drops = {
            let (ring, items) = (Rc::clone(&ring), Rc::clone(&items));
            move || {
                items.set(items.get() + 1);
                if panics && items.get() == 1 {
                    panic!("in an item's drop");
                }
                // The ring's own work goes on while an item is dropped.
                if let Ok(mut ring) = ring.try_borrow_mut() {
                    ring.submit().unwrap();
                    ring.poll().unwrap();
                    ring.poll().unwrap();
                }
            }
        };
        let stream = ring
            .borrow_mut()
            .push_multishot(Polls(reader.into(), drops))
            .map_err(|rejected| rejected.reason())
            .unwrap();
        fill(&mut ring.borrow_mut(), &mut writer, 3);
        let caught = panic::catch_unwind(AssertUnwindSafe(|| drop(stream)));
        assert_eq!(caught.is_err(), panics);
        assert!(items.get() >= 3, "{} items were dropped", items.get());
        while !ring.borrow().is_empty() {
            ring.borrow_mut().submit().unwrap();
            ring.borrow_mut().poll().unwrap();
        }
        // The slot's next stream has none of them.
        let mut next = ring
            .borrow_mut()
            .push_multishot(Polls(idle_pair().1, || ()))
            .map_err(|rejected| rejected.reason())
            .unwrap();
        assert!(ring.borrow_mut().try_next(&mut next).unwrap().is_none());
    }
}

#[test]
fn rings_and_scopes_in_scopes() {
    let (reader, _writer) = idle_pair();
    let (mut one, mut two) = (Ring::new(4).unwrap(), Ring::new(4).unwrap());
    let mut buffers = [[1u8; 8]; 2];
    let [first, second] = &mut buffers;
    one.scope(|outer| {
        let ticket = outer.push(op::Read::new(&reader, &mut first[..])).unwrap();
        outer.submit().unwrap();
        two.scope(|inner| {
            mem::forget(inner.push(op::Read::new(&reader, &mut second[..])).unwrap());
            inner.submit().unwrap();
            // The outer scope's ticket ends in the inner scope.
            drop(ticket);
        });
        assert!(two.is_empty());
    });
    assert!(one.is_empty());
    assert_eq!(buffers, [[1; 8]; 2]);
}

#[test]
fn cancellations_race_with_results() {
    let mut ring = Ring::new(4).unwrap();
    for round in 0..2000u32 {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        let ticket = ring.push(op::Read::new(reader, vec![0; 8])).unwrap();
        ring.submit().unwrap();
        let writes = thread::spawn(move || writer.write_all(&round.to_ne_bytes()).map(|()| writer));
        if round % 2 == 0 {
            drop(ticket);
        } else {
            let done = ring.wait(ticket).unwrap();
            assert_eq!(done.result, Ok(4));
            assert_eq!(done.buf[..4], round.to_ne_bytes());
        }
        while !ring.is_empty() {
            ring.submit().unwrap();
            ring.poll().unwrap();
        }
        // If the reader is closed, that fails.
        let _ = writes.join().unwrap();
    }
}

/// Runs `body` in a child, and waits until that has ended well.
fn child(body: impl FnOnce()) -> impl FnOnce() {
    // SAFETY: the child runs `body` and ends.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let ended = panic::catch_unwind(AssertUnwindSafe(body));
        // SAFETY: the child ends here.
        unsafe { libc::_exit(i32::from(ended.is_err())) };
    }
    move || {
        let mut status = 0;
        // SAFETY: the number is live.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(status, 0, "the child's end");
    }
}

#[test]
fn both_sides_of_a_fork_go_on() {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let mut ring = Ring::new(8).unwrap();
    let done = ring.push(op::Nop::new()).unwrap();
    let pending = ring.push(op::Read::new(reader, vec![0; 4])).unwrap();
    ring.submit().unwrap();
    ring.poll().unwrap();
    assert!(done.is_done());
    let mut parts = Some((ring, done, pending));
    let wait = child(|| {
        let (mut ring, done, pending) = parts.take().unwrap();
        ring.wait(done).unwrap().unwrap();
        let WaitError { ticket, .. } = ring.wait(pending).expect_err("the parent's");
        let rejected = ring.push(op::Nop::new()).expect_err("the parent's");
        assert_eq!(rejected.reason(), Reason::Forked);
        drop(ticket);
        drop(ring);
        // A ring of its own.
        let mut ring = Ring::new(1).unwrap();
        let ticket = ring.push(op::Nop::new()).unwrap();
        ring.wait(ticket).unwrap().unwrap();
    });
    wait();
    let (mut ring, done, pending) = parts.take().unwrap();
    ring.wait(done).unwrap().unwrap();
    writer.write_all(b"late").unwrap();
    let read = ring.wait(pending).unwrap();
    assert_eq!((read.result, &read.buf[..]), (Ok(4), &b"late"[..]));
}

#[test]
fn both_sides_of_a_fork_leave_a_scope() {
    let (reader, mut writer) = UnixStream::pair().unwrap();
    let mut ring = Ring::new(8).unwrap();
    let mut buffer = [0; 4];
    // SAFETY: the child ends soon after.
    let fork = || unsafe { libc::fork() };
    let pid = ring.scope(|scope| {
        let ticket = scope.push(op::Read::new(&reader, &mut buffer[..])).unwrap();
        scope.submit().unwrap();
        let pid = fork();
        if pid > 0 {
            writer.write_all(b"late").unwrap();
            assert_eq!(scope.wait(ticket).unwrap().result, Ok(4));
        }
        pid
    });
    if pid == 0 {
        drop(ring);
        // SAFETY: the child ends here.
        unsafe { libc::_exit(i32::from(buffer != [0; 4])) };
    }
    let mut status = 0;
    // SAFETY: the number is live.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert_eq!(status, 0, "the child's end");
    assert_eq!(&buffer, b"late");
}

#[cfg(ring_broken)]
#[test]
fn the_tests_notice() {
    broken::each_is_noticed(&[
        ("close", "a_dropped_ring_waits_for_the_last_byte"),
        ("close", "a_caught_panic_waits_for_the_last_byte"),
        ("close", "a_scope_waits_for_the_last_byte"),
        ("cancel", "a_dropped_ring_waits_for_the_last_byte"),
        ("cancel", "a_scope_waits_for_the_last_byte"),
        ("cancel", "a_cancellation_frees_nothing"),
        ("drop", "a_cancellation_frees_nothing"),
        ("more", "a_zero_copy_send_ends_with_its_notification"),
        ("twice", "a_forgotten_event_does_not_come_again"),
    ]);
}
