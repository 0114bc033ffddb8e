//! Claim: with a kernel thread that takes the entries from the queue, a file is read without a system call.
//!
//! `cargo run --example uring_sqpoll`

#![forbid(unsafe_code)]

#[path = "support/calls.rs"]
mod calls;
#[path = "support/claim.rs"]
mod claim;

use std::fs::{self, File};
use std::hint;
use std::io;
use std::rc::Rc;
use std::{array, env};

use claim::report;
use safe::uring::{Ring, Ticket, op};

const BLOCK: usize = 4096;
const AT_ONCE: usize = 16;

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

/// Reads the file behind what `read` has already, into its capacity, with these buffers.
fn read_on(
    ring: &mut Ring,
    file: &Rc<File>,
    mut buffers: [Vec<u8>; AT_ONCE],
    read: &mut Vec<u8>,
) -> io::Result<()> {
    while read.len() < read.capacity() {
        let mut tickets = [const { None }; AT_ONCE];
        for (at, ticket) in tickets.iter_mut().enumerate() {
            let mut buffer = std::mem::take(&mut buffers[at]);
            buffer.clear();
            let offset = (read.len() + at * BLOCK) as u64;
            *ticket = Some(ring.push(op::Read::new(Rc::clone(file), buffer).at(offset))?);
        }
        // For a thread that is awake there is nothing to do but to have put the entries there.
        ring.submit()?;
        for (ticket, buffer) in tickets.into_iter().flatten().zip(&mut buffers) {
            let done = spin(ring, ticket)?;
            done.result?;
            read.extend(&done.buf);
            *buffer = done.buf;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let calls = calls::of("read", || {
        let path = env::current_exe()?;
        let expected = fs::read(&path)?;
        let file = Rc::new(File::open(&path)?);
        let mut ring = Ring::builder().sqpoll(AWAKE).build(AT_ONCE as u32)?;
        // The thread may sleep at first. This wakes it, and it is awake when the operation is over.
        let first = ring.push(op::Read::new(Rc::clone(&file), vec![0; BLOCK]).at(0))?;
        ring.wait(first)?.result?;
        // No memory is allocated later: that may take system calls.
        let buffers = array::from_fn(|_| Vec::with_capacity(BLOCK));
        let mut read = Vec::with_capacity(expected.len());
        calls::counted(|| read_on(&mut ring, &file, buffers, &mut read))?;
        assert!(read == expected, "what was read is what is there");
        println!("{} bytes read", read.len());
        Ok(())
    })?;
    let count: u64 = calls.values().sum();
    report(
        "reading with SQPOLL takes no system call",
        count == 0,
        format_args!("{count} system calls, as the tracer counts them"),
    );
    Ok(())
}
