//! Reads a file without system calls: a kernel thread takes the entries from the queue and posts the completions. How
//! often the kernel was entered is counted.
//!
//! `cargo run --example uring_sqpoll`

#![forbid(unsafe_code)]

use std::env;
use std::fs::{self, File};
use std::hint;
use std::io;
use std::rc::Rc;

use safe::uring::{Ring, Ticket, op};

const BLOCK: usize = 4096;
const AT_ONCE: u64 = 16;

/// How long the thread stays awake without work, in milliseconds: longer than this program runs.
const AWAKE: u32 = 60_000;

type Read = op::Read<Rc<File>, Vec<u8>>;

/// Waits without entering the kernel.
fn spin(ring: &mut Ring, mut ticket: Ticket<Read>) -> io::Result<op::Completed<Rc<File>, Vec<u8>>> {
    loop {
        match ring.try_wait(ticket)? {
            Ok(done) => return Ok(done),
            Err(again) => ticket = again,
        }
        hint::spin_loop();
    }
}

fn main() -> io::Result<()> {
    let path = env::current_exe()?;
    let expected = fs::read(&path)?;
    let file = Rc::new(File::open(&path)?);
    let mut ring = Ring::builder().sqpoll(AWAKE).build(AT_ONCE as u32)?;

    // The thread may sleep at first. This wakes it, and it is awake when the operation is over.
    let first = ring.push(op::Read::new(Rc::clone(&file), vec![0; BLOCK]).at(0))?;
    ring.wait(first)?.result?;

    let before = ring.times_entered();
    let mut read = Vec::new();
    while read.len() < expected.len() {
        let start = read.len() as u64;
        let tickets = (0..AT_ONCE).map(|number| {
            let buffer = Vec::with_capacity(BLOCK);
            let offset = start + number * BLOCK as u64;
            ring.push(op::Read::new(Rc::clone(&file), buffer).at(offset))
        });
        let tickets: Vec<_> = tickets.collect::<Result<_, _>>()?;
        // For a thread that is awake there is nothing to do but to have put the entries there.
        ring.submit()?;
        for ticket in tickets {
            let done = spin(&mut ring, ticket)?;
            done.result?;
            read.extend(done.buf);
        }
    }
    let calls = ring.times_entered() - before;
    assert!(read == expected, "what was read is what is there");
    println!(
        "{} bytes, and the kernel was entered {calls} times",
        read.len()
    );
    assert_eq!(calls, 0, "the thread was awake all the time");
    Ok(())
}
