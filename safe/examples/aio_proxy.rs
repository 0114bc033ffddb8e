//! A TCP proxy that takes one system call a loop: the write of what came and the read of what comes next are
//! submitted together, and their results taken from the ring.
//!
//! The kernel carries both out, one after the other, inside of the submission. It saves a system call and costs two
//! requests, and does not make anything faster on a processor where system calls are cheap.
//!
//! `cargo run --example aio_proxy`

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use safe::aio::{Context, op};

const BYTES: usize = 1 << 20;
const BUFFER: usize = 16 << 10;

/// Passes on what comes, until the end. Both sockets block: then each submission is over when it returns. Answers how
/// many loops it took.
fn proxy(from: TcpStream, to: TcpStream) -> io::Result<u64> {
    let (from, to) = (Arc::new(from), Arc::new(to));
    let mut context = Context::new(2)?;
    let (mut full, mut empty) = (Vec::with_capacity(BUFFER), Vec::with_capacity(BUFFER));
    let mut loops = 0;
    loop {
        // Nothing is in `full` the first time: a write of 0 bytes.
        let expected = full.len();
        let write = context.push(op::Write::new(to.clone(), full))?;
        let read = context.push(op::Read::new(from.clone(), empty))?;
        // The one system call. What it left is there, and taken from the ring.
        let submitted = context.submit()?;
        assert_eq!((submitted.accepted, submitted.refused), (2, 0));
        let (Ok(written), Ok(came)) = (context.try_wait(write)?, context.try_wait(read)?) else {
            return Err(io::Error::other("a blocking socket did not block"));
        };
        loops += 1;
        let mut sent = written.result?;
        while sent < expected {
            sent += (&*to).write(&written.buf[sent..])?;
        }
        if came.result? == 0 {
            to.shutdown(Shutdown::Write)?;
            return Ok(loops);
        }
        (full, empty) = (came.buf, written.buf);
        empty.clear();
    }
}

fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    Ok((one, listener.accept()?.0))
}

fn main() -> io::Result<()> {
    let (mut client, from) = connection()?;
    let (to, mut server) = connection()?;
    let sent: Vec<u8> = (0..BYTES).map(|at| (at / 7) as u8).collect();
    let expected = sent.clone();
    let client = thread::spawn(move || {
        client.write_all(&sent)?;
        client.shutdown(Shutdown::Write)
    });
    let server = thread::spawn(move || {
        let mut came = Vec::new();
        server.read_to_end(&mut came).map(|_| came)
    });
    let loops = proxy(from, to)?;
    client.join().expect("no panic")?;
    assert!(server.join().expect("no panic")? == expected);
    println!("{BYTES} bytes passed on in {loops} loops, each with one system call");
    Ok(())
}
