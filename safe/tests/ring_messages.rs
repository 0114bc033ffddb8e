//! Messages from ring to ring.

#![cfg(feature = "uring")]
#![forbid(unsafe_code)]

mod support {
    pub(crate) mod older;
}

use std::os::unix::net::UnixStream;
use std::thread;

use safe::uring::{Ring, op};
use support::older::here;

fn ring() -> Ring {
    Ring::new(16).expect("a ring")
}

#[test]
fn messages_come_from_other_threads() {
    const EACH: u64 = 100;
    let mut receiver = ring();
    let mailbox = receiver.mailbox().expect("a mailbox");
    let senders = [1u64, 2, 3].map(|number| {
        let mailbox = mailbox.clone();
        thread::spawn(move || {
            let mut ring = ring();
            for count in 0..EACH {
                // All 64 bits count, those of the result and those of the user data.
                let message = number << 62 | count << 31 | count;
                if number == 3 && here("SEND_MSG_RING", (6, 13), mailbox.send(message)).is_some() {
                    continue;
                }
                let sent = op::RingMessage::new(mailbox.clone(), message);
                let sent = ring.push(sent).expect("room");
                ring.wait(sent).expect("waited").result.expect("sent");
            }
        })
    });
    let mut counts = [0; 4];
    for _ in 0..3 * EACH {
        let message = receiver.next_message().expect("a message");
        let count = &mut counts[(message >> 62) as usize];
        assert_eq!(message & !(3 << 62), *count << 31 | *count, "in order");
        *count += 1;
    }
    assert_eq!(counts, [0, EACH, EACH, EACH]);
    assert_eq!(receiver.try_message().expect("polled"), None);
    for sender in senders {
        sender.join().expect("no panic");
    }
}

/// Whatever the number is, it is no completion of an operation in flight.
#[test]
fn a_message_is_never_taken_for_a_completion() {
    let mut receiver = ring();
    let mailbox = receiver.mailbox().expect("a mailbox");
    let (reader, writer) = UnixStream::pair().expect("a pipe");
    let read = receiver
        .push(op::Read::new(reader, Vec::with_capacity(4)))
        .expect("room");
    let tag = receiver
        .push_tagged(op::Timeout::after(std::time::Duration::from_secs(1000)), 9)
        .expect("room");
    receiver.submit().expect("submitted");
    let mut sender = ring();
    // Keys are made of small numbers in both halves.
    let forged: Vec<u64> = (0..4u64)
        .flat_map(|high| (0..20u64).map(move |low| high << 32 | low))
        .chain([u64::MAX, u64::from(u32::MAX), u64::from(u32::MAX) - 1])
        .collect();
    for &message in &forged {
        let sent = op::RingMessage::new(mailbox.clone(), message);
        let sent = sender.push(sent).expect("room");
        sender.wait(sent).expect("waited").result.expect("sent");
        assert_eq!(receiver.next_message().expect("a message"), message);
        assert!(!read.is_done());
        assert_eq!(receiver.len(), 2);
    }
    assert!(receiver.try_next_event().expect("polled").is_none());
    std::io::Write::write_all(&mut &writer, b"real").expect("written");
    assert_eq!(receiver.wait(read).expect("waited").buf, b"real");
    let cancel = receiver.push(op::Cancel::new(tag)).expect("room");
    receiver.wait(cancel).expect("waited").expect("cancelled");
}

#[test]
fn messages_wait_while_something_else_is_waited_for() {
    let mut receiver = ring();
    let mailbox = receiver.mailbox().expect("a mailbox");
    // To itself as well.
    for number in 0..5 {
        let sent = op::RingMessage::new(mailbox.clone(), number);
        let sent = receiver.push(sent).expect("room");
        receiver.wait(sent).expect("waited").result.expect("sent");
    }
    let nop = receiver.push(op::Nop::new()).expect("room");
    receiver.wait(nop).expect("waited").expect("a NOP");
    for number in 0..5 {
        assert_eq!(receiver.try_message().expect("polled"), Some(number));
    }
    assert_eq!(receiver.try_message().expect("polled"), None);
}

#[test]
fn messages_to_a_ring_that_is_gone() {
    let mut sender = ring();
    // A ring that is dropped while its thread goes on: nobody takes it.
    let mailbox = ring().mailbox().expect("a mailbox");
    let sent = sender.push(op::RingMessage::new(mailbox, 1)).expect("room");
    let _ = sender.wait(sent).expect("waited").result;

    // And one whose thread is gone.
    let mailbox = thread::spawn(|| ring().mailbox().expect("a mailbox"))
        .join()
        .expect("no panic");
    let sent = op::RingMessage::new(mailbox.clone(), 1);
    let sent = sender.push(sent).expect("room");
    let gone = |errno| assert_eq!(errno, Some(libc::EOWNERDEAD));
    // The kernel may as well post it to a ring that nobody looks at any more.
    if let Err(error) = sender.wait(sent).expect("waited").result {
        gone(Some(error.raw_os_error()));
    }
    match mailbox.send(1) {
        Err(error) if error.raw_os_error() == Some(libc::EOWNERDEAD) => {}
        answer => drop(here("SEND_MSG_RING", (6, 13), answer)),
    }
}
