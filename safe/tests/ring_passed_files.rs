//! Files passed from ring to ring, against the kernel.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

#[cfg(ring_broken)]
mod broken;
#[expect(dead_code, reason = "shared with tests that use the rest")]
mod support {
    pub(crate) mod closed;
    pub(crate) mod older;
    pub(crate) mod run;
}

use std::io::{Read as _, Write as _};
use std::mem;
use std::os::unix::net::UnixStream;
use std::thread;

use safe::uring::{FixedFd, Mailbox, Reason, Ring, op};
use support::closed::{ends, has_ended};
use support::older::differs;
use support::run::{file, ring, run};

/// A ring with automatic slots alone, and where to pass files to it.
fn receiver(slots: u32) -> (Ring, Mailbox) {
    let mut ring = ring();
    ring.register_files(0, slots).expect("a table");
    let mailbox = ring.mailbox().expect("a mailbox");
    (ring, mailbox)
}

/// A pair of which one is fixed, and open nowhere else.
fn fixed_pair(ring: &mut Ring) -> (UnixStream, FixedFd) {
    let (reader, writer) = UnixStream::pair().expect("sockets");
    (reader, ring.register_file(writer).expect("a free slot"))
}

/// Passes the file, and answers the errno, 0 for none.
fn pass(ring: &mut Ring, to: &Mailbox, file: &FixedFd) -> i32 {
    let passed = run(ring, op::PassFile::new(to.clone(), file.clone()));
    passed.result.err().map_or(0, |error| error.raw_os_error())
}

#[test]
fn a_file_arrives_in_another_thread() {
    let (mut ring, mailbox) = receiver(2);
    let sender = thread::spawn(move || {
        let mut ring = self::ring();
        ring.register_files(1, 0).expect("a table");
        for round in 0..200u32 {
            let content = round.to_ne_bytes();
            let file = ring.register_file(file(&content)).expect("a slot");
            loop {
                let pass = op::PassFile::new(mailbox.clone(), file.clone()).number(round);
                match run(&mut ring, pass).result {
                    Ok(()) => break,
                    // The receiver is not that fast.
                    Err(error) => assert_eq!(error.raw_os_error(), libc::ENFILE),
                }
                thread::yield_now();
            }
        }
    });
    for round in 0..200 {
        let (file, number) = ring.next_file().expect("a file");
        assert_eq!(number, round);
        assert!(file.is_automatic());
        let done = run(&mut ring, op::Read::new(file, Vec::with_capacity(9)).at(0));
        assert_eq!(done.buf, round.to_ne_bytes());
    }
    sender.join().expect("all were passed");
    assert!(ring.try_file().expect("asked").is_none());
}

#[test]
fn both_have_the_file_and_it_is_closed_with_the_last() {
    let (mut to, mailbox) = receiver(1);
    let mut from = ring();
    from.register_files(1, 0).expect("a table");
    let (reader, fixed) = fixed_pair(&mut from);
    assert_eq!(pass(&mut from, &mailbox, &fixed), 0);
    // There is one slot, which is taken also while nobody has asked for the file.
    assert_eq!(pass(&mut from, &mailbox, &fixed), libc::ENFILE);
    drop(fixed);
    drop(from);
    assert!(!has_ended(&reader));
    let (file, _) = to.try_file().expect("asked").expect("it is there");
    assert_eq!(
        run(&mut to, op::Write::new(file.clone(), &b"x"[..])).result,
        Ok(1)
    );
    assert_eq!((&reader).read(&mut [0; 2]).expect("read"), 1);
    drop(file);
    to.submit().expect("submitted");
    assert!(ends(&reader));
}

#[test]
fn files_and_messages_do_not_get_in_each_others_way() {
    let (mut to, mailbox) = receiver(8);
    let mut from = ring();
    from.register_files(1, 0).expect("a table");
    let fixed = from.register_file(file(b"data")).expect("a slot");
    for number in 0..4 {
        let message = op::RingMessage::new(mailbox.clone(), u64::from(number) << 40 | 1);
        run(&mut from, message).result.expect("sent");
        let file = op::PassFile::new(mailbox.clone(), fixed.clone()).number(number);
        run(&mut from, file).result.expect("passed");
    }
    // And not in the way of operations.
    assert_eq!(run(&mut to, op::Nop::new()), Ok(()));
    for number in 0..4 {
        let (file, told) = to.next_file().expect("a file");
        assert_eq!(told, number);
        let done = run(&mut to, op::Read::new(file, Vec::with_capacity(9)).at(0));
        assert_eq!(done.buf, b"data");
    }
    for number in 0..4 {
        assert_eq!(to.next_message().expect("a message"), number << 40 | 1);
    }
    assert_eq!(to.try_message().expect("asked"), None);
    assert!(to.try_file().expect("asked").is_none());
}

#[test]
fn what_cannot_be_passed_stays() {
    let (mut to, mailbox) = receiver(1);
    let without = ring().mailbox().expect("a mailbox");
    let mut from = ring();
    from.register_files(2, 0).expect("a table");
    let (reader, fixed) = fixed_pair(&mut from);
    let own = from.mailbox().expect("a mailbox");
    assert_eq!(pass(&mut from, &own, &fixed), libc::EINVAL);
    let empty = from.reserve_file().expect("a slot");
    assert_eq!(pass(&mut from, &mailbox, &empty), libc::EBADF);
    // A ring that is gone, and one without a table. (Kernels differ in what they say of a ring whose table is gone.)
    assert_ne!(pass(&mut from, &without, &fixed), 0);
    let plain = ring();
    let tableless = plain.mailbox().expect("a mailbox");
    assert_ne!(pass(&mut from, &tableless, &fixed), 0);
    // Another ring's file is refused before the kernel sees it.
    let rejected = to
        .push(op::PassFile::new(own, fixed.clone()))
        .expect_err("foreign");
    assert_eq!(rejected.reason(), Reason::Foreign);
    drop(rejected);
    assert!(!has_ended(&reader));
    // It is what it was.
    assert_eq!(pass(&mut from, &mailbox, &fixed), 0);
    drop(fixed);
    from.submit().expect("submitted");
    drop(to);
    assert!(ends(&reader));
}

/// However the receiver ends, what it has not taken is closed with it, and the sender is told what happened.
#[test]
fn a_receiver_that_goes_away_keeps_nothing_open() {
    for round in 0..100 {
        let (to, mailbox) = receiver(4);
        let mut from = ring();
        from.register_files(1, 0).expect("a table");
        let (reader, fixed) = fixed_pair(&mut from);
        let ticket = from
            .push(op::PassFile::new(mailbox.clone(), fixed.clone()))
            .expect("room");
        match round % 4 {
            // It is there, and nobody takes it.
            0 => {
                from.wait(ticket).expect("asked").result.expect("passed");
                drop(to);
            }
            // It is on its way.
            1 => {
                from.submit().expect("submitted");
                drop(to);
                let _ = from.wait(ticket).expect("asked").result;
            }
            // The receiver is gone before.
            2 => {
                drop(to);
                let answer = from.wait(ticket).expect("asked");
                assert!(answer.result.is_err());
            }
            // Nobody waits for the answer.
            _ => {
                from.submit().expect("submitted");
                drop(ticket);
                drop(to);
            }
        }
        drop(fixed);
        drop(from);
        // The mailbox alone keeps nothing.
        assert!(ends(&reader), "round {round}");
        drop(mailbox);
    }
}

/// A receiver whose thread ends, and nobody drops the ring.
#[test]
fn a_forgotten_receiver_whose_thread_is_gone() {
    let mut from = ring();
    from.register_files(1, 0).expect("a table");
    let (reader, fixed) = fixed_pair(&mut from);
    let mailbox = thread::spawn(|| {
        let (ring, mailbox) = receiver(4);
        mem::forget(ring);
        mailbox
    })
    .join()
    .expect("a mailbox");
    let errno = pass(&mut from, &mailbox, &fixed);
    if errno == 0 && differs("a message to a thread that is gone", (6, 12)) {
        return;
    }
    assert_ne!(errno, 0);
    drop((fixed, from));
    assert!(ends(&reader));
}

#[test]
fn a_passed_file_serves_a_worker() {
    let (mut worker, mailbox) = receiver(16);
    let clients = thread::spawn(move || {
        let mut ring = self::ring();
        ring.register_files(4, 0).expect("a table");
        let mut ours = Vec::new();
        for number in 0..16u32 {
            let (client, server) = UnixStream::pair().expect("sockets");
            let fixed = ring.register_file(server).expect("a slot");
            let pass = op::PassFile::new(mailbox.clone(), fixed).number(number);
            run(&mut ring, pass).result.expect("passed");
            ring.submit().expect("submitted");
            ours.push(client);
        }
        for (number, mut client) in (0u8..).zip(ours) {
            client.write_all(&[number; 8]).expect("sent");
            let mut echo = [0; 8];
            client.read_exact(&mut echo).expect("an answer");
            assert_eq!(echo, [number; 8]);
        }
    });
    for _ in 0..16 {
        let (connection, number) = worker.next_file().expect("a file");
        let request = op::Recv::new(connection, Vec::with_capacity(8));
        let request = run(&mut worker, request);
        assert_eq!(request.buf, [number as u8; 8]);
        let answer = run(&mut worker, op::Send::new(request.file, request.buf));
        assert_eq!(answer.result, Ok(8));
    }
    clients.join().expect("answers");
}

#[cfg(ring_broken)]
#[test]
fn the_tests_notice() {
    let alone = "both_have_the_file_and_it_is_closed_with_the_last";
    broken::each_is_noticed(&[
        ("lost", alone),
        ("slot", alone),
        ("twice", "a_file_arrives_in_another_thread"),
    ]);
}
